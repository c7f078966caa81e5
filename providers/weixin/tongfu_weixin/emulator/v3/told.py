"""Between APIv3's JSON and the ledger, which the v2 half keeps under v2's names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from tongfu_weixin.emulator.checks import Refusal
from tongfu_weixin.emulator.orders import WORDS

from .seal import when

if TYPE_CHECKING:
    from tongfu.emulator.half import EmulatedOrder, EmulatedRefund
    from tongfu_weixin.emulator.checks import Fields

REFUND_STATES: Final = {"processing": "PROCESSING", "success": "SUCCESS", "failed": "CLOSED"}
# v2's refusals, as this protocol has them: HTTP status and code.
REFUSALS: Final = {
    "ORDERNOTEXIST": (404, "ORDER_NOT_EXIST"),
    "REFUNDNOTEXIST": (404, "RESOURCE_NOT_EXISTS"),
    "ORDERPAID": (400, "ORDER_PAID"),
    "ORDERCLOSED": (400, "ORDER_CLOSED"),
    "OUT_TRADE_NO_USED": (403, "OUT_TRADE_NO_USED"),
    "NOTENOUGH": (403, "NOT_ENOUGH"),
    "PARAM_ERROR": (400, "PARAM_ERROR"),
    "LACK_PARAMS": (400, "PARAM_ERROR"),
    "MCH_NOT_EXISTS": (400, "MCH_NOT_EXISTS"),
    "APPID_MCHID_NOT_MATCH": (400, "APPID_MCHID_NOT_MATCH"),
}


def order_fields(asked: Mapping[str, Any], scene: str) -> Fields:
    """An order request under v2's names. :raises Refusal: a field of another type than documented."""
    amount, payer = _object(asked, "amount"), _object(asked, "payer")
    place = _object(asked, "scene_info")
    total = amount.get("total")
    if type(total) is not int or amount.get("currency", "CNY") != "CNY":
        raise Refusal("PARAM_ERROR", "输入源“/body/amount/total”映射到值字段“总金额”字符串规则校验失败")
    fields = {
        "appid": _text(asked, "sp_appid") or _text(asked, "appid"),
        "body": _text(asked, "description"),
        "out_trade_no": _text(asked, "out_trade_no"),
        "notify_url": _text(asked, "notify_url"),
        "attach": _text(asked, "attach"),
        "total_fee": str(total),
        "spbill_create_ip": _text(place, "payer_client_ip") or "127.0.0.1",
        "trade_type": scene,
        "openid": _text(payer, "openid") or _text(payer, "sp_openid"),
        "sub_openid": _text(payer, "sub_openid"),
        "sub_appid": _text(asked, "sub_appid"),
        "sub_mch_id": _text(asked, "sub_mchid"),
        "product_id": _text(asked, "out_trade_no") if scene == "NATIVE" else "",
    }
    if scene == "MWEB":
        if not _text(place, "payer_client_ip") or not _object(place, "h5_info").get("type"):
            raise Refusal("PARAM_ERROR", "H5支付必须传scene_info")
        fields["scene_info"] = '{"h5_info":{}}'
    if expires := _text(asked, "time_expire"):
        fields["time_expire"] = _compact(expires)
    return {name: value for name, value in fields.items() if value}


def refund_fields(asked: Mapping[str, Any]) -> Fields:
    amount = _object(asked, "amount")
    total, refund = amount.get("total"), amount.get("refund")
    if type(total) is not int or type(refund) is not int or amount.get("currency") != "CNY":
        raise Refusal("PARAM_ERROR", "amount的total、refund和currency必填")
    names = ("transaction_id", "out_trade_no", "out_refund_no", "notify_url")
    fields = {name: _text(asked, name) for name in names}
    fields |= {"refund_desc": _text(asked, "reason"), "total_fee": str(total), "refund_fee": str(refund)}
    return {name: value for name, value in fields.items() if value}


def transaction(order: EmulatedOrder, mch_id: str, state: str) -> dict[str, Any]:
    """An order as a query and a callback tell it; unpaid, the platform says little."""
    asked = order.wire["asked"]
    sub = asked.get("sub_mch_id")
    told: dict[str, Any] = {"sp_mchid": mch_id, "sub_mchid": sub} if sub else {"mchid": mch_id}
    told["sp_appid" if sub else "appid"] = asked.get("appid", "")
    if asked.get("sub_appid"):
        told["sub_appid"] = asked["sub_appid"]
    told |= {"out_trade_no": order.out_trade_no, "trade_state": state, "trade_state_desc": WORDS.get(state, state)}
    if asked.get("attach"):
        told["attach"] = asked["attach"]
    if order.paid is None:
        return told | {"amount": {"total": order.total_fee, "currency": "CNY"}}
    payer = {"openid": order.openid} if not sub else {"sp_openid": order.openid}
    if sub and asked.get("sub_appid"):
        payer = {"sp_openid": f"oPartner{order.openid[-20:]}", "sub_openid": order.openid}
    return told | {
        "transaction_id": order.transaction_id,
        "trade_type": asked["trade_type"],
        "bank_type": "OTHERS",
        "success_time": when(order.paid),
        "payer": payer,
        "amount": {
            "total": order.total_fee,
            "payer_total": order.total_fee,
            "currency": "CNY",
            "payer_currency": "CNY",
        },
    }


def refunded(order: EmulatedOrder, refund: EmulatedRefund, *, status: str = "status") -> dict[str, Any]:
    told: dict[str, Any] = {
        "refund_id": refund.refund_id,
        "out_refund_no": refund.out_refund_no,
        "transaction_id": order.transaction_id,
        "out_trade_no": order.out_trade_no,
        "user_received_account": "用户零钱",
        status: REFUND_STATES[refund.state],
        "amount": {
            "total": order.total_fee,
            "refund": refund.refund_fee,
            "payer_total": order.total_fee,
            "payer_refund": refund.refund_fee,
        },
    }
    if status == "status":
        told |= {"channel": "ORIGINAL", "create_time": when(refund.created), "funds_account": "UNSETTLED"}
        sums = {"settlement_refund": refund.refund_fee, "settlement_total": order.total_fee}
        told["amount"] |= {**sums, "discount_refund": 0, "currency": "CNY", "from": []}
        told["promotion_detail"] = []
    if refund.done:
        told["success_time"] = when(refund.done)
    return told


def _object(asked: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = asked.get(name, {})
    if not isinstance(value, dict):
        raise Refusal("PARAM_ERROR", f"{name}不是对象")
    return value


def _text(asked: Mapping[str, Any], name: str) -> str:
    value = asked.get(name, "")
    if not isinstance(value, str):
        raise Refusal("PARAM_ERROR", f"{name}不是字符串")
    return value


def _compact(moment: str) -> str:
    """RFC 3339 in Beijing as v2 writes it."""
    digits = "".join(character for character in moment[:19] if character.isdigit())
    if len(digits) != 14 or not moment.endswith("+08:00"):
        raise Refusal("PARAM_ERROR", "time_expire格式错误")
    return digits
