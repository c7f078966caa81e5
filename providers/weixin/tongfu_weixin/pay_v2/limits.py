"""
What WeChat Pay v2 accepts, operation by operation.

Source: the parameter tables of https://pay.weixin.qq.com/doc/v2/merchant/4011936530 and its neighbours
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from tongfu.fields import Day, Fee, Moment, OneOf, ParamsSchema, Rule, Text, Url, Whole, WireFields, exactly_one
from tongfu_weixin.pay_numbers import Ip, OutRefundNo, OutTradeNo, TransactionId

from . import xml

BASE: Final = ("appid", "mch_id", "sub_appid", "sub_mch_id", "nonce_str", "sign", "sign_type")


class _Extra(WireFields):
    """What becomes elements of a flat document, so their names are those of elements."""

    def __init__(self, ours: Iterable[str]) -> None:
        super().__init__(ours, flat=True)
        self.expected += ", names of letters, digits and _.-"

    def accepts(self, value: Any) -> bool:
        return super().accepts(value) and all(map(xml.NAME.fullmatch, value))


class OrderLimits(ParamsSchema):
    out_trade_no = OutTradeNo(least=6, required=True)
    total_fee = Fee(required=True)
    notify_url = Url(256, query=False, required=True)
    body = Text(127, in_bytes=True, required=True)
    openid = Text(128)
    subject = Text(10**6, least=0)  # the other platform's; dropped here
    trade_type = OneOf(("JSAPI", "APP", "NATIVE", "H5", "MWEB"))
    client_type = OneOf(("mp-weixin", "app-plus", "app"))
    spbill_create_ip = Ip()
    return_url = Url(1024, query=True)
    time_expire = Moment()
    extra = _Extra(
        (
            *BASE,
            "out_trade_no",
            "total_fee",
            "notify_url",
            "body",
            "openid",
            "trade_type",
            "spbill_create_ip",
            "time_expire",
        ),
    )


class KeyLimits(ParamsSchema):
    out_trade_no = OutTradeNo()
    transaction_id = TransactionId()
    extra = _Extra((*BASE, "out_trade_no", "transaction_id"))
    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("out_trade_no", "transaction_id"),)


class CloseLimits(ParamsSchema):
    out_trade_no = OutTradeNo(required=True)
    extra = _Extra((*BASE, "out_trade_no"))


def _refund_within_total(params: Any) -> Mapping[str, str]:
    if (
        isinstance(params.total_fee, int)
        and isinstance(params.refund_fee, int)
        and params.refund_fee > params.total_fee
    ):
        return {"refund_fee": f"expected at most total_fee ({params.total_fee}), not {params.refund_fee}"}
    return {}


class RefundLimits(ParamsSchema):
    refund_fee = Fee(required=True)
    total_fee = Fee(required=True)
    out_refund_no = OutRefundNo(required=True)
    out_trade_no = OutTradeNo()
    transaction_id = TransactionId()
    refund_fee_type = Text(8)
    refund_desc = Text(80)
    notify_url = Url(256, query=False)
    extra = _Extra(
        (
            *BASE,
            "out_trade_no",
            "transaction_id",
            "out_refund_no",
            "total_fee",
            "refund_fee",
            "refund_fee_type",
            "refund_desc",
            "notify_url",
        ),
    )
    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("out_trade_no", "transaction_id"), _refund_within_total)


def _some_number(params: Any) -> Mapping[str, str]:
    names = ("refund_id", "out_refund_no", "transaction_id", "out_trade_no")
    if any(getattr(params, name) is not None for name in names):
        return {}
    return dict.fromkeys(names, "expected one of refund_id, out_refund_no, transaction_id and out_trade_no")


class RefundKeyLimits(ParamsSchema):
    """Of several numbers the most exact one is sent, in the platform's own order."""

    refund_id = Text(32)
    out_refund_no = OutRefundNo()
    transaction_id = TransactionId()
    out_trade_no = OutTradeNo()
    offset = Whole(0, 1000)
    extra = _Extra((*BASE, "refund_id", "out_refund_no", "transaction_id", "out_trade_no", "offset"))
    rules: ClassVar[tuple[Rule, ...]] = (_some_number,)


class BillLimits(ParamsSchema):
    bill_date = Day(required=True)
    bill_type = OneOf(("ALL", "SUCCESS", "REFUND", "RECHARGE_REFUND"))
    tar_type = OneOf(("GZIP",))
    extra = _Extra((*BASE, "bill_date", "bill_type", "tar_type"))


class FundflowLimits(ParamsSchema):
    bill_date = Day(required=True)
    account_type = OneOf(("Basic", "Operation", "Fees"))
    tar_type = OneOf(("GZIP",))
    extra = _Extra((*BASE, "bill_date", "account_type", "tar_type"))


ORDER: Final = OrderLimits()
KEY: Final = KeyLimits()
CLOSE: Final = CloseLimits()
REFUND: Final = RefundLimits()
REFUND_KEY: Final = RefundKeyLimits()
BILL: Final = BillLimits()
FUNDFLOW: Final = FundflowLimits()


def extra_fields(extra: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: str(value) for name, value in extra.items()} if extra else {}
