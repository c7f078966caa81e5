"""wechatpy, a WeChat SDK of other hands, completes a payment on our emulator; each verifies what the other signs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from wechatpy.exceptions import InvalidSignatureException
from wechatpy.pay import WeChatPay
from wechatpy.pay.utils import calculate_signature, dict_to_xml

from tongfu import Notification, SignatureError, Tongfu
from tongfu.emulator import Emulator

# wechatpy 1.8 is older than some of what its dependencies deprecate.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Merchant:
    """Keeps what the emulator sends and accepts it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.url = ""

    async def receive(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        return web.Response(text="<xml><return_code><![CDATA[SUCCESS]]></return_code></xml>")


@pytest.fixture
async def emu() -> AsyncIterator[Emulator]:
    async with Emulator(platforms=["weixin"]) as emulator:
        yield emulator


@pytest.fixture
async def merchant() -> AsyncIterator[Merchant]:
    merchant = Merchant()
    app = web.Application()
    app.router.add_post("/notify", merchant.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    merchant.url = f"http://127.0.0.1:{runner.addresses[0][1]}/notify"
    yield merchant
    await runner.cleanup()


def sdk(emu: Emulator) -> WeChatPay:
    line = emu.settings()["weixin"]
    client = WeChatPay(line["app_id"], line["key"], line["mch_id"])
    client.API_BASE_URL = emu.url + "/"
    return client


async def run(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """wechatpy blocks; the emulator lives in this loop."""
    return await asyncio.to_thread(call, *args, **kwargs)


async def test_a_whole_payment(emu: Emulator, merchant: Merchant) -> None:
    client = sdk(emu)
    made = await run(
        client.order.create,
        "JSAPI",
        "咖啡",
        100,
        merchant.url,
        client_ip="127.0.0.1",
        user_id="o1",
        out_trade_no="A10011",
    )
    assert made["prepay_id"].startswith("wx")
    assert (await run(client.order.query, out_trade_no="A10011"))["trade_state"] == "NOTPAY"

    await emu.pay("A10011")
    told = client.parse_payment_result(merchant.bodies[0])
    assert (told["out_trade_no"], told["total_fee"], told["result_code"]) == ("A10011", 100, "SUCCESS")
    with pytest.raises(InvalidSignatureException):
        client.parse_payment_result(merchant.bodies[0].replace(b"[100]", b"[101]"))
    assert (await run(client.order.query, out_trade_no="A10011"))["trade_state"] == "SUCCESS"

    back = await run(client.refund.apply, 100, 60, "R1", out_trade_no="A10011", notify_url=merchant.url)
    assert (back["refund_fee"], back["out_refund_no"]) == ("60", "R1")
    await emu.clock.advance(60)
    opened = client.parse_refund_notify_result(merchant.bodies[-1])
    assert (opened["out_refund_no"], opened["refund_status"], opened["refund_fee"]) == ("R1", "SUCCESS", 60)
    listed = await run(client.refund.query, out_trade_no="A10011")
    assert (listed["refund_count"], listed["refund_status_0"], listed["refund_fee_0"]) == ("1", "SUCCESS", "60")


async def test_a_native_order_is_closed(emu: Emulator, merchant: Merchant) -> None:
    client = sdk(emu)
    made = await run(
        client.order.create,
        "NATIVE",
        "tea",
        1,
        merchant.url,
        client_ip="127.0.0.1",
        out_trade_no="A10012",
        product_id="p",
    )
    assert made["code_url"].startswith("weixin://")
    assert (await run(client.order.close, "A10012"))["result_code"] == "SUCCESS"
    assert (await run(client.order.query, out_trade_no="A10012"))["trade_state"] == "CLOSED"


async def test_a_wrong_key_is_refused_and_explained(emu: Emulator) -> None:
    client = sdk(emu)
    client.api_key = "k" * 32
    with pytest.raises(Exception, match="签名错误"):
        await run(client.order.query, out_trade_no="A10011")
    assert emu.exchanges[-1].verdict == "invalid"
    assert "out_trade_no=A10011" in emu.exchanges[-1].explain


async def test_we_verify_what_wechatpy_signs(emu: Emulator) -> None:
    line = emu.settings()["weixin"]
    fields = {
        "return_code": "SUCCESS",
        "result_code": "SUCCESS",
        "appid": line["app_id"],
        "mch_id": line["mch_id"],
        "nonce_str": "n",
        "out_trade_no": "A10011",
        "transaction_id": "4200",
        "total_fee": "100",
        "attach": "a&b<c>",
        "time_end": time.strftime("%Y%m%d%H%M%S"),
    }
    body = dict_to_xml(fields, calculate_signature(fields, line["key"]))
    body = body.encode() if isinstance(body, str) else body
    async with Tongfu(emu.accounts()) as tf:
        assert (await tf.payment.verify_payment_notify("weixin", Notification({}, body))).attach == "a&b<c>"
        with pytest.raises(SignatureError):
            await tf.payment.verify_payment_notify("weixin", Notification({}, body.replace(b"A10011", b"A10012")))
