"""Against a real server on loopback; aioresponses only where a server cannot do it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import gc
import http.server
import ipaddress
import os
import ssl
import tempfile
import threading
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tongfu import ClientCertificate, ConfigError, HttpRequest, HttpResponse, MalformedAnswer, TransportError
from tongfu.bills import Spool
from tongfu.transport import AiohttpTransport

Handler = Callable[[Any], Awaitable[web.StreamResponse]]
Serve = Callable[..., Awaitable[str]]
SECRET = "access_token=s3cret"


@pytest.fixture
async def transport() -> AsyncIterator[AiohttpTransport]:
    transport = AiohttpTransport()
    yield transport
    await transport.close()


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """``await serve(handler)``: the origin of a server that answers every request with it."""
    async with contextlib.AsyncExitStack() as stack:

        async def serve(handler: Handler, context: ssl.SSLContext | None = None) -> str:
            runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
            await site.start()
            return f"{'https' if context else 'http'}://127.0.0.1:{runner.addresses[0][1]}"

        yield serve


@pytest.fixture
async def talk() -> AsyncIterator[Callable[..., Awaitable[str]]]:
    """``await talk(conversation)``: the origin of a TCP server that does just what *conversation* says."""
    async with contextlib.AsyncExitStack() as stack:

        async def talk(conversation: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> str:
            server = await asyncio.start_server(conversation, "127.0.0.1", 0)
            stack.callback(server.close)
            return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

        yield talk


async def ok(request: web.BaseRequest) -> web.Response:
    return web.Response(body=b"ok")


@pytest.mark.parametrize(
    "target",
    [
        "/a/T|1*2%7C%2a%2A%3D?q=a%2Cb%20c+d%7E~'()&e=%25&f=x=y",
        "/%E4%B8%AD/%2F/%2e%2E/..;/a//b",
        "/p?token=%41%42|*&tartype=gzip",
    ],
)
async def test_the_path_and_query_sent_are_the_ones_given(
    transport: AiohttpTransport, talk: Callable[..., Awaitable[str]], target: str
) -> None:
    """A signature covers them: what yarl would spell otherwise is not what was signed."""
    lines: list[bytes] = []

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readline())
        writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    await transport.send(HttpRequest("GET", f"{await talk(conversation)}{target}"), 5.0)

    assert lines == [f"GET {target} HTTP/1.1\r\n".encode()]


async def test_a_url_with_a_line_break_adds_no_header(
    transport: AiohttpTransport, talk: Callable[..., Awaitable[str]]
) -> None:
    heads: list[bytes] = []

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    await transport.send(HttpRequest("GET", f"{await talk(conversation)}/a b\r\nX-Injected: 1\r\n"), 5.0)

    assert heads[0].startswith(b"GET /a%20bX-Injected:%201 HTTP/1.1\r\n")
    assert b"\r\nX-Injected" not in heads[0]


async def test_the_bytes_sent_are_the_bytes_given(transport: AiohttpTransport, serve: Serve) -> None:
    seen: list[Any] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.method, request.raw_path, request.headers["X-Sign"], await request.read()))
        return web.Response(status=418, body=b"\xff\x00", headers={"X-Serial": "AB", "Content-Type": "text/plain"})

    origin = await serve(handler)
    sent = HttpRequest("POST", f"{origin}/pay/%E4%BD%A0?a=1%2B1&b=", {"X-Sign": "s"}, b"\x00\xfe<xml/>")
    response = await transport.send(sent, 5)

    assert seen == [("POST", "/pay/%E4%BD%A0?a=1%2B1&b=", "s", b"\x00\xfe<xml/>")]
    assert (response.status, response.body, response.headers["x-serial"]) == (418, b"\xff\x00", "AB")
    assert [name for name in response.headers if name != name.lower()] == []


async def test_a_doubled_header_keeps_both_values(transport: AiohttpTransport, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        response = web.Response(body=b"")
        response.headers.add("Wire-Signature", "good")
        response.headers.add("wire-signature", "evil")
        return response

    response = await transport.send(HttpRequest("GET", await serve(handler)), 5)

    assert response.headers["wire-signature"] == "good, evil"


async def test_redirects_are_answers(transport: AiohttpTransport, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.path == "/"
        return web.Response(status=307, headers={"Location": "/elsewhere"}, body=b"moved")

    response = await transport.send(HttpRequest("POST", await serve(handler), {}, b"money"), 5)

    assert (response.status, response.body) == (307, b"moved")


async def test_an_answer_may_be_as_large_as_the_limit_and_no_larger(transport: AiohttpTransport, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1000)

    origin = await serve(handler)
    assert len((await transport.send(HttpRequest("GET", origin, body_limit=1000), 5)).body) == 1000
    with pytest.raises(MalformedAnswer, match="larger than 999 bytes"):
        await transport.send(HttpRequest("GET", origin, body_limit=999), 5)
    assert (await transport.send(HttpRequest("GET", origin), 5)).status == 200


async def test_the_limit_counts_what_a_compressed_answer_becomes(transport: AiohttpTransport, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        response = web.Response(body=b"x" * 1_000_000)
        response.enable_compression(web.ContentCoding.gzip)
        return response

    with pytest.raises(MalformedAnswer):
        await transport.send(HttpRequest("GET", await serve(handler), body_limit=10_000), 5)


async def test_a_large_body_goes_where_the_request_says(transport: AiohttpTransport, serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 3_000_000, status=int(request.query["status"]))

    origin = await serve(handler)
    asked = HttpRequest("GET", f"{origin}?status=200", body_limit=3_000_000, file=Spool)
    response = await transport.send(asked, 5)
    assert (response.body, response.file.size) == (b"", 3_000_000)
    with pytest.raises(MalformedAnswer, match="larger than 2999999 bytes"):
        await transport.send(HttpRequest("GET", f"{origin}?status=200", body_limit=2_999_999, file=Spool), 5)
    refusal = await transport.send(HttpRequest("GET", f"{origin}?status=404", body_limit=3_000_000, file=Spool), 5)
    assert (len(refusal.body), refusal.file) == (3_000_000, None)


async def test_a_large_body_may_take_longer_than_the_timeout_but_not_stand_still(
    transport: AiohttpTransport, serve: Serve
) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(8):
            await response.write(b"x")
            await asyncio.sleep(0.05 if request.query_string == "drips" else 0)
        if request.query_string == "stands":
            await asyncio.sleep(30)
        return response

    origin = await serve(handler)
    response = await transport.send(HttpRequest("GET", f"{origin}?drips", file=Spool), 0.2)
    assert response.file.size == 8
    with pytest.raises(TransportError, match=r"did not answer within 0\.2 s"):
        await transport.send(HttpRequest("GET", f"{origin}?stands", file=Spool), 0.2)


async def test_a_refused_connection_sent_nothing(transport: AiohttpTransport, unused_tcp_port: int) -> None:
    with pytest.raises(TransportError) as caught:
        await transport.send(HttpRequest("POST", f"http://127.0.0.1:{unused_tcp_port}/pay?{SECRET}", {}, b"money"), 5)

    assert caught.value.sent is False
    assert str(caught.value) == (
        f"cannot connect to http://127.0.0.1:{unused_tcp_port}/pay: ClientConnectorError; nothing was sent"
    )


async def test_an_unknown_host_sent_nothing() -> None:
    class Resolver(aiohttp.abc.AbstractResolver):
        async def resolve(self, *args: Any, **kwargs: Any) -> Any:
            raise OSError(-2, "Name or service not known")

        async def close(self) -> None: ...

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=Resolver())) as session:
        with pytest.raises(TransportError) as caught:
            await AiohttpTransport(session).send(HttpRequest("POST", f"https://nowhere.test/?{SECRET}"), 5)

    assert caught.value.sent is False
    assert "ClientConnectorDNSError" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", b"HTTP/1.1 200 O", b"not http at all\r\n\r\n"],
    ids=["nothing", "half a body", "half a header", "another protocol"],
)
async def test_a_connection_that_breaks_may_have_sent(transport: AiohttpTransport, talk: Any, answer: bytes) -> None:
    requests = []

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"money"))
        writer.write(answer)
        writer.close()

    origin = await talk(conversation)
    with pytest.raises(TransportError, match=f"^the connection to {origin}/pay broke: ") as caught:
        await transport.send(HttpRequest("POST", f"{origin}/pay?{SECRET}", {}, b"money"), 5)

    assert caught.value.sent is True
    assert len(requests) == 1


async def test_a_timeout_may_have_sent(transport: AiohttpTransport, talk: Any) -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    origin = await talk(conversation)
    with pytest.raises(TransportError) as caught:
        await transport.send(HttpRequest("POST", f"{origin}/pay?{SECRET}", {}, b"money"), 0.05)

    assert caught.value.sent is True
    assert str(caught.value) == f"{origin}/pay did not answer within 0.05 s"


@pytest.mark.parametrize(
    ("failure", "sent"),
    [
        (aiohttp.ConnectionTimeoutError(f"Connection timeout to host https://pay.test/?{SECRET}"), False),
        (aiohttp.ServerTimeoutError("reading"), True),
        (TimeoutError(), True),
        (aiohttp.ServerDisconnectedError(), True),
        (aiohttp.ClientOSError(104, f"Can not write request body for https://pay.test/?{SECRET}"), True),
        (ConnectionResetError("reset"), True),
        (aiohttp.ClientPayloadError("cut"), True),
    ],
)
async def test_only_a_failure_to_connect_sent_nothing(mocked: Any, failure: Exception, sent: bool) -> None:
    mocked.post("https://pay.test/refund", exception=failure)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(TransportError) as caught:
            await AiohttpTransport(session).send(HttpRequest("POST", "https://pay.test/refund"), 5)

    assert caught.value.sent is sent
    assert SECRET not in "".join(traceback.format_exception(caught.value))


async def test_a_platforms_address_is_reached_as_given(mocked: Any) -> None:
    mocked.post("https://pay.test/refund", body=b"<xml/>", headers={"X-A": "1"})
    async with aiohttp.ClientSession() as session:
        response = await AiohttpTransport(session).send(HttpRequest("POST", "https://pay.test/refund"), 5)

    assert response == HttpResponse(200, {"content-type": "application/json", "x-a": "1"}, b"<xml/>")


@pytest.mark.parametrize("url", ["not a url", "ftp://pay.test/", "/relative", "http://", "http://pay.test:x/"])
async def test_an_address_that_is_no_url_is_a_config_error(transport: AiohttpTransport, url: str) -> None:
    with pytest.raises(ConfigError, match=r"is not an http\(s\) URL") as caught:
        await transport.send(HttpRequest("POST", f"{url}?{SECRET}"), 5)

    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("answer", [b"NOT HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"])
async def test_no_traceback_quotes_the_query(transport: AiohttpTransport, talk: Any, answer: bytes) -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    with pytest.raises(TransportError) as caught:
        await transport.send(HttpRequest("POST", f"{await talk(conversation)}/x?{SECRET}"), 5)

    assert caught.value.sent is True
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("header", [("x-app", "wx1\r\nx-other: 1"), ("x-app\n", "1"), ("x-app", "wx1\0")])
async def test_a_header_that_would_become_two_is_refused_and_nothing_is_sent(
    transport: AiohttpTransport, serve: Serve, header: tuple[str, str]
) -> None:
    seen: list[Any] = []

    async def handler(request: web.BaseRequest) -> web.Response:
        seen.append(request.headers)
        return web.Response()

    with pytest.raises(ConfigError, match="holds a line break; nothing was sent") as caught:
        await transport.send(HttpRequest("POST", await serve(handler), dict([header])), 5)

    assert seen == []
    assert "wx1" not in str(caught.value)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_nothing_is_resent_on_a_stale_connection(transport: AiohttpTransport, talk: Any, method: str) -> None:
    requests = []

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    origin = await talk(conversation)
    await transport.send(HttpRequest(method, origin), 5)
    with pytest.raises(TransportError, match="broke: ServerDisconnectedError") as caught:
        await transport.send(HttpRequest(method, f"{origin}/login?js_code=once"), 5)

    assert caught.value.sent is True
    assert len(requests) == 2


async def test_a_post_is_not_resent_on_a_stale_connection(transport: AiohttpTransport, talk: Any) -> None:
    requests = []

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"first"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        with contextlib.suppress(asyncio.IncompleteReadError):
            requests.append(await reader.readuntil(b"second"))
        writer.close()

    origin = await talk(conversation)
    await transport.send(HttpRequest("POST", origin, {}, b"first"), 5)
    with pytest.raises(TransportError) as caught:
        await transport.send(HttpRequest("POST", origin, {}, b"second"), 5)

    assert caught.value.sent is True
    assert len(requests) == 2


# --- sessions ------------------------------------------------------------------------------------


async def test_an_injected_session_is_used_and_never_closed(serve: Serve) -> None:
    async with aiohttp.ClientSession(headers={"X-Mine": "1"}) as session:
        seen = []

        async def handler(request: web.Request) -> web.Response:
            seen.append(request.headers["X-Mine"])
            return web.Response()

        transport = AiohttpTransport(session)
        await transport.send(HttpRequest("GET", await serve(handler)), 5)
        await transport.close()

        assert seen == ["1"]
        assert not session.closed


async def test_an_injected_sessions_raise_for_status_hides_no_refusal(serve: Serve) -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=403, body=b'{"code": "NO_AUTH"}')

    async with aiohttp.ClientSession(raise_for_status=True) as session:
        response = await AiohttpTransport(session).send(HttpRequest("GET", await serve(handler)), 5)

    assert (response.status, response.body) == (403, b'{"code": "NO_AUTH"}')


async def test_an_injected_sessions_middlewares_repeat_no_refund(serve: Serve) -> None:
    seen = []

    async def handler(request: web.BaseRequest) -> web.Response:
        seen.append(request.method)
        return web.Response(status=503)

    async def stubborn(request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        await send(request)
        return await send(request)

    async with aiohttp.ClientSession(middlewares=(stubborn,)) as session:
        transport, origin = AiohttpTransport(session), await serve(handler)
        for method in ("GET", "POST"):
            await transport.send(HttpRequest(method, origin), 5)

    assert seen == ["GET", "POST"]


async def test_a_session_that_would_tell_the_platform_its_password_is_refused() -> None:
    with pytest.warns(DeprecationWarning, match="deprecated"):
        session = aiohttp.ClientSession(auth=aiohttp.BasicAuth("app", "s3cret"))
    async with session:
        with pytest.raises(ConfigError, match="auth of its own") as caught:
            AiohttpTransport(session)

    assert "s3cret" not in str(caught.value)


async def test_an_injected_sessions_base_url_leads_no_request_astray(serve: Serve) -> None:
    async with aiohttp.ClientSession(base_url="http://127.0.0.1:1/api/") as session:
        response = await AiohttpTransport(session).send(HttpRequest("POST", await serve(ok)), 5)

    assert response.body == b"ok"


async def test_a_closed_injected_session_is_a_config_error() -> None:
    async with aiohttp.ClientSession() as session:
        transport = AiohttpTransport(session)
    with pytest.raises(ConfigError, match="closed; nothing was sent"):
        await transport.send(HttpRequest("GET", "http://127.0.0.1:1/"), 5)


async def test_its_own_session_opens_with_the_first_request_and_closes(serve: Serve) -> None:
    transport = AiohttpTransport()
    await transport.close()
    assert vars(transport)["_session"] is None
    await transport.send(HttpRequest("GET", origin := await serve(ok)), 5)
    session = transport._session
    await transport.send(HttpRequest("GET", origin), 5)
    assert transport._session is session
    await transport.close()

    assert session is not None
    assert session.closed


# What a loop takes with it is closed by nobody, and the interpreter says so.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_it_outlives_the_event_loop_of_its_own_session() -> None:
    class Kept(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args: Any) -> None:
            pass

    transport = AiohttpTransport()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Kept) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        request = HttpRequest("GET", f"http://127.0.0.1:{server.server_port}/")

        async def send(*, last: bool) -> bytes:
            response = await transport.send(request, 5)
            if last:
                await transport.close()
            return response.body

        bodies = [asyncio.run(send(last=last)) for last in (False, False, True)]
        server.shutdown()
    gc.collect()

    assert bodies == [b"ok"] * 3


async def test_its_own_session_heeds_no_proxy_and_keeps_no_cookie(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    cookies = []

    async def handler(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        response = web.Response(body=b"direct")
        response.set_cookie("a", "b")
        return response

    transport, origin = AiohttpTransport(), await serve(handler)
    bodies = [(await transport.send(HttpRequest("GET", origin), 5)).body for _ in range(2)]
    await transport.close()

    assert bodies == [b"direct", b"direct"]
    assert cookies == [None, None]


# --- TLS -----------------------------------------------------------------------------------------


class Issuer:
    """A certificate authority of this test."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        certs_and_lists = dict.fromkeys(("key_cert_sign", "crl_sign"), True)
        others = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
        usage = x509.KeyUsage(**certs_and_lists, **dict.fromkeys((*others, "encipher_only", "decipher_only"), False))
        certificate = (
            self._builder(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)  # which Python 3.13 demands
        )
        self.pem = certificate.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def issue(self, name: str) -> ClientCertificate:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            self._builder(subject, key)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
            )
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return ClientCertificate(
            certificate.public_bytes(serialization.Encoding.PEM),
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


def server_context(issuer: Issuer, folder: Path) -> ssl.SSLContext:
    pair = issuer.issue("server")
    (path := folder / "server.pem").write_bytes(pair.certificate + pair.private_key)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cadata=issuer.pem.decode())
    context.load_cert_chain(path)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


