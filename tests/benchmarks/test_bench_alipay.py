"""Alipay's gateway next to the bare RSA, to raw aiohttp and to python-alipay-sdk. Read the ratios."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
import pytest
from alipay import AliPay
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tongfu import Context, HttpResponse, Notification, Tongfu
from tongfu.engine import BoundSigner
from tongfu.params import OrderKey, OrderParams
from tongfu.registry import load_provider
from tongfu_alipay import AlipayAccount
from tongfu_alipay.notify import authentic

pytestmark = pytest.mark.filterwarnings("ignore")  # python-alipay-sdk uses what Python deprecates

APP_ID = "2021000000000001"
CALLS, AT_ONCE = 320, 32
OURS = rsa.generate_private_key(65537, 2048)
THEIRS = rsa.generate_private_key(65537, 2048)
KEY = THEIRS.public_key()
SIGNATURE = THEIRS.sign(b"x" * 300, padding.PKCS1v15(), hashes.SHA256())


def private_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def sign(key: rsa.RSAPrivateKey, payload: bytes) -> str:
    return base64.b64encode(key.sign(payload, padding.PKCS1v15(), hashes.SHA256())).decode()


def account(**more: Any) -> AlipayAccount:
    return AlipayAccount(app_id=APP_ID, private_key=private_pem(OURS), alipay_public_key=public_pem(THEIRS), **more)


def sdk() -> AliPay:
    return AliPay(
        appid=APP_ID,
        app_notify_url=None,
        app_private_key_string=private_pem(OURS),
        alipay_public_key_string=public_pem(THEIRS),
        sign_type="RSA2",
    )


ANSWER = json.dumps(
    {
        "code": "10000",
        "msg": "Success",
        "buyer_logon_id": "159****5620",
        "buyer_user_id": "2088101117955611",
        "out_trade_no": "A1001",
        "send_pay_date": "2026-11-24 16:03:18",
        "total_amount": "1.00",
        "trade_no": "2026112422001400000000000001",
        "trade_status": "TRADE_SUCCESS",
    },
    separators=(",", ":"),
)
REPLY = f'{{"alipay_trade_query_response":{ANSWER},"sign":"{sign(THEIRS, ANSWER.encode())}"}}'.encode()


def notification() -> dict[str, str]:
    fields = {
        "app_id": APP_ID,
        "charset": "utf-8",
        "notify_id": "2026112400222160318055611",
        "notify_type": "trade_status_sync",
        "notify_time": "2026-11-24 16:03:19",
        "out_trade_no": "A1001",
        "trade_no": "2026112422001400000000000001",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "1.00",
        "buyer_pay_amount": "1.00",
        "buyer_id": "2088101117955611",
        "seller_id": "2088101117955612",
        "subject": "coffee",
        "gmt_payment": "2026-11-24 16:03:18",
        "version": "1.0",
    }
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    return {**fields, "sign": sign(THEIRS, text.encode()), "sign_type": "RSA2"}


@pytest.mark.benchmark(group="alipay order string: build and sign")
@pytest.mark.parametrize("who", ["raw_rsa_sign", "tongfu", "python_alipay_sdk"])
def test_order_string(benchmark: Any, who: str) -> None:
    if who == "raw_rsa_sign":
        benchmark(lambda: sign(OURS, b"x" * 300))
    elif who == "python_alipay_sdk":
        client = sdk()
        benchmark(
            lambda: client.api_alipay_trade_app_pay("coffee", "A1001", "1.00", notify_url="https://shop.example/n")
        )
    else:
        ours, provider = account(), load_provider("alipay")
        ctx = Context(datetime(2026, 11, 24, tzinfo=UTC), "n", BoundSigner(provider, ours))
        params = OrderParams(
            subject="coffee", out_trade_no="A1001", total_fee=100, notify_url="https://shop.example/n", trade_type="APP"
        )
        info: Any = benchmark(lambda: provider.begin("get_order_info", ours, params, ctx))
        assert "sign=" in info.payload


@pytest.mark.benchmark(group="alipay gateway request: build and sign")
@pytest.mark.parametrize("who", ["raw_rsa_sign", "tongfu", "python_alipay_sdk"])
def test_request(benchmark: Any, who: str) -> None:
    if who == "raw_rsa_sign":
        benchmark(lambda: sign(OURS, b"x" * 300))
    elif who == "python_alipay_sdk":
        client = sdk()
        benchmark(lambda: client.sign_data(client.build_body("alipay.trade.query", {"out_trade_no": "A1001"})))
    else:
        ours, provider = account(), load_provider("alipay")
        ctx = Context(datetime(2026, 11, 24, tzinfo=UTC), "n", BoundSigner(provider, ours))

        def build() -> Any:
            call: Any = provider.begin("order_query", ours, OrderKey(out_trade_no="A1001"), ctx)
            return provider.encode(ours, call, ctx)

        benchmark(build)


def raw_verify() -> None:
    KEY.verify(SIGNATURE, b"x" * 300, padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.benchmark(group="alipay notification: from the posted form to a verified notice")
@pytest.mark.parametrize("who", ["raw_rsa_verify", "raw_parse_qsl_and_verify", "tongfu", "python_alipay_sdk"])
def test_notification(benchmark: Any, who: str) -> None:
    form = notification()
    body = urlencode(form)
    if who == "raw_rsa_verify":
        benchmark(raw_verify)
    elif who == "raw_parse_qsl_and_verify":

        def parse_and_verify() -> None:
            parse_qsl(body, strict_parsing=True)
            raw_verify()

        benchmark(parse_and_verify)
    elif who == "python_alipay_sdk":
        client = sdk()

        def verify() -> Any:
            fields = dict(parse_qsl(body, strict_parsing=True))
            return client.verify(fields, fields.pop("sign"))

        assert benchmark(verify)
    else:
        ours, provider = account(), load_provider("alipay")
        ctx = Context(datetime(2026, 11, 24, tzinfo=UTC), "n", BoundSigner(provider, ours))
        notify = Notification({"content-type": "application/x-www-form-urlencoded"}, body.encode())
        notice: Any = benchmark(lambda: provider.begin("verify_payment_notify", ours, notify, ctx))
        assert notice.paid


@pytest.mark.benchmark(group="alipay notification: the fields are decoded, verify them")
@pytest.mark.parametrize("who", ["raw_rsa_verify", "tongfu", "python_alipay_sdk"])
def test_verification(benchmark: Any, who: str) -> None:
    """What other libraries take: a form that the web framework has decoded already."""
    form = notification()
    if who == "raw_rsa_verify":
        benchmark(raw_verify)
    elif who == "python_alipay_sdk":
        client, signature = sdk(), form.pop("sign")
        assert benchmark(lambda: client.verify(dict(form), signature))
    else:
        ours, provider = account(), load_provider("alipay")
        ctx = Context(datetime(2026, 11, 24, tzinfo=UTC), "n", BoundSigner(provider, ours))
        benchmark(lambda: authentic(ours, form, "utf-8", ctx))


@pytest.mark.benchmark(group="alipay answer: from its bytes to the verified node")
@pytest.mark.parametrize("who", ["raw_rsa_verify", "tongfu", "python_alipay_sdk"])
def test_answer(benchmark: Any, who: str) -> None:
    if who == "raw_rsa_verify":
        benchmark(raw_verify)
    elif who == "python_alipay_sdk":
        client = sdk()
        text = REPLY.decode()
        answer = benchmark(lambda: client._verify_and_return_sync_response(text, "alipay_trade_query_response"))
        assert answer["trade_status"] == "TRADE_SUCCESS"
    else:
        ours, provider = account(), load_provider("alipay")
        ctx = Context(datetime(2026, 11, 24, tzinfo=UTC), "n", BoundSigner(provider, ours))
        call: Any = provider.begin("order_query", ours, OrderKey(out_trade_no="A1001"), ctx)
        response = HttpResponse(200, {}, REPLY)
        node = benchmark(lambda: provider.decode(ours, call, response, ctx))
        assert node["trade_status"] == "TRADE_SUCCESS"


@pytest.mark.benchmark(group=f"alipay order_query over loopback, {AT_ONCE} at once", min_rounds=5)
@pytest.mark.parametrize("who", ["raw_aiohttp", "raw_aiohttp_and_bare_rsa", "tongfu", "python_alipay_sdk"])
def test_query(benchmark: Any, who: str, serve: Callable[[bytes], str], loop: asyncio.AbstractEventLoop) -> None:
    origin = serve(REPLY)

    if who == "python_alipay_sdk":
        client = sdk()
        client._gateway = origin + "/gateway.do"
        with ThreadPoolExecutor(AT_ONCE) as pool:
            benchmark(
                lambda: list(pool.map(lambda _: client.api_alipay_trade_query(out_trade_no="A1001"), range(CALLS)))
            )
        return

    async def many(one: Callable[[], Any]) -> None:
        async def worker() -> None:
            for _ in range(CALLS // AT_ONCE):
                await one()

        await asyncio.gather(*(worker() for _ in range(AT_ONCE)))

    if who.startswith("raw"):

        async def opened() -> aiohttp.ClientSession:
            return aiohttp.ClientSession()

        session = loop.run_until_complete(opened())
        body = b"biz_content=%7B%22out_trade_no%22%3A%22A1001%22%7D" + b"&x=" + b"0" * 600
        bare_rsa = who == "raw_aiohttp_and_bare_rsa"  # what no client can go below

        async def post() -> None:
            if bare_rsa:
                sign(OURS, b"x" * 300)
            async with session.post(origin + "/gateway.do", data=body) as response:
                await response.read()
            if bare_rsa:
                raw_verify()

        benchmark(lambda: loop.run_until_complete(many(post)))
        loop.run_until_complete(session.close())
    else:
        tf = Tongfu({"alipay": account(gateway=origin + "/gateway.do")})

        async def query() -> None:
            order = await tf.payment.order_query("alipay", out_trade_no="A1001")
            assert order.paid

        benchmark(lambda: loop.run_until_complete(many(query)))
        loop.run_until_complete(tf.close())
