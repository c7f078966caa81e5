"""What a verified notification says. Fees are fen; ``reply`` is what the platform wants to be answered."""

from __future__ import annotations

from collections.abc import Mapping
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
    the payment's address (``is_refund``): read that one with ``verify_refund_notify``. ``repeated`` says that this
    account read a notification of the same ``notify_id`` before, of the last thousand: the platform sends one again
    until it is accepted, so whether it was dealt with only your database knows.
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
    repeated: bool = field(default=False, compare=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def expect(self, *, out_trade_no: str, total_fee: int, fee_type: str = "CNY") -> None:
        """
        Compare with the order as the caller's database knows it.

        :raises NoticeMismatch: another order, another amount (fen), or another currency.
        """
        told = {"out_trade_no": self.out_trade_no, "total_fee": self.total_fee, "fee_type": self.fee_type or "CNY"}
        _compare(told, {"out_trade_no": out_trade_no, "total_fee": total_fee, "fee_type": fee_type})


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
    repeated: bool = field(default=False, compare=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def expect(self, *, out_trade_no: str, total_fee: int) -> None:
        """
        Compare with the order as the caller's database knows it.

        :raises NoticeMismatch: another order or another order amount (fen).
        """
        told = {"out_trade_no": self.out_trade_no, "total_fee": self.total_fee}
        _compare(told, {"out_trade_no": out_trade_no, "total_fee": total_fee})


def _compare(told: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    differs = tuple(name for name in expected if told[name] != expected[name])
    if differs:
        raise NoticeMismatch(told["out_trade_no"], differs)
