"""wechatpayv3, a client that shares nothing with ours, completes payments on the emulator in both key modes."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from datetime import timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import wechatpayv3.core
import wechatpayv3.utils
from wechatpayv3 import WeChatPay, WeChatPayType

from tongfu import Notification, SignatureError, Tongfu
from tongfu.emulator import Emulator
from tongfu_weixin import WeixinAccount

OFFICIAL = "https://api.mch.weixin.qq.com"
NOTIFY_URL = "http://127.0.0.1:9/notify"
MODES = ("certificate", "public_key")


@pytest.fixture
def redirected(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """wechatpayv3 knows one host only: what it sends there goes to ``to``."""
    where: dict[str, str] = {}

    def sent(method: str) -> Any:
        def send(url: str, **options: Any) -> Any:
            return requests.request(method, where["to"] + url.removeprefix(OFFICIAL), **options)

        return send

    monkeypatch.setattr(wechatpayv3.core, "requests", SimpleNamespace(get=sent("GET"), post=sent("POST")))
    return where


def client(emu: Emulator, mode: str) -> Any:
    line = emu.settings()["weixin"]
    keys = {"public_key": line["public_key"], "public_key_id": line["public_key_id"]} if mode == "public_key" else {}
    return WeChatPay(
        wechatpay_type=WeChatPayType.JSAPI,
        mchid=line["mch_id"],
        private_key=line["private_key"]
        .replace("-----BEGIN PRIVATE KEY-----", "")
        .replace("-----END PRIVATE KEY-----", ""),
        cert_serial_no=line["cert_serial"],
        appid=line["app_id"],
        apiv3_key=line["api_v3_key"],
        notify_url=NOTIFY_URL,
        **keys,
    )


def account(emu: Emulator, mode: str) -> WeixinAccount:
    line = emu.settings()["weixin"]
    names = ["app_id", "mch_id", "api_v3_key", "private_key", "cert_serial", "base_url"]
    names += ["public_key_id", "public_key"] if mode == "public_key" else []
    return WeixinAccount(**{name: line[name] for name in names})


def told(answer: tuple[int, Any]) -> Any:
    code, text = answer
    assert code in (200, 204), text
    return json.loads(text) if text else {}


@pytest.mark.parametrize("mode", MODES)
async def test_a_payment_goes_its_whole_way(redirected: dict[str, str], mode: str) -> None:
    async with Emulator(platforms=["weixin"]) as emu:
        redirected["to"] = emu.url
        theirs = await asyncio.to_thread(client, emu, mode)

        async def call(name: str, **arguments: Any) -> Any:
            return await asyncio.to_thread(getattr(theirs, name), **arguments)

        made = told(
            await call(
                "pay",
                description="咖啡",
                out_trade_no="A10011",
                amount={"total": 8888, "currency": "CNY"},
                payer={"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
            )
        )
        assert made["prepay_id"].startswith("wx")
        assert "NOTPAY" == told(await call("query", out_trade_no="A10011"))["trade_state"]

        await emu.pay("A10011")
        paid = told(await call("query", out_trade_no="A10011"))
        assert ("SUCCESS", 8888) == (paid["trade_state"], paid["amount"]["payer_total"])
        assert paid == told(await call("query", transaction_id=paid["transaction_id"]))

        refund = told(
            await call(
                "refund",
                out_refund_no="R1",
                out_trade_no="A10011",
                amount={"refund": 888, "total": 8888, "currency": "CNY"},
                notify_url=NOTIFY_URL,
            )
        )
        assert ("PROCESSING", 888) == (refund["status"], refund["amount"]["refund"])
        await emu.clock.advance(60)
        assert "SUCCESS" == told(await call("query_refund", out_refund_no="R1"))["status"]

        told(
            await call(
                "pay",
                description="tea",
                out_trade_no="A10012",
                amount={"total": 1},
                pay_type=WeChatPayType.NATIVE,
            )
        )
        told(await call("close", out_trade_no="A10012"))
        assert "CLOSED" == told(await call("query", out_trade_no="A10012"))["trade_state"]
        code, text = await call("query", out_trade_no="A10019")
        assert (404, "ORDER_NOT_EXIST") == (code, json.loads(text)["code"])


@pytest.mark.parametrize("tar_type", ["GZIP", None])
async def test_a_bill_is_fetched_and_its_hash_holds(
    redirected: dict[str, str], monkeypatch: pytest.MonkeyPatch, tar_type: str | None
) -> None:
    async with Emulator(platforms=["weixin"]) as emu:
        redirected["to"] = emu.url
        theirs = await asyncio.to_thread(client, emu, "certificate")
        async with Tongfu({"weixin": account(emu, "certificate")}, clock=emu.clock) as tf:
            await tf.payment.get_order_info(
                "weixin", openid="o", body="c", out_trade_no="A10011", total_fee=1, notify_url=NOTIFY_URL
            )
        await emu.pay("A10011")
        day = emu.clock.now().astimezone(timezone(timedelta(hours=8))).date().isoformat()
        await emu.clock.advance(36 * 3600)
        monkeypatch.setattr(wechatpayv3.utils, "time", SimpleNamespace(time=lambda: emu.clock.now().timestamp()))

        applied = told(await asyncio.to_thread(theirs.trade_bill, bill_date=day, tar_type=tar_type or ""))
        url = applied["download_url"].replace(emu.url, OFFICIAL)
        code, file = await asyncio.to_thread(theirs.download_bill, url)

        content = gzip.decompress(file) if tar_type else file
        assert (200, applied["hash_value"]) == (code, hashlib.sha1(content, usedforsecurity=False).hexdigest())
        assert b"`A10011," in content


@pytest.mark.parametrize("mode", MODES)
async def test_a_callback_verifies_in_both_and_a_changed_one_in_neither(redirected: dict[str, str], mode: str) -> None:
    async with Emulator(platforms=["weixin"]) as emu:
        redirected["to"] = emu.url
        theirs = await asyncio.to_thread(client, emu, mode)
        async with Tongfu({"weixin": account(emu, mode)}, clock=emu.clock) as tf:
            await tf.payment.get_order_info(
                "weixin", openid="o", body="c", out_trade_no="A10011", total_fee=1, notify_url=NOTIFY_URL
            )
            await emu.pay("A10011")
            headers, body = emu.notifications[0].delivery.make()
            read = await asyncio.to_thread(theirs.callback, headers, body)
            notice = await tf.payment.verify_payment_notify("weixin", Notification(headers, body))

            with pytest.raises(SignatureError):
                await tf.payment.verify_payment_notify("weixin", Notification(headers, body.replace(b"A", b"B")))

            assert await asyncio.to_thread(theirs.callback, headers, body.replace(b"A", b"B")) is None
            assert ("TRANSACTION.SUCCESS", "A10011") == (read["event_type"], read["resource"]["out_trade_no"])
            assert (True, "A10011", 1) == (notice.paid, notice.out_trade_no, notice.total_fee)
