"""wechatpayv3, a client that shares nothing with ours, completes payments on the emulator in both key modes."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from datetime import timedelta, timezone
from pathlib import Path
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

# wechatpayv3 2.0.4 asks certificates for times without a zone.
pytestmark = pytest.mark.filterwarnings("ignore:Properties that return a na:UserWarning")

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

        async def call(name: str, /, **arguments: Any) -> Any:
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


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tar_type", ["GZIP", None])
@pytest.mark.parametrize("kind", ["trade_bill", "fundflow_bill"])
async def test_a_bill_is_fetched_and_its_hash_holds(
    redirected: dict[str, str], kind: str, tar_type: str | None, mode: str
) -> None:
    async with Emulator(platforms=["weixin"]) as emu:
        redirected["to"] = emu.url
        theirs = await asyncio.to_thread(client, emu, mode)
        async with Tongfu({"weixin": account(emu, mode)}, clock=emu.clock) as tf:
            await tf.payment.get_order_info(
                "weixin", openid="o", body="c", out_trade_no="A10011", total_fee=1, notify_url=NOTIFY_URL
            )
        order = await emu.pay("A10011")
        assert order.paid is not None
        day = order.paid.astimezone(timezone(timedelta(hours=8))).date().isoformat()
        await emu.clock.advance(36 * 3600)

        applied = told(await asyncio.to_thread(getattr(theirs, kind), bill_date=day, tar_type=tar_type or ""))
        url = applied["download_url"].replace(emu.url, OFFICIAL)
        code, file = await asyncio.to_thread(theirs.download_bill, url)

        content = gzip.decompress(file) if tar_type else file
        assert (200, applied["hash_value"]) == (code, hashlib.sha1(content, usedforsecurity=False).hexdigest())
        assert order.transaction_id.encode() in content


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


SCENE = {"payer_client_ip": "127.0.0.1", "h5_info": {"type": "Wap"}}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("kind", "more", "answer"),
    [
        (WeChatPayType.MINIPROG, {"payer": {"openid": "oU"}}, "prepay_id"),
        (WeChatPayType.APP, {}, "prepay_id"),
        (WeChatPayType.NATIVE, {}, "code_url"),
        (WeChatPayType.H5, {"scene_info": SCENE}, "h5_url"),
    ],
)
async def test_an_order_of_every_scene_is_made(
    redirected: dict[str, str], mode: str, kind: Any, more: dict[str, Any], answer: str
) -> None:
    async with Emulator(platforms=["weixin"]) as emu:
        redirected["to"] = emu.url
        theirs = await asyncio.to_thread(client, emu, mode)

        made = told(
            await asyncio.to_thread(
                theirs.pay, description="咖啡", out_trade_no="A10011", amount={"total": 1}, pay_type=kind, **more
            )
        )

        assert [answer] == list(made)


@pytest.mark.parametrize("mode", MODES)
async def test_a_transfer_with_a_name_is_made_confirmed_and_taken_back(redirected: dict[str, str], mode: str) -> None:
    async with Emulator(platforms=["weixin"]) as emu:
        redirected["to"] = emu.url
        theirs = await asyncio.to_thread(client, emu, mode)

        async def call(name: str, /, **arguments: Any) -> Any:
            return told(await asyncio.to_thread(getattr(theirs, f"mch_transfer_bills{name}"), **arguments))

        wanted = {"transfer_scene_id": "1000", "openid": "oU", "transfer_amount": 200_000, "transfer_remark": "奖励"}
        made = [await call("", out_bill_no=number, user_name="张三", **wanted) for number in ("T1", "T2")]
        await asyncio.to_thread(
            requests.post, f"{emu.url}/_emulator/weixin/transfers/T1", json={"state": "SUCCESS"}, timeout=5
        )
        cancelled = await call("_cancel", out_bill_no="T2")
        await emu.clock.advance(5)
        done = [await call("_query", out_bill_no=number) for number in ("T1", "T2")]

        assert ["WAIT_USER_CONFIRM"] * 2 == [one["state"] for one in made]
        assert ("CANCELING", ["SUCCESS", "CANCELLED"]) == (cancelled["state"], [one["state"] for one in done])
        assert "张三" == await asyncio.to_thread(theirs.decrypt, done[0]["user_name"])
        same = await call("_query", transfer_bill_no=made[0]["transfer_bill_no"])
        assert done[0] == same | {"user_name": done[0]["user_name"]}  # encrypted anew each time


@pytest.mark.parametrize("mode", MODES)
async def test_what_an_order_earned_is_shared_and_comes_back(redirected: dict[str, str], mode: str) -> None:
    async with Emulator(platforms=["weixin"]) as emu:
        redirected["to"] = emu.url
        theirs = await asyncio.to_thread(client, emu, mode)

        async def call(name: str, /, **arguments: Any) -> Any:
            return told(await asyncio.to_thread(getattr(theirs, name), **arguments))

        await call(
            "pay",
            description="咖啡",
            out_trade_no="A10011",
            amount={"total": 100},
            payer={"openid": "oU"},
            settle_info={"profit_sharing": True},
        )
        number = (await emu.pay("A10011")).transaction_id
        shop = {"account_type": "MERCHANT_ID", "account": "1900000110"}
        await call("profitsharing_add_receiver", **shop, relation_type="SUPPLIER", name="深圳公司")
        share = {"type": "MERCHANT_ID", "account": "1900000110", "amount": 30, "description": "beans"}
        await call(
            "profitsharing_order",
            transaction_id=number,
            out_order_no="P1",
            receivers=[share],
            unfreeze_unsplit=False,
        )
        await emu.clock.advance(5)
        shared = await call("profitsharing_order_query", transaction_id=number, out_order_no="P1")
        left = await call("profitsharing_amount_query", transaction_id=number)
        back = {"out_order_no": "P1", "out_return_no": "B1", "return_mchid": "1900000110", "amount": 10}
        await call("profitsharing_return", **back, description="broken")
        await emu.clock.advance(5)
        returned = await call("profitsharing_return_query", out_order_no="P1", out_return_no="B1")
        await call("profitsharing_unfreeze", transaction_id=number, out_order_no="P2", description="done")
        await call("profitsharing_delete_receiver", **shop)

        assert ("FINISHED", "SUCCESS", 70, "SUCCESS") == (
            shared["state"],
            shared["receivers"][0]["result"],
            left["unsplit_amount"],
            returned["result"],
        )
        assert 0 == (await call("profitsharing_amount_query", transaction_id=number))["unsplit_amount"]


@pytest.mark.parametrize("mode", MODES)
async def test_a_service_provider_takes_a_payment_for_its_sub_merchant(redirected: dict[str, str], mode: str) -> None:
    async with Emulator(platforms=["weixin"]) as emu:
        redirected["to"] = emu.url
        theirs = await asyncio.to_thread(client, emu, mode)
        theirs._partner_mode = True
        sub = {"sub_mchid": "1900000999"}

        async def call(name: str, /, **arguments: Any) -> Any:
            return told(await asyncio.to_thread(getattr(theirs, name), **arguments, **sub))

        for number in ("A10011", "A10012"):
            await call(
                "pay", description="tea", out_trade_no=number, amount={"total": 1}, payer={"sp_openid": "oProvider"}
            )
        await emu.pay("A10011")
        await call("close", out_trade_no="A10012")
        amount = {"refund": 1, "total": 1, "currency": "CNY"}
        await call("refund", out_refund_no="R1", out_trade_no="A10011", amount=amount)

        found = [await call("query", out_trade_no=number) for number in ("A10011", "A10012")]
        assert [("1900000999", "REFUND"), ("1900000999", "CLOSED")] == [
            (one["sub_mchid"], one["trade_state"]) for one in found
        ]
        assert "PROCESSING" == (await call("query_refund", out_refund_no="R1"))["status"]


async def test_a_rotated_certificate_is_fetched_and_a_probe_is_refused(redirected: dict[str, str]) -> None:
    async with Emulator(platforms=["weixin"]) as emu:
        redirected["to"] = emu.url
        theirs = await asyncio.to_thread(client, emu, "certificate")

        async def control(**wanted: Any) -> None:
            await asyncio.to_thread(requests.post, f"{emu.url}/_emulator/weixin/v3", json=wanted, timeout=5)

        asked = {"description": "tea", "amount": {"total": 1}, "payer": {"openid": "oU"}}
        await control(rotate={"old_ends_in": 0})
        after = await asyncio.to_thread(theirs.pay, out_trade_no="A10011", **asked)
        await control(answer_probes=1)
        with pytest.raises(Exception, match="failed to verify the signature"):
            await asyncio.to_thread(theirs.pay, out_trade_no="A10012", **asked)

        assert 200 == after[0]
        assert "NOTPAY" == told(await asyncio.to_thread(theirs.query, out_trade_no="A10012"))["trade_state"]


@pytest.mark.parametrize("mode", MODES)
async def test_orders_are_combined_and_a_picture_is_uploaded(
    redirected: dict[str, str], mode: str, tmp_path: Path
) -> None:
    picture = tmp_path / "receipt.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    async with Emulator(platforms=["weixin"]) as emu:
        redirected["to"] = emu.url
        theirs = await asyncio.to_thread(client, emu, mode)
        line = emu.settings()["weixin"]
        subs = [
            {
                "mchid": line["mch_id"],
                "attach": "a",
                "amount": {"total_amount": 100, "currency": "CNY"},
                "out_trade_no": f"A2001{number}",
                "description": "咖啡",
            }
            for number in (1, 2)
        ]

        async def call(name: str, /, **arguments: Any) -> Any:
            return told(await asyncio.to_thread(getattr(theirs, name), **arguments))

        made = await call(
            "combine_pay", combine_out_trade_no="A2001x", sub_orders=subs, combine_payer_info={"openid": "oUser"}
        )
        assert made["prepay_id"].startswith("wx")
        found = await call("combine_query", combine_out_trade_no="A2001x")
        assert [sub["trade_state"] for sub in found["sub_orders"]] == ["NOTPAY", "NOTPAY"]
        numbers = [{"mchid": line["mch_id"], "out_trade_no": sub["out_trade_no"]} for sub in subs]
        await call("combine_close", combine_out_trade_no="A2001x", sub_orders=numbers)
        uploaded = await call("image_upload", filepath=str(picture))
        assert uploaded["media_id"]
