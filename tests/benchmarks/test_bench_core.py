"""What the core costs by itself: importing, making a client, hooks, limits, memory."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tracemalloc
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tongfu import CallFinished, Context, HttpRequest, HttpResponse, Tongfu, hookimpl
from tongfu.engine import BoundSigner
from tongfu.params import OrderParams
from tongfu.payments import read
from tongfu.registry import load_provider
from tongfu_alipay import AlipayAccount
from tongfu_weixin import WeixinAccount
from tongfu_weixin.pay_v2 import limits

KEY = "192006250b4c09247ec02edce69f6a2d"
ACCOUNT = WeixinAccount(app_id="wxd930ea5d5a258f4f", mch_id="1900000109", key=KEY)
ORDER = {
    "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
    "body": "coffee",
    "out_trade_no": "A10011",
    "total_fee": 100,
    "notify_url": "https://shop.example/notify/weixin",
}
PROGRAMS = {
    "python_itself": "",
    "import_tongfu": "import tongfu",
    "the_four_dependencies": (
        "import aiohttp, marshmallow, pluggy\n"
        "from cryptography.hazmat.primitives import hashes, serialization\n"
        "from cryptography.hazmat.primitives.asymmetric import padding\n"
        "from cryptography.hazmat.primitives.ciphers.aead import AESGCM"
    ),
    "a_client": (
        "import tongfu\nfrom tongfu_weixin import WeixinAccount\n"
        f"tongfu.Tongfu({{'w': WeixinAccount(app_id='wx0', mch_id='1900000109', key={KEY!r})}})"
    ),
    "a_client_of_both": (
        "import tongfu\nfrom tongfu_alipay import AlipayAccount\nfrom tongfu_weixin import WeixinAccount\n"
        f"tongfu.Tongfu({{'w': WeixinAccount(app_id='wx0', mch_id='1900000109', key={KEY!r}),"
        " 'a': AlipayAccount(app_id='2021000000000001')})"
    ),
}


def test_fresh_process(record_property: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """What a fresh interpreter takes for each program, in turns: its CPU time, least of nine, and its peak memory."""
    program = (
        "import time; started = time.process_time()\n{}\n"
        "print(time.process_time() - started, next(line.split()[1] for line in open('/proc/self/status') "
        "if line.startswith('VmHWM')))"
    )
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in PROGRAMS}
    for _ in range(9):
        for name, source in PROGRAMS.items():
            done = subprocess.run(
                [sys.executable, "-c", program.format(source)], capture_output=True, text=True, check=True, timeout=60
            )
            seconds, kilobytes = map(float, done.stdout.split())
            taken[name].append((seconds * 1000, kilobytes / 1024))
    for name, pairs in taken.items():
        milliseconds, megabytes = (min(column) for column in zip(*pairs, strict=True))
        record_property(name, (milliseconds, megabytes))
        with capsys.disabled():
            print(f"\n{name}: {milliseconds:.1f} ms, {megabytes:.1f} MB", end="")


@pytest.mark.benchmark(group="a client whose key was seen before")
@pytest.mark.parametrize("who", ["weixin", "alipay"])
def test_construction(benchmark: Any, who: str) -> None:
    encoding = serialization.Encoding.PEM
    private = rsa.generate_private_key(65537, 2048).private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    alipays = rsa.generate_private_key(65537, 2048).public_key()
    public = alipays.public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)

    def make() -> Tongfu:
        if who == "weixin":
            return Tongfu({"shop": ACCOUNT})
        # A new account object over the same key text, as from a database.
        ours = AlipayAccount(app_id="2021000000000001", private_key=private, alipay_public_key=public)
        ours.signing_key()
        ours.verifying_key()
        return Tongfu({"shop": ours})

    make()
    benchmark(make)


@pytest.mark.benchmark(group="the limits of an order's parameters")
@pytest.mark.parametrize("who", ["tongfu", "marshmallow"])
def test_limits(benchmark: Any, who: str) -> None:
    params = OrderParams(**ORDER)  # type: ignore[arg-type] # a str and an int among them
    if who == "tongfu":
        benchmark(lambda: limits.ORDER.check("weixin", "get_order_info", params))
    else:
        assert benchmark(lambda: limits.ORDER.validate(ORDER)) == {}


@pytest.mark.benchmark(group="hooks: five of a call, and the observers")
@pytest.mark.parametrize("who", ["functions_themselves", "nobody_listens", "one_plugin"])
def test_hooks(benchmark: Any, who: str) -> None:
    """Operation, encode, sign, decode, verify: with hooks that do nothing, what remains is what hooks cost."""

    def sign(account: Any, payload: bytes, algorithm: str) -> str:
        return "s"

    def verify(account: Any, payload: bytes, signature: str, algorithm: str) -> bool:
        return True

    def encode(account: Any, call: Any, ctx: Any) -> HttpRequest:
        return request

    def decode(account: Any, call: Any, response: Any, ctx: Any) -> dict[str, Any]:
        return fields

    def query(account: Any, params: Any, ctx: Any) -> Any:
        return fields

    request, response, fields = HttpRequest("POST", ""), HttpResponse(200, {}, b""), {"a": 1}
    provider = load_provider("weixin")
    provider = type(provider)(
        "weixin",
        SimpleNamespace(
            tongfu_sign=hookimpl(sign),
            tongfu_verify=hookimpl(verify),
            tongfu_encode_request=hookimpl(encode),
            tongfu_decode_response=hookimpl(decode),
            tongfu_order_query=hookimpl(query),
        ),
    )
    if who == "one_plugin":

        def finished(event: CallFinished) -> None:
            pass

        provider.extend(SimpleNamespace(tongfu_call_finished=hookimpl(finished)))
    event = CallFinished("weixin", "shop", "order_query", 0.1, None)
    ctx = Context(datetime(2026, 11, 24, tzinfo=UTC), "n", BoundSigner(provider, ACCOUNT))
    call: Any = None

    def hooked() -> None:
        provider.begin("order_query", ACCOUNT, None, ctx)
        provider.encode(ACCOUNT, call, ctx)
        provider.sign(ACCOUNT, b"", "MD5")
        provider.decode(ACCOUNT, call, response, ctx)
        provider.check(ACCOUNT, b"", "s", "MD5")
        if provider.observed:
            provider.finished(event)

    def bare() -> None:
        query(ACCOUNT, None, ctx)
        encode(ACCOUNT, call, ctx)
        sign(ACCOUNT, b"", "MD5")
        decode(ACCOUNT, call, response, ctx)
        verify(ACCOUNT, b"", "s", "MD5")

    benchmark(bare if who == "functions_themselves" else hooked)


def test_memory_of_a_call_in_flight(
    record_property: Any, capsys: pytest.CaptureFixture[str], loop: asyncio.AbstractEventLoop
) -> None:
    """KB for each of a thousand calls that wait for their answers, beside what the connection itself takes."""
    calls = 1000

    class Waits:
        async def send(self, request: HttpRequest, timeout: float) -> HttpResponse:
            await asyncio.Event().wait()
            raise AssertionError("nobody sets it")

        async def close(self) -> None:
            pass

    async def measured() -> float:
        tf = Tongfu({"shop": ACCOUNT}, transport=Waits())
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        tasks = [asyncio.ensure_future(tf.payment.order_query("shop", out_trade_no=f"A{n:06}")) for n in range(calls)]
        await asyncio.sleep(0)
        taken = (tracemalloc.get_traced_memory()[0] - before) / calls / 1024
        tracemalloc.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return taken

    kilobytes = loop.run_until_complete(measured())
    record_property("kilobytes", kilobytes)
    with capsys.disabled():
        print(f"\na call in flight takes {kilobytes:.1f} KB beside its connection")


@pytest.mark.benchmark(group="keywords to parameters")
def test_keywords(benchmark: Any) -> None:
    benchmark(lambda: read("weixin", "get_order_info", ORDER, lambda params: params))
