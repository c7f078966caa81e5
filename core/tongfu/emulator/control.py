"""The control routes: the buyer's part, the clock, faults, and what happened. JSON in and out."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from tongfu import log

from .delivery import Attempt, SentNotification
from .endpoints import asked_of
from .faults import FAULTS, Fault
from .half import EmulatedOrder, Route

if TYPE_CHECKING:
    from .shell import Emulator

PREFIX: Final = "/_emulator"

Body = Mapping[str, Any]
Answering = Callable[[web.Request], Awaitable[web.StreamResponse]]


class BadRequest(ValueError):
    """The body of a control request is not what the route takes."""


@dataclass(frozen=True, slots=True)
class Operation:
    """
    One control route.

    ``body`` is the JSON schema of what it takes, ``errors`` what it can refuse with. A route without a body
    may take texts in its ``query``.
    """

    method: str
    path: str
    summary: str
    act: Callable[[Emulator, Mapping[str, str], Body], Awaitable[Any]]
    body: Mapping[str, Any] | None = None
    errors: tuple[int, ...] = ()
    query: tuple[str, ...] = ()


async def orders(emu: Emulator, names: Mapping[str, str], body: Body) -> Any:
    return {"orders": [order_document(order) for order in emu.orders()]}


async def order(emu: Emulator, names: Mapping[str, str], body: Body) -> Any:
    return order_document(emu.order(names["out_trade_no"], body.get("platform")))


async def pay(emu: Emulator, names: Mapping[str, str], body: Body) -> Any:
    _only(body, "outcome", "platform")
    outcome, platform = body.get("outcome", "success"), body.get("platform")
    if not isinstance(outcome, str) or not isinstance(platform, str | None):
        raise BadRequest("outcome and platform are texts")
    found = emu.order(names["out_trade_no"], platform)
    try:
        await emu.pay(found.out_trade_no, outcome, found.platform)
    except ValueError as exc:
        raise web.HTTPConflict(text=str(exc)) from exc
    return order_document(found)


async def notifications(emu: Emulator, names: Mapping[str, str], body: Body) -> Any:
    return {"notifications": [notification_document(sent) for sent in emu.notifications]}


async def redeliver(emu: Emulator, names: Mapping[str, str], body: Body) -> Any:
    _only(body, "corrupt", "times")
    attempts = await emu.redeliver(names["id"], body.get("corrupt"), body.get("times", 1))
    return {"attempts": [attempt_document(attempt) for attempt in attempts]}


async def clock(emu: Emulator, names: Mapping[str, str], body: Body) -> Any:
    return {"now": emu.clock.now().isoformat(), "frozen": emu.clock.frozen}


async def advance(emu: Emulator, names: Mapping[str, str], body: Body) -> Any:
    _only(body, "advance")
    seconds = body.get("advance")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise BadRequest("advance is a number of seconds")
    await emu.clock.advance(seconds)
    return await clock(emu, names, body)


async def faults(emu: Emulator, names: Mapping[str, str], body: Body) -> Any:
    return {"faults": [fault_document(fault) for fault in emu.faults], "known": FAULTS}


async def add_fault(emu: Emulator, names: Mapping[str, str], body: Body) -> Any:
    _only(body, "match", "fault", "times")
    match = {} if body.get("match") is None else body["match"]
    if not isinstance(match, Mapping):
        raise BadRequest("match is an object")
    return fault_document(emu.fault(body.get("fault", ""), match=match, times=body.get("times", 1)))


async def clear_faults(emu: Emulator, names: Mapping[str, str], body: Body) -> Any:
    emu.clear_faults()
    return {"faults": []}


async def exchanges(emu: Emulator, names: Mapping[str, str], body: Body) -> Any:
    return {"exchanges": [plain(asdict(exchange)) for exchange in emu.exchanges]}


async def scenario(emu: Emulator, names: Mapping[str, str], body: Body) -> Any:
    return {"steps": [asdict(step) for step in emu.scenario]}


async def reset(emu: Emulator, names: Mapping[str, str], body: Body) -> Any:
    await emu.reset()
    return {"now": emu.clock.now().isoformat()}


async def openapi(emu: Emulator, names: Mapping[str, str], body: Body) -> Any:
    from .openapi import document  # noqa: PLC0415 - it reads OPERATIONS below

    return document(emu)


_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 1, "default": 1}


def _schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": False}


OPERATIONS: Final = (
    Operation("GET", "/orders", "Every order of every platform", orders),
    Operation("GET", "/orders/{out_trade_no}", "One order", order, errors=(404,), query=("platform",)),
    Operation(
        "POST",
        "/orders/{out_trade_no}/pay",
        "The buyer's part: success, not_enough, cancel, userpaying, expire",
        pay,
        _schema(outcome={"type": "string", "default": "success"}, platform=_TEXT),
        (404, 409),
    ),
    Operation("GET", "/notifications", "Every notification and its attempts", notifications),
    Operation(
        "POST",
        "/notifications/{id}/redeliver",
        "Deliver a notification again, now; broken on purpose if asked",
        redeliver,
        _schema(corrupt={"enum": ["signature", "body", "timestamp", None], "default": None}, times=_COUNT),
        (404,),
    ),
    Operation("GET", "/clock", "The emulator's time", clock),
    Operation(
        "POST",
        "/clock",
        "Move the time on, and do what comes due",
        advance,
        _schema(advance={"type": "number", "minimum": 0}) | {"required": ["advance"]},
    ),
    Operation("GET", "/faults", "The faults that wait, and those there are", faults),
    Operation(
        "POST",
        "/faults",
        "Let something go wrong",
        add_fault,
        _schema(
            match=_schema(path=_TEXT, nth={"type": "integer", "minimum": 1}, out_trade_no=_TEXT),
            fault={"type": "string", "description": "; ".join(f"{name}: {what}" for name, what in FAULTS.items())},
            times=_COUNT,
        )
        | {"required": ["fault"]},
    ),
    Operation("DELETE", "/faults", "Forget every fault", clear_faults),
    Operation("GET", "/exchanges", "The latest requests to the platforms, and how they were answered", exchanges),
    Operation("GET", "/scenario", "The steps of the scenario, and what became of them", scenario),
    Operation("POST", "/reset", "Forget orders, notifications, faults and exchanges; set the clock back", reset),
    Operation("GET", "/openapi.json", "This description", openapi),
)


def handler(emu: Emulator, operation: Operation) -> Answering:
    """The route's aiohttp handler: JSON in, JSON out, refusals as JSON."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if operation.body is not None:
            body = await _json(request)
        else:
            body = {name: request.query[name] for name in operation.query if name in request.query}
        return web.json_response(await operation.act(emu, request.match_info, body))

    return _guarded(emu, answer)


