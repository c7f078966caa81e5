"""Our own client on our own emulator, whose two sides were written apart: faults, refusals, mutual TLS, secrets."""

from __future__ import annotations

import asyncio
import json
import logging
import runpy
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tongfu import ConfigError, Credential, Notification, OutcomeUnknown, SignatureError, Tongfu
from tongfu.credentials import MemoryStore
from tongfu.emulator import Emulator, shell
from tongfu.emulator.clock import EmulatorClock
from tongfu.errors import OrderClosed, OrderConflict, OrderNotFound
from tongfu_alipay import AlipayAccount
from tongfu_weixin import WeixinAccount
from tongfu_weixin.api import wire

ROOT = Path(__file__).resolve().parents[2]
APIV3 = ("app_id", "mch_id", "api_v3_key", "private_key", "cert_serial", "public_key_id", "public_key", "base_url")


async def order(tf: Tongfu, name: str, out_trade_no: str, **changes: Any) -> Any:
    keywords: dict[str, Any] = {
        "openid": "2088101117955611",
        "subject": "coffee",
        "body": "coffee",
        "out_trade_no": out_trade_no,
        "total_fee": 100,
        "notify_url": "http://127.0.0.1:9/notify",
    }
    return await tf.payment.get_order_info(name, **{**keywords, **changes})


@pytest.mark.parametrize("name", ["weixin", "alipay"])
async def test_a_refund_lost_on_the_way_back_is_unknown_and_its_repeat_is_no_second(name: str) -> None:
    async with Emulator() as emu, Tongfu(emu.accounts(), clock=emu.clock) as tf:
        await order(tf, name, "A10011")
        await emu.pay("A10011")
        params: Any = {"out_trade_no": "A10011", "out_refund_no": "R1", "total_fee": 100, "refund_fee": 60}
        emu.fault("reset", path="*refund*" if name == "weixin" else "/gateway.do")
        with pytest.raises(OutcomeUnknown):
            await tf.payment.refund(name, **params)
        emu.fault("bad_signature", path="*refund*" if name == "weixin" else "/gateway.do")
        with pytest.raises(SignatureError) as caught:
            await tf.payment.refund(name, **params)
        assert isinstance(caught.value, OutcomeUnknown)
        assert (await tf.payment.refund(name, **params)).refund_fee == 60
        assert len(emu.order("A10011").refunds) == 1


@pytest.mark.parametrize("name", ["weixin", "alipay"])
async def test_a_query_survives_a_gateway_that_stumbles(name: str) -> None:
    async with Emulator() as emu, Tongfu(emu.accounts(), clock=emu.clock) as tf:
        await order(tf, name, "A10011")
        emu.fault("status:502", times=2)
        assert not (await tf.payment.order_query(name, out_trade_no="A10011")).paid


@pytest.mark.parametrize("name", ["weixin", "alipay"])
async def test_refusals_have_their_class(name: str) -> None:
    async with Emulator() as emu, Tongfu(emu.accounts(), clock=emu.clock) as tf:
        with pytest.raises(OrderNotFound):
            await tf.payment.order_query(name, out_trade_no="A10019")
        await order(tf, name, "A10011")
        assert (await order(tf, name, "A10011")).payload
        with pytest.raises(OrderConflict):
            await order(tf, name, "A10011", total_fee=101)
        await tf.payment.close_order(name, out_trade_no="A10011")
        with pytest.raises(OrderClosed):
            await order(tf, name, "A10011")


async def test_a_refund_without_its_certificate_never_leaves() -> None:
    async with Emulator(platforms=["weixin"]) as emu:
        bare: Any = replace(emu.accounts()["weixin"], pfx=None)  # type: ignore[type-var]  # a dataclass, as it happens
        async with Tongfu({"weixin": bare}, clock=emu.clock) as tf:
            with pytest.raises(ConfigError, match="pfx"):
                await tf.payment.refund(
                    "weixin", out_trade_no="A10011", out_refund_no="R1", total_fee=100, refund_fee=1
                )
        assert emu.exchanges == []


async def test_second_refunds_of_a_trade_are_told_from_the_sum() -> None:
    async with Emulator(platforms=["alipay"]) as emu, Tongfu(emu.accounts(), clock=emu.clock) as tf:
        await order(tf, "alipay", "A1001")
        await emu.pay("A1001")
        await tf.payment.refund("alipay", out_trade_no="A1001", out_refund_no="R1", refund_fee=30)
        second = await tf.payment.refund("alipay", out_trade_no="A1001", out_refund_no="R2", refund_fee=20)
        assert (second.refund_fee, second.total_refund_fee) == (20, 50)


async def test_bills_and_fund_flows_are_of_the_day() -> None:
    async with (
        Emulator(start=datetime(2026, 11, 26, tzinfo=UTC), platforms=["weixin"]) as emu,
        Tongfu(emu.accounts(), clock=emu.clock) as tf,
    ):
        await order(tf, "weixin", "A10011")
        await emu.pay("A10011")
        day = emu.clock.now().astimezone(timezone(timedelta(hours=8))).strftime("%Y%m%d")
        await emu.clock.advance(36 * 3600)
        plain = await tf.payment.download_bill("weixin", bill_date=day)
        packed = await tf.payment.download_bill("weixin", bill_date=day, tar_type="GZIP")
        flow = await tf.payment.download_fundflow("weixin", bill_date=day)
        assert plain == packed
        assert "`A10011," in plain.content
        assert "`收入," in flow.content


