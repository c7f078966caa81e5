"""APIv3 end to end: our client on the emulator's desk, which was written apart from it, in every key mode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import aiohttp
import pytest
from aiohttp import web

import tongfu.web
from tongfu import InvalidParams, OutcomeUnknown, SignatureError, Tongfu
from tongfu.emulator import Emulator
from tongfu.errors import OrderClosed, OrderConflict, OrderNotFound, OrderPaid, RefundNotFound
from tongfu_weixin import WeixinAccount

MERCHANT = ("app_id", "mch_id", "api_v3_key", "private_key", "cert_serial", "base_url")
PUBLIC = ("public_key_id", "public_key")
MODES = {"certificate": MERCHANT, "public_key": (*MERCHANT, *PUBLIC)}


class Shop:
    """A merchant's service and what it heard."""

    def __init__(self, emu: Emulator, tf: Tongfu) -> None:
        self.emu, self.tf = emu, tf
        self.heard: list[tuple[Any, ...]] = []
        self.url = ""

    async def paid(self, notice: tongfu.PaymentNotice) -> None:
        self.heard.append(("paid", notice.out_trade_no, notice.paid, notice.total_fee, notice.notify_id))

    async def refunded(self, notice: tongfu.RefundNotice) -> None:
        self.heard.append(("refunded", notice.out_refund_no, notice.refunded, notice.refund_fee))

    async def order(self, out_trade_no: str, **more: Any) -> Any:
        asked = {"openid": "oU", "body": "咖啡", "total_fee": 8888, "notify_url": self.url, **more}
        return await self.tf.payment.get_order_info("weixin", out_trade_no=out_trade_no, **asked)

    async def control(self, **wanted: Any) -> Any:
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{self.emu.url}/_emulator/weixin/v3", json=wanted) as answer,
        ):
            return await answer.json()

    def asked_for(self, path: str) -> int:
        return sum(one.path == path for one in self.emu.exchanges)


@asynccontextmanager
async def opened(mode: str, **more: Any) -> AsyncIterator[Shop]:
    async with Emulator(platforms=["weixin"]) as emu:
        line = emu.settings()["weixin"]
        account = WeixinAccount(**{name: line[name] for name in MODES[mode]}, **more)
        async with Tongfu({"weixin": account, "hasty": replace(account, timeout=0.5)}, clock=emu.clock) as tf:
            shop = Shop(emu, tf)
            app = web.Application()
            route = tongfu.web.notify_route(tf, "weixin", "/n", on_payment=shop.paid, on_refund=shop.refunded)
            app.add_routes([route])
            runner = web.AppRunner(app)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            shop.url = "http://{}:{}/n".format(*runner.addresses[0][:2])
            yield shop
            await runner.cleanup()


@pytest.mark.parametrize(("protocol", "signed"), [(None, "MD5"), ("v2", "MD5"), ("v3", "RSA")])
async def test_the_emulators_account_does_either_protocol(protocol: str | None, signed: str) -> None:
    async with Emulator(platforms=["weixin"]) as emu:
        account: Any = replace(emu.accounts()["weixin"], protocol=protocol)  # type: ignore[type-var]  # a dataclass
        async with Tongfu({"weixin": account}, clock=emu.clock) as tf:
            asked: Any = {"openid": "oU", "body": "tea", "total_fee": 880, "notify_url": "http://127.0.0.1:9/n"}
            info = await tf.payment.get_order_info("weixin", out_trade_no="tea_1001", **asked)
            await emu.pay("tea_1001")
            order = await tf.payment.order_query("weixin", out_trade_no="tea_1001")

    assert (signed, True, 880) == (info.payload["signType"], order.paid, order.total_fee)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("more", [{}, {"sub_mch_id": "1900000110"}, {"sub_mch_id": "1900000110", "sub_app_id": "wx2"}])
