"""
The open API's manners from the platform's side: what a request holds, how a refusal reads, what a control route takes.

Written from the documentation alone, not from the client: each checks the other.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta, timezone
from typing import Any, Final

from tongfu.emulator.half import Answer, Asked, Route

BEIJING: Final = timezone(timedelta(hours=8))
CONTROL: Final = "/_emulator/weixin"
JSON: Final = "application/json; charset=UTF-8"
PLAIN: Final = "text/plain"  # what some endpoints call their JSON

ERRMSG: Final = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40002: "invalid grant_type",
    40003: "invalid openid",
    40004: "invalid media type",
    40005: "invalid file type",
    40007: "invalid media_id",
    40008: "invalid message type",
    40009: "invalid image size",
    40013: "invalid appid",
    40014: "invalid access_token",
    40029: "invalid code",
    40037: "invalid template_id",
    40066: "invalid url",
    40097: "invalid args",
    40125: "invalid appsecret",
    40129: "invalid scene",
    40159: "invalid length for path",
    40163: "code been used",
    40164: "invalid ip 127.0.0.1, not in whitelist",
    40165: "invalid weapp pagepath",
    40169: "invalid length for scene, or the data is not json string",
    40212: "invalid query",
    40225: "invalid page_title",
    40226: "code blocked",
    41001: "access_token missing",
    41002: "appid missing",
    41004: "appsecret missing",
    41005: "media data missing",
    41030: "invalid page",
    42001: "access_token expired",
    43001: "require GET method",
    43002: "require POST method",
    43101: "user refuse to accept the msg",
    43104: "this appid does not have permission",
    44002: "empty post data",
    44004: "empty text content",
    45002: "content size out of limit",
    45009: "reach max api daily quota limit",
    45011: "api minute-quota reach limit, must slower, retry next minute",
    45015: "response out of time limit or subscription is canceled",
    45029: "qrcode count out of limit",
    45047: "out of response count limit",
    45072: "invalid command",
    45080: "client need to send msg in 30 seconds",
    45081: "typing status is already on",
    45168: "the message contains sensitive words",
    47001: "data format error",
    47003: "argument invalid",
    48006: "forbid to clear quota because of reaching the limit",
    61010: "code is expired",
    61500: "date format error",
    61501: "date range error",
    76001: "rid not found",
    76002: "rid is error",
    76003: "invalid cgi_path",
    76004: "rid is time out",
    76021: "cgi_path not found, please check",
    85096: "path and page do not support scancode_time",
    85401: "expire time or interval out of range",
    85402: "invalid env_version",
    87007: "session_key does not exist",
    87008: "invalid sig_method",
    87009: "invalid signature",
    89002: "open not exists",
    89300: "invalid order",
    101000: "invalid image url",
    101002: "invalid image data",
}


class Refused(Exception):
    """A business error: HTTP 200 with an errcode. ``explain`` is for whoever looks for the mistake."""

    def __init__(self, errcode: int, errmsg: str = "", *, explain: str = "") -> None:
        self.errcode, self.errmsg, self.explain = errcode, errmsg or ERRMSG.get(errcode, "error"), explain
        super().__init__(f"{errcode} {self.errmsg}")


@dataclass(slots=True)
class Request:
    """One request that passed the gate. ``data`` is the JSON object of its body."""

    asked: Asked
    query: dict[str, str]
    data: dict[str, Any] = field(default_factory=dict)
    sealed: bool = False

    def text(self, name: str, errcode: int = 40097, *, longest: int | None = None) -> str:
        """
        A text that must be there.

        :raises Refused: *errcode* where it is missing, empty or too long; 47001 where it is no text.
        """
        value = self.data.get(name)
        if value is not None and not isinstance(value, str):
            raise Refused(47001, explain=f"{name} is a string")
        if not value or (longest is not None and len(value) > longest):
            at_most = f" of at most {longest} characters" if longest is not None else ""
            raise Refused(errcode, explain=f"{name} is needed: a string{at_most}")
        return value

    def maybe(self, name: str, default: str = "") -> str:
        """:raises Refused: 47001, it is there and no text."""
        value = self.data.get(name, default)
        if not isinstance(value, str):
            raise Refused(47001, explain=f"{name} is a string")
        return value

    def integer(self, name: str, default: int | None = None) -> int | None:
        """:raises Refused: 47001, it is there and no integer."""
        value = self.data.get(name, default)
        if value is not None and type(value) is not int:
            raise Refused(47001, explain=f"{name} is a number")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """:raises Refused: 47001, it is there and neither true nor false."""
        value = self.data.get(name, default)
        if not isinstance(value, bool):
            raise Refused(47001, explain=f"{name} is true or false")
        return value

    def param(self, name: str, errcode: int = 40097) -> str:
        """:raises Refused: *errcode*, the query has no such parameter."""
        value = self.query.get(name, "")
        if not value:
            raise Refused(errcode, explain=f"{name} is needed in the query")
        return value


Act = Callable[[Request], Mapping[str, Any] | Answer]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    One path of the open API.

    ``body``: json, form (multipart or nothing) or none. ``errors_as`` is the content type of its refusals.
    ``not_json`` is the errcode of a body that is not JSON. ``daily`` and ``per_minute`` are calls.
    """

    method: str
    path: str
    act: Act
    body: str = "json"
    token: bool = True
    errors_as: str = JSON
    not_json: int = 47001
    daily: int = 1_000_000
    per_minute: int = 0
    too_fast: int = 45011


