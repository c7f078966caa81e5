"""Orders: made, asked for, closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from tongfu.emulator.half import EmulatedOrder

from . import checks
from .checks import Refusal

if TYPE_CHECKING:
    from .checks import Fields
    from .half import WeixinHalf

Owner = tuple[bool, str]  # made in the sandbox? for which sub-merchant? Nobody sees another's orders.
BEIJING: Final = timezone(timedelta(hours=8))
PREPAY_LIFE: Final = timedelta(hours=2)
FRESH: Final = frozenset({"nonce_str", "sign"})  # all else must be as it was when an order is made again
WORDS: Final = {"SUCCESS": "支付成功", "REFUND": "转入退款", "NOTPAY": "订单未支付", "CLOSED": "订单已关闭"}
STATES: Final = {"open": "NOTPAY", "userpaying": "USERPAYING", "closed": "CLOSED", "failed": "PAYERROR"}


def unified_order(half: WeixinHalf, fields: Fields, owner: Owner) -> Fields:
    total_fee = checks.new_order(fields)
    number, scene = fields["out_trade_no"], fields["trade_type"]
    order = half.world.order(half.platform, number)
    if order is not None:
        return _again(order, fields)
    now = half.world.clock.now()
    chance = half.world.random
    told = {"trade_type": scene, "prepay_id": f"wx{now.astimezone(BEIJING):%d%H%M%S}{chance.getrandbits(96):024x}"}
    if scene == "NATIVE":
        told["code_url"] = f"weixin://wxpay/bizpayurl?pr={chance.getrandbits(40):010x}"
    if scene == "MWEB":
        told["mweb_url"] = f"{half.world.origin}/cgi-bin/mmpayweb-bin/checkmweb?prepay_id={told['prepay_id']}"
    half.world.add(
        EmulatedOrder(
            platform=half.platform,
            out_trade_no=number,
            total_fee=total_fee,
            created=now,
            openid=fields.get("sub_openid") or fields.get("openid", ""),
            expires=_expires(fields.get("time_expire", ""), now),
            notify_url=fields["notify_url"],
            wire={
                "asked": dict(fields),
                "told": told,
                "sign_type": fields.get("sign_type") or "MD5",
                "sub_mch_id": fields.get("sub_mch_id", ""),
                "sandbox": owner[0],
            },
        )
    )
    return dict(told)


def _again(order: EmulatedOrder, fields: Fields) -> Fields:
    """The same order again, with exactly the same parameters, has the same prepay_id."""
    if order.state == "closed":
        raise Refusal("ORDERCLOSED", "该订单已关闭")
    if order.state in ("paid", "refunded"):
        raise Refusal("ORDERPAID", "该订单已支付")
    before = {name: value for name, value in order.wire["asked"].items() if value and name not in FRESH}
    if before != {name: value for name, value in fields.items() if value and name not in FRESH}:
        if before["trade_type"] != fields["trade_type"]:
            raise Refusal("INVALID_REQUEST", "201 商户订单号重复")
        raise Refusal("OUT_TRADE_NO_USED", "商户订单号重复")
    return dict(order.wire["told"])


def _expires(text: str, now: datetime) -> datetime:
    if not text:
        return now + PREPAY_LIFE
    try:
        expires = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=BEIJING).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refusal("PARAM_ERROR", "time_expire格式错误") from None
    if expires < now + timedelta(minutes=1):
        raise Refusal("PARAM_ERROR", "time_expire时间过短，刷卡至少1分钟，其他5分钟")
    return expires


def owner_of(order: EmulatedOrder) -> Owner:
    return order.wire["sandbox"], order.wire["sub_mch_id"]


def orders_of(half: WeixinHalf, owner: Owner) -> list[EmulatedOrder]:
    return [order for order in half.world.orders(half.platform) if owner_of(order) == owner]


def find(half: WeixinHalf, fields: Fields, owner: Owner, code: str = "ORDERNOTEXIST") -> EmulatedOrder:
    if wanted := fields.get("transaction_id"):
        order = next((each for each in orders_of(half, owner) if each.transaction_id == wanted), None)
    elif wanted := fields.get("out_trade_no"):
        order = half.world.order(half.platform, wanted)
    else:
        raise Refusal("PARAM_ERROR", "out_trade_no或transaction_id必填其一")
    if order is None or owner_of(order) != owner:
        raise Refusal(code, "订单不存在")
    return order


def paid_fields(order: EmulatedOrder) -> Fields:
    """What a paid order says of itself, in a query and in the notification."""
    asked, paid = order.wire["asked"], order.paid
    told = {
        "openid": order.openid,
        "is_subscribe": "N",
        "trade_type": asked["trade_type"],
        "bank_type": "OTHERS",
        "total_fee": str(order.total_fee),
        "fee_type": "CNY",
        "cash_fee": str(order.total_fee),
        "transaction_id": order.transaction_id,
        "out_trade_no": order.out_trade_no,
        "time_end": paid.astimezone(BEIJING).strftime("%Y%m%d%H%M%S") if paid else "",
    }
    for name in ("attach", "device_info", "sub_mch_id", "sub_appid"):
        if asked.get(name):
            told[name] = asked[name]
    if asked.get("sub_appid"):
        # One buyer, two apps, two openids.
        told |= {"openid": f"oPartner{order.openid[-20:]}", "sub_openid": order.openid, "sub_is_subscribe": "N"}
    return told


def order_query(half: WeixinHalf, fields: Fields, owner: Owner) -> Fields:
    order = find(half, fields, owner)
    if order.state in ("paid", "refunded"):
        state = "REFUND" if any(refund.state != "failed" for refund in order.refunds) else "SUCCESS"
        told = paid_fields(order) | {"cash_fee_type": "CNY"}
    else:
        state = STATES[order.state]
        if order.wire.get("payerror") and state == "NOTPAY":
            state = "PAYERROR"
        told = {"out_trade_no": order.out_trade_no, "total_fee": str(order.total_fee)}
        if attach := order.wire["asked"].get("attach"):
            told["attach"] = attach
    return told | {"trade_state": state, "trade_state_desc": WORDS.get(state, state)}


def close_order(half: WeixinHalf, fields: Fields, owner: Owner) -> Fields:
    checks.need(fields, "out_trade_no")
    order = find(half, {"out_trade_no": fields["out_trade_no"]}, owner)
    if order.state in ("paid", "refunded"):
        raise Refusal("ORDERPAID", "订单已支付")
    if order.state == "closed":
        raise Refusal("ORDERCLOSED", "订单已关闭")
    order.state, order.closed = "closed", half.world.clock.now()
    return {"result_msg": "OK"}
