"""HTTP through aiohttp. The only importer of aiohttp's client."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import re
import secrets
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import aiohttp
from yarl import URL

from .call import ClientCertificate, HttpRequest, HttpResponse, joined
from .errors import ConfigError, MalformedAnswer, TransportError

POOL: Final = 100
KEEP_ALIVE: Final = 60.0
CONNECT_SHARE: Final = 0.5  # of a call's time; the rest is for the backup host or the answer
_VISIBLE: Final = re.compile(r"[!-~]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # aiohttp refuses to write these


class AiohttpTransport:
    """
    Sends through *session*, or through one of its own that it opens on first use and closes.

    Redirects are answers, not followed: a payment platform never redirects an API call. Of a *session* that is passed
    in, the connector, proxy and tracing are used, its middlewares are not: one that repeats a request would repeat a
    refund.

    :raises ConfigError: *session* has ``auth``, which each request would carry to the platform.
    """

    def __init__(self, session: aiohttp.ClientSession | None = None) -> None:
        if session is not None and session.auth is not None:
            raise ConfigError("the session has auth of its own, which is not the platform's to know; pass one without")
        self._session = session
        self._owned = session is None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._contexts: dict[tuple[ClientCertificate | None, bytes], ssl.SSLContext] = {}

    async def send(self, request: HttpRequest, timeout: float) -> HttpResponse:
        session = self._session
        if session is not None and session.closed and not self._owned:
            raise ConfigError("the session that was passed to Tongfu is closed; nothing was sent")
        loop = asyncio.get_running_loop()
        if session is None or session.closed or (self._owned and loop is not self._loop):
            # Connections belong to an event loop: one that was left, or that this process was forked from, has its own.
            self._loop = loop
            session = self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=POOL, keepalive_timeout=KEEP_ALIVE),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        context = self._context(request) if request.client_certificate or request.ca else True
        try:
            async with session.request(
                request.method,
                _address(request),
                data=request.body or None,
                headers=request.headers,
                allow_redirects=False,
                raise_for_status=False,  # a refusal is an answer, whatever the session's default
                timeout=_timeouts(timeout, request.file is None),
                ssl=context,
                middlewares=(_Once(),) if request.method != "POST" else (),
            ) as response:
                if request.file is not None and response.status == 200:
                    file = request.file(request.body_limit)
                    async for chunk in response.content.iter_any():
                        file.write(chunk)
                    return HttpResponse(response.status, joined(response.headers), b"", file)
                body = await _read(response, request.body_limit)
                return HttpResponse(response.status, joined(response.headers), body)
        # Most of aiohttp's errors quote the whole URL, and a traceback prints its causes: only the one that names no
        # more than host and port is chained.
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            raise ConfigError(f"{_where(request)} is not an http(s) URL") from None
        except aiohttp.ClientConnectorError as exc:
            raise _unsent(request, type(exc).__name__) from exc
        except aiohttp.ConnectionTimeoutError:
            raise _unsent(request, "timed out") from None
        except TimeoutError:
            raise TransportError(f"{_where(request)} did not answer within {timeout:g} s") from None
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError, ValueError) as exc:
            if isinstance(exc, ValueError) and _CONTROL.search("".join(map("".join, request.headers.items()))):
                raise ConfigError(f"a header for {_where(request)} holds a line break; nothing was sent") from None
            raise TransportError(f"the connection to {_where(request)} broke: {type(exc).__name__}") from None

    async def close(self) -> None:
        if self._owned and self._session is not None:
            if self._loop is asyncio.get_running_loop():
                await self._session.close()
            self._session = None

    def _context(self, request: HttpRequest) -> ssl.SSLContext:
        """One context for each certificate: aiohttp pools connections by it, and making one costs 20 ms."""
        key = (request.client_certificate, request.ca)
        context = self._contexts.get(key)
        if context is None:
            context = ssl.create_default_context()
            if request.ca:
                try:
                    context.load_verify_locations(cadata=request.ca.decode("ascii"))
                except (ssl.SSLError, ValueError) as exc:
                    raise ConfigError("ca_pem is not a PEM certificate") from exc
            if request.client_certificate is not None:
                try:
                    _present(context, request.client_certificate)
                except (ssl.SSLError, ValueError, TypeError) as exc:
                    raise ConfigError("the client certificate and its private key cannot be used together") from exc
            self._contexts[key] = context
        return context


@functools.lru_cache(64)  # nearly always the account's own; making one takes 2 us
def _timeouts(total: float, whole: bool) -> aiohttp.ClientTimeout:
    """A large file may take as long as it comes: *total* is then how long nothing may come."""
    return aiohttp.ClientTimeout(total if whole else None, total * CONNECT_SHARE, None if whole else total)


class _Once:
    """
    Lets aiohttp send a request once.

    It would repeat a GET, PUT or DELETE by itself where a kept connection breaks, but a login code works only once:
    what may be repeated is the engine's to know.
    """

    def __init__(self) -> None:
        self._sent = False

    async def __call__(self, request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if self._sent:
            raise aiohttp.ServerDisconnectedError
        self._sent = True
        return await send(request)


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    content = response.content
    chunks = []
    size = 0
    # at_eof first: most answers come in one piece.
    while not content.at_eof():
        chunk = await content.readany()
        size += len(chunk)
        if size > limit:
            response.close()
            raise MalformedAnswer(f"the answer is larger than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def _unsent(request: HttpRequest, reason: str) -> TransportError:
    return TransportError(f"cannot connect to {_where(request)}: {reason}; nothing was sent", sent=False)


def _address(request: HttpRequest) -> URL:
    """The URL as it was signed: yarl by itself would write %7C as | and %2a as *."""
    try:
        url = URL(request.url, encoded=_VISIBLE.fullmatch(request.url) is not None)
        if url.port is not None:
            return url
    except ValueError:
        pass
    raise ConfigError(f"{_where(request)} is not an http(s) URL")


def _where(request: HttpRequest) -> str:
    return request.url.partition("?")[0]


def _present(context: ssl.SSLContext, certificate: ClientCertificate) -> None:
    """
    Load the certificate. ssl reads it from files only, so the key is encrypted under a password of
    this moment, and its file is in memory where the system has such, else removed at once.
    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - costs 30 ms, refunds only

    password = secrets.token_hex(32)
    key = serialization.load_pem_private_key(certificate.private_key, None)
    sealed = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()),
    )
    with _file(certificate.certificate + b"\n" + sealed) as path:
        context.load_cert_chain(path, password=password)


@contextlib.contextmanager
def _file(content: bytes) -> Iterator[str]:
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("tongfu")
        try:
            os.write(descriptor, content)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "certificate.pem"
        path.touch(mode=0o600)
        path.write_bytes(content)
        yield str(path)
