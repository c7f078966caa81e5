from __future__ import annotations

import asyncio
import base64
import copy
import gzip
import io
import pickle
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tongfu import ClientCertificate, HttpRequest, HttpResponse, MalformedAnswer, Notification, TongfuError
from tongfu.call import NOTIFICATION_LIMIT, joined

BODY = "<xml>中文</xml>"


def test_a_notifications_headers_are_lower_case() -> None:
    headers = {"Wechatpay-SERIAL": "AB"}
    notify = Notification(headers, b"body")

    assert notify.headers == {"wechatpay-serial": "AB"}
    assert headers == {"Wechatpay-SERIAL": "AB"}


def test_a_notification_has_a_limit() -> None:
    assert len(Notification({}, b"x" * NOTIFICATION_LIMIT).body) == NOTIFICATION_LIMIT
    with pytest.raises(MalformedAnswer, match="of 1048577 bytes is larger than 1048576"):
        Notification({}, b"x" * (NOTIFICATION_LIMIT + 1))


@pytest.mark.parametrize("body", ["text", None, bytearray(b"x"), {}])
def test_a_notifications_body_is_bytes(body: Any) -> None:
    with pytest.raises(TypeError, match=f"not {type(body).__name__}"):
        Notification({}, body)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({}, Notification({}, b"")),
        ({"headers": None, "body": None, "queryStringParameters": None}, Notification({}, b"")),
        (
            {"headers": {"A": "1"}, "queryStringParameters": {"q": 1}, "body": BODY, "isBase64Encoded": False},
            Notification({"a": "1"}, BODY.encode(), {"q": "1"}),
        ),
        ({"body": base64.b64encode(BODY.encode()).decode(), "isBase64Encoded": True}, Notification({}, BODY.encode())),
        ({"body": base64.b64encode(b"\xff\x00"), "isBase64Encoded": True}, Notification({}, b"\xff\x00")),
        ({"body": "YQ==", "isBase64Encoded": False}, Notification({}, b"YQ==")),
        ({"body": "\ud800"}, Notification({}, b"\xed\xa0\x80")),
    ],
)
def test_a_unicloud_event_is_read(event: dict[str, Any], expected: Notification) -> None:
    assert Notification.from_unicloud_event(event) == expected


@pytest.mark.parametrize(
    "event",
    [
        None,
        [],
        "event",
        {"headers": []} | {"headers": ["a"]},
        {"queryStringParameters": "a=1"},
        {"body": {"a": 1}},
        {"body": 5},
        {"body": "not base64!", "isBase64Encoded": True},
        {"body": "YQ", "isBase64Encoded": True},
        {"body": "中文", "isBase64Encoded": True},
        {"body": "x" * (NOTIFICATION_LIMIT + 1)},
        {"body": base64.b64encode(b"x" * (NOTIFICATION_LIMIT + 1)).decode(), "isBase64Encoded": True},
    ],
    ids=lambda event: repr(event)[:40],
)
def test_what_is_no_unicloud_event_is_refused(event: Any) -> None:
    with pytest.raises(MalformedAnswer):
        Notification.from_unicloud_event(event)


@pytest.fixture
async def origin() -> AsyncIterator[str]:
    """A service that answers what it read of the request, or the name of the error."""

    async def handler(request: web.BaseRequest) -> web.Response:
        try:
            notify = await Notification.from_request(request)
        except TongfuError as exc:
            return web.Response(status=400, text=type(exc).__name__)
        return web.json_response(
            [dict(notify.headers).get("x-sign"), notify.body.decode("latin-1"), dict(notify.query)]
        )

    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_an_aiohttp_request_is_read_raw(origin: str) -> None:
    async with aiohttp.ClientSession() as session:
        form = {"Content-Type": "application/x-www-form-urlencoded; charset=GBK", "X-Sign": "s"}
        async with session.post(f"{origin}/n?a=1&b=%E4%BD%A0", data=b"a=%C4%E3\xff", headers=form) as response:
            assert await response.json() == ["s", "a=%C4%E3\xff", {"a": "1", "b": "你"}]


async def test_a_second_signature_header_is_not_hidden(origin: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(origin, data=b"x", headers=[("X-Sign", "good"), ("X-Sign", "evil")]) as response,
    ):
        assert (await response.json())[0] == "good, evil"


async def test_a_second_query_parameter_is_not_hidden(origin: str) -> None:
    async with aiohttp.ClientSession() as session, session.post(f"{origin}/n?a=good&b=1&a=evil", data=b"x") as response:
        assert (await response.json())[2] == {"a": "good, evil", "b": "1"}


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
async def test_a_request_that_is_too_large_is_refused(origin: str, declared: bool) -> None:
    body = b"x" * (NOTIFICATION_LIMIT + 1)

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    async with (
        aiohttp.ClientSession() as session,
        session.post(origin, data=io.BytesIO(body) if declared else chunks()) as response,
    ):
        assert (response.status, await response.text()) == (400, "MalformedAnswer")


async def test_a_request_that_expands_is_refused(origin: str) -> None:
    bomb = gzip.compress(b"x" * (4 * NOTIFICATION_LIMIT))
    async with (
        aiohttp.ClientSession() as session,
        session.post(origin, data=bomb, headers={"Content-Encoding": "gzip"}) as response,
    ):
        assert (response.status, await response.text()) == (400, "MalformedAnswer")


async def test_a_body_not_encoded_as_it_says_is_malformed() -> None:
    read: asyncio.Future[BaseException | None] = asyncio.get_running_loop().create_future()

    async def handler(request: web.BaseRequest) -> web.Response:
        try:
            await Notification.from_request(request)
        except BaseException as exc:
            read.set_result(exc)
            raise
        read.set_result(None)
        return web.Response()

    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    _, writer = await asyncio.open_connection(*runner.addresses[0])
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk")
    caught = await asyncio.wait_for(read, 5)
    writer.close()
    await runner.cleanup()

    assert type(caught) is MalformedAnswer


def test_a_requests_repr_hides_query_headers_and_body() -> None:
    request = HttpRequest("POST", "https://pay.test/a?access_token=s3cret", {"Authorization": "s3cret"}, b"s3cret")

    assert repr(request) == "HttpRequest(POST https://pay.test/a)"
    assert "s3cret" not in repr(HttpResponse(200, {"set-cookie": "s3cret"}, b"s3cret"))
    assert repr(Notification({"sign": "s3cret"}, b"s3cret", {"sign": "s3cret"})) == "Notification()"


@pytest.mark.parametrize("again", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_client_certificate_is_not_copied_out(again: Any) -> None:
    certificate = ClientCertificate(b"CERT", b"K3Y")

    assert repr(certificate) == "ClientCertificate()"
    with pytest.raises(TypeError, match="holds a private key and is not pickled"):
        again(certificate)


def test_a_header_in_two_spellings_hides_neither() -> None:
    assert Notification({"X-Sign": "1", "x-sign": "2"}, b"").headers == {"x-sign": "1, 2"}


def test_joined_headers_keep_every_value() -> None:
    assert joined({"A": "1", "b": "2", "a": "3"}) == {"a": "1, 3", "b": "2"}