async def whoami(request: web.BaseRequest) -> web.Response:
    assert request.transport is not None
    subject = dict(pair[0] for pair in request.transport.get_extra_info("peercert")["subject"])
    return web.Response(text=subject["commonName"])


async def test_mutual_tls_presents_each_merchants_certificate(
    transport: AiohttpTransport, serve: Serve, issuer: Issuer, tmp_path: Path
) -> None:
    origin = await serve(whoami, server_context(issuer, tmp_path))
    names = []
    for merchant in (issuer.issue("merchant-1"), issuer.issue("merchant-2")):
        sent = HttpRequest("POST", origin, {}, b"money", merchant, ca=issuer.pem)
        names += [(await transport.send(sent, 5)).body for _ in range(2)]

    assert names == [b"merchant-1", b"merchant-1", b"merchant-2", b"merchant-2"]


def held() -> set[str]:
    """The files in memory that this process keeps open; nothing where the system has none."""
    links = (link.readlink() for link in Path("/proc/self/fd").glob("*") if link.is_symlink())
    return {str(target) for target in links if "memfd:tongfu" in str(target)}


async def test_no_key_stays_on_disk(
    transport: AiohttpTransport, serve: Serve, issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = await serve(whoami, server_context(issuer, tmp_path))
    (scratch := tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    opened = held()
    certificate = issuer.issue("merchant")
    context = transport._context(HttpRequest("POST", origin, client_certificate=certificate, ca=issuer.pem))
    gc.collect()

    assert list(scratch.iterdir()) == []
    assert context.cert_store_stats()["x509_ca"] >= 1
    assert held() == opened


async def test_without_files_in_memory_the_sealed_key_is_removed_at_once(
    transport: AiohttpTransport, serve: Serve, issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = await serve(whoami, server_context(issuer, tmp_path))
    (scratch := tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.delattr(os, "memfd_create", raising=False)
    written = []
    load = ssl.SSLContext.load_cert_chain

    def spy(self: ssl.SSLContext, path: str, **kwargs: Any) -> None:
        written.append((Path(path).stat().st_mode & 0o777, Path(path).read_bytes()))
        load(self, path, **kwargs)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", spy)
    certificate = issuer.issue("merchant")
    response = await transport.send(HttpRequest("POST", origin, {}, b"", certificate, ca=issuer.pem), 5)

    assert response.body == b"merchant"
    ((mode, content),) = written
    assert mode == 0o600
    assert b"ENCRYPTED PRIVATE KEY" in content
    assert certificate.private_key.splitlines()[1] not in content
    assert list(scratch.iterdir()) == []


async def test_a_server_of_another_authority_is_refused_before_anything_is_sent(
    transport: AiohttpTransport, serve: Serve, issuer: Issuer, tmp_path: Path
) -> None:
    origin = await serve(whoami, server_context(issuer, tmp_path))
    for ca in (Issuer().pem, b""):
        with pytest.raises(TransportError, match="ClientConnectorCertificateError") as caught:
            await transport.send(HttpRequest("POST", origin, {}, b"money", issuer.issue("merchant"), ca=ca), 5)
        assert caught.value.sent is False


async def test_a_merchant_without_certificate_is_refused(
    transport: AiohttpTransport, serve: Serve, issuer: Issuer, tmp_path: Path
) -> None:
    origin = await serve(whoami, server_context(issuer, tmp_path))
    with pytest.raises(TransportError):
        await transport.send(HttpRequest("POST", origin, {}, b"money", ca=issuer.pem), 5)


@pytest.mark.parametrize("ca", [b"not PEM", b"\xff", b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"])
async def test_a_ca_that_is_no_certificate_is_a_config_error(transport: AiohttpTransport, ca: bytes) -> None:
    with pytest.raises(ConfigError, match="ca_pem is not a PEM certificate"):
        await transport.send(HttpRequest("GET", "https://127.0.0.1:1/", ca=ca), 5)


async def test_a_certificate_that_does_not_fit_its_key_is_a_config_error(
    transport: AiohttpTransport, issuer: Issuer
) -> None:
    one, two = issuer.issue("one"), issuer.issue("two")
    for certificate in (
        ClientCertificate(one.certificate, two.private_key),
        ClientCertificate(b"", one.private_key),
        ClientCertificate(one.certificate, b"no key"),
    ):
        with pytest.raises(ConfigError, match="cannot be used together"):
            await transport.send(HttpRequest("GET", "https://127.0.0.1:1/", client_certificate=certificate), 5)
