"""
Looking a trade up, closing and cancelling it.

Source: https://opendocs.alipay.com/open/bff76748 (query), /open/ce0b4954 (close), /open/3d0e3ae2 (cancel)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tongfu.call import Call, Context
from tongfu.errors import MalformedAnswer
from tongfu.model import Cancelled, Closed, Order, trade_state
from tongfu.params import OrderKey, RefundKey, RefundParams

from . import limits
from .read import digits, fee, fund_bills, items, required, text

STATES: Final = {
    "WAIT_BUYER_PAY": "USERPAYING",
    "TRADE_CLOSED": "CLOSED",
    "TRADE_SUCCESS": "SUCCESS",
    "TRADE_FINISHED": "FINISHED",
}


def order_query(params: OrderKey) -> Call[Order]:
    limits.KEY.check("alipay", "order_query", params)

    def finish(answer: Mapping[str, Any], ctx: Context) -> Order:
        same(answer, params)
        return Order(
            trade_state=trade_state(required(answer, "trade_status"), STATES),
            out_trade_no=text(answer, "out_trade_no"),
            transaction_id=text(answer, "trade_no"),
            total_fee=fee(answer, "total_amount"),
            settlement_total_fee=fee(answer, "settle_amount"),
            cash_fee=fee(answer, "buyer_pay_amount"),
            fee_type=text(answer, "trans_currency"),
            cash_fee_type=text(answer, "pay_currency"),
            time_end=digits(text(answer, "send_pay_date")),
            openid=text(answer, "buyer_user_id") or text(answer, "buyer_open_id"),
            fund_bill_list=fund_bills(items(answer, "fund_bill_list")),
            raw=answer,
        )

    return Call("order_query", "alipay.trade.query", key(params), finish, read_only=True)


def close_order(params: OrderKey) -> Call[Closed]:
    limits.KEY.check("alipay", "close_order", params)

    def finish(answer: Mapping[str, Any], ctx: Context) -> Closed:
        same(answer, params)
        return Closed(
            out_trade_no=text(answer, "out_trade_no") or params.out_trade_no,
            transaction_id=text(answer, "trade_no") or params.transaction_id,
            raw=answer,
        )

    return Call("close_order", "alipay.trade.close", key(params), finish)


def cancel_order(params: OrderKey) -> Call[Cancelled]:
    """Within a day of ordering. No ``action`` means that there was no trade to cancel."""
    limits.KEY.check("alipay", "cancel_order", params)

    def finish(answer: Mapping[str, Any], ctx: Context) -> Cancelled:
        same(answer, params)
        flag = text(answer, "retry_flag")
        return Cancelled(
            out_trade_no=text(answer, "out_trade_no") or params.out_trade_no,
            transaction_id=text(answer, "trade_no") or params.transaction_id,
            action=text(answer, "action"),
            retry_flag=None if flag is None else flag == "Y",
            raw=answer,
        )

    return Call("cancel_order", "alipay.trade.cancel", key(params), finish)


def key(params: OrderKey | RefundKey | RefundParams) -> dict[str, Any]:
    number = (
        {"out_trade_no": params.out_trade_no}
        if params.out_trade_no is not None
        else {"trade_no": params.transaction_id}
    )
    return {"biz_content": {**number, **(params.extra or {})}}


def same(answer: Mapping[str, Any], params: OrderKey | RefundKey | RefundParams) -> None:
    """:raises MalformedAnswer: a genuine answer, but about another trade."""
    for name, asked in (("out_trade_no", params.out_trade_no), ("trade_no", params.transaction_id)):
        if asked is not None and (text(answer, name) or asked) != asked:
            raise MalformedAnswer(f"alipay: the answer is about another {name}")