@pytest.mark.parametrize("platform", ["weixin", "alipay"])
async def test_the_json_line_is_a_configuration_as_it_stands(platform: str) -> None:
    async with Emulator() as emu:
        line = json.loads(json.dumps(emu.settings()))
        async with Tongfu.from_config({"shop": {"platform": platform, **line[platform]}}, clock=emu.clock) as tf:
            await tf.payment.get_order_info(
                "shop",
                openid="2088102146225135",
                body="tea",
                subject="tea",
                out_trade_no="tea_1001",
                total_fee=880,
                notify_url="http://127.0.0.1:9/notify",
            )
            await emu.pay("tea_1001")
            refund = await tf.payment.refund(
                "shop", out_trade_no="tea_1001", out_refund_no="tea_1001_R1", total_fee=880, refund_fee=80
            )

            assert (80, "tea_1001_R1") == (refund.refund_fee, refund.out_refund_no)


HIDDEN = {
    *("secret", "key", "pfx_base64", "api_v3_key", "private_key", "encrypt_key"),
    *("push_token", "push_aes_key", "api_aes_key", "api_private_key"),
}


# Each at its worst time of day: a payment just before midnight in Beijing, figures before they are there.
@pytest.mark.parametrize(("example", "start"), [("payment", "23:57"), ("mini_program", "00:30")])
async def test_the_whole_demo_at_debug_shows_no_secret(
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    example: str,
    start: str,
) -> None:
    secrets: set[str] = set()
    moment = datetime.fromisoformat(f"2026-11-26T{start}+08:00")
    begin, put, decode = Emulator.__aenter__, MemoryStore.put, wire.decode

    async def watched(self: Emulator) -> Emulator:
        emu = await begin(self)
        for line in (emu.settings()["weixin"], emu.settings()["alipay"]):
            secrets.update(line[name] for name in HIDDEN & line.keys())
        return emu

    async def kept(self: MemoryStore, key: str, credential: Credential) -> None:
        secrets.add(credential.value)
        await put(self, key, credential)

    def decoded(*arguments: Any) -> Any:
        answer = decode(*arguments)
        secrets.update(answer[name] for name in {"session_key", "openid"} & answer.keys())
        return answer

    monkeypatch.setattr(shell, "EmulatorClock", lambda _, *, frozen: EmulatorClock(moment, frozen=frozen))
    monkeypatch.setattr(Emulator, "__aenter__", watched)
    monkeypatch.setattr(MemoryStore, "put", kept)
    monkeypatch.setattr(wire, "decode", decoded)
    monkeypatch.setattr(sys, "argv", [example])
    with caplog.at_level(logging.DEBUG):
        demo = runpy.run_path(str(ROOT / "examples" / f"{example}.py"))
        assert await demo["main"](**({"serve": False} if example == "payment" else {})) == 0
    seen = capsys.readouterr()
    text = "\n".join([seen.out, seen.err, *(json.dumps(vars(record), default=repr) for record in caplog.records)])

    assert len(secrets) == (12 if example == "payment" else 15)
    assert "tongfu.call_finished" in text
    assert [secret for secret in secrets if secret in text] == []
    assert asyncio.current_task() is not None


async def test_a_program_whose_clock_cannot_be_moved_goes_on_a_day_later() -> None:
    """Signatures bear real time for whoever keeps it; what waits or expires follows the emulator's clock."""
    heard = []

    async def hear(request: web.Request) -> web.Response:
        heard.append(await Notification.from_request(request))
        return web.Response(status=204)

    application = web.Application()
    application.router.add_post("/notify", hear)
    async with TestServer(application) as server, Emulator() as emu:
        line = emu.settings()
        v3 = WeixinAccount(**{name: line["weixin"][name] for name in APIV3})
        names = ("app_id", "private_key", "alipay_public_key", "gateway")
        rest = AlipayAccount(**{name: line["alipay"][name] for name in names}, protocol="v3")
        async with Tongfu({"weixin": v3, "alipay": rest}) as tf:
            days: dict[str, date] = {}
            for name in ("weixin", "alipay"):
                await order(tf, name, f"A1001{name}", notify_url=str(server.make_url("/notify")))
                paid = (await emu.pay(f"A1001{name}")).paid
                assert paid is not None
                days[name] = paid.astimezone(timezone(timedelta(hours=8))).date()
            await emu.clock.advance(36 * 3600)
            for name, day in days.items():
                assert f"A1001{name}" in (await tf.payment.download_bill(name, bill_date=day)).content
            params: Any = {"out_trade_no": "A1001weixin", "total_fee": 100, "refund_fee": 60}
            await tf.payment.refund("weixin", **params, out_refund_no="R1", notify_url=str(server.make_url("/notify")))
            await emu.clock.advance(3600)
            assert (await tf.payment.verify_refund_notify("weixin", heard[-1])).refunded

        async with Tongfu({"weixin": v3}, clock=emu.clock) as tf:
            params["refund_fee"] = 40
            await tf.payment.refund("weixin", **params, out_refund_no="R2", notify_url=str(server.make_url("/notify")))
            await emu.clock.advance(3600)
            assert (await tf.payment.verify_refund_notify("weixin", heard[-1])).out_refund_no == "R2"
