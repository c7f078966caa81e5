"""The platforms' endpoints: aiohttp's requests to the halves, their answers back, and the faults between."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import time
import warnings
from collections.abc import Iterator
from http.client import responses
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, unquote_plus

from aiohttp import web

from tongfu import log

from .clock import EmulatorClock
from .exchanges import Exchange, Exchanges
from .faults import SABOTAGE, Fault, Faults
from .half import Answer, Asked, Half, Route
from .world import Ledger

BODY_LIMIT: Final = 4 << 20  # bytes: more than any platform takes, so that it can refuse what is too large
EXPLAIN_LIMIT: Final = 4000  # characters; clients refuse header lines beyond 8190
LONGEST_HOLD: Final = 60.0  # seconds a request stays unanswered at most

_PRINTABLE: Final = "".join(chr(code) for code in range(32, 127) if chr(code) != "%")


class Endpoints:
    """Serves the halves' routes."""

    def __init__(
        self, clock: EmulatorClock, ledger: Ledger, faults: Faults, exchanges: Exchanges, closing: asyncio.Event
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._faults = faults
        self._exchanges = exchanges
        self._closing = closing

    def numbers(self, out_trade_no: str) -> list[str]:
        """Every number that names the order: the merchant's, and the platforms' once they gave one."""
        orders = [order for order in self._ledger.orders() if order.out_trade_no == out_trade_no]
        return [out_trade_no, *(order.transaction_id for order in orders if order.transaction_id)]

    async def unknown(self, request: web.Request) -> web.Response:
        """No platform has this path."""
        path, _, query = request.raw_path.partition("?")
        exchange = self._begin("", request.method, path, query)
        exchange.status = 404
        exchange.explain = f"no emulated platform has {request.method} {path[:200]}"
        return web.json_response(
            {"error": "not_found", "message": exchange.explain}, status=404, headers=self._told(exchange)
        )

    async def serve(self, half: Half, route: Route, request: web.Request) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        exchange = self._begin(half.platform, request.method, path, query)
        with self._timed(exchange):
            try:
                asked = await asked_of(request)
            except web.HTTPRequestEntityTooLarge:
                return self._plain(exchange, gateway_page(413))
            if route.needs_client_cert and asked.https and asked.client_certificate is None:
                exchange.explain = "this path demands the merchant's client certificate"
                return self._plain(exchange, gateway_page(400, detail="No required SSL certificate was sent"))
            texts = (unquote(path), unquote_plus(query), unquote_plus(asked.body.decode("latin-1")))
            fault = self._faults.strike(path, texts, self.numbers)
            exchange.fault = fault.fault if fault is not None else ""
            if fault is not None and (early := await self._before(fault, exchange, request)) is not None:
                return early
            answer = self._handled(half, route, asked, request, exchange)
            if fault is not None and fault.fault in SABOTAGE:
                answer = half.sabotage(fault.fault, answer)
            response = web.Response(status=answer.status, headers=answer.headers, body=answer.body)
            response.headers.update(self._told(exchange))
            if fault is not None:
                return await self._after(fault, exchange, request, response, answer.body)
            exchange.status = answer.status
            return response

    def _begin(self, platform: str, method: str, path: str, query: str) -> Exchange:
        names = [name for name, _ in parse_qsl(query, keep_blank_values=True)]
        return self._exchanges.begin(self._clock.now(), platform, method, path, names)

    @contextlib.contextmanager
    def _timed(self, exchange: Exchange) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            exchange.duration = time.perf_counter() - started

    def _handled(self, half: Half, route: Route, asked: Asked, request: web.Request, exchange: Exchange) -> Answer:
        try:
            answer = route.handle(asked, dict(request.match_info))
        except Exception as exc:  # noqa: BLE001 - whatever a half does, the emulator goes on and tells
            log.exception("tongfu.emulator.half_failed", platform=half.platform, path=exchange.path)
            exchange.error = self._exchanges.secrets.masked(f"{type(exc).__name__}: {exc}")
            exchange.explain = "the emulator itself failed; GET /_emulator/exchanges tells more"
            if isinstance(exc, ModuleNotFoundError):
                exchange.explain = f"the emulator needs {exc.name} for this: pip install 'tongfu[emulator]'"
                # The client sees a gateway's error only; who runs the emulator in process sees this.
                warnings.warn(exchange.explain, RuntimeWarning, stacklevel=2)
            return Answer(500, {"Content-Type": "text/plain"}, b"emulator error", explain=exchange.explain)
        exchange.verdict = answer.verdict
        exchange.explain = self._exchanges.secrets.masked(answer.explain)
        exchange.out_trade_no = answer.out_trade_no
        return answer

    async def _before(self, fault: Fault, exchange: Exchange, request: web.Request) -> web.StreamResponse | None:
        """The faults that keep the request from being carried out."""
        if fault.fault == "timeout_before":
            return await self._hold(request)
        if fault.fault == "reset":
            return _reset(request)
        if fault.status is not None:
            return self._plain(exchange, gateway_page(fault.status))
        return None

    async def _after(
        self, fault: Fault, exchange: Exchange, request: web.Request, response: web.Response, body: bytes
    ) -> web.StreamResponse:
        """The faults of a request that was carried out."""
        if fault.fault == "timeout_after_commit":
            return await self._hold(request)
        if fault.delay is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), fault.delay)
        exchange.status = response.status
        if fault.fault == "truncate":
            return await _truncated(request, response, body)
        return response

    async def _hold(self, request: web.Request) -> web.StreamResponse:
        """Say nothing until the client goes (its leaving cancels this), the emulator stops, or a minute is over."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), LONGEST_HOLD)
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    def _plain(self, exchange: Exchange, page: web.Response) -> web.Response:
        exchange.status = page.status
        page.headers.update(self._told(exchange))
        return page

    @staticmethod
    def _told(exchange: Exchange) -> dict[str, str]:
        headers = {"X-Emulator-Request-Id": exchange.id}
        if exchange.explain:
            headers["X-Emulator-Explain"] = explained(exchange.explain)
        return headers


def explained(text: str) -> str:
    """*text* as a header: percent-encoded where it is not printable ASCII, so ``unquote`` gives it back."""
    encoded = quote(text, safe=_PRINTABLE)
    if len(encoded) <= EXPLAIN_LIMIT:
        return encoded
    return re.sub(r"%[0-9A-F]?$", "", encoded[:EXPLAIN_LIMIT]) + "..."


async def asked_of(request: web.Request) -> Asked:
    """
    What the half sees of a request.

    :raises web.HTTPRequestEntityTooLarge: the body is larger than 4 MiB.
    """
    path, _, query = request.raw_path.partition("?")
    headers: dict[str, str] = {}
    for sent, value in request.headers.items():
        name = sent.lower()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    tls = request.transport.get_extra_info("ssl_object") if request.transport is not None else None
    return Asked(
        method=request.method,
        path=path,
        query=query,
        headers=headers,
        body=await request.read(),
        client_ip=request.remote or "127.0.0.1",
        client_certificate=tls.getpeercert(binary_form=True) if tls is not None else None,
        https=tls is not None,
    )


def gateway_page(status: int, detail: str = "") -> web.Response:
    """A page as the gateway before a platform gives it, instead of the platform's own answer."""
    reason = responses.get(status, "Error")
    page = (
        f"<html>\r\n<head><title>{status} {detail or reason}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {reason}</h1></center>\r\n"
        + (f"<center>{detail}</center>\r\n" if detail else "")
        + "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    )
    return web.Response(status=status, text=page, content_type="text/html", headers={"Server": "nginx"})


def _reset(request: web.Request) -> web.Response:
    transport = request.transport
    if transport is not None:
        connection = transport.get_extra_info("socket")
        # A linger of zero seconds makes closing send RST instead of FIN.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


async def _truncated(request: web.Request, whole: web.Response, body: bytes) -> web.StreamResponse:
    """The headers promise the whole body; half of it comes, then the connection ends."""
    response = web.StreamResponse(status=whole.status, headers=whole.headers)
    response.content_length = len(body)
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