def platform_handler(emu: Emulator, route: Route) -> Answering:
    """The aiohttp handler of a control route that a half brings."""

    async def answer(request: web.Request) -> web.StreamResponse:
        answer = route.handle(await asked_of(request), dict(request.match_info))
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    return _guarded(emu, answer)


async def nothing(request: web.Request) -> web.StreamResponse:
    """There is no such control route."""
    return refusal(404, f"no control route {request.method} {request.path}; see {PREFIX}/openapi.json")


def _guarded(emu: Emulator, answer: Answering) -> Answering:
    """
    Keep web pages out: a page of another origin, and one whose host name was made to point here.

    Whoever controls the emulator can make it send requests, so a browser must not be led to it.
    """

    async def guard(request: web.Request) -> web.StreamResponse:
        if (reason := _foreign(emu, request.headers)) is not None:
            return refusal(403, reason)
        try:
            return await answer(request)
        except LookupError as exc:
            return refusal(404, str(exc.args[0]) if exc.args else "there is no such thing")
        except web.HTTPException as exc:
            return refusal(exc.status, exc.text or exc.reason)
        except ValueError as exc:
            return refusal(400, str(exc))
        except Exception as exc:  # noqa: BLE001 - a control route answers JSON, whatever a half did
            log.exception("tongfu.emulator.control_failed", path=request.path)
            return refusal(500, f"the emulator itself failed: {type(exc).__name__}")

    return guard


def _foreign(emu: Emulator, headers: Mapping[str, str]) -> str | None:
    if not _known_host(headers.get("Host", ""), emu.host):
        return "control is for the emulator's own address; the Host header names another"
    origin = headers.get("Origin")
    if origin is not None and origin.lower() not in {emu.url, emu.https_url, *_aliases(emu)}:
        return "control is not for pages of other origins"
    if headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
        return "control is not for pages of other origins"
    return None


def refusal(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status)


def order_document(order: EmulatedOrder) -> dict[str, Any]:
    """The order without the half's own memory of it."""
    document = {field.name: getattr(order, field.name) for field in fields(order) if field.name != "wire"}
    document["refunds"] = [
        {field.name: getattr(refund, field.name) for field in fields(refund) if field.name != "wire"}
        for refund in order.refunds
    ]
    document["refunded_fee"] = order.refunded_fee
    return plain(document)


def notification_document(sent: SentNotification) -> dict[str, Any]:
    document = {
        field.name: getattr(sent, field.name) for field in fields(sent) if field.name not in {"delivery", "step"}
    }
    document["attempts"] = [attempt_document(attempt) for attempt in sent.attempts]
    return plain(document)


def attempt_document(attempt: Attempt) -> dict[str, Any]:
    return plain(asdict(attempt))


def fault_document(fault: Fault) -> dict[str, Any]:
    return asdict(fault)


def plain(document: dict[str, Any]) -> dict[str, Any]:
    """*document* with its times as text."""
    return {name: _plain(value) for name, value in document.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


async def _json(request: web.Request) -> Body:
    raw = await request.read()
    if not raw.strip():
        return {}
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise BadRequest("the body is not JSON") from exc
    if not isinstance(body, dict):
        raise BadRequest("the body is a JSON object")
    return body


def _only(body: Body, *known: str) -> None:
    unknown = [str(name) for name in body if name not in known]
    if unknown:
        raise BadRequest(f"unknown: {', '.join(unknown)}; there are: {', '.join(known)}")


def _known_host(header: str, bound: str) -> bool:
    try:
        name = (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return False
    if name in {"localhost", bound.lower()}:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    # Where it listens on every address any of them may be named: only a name can be made to point here.
    return address.is_loopback or bound in {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound


def _aliases(emu: Emulator) -> set[str]:
    ports = (("http", urlsplit(emu.url).port), ("https", urlsplit(emu.https_url).port))
    return {f"{scheme}://localhost:{port}" for scheme, port in ports}
