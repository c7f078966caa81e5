"""
Looking an order up, and closing one nobody has paid.

Source: https://pay.weixin.qq.com/doc/v3/merchant/4012791858 "微信支付订单号查询订单" and 4012791860 "关闭订单"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from tongfu.call import Call, Context
from tongfu.model import Closed, Coupon, Order, trade_state
from tongfu.params import OrderKey
from tongfu_weixin.account import WeixinAccount

from . import limits
from .call import build
from .read import amount, coupon_type, digits, fee, ours, part, parts, required, same, text

STATES: Final = {
    state: state for state in ("SUCCESS", "REFUND", "NOTPAY", "CLOSED", "REVOKED", "USERPAYING", "PAYERROR")
}


def transactions(account: WeixinAccount) -> str:
    return "/v3/pay/partner/transactions" if account.sub_mch_id else "/v3/pay/transactions"


def order_query(account: WeixinAccount, params: OrderKey, ctx: Context) -> Call[Order]:
    """An order nobody has paid is found by its ``out_trade_no`` only."""
    limits.KEY.check("weixin", "order_query", params)
    if params.transaction_id is not None:
        number = f"id/{params.transaction_id}"
    else:
        number = f"out-trade-no/{quote(params.out_trade_no or '', safe='')}"

    def finish(answer: Mapping[str, Any], ctx: Context) -> Order:
        ours(account, answer)
        same(answer, out_trade_no=params.out_trade_no, transaction_id=params.transaction_id)
        return order_of(account, answer)

    asked = limits.query(params.extra, **limits.merchant(account))
    return build("order_query", "GET", f"{transactions(account)}/{number}", finish, query=asked, read_only=True)


def order_of(account: WeixinAccount, answer: Mapping[str, Any]) -> Order:
    """
    The order in APIv2's words and forms.

    ``settlement_total_fee`` stays None: APIv3 does not tell it. ``coupon_fee`` is the sum of the coupons listed.
    """
    state = trade_state(required(answer, "trade_state"), STATES)
    amounts = part(answer, "amount")
    if state == "SUCCESS":
        for name in ("out_trade_no", "transaction_id"):
            required(answer, name)
        amount(amounts, "total")
    coupons = tuple(
        Coupon(coupon_id=text(each, "coupon_id"), coupon_type=coupon_type(each), coupon_fee=fee(each, "amount"))
        for each in parts(answer, "promotion_detail")
    )
    return Order(
        trade_state=state,
        out_trade_no=text(answer, "out_trade_no"),
        transaction_id=text(answer, "transaction_id"),
        app_id=account.app_id,
        mch_id=account.mch_id,
        total_fee=fee(amounts, "total"),
        cash_fee=fee(amounts, "payer_total"),
        fee_type=text(amounts, "currency"),
        cash_fee_type=text(amounts, "payer_currency"),
        trade_state_desc=text(answer, "trade_state_desc"),
        trade_type=text(answer, "trade_type"),
        bank_type=text(answer, "bank_type"),
        time_end=digits(answer, "success_time"),
        attach=text(answer, "attach"),
        openid=_buyer(account, part(answer, "payer")),
        coupon_fee=sum(coupon.coupon_fee or 0 for coupon in coupons) if coupons else None,
        coupon_list=coupons,
        raw=answer,
    )


def _buyer(account: WeixinAccount, payer: Mapping[str, Any]) -> str | None:
    """The buyer's openid under the app that ordered: the sub-merchant's own where it has one."""
    if not account.sub_mch_id:
        return text(payer, "openid")
    names = ("sub_openid", "sp_openid") if account.sub_app_id else ("sp_openid", "sub_openid")
    return text(payer, names[0]) or text(payer, names[1])


def close_order(account: WeixinAccount, params: OrderKey, ctx: Context) -> Call[Closed]:
    """The platform says nothing but 204: whose order it is comes from the account."""
    limits.CLOSE.check("weixin", "close_order", params)

    def finish(answer: Mapping[str, Any], ctx: Context) -> Closed:
        return Closed(out_trade_no=params.out_trade_no, app_id=account.app_id, mch_id=account.mch_id, raw=answer)

    return build(
        "close_order",
        "POST",
        f"{transactions(account)}/out-trade-no/{quote(params.out_trade_no or '', safe='')}/close",
        finish,
        json=limits.merged("close_order", limits.merchant(account), params.extra),
    )
