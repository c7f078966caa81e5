"""Refunds of paid orders, and the questions about them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from tongfu.emulator.half import EmulatedRefund

from . import checks
from .checks import Refusal
from .orders import BEIJING, find, orders_of

if TYPE_CHECKING:
    from tongfu.emulator.half import EmulatedOrder

    from .checks import Fields
    from .half import WeixinHalf
    from .orders import Owner

OVERDUE: Final = timedelta(days=365)
MOST: Final = 50  # partial refunds of one order
PAGE: Final = 10
STATES: Final = {"processing": "PROCESSING", "success": "SUCCESS", "failed": "REFUNDCLOSE", "abnormal": "CHANGE"}
UNSETTLED: Final = "REFUND_SOURCE_UNSETTLED_FUNDS"
CHANGED: Final = ("REFUND_FEE_MISMATCH", "订单金额或退款金额与之前请求不一致，请核实后再试")


def refund(half: WeixinHalf, fields: Fields, owner: Owner) -> Fields:
    total_fee, refund_fee = checks.new_refund(fields)
    order = find(half, fields, owner)
    if order.state == "userpaying":
        raise Refusal("ORDER_NOT_READY", "订单处理中，暂时无法退款，请稍后再试")
    if order.state not in ("paid", "refunded"):
        raise Refusal("ERROR", "订单未支付，不能退款")
    if total_fee != order.total_fee:
        raise Refusal(*CHANGED)
    made = _made(half, fields["out_refund_no"], order, refund_fee) or _new(half, fields, order, refund_fee)
    return {
        "transaction_id": order.transaction_id,
        "out_trade_no": order.out_trade_no,
        "out_refund_no": made.out_refund_no,
        "refund_id": made.refund_id,
        "refund_fee": str(made.refund_fee),
        "settlement_refund_fee": str(made.refund_fee),
        "total_fee": str(order.total_fee),
        "settlement_total_fee": str(order.total_fee),
        "fee_type": "CNY",
        "cash_fee": str(order.total_fee),
        "cash_refund_fee": str(made.refund_fee),
        "coupon_refund_fee": "0",
        "coupon_refund_count": "0",
    }


def _made(half: WeixinHalf, number: str, order: EmulatedOrder, refund_fee: int) -> EmulatedRefund | None:
    """The refund of that number: asking for it again changes nothing, asking for another under it is refused."""
    for other in half.world.orders(half.platform):
        for known in other.refunds:
            if known.out_refund_no == number:
                if other is not order:
                    raise Refusal("ERROR", "商户退款单号已用于其他订单")
                if known.refund_fee != refund_fee:
                    raise Refusal(*CHANGED)
                return known
    return None


def _new(half: WeixinHalf, fields: Fields, order: EmulatedOrder, refund_fee: int) -> EmulatedRefund:
    now = half.world.clock.now()
    if order.paid is not None and now - order.paid > OVERDUE:
        raise Refusal("TRADE_OVERDUE", "订单已经超过可退款的最大期限")
    if order.refunded_fee + refund_fee > order.total_fee:
        raise Refusal("REFUND_FEE_INVALID", "累计退款金额大于支付金额")
    if len(order.refunds) >= MOST:
        raise Refusal("ERROR", "部分退款次数超过限制")
    if fields.get("refund_account") == "REFUND_SOURCE_RECHARGE_FUNDS":
        # Nobody tops the emulated merchant's balance up: what it refunds with is what it was paid.
        raise Refusal("NOTENOUGH", "基本账户余额不足，请充值后重新发起")
    made = EmulatedRefund(
        fields["out_refund_no"],
        f"5000{half.world.random.randrange(10**24):024d}",
        refund_fee,
        now,
        notify_url=fields.get("notify_url", ""),
    )
    order.refunds.append(made)
    if order.refunded_fee == order.total_fee:
        order.state = "refunded"
    half.refunded_later(order, made)
    return made


def refund_query(half: WeixinHalf, fields: Fields, owner: Owner) -> Fields:
    offset = checks.page(fields)
    order, refunds = _asked(half, fields, owner)
    page = refunds[offset : offset + PAGE]
    if not page:
        raise Refusal("PARAM_ERROR", "offset超出范围")
    told = {
        "transaction_id": order.transaction_id,
        "out_trade_no": order.out_trade_no,
        "total_fee": str(order.total_fee),
        "fee_type": "CNY",
        "cash_fee": str(order.total_fee),
        "refund_count": str(len(page)),
        "refund_fee": str(sum(each.refund_fee for each in refunds)),
    }
    if fields.get("offset"):
        told["total_refund_count"] = str(len(refunds))
    for n, each in enumerate(page):
        told |= {
            f"out_refund_no_{n}": each.out_refund_no,
            f"refund_id_{n}": each.refund_id,
            f"refund_channel_{n}": "ORIGINAL",
            f"refund_fee_{n}": str(each.refund_fee),
            f"settlement_refund_fee_{n}": str(each.refund_fee),
            f"refund_status_{n}": STATES[each.state],
            f"refund_account_{n}": UNSETTLED,
            f"refund_recv_accout_{n}": "用户零钱",
        }
        if each.done:
            told[f"refund_success_time_{n}"] = each.done.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
    return told


def _asked(half: WeixinHalf, fields: Fields, owner: Owner) -> tuple[EmulatedOrder, list[EmulatedRefund]]:
    """The order and those of its refunds that the request is about: the most exact number counts."""
    named = next((name for name in ("refund_id", "out_refund_no") if fields.get(name)), None)
    if named is None:
        order = find(half, fields, owner, "REFUNDNOTEXIST")
        if order.refunds:
            return order, order.refunds
    for order in orders_of(half, owner):
        for each in order.refunds:
            if named is not None and getattr(each, named) == fields[named]:
                return order, [each]
    raise Refusal("REFUNDNOTEXIST", "退款订单查询失败")
