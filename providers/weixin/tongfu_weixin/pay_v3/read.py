"""Verified JSON to typed values, in APIv2's words where both protocols say the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from tongfu.errors import MalformedAnswer, SignatureError
from tongfu_weixin.account import WeixinAccount
from tongfu_weixin.scene import BEIJING

COUPONS: Final = {"NOCASH": "NO_CASH", "COUPON": "CASH", "DISCOUNT": "NO_CASH"}
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)


def text(fields: Mapping[str, Any], name: str) -> str | None:
    """None where the platform sent nothing, or nothing but ``""``."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise MalformedAnswer(f"weixin: {name} is not text")
    return value or None


def required(fields: Mapping[str, Any], name: str) -> str:
    """:raises MalformedAnswer: the platform documents the field and did not send it."""
    value = text(fields, name)
    if value is None:
        raise MalformedAnswer(f"weixin: the answer has no {name}")
    return value


def fee(fields: Mapping[str, Any], name: str) -> int | None:
    """The amount in fen, None where the platform sent none."""
    value = fields.get(name)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value < 10**18:
        raise MalformedAnswer(f"weixin: {name} is not an amount in fen")
    return value


def amount(fields: Mapping[str, Any], name: str) -> int:
    """:raises MalformedAnswer: no amount, or one that is no money."""
    fen = fee(fields, name)
    if fen is None:
        raise MalformedAnswer(f"weixin: the answer has no {name}")
    return fen


def part(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object, empty where the platform sent none."""
    value = fields.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise MalformedAnswer(f"weixin: {name} is not an object")
    return value


def parts(fields: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """A list of objects, empty where the platform sent none."""
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise MalformedAnswer(f"weixin: {name} is not a list of objects")
    return value


def beijing(fields: Mapping[str, Any], name: str) -> str | None:
    """A time as APIv2 writes it, ``2026-11-24 12:00:00`` in Beijing, whatever offset it came with."""
    value = text(fields, name)
    if value is None:
        return None
    try:
        if _TIME.fullmatch(value) is None:
            raise ValueError
        time = datetime.fromisoformat(value)
        # As every time of the platform comes; strftime would take a tenth of a notification's reading.
        return (value if value.endswith("+08:00") else time.astimezone(BEIJING).isoformat())[:19].replace("T", " ")
    except (ValueError, OverflowError):
        raise MalformedAnswer(f"weixin: {name} is not a time") from None


def digits(fields: Mapping[str, Any], name: str) -> str | None:
    """The same as ``20261124120000``."""
    time = beijing(fields, name)
    return time and "".join((time[:4], time[5:7], time[8:10], time[11:13], time[14:16], time[17:]))


def coupon_type(fields: Mapping[str, Any]) -> str | None:
    kind = text(fields, "type")
    return COUPONS.get(kind, kind) if kind else None


def same(fields: Mapping[str, Any], /, **asked: object) -> None:
    """:raises MalformedAnswer: the message does not name the order or refund that was *asked* for."""
    for name, value in asked.items():
        if value is not None and fields.get(name) != value:
            raise MalformedAnswer(f"weixin: the answer is about another {name}")


def ours(account: WeixinAccount, fields: Mapping[str, Any], *, complete: bool = True) -> None:
    """
    Go on only if the answer is about this account's app and merchant.

    One key signs for all sub-merchants of a service provider: only their ids tell them apart. Where an answer
    is documented to name nobody it is not *complete*, but what it names must be ours.

    :raises SignatureError: another app, merchant or sub-merchant.
    """
    if account.sub_mch_id:
        expected = {"sp_appid": account.app_id, "sp_mchid": account.mch_id, "sub_mchid": account.sub_mch_id}
        optional = {"sub_appid": account.sub_app_id} if account.sub_app_id else {}
    else:
        expected = {"appid": account.app_id, "mchid": account.mch_id}
        # WeChat's own samples name an ordinary merchant as its own sub-merchant.
        optional = {"sub_mchid": account.mch_id}
    for name, value in {**expected, **optional}.items():
        told = fields.get(name)
        if told != value and (told not in (None, "") or (complete and name in expected)):
            raise SignatureError(f"weixin: the answer's {name} is missing or another account's; use nothing of it")
