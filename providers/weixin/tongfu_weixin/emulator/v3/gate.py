"""The gate that every request passes, and the signature that every answer bears."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Final

from tongfu.emulator.half import Answer, Asked, Route, World
from tongfu_weixin.emulator.checks import Refusal

from . import form, shape, wire
from .authorization import Merchant, Unsigned
from .keys import Keys, PlatformKey
from .wire import JSON, Refused

READABLE: Final = ("application/json", "application/*", "*/*")

# v2's refusals, as this protocol has them: HTTP status and code.
REFUSALS: Final[Mapping[str, tuple[int, str]]] = {
    "ORDERNOTEXIST": (404, "ORDER_NOT_EXIST"),
    "REFUNDNOTEXIST": (404, "RESOURCE_NOT_EXISTS"),
    "ORDERPAID": (400, "ORDER_PAID"),
    "ORDERCLOSED": (400, "ORDER_CLOSED"),
    "OUT_TRADE_NO_USED": (403, "OUT_TRADE_NO_USED"),
    "NOTENOUGH": (403, "NOT_ENOUGH"),
    "ORDER_NOT_READY": (403, "TRADE_ERROR"),
    "PARAM_ERROR": (400, "PARAM_ERROR"),
    "LACK_PARAMS": (400, "PARAM_ERROR"),
}


@dataclass(frozen=True, slots=True)
class Request:
    """
    One request that was signed rightly.

    ``names`` are the path's, decoded; ``body`` was checked, its sensitive fields decrypted.
    """

    asked: Asked
    names: Mapping[str, str]
    query: Mapping[str, str]
    body: Mapping[str, Any]
    file: bytes = field(default=b"", repr=False)

    def parameter(self, name: str, pattern: str = r".+", *, needed: bool = True) -> str:
        """:raises Refused: the query parameter is missing or of another form."""
        value = self.query.get(name, "")
        if not value and not needed:
            return ""
        if re.fullmatch(pattern, value, re.ASCII) is None:
            raise wire.wrong(name, "缺失或格式错误", location="query")
        return value


Act = Callable[[Request], Mapping[str, Any] | Answer | None]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    One endpoint. ``act`` answers the document, None for 204, or an answer that goes out as it is.

    ``body`` is what a request's JSON may be, None for endpoints that take none; ``sensitive`` are the
    members that come encrypted, dotted, ``*`` for each item of a list.
    """

    method: str
    path: str
    act: Act
    body: shape.Members | None = None
    sensitive: tuple[str, ...] = ()
    upload: bool = False  # a form, whose JSON part alone is signed


@dataclass(slots=True)
class Ordered:
    """A refusal that somebody ordered for the next requests of a path."""

    path: str
    status: int
    code: str
    message: str
    left: int


@dataclass(slots=True)
class Gate:
    world: World
    merchant: Merchant
    keys: Keys
    ordered: list[Ordered] = field(default_factory=list)

    def route(self, endpoint: Endpoint) -> Route:
        def handle(asked: Asked, names: Mapping[str, str]) -> Answer:
            number, about = "0", names.get("out_trade_no", "")
            key = self.keys.signer(asked.headers.get("wechatpay-serial", ""))
            try:
                request = self._admitted(endpoint, asked, names)
                about = about or str(request.body.get("out_trade_no", ""))
                told = endpoint.act(request)
                if isinstance(told, Answer):
                    return told
                answer = Answer(204, {}, b"") if told is None else Answer(200, {}, wire.document(told))
            except Refusal as exc:
                status, code = REFUSALS.get(exc.code, (400, "INVALID_REQUEST"))
                answer, number = refusal(Refused(status, code, exc.description))
            except Refused as exc:
                answer, number = refusal(exc)
            answer.out_trade_no = about
            return self._signed(answer, key, number)

        return Route(endpoint.method, endpoint.path, handle)

    def _admitted(self, endpoint: Endpoint, asked: Asked, names: Mapping[str, str]) -> Request:
        file = b""
        if endpoint.upload:
            signed, file = form.parts(asked.headers.get("content-type", ""), asked.body)
            asked = replace(asked, body=signed, headers={**asked.headers, "content-type": "application/json"})
        self.keys.in_real_time = not self.merchant.admit(asked, self.world.clock)
        if not asked.headers.get("user-agent") or not asked.headers.get("accept"):
            raise Refused(400, "PARAM_ERROR", "Http头缺少Accept或User-Agent", explain="both headers, not empty")
        named = asked.headers.get("wechatpay-serial", "")
        key = self.keys.of(named) if named else None
        self.keys.last_asked = self.keys.signer(named)
        accepted = [one.split(";")[0].strip().lower() for one in asked.headers["accept"].split(",")]
        if not any(one in READABLE for one in accepted):
            raise Refused(406, "PARAM_ERROR", "Http头Accept不支持", explain="answers are application/json")
        self._ordered(asked.path)
        body = self._body(endpoint, asked)
        for path in endpoint.sensitive:
            self._open(body, path.split("."), key)
        return Request(asked, names, wire.query(asked.query), body, file)

    def _ordered(self, path: str) -> None:
        for one in self.ordered:
            if fnmatchcase(path, one.path):
                one.left -= 1
                if not one.left:
                    self.ordered.remove(one)
                raise Refused(one.status, one.code, one.message, explain="this refusal was ordered")

    @staticmethod
    def _body(endpoint: Endpoint, asked: Asked) -> dict[str, Any]:
        if asked.method == "GET" or (endpoint.body is None and not asked.body):
            return {}
        kind = asked.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused(415, "PARAM_ERROR", "Http头Content-Type不支持", explain="application/json")
        body = wire.read(asked.body)
        shape.check(endpoint.body or shape.Members({}), body)
        return body

    def _open(self, fields: dict[str, Any], path: list[str], key: PlatformKey | None) -> None:
        for parent, name, at in _found(fields, path, ""):
            if key is None:
                raise Refused(
                    400,
                    "PARAM_ERROR",
                    "平台证书序列号Wechatpay-Serial错误",
                    at="Wechatpay-Serial",
                    location="header",
                    explain=f"{at} is encrypted, so the header tells under which key",
                )
            parent[name] = self.keys.opened(parent[name], key, at)

    def _signed(self, answer: Answer, key: PlatformKey, number: str) -> Answer:
        probe = self.keys.answer_probes > 0
        self.keys.answer_probes -= probe
        answer.headers |= self.keys.headers(key, answer.body, probe=probe)
        if answer.status == 204:
            del answer.headers["content-type"]
        answer.headers["Request-ID"] = f"08{self.world.random.getrandbits(96):024X}-{number}"
        return answer


def refusal(exc: Refused) -> tuple[Answer, str]:
    """The answer, and the number of its Request-ID."""
    verdict = exc.verdict if isinstance(exc, Unsigned) else "valid"
    answer = Answer(exc.status, dict(JSON), wire.document(exc.told()), explain=exc.explain, verdict=verdict)
    return answer, exc.number


def _found(fields: Any, path: list[str], at: str) -> Iterator[tuple[dict[str, Any], str, str]]:
    """The parents of what *path* means in *fields*, with the last name and the pointer."""
    if path[0] == "*":
        for n, item in enumerate(fields):
            yield from _found(item, path[1:], f"{at}/{n}")
    elif path[0] in fields and len(path) == 1:
        yield fields, path[0], f"{at}/{path[0]}"
    elif path[0] in fields:
        yield from _found(fields[path[0]], path[1:], f"{at}/{path[0]}")
