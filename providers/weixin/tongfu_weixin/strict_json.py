"""
JSON from outside, one object in UTF-8, and JSON of ours.

Refused is what two readers could read differently, or what could not be written again: a name that comes
twice, NaN, Infinity and what overflows to it, half a surrogate pair, and what is nested so deep that a walk
through it could end Python's stack.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from tongfu.errors import MalformedAnswer

DEEPEST: Final = 64
_SURROGATE: Final = re.compile(r"\\u[dD][89abAB]|\\u[dD][c-fC-F]")


def load(text: bytes) -> dict[str, Any]:
    """:raises MalformedAnswer: it is not one object, or is one of those that are refused."""
    try:
        found = read(text)
        if _SURROGATE.search(text.decode()) is not None:
            json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        found = None
    # Raised out here: such an exception holds what a stranger sent, or what was decrypted.
    if not isinstance(found, dict):
        raise MalformedAnswer("weixin: not one JSON object in UTF-8")
    return found


def read(text: bytes) -> Any:
    """
    Whatever *text* is, half surrogate pairs too.

    :raises ValueError: it is refused. The exception holds the text: chain it to none.
    :raises RecursionError: it is nested far too deep.
    """
    decoded = text.decode()
    found = _DECODER.decode(decoded)
    if decoded.count("[") + decoded.count("{") > DEEPEST and _is_deep(found):
        raise ValueError("nested too deep")
    return found


def dump(value: Any) -> bytes:
    """
    Raw UTF-8 without a space: older back ends showed ``\\u4f60`` to the user as it stood. Any mapping is an object.

    :raises TypeError: *value* has what JSON has not.
    :raises ValueError: as before, or half a surrogate pair. The exception may hold the text.
    """
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_object).encode()


def _object(value: Any) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"JSON has no {type(value).__name__}")


def _is_deep(found: Any) -> bool:
    level = [found]
    for _ in range(DEEPEST):
        within = [one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)]
        level = [item for items in within for item in items]
        if not level:
            return False
    return True


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
