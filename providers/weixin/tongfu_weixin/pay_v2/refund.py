"""
Refunds and their numbered fields.

Source: https://pay.weixin.qq.com/wiki/doc/api/jsapi.php?chapter=9_4 and 9_5
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tongfu.call import Call, Context
from tongfu.errors import MalformedAnswer
from tongfu.model import Refund, RefundedCoupon, RefundItem, RefundState
from tongfu.params import RefundKey, RefundParams
from tongfu_weixin.account import WeixinAccount

from . import limits, sandbox
from .read import count, fee, indices, required, same, text


def refund(account: WeixinAccount, params: RefundParams) -> Call[Refund]:
    """SUCCESS means accepted: the notice or the query says when the money is back."""
    limits.REFUND.check("weixin", "refund", params)
    account.need("refund", "mch_id", "key", "pfx")
    fields = {
        "out_refund_no": params.out_refund_no or "",
        "total_fee": str(params.total_fee),
        "refund_fee": str(params.refund_fee),
        **limits.extra_fields(params.extra),
    }
    for name in ("out_trade_no", "transaction_id", "refund_fee_type", "refund_desc", "notify_url"):
        if (value := getattr(params, name)) is not None:
            fields[name] = value

    def finish(answer: Mapping[str, Any], ctx: Context) -> Refund:
        if answer.get("out_refund_no") != params.out_refund_no:
            raise MalformedAnswer("weixin: the answer is about another out_refund_no")
        same(answer, out_trade_no=params.out_trade_no, transaction_id=params.transaction_id)
        refund_fee = fee(answer, "refund_fee")
        if refund_fee != params.refund_fee:
            raise MalformedAnswer("weixin: the answer is about another refund_fee")
        return Refund(
            refund_fee=refund_fee,
            out_trade_no=text(answer, "out_trade_no"),
            transaction_id=text(answer, "transaction_id"),
            out_refund_no=text(answer, "out_refund_no"),
            refund_id=required(answer, "refund_id"),
            cash_refund_fee=fee(answer, "cash_refund_fee"),
            total_fee=fee(answer, "total_fee"),
            settlement_refund_fee=fee(answer, "settlement_refund_fee"),
            coupon_refund_fee=fee(answer, "coupon_refund_fee"),
            raw=answer,
        )

    return Call(
        "refund",
        "/secapi/pay/refund",
        fields,
        finish,
        needs_client_cert=True,
        credentials=sandbox.needs(account),
    )


def refund_query(account: WeixinAccount, params: RefundKey) -> Call[RefundState]:
    """
    All refunds of an order, ten a page from ``offset``, or the one that its own number names.

    The answer's ``refund_fee`` is that one refund's where one was asked for by its own number, and
    else the sum the platform gives, or of those listed.
    """
    limits.REFUND_KEY.check("weixin", "refund_query", params)
    names = ("refund_id", "out_refund_no", "transaction_id", "out_trade_no")
    name = next(name for name in names if getattr(params, name) is not None)
    fields = {name: getattr(params, name), **limits.extra_fields(params.extra)}
    if params.offset is not None:
        fields["offset"] = str(params.offset)

    def finish(answer: Mapping[str, Any], ctx: Context) -> RefundState:
        return state_of(answer, params)

    return Call("refund_query", "/pay/refundquery", fields, finish, read_only=True, credentials=sandbox.needs(account))


def state_of(answer: Mapping[str, Any], params: RefundKey) -> RefundState:
    same(answer, out_trade_no=params.out_trade_no, transaction_id=params.transaction_id)
    items = tuple(_item(answer, n) for n in indices(answer, "out_refund_no", "refund_id"))
    one = None
    if params.refund_id is not None or params.out_refund_no is not None:
        matching = [
            item
            for item in items
            if (params.refund_id is None or item.refund_id == params.refund_id)
            and (params.out_refund_no is None or item.out_refund_no == params.out_refund_no)
        ]
        if len(matching) != 1:
            raise MalformedAnswer("weixin: the answer does not hold the one refund that was asked for")
        one = matching[0]
    listed = sum(item.refund_fee or 0 for item in items)
    return RefundState(
        out_trade_no=text(answer, "out_trade_no"),
        transaction_id=text(answer, "transaction_id"),
        total_fee=fee(answer, "total_fee"),
        out_refund_no=one.out_refund_no if one else None,
        refund_id=one.refund_id if one else None,
        refund_fee=one.refund_fee if one else (fee(answer, "refund_fee") or listed),
        refund_status=one.refund_status if one else None,
        total_refund_count=count(answer, "total_refund_count"),
        refund_list=items,
        raw=answer,
    )


def _item(fields: Mapping[str, str], n: int) -> RefundItem:
    return RefundItem(
        out_refund_no=text(fields, f"out_refund_no_{n}"),
        refund_id=text(fields, f"refund_id_{n}"),
        refund_channel=text(fields, f"refund_channel_{n}"),
        refund_fee=fee(fields, f"refund_fee_{n}"),
        settlement_refund_fee=fee(fields, f"settlement_refund_fee_{n}"),
        refund_status=text(fields, f"refund_status_{n}"),
        # In this answer the number is the refund's; in a refund's own answer it is the coupon's.
        coupon_refund_fee=fee(fields, f"coupon_refund_fee_{n}"),
        coupon_refund_count=count(fields, f"coupon_refund_count_{n}"),
        refund_account=text(fields, f"refund_account_{n}"),
        refund_recv_accout=text(fields, f"refund_recv_accout_{n}"),
        refund_success_time=text(fields, f"refund_success_time_{n}"),
        coupon_list=tuple(
            RefundedCoupon(
                coupon_type=text(fields, f"coupon_type_{n}_{m}"),
                coupon_refund_id=text(fields, f"coupon_refund_id_{n}_{m}"),
                coupon_refund_fee=fee(fields, f"coupon_refund_fee_{n}_{m}"),
            )
            for m in indices(fields, "coupon_refund_id", "coupon_refund_fee", "coupon_type", suffix=f"_{n}")
        ),
    )
