"""
What may stand in a subscribe message: a keyword's name begins with its kind, and each kind has a limit.

Only what the platform's table surely excludes is refused here. A name of another kind is not looked into.

Source: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-message-management/subscribe-message/sendMessage.html
"订阅消息参数值内容限制说明"
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

from tongfu.errors import InvalidParams

_NAME: Final = re.compile(r"([a-z_]+?)\d+", re.ASCII)
_HAN: Final = "\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_DATE: Final = (
    r"(?:\d{4}年\d{1,2}月(?:\d{1,2}日)?|\d{1,2}月\d{1,2}日"
    r"|\d{4}[-/.]\d{1,2}(?:[-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2})"
)
_CLOCK: Final = r"(?:[01]?\d|2[0-3])[:\uff1a][0-5]\d(?:[:\uff1a][0-5]\d)?"
_END: Final = rf"(?:\s*[~\uff5e]\s*(?:{_DATE}\s*)?(?:{_CLOCK})?)?"


def _pattern(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: compiled.fullmatch(value) is not None


def _number(value: str) -> bool:
    return re.fullmatch(r"\d+(\.\d+)?", value, re.ASCII) is not None and len(value.replace(".", "")) <= 32


def _amount(value: str) -> bool:
    bare = value[1:] if unicodedata.category(value[0]) == "Sc" else value
    return re.fullmatch(r"\d{1,10}(\.\d{1,10})?元?", bare, re.ASCII) is not None


def _symbols(most: int) -> Callable[[str], bool]:
    return lambda value: len(value) <= most and not any(char.isalnum() for char in value)


def _no_han(most: int) -> Callable[[str], bool]:
    return lambda value: len(value) <= most and re.search(f"[{_HAN}]", value) is None


def _name(value: str) -> bool:
    return len(value) <= (10 if re.search(f"[{_HAN}]", value) else 20)


LIMITS: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    "thing": (lambda value: len(value) <= 20, "at most 20 characters"),
    "number": (_number, "at most 32 digits, with a decimal point if you like"),
    "letter": (_pattern(r"[A-Za-z]{1,32}"), "at most 32 ASCII letters"),
    "symbol": (_symbols(5), "at most 5 symbols, no letters and digits"),
    "character_string": (_no_han(32), "at most 32 digits, letters and symbols, no Chinese"),
    "time": (
        _pattern(rf"(?:{_DATE}\s*)?{_CLOCK}{_END}"),
        "a time such as 15:01, with a date before it if you like, or two with ~ between",
    ),
    "date": (
        _pattern(rf"{_DATE}(?:\s*{_CLOCK})?{_END}"),
        "a date such as 2019年10月1日 or 2019-10-01, or two with ~ between",
    ),
    "amount": (_amount, "a currency sign and at most 10 digits, with 元 at the end if you like"),
    "phone_number": (_pattern(r"[^A-Za-z\u0080-\U0010ffff]{1,17}"), "at most 17 digits and symbols"),
    "car_number": (
        _pattern(rf"[{_HAN}A-Za-z0-9]([A-Za-z0-9]{{0,6}}[{_HAN}A-Za-z0-9])?"),
        "at most 8 letters and digits; the first and the last may be Chinese",
    ),
    "name": (_name, "at most 10 characters with Chinese among them, or 20 without"),
    "phrase": (_pattern(rf"[{_HAN}]{{1,5}}"), "at most 5 Chinese characters"),
}


def template_data(operation: str, data: Any) -> dict[str, dict[str, str]]:
    """
    *data* as it travels: names as they are, each with its ``{"value": …}``; a bare text is its value.

    :raises InvalidParams: naming each keyword that breaks its kind's limit.
    """
    if not isinstance(data, Mapping) or not data:
        raise InvalidParams("weixin", operation, {"data": 'expected a mapping such as {"thing1": {"value": "coffee"}}'})
    travels: dict[str, dict[str, str]] = {}
    problems = {}
    for name, item in data.items():
        value = item["value"] if isinstance(item, Mapping) and set(item) == {"value"} else item
        problem = _problem(name, value)
        if problem:
            problems[f"data.{str(name)[:40]}"] = problem
        else:
            travels[name] = {"value": value}
    if problems:
        raise InvalidParams("weixin", operation, problems)
    return travels


def _problem(name: Any, value: Any) -> str:
    if not isinstance(name, str) or not name:
        return "expected a keyword's name, such as thing1"
    if not isinstance(value, str) or not value:
        return 'expected a str that is not empty, bare or as {"value": …}'
    if any(unicodedata.category(char) in ("Cc", "Cs") for char in value):
        return "expected no line breaks and other control characters"
    kind = _NAME.fullmatch(name)
    accepts, expected = LIMITS.get(kind[1] if kind else "", (None, ""))
    return "" if accepts is None or accepts(value) else f"expected {expected}"
