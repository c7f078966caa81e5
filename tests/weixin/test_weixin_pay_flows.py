"""Pay v2 from the order to the bill, against the emulator: each scene, both algorithms, partners, the sandbox."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tongfu import ConfigError, Notification, OutcomeUnknown, PlatformRefused, SignatureError, Tongfu
from tongfu.emulator import Emulator
from tongfu.emulator.certificates import Authority
from tongfu.errors import CredentialRejected, NotEnough, OrderNotFound, RefundNotFound
from tongfu_weixin import WeixinAccount

START = datetime(2026, 11, 24, 8, 3, 5, tzinfo=UTC)
OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
BUYER_IP = "203.0.113.7"


class Shop:
    """Hears notifications and accepts them."""

    def __init__(self) -> None:
        self.heard: list[Notification] = []
        self.url = ""

    async def hear(self, request: web.Request) -> web.Response:
        self.heard.append(await Notification.from_request(request))
        return web.Response(
            text="<xml><return_code>SUCCESS</return_code><return_msg>OK</return_msg></xml>", content_type="text/xml"
        )


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    heard = Shop()
    app = web.Application()
    app.router.add_post("/notify/weixin", heard.hear)
    async with TestServer(app) as server:
        heard.url = str(server.make_url("/notify/weixin"))
        yield heard


@pytest.fixture
async def emu() -> AsyncIterator[Emulator]:
    async with Emulator(platforms=["weixin"], start=START, frozen=True) as emulator:
        yield emulator


def account_of(emu: Emulator, **changes: Any) -> WeixinAccount:
    account = emu.accounts()["weixin"]
    assert isinstance(account, WeixinAccount)
    return replace(account, **changes)


def facade(emu: Emulator, **changes: Any) -> Tongfu:
    return Tongfu({"shop": account_of(emu, **changes)}, clock=emu.clock)


def order(shop: Shop | None = None, number: str = "A10011", **more: Any) -> dict[str, Any]:
    url = shop.url if shop else "https://shop.example/notify/weixin"
    return {"body": "咖啡 <&> ]]>", "out_trade_no": number, "total_fee": 100, "notify_url": url, **more}


def signed(fields: Mapping[str, str], key: str, algorithm: str) -> str:
    """The documented signature, written once more so that no half of ours vouches for the other."""
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields)) + f"&key={key}"
    if algorithm == "MD5":
        return hashlib.md5(text.encode()).hexdigest().upper()
    return hmac.new(key.encode(), text.encode(), "sha256").hexdigest().upper()


@pytest.mark.parametrize("algorithm", ["MD5", "HMAC-SHA256"])
async def test_a_mini_program_payment_goes_its_whole_way(emu: Emulator, shop: Shop, algorithm: str) -> None:
    async with facade(emu, sign_type=algorithm) as tf:
        pay, account = tf.payment, account_of(emu)
        info = await pay.get_order_info("shop", openid=OPENID, extra={"attach": "桌 7\r\n&"}, **order(shop))
        unsigned = {name: value for name, value in info.payload.items() if name != "paySign"}
        assert unsigned == {
            "appId": account.app_id,
            "nonceStr": info.payload["nonceStr"],
            "package": f"prepay_id={info.prepay_id}",
            "timeStamp": str(int(START.timestamp())),
            "signType": algorithm,
        }
        assert info.payload["paySign"] == signed(unsigned, account.key, algorithm)
        assert info.to_camel() == info.payload

        await emu.pay("A10011")
        paid = await pay.verify_payment_notify("shop", shop.heard[0])
        paid.expect(out_trade_no="A10011", total_fee=100)
        assert (paid.paid, paid.openid, paid.attach, paid.time_end) == (True, OPENID, "桌 7\r\n&", "20261124160305")
        assert len(paid.raw["sign"]) == {"MD5": 32, "HMAC-SHA256": 64}[algorithm]
        state = await pay.order_query("shop", transaction_id=paid.transaction_id)
        assert (state.trade_state, state.paid, state.total_fee, state.openid) == ("SUCCESS", True, 100, OPENID)

        numbers: dict[str, Any] = {"out_trade_no": "A10011", "out_refund_no": "R1"}
        back = await pay.refund("shop", total_fee=100, refund_fee=60, notify_url=shop.url, **numbers)
        again = await pay.refund("shop", total_fee=100, refund_fee=60, notify_url=shop.url, **numbers)
        assert (back.refund_fee, back.refund_id) == (60, again.refund_id)
        assert (await pay.refund_query("shop", out_refund_no="R1")).refund_status == "PROCESSING"
        await emu.clock.advance(60)
        told = await pay.verify_refund_notify("shop", shop.heard[-1])
        assert (told.refunded, told.refund_fee, told.total_fee, told.refund_id) == (True, 60, 100, back.refund_id)
        assert (told.refund_status, told.success_time) == ("SUCCESS", "2026-11-24 16:03:10")
        assert (await pay.refund_query("shop", out_refund_no="R1")).refund_status == "SUCCESS"
        assert (await pay.order_query("shop", out_trade_no="A10011")).trade_state == "REFUND"

        await emu.clock.advance(86400)
        for packed in (None, "GZIP"):
            bill = await pay.download_bill("shop", bill_date="2026-11-24", tar_type=packed)
            assert "`A10011,`" in bill.content
            assert (bill.content[:5], bill.content.count("\r\n")) == ("交易时间,", 5)
            flow = await pay.download_fundflow("shop", bill_date="20261124", tar_type=packed)
            assert flow.content.splitlines()[-1] == "`2,`1,`1.00,`1,`0.60"
    assert {exchange.verdict for exchange in emu.exchanges} == {"valid"}


@pytest.mark.parametrize("algorithm", ["MD5", "HMAC-SHA256"])
async def test_an_apps_payload_has_the_seven_lower_case_names(emu: Emulator, algorithm: str) -> None:
    async with facade(emu, sign_type=algorithm, client_type="app-plus") as tf:
        info = await tf.payment.get_order_info("shop", subject="another platform's", **order())
    account = account_of(emu)
    unsigned = {
        "appid": account.app_id,
        "noncestr": info.payload["noncestr"],
        "package": "Sign=WXPay",
        "partnerid": account.mch_id,
        "prepayid": info.prepay_id or "",
        "timestamp": str(int(START.timestamp())),
    }

    assert info.payload == {**unsigned, "sign": signed(unsigned, account.key, algorithm)}
    asked = emu.order("A10011").wire["asked"]
    assert ("subject" in asked, "openid" in asked, asked["trade_type"]) == (False, False, "APP")


async def test_a_native_order_is_a_code_to_draw(emu: Emulator, shop: Shop) -> None:
    async with facade(emu) as tf:
        info = await tf.payment.get_order_info("shop", trade_type="NATIVE", **order(shop))
        assert info.payload == {"codeUrl": info.code_url}
        assert info.code_url is not None
        assert info.code_url.startswith("weixin://wxpay/bizpayurl?pr=")
        assert emu.order("A10011").wire["asked"]["product_id"] == "A10011"
        await emu.pay("A10011")
        paid = await tf.payment.verify_payment_notify("shop", shop.heard[0])
    assert (paid.paid, paid.raw["trade_type"]) == (True, "NATIVE")


@pytest.mark.parametrize(
    ("more", "page", "back"),
    [
        ({}, "https://shop.example", ""),
        (
            {"return_url": "https://www.shop.example/done?a=1&b=2"},
            "https://www.shop.example",
            "&redirect_url=https%3A%2F%2Fwww.shop.example%2Fdone%3Fa%3D1%26b%3D2",
        ),
    ],
)
async def test_an_h5_order_is_a_page_that_leads_back(emu: Emulator, more: dict[str, Any], page: str, back: str) -> None:
    wanted = order(trade_type="H5", spbill_create_ip=BUYER_IP, **more) | {
        "notify_url": "https://shop.example/pay/notify/x"
    }
    async with facade(emu) as tf:
        info = await tf.payment.get_order_info("shop", **wanted)
    asked = emu.order("A10011").wire["asked"]
    prepay = f"{emu.url}/cgi-bin/mmpayweb-bin/checkmweb?prepay_id={info.prepay_id}"

    assert json.loads(asked["scene_info"]) == {"h5_info": {"type": "Wap", "wap_url": page, "wap_name": "咖啡 <&> ]]>"}}
    assert (asked["trade_type"], asked["spbill_create_ip"]) == ("MWEB", BUYER_IP)
    assert info.payload == {"mwebUrl": prepay + back}
    assert (info.mweb_url, info.raw["mweb_url"], info.trade_type) == (prepay + back, prepay, "H5")


async def test_an_h5_order_takes_the_callers_own_scene_info(emu: Emulator) -> None:
    scene = '{"h5_info":{"type":"IOS","app_name":"茶","bundle_id":"example.tea"}}'
    async with facade(emu) as tf:
        await tf.payment.get_order_info(
            "shop", trade_type="MWEB", spbill_create_ip=BUYER_IP, extra={"scene_info": scene}, **order()
        )

    assert emu.order("A10011").wire["asked"]["scene_info"] == scene


async def test_a_buyer_who_is_still_paying_is_neither_paid_nor_lost(emu: Emulator) -> None:
    async with facade(emu) as tf:
        await tf.payment.get_order_info("shop", openid=OPENID, **order())
        states = []
        for outcome in ("userpaying", "not_enough", "success"):
            await emu.pay("A10011", outcome)
            state = await tf.payment.order_query("shop", out_trade_no="A10011")
            states.append((state.trade_state, state.paid, state.transaction_id is None))

    assert states == [("USERPAYING", False, True), ("PAYERROR", False, True), ("SUCCESS", True, False)]


# --- a service provider ------------------------------------------------------------------------


async def test_a_service_provider_acts_for_one_sub_merchant(emu: Emulator, shop: Shop) -> None:
    subs = {"sub_mch_id": "1900000777", "sub_app_id": "wx7777777777777777"}
    accounts = {
        "sub": account_of(emu, **subs),
        "other": account_of(emu, sub_mch_id="1900000888"),
        "plain": account_of(emu),
    }
    async with Tongfu(accounts, clock=emu.clock) as tf:
        pay = tf.payment
        info = await pay.get_order_info("sub", openid=OPENID, **order(shop))
        assert info.payload["appId"] == subs["sub_app_id"]
        asked = emu.order("A10011").wire["asked"]
        assert {name: asked.get(name) for name in ("appid", "sub_appid", "sub_mch_id", "openid", "sub_openid")} == {
            "appid": accounts["sub"].app_id,
            "sub_appid": subs["sub_app_id"],
            "sub_mch_id": subs["sub_mch_id"],
            "openid": None,
            "sub_openid": OPENID,
        }
        app = await pay.get_order_info("sub", client_type="app", **order(shop, "A10012"))
        assert (app.payload["appid"], app.payload["partnerid"]) == (subs["sub_app_id"], subs["sub_mch_id"])

        await emu.pay("A10011")
        paid = await pay.verify_payment_notify("sub", shop.heard[0])
        state = await pay.order_query("sub", out_trade_no="A10011")
        assert (paid.paid, paid.openid, state.openid) == (True, OPENID, OPENID)
        await pay.refund(
            "sub", out_trade_no="A10011", out_refund_no="R1", total_fee=100, refund_fee=100, notify_url=shop.url
        )
        await emu.clock.advance(60)
        assert (await pay.verify_refund_notify("sub", shop.heard[-1])).refunded

        for stranger in ("other", "plain"):
            with pytest.raises(SignatureError, match="sub_mch_id"):
                await pay.verify_payment_notify(stranger, shop.heard[0])
            with pytest.raises(SignatureError, match="sub_mch_id"):
                await pay.verify_refund_notify(stranger, shop.heard[-1])
            with pytest.raises(OrderNotFound):
                await pay.order_query(stranger, out_trade_no="A10011")
            with pytest.raises(RefundNotFound):
                await pay.refund_query(stranger, out_refund_no="R1")


async def test_a_partners_buyer_may_be_known_under_the_partners_app(emu: Emulator) -> None:
    async with facade(emu, sub_mch_id="1900000777") as tf:
        info = await tf.payment.get_order_info("shop", openid=OPENID, **order())
    asked = emu.order("A10011").wire["asked"]

    assert (asked["openid"], "sub_openid" in asked) == (OPENID, False)
    assert info.payload["appId"] == account_of(emu).app_id


# --- the client certificate ----------------------------------------------------------------------

REFUND: dict[str, Any] = {"out_trade_no": "A10011", "out_refund_no": "R1", "total_fee": 100, "refund_fee": 60}


async def paid_order(emu: Emulator, tf: Tongfu) -> None:
    await tf.payment.get_order_info("shop", openid=OPENID, **order())
    await emu.pay("A10011")


async def test_a_refund_without_the_certificate_is_not_sent(emu: Emulator) -> None:
    async with facade(emu, pfx=None) as tf:
        await paid_order(emu, tf)
        before = len(emu.exchanges)
        with pytest.raises(ConfigError, match="refund needs pfx"):
            await tf.payment.refund("shop", **REFUND)
        with pytest.raises(ConfigError, match="download_fundflow needs pfx"):
            await tf.payment.download_fundflow("shop", bill_date="20261123")

    assert len(emu.exchanges) == before


async def test_another_merchants_certificate_is_refused_as_such(emu: Emulator) -> None:
    world, _ = emu._worlds[0]
    pfx, _ = world.client_certificate("1900000999", account_of(emu).mch_id.encode())
    async with facade(emu, pfx=pfx) as tf:
        await paid_order(emu, tf)
        with pytest.raises(CredentialRejected, match=r"证书校验失败.*Check pfx") as caught:
            await tf.payment.refund("shop", **REFUND)

    assert caught.value.verified is False
    assert emu.order("A10011").refunds == []


async def test_a_certificate_that_nobody_knows_moves_no_money(emu: Emulator) -> None:
    """TLS breaks off without a word that a client could trust, so nobody claims to know."""
    pfx, _ = Authority.new("somebody").client_certificate("x", account_of(emu).mch_id.encode())
    async with facade(emu, pfx=pfx) as tf:
        await paid_order(emu, tf)
        with pytest.raises(OutcomeUnknown):
            await tf.payment.refund("shop", **REFUND)

    assert emu.order("A10011").refunds == []


async def test_a_refund_that_the_balance_cannot_pay_may_be_repeated(emu: Emulator) -> None:
    async with facade(emu) as tf:
        await paid_order(emu, tf)
        with pytest.raises(NotEnough, match="same out_refund_no"):
            await tf.payment.refund("shop", extra={"refund_account": "REFUND_SOURCE_RECHARGE_FUNDS"}, **REFUND)
        assert (await tf.payment.refund("shop", **REFUND)).refund_fee == 60


# --- the sandbox -----------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["MD5", "HMAC-SHA256"])
async def test_the_sandbox_has_its_own_paths_key_and_orders(emu: Emulator, shop: Shop, algorithm: str) -> None:
    common = {"base_url": emu.url, "sign_type": algorithm}
    accounts = {"shop": account_of(emu, sandbox=True, **common), "real": account_of(emu, **common)}
    async with Tongfu(accounts, clock=emu.clock) as tf:
        pay = tf.payment
        info = await pay.get_order_info("shop", openid=OPENID, **order(shop))
        unsigned = {name: value for name, value in info.payload.items() if name != "paySign"}
        assert info.payload["paySign"] != signed(unsigned, account_of(emu).key, algorithm)
        await emu.pay("A10011")
        await pay.order_query("shop", out_trade_no="A10011")
        await pay.refund("shop", notify_url=shop.url, **REFUND)
        await pay.refund_query("shop", out_refund_no="R1")
        await emu.clock.advance(60)
        sent = [exchange.path.removeprefix("/sandboxnew/pay/") for exchange in emu.exchanges]
        assert sent == ["getsignkey", "unifiedorder", "orderquery", "refund", "refundquery"]

        assert (await pay.verify_payment_notify("shop", shop.heard[0])).paid
        assert (await pay.verify_refund_notify("shop", shop.heard[1])).refunded
        with pytest.raises(OrderNotFound):
            await pay.order_query("real", out_trade_no="A10011")
        for notice, verify in zip(shop.heard, (pay.verify_payment_notify, pay.verify_refund_notify), strict=True):
            with pytest.raises(SignatureError):
                await verify("real", notice)
    assert {exchange.verdict for exchange in emu.exchanges} == {"valid"}


async def test_a_sandbox_key_that_is_over_is_fetched_anew(emu: Emulator) -> None:
    half: Any = emu._halves["weixin"]
    async with facade(emu, sandbox=True) as tf:
        await tf.payment.get_order_info("shop", openid=OPENID, **order())
        half.sandbox_key = "n" * 32
        assert (await tf.payment.order_query("shop", out_trade_no="A10011")).trade_state == "NOTPAY"

    sent = [exchange.path.removeprefix("/sandboxnew/pay/") for exchange in emu.exchanges]
    assert sent == ["getsignkey", "unifiedorder", "orderquery", "getsignkey", "orderquery"]


async def test_a_wrong_key_opens_no_sandbox(emu: Emulator) -> None:
    async with facade(emu, sandbox=True, key="k" * 32) as tf:
        with pytest.raises(CredentialRejected, match="签名错误"):
            await tf.payment.order_query("shop", out_trade_no="A10011")


# --- what is not in the way of any of these ------------------------------------------------------


async def test_refunds_are_listed_ten_a_page(emu: Emulator) -> None:
    async with facade(emu, base_url=emu.url) as tf:
        await paid_order(emu, tf)
        for n in range(13):
            await tf.payment.refund("shop", **{**REFUND, "out_refund_no": f"R{n}", "refund_fee": 1 + n % 2})
        pages = [
            await tf.payment.refund_query("shop", out_trade_no="A10011", offset=offset) for offset in (None, 0, 10)
        ]
        with pytest.raises(PlatformRefused, match="PARAM_ERROR"):
            await tf.payment.refund_query("shop", out_trade_no="A10011", offset=20)

    listed = [[item.out_refund_no for item in page.refund_list or ()] for page in pages]
    assert listed == [[f"R{n}" for n in range(10)]] * 2 + [["R10", "R11", "R12"]]
    assert [page.total_refund_count for page in pages] == [None, 13, 13]
    assert [page.refund_fee for page in pages] == [19, 19, 19]
