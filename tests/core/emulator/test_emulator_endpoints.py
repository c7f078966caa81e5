from __future__ import annotations

import asyncio
import io
import json
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import aiohttp
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from tongfu.emulator import Emulator, Exchange
from tongfu.emulator.endpoints import EXPLAIN_LIMIT, explained

Create = Callable[..., Any]
Client = aiohttp.ClientSession


async def test_the_half_sees_the_request_as_it_was_sent(emu: Emulator, client: Client) -> None:
    body = b"\xff<xml>&amp;"
    async with client.post("/echo?b=%41&a=1", data=body, headers=[("X-Twice", "1"), ("X-Twice", "2")]) as response:
        seen = await response.json(content_type=None)

    assert seen == {
        "path": "/echo",
        "query": "b=A&a=1",  # as aiohttp's client normalises it
        "twice": "1, 2",
        "body": body.decode("latin-1"),
        "https": False,
        "client_ip": "127.0.0.1",
    }


async def test_an_answer_explains_itself_in_one_harmless_header(emu: Emulator, client: Client) -> None:
    async with client.post("/echo") as response:
        headers = response.headers

    assert unquote(headers["X-Emulator-Explain"]) == "expected key=*** 中\r\nX-Evil: 1 100%"
    assert (headers["X-Emulator-Request-Id"], "X-Evil" in headers) == ("request-1", False)


def test_a_long_explanation_is_cut_between_characters() -> None:
    long = explained("中" * 5000)

    assert len(long) <= EXPLAIN_LIMIT + 3
    assert set(unquote(long.removesuffix("..."), errors="ignore")) == {"中"}


async def test_an_exchange_keeps_the_verdict_and_no_secret(emu: Emulator, client: Client) -> None:
    headers = {"Authorization": "WECHATPAY2 signature", "Cookie": "c"}
    async with client.post("/echo?access_token=tok-1&sign=sig-1", data=b"key=body-secret", headers=headers):
        pass
    (exchange,) = emu.exchanges

    assert exchange == Exchange(
        id="request-1",
        at=emu.clock.now(),
        platform="fake",
        method="POST",
        path="/echo",
        parameters=("access_token", "sign"),
        status=200,
        verdict="invalid",
        explain="expected key=*** 中\r\nX-Evil: 1 100%",
        duration=exchange.duration,
    )
    assert exchange.duration > 0


async def test_the_order_of_an_exchange_is_told(emu: Emulator, create: Create) -> None:
    await create("A1")

    assert [(exchange.out_trade_no, exchange.verdict) for exchange in emu.exchanges] == [("A1", "valid")]


async def test_a_path_of_no_platform_is_told_as_such(emu: Emulator, client: Client) -> None:
    async with client.post("/nowhere") as response:
        answer = (response.status, await response.json())

    assert answer == (404, {"error": "not_found", "message": "no emulated platform has POST /nowhere"})
    assert [(exchange.path, exchange.status) for exchange in emu.exchanges] == [("/nowhere", 404)]


async def test_a_half_that_fails_is_a_500_without_its_reason(emu: Emulator, client: Client) -> None:
    async with client.post("/broken") as response:
        answer = (response.status, await response.read())

    assert answer == (500, b"emulator error")
    assert emu.exchanges[0].error == "RuntimeError: lost ***"


async def test_a_missing_extra_is_named_to_who_runs_the_emulator(emu: Emulator, client: Client) -> None:
    said = "the emulator needs pens for this: pip install 'tongfu[emulator]'"
    with pytest.warns(RuntimeWarning) as warned:
        async with client.post("/broken", data=b"draw") as response:
            told = (response.status, unquote(response.headers["X-Emulator-Explain"]))

    assert (500, said) == told
    assert [said] == [str(each.message) for each in warned]


async def test_a_body_above_four_mebibytes_is_refused(emu: Emulator, client: Client) -> None:
    async with client.post("/echo", data=io.BytesIO(b"x" * (4 << 20))) as response:
        largest = response.status
    async with client.post("/echo", data=io.BytesIO(b"x" * ((4 << 20) + 1))) as response:
        too_large = response.status

    assert (largest, too_large, emu.exchanges[-1].status) == (200, 413, 413)


async def test_http_does_not_demand_a_client_certificate(emu: Emulator, client: Client) -> None:
    async with client.post("/refund") as response:
        assert (response.status, await response.read()) == (200, b"none")


async def test_https_without_the_certificate_is_refused_as_the_gateway_does(
    emu: Emulator, client: Client, trusting: ssl.SSLContext
) -> None:
    async with client.post(f"{emu.https_url}/refund", ssl=trusting) as response:
        answer = (
            response.status,
            response.content_type,
            "No required SSL certificate was sent" in await response.text(),
        )

    assert answer == (400, "text/html", True)


async def test_https_with_the_certificate_shows_it_to_the_half(fake_half: Any, tmp_path: Any) -> None:
    worlds = []

    def emulate(world: Any) -> Any:
        worlds.append(world)
        return fake_half(world)

    async with Emulator(halves=[emulate]) as emu, Client() as client:
        sealed, der = worlds[0].client_certificate("1900000109", b"pass")
        async with client.post(f"{emu.https_url}/refund", ssl=presenting(emu, sealed, tmp_path)) as response:
            answer = (response.status, await response.read())

    assert answer == (200, der)


