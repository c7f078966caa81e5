"""Alipay's control routes: JSON in and out, and a 400 that says what was wrong."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from tongfu.emulator.half import Answer, Asked

JSON: Final = {"content-type": "application/json;charset=utf-8"}
Act = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Unacceptable(ValueError):
    """What a control route was given is not what it takes."""


def control(act: Act, **takes: type) -> Callable[[Asked, Mapping[str, str]], Answer]:
    """Serve *act*; *takes* names what its body may hold, and of what type. Its docstring is the route's summary."""

    @functools.wraps(act)
    def handle(asked: Asked, _: Mapping[str, str]) -> Answer:
        try:
            return _answer(200, act(_body(asked.body, takes)))
        except Unacceptable as exc:
            return _answer(400, {"error": str(exc)})

    return handle


def _body(content: bytes, takes: Mapping[str, type]) -> Mapping[str, Any]:
    try:
        body = json.loads(content or b"{}")
    except ValueError as exc:
        raise Unacceptable("the body is not JSON") from exc
    if not isinstance(body, dict):
        raise Unacceptable("the body is not a JSON object")
    for name, value in body.items():
        if name not in takes:
            raise Unacceptable(f"unknown {name[:80]!r}; known: {', '.join(takes) or 'nothing'}")
        if type(value) is not takes[name]:
            raise Unacceptable(f"{name} is of type {takes[name].__name__}")
    return body


def _answer(status: int, document: Mapping[str, Any]) -> Answer:
    return Answer(status, dict(JSON), json.dumps(document, ensure_ascii=False).encode(), verdict="unsigned")
