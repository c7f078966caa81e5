"""Verified fields to typed values. Amounts on Alipay's wire are yuan, as text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tongfu.errors import MalformedAnswer
from tongfu.model import FundBill
from tongfu.money import fen_from_yuan

_DIGIT: Final = re.compile(r"\d", re.ASCII)


def fee(fields: Mapping[str, Any], name: str) -> int | None:
    """The amount in fen, None where the platform sent none."""
    value = fields.get(name)
    return None if value in (None, "") else fen_from_yuan(str(value))


def text(fields: Mapping[str, Any], name: str) -> str | None:
    """:raises MalformedAnswer: there is something that is neither text nor a number."""
    value = fields.get(name)
    if type(value) is str:
        return value or None
    if value is None:
        return None
    if type(value) is not int:
        raise MalformedAnswer(f"alipay: {name} is not text")
    return str(value)


def required(fields: Mapping[str, Any], name: str) -> str:
    """:raises MalformedAnswer: the platform documents the field and did not send it."""
    value = text(fields, name)
    if value is None:
        raise MalformedAnswer(f"alipay: the answer has no {name}")
    return value


def digits(moment: str | None) -> str | None:
    """``2024-01-02 11:04:05.000`` as the seed's ``20240102110405``."""
    if moment is None:
        return None
    found = "".join(_DIGIT.findall(moment.partition(".")[0]))
    if len(found) != 14:
        raise MalformedAnswer("alipay: a time is not yyyy-MM-dd HH:mm:ss")
    return found


def items(fields: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = fields.get(name) or []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise MalformedAnswer(f"alipay: {name} is not a list of objects")
    return value


def fund_bills(entries: list[Mapping[str, Any]]) -> tuple[FundBill, ...]:
    return tuple(
        FundBill(
            fund_channel=text(entry, "fund_channel") or text(entry, "fundChannel"),
            bank_code=text(entry, "bank_code") or text(entry, "bankCode"),
            amount=fee(entry, "amount"),
            real_amount=fee(entry, "real_amount") if "real_amount" in entry else fee(entry, "realAmount"),
            fund_type=text(entry, "fund_type") or text(entry, "fundType"),
        )
        for entry in entries
    )