async def test_a_payment_goes_its_whole_way(mode: str, more: dict[str, str]) -> None:
    async with opened(mode, **more) as shop:
        pay, emu = shop.tf.payment, shop.emu
        info = await shop.order("A|1*00")
        assert ("RSA", "JSAPI") == (info.payload["signType"], info.trade_type)
        assert "NOTPAY" == (await pay.order_query("weixin", out_trade_no="A|1*00")).trade_state

        await emu.pay("A|1*00")
        order = await pay.order_query("weixin", out_trade_no="A|1*00")
        assert (True, 8888, 8888, "oU") == (order.paid, order.total_fee, order.cash_fee, order.openid)
        assert order == await pay.order_query("weixin", transaction_id=order.transaction_id)

        refund = await pay.refund(
            "weixin", out_trade_no="A|1*00", out_refund_no="R|1", total_fee=8888, refund_fee=888, notify_url=shop.url
        )
        await emu.clock.advance(60)
        state = await pay.refund_query("weixin", out_refund_no="R|1")
        assert (888, "SUCCESS", refund.refund_id) == (refund.refund_fee, state.refund_status, state.refund_id)

        await shop.order("A10012")
        await pay.close_order("weixin", out_trade_no="A10012")
        assert "CLOSED" == (await pay.order_query("weixin", out_trade_no="A10012")).trade_state
        (paid, refunded) = shop.heard
        assert ("paid", "A|1*00", True, 8888) == paid[:4]
        assert paid[4]
        assert ("refunded", "R|1", True, 888) == refunded


async def test_every_scene_is_ordered() -> None:
    async with opened("public_key") as shop:
        app = await shop.order("A1000APP", trade_type="APP")
        native = await shop.order("A1000NATIVE", trade_type="NATIVE")
        h5 = await shop.order("A1000H5", trade_type="H5", spbill_create_ip="8.8.8.8", return_url="https://s.example/")

    assert "Sign=WXPay" == app.payload["package"]
    assert native.payload["codeUrl"].startswith("weixin://")
    assert h5.payload["mwebUrl"].endswith("&redirect_url=https%3A%2F%2Fs.example%2F")


async def test_refusals_have_their_class() -> None:
    async with opened("public_key") as shop:
        pay = shop.tf.payment
        with pytest.raises(OrderNotFound):
            await pay.order_query("weixin", out_trade_no="A10019")
        with pytest.raises(RefundNotFound):
            await pay.refund_query("weixin", out_refund_no="R9")
        await shop.order("A10011")
        assert (await shop.order("A10011")).payload
        with pytest.raises(OrderConflict):
            await shop.order("A10011", total_fee=1)
        await shop.emu.pay("A10011")
        with pytest.raises(OrderPaid):
            await pay.close_order("weixin", out_trade_no="A10011")
        with pytest.raises(OrderPaid):
            await shop.order("A10011")
        await shop.order("A10012")
        await pay.close_order("weixin", out_trade_no="A10012")
        with pytest.raises(OrderClosed):
            await shop.order("A10012")
        with pytest.raises(InvalidParams):
            await pay.refund_query("weixin", out_trade_no="A10011")


@pytest.mark.parametrize("packed", [None, "GZIP"])
@pytest.mark.parametrize("more", [{}, {"sub_mch_id": "1900000110"}])
async def test_bills_hold_the_day(packed: str | None, more: dict[str, str]) -> None:
    async with opened("certificate", **more) as shop:
        await shop.order("A10011")
        paid = (await shop.emu.pay("A10011")).paid
        assert paid is not None
        day = paid.astimezone(timezone(timedelta(hours=8))).date()
        await shop.emu.clock.advance(36 * 3600)
        trades = await shop.tf.payment.download_bill("weixin", bill_date=day, tar_type=packed)
        flow = await shop.tf.payment.download_fundflow("weixin", bill_date=day, tar_type=packed)

    assert "`A10011," in trades.content
    assert "`收入," in flow.content


@pytest.mark.parametrize("fault", ["bad_signature", "no_signature", "unknown_serial"])
@pytest.mark.parametrize("mode", MODES)
async def test_an_answer_that_is_not_the_platforms_is_not_believed(mode: str, fault: str) -> None:
    async with opened(mode) as shop:
        await shop.order("A10011")
        await shop.emu.pay("A10011")
        shop.emu.fault(fault, path="/v3/pay/*")
        with pytest.raises(SignatureError):
            await shop.tf.payment.order_query("weixin", out_trade_no="A10011")
        shop.emu.fault(fault, path="/v3/refund/*")
        with pytest.raises(OutcomeUnknown):
            await shop.tf.payment.refund(
                "weixin", out_trade_no="A10011", out_refund_no="R1", total_fee=8888, refund_fee=1
            )
        assert 1 == shop.asked_for("/v3/refund/domestic/refunds")


