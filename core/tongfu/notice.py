"""What a verified notification says. Fees are fen; ``reply`` is what the platform wants to be answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from .errors import NoticeMismatch
from .model import Result
from .swift import swift


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer a notification with."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@swift
@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentNotice(Result):
    """
    An authentic notification about an order. Deliver only when ``paid``, and only after ``expect``.

    ``paid`` is False for every state but success, and for a refund that the platform announces at
    the payment's address (``is_refund``): read that one with ``verify_refund_notify``.
    """

    seed_fields: ClassVar[tuple[str, ...]] = (
        "total_fee",
        "cash_fee",
        "fee_type",
        "out_trade_no",
        "transaction_id",
        "time_end",
        "openid",
    )
    paid: bool
    out_trade_no: str
    reply: Reply = field(repr=False)
    trade_state: str
    transaction_id: str | None = None
    total_fee: int | None = None
    cash_fee: int | None = None
    fee_type: str | None = None
    time_end: str | None = None
    openid: str | None = field(default=None, repr=False)
    app_id: str | None = None
    mch_id: str | None = None
    attach: str | None = None
    is_refund: bool = False
    notify_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def expect(self, *, out_trade_no: str, total_fee: int, fee_type: str = "CNY") -> None:
        """
        Compare with the order as the caller's database knows it.

        :raises NoticeMismatch: another order, another amount (fen), or another currency.
        """
        differs = []
        if self.out_trade_no != out_trade_no:
            differs.append("out_trade_no")
        if self.total_fee != total_fee:
            differs.append("total_fee")
        if (self.fee_type or "CNY") != fee_type:
            differs.append("fee_type")
        _refuse(self.out_trade_no, differs)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundNotice(Result):
    """
    An authentic notification about a refund. ``refunded`` is True only when the money went back.

    ``refund_fee`` is as the platform says it: WeChat this refund, Alipay all refunds of the trade so
    far (``refund_fee_is_total``). ``paid`` is always False: a refund never pays an order.
    """

    seed_fields: ClassVar[tuple[str, ...]] = (
        "total_fee",
        "refund_fee",
        "settlement_total_fee",
        "settlement_refund_fee",
        "out_trade_no",
        "transaction_id",
        "refund_id",
        "out_refund_no",
        "refund_status",
        "refund_account",
        "refund_recv_accout",
    )
    paid: ClassVar[bool] = False
    refunded: bool
    out_trade_no: str
    reply: Reply = field(repr=False)
    transaction_id: str | None = None
    out_refund_no: str | None = None
    refund_id: str | None = None
    total_fee: int | None = None
    refund_fee: int | None = None
    refund_fee_is_total: bool = False
    settlement_total_fee: int | None = None
    settlement_refund_fee: int | None = None
    refund_status: str | None = None
    refund_account: str | None = None
    refund_recv_accout: str | None = None
    success_time: str | None = None
    app_id: str | None = None
    mch_id: str | None = None
    notify_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def expect(self, *, out_trade_no: str, total_fee: int) -> None:
        """
        Compare with the order as the caller's database knows it.

        :raises NoticeMismatch: another order or another order amount (fen).
        """
        differs = [
            name
            for name, value in (("out_trade_no", out_trade_no), ("total_fee", total_fee))
            if getattr(self, name) != value
        ]
        _refuse(self.out_trade_no, differs)


def _refuse(out_trade_no: str, differs: Iterable[str]) -> None:
    names = tuple(differs)
    if names:
        raise NoticeMismatch(out_trade_no, names)
