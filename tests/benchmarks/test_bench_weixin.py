"""WeChat Pay v2 next to the bare primitives, to raw aiohttp and to wechatpy. Read the ratios, not the microseconds."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from xml.parsers import expat

import aiohttp
import pytest
from wechatpy.pay import WeChatPay
from wechatpy.pay.utils import calculate_signature, dict_to_xml

from tongfu import Context, Notification, Tongfu
from tongfu.engine import BoundSigner, random_nonce, utc_now
from tongfu.payments import read
from tongfu.registry import load_provider
from tongfu_weixin import WeixinAccount

pytestmark = pytest.mark.filterwarnings("ignore")  # wechatpy 1.8 uses what Python and its dependencies deprecate

KEY = "192006250b4c09247ec02edce69f6a2d"
IDS: dict[str, Any] = {"app_id": "wxd930ea5d5a258f4f", "mch_id": "1900000109"}
CALLS, AT_ONCE = 640, 32

ORDER = {
    "appid": IDS["app_id"],
    "mch_id": IDS["mch_id"],
    "nonce_str": "ibuaiVcKdpRxkhJA",
    "sign_type": "MD5",
    "body": "coffee",
    "out_trade_no": "A10011",
    "total_fee": "100",
    "spbill_create_ip": "127.0.0.1",
    "notify_url": "https://shop.example/notify/weixin",
    "trade_type": "JSAPI",
    "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
}
PAID = {
    "return_code": "SUCCESS",
    "result_code": "SUCCESS",
    "appid": IDS["app_id"],
    "mch_id": IDS["mch_id"],
    "nonce_str": "5d2b6c2a8db53831f7eda20af46e531c",
    "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
    "is_subscribe": "Y",
    "trade_type": "JSAPI",
    "trade_state": "SUCCESS",
    "bank_type": "CFT",
    "total_fee": "100",
    "fee_type": "CNY",
    "cash_fee": "100",
    "transaction_id": "4200000000202611240000000001",
    "out_trade_no": "A10011",
    "attach": "",
    "time_end": "20261124160318",
}


def signed(fields: dict[str, str]) -> bytes:
    """The platform's own XML, signed by the other SDK so that nobody grades his own work."""
    given = {name: value for name, value in fields.items() if value}
    body = dict_to_xml(given, calculate_signature(given, KEY))
    return body.encode() if isinstance(body, str) else bytes(body)


class Sent(Exception):
    """Raised where a client would send."""


@pytest.mark.benchmark(group="weixin order: from keywords to signed XML")
@pytest.mark.parametrize("who", ["raw_md5", "tongfu", "wechatpy", "wechatpy_sign_and_write_alone"])
def test_order(benchmark: Any, who: str) -> None:
    if who == "raw_md5":
        text = ("&".join(f"{k}={ORDER[k]}" for k in sorted(ORDER)) + f"&key={KEY}").encode()
        benchmark(lambda: hashlib.md5(text, usedforsecurity=False).hexdigest().upper())
    elif who == "wechatpy_sign_and_write_alone":
        benchmark(lambda: dict_to_xml(ORDER, calculate_signature(ORDER, KEY)))
    elif who == "wechatpy":
        client = WeChatPay(IDS["app_id"], KEY, IDS["mch_id"])
        sent: list[bytes] = []

        def send(**request: Any) -> None:
            sent.append(request["data"])
            raise Sent

        client._http.request = send

        def create() -> None:
            sent.clear()
            with contextlib.suppress(Sent):
                client.order.create(
                    "JSAPI",
                    "coffee",
                    100,
                    ORDER["notify_url"],
                    client_ip="127.0.0.1",
                    user_id=ORDER["openid"],
                    out_trade_no="A10011",
                )

        benchmark(create)
        assert b"<sign>" in sent[0]
    else:
        account = WeixinAccount(**IDS, key=KEY)
        provider = load_provider("weixin")
        signer = BoundSigner(provider, account)
        keywords = {
            "openid": ORDER["openid"],
            "body": "coffee",
            "out_trade_no": "A10011",
            "total_fee": 100,
            "notify_url": ORDER["notify_url"],
        }

        def build() -> bytes:
            ctx = Context(utc_now(), random_nonce(), signer)
            call: Any = read(
                "weixin",
                "get_order_info",
                keywords,
                lambda params: provider.begin("get_order_info", account, params, ctx),
            )
            return provider.encode(account, call, ctx).body

        assert b"<sign>" in benchmark(build)


@pytest.mark.benchmark(group="weixin notification: verify and read")
@pytest.mark.parametrize("who", ["raw_expat_and_md5", "tongfu", "wechatpy"])
def test_notification(benchmark: Any, who: str) -> None:
    body = signed(PAID)
    if who == "raw_expat_and_md5":

        def raw() -> None:
            expat.ParserCreate().Parse(body, True)
            hashlib.md5(body, usedforsecurity=False).hexdigest()

        benchmark(raw)
    elif who == "wechatpy":
        client = WeChatPay(IDS["app_id"], KEY, IDS["mch_id"])
        benchmark(lambda: client.parse_payment_result(body))
    else:
        account = WeixinAccount(**IDS, key=KEY)
        provider = load_provider("weixin")
        ctx = Context(datetime(2026, 11, 24, tzinfo=UTC), "n", BoundSigner(provider, account))
        notify = Notification({"content-type": "text/xml"}, body)
        notice: Any = benchmark(lambda: provider.begin("verify_payment_notify", account, notify, ctx))
        assert notice.paid


@pytest.mark.benchmark(group=f"weixin order_query over loopback, {AT_ONCE} at once", min_rounds=5)
@pytest.mark.parametrize("who", ["raw_aiohttp", "tongfu", "wechatpy"])
def test_query(benchmark: Any, who: str, serve: Callable[[bytes], str], loop: asyncio.AbstractEventLoop) -> None:
    origin = serve(signed(PAID))

    if who == "wechatpy":
        client = WeChatPay(IDS["app_id"], KEY, IDS["mch_id"])
        client.API_BASE_URL = origin + "/"
        with ThreadPoolExecutor(AT_ONCE) as pool:
            benchmark(lambda: list(pool.map(lambda _: client.order.query(out_trade_no="A10011"), range(CALLS))))
        return

    async def many(one: Callable[[], Any]) -> None:
        async def worker() -> None:
            for _ in range(CALLS // AT_ONCE):
                await one()

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))

    if who == "raw_aiohttp":
        body = signed({name: ORDER[name] for name in ("appid", "mch_id", "nonce_str", "sign_type", "out_trade_no")})

        async def opened() -> aiohttp.ClientSession:
            return aiohttp.ClientSession()

        session = loop.run_until_complete(opened())

        async def post() -> bytes:
            async with session.post(origin + "/pay/orderquery", data=body) as response:
                return await response.read()

        benchmark(lambda: loop.run_until_complete(many(post)))
        loop.run_until_complete(session.close())
    else:
        tf = Tongfu({"weixin": WeixinAccount(**IDS, key=KEY, base_url=origin)})

        async def query() -> None:
            order = await tf.payment.order_query("weixin", out_trade_no="A10011")
            assert order.paid

        benchmark(lambda: loop.run_until_complete(many(query)))
        loop.run_until_complete(tf.close())
