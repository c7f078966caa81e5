"""What ``tongfu_alipay.read`` does not read: times to live, and lists of words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tongfu.errors import MalformedAnswer
from tongfu_alipay.read import text

_SECONDS: Final = re.compile(r"\d{1,12}", re.ASCII)


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
