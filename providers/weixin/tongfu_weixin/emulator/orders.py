"""What the v2 endpoints do with a request that is genuine."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from tongfu.emulator.half import EmulatedOrder, EmulatedRefund

if TYPE_CHECKING:
    from .half import Fields, WeixinHalf

BEIJING: Final = timezone(timedelta(hours=8))
PREPAY_LIFE: Final = timedelta(hours=2)
SAME: Final = ("body", "total_fee", "trade_type", "openid", "notify_url", "attach", "fee_type")


def _refuse(code: str, description: str) -> Exception:
    from .half import Refusal  # noqa: PLC0415 - the two modules know each other

    return Refusal(code, description)


def _need(fields: Fields, *names: str) -> None:
    for name in names:
        if not fields.get(name):
            raise _refuse("LACK_PARAMS", f"缺少参数{name}")


def _amount(fields: Fields, name: str) -> int:
    text = fields.get(name, "")
    if re.fullmatch(r"[1-9]\d{0,9}", text, re.ASCII) is None:
        raise _refuse("PARAM_ERROR", f"{name}格式错误")
    return int(text)


def unified_order(half: WeixinHalf, fields: Fields) -> Fields:
    _need(fields, "body", "out_trade_no", "total_fee", "spbill_create_ip", "notify_url", "trade_type")
    number, scene, total_fee = fields["out_trade_no"], fields["trade_type"], _amount(fields, "total_fee")
    if re.fullmatch(r"[0-9A-Za-z_\-|*]{6,32}", number, re.ASCII) is None:
        raise _refuse("PARAM_ERROR", "out_trade_no参数长度或格式有误")
    if scene not in ("JSAPI", "APP", "NATIVE", "MWEB"):
        raise _refuse("PARAM_ERROR", "trade_type参数有误")
    if "?" in fields["notify_url"] or len(fields["notify_url"]) > 256:
        raise _refuse("PARAM_ERROR", "notify_url不能携带参数")
    if scene == "JSAPI" and not (fields.get("openid") or fields.get("sub_openid")):
        raise _refuse("LACK_PARAMS", "JSAPI支付必须传openid")
    if scene == "NATIVE":
        _need(fields, "product_id")
    if scene == "MWEB":
        _need(fields, "scene_info")
    order = half.world.order(half.platform, number)
    if order is not None:
        if order.state == "closed":
            raise _refuse("ORDERCLOSED", "该订单已关闭")
        if order.state in ("paid", "refunded"):
            raise _refuse("ORDERPAID", "该订单已支付")
        if any(order.wire["asked"].get(name, "") != fields.get(name, "") for name in SAME):
            raise _refuse("OUT_TRADE_NO_USED", "商户订单号重复")
        return dict(order.wire["told"])
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
            openid=fields.get("openid") or fields.get("sub_openid", ""),
            expires=_expires(fields.get("time_expire", ""), now),
            notify_url=fields["notify_url"],
            wire={
                "asked": dict(fields),
                "told": told,
                "sign_type": fields.get("sign_type") or "MD5",
                "sub_mch_id": fields.get("sub_mch_id", ""),
            },
        )
    )
    return dict(told)


def _expires(text: str, now: datetime) -> datetime:
    if not text:
        return now + PREPAY_LIFE
    try:
        expires = datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=BEIJING).astimezone(UTC)
    except ValueError:
        raise _refuse("PARAM_ERROR", "time_expire格式错误") from None
    if expires < now + timedelta(minutes=1):
        raise _refuse("PARAM_ERROR", "time_expire时间过短，刷卡至少1分钟，其他5分钟")
    return expires


def _find(half: WeixinHalf, fields: Fields, code: str = "ORDERNOTEXIST") -> EmulatedOrder:
    order = None
    if fields.get("transaction_id"):
        known = (each for each in half.world.orders(half.platform) if each.transaction_id == fields["transaction_id"])
        order = next(known, None)
    elif fields.get("out_trade_no"):
        order = half.world.order(half.platform, fields["out_trade_no"])
    else:
        raise _refuse("PARAM_ERROR", "out_trade_no或transaction_id必填其一")
    if order is None:
        raise _refuse(code, "订单不存在")
    return order


def paid_fields(order: EmulatedOrder) -> Fields:
    """What a paid order says of itself, in a query and in the notification."""
    asked, paid = order.wire["asked"], order.paid
    told = {
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
    return told


def order_query(half: WeixinHalf, fields: Fields) -> Fields:
    order = _find(half, fields)
    if order.state in ("paid", "refunded"):
        state = "REFUND" if any(refund.state != "failed" for refund in order.refunds) else "SUCCESS"
        told = paid_fields(order) | {"openid": order.openid, "cash_fee_type": "CNY"}
    else:
        state = {"open": "NOTPAY", "userpaying": "USERPAYING", "closed": "CLOSED", "failed": "PAYERROR"}[order.state]
        if order.wire.get("payerror") and state == "NOTPAY":
            state = "PAYERROR"
        told = {"out_trade_no": order.out_trade_no, "total_fee": str(order.total_fee)}
        if attach := order.wire["asked"].get("attach"):
            told["attach"] = attach
    words = {"SUCCESS": "支付成功", "REFUND": "转入退款", "NOTPAY": "订单未支付", "CLOSED": "订单已关闭"}
    return told | {"trade_state": state, "trade_state_desc": words.get(state, state)}


def close_order(half: WeixinHalf, fields: Fields) -> Fields:
    _need(fields, "out_trade_no")
    order = _find(half, fields)
    if order.state in ("paid", "refunded"):
        raise _refuse("ORDERPAID", "订单已支付")
    if order.state == "closed":
        raise _refuse("ORDERCLOSED", "订单已关闭")
    order.state, order.closed = "closed", half.world.clock.now()
    return {"result_msg": "OK"}


def refund(half: WeixinHalf, fields: Fields) -> Fields:
    _need(fields, "out_refund_no", "total_fee", "refund_fee")
    order = _find(half, fields)
    total_fee, refund_fee = _amount(fields, "total_fee"), _amount(fields, "refund_fee")
    if order.state not in ("paid", "refunded"):
        raise _refuse("ERROR", "订单未支付，不能退款")
    if total_fee != order.total_fee:
        raise _refuse("ERROR", "订单金额或退款金额与之前请求不一致，请核实后再试")
    known = next((each for each in order.refunds if each.out_refund_no == fields["out_refund_no"]), None)
    if known is not None and known.refund_fee != refund_fee:
        raise _refuse("ERROR", "订单金额或退款金额与之前请求不一致，请核实后再试")
    if known is None:
        if order.refunded_fee + refund_fee > order.total_fee:
            raise _refuse("ERROR", "累计退款金额大于支付金额")
        if len(order.refunds) >= 50:
            raise _refuse("ERROR", "部分退款次数超过限制")
        known = EmulatedRefund(
            fields["out_refund_no"],
            f"5000{half.world.random.randrange(10**24):024d}",
            refund_fee,
            half.world.clock.now(),
            notify_url=fields.get("notify_url", ""),
        )
        order.refunds.append(known)
        if order.refunded_fee == order.total_fee:
            order.state = "refunded"
        half.refunded_later(order, known)
    return {
        "transaction_id": order.transaction_id,
        "out_trade_no": order.out_trade_no,
        "out_refund_no": known.out_refund_no,
        "refund_id": known.refund_id,
        "refund_fee": str(known.refund_fee),
        "total_fee": str(order.total_fee),
        "fee_type": "CNY",
        "cash_fee": str(order.total_fee),
        "cash_refund_fee": str(known.refund_fee),
        "coupon_refund_fee": "0",
        "coupon_refund_count": "0",
    }


def refund_query(half: WeixinHalf, fields: Fields) -> Fields:
    named = next((name for name in ("refund_id", "out_refund_no") if fields.get(name)), None)
    if named is not None:
        pairs = [(o, r) for o in half.world.orders(half.platform) for r in o.refunds]
        order, refunds = next(
            ((o, [r]) for o, r in pairs if getattr(r, named) == fields[named]), (None, list[EmulatedRefund]())
        )
    else:
        order = _find(half, fields, "REFUNDNOTEXIST")
        refunds = order.refunds
    if order is None or not refunds:
        raise _refuse("REFUNDNOTEXIST", "退款订单查询失败")
    offset = int(fields.get("offset") or 0)
    page = refunds[offset : offset + 10]
    if not page:
        raise _refuse("PARAM_ERROR", "offset超出范围")
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
    states = {"processing": "PROCESSING", "success": "SUCCESS", "failed": "REFUNDCLOSE"}
    for n, each in enumerate(page):
        told |= {
            f"out_refund_no_{n}": each.out_refund_no,
            f"refund_id_{n}": each.refund_id,
            f"refund_channel_{n}": "ORIGINAL",
            f"refund_fee_{n}": str(each.refund_fee),
            f"refund_status_{n}": states[each.state],
            f"refund_account_{n}": "REFUND_SOURCE_UNSETTLED_FUNDS",
            f"refund_recv_accout_{n}": "用户零钱",
        }
        if each.done:
            told[f"refund_success_time_{n}"] = each.done.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
    return told
