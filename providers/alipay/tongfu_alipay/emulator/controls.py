"""Alipay's control routes: JSON in and out. A ValueError says what is wrong with the body: the shell answers 400."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from tongfu.emulator.half import Answer, Asked

JSON: Final = {"content-type": "application/json;charset=utf-8"}
Act = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def control(act: Act, **takes: type) -> Callable[[Asked, Mapping[str, str]], Answer]:
    """Serve *act*; *takes* names what its body may hold, and of what type. Its docstring is the route's summary."""

    @functools.wraps(act)
    def handle(asked: Asked, _: Mapping[str, str]) -> Answer:
        document = json.dumps(act(_body(asked.body, takes)), ensure_ascii=False)
        return Answer(200, dict(JSON), document.encode(), verdict="unsigned")

    return handle


def _body(content: bytes, takes: Mapping[str, type]) -> Mapping[str, Any]:
    try:
        body = json.loads(content or b"{}")
    except (ValueError, RecursionError) as exc:
        raise ValueError("the body is not JSON") from exc
    if type(body) is not dict:
        raise ValueError("the body is not a JSON object")
    for name, value in body.items():
        if name not in takes:
            raise ValueError(f"unknown {name[:80]!r}; known: {', '.join(takes) or 'nothing'}")
        if type(value) is not takes[name]:
            raise ValueError(f"{name} is of type {takes[name].__name__}")
    return body
