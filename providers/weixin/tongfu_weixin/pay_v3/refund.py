"""
Refunds, and what became of one.

Source: https://pay.weixin.qq.com/doc/v3/merchant/4012791862 "退款申请" and 4012791863 "查询单笔退款"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from tongfu.call import Call, Context
from tongfu.errors import MalformedAnswer
from tongfu.model import Refund, RefundedCoupon, RefundItem, RefundState
from tongfu.params import RefundKey, RefundParams
from tongfu_weixin.account import WeixinAccount

from . import limits
from .call import build
from .read import amount, beijing, coupon_type, fee, ours, part, parts, required, same, text

PATH: Final = "/v3/refund/domestic/refunds"
# APIv2's words for the same.
STATUSES: Final = {"CLOSED": "REFUNDCLOSE", "ABNORMAL": "CHANGE"}
ACCOUNTS: Final = {"UNSETTLED": "REFUND_SOURCE_UNSETTLED_FUNDS", "AVAILABLE": "REFUND_SOURCE_RECHARGE_FUNDS"}


def refund(account: WeixinAccount, params: RefundParams, ctx: Context) -> Call[Refund]:
    """An answer means accepted: the notice or the query says when the money is back. No client certificate."""
    limits.REFUND.check("weixin", "refund", params)
    names = {
        "transaction_id": params.transaction_id,
        "out_trade_no": params.out_trade_no,
        "out_refund_no": params.out_refund_no,
        "reason": params.refund_desc,
        "notify_url": params.notify_url,
    }
    document: dict[str, Any] = {"sub_mchid": account.sub_mch_id} if account.sub_mch_id else {}
    document.update((name, value) for name, value in names.items() if value is not None)
    currency = params.refund_fee_type or "CNY"
    document["amount"] = {"refund": params.refund_fee, "total": params.total_fee, "currency": currency}

    def finish(answer: Mapping[str, Any], ctx: Context) -> Refund:
        _about(account, answer, params)
        amounts = part(answer, "amount")
        refund_fee = amount(amounts, "refund")
        if refund_fee != params.refund_fee:
            raise MalformedAnswer("weixin: the answer is about another refund_fee")
        return Refund(
            refund_fee=refund_fee,
            out_trade_no=text(answer, "out_trade_no"),
            transaction_id=text(answer, "transaction_id"),
            out_refund_no=text(answer, "out_refund_no"),
            refund_id=required(answer, "refund_id"),
            cash_refund_fee=fee(amounts, "payer_refund"),
            total_fee=fee(amounts, "total"),
            settlement_refund_fee=fee(amounts, "settlement_refund"),
            coupon_refund_fee=fee(amounts, "discount_refund"),
            raw=answer,
        )

    return build("refund", "POST", PATH, finish, json=limits.merged("refund", document, params.extra))


def refund_query(account: WeixinAccount, params: RefundKey, ctx: Context) -> Call[RefundState]:
    """One refund, by its ``out_refund_no``. Other numbers that are passed must be the answer's too."""
    limits.REFUND_KEY.check("weixin", "refund_query", params)

    def finish(answer: Mapping[str, Any], ctx: Context) -> RefundState:
        _about(account, answer, params)
        same(answer, refund_id=params.refund_id)
        item = _item(answer)
        return RefundState(
            out_trade_no=text(answer, "out_trade_no"),
            transaction_id=text(answer, "transaction_id"),
            total_fee=fee(part(answer, "amount"), "total"),
            out_refund_no=item.out_refund_no,
            refund_id=item.refund_id,
            refund_fee=item.refund_fee,
            refund_status=item.refund_status,
            refund_list=(item,),
            raw=answer,
        )

    return build(
        "refund_query",
        "GET",
        f"{PATH}/{quote(params.out_refund_no or '', safe='')}",
        finish,
        query=limits.query(params.extra, sub_mchid=account.sub_mch_id) or None,
        read_only=True,
    )


def _about(account: WeixinAccount, answer: Mapping[str, Any], params: RefundParams | RefundKey) -> None:
    ours(account, answer, complete=False)
    same(
        answer,
        out_refund_no=params.out_refund_no,
        out_trade_no=params.out_trade_no,
        transaction_id=params.transaction_id,
    )


def _item(answer: Mapping[str, Any]) -> RefundItem:
    amounts = part(answer, "amount")
    coupons = tuple(
        RefundedCoupon(
            coupon_type=coupon_type(each),
            coupon_refund_id=text(each, "promotion_id"),
            coupon_refund_fee=fee(each, "refund_amount"),
        )
        for each in parts(answer, "promotion_detail")
    )
    status, source = required(answer, "status"), text(answer, "funds_account")
    return RefundItem(
        out_refund_no=text(answer, "out_refund_no"),
        refund_id=required(answer, "refund_id"),
        refund_channel=text(answer, "channel"),
        refund_fee=amount(amounts, "refund"),
        settlement_refund_fee=fee(amounts, "settlement_refund"),
        refund_status=STATUSES.get(status, status),
        coupon_refund_fee=fee(amounts, "discount_refund"),
        coupon_refund_count=len(coupons) or None,
        refund_account=ACCOUNTS.get(source, source) if source else None,
        refund_recv_accout=text(answer, "user_received_account"),
        refund_success_time=beijing(answer, "success_time"),
        coupon_list=coupons,
    )
