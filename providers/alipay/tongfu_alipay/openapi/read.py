"""Verified fields to typed values: a value of another type than documented is used for nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tongfu.errors import MalformedAnswer

_SECONDS: Final = re.compile(r"\d{1,12}", re.ASCII)


def text(fields: Mapping[str, Any], name: str) -> str | None:
    """None where the platform sent none or an empty one. An id may come as a number."""
    value = fields.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise MalformedAnswer(f"alipay: {name} is not text")
    return str(value)


def required(fields: Mapping[str, Any], name: str) -> str:
    """:raises MalformedAnswer: the platform documents the field and did not send it."""
    value = text(fields, name)
    if value is None:
        raise MalformedAnswer(f"alipay: the answer has no {name}")
    return value


def seconds(fields: Mapping[str, Any], name: str) -> int | None:
    """How long, which comes as a number or as its digits."""
    value = text(fields, name)
    if value is None:
        return None
    if _SECONDS.fullmatch(value) is None:
        raise MalformedAnswer(f"alipay: {name} is no number of seconds")
    return int(value)


def texts(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = fields.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise MalformedAnswer(f"alipay: {name} is not a list of texts")
    return tuple(value)


def objects(fields: Mapping[str, Any], name: str) -> tuple[Mapping[str, Any], ...]:
    value = fields.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise MalformedAnswer(f"alipay: {name} is not a list of objects")
    return tuple(value)