@pytest.mark.parametrize("fault", ["timeout_after_commit", "reset", "status:502"])
async def test_a_refund_lost_on_the_way_back_is_unknown_and_sent_once(fault: str) -> None:
    async with opened("public_key") as shop:
        await shop.order("A10011")
        await shop.emu.pay("A10011")
        shop.emu.fault(fault, path="/v3/refund/*")
        refund: Any = {"out_trade_no": "A10011", "out_refund_no": "R1", "total_fee": 8888, "refund_fee": 888}
        with pytest.raises(OutcomeUnknown):
            await shop.tf.payment.refund("hasty", **refund)
        assert 1 == shop.asked_for("/v3/refund/domestic/refunds")
        assert 888 == (await shop.tf.payment.refund("weixin", **refund)).refund_fee
        assert 1 == len(shop.emu.order("A10011").refunds)


@pytest.mark.parametrize("corrupt", ["signature", "body", "timestamp"])
@pytest.mark.parametrize("mode", MODES)
async def test_a_broken_callback_is_answered_400_and_told_to_nobody(mode: str, corrupt: Any) -> None:
    async with opened(mode) as shop:
        await shop.order("A10011")
        await shop.emu.pay("A10011")
        (sent,) = shop.emu.notifications
        (attempt,) = await shop.emu.redeliver(sent.id, corrupt=corrupt)

        assert (400, 1) == (attempt.status, len(shop.heard))


async def test_a_probe_is_refused_and_the_callback_comes_again() -> None:
    async with opened("public_key") as shop:
        await shop.order("A10011")
        await shop.control(probes=1)
        await shop.emu.pay("A10011")
        assert [] == shop.heard
        await shop.emu.clock.advance(15)
        await shop.emu.settle()

        assert ["A10011"] == [one[1] for one in shop.heard]


@pytest.mark.parametrize("signed_by", ["certificate", "public_key"])
async def test_who_has_both_keys_takes_callbacks_of_either(signed_by: str) -> None:
    """While the platform moves a merchant from certificates to its public key, callbacks come with both."""
    async with opened("public_key") as shop:
        await shop.control(callbacks=signed_by)
        await shop.order("A10011")
        await shop.emu.pay("A10011")

        assert ["A10011"] == [one[1] for one in shop.heard]


async def test_a_new_platform_certificate_is_fetched_when_it_signs() -> None:
    async with opened("certificate") as shop:
        await shop.order("A10011")
        await shop.control(rotate=True)
        await shop.tf.payment.order_query("weixin", out_trade_no="A10011")

        assert 2 == shop.asked_for("/v3/certificates")


async def test_callers_who_need_the_certificates_at_once_fetch_them_once() -> None:
    async with opened("certificate") as shop:
        await asyncio.gather(*(shop.order(f"A1001{n}") for n in range(20)))

        assert 1 == shop.asked_for("/v3/certificates")


async def test_the_raw_call_reaches_what_nobody_wrapped() -> None:
    async with opened("public_key") as shop:
        found = await shop.tf.open("weixin").pay.call("GET", "/v3/certificates")

    assert ["serial_no", "effective_time", "expire_time", "encrypt_certificate"] == list(found["data"][0])


async def test_an_account_moves_by_its_fields_alone() -> None:
    """Both protocols see the same order: v2 makes it, v3 finds, refunds and tells it."""
    async with Emulator(platforms=["weixin"]) as emu:
        line = emu.settings()["weixin"]
        fields = {name: line[name] for name in (*MERCHANT, *PUBLIC, "key")}
        accounts = {"old": WeixinAccount(**fields), "new": WeixinAccount(**fields, protocol="v3")}
        async with Tongfu(accounts, clock=emu.clock) as tf:
            await tf.payment.get_order_info(
                "old", openid="o", body="c", out_trade_no="A10011", total_fee=100, notify_url="http://127.0.0.1:9/n"
            )
            await emu.pay("A10011")
            old, new = [await tf.payment.order_query(name, out_trade_no="A10011") for name in accounts]
            assert old == new
            refund = await tf.payment.refund(
                "new", out_trade_no="A10011", out_refund_no="R1", total_fee=100, refund_fee=100
            )
            listed = await tf.payment.refund_query("old", out_trade_no="A10011")

        assert [refund.refund_id] == [one.refund_id for one in listed.refund_list or ()]
