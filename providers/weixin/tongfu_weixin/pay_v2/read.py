"""Verified fields to typed values."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tongfu.errors import MalformedAnswer
from tongfu.model import Coupon
from tongfu.money import fen_from_text
from tongfu_weixin.account import WeixinAccount


def fee(fields: Mapping[str, str], name: str) -> int | None:
    """The amount in fen, None where the platform sent none."""
    text = fields.get(name)
    return fen_from_text(text) if text else None


def amount(fields: Mapping[str, str], name: str) -> int:
    """:raises MalformedAnswer: no amount, or one that is no money."""
    fen = fen_from_text(required(fields, name))
    if fen < 0:
        raise MalformedAnswer(f"weixin: {name} is negative")
    return fen


def count(fields: Mapping[str, str], name: str) -> int | None:
    text = fields.get(name)
    if not text:
        return None
    if re.fullmatch(r"\d{1,6}", text, re.ASCII) is None:
        raise MalformedAnswer(f"weixin: {name} is not a count")
    return int(text)


def text(fields: Mapping[str, str], name: str) -> str | None:
    return fields.get(name) or None


def required(fields: Mapping[str, str], name: str) -> str:
    """:raises MalformedAnswer: the platform documents the field and did not send it."""
    value = fields.get(name)
    if not value:
        raise MalformedAnswer(f"weixin: the answer has no {name}")
    return value


def same(fields: Mapping[str, str], **asked: object) -> None:
    """:raises MalformedAnswer: the message names another order or refund than the one *asked* for."""
    for name, value in asked.items():
        if value is not None and fields.get(name, value) != value:
            raise MalformedAnswer(f"weixin: the answer is about another {name}")


def buyer(account: WeixinAccount, fields: Mapping[str, str]) -> str | None:
    """The buyer's openid under the app that ordered: the sub-merchant's own where it has one."""
    names = ("sub_openid", "openid") if account.sub_app_id else ("openid", "sub_openid")
    return text(fields, names[0]) or text(fields, names[1])


def indices(fields: Mapping[str, str], *names: str, suffix: str = "") -> list[int]:
    """The n of every ``name_n`` (``name_<suffix>_n``), numerically: 10 comes after 9."""
    pattern = re.compile(rf"(?:{'|'.join(names)}){suffix}_(\d{{1,4}})", re.ASCII)
    found = {int(match[1]) for name in fields if (match := pattern.fullmatch(name))}
    return sorted(found)


def coupons(fields: Mapping[str, str]) -> tuple[Coupon, ...]:
    """``coupon_id_$n``, ``coupon_type_$n``, ``coupon_fee_$n`` of an order."""
    if "coupon_" not in "".join(fields):  # as in almost every answer
        return ()
    return tuple(
        Coupon(
            coupon_id=text(fields, f"coupon_id_{n}"),
            coupon_type=text(fields, f"coupon_type_{n}"),
            coupon_fee=fee(fields, f"coupon_fee_{n}"),
        )
        for n in indices(fields, "coupon_id", "coupon_fee", "coupon_type")
    )