async def test_https_refuses_a_certificate_of_somebody_else(fake_half: Any, tmp_path: Any) -> None:
    worlds = []

    def emulate(world: Any) -> Any:
        worlds.append(world)
        return fake_half(world)

    async with Emulator(halves=[emulate]), Emulator(halves=[fake_half]) as other, Client() as client:
        sealed, _ = worlds[0].client_certificate("1900000109", b"pass")
        with pytest.raises(aiohttp.ClientError):
            await client.post(f"{other.https_url}/refund", ssl=presenting(other, sealed, tmp_path))
        seen = other.exchanges

    assert seen == []


def presenting(emu: Emulator, sealed: bytes, folder: Any) -> ssl.SSLContext:
    key, certificate, _ = pkcs12.load_key_and_certificates(sealed, b"pass")
    assert key is not None
    assert certificate is not None
    file = folder / "client.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.create_default_context(cadata=emu.ca_pem.decode())
    context.load_cert_chain(file)
    return context


async def struck(emu: Emulator) -> None:
    """Let the loop turn until a fault has hit the first request; there is nothing to wait on but the silence."""
    while not (emu.exchanges and emu.exchanges[0].fault):  # noqa: ASYNC110 - see above
        await asyncio.sleep(0)


@pytest.mark.parametrize(("fault", "orders"), [("timeout_before", 0), ("timeout_after_commit", 1)])
async def test_a_timeout_says_nothing_before_or_after_the_commit(
    emu: Emulator, client: Client, fault: str, orders: int
) -> None:
    emu.fault(fault, path="/orders/*")
    request = asyncio.ensure_future(client.post("/orders/create", json={"out_trade_no": "A1"}))
    await struck(emu)
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)

    assert (len(emu.orders()), emu.exchanges[0].status, emu.exchanges[0].fault) == (orders, 0, fault)


async def test_a_request_held_back_does_not_hold_the_emulators_end(fake_half: Any) -> None:
    async with Client() as client:
        async with Emulator(halves=[fake_half]) as emu:
            emu.fault("timeout_before")
            request = asyncio.ensure_future(client.post(f"{emu.url}/echo"))
            await struck(emu)
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await request


async def test_reset_breaks_the_connection_with_nothing_done(emu: Emulator, client: Client) -> None:
    emu.fault("reset")
    with pytest.raises(aiohttp.ClientOSError, match="reset by peer"):
        await client.post("/orders/create", json={"out_trade_no": "A1"})

    assert emu.orders() == []


async def test_a_gateways_status_is_a_page_with_nothing_done(emu: Emulator, client: Client) -> None:
    emu.fault("status:502")
    async with client.post("/orders/create", json={"out_trade_no": "A1"}) as response:
        answer = (response.status, response.content_type, "<h1>502 Bad Gateway</h1>" in await response.text())

    assert (answer, emu.orders()) == ((502, "text/html", True), [])


async def test_truncate_promises_the_whole_and_gives_half(emu: Emulator, client: Client) -> None:
    emu.fault("truncate")
    with pytest.raises(aiohttp.ClientPayloadError):
        async with client.post("/orders/create", json={"out_trade_no": "A1"}) as response:
            await response.read()

    assert len(emu.orders()) == 1


@pytest.mark.parametrize("fault", ["bad_signature", "no_signature", "unknown_serial"])
async def test_the_half_breaks_its_own_signature(emu: Emulator, client: Client, fault: str) -> None:
    emu.fault(fault)
    async with client.post("/echo") as response:
        broken = response.headers["X-Signature"]
    async with client.post("/echo") as response:
        whole = response.headers["X-Signature"]

    assert (broken, whole) == (fault, "signed")


async def test_a_fault_takes_its_matchers_as_the_control_route_does(emu: Emulator) -> None:
    emu.fault("reset", match={"path": "/echo", "nth": 2, "out_trade_no": "A1"}, times=3)
    emu.fault("reset", path="/echo", nth=2, out_trade_no="A1", times=3)
    first, second = emu.faults

    assert [(each.path, each.nth, each.out_trade_no, each.times) for each in (first, second)] == [
        ("/echo", 2, "A1", 3)
    ] * 2
    with pytest.raises(ValueError, match="unknown: url; there are: path, nth, out_trade_no"):
        emu.fault("reset", match={"url": "/echo"})


async def test_a_slow_answer_is_whole(emu: Emulator, client: Client) -> None:
    emu.fault("slow:0.001")
    async with client.post("/echo", data=b"x") as response:
        assert (response.status, json.loads(await response.read())["body"]) == (200, "x")


async def test_a_fault_finds_the_order_by_the_platforms_number_too(
    emu: Emulator, client: Client, create: Create
) -> None:
    transaction_id = (await create("A1"))["id"]
    emu.fault("status:500", out_trade_no="A1")
    async with client.post("/echo", data=b'{"out_trade_no": "A2"}') as response:
        other = response.status
    async with client.post("/echo", data={"biz_content": json.dumps({"id": transaction_id})}) as response:
        same = response.status

    assert (other, same) == (200, 500)
