"""
JSON from outside: one object in UTF-8.

Refused is what two readers could read differently, or what could not be written again: a name that comes
twice, NaN, Infinity and what overflows to it, half a surrogate pair.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

from tongfu.errors import MalformedAnswer

_SURROGATE: Final = re.compile(r"\\u[dD][89abAB]|\\u[dD][c-fC-F]")


def load(text: bytes) -> dict[str, Any]:
    """:raises MalformedAnswer: it is not one object, or is one of those that are refused."""
    try:
        decoded = text.decode()
        found = _DECODER.decode(decoded)
        if _SURROGATE.search(decoded) is not None:
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        # The reason would quote what a stranger sent, or what was decrypted.
        raise MalformedAnswer("weixin: not one JSON object in UTF-8") from None
    if not isinstance(found, dict):
        raise MalformedAnswer("weixin: not one JSON object in UTF-8")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name comes twice")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not a number")
    return number


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_float=_finite, parse_constant=_finite)
