"""Refunds of paid orders, whichever protocol made these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from tongfu_weixin.emulator import orders as v2_orders
from tongfu_weixin.emulator import refunds as v2
from tongfu_weixin.emulator.checks import Refusal

from .gate import Act, Endpoint, Request
from .orders import URL, find
from .shape import Items, Members, Text, Whole
from .wire import Refused, when, wrong

if TYPE_CHECKING:
    from tongfu.emulator.half import EmulatedOrder, EmulatedRefund
    from tongfu_weixin.emulator.half import WeixinHalf
    from tongfu_weixin.emulator.orders import Owner

REFUNDS: Final = "/v3/refund/domestic/refunds"
STATES: Final = {"processing": "PROCESSING", "success": "SUCCESS", "failed": "CLOSED", "abnormal": "ABNORMAL"}
EVENTS: Final = {"success": "REFUND.SUCCESS", "failed": "REFUND.CLOSED", "abnormal": "REFUND.ABNORMAL"}
NUMBER: Final = r"[0-9A-Za-z_\-|*@]+"
_FROM: Final = Members(
    {"account": Text(32, needed=True, among=("AVAILABLE", "UNAVAILABLE")), "amount": Whole(1, needed=True)}
)
_GOODS: Final = Members(
    {
        "merchant_goods_id": Text(32, needed=True),
        "wechatpay_goods_id": Text(32),
        "goods_name": Text(256),
        "unit_price": Whole(0, needed=True),
        "refund_amount": Whole(0, needed=True),
        "refund_quantity": Whole(1, needed=True),
    }
)
_AMOUNT: Final = Members(
    {
        "refund": Whole(1, needed=True),
        "total": Whole(1, needed=True),
        "currency": Text(16, needed=True, among=("CNY",)),
        "from": Items(_FROM, most=2),
    },
    needed=True,
)
BODY: Final = Members(
    {
        "sub_mchid": Text(32, pattern=r"\d+"),
        "transaction_id": Text(32),
        "out_trade_no": Text(32),
        "out_refund_no": Text(64, needed=True, pattern=NUMBER),
        "reason": Text(80),
        "notify_url": Text(256, pattern=URL),
        "funds_account": Text(32, among=("AVAILABLE", "UNSETTLED")),
        "amount": _AMOUNT,
        "goods_detail": Items(_GOODS, most=6000),
    }
)
ABNORMAL: Final = Members(
    {
        "sub_mchid": Text(32, pattern=r"\d+"),
        "out_refund_no": Text(64, needed=True),
        "type": Text(32, needed=True, among=("USER_BANK_CARD", "MERCHANT_BANK_CARD")),
        "bank_type": Text(32),
        "bank_account": Text(1024),
        "real_name": Text(1024),
    }
)


def endpoints(half: WeixinHalf) -> Iterable[Endpoint]:
    yield Endpoint("POST", REFUNDS, _refunding(half), BODY)
    yield Endpoint("GET", f"{REFUNDS}/{{out_refund_no}}", _querying(half))
    yield Endpoint(
        "POST",
        f"{REFUNDS}/{{refund_id}}/apply-abnormal-refund",
        _again(half),
        ABNORMAL,
        ("bank_account", "real_name"),
    )


def _refunding(half: WeixinHalf) -> Act:
    def refund(request: Request) -> Mapping[str, Any]:
        asked, amount = request.body, request.body["amount"]
        owner = (False, asked.get("sub_mchid", ""))
        if not asked.get("transaction_id") and not asked.get("out_trade_no"):
            raise wrong("/out_trade_no", "和transaction_id必填其一")
        if "from" in amount and sum(each["amount"] for each in amount["from"]) != amount["refund"]:
            raise wrong("/amount/from", "金额之和与退款金额不一致")
        try:
            order = find(half, asked, owner)
        except Refusal as exc:
            raise Refused(404, "RESOURCE_NOT_EXISTS", "订单不存在", number="268512771") from exc
        known = {each.out_refund_no for each in order.refunds}
        fields = {
            "transaction_id": order.transaction_id,
            "out_trade_no": order.out_trade_no,
            "out_refund_no": asked["out_refund_no"],
            "refund_desc": asked.get("reason", ""),
            "notify_url": asked.get("notify_url", ""),
            "total_fee": str(amount["total"]),
            "refund_fee": str(amount["refund"]),
            # What lies in the account is what was topped up, under either protocol's name for it.
            "refund_account": "REFUND_SOURCE_RECHARGE_FUNDS" if asked.get("funds_account") == "AVAILABLE" else "",
        }
        v2.refund(half, {name: value for name, value in fields.items() if value}, owner)
        made = next(each for each in order.refunds if each.out_refund_no == asked["out_refund_no"])
        if made.out_refund_no not in known:
            made.wire["v3"] = True
        return refunded(order, made)

    return refund


def _querying(half: WeixinHalf) -> Act:
    def query(request: Request) -> Mapping[str, Any]:
        owner = (False, request.parameter("sub_mchid", r"\d{1,32}", needed=False))
        return refunded(*made(half, request.names["out_refund_no"], owner))

    return query


def _again(half: WeixinHalf) -> Act:
    def apply(request: Request) -> Mapping[str, Any]:
        """An abnormal refund is tried again, to a bank card."""
        asked = request.body
        order, refund = made(half, asked["out_refund_no"], (False, asked.get("sub_mchid", "")))
        if refund.refund_id != request.names["refund_id"]:
            raise Refused(404, "RESOURCE_NOT_EXISTS", "退款单不存在")
        if asked["type"] == "USER_BANK_CARD":
            for name in ("bank_type", "bank_account", "real_name"):
                if not asked.get(name):
                    raise wrong(f"/{name}", "退款到用户银行卡时必填")
        if refund.state != "abnormal":
            raise Refused(400, "INVALID_REQUEST", "退款单状态不是退款异常")
        half.refund_tried(order, refund)
        return refunded(order, refund)

    return apply


def made(half: WeixinHalf, number: str, owner: Owner) -> tuple[EmulatedOrder, EmulatedRefund]:
    """:raises Refused: that owner has no refund of that out_refund_no."""
    for order in v2_orders.orders_of(half, owner):
        for refund in order.refunds:
            if refund.out_refund_no == number:
                return order, refund
    raise Refused(404, "RESOURCE_NOT_EXISTS", "退款单不存在")


def refunded(order: EmulatedOrder, refund: EmulatedRefund) -> dict[str, Any]:
    """What an answer says of a refund."""
    told = _numbers(order, refund) | {
        "channel": "ORIGINAL",
        "user_received_account": "用户零钱",
        "create_time": when(refund.created),
        "status": STATES[refund.state],
        "funds_account": "UNSETTLED",
        "amount": {
            **_amount(order, refund),
            "settlement_refund": refund.refund_fee,
            "settlement_total": order.total_fee,
            "discount_refund": 0,
            "currency": "CNY",
            "from": [],
        },
        "promotion_detail": [],
    }
    return told | ({"success_time": when(refund.done)} if refund.done else {})


def notice(order: EmulatedOrder, refund: EmulatedRefund, state: str) -> dict[str, Any]:
    """What a callback of that *state* says of it: less, and the state under another name."""
    told = _numbers(order, refund) | {
        "refund_status": STATES[state],
        "user_received_account": "用户零钱",
        "amount": _amount(order, refund),
    }
    return told | ({"success_time": when(refund.done)} if refund.done and state == "success" else {})


def _numbers(order: EmulatedOrder, refund: EmulatedRefund) -> dict[str, Any]:
    return {
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "transaction_id": order.transaction_id,
        "out_trade_no": order.out_trade_no,
    }


def _amount(order: EmulatedOrder, refund: EmulatedRefund) -> dict[str, int]:
    return {
        "total": order.total_fee,
        "refund": refund.refund_fee,
        "payer_total": order.total_fee,
        "payer_refund": refund.refund_fee,
    }
