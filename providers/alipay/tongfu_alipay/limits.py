"""
What Alipay accepts, operation by operation.

Source: https://opendocs.alipay.com/open/05osux "alipay.trade.create", and each method's page
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, ClassVar, Final

from tongfu.fields import (
    Checked,
    Fee,
    Moment,
    OneOf,
    ParamsSchema,
    Rule,
    Text,
    Url,
    Whole,
    WireFields,
    as_date,
    exactly_one,
)

_MONTH: Final = re.compile(r"(\d{4})-?(\d{2})", re.ASCII)
SCENES: Final = ("JSAPI", "APP", "NATIVE", "PAGE", "WAP", "H5", "MICROPAY")


class OutTradeNo(Text):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(64, pattern=r"[0-9A-Za-z_]+", alphabet="letters, digits and _", **kwargs)


class Number(Text):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(64, pattern=r"[0-9A-Za-z_\-]+", alphabet="letters, digits, _ and -", **kwargs)


class AuthCode(Text):
    """A buyer's payment code."""

    def __init__(self, **kwargs: Any) -> None:
        pattern = r"(?:2[5-9]|30)[0-9]{14,22}|fp.{33}"
        alphabet = "a payment code: 16 to 24 digits that begin with 25 to 30, or 35 that begin with fp"
        super().__init__(35, least=16, pattern=pattern, alphabet=alphabet, **kwargs)


class NotHere(Checked):
    """A parameter of the facade that would silently do nothing on this platform."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self.expected = f"nothing: {why}"

    def accepts(self, value: Any) -> bool:
        return False


class OrderLimits(ParamsSchema):
    out_trade_no = OutTradeNo(required=True)
    total_fee = Fee(10**10, required=True)
    notify_url = Url(256, query=False, required=True)
    subject = Text(256, required=True)
    body = Text(128)
    openid = Text(128)
    trade_type = OneOf(SCENES)
    client_type = OneOf(("mp-alipay", "app-plus", "app"))
    spbill_create_ip = Text(64)  # the other platform's; nothing is sent
    return_url = Url(256, query=True)
    time_expire = Moment()
    extra = WireFields(
        ("out_trade_no", "total_amount", "subject", "body", "notify_url", "return_url", "time_expire", "sign"),
        flat=False,
    )


class KeyLimits(ParamsSchema):
    out_trade_no = OutTradeNo()
    transaction_id = Number()
    extra = WireFields(("out_trade_no", "trade_no", "sign"), flat=False)
    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("out_trade_no", "transaction_id"),)


def _refund_within_total(params: Any) -> Mapping[str, str]:
    if (
        isinstance(params.total_fee, int)
        and isinstance(params.refund_fee, int)
        and params.refund_fee > params.total_fee
    ):
        return {"refund_fee": f"expected at most total_fee ({params.total_fee}), not {params.refund_fee}"}
    return {}


def _part_has_number(params: Any) -> Mapping[str, str]:
    """The platform takes a second part under the order's own number for the first one, and moves nothing."""
    whole, part = params.total_fee, params.refund_fee
    if params.out_refund_no is None and isinstance(whole, int) and isinstance(part, int) and part < whole:
        return {"out_refund_no": "missing; a refund of less than total_fee needs a number of its own"}
    return {}


class RefundLimits(ParamsSchema):
    refund_fee = Fee(10**10, required=True)
    total_fee = Fee(10**10)
    out_trade_no = OutTradeNo()
    transaction_id = Number()
    out_refund_no = Number()
    refund_fee_type = Text(8)
    refund_desc = Text(256)
    notify_url = NotHere("Alipay announces refunds at the payment's own notify_url")
    extra = WireFields(
        ("out_trade_no", "trade_no", "out_request_no", "refund_amount", "refund_currency", "refund_reason", "sign"),
        flat=False,
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        exactly_one("out_trade_no", "transaction_id"),
        _refund_within_total,
        _part_has_number,
    )


class RefundKeyLimits(ParamsSchema):
    out_trade_no = OutTradeNo()
    transaction_id = Number()
    out_refund_no = Number()
    refund_id = NotHere("Alipay finds a refund by out_refund_no with out_trade_no or transaction_id")
    offset = Whole(0, 0)
    extra = WireFields(("out_trade_no", "trade_no", "out_request_no", "sign"), flat=False)
    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("out_trade_no", "transaction_id"),)


def period(value: str | date) -> str:
    """``2026-11-24``, or ``2026-11`` for a whole month."""
    day = as_date(value)
    if day is not None:
        return day.isoformat()
    month = _MONTH.fullmatch(str(value))
    return f"{month[1]}-{month[2]}" if month else ""


def is_period(value: object) -> bool:
    if as_date(value) is not None:
        return True
    month = _MONTH.fullmatch(value) if isinstance(value, str) else None
    return month is not None and as_date(f"{month[1]}-{month[2]}-01") is not None


class _Period(Checked):
    expected = "a date, '20140603' or '2014-06-03', or a month, '2014-06'"

    def accepts(self, value: Any) -> bool:
        return is_period(value)


_ONE_ACCOUNT: Final = ("BASIC", "Basic")


class BillLimits(ParamsSchema):
    bill_date = _Period(required=True)
    bill_type = Text(
        32, pattern=r"(?!SUCCESS|REFUND)\w+", alphabet="the platform's word, such as trade (ALL is the same)"
    )
    tar_type = OneOf(("GZIP",))  # the other platform's; this one always sends a zip
    extra = WireFields(("bill_type", "bill_date", "sign"), flat=False)


class FundflowLimits(ParamsSchema):
    bill_date = _Period(required=True)
    account_type = OneOf(_ONE_ACCOUNT)
    tar_type = OneOf(("GZIP",))
    extra = WireFields(("bill_type", "bill_date", "sign"), flat=False)


AUTH_CODE: Final = AuthCode()
ORDER: Final = OrderLimits()
BILL: Final = BillLimits()
FUNDFLOW: Final = FundflowLimits()
KEY: Final = KeyLimits()
REFUND: Final = RefundLimits()
REFUND_KEY: Final = RefundKeyLimits()