def document(told: Mapping[str, Any], content_type: str = JSON) -> Answer:
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    return Answer(200, {"content-type": content_type}, body, verdict="unsigned")


def done(**more: Any) -> dict[str, Any]:
    """Success as most endpoints put it."""
    return {"errcode": 0, "errmsg": "ok", **more}


_ESCAPE = re.compile(rb"(?<!\\)(?:\\\\)*\\u(?!00[0-7])[0-9a-fA-F]{4}")


def escaped(body: bytes) -> bool:
    """Whether a body writes text above ASCII as ``\\uXXXX``, which older back ends show to the user as it stands."""
    return _ESCAPE.search(body) is not None


def read_json(body: bytes, *, not_json: int = 47001) -> dict[str, Any]:
    """
    The object of a body.

    :raises Refused: 44002 no body, *not_json* anything but an object in UTF-8.
    """
    if not body.strip():
        raise Refused(44002)
    try:
        data = json.loads(body.decode(), parse_constant=_no_constant)
        json.dumps(data, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as exc:
        raise Refused(not_json, explain=f"the body is JSON in UTF-8; {type(exc).__name__}") from exc
    if not isinstance(data, dict):
        raise Refused(not_json, explain="the body is a JSON object")
    return data


def _no_constant(name: str) -> Any:
    raise ValueError(name)


Body = Mapping[str, Any]


def control(method: str, path: str, act: Callable[..., Mapping[str, Any]], *known: str) -> Route:
    """
    A control route: JSON in and out. *act* gets the *known* keys that are there as keywords.

    A ValueError becomes 400, a LookupError 404, as the shell has it.
    """

    takes = inspect.signature(act)

    @functools.wraps(act)
    def handle(asked: Asked, _: Mapping[str, str]) -> Answer:
        body = json.loads(asked.body) if asked.body.strip() else {}
        if not isinstance(body, dict):
            raise ValueError("the body is a JSON object")  # noqa: TRY004 - the shell's word for a bad request
        unknown = [str(name) for name in body if name not in known]
        if unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}; there are: {', '.join(known) or 'none'}")
        try:
            bound = takes.bind(**body)
        except TypeError as exc:
            raise ValueError(str(exc)) from exc
        return document(act(*bound.args, **bound.kwargs))

    return Route(method, f"{CONTROL}/{path}", handle)


def texts(**values: object) -> None:
    """:raises ValueError: one of *values* is no text, or an empty one. None is one that was not given."""
    for name, value in values.items():
        if value is not None and (not isinstance(value, str) or not value):
            raise ValueError(f"{name} is a text that is not empty")


def objects(**values: object) -> None:
    """:raises ValueError: one of *values* is no object. None is one that was not given."""
    for name, value in values.items():
        if value is not None and not isinstance(value, dict):
            raise ValueError(f"{name} is an object")


def whole(**values: object) -> None:
    """:raises ValueError: one of *values* is no integer, or negative."""
    for name, value in values.items():
        if type(value) is not int or value < 0:
            raise ValueError(f"{name} is an integer, 0 or more")
