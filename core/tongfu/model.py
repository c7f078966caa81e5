"""
What the ten payment operations answer. Every fee is an int of fen; None where the platform said nothing.

``raw`` holds the verified fields as they came on the wire. ``to_camel()`` gives the document that
uniCloud's ``openapi.payment`` gave a client: its field names in camelCase, without what is None.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, Self

from .swift import swift


def camel(name: str) -> str:
    """``out_trade_no`` is ``outTradeNo``."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)


class Result:
    """A frozen answer that knows its seed document."""

    __slots__ = ()
    seed_fields: ClassVar[tuple[str, ...]] = ()

    def to_camel(self) -> Any:
        """The camelCase document for a uni-app client."""
        pairs = ((name, getattr(self, name)) for name in self.seed_fields)
        return {camel(name): _camel_value(value) for name, value in pairs if value is not None}


def _camel_value(value: Any) -> Any:
    if isinstance(value, Result):
        return value.to_camel()
    if isinstance(value, tuple | list):
        return [_camel_value(item) for item in value]
    return value


@swift
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderInfo(Result):
    """
    What the client needs to pay an order.

    ``payload`` goes to the client as it is: a dict for a WeChat client, a str for an Alipay one.
    The other fields name its parts and the scenes' answers: ``code_url`` is drawn as a QR code,
    ``mweb_url`` and ``pay_url`` are pages to send the buyer to, ``pay_form`` an HTML form that posts itself.
    """

    payload: Any = field(repr=False)
    out_trade_no: str
    trade_type: str
    prepay_id: str | None = field(default=None, repr=False)
    transaction_id: str | None = None
    code_url: str | None = field(default=None, repr=False)
    mweb_url: str | None = field(default=None, repr=False)
    pay_url: str | None = field(default=None, repr=False)
    pay_form: str | None = field(default=None, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def to_camel(self) -> Any:
        """The payload itself: the seed answers the bare value."""
        return self.payload


PAID_STATES = frozenset({"SUCCESS", "FINISHED"})
TRADE_STATES = frozenset(
    {"SUCCESS", "REFUND", "NOTPAY", "CLOSED", "REVOKED", "USERPAYING", "PAYERROR", "ACCEPT", "FINISHED"}
)


def trade_state(wire: str, mapping: Mapping[str, str]) -> str:
    """
    The seed's word for the platform's state.

    A state that *mapping* does not know stays visible as it came; one that would then read as a
    known state becomes ``UNKNOWN``, so that nothing undocumented is ever SUCCESS.
    """
    known = mapping.get(wire)
    if known is not None:
        return known
    return "UNKNOWN" if wire in TRADE_STATES or not wire else wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Coupon(Result):
    """One coupon that paid a part of an order. ``coupon_fee`` is fen."""

    seed_fields: ClassVar[tuple[str, ...]] = ("coupon_id", "coupon_type", "coupon_fee")
    coupon_id: str | None = None
    coupon_type: str | None = None
    coupon_fee: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FundBill(Result):
    """One channel that paid a part of a trade, or took a part of a refund. Amounts are fen."""

    seed_fields: ClassVar[tuple[str, ...]] = ("fund_channel", "bank_code", "amount", "real_amount", "fund_type")
    fund_channel: str | None = None
    bank_code: str | None = None
    amount: int | None = None
    real_amount: int | None = None
    fund_type: str | None = None


@swift
@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Result):
    """
    An order's state. ``trade_state``: SUCCESS, REFUND, NOTPAY, CLOSED, REVOKED, USERPAYING, PAYERROR, ACCEPT, FINISHED.

    Any other text is a state that the platform has and we do not know: not paid, not failed.
    """

    seed_fields: ClassVar[tuple[str, ...]] = (
        "app_id",
        "mch_id",
        "out_trade_no",
        "transaction_id",
        "trade_state",
        "total_fee",
        "settlement_total_fee",
        "cash_fee",
    )
    trade_state: str
    out_trade_no: str | None = None
    transaction_id: str | None = None
    app_id: str | None = None
    mch_id: str | None = None
    total_fee: int | None = None
    settlement_total_fee: int | None = None
    cash_fee: int | None = None
    fee_type: str | None = None
    cash_fee_type: str | None = None
    trade_state_desc: str | None = None
    trade_type: str | None = None
    bank_type: str | None = None
    time_end: str | None = None
    attach: str | None = None
    openid: str | None = field(default=None, repr=False)
    coupon_fee: int | None = None
    coupon_list: tuple[Coupon, ...] = ()
    fund_bill_list: tuple[FundBill, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def paid(self) -> bool:
        """The buyer's money is with the merchant, and nothing of it was paid back as far as the state tells."""
        return self.trade_state in PAID_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed(Result):
    """The order is closed: nobody can pay it any more."""

    seed_fields: ClassVar[tuple[str, ...]] = ("app_id", "mch_id", "out_trade_no", "transaction_id")
    out_trade_no: str | None = None
    transaction_id: str | None = None
    app_id: str | None = None
    mch_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled(Result):
    """
    The order is undone. ``action`` is ``close`` (was unpaid), ``refund`` (was paid; paid back) or None (no such order).

    ``retry_flag`` is True when the platform asks for the same call again.
    """

    seed_fields: ClassVar[tuple[str, ...]] = ("out_trade_no", "transaction_id")
    out_trade_no: str | None = None
    transaction_id: str | None = None
    action: str | None = None
    retry_flag: bool | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund(Result):
    """
    A refund the platform accepted; whether the money arrived is for the notice or the query to say.

    ``refund_fee`` is this refund; ``total_refund_fee`` all refunds of the order so far, where the
    platform tells. ``fund_change`` (Alipay) True means this call moved the money; False or None means
    ask ``refund_query``, not that it failed.
    """

    seed_fields: ClassVar[tuple[str, ...]] = (
        "out_trade_no",
        "transaction_id",
        "out_refund_no",
        "refund_id",
        "refund_fee",
        "cash_refund_fee",
    )
    refund_fee: int
    out_trade_no: str | None = None
    transaction_id: str | None = None
    out_refund_no: str | None = None
    refund_id: str | None = None
    cash_refund_fee: int | None = None
    total_fee: int | None = None
    total_refund_fee: int | None = None
    settlement_refund_fee: int | None = None
    coupon_refund_fee: int | None = None
    fund_change: bool | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundedCoupon(Result):
    """One coupon's share of a refund. ``coupon_refund_fee`` is fen."""

    seed_fields: ClassVar[tuple[str, ...]] = ("coupon_type", "coupon_refund_id", "coupon_refund_fee")
    coupon_type: str | None = None
    coupon_refund_id: str | None = None
    coupon_refund_fee: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundItem(Result):
    """One of an order's refunds. ``refund_status``: SUCCESS, REFUNDCLOSE, PROCESSING, CHANGE."""

    seed_fields: ClassVar[tuple[str, ...]] = (
        "out_refund_no",
        "refund_id",
        "refund_channel",
        "refund_fee",
        "settlement_refund_fee",
        "refund_status",
        "coupon_refund_fee",
        "coupon_refund_count",
        "refund_account",
        "refund_recv_accout",
        "refund_success_time",
        "coupon_list",
    )
    out_refund_no: str | None = None
    refund_id: str | None = None
    refund_channel: str | None = None
    refund_fee: int | None = None
    settlement_refund_fee: int | None = None
    refund_status: str | None = None
    coupon_refund_fee: int | None = None
    coupon_refund_count: int | None = None
    refund_account: str | None = None
    refund_recv_accout: str | None = None
    refund_success_time: str | None = None
    coupon_list: tuple[RefundedCoupon, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRoyalty(Result):
    """One share taken back in a refund. ``refund_amount`` is fen."""

    seed_fields: ClassVar[tuple[str, ...]] = ("refund_amount", "royalty_type", "result_code", "trans_out", "trans_in")
    refund_amount: int | None = None
    royalty_type: str | None = None
    result_code: str | None = None
    trans_out: str | None = None
    trans_in: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundState(Result):
    """
    What became of a refund, or of all refunds of an order.

    ``refund_status`` is that of the one refund asked for: SUCCESS, PROCESSING, REFUNDCLOSE, CHANGE,
    or None where several are listed in ``refund_list``.
    """

    seed_fields: ClassVar[tuple[str, ...]] = (
        "out_trade_no",
        "transaction_id",
        "total_fee",
        "refund_id",
        "refund_fee",
        "refund_desc",
        "refund_list",
        "refund_royaltys",
    )
    out_trade_no: str | None = None
    transaction_id: str | None = None
    out_refund_no: str | None = None
    total_fee: int | None = None
    refund_id: str | None = None
    refund_fee: int | None = None
    refund_desc: str | None = None
    refund_status: str | None = None
    total_refund_count: int | None = None
    refund_list: tuple[RefundItem, ...] | None = None
    refund_royaltys: tuple[RefundRoyalty, ...] | None = None
    refund_detail_item_list: tuple[FundBill, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class StoredText(Protocol):
    """A long text that is not in memory, such as a ``tongfu.bills.Spool``: all of it, or one line after the other."""

    def text(self) -> str: ...
    def lines(self) -> Iterator[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill(Result):
    """
    One day's table as the platform wrote it, without a byte-order mark. Its amounts are yuan.

    ``content`` is all of it as one text, read when asked for. ``lines()`` gives one line after the other, and a bill of
    a million trades needs a few KiB so: a large one lies in a temporary file, which goes with this object. ``summary``
    is the platform's second table, where it sends two.
    """

    seed_fields: ClassVar[tuple[str, ...]] = ("content",)
    content: str = field(repr=False)
    summary: str | None = field(default=None, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def stored(cls, content: StoredText, summary: str | None = None) -> Self:
        """A bill whose text is not in memory."""
        return cls(content=content, summary=summary)  # type: ignore[arg-type]  # see below

    def lines(self) -> Iterator[str]:
        """The lines of ``content`` with their ends, as ``csv.reader`` takes them."""
        content = _content.__get__(self)
        return io.StringIO(content, "\n") if isinstance(content, str) else content.lines()


def _read_content(bill: Bill) -> str:
    content = _content.__get__(bill)
    return content if isinstance(content, str) else content.text()


# The slot holds a str or a StoredText; whoever reads the attribute gets a str.
_content: Any = vars(Bill)["content"]
setattr(Bill, "content", property(_read_content, _content.__set__))  # noqa: B010 - mypy knows it as a str
