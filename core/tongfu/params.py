"""
What a caller passes to the ten payment operations.

Each operation has a TypedDict, which types the keywords at the facade, and a frozen dataclass,
which is what its hook gets: None where nothing was passed. Every fee is an int of fen.
``extra`` holds parameters of the platform that have no name here, under their names on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Required, TypedDict

from .swift import swift


class OrderKeywords(TypedDict, total=False):
    """``out_trade_no``, ``total_fee`` (fen, >= 1), ``notify_url`` always; the rest as platform and scene need."""

    out_trade_no: Required[str]
    total_fee: Required[int]
    notify_url: Required[str]
    openid: str | None
    body: str | None
    subject: str | None
    trade_type: str | None
    client_type: str | None
    spbill_create_ip: str | None
    return_url: str | None
    time_expire: datetime | None
    extra: Mapping[str, Any] | None


@swift
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderParams:
    out_trade_no: str
    total_fee: int
    notify_url: str
    openid: str | None = field(default=None, repr=False)
    body: str | None = None
    subject: str | None = None
    trade_type: str | None = None
    client_type: str | None = None
    spbill_create_ip: str | None = None
    return_url: str | None = None
    time_expire: datetime | None = None
    extra: Mapping[str, Any] | None = field(default=None, repr=False)


class OrderKeyKeywords(TypedDict, total=False):
    """Exactly one of the merchant's ``out_trade_no`` and the platform's ``transaction_id``."""

    out_trade_no: str | None
    transaction_id: str | None
    extra: Mapping[str, Any] | None


@swift
@dataclass(frozen=True, slots=True, kw_only=True)
class OrderKey:
    out_trade_no: str | None = None
    transaction_id: str | None = None
    extra: Mapping[str, Any] | None = field(default=None, repr=False)


class RefundKeywords(TypedDict, total=False):
    """
    ``refund_fee`` (fen, >= 1) and exactly one of ``out_trade_no`` and ``transaction_id``.

    WeChat needs ``out_refund_no`` and ``total_fee`` too. Keep ``out_refund_no`` the same when
    trying again: that is what keeps one refund one refund.
    """

    refund_fee: Required[int]
    out_trade_no: str | None
    transaction_id: str | None
    out_refund_no: str | None
    total_fee: int | None
    refund_fee_type: str | None
    refund_desc: str | None
    notify_url: str | None
    extra: Mapping[str, Any] | None


@swift
@dataclass(frozen=True, slots=True, kw_only=True)
class RefundParams:
    refund_fee: int
    out_trade_no: str | None = None
    transaction_id: str | None = None
    out_refund_no: str | None = None
    total_fee: int | None = None
    refund_fee_type: str | None = None
    refund_desc: str | None = None
    notify_url: str | None = None
    extra: Mapping[str, Any] | None = field(default=None, repr=False)


class RefundKeyKeywords(TypedDict, total=False):
    """Which refund. ``offset`` (WeChat) is the index of the first refund to list, ten a page."""

    out_trade_no: str | None
    transaction_id: str | None
    out_refund_no: str | None
    refund_id: str | None
    offset: int | None
    extra: Mapping[str, Any] | None


@swift
@dataclass(frozen=True, slots=True, kw_only=True)
class RefundKey:
    out_trade_no: str | None = None
    transaction_id: str | None = None
    out_refund_no: str | None = None
    refund_id: str | None = None
    offset: int | None = None
    extra: Mapping[str, Any] | None = field(default=None, repr=False)


class BillKeywords(TypedDict, total=False):
    """
    ``bill_date`` is a date, ``"20140603"`` or ``"2014-06-03"``; ``bill_type`` is the platform's word.

    ``tar_type="GZIP"`` asks WeChat for a compressed transfer; ``content`` is text all the same.
    """

    bill_date: Required[str | date]
    bill_type: str | None
    tar_type: str | None
    extra: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BillParams:
    bill_date: str | date
    bill_type: str | None = None
    tar_type: str | None = None
    extra: Mapping[str, Any] | None = field(default=None, repr=False)


class FundflowKeywords(TypedDict, total=False):
    """As for a bill; ``account_type`` is the platform's word (WeChat: Basic, Operation, Fees)."""

    bill_date: Required[str | date]
    account_type: str | None
    tar_type: str | None
    extra: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FundflowParams:
    bill_date: str | date
    account_type: str | None = None
    tar_type: str | None = None
    extra: Mapping[str, Any] | None = field(default=None, repr=False)
