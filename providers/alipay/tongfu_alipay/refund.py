"""
Refunds. ``refund_fee`` on Alipay's wire is the total of all refunds of the trade, not this one.

Source: https://opendocs.alipay.com/open/4b7cc5db (refund), /open/8c776df6 (refund query)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tongfu.call import Call, Context
from tongfu.errors import MalformedAnswer, RefundNotFound
from tongfu.model import Refund, RefundRoyalty, RefundState
from tongfu.money import yuan_from_fen
from tongfu.params import RefundKey, RefundParams

from . import limits
from .read import fee, fund_bills, items, text
from .trade import key, same


def refund(params: RefundParams) -> Call[Refund]:
    """
    Accepted is not refunded: ``fund_change`` True is; else ask ``refund_query``.

    Without ``out_refund_no`` the number that names the order is the refund's, as the platform does it:
    right for one refund of the whole order. A second one under the same number moves nothing.
    """
    limits.REFUND.check("alipay", "refund", params)
    out_refund_no = params.out_refund_no or params.out_trade_no or params.transaction_id
    fields = key(params)
    content = fields["biz_content"]
    content |= {"refund_amount": yuan_from_fen(params.refund_fee), "out_request_no": out_refund_no}
    if params.refund_desc is not None:
        content["refund_reason"] = params.refund_desc
    if params.refund_fee_type is not None:
        content["refund_currency"] = params.refund_fee_type

    def finish(answer: Mapping[str, Any], ctx: Context) -> Refund:
        same(answer, params)
        changed = text(answer, "fund_change")
        return Refund(
            refund_fee=params.refund_fee,
            total_refund_fee=fee(answer, "refund_fee"),
            out_trade_no=text(answer, "out_trade_no") or params.out_trade_no,
            transaction_id=text(answer, "trade_no") or params.transaction_id,
            out_refund_no=out_refund_no,
            refund_id=text(answer, "refund_settlement_id"),
            cash_refund_fee=fee(answer, "present_refund_buyer_amount"),
            fund_change=None if changed is None else changed == "Y",
            raw=answer,
        )

    return Call("refund", "alipay.trade.refund", fields, finish)


def refund_query(params: RefundKey) -> Call[RefundState]:
    """
    One refund, ten seconds after it was sent at the earliest, says the platform.

    SUCCESS is REFUND_SUCCESS, or an amount without a status, which is how older apps are told of
    success. Neither means that no such refund was received or it failed.

    :raises RefundNotFound: neither.
    """
    limits.REFUND_KEY.check("alipay", "refund_query", params)
    out_refund_no = params.out_refund_no or params.out_trade_no or params.transaction_id
    fields = key(params)
    fields["biz_content"] = {
        "query_options": ["refund_detail_item_list"],
        **fields["biz_content"],
        "out_request_no": out_refund_no,
    }

    def finish(answer: Mapping[str, Any], ctx: Context) -> RefundState:
        same(answer, params)
        if (text(answer, "out_request_no") or out_refund_no) != out_refund_no:
            raise MalformedAnswer("alipay: the answer is about another out_request_no")
        status, refund_fee = text(answer, "refund_status"), fee(answer, "refund_amount")
        if status is None and not refund_fee:
            raise RefundNotFound(
                "alipay", "10000", message="no such refund", advice="It was not received or it failed", raw=answer
            )
        royaltys = items(answer, "refund_royaltys")
        return RefundState(
            out_trade_no=text(answer, "out_trade_no"),
            transaction_id=text(answer, "trade_no"),
            out_refund_no=out_refund_no,
            total_fee=fee(answer, "total_amount"),
            refund_id=text(answer, "refund_settlement_id"),
            refund_fee=refund_fee,
            refund_desc=text(answer, "refund_reason"),
            refund_status=_status(status),
            refund_royaltys=tuple(map(_royalty, royaltys)) if royaltys else None,
            refund_detail_item_list=fund_bills(items(answer, "refund_detail_item_list")),
            raw=answer,
        )

    return Call("refund_query", "alipay.trade.fastpay.refund.query", fields, finish, read_only=True)


def _status(status: str | None) -> str:
    known = {
        "REFUND_SUCCESS": "SUCCESS",
        "REFUND_PROCESSING": "PROCESSING",
        "REFUND_FAIL": "REFUNDCLOSE",
        None: "SUCCESS",
    }
    return known.get(status) or (f"UNKNOWN:{status}" if status == "SUCCESS" else str(status))


def _royalty(entry: Mapping[str, Any]) -> RefundRoyalty:
    return RefundRoyalty(
        refund_amount=fee(entry, "refund_amount"),
        royalty_type=text(entry, "royalty_type"),
        result_code=text(entry, "result_code"),
        trans_out=text(entry, "trans_out"),
        trans_in=text(entry, "trans_in"),
    )
