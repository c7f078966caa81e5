"""
Looking an order up, and closing one nobody has paid.

Source: https://pay.weixin.qq.com/wiki/doc/api/jsapi.php?chapter=9_2 and 9_3
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tongfu.call import Call, Context
from tongfu.errors import InvalidParams
from tongfu.model import Closed, Order, trade_state
from tongfu.params import OrderKey
from tongfu_weixin.account import WeixinAccount

from . import limits, sandbox
from .read import amount, buyer, coupons, fee, required, same, text

STATES: Final = {
    state: state for state in ("SUCCESS", "REFUND", "NOTPAY", "CLOSED", "REVOKED", "USERPAYING", "PAYERROR", "ACCEPT")
}


def order_query(account: WeixinAccount, params: OrderKey) -> Call[Order]:
    limits.KEY.check("weixin", "order_query", params)
    fields = {**_number(params), **limits.extra_fields(params.extra)}

    def finish(answer: Mapping[str, Any], ctx: Context) -> Order:
        same(answer, out_trade_no=params.out_trade_no, transaction_id=params.transaction_id)
        return order_of(account, answer)

    return Call("order_query", "/pay/orderquery", fields, finish, read_only=True, credentials=sandbox.needs(account))


def order_of(account: WeixinAccount, answer: Mapping[str, Any]) -> Order:
    state = trade_state(required(answer, "trade_state"), STATES)
    if state == "SUCCESS":
        for name in ("out_trade_no", "transaction_id"):
            required(answer, name)
        amount(answer, "total_fee")
    return Order(
        trade_state=state,
        out_trade_no=text(answer, "out_trade_no"),
        transaction_id=text(answer, "transaction_id"),
        app_id=text(answer, "appid"),
        mch_id=text(answer, "mch_id"),
        total_fee=fee(answer, "total_fee"),
        settlement_total_fee=fee(answer, "settlement_total_fee"),
        cash_fee=fee(answer, "cash_fee"),
        fee_type=text(answer, "fee_type"),
        cash_fee_type=text(answer, "cash_fee_type"),
        trade_state_desc=text(answer, "trade_state_desc"),
        trade_type=text(answer, "trade_type"),
        bank_type=text(answer, "bank_type"),
        time_end=text(answer, "time_end"),
        attach=text(answer, "attach"),
        openid=buyer(account, answer),
        coupon_fee=fee(answer, "coupon_fee"),
        coupon_list=coupons(answer),
        raw=answer,
    )


def close_order(account: WeixinAccount, params: OrderKey) -> Call[Closed]:
    """Not before five minutes after ordering, says the platform."""
    limits.CLOSE.check("weixin", "close_order", _without_transaction_id(params))

    def finish(answer: Mapping[str, Any], ctx: Context) -> Closed:
        return Closed(
            out_trade_no=params.out_trade_no, app_id=text(answer, "appid"), mch_id=text(answer, "mch_id"), raw=answer
        )

    fields = {"out_trade_no": params.out_trade_no or "", **limits.extra_fields(params.extra)}
    return Call("close_order", "/pay/closeorder", fields, finish, credentials=sandbox.needs(account))


def _without_transaction_id(params: OrderKey) -> OrderKey:
    """Here the platform knows an order by the merchant's number only."""
    if params.transaction_id is not None:
        raise InvalidParams(
            "weixin", "close_order", {"transaction_id": "not accepted; close the order by its out_trade_no"}
        )
    return params


def _number(params: OrderKey) -> dict[str, str]:
    if params.transaction_id is not None:
        return {"transaction_id": params.transaction_id}
    return {"out_trade_no": params.out_trade_no or ""}
