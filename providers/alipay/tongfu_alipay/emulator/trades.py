"""What the gateway's trade methods do with a request that is genuine."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from tongfu.emulator.half import EmulatedOrder, EmulatedRefund
from tongfu.money import yuan_from_fen

from .gateway import Refusal, Request

if TYPE_CHECKING:
    from .half import AlipayHalf

BEIJING: Final = timezone(timedelta(hours=8))
REFUND_WINDOW: Final = timedelta(days=365)
UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
LONGEST: Final = timedelta(days=15)
FACE_TO_FACE: Final = timedelta(hours=3)
IN_WALLET: Final = ("alipay.trade.app.pay", "alipay.trade.wap.pay")  # these last five minutes at least
Node = dict[str, Any]


def _refuse(sub_code: str, sub_msg: str) -> Refusal:
    return Refusal("40004", f"ACQ.{sub_code}", sub_msg)


def beijing(moment: datetime) -> str:
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def _fen(content: Node, name: str) -> int:
    text = str(content.get(name, ""))
    if re.fullmatch(r"\d{1,9}(\.\d{1,2})?", text, re.ASCII) is None:
        raise _refuse("INVALID_PARAMETER", f"参数有误{name}")
    yuan, _, rest = text.partition(".")
    fen = int(yuan) * 100 + int(rest.ljust(2, "0"))
    if fen == 0:
        raise _refuse("INVALID_PARAMETER", f"参数有误{name}")
    if fen > 10**10:
        raise _refuse("TOTAL_FEE_EXCEED", "订单总金额不在允许范围内")
    return fen


def create(half: AlipayHalf, request: Request, *, opened: bool) -> EmulatedOrder:
    """A new trade, or the same again where every parameter is the same."""
    content, now = request.content, half.world.clock.now()
    number, total_fee = str(content.get("out_trade_no", "")), _fen(content, "total_amount")
    subject = str(content.get("subject") or "")
    if re.fullmatch(r"[0-9A-Za-z_]{1,64}", number, re.ASCII) is None or not 1 <= len(subject) <= 256:
        raise _refuse("INVALID_PARAMETER", "参数有误out_trade_no或subject")
    if content.get("seller_id") not in (None, half.seller_id):
        raise _refuse("SELLER_NOT_EXIST", "卖家不存在")
    if content.get("buyer_id") == half.seller_id:
        raise _refuse("BUYER_SELLER_EQUAL", "买卖家不能相同")
    known = half.world.order(half.platform, number)
    if known is not None:
        if known.state == "paid":
            raise _refuse("TRADE_HAS_SUCCESS", "交易已被支付")
        if known.state in ("closed", "refunded"):
            raise _refuse("TRADE_HAS_CLOSE", "交易已经关闭")
        if known.wire["content"] != content or known.wire["method"] != request.method:
            raise _refuse("CONTEXT_INCONSISTENT", "交易信息被篡改")
        known.wire["opened"] = known.wire["opened"] or opened
        return known
    chance = half.world.random
    buyer = content.get("buyer_id") or content.get("buyer_open_id") or f"2088{chance.randrange(10**12):012d}"
    expires = _expires(request, now)
    order = EmulatedOrder(
        platform=half.platform,
        out_trade_no=number,
        total_fee=total_fee,
        created=now,
        transaction_id=f"{now.astimezone(BEIJING):%Y%m%d}22001{chance.randrange(10**15):015d}",
        openid=str(buyer),
        expires=expires,
        notify_url=request.params.get("notify_url", ""),
        wire={
            "content": content,
            "method": request.method,
            "opened": opened,
            "sign_type": request.params["sign_type"],
            "certified": request.certified,
            "return_url": request.params.get("return_url", ""),
        },
    )
    half.world.add(order)
    half.world.clock.at((expires - now).total_seconds(), lambda: half.time_is_up(order))
    return order


def buyer(order: EmulatedOrder, name: str = "buyer_id") -> Node:
    """Who pays, under the name that the order knew him by."""
    content = order.wire["content"]
    return {"buyer_open_id" if content.get("buyer_open_id") and not content.get("buyer_id") else name: order.openid}


def _expires(request: Request, now: datetime) -> datetime:
    """time_expire, else timeout_express, else the product's own time: three hours face to face, else 15 days."""
    content, method = request.content, request.method
    if text := content.get("time_expire"):
        try:
            end = datetime.strptime(str(text), "%Y-%m-%d %H:%M:%S").replace(tzinfo=BEIJING).astimezone(UTC)
        except ValueError:
            raise _refuse("INVALID_PARAMETER", "参数有误time_expire") from None
        if end <= now:
            raise _refuse("NOW_TIME_AFTER_EXPIRE_TIME_ERROR", "当前时间已超过允许支付的时间")
        return end
    text = content.get("timeout_express")
    if text is None:
        to_face = method in ("alipay.trade.precreate", "alipay.trade.pay") or (
            method == "alipay.trade.create" and content.get("product_code", "FACE_TO_FACE_PAYMENT") != "JSAPI_PAY"
        )
        return now + (FACE_TO_FACE if to_face else LONGEST)
    if text == "1c":
        midnight = now.astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return midnight.astimezone(UTC)
    match = re.fullmatch(r"(\d{1,5})([mhd])", str(text), re.ASCII)
    lasts = int(match[1]) * UNITS[match[2]] if match is not None else timedelta(0)
    if not UNITS["m"] * (5 if method in IN_WALLET else 1) <= lasts <= LONGEST:
        raise _refuse("INVALID_PARAMETER", "参数有误timeout_express")
    return now + lasts


def _create(half: AlipayHalf, request: Request) -> Node:
    content = request.content
    if not (content.get("buyer_id") or content.get("buyer_open_id")):
        raise _refuse("INVALID_PARAMETER", "参数有误buyer_id")
    order = create(half, request, opened=True)
    return {"out_trade_no": order.out_trade_no, "trade_no": order.transaction_id}


def _precreate(half: AlipayHalf, request: Request) -> Node:
    order = create(half, request, opened=False)
    code = order.wire.setdefault("qr_code", f"https://qr.alipay.com/bax{half.world.random.getrandbits(80):020x}")
    return {"out_trade_no": order.out_trade_no, "qr_code": code}


def _find(half: AlipayHalf, content: Node) -> EmulatedOrder | None:
    """The trade, if the buyer has opened the cashier: before that the platform knows of none."""
    trade_no, number = content.get("trade_no"), content.get("out_trade_no")
    if not trade_no and not number:
        raise _refuse("INVALID_PARAMETER", "参数有误，out_trade_no和trade_no不能同时为空")
    for order in half.world.orders(half.platform):
        if (order.transaction_id == trade_no if trade_no else order.out_trade_no == number) and order.wire["opened"]:
            return order
    return None


def _found(half: AlipayHalf, content: Node) -> EmulatedOrder:
    order = _find(half, content)
    if order is None:
        raise _refuse("TRADE_NOT_EXIST", "交易不存在")
    return order


def _numbers(order: EmulatedOrder) -> Node:
    return {"out_trade_no": order.out_trade_no, "trade_no": order.transaction_id}


def _finished(half: AlipayHalf, order: EmulatedOrder) -> bool:
    return order.paid is not None and half.world.clock.now() > order.paid + REFUND_WINDOW


def _query(half: AlipayHalf, request: Request) -> Node:
    order = _found(half, request.content)
    states = {"open": "WAIT_BUYER_PAY", "userpaying": "WAIT_BUYER_PAY", "paid": "TRADE_SUCCESS"}
    status = states.get(order.state, "TRADE_CLOSED")
    if status == "TRADE_SUCCESS" and _finished(half, order):
        status = "TRADE_FINISHED"
    node = {
        **_numbers(order),
        "buyer_logon_id": "abc***@sandbox.com",
        **buyer(order, "buyer_user_id"),
        "trade_status": status,
        "total_amount": yuan_from_fen(order.total_fee),
    }
    if order.paid:
        amount = yuan_from_fen(order.total_fee)
        node |= {
            "buyer_pay_amount": amount,
            "receipt_amount": amount,
            "invoice_amount": amount,
            "point_amount": "0.00",
            "send_pay_date": order.paid.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
            "fund_bill_list": [{"amount": amount, "fund_channel": "ALIPAYACCOUNT"}],
        }
    return node


def _close(half: AlipayHalf, request: Request) -> Node:
    order = _found(half, request.content)
    if order.state not in ("open", "userpaying"):
        raise _refuse("TRADE_STATUS_ERROR", "交易状态不合法")
    order.state, order.closed = "closed", half.world.clock.now()
    half.closed(order)
    return _numbers(order)


def _cancel(half: AlipayHalf, request: Request) -> Node:
    content = request.content
    order = _find(half, content)
    if order is None:
        return {name: content[name] for name in ("out_trade_no", "trade_no") if name in content} | {"retry_flag": "N"}
    now = half.world.clock.now()
    if now > order.created + timedelta(days=1):
        raise _refuse("TRADE_CANCEL_TIME_OUT", "超过撤销时间范围")
    node = {**_numbers(order), "retry_flag": "N"}
    if order.wire.get("cancelled"):
        return {**node, "action": order.wire["cancelled"]}
    if order.refunds:
        raise _refuse("REASON_TRADE_REFUND_FEE_ERR", "退款金额无效")
    if order.state == "paid":
        refund = EmulatedRefund(order.out_trade_no, "", order.total_fee, now, state="success", done=now)
        order.refunds.append(refund)
        order.state, order.wire["cancelled"] = "refunded", "refund"
        half.refunded(order, refund)
        return {**node, "action": "refund"}
    if order.state != "closed":
        order.state, order.closed = "closed", now
        half.closed(order)
    return {**node, "action": "close"}


def _refund(half: AlipayHalf, request: Request) -> Node:
    content, now = request.content, half.world.clock.now()
    order = _found(half, content)
    refund_fee = _fen(content, "refund_amount")
    number = str(content.get("out_request_no") or order.out_trade_no)
    if order.state not in ("paid", "refunded"):
        raise _refuse("TRADE_STATUS_ERROR", "交易状态不合法")
    if _finished(half, order):
        raise _refuse("TRADE_HAS_FINISHED", "交易已完结")
    known = next((refund for refund in order.refunds if refund.out_refund_no == number), None)
    if known is not None and known.refund_fee != refund_fee:
        raise _refuse("DISCORDANT_REPEAT_REQUEST", "不一致的请求")
    if known is None:
        if not content.get("out_request_no") and refund_fee != order.total_fee:
            raise _refuse("REFUND_AMT_NOT_EQUAL_TOTAL", "退款金额与订单金额不一致")
        if order.refunded_fee + refund_fee > order.total_fee:
            raise _refuse("REASON_TRADE_REFUND_FEE_ERR", "退款金额无效")
        made = EmulatedRefund(
            number, "", refund_fee, now, state="success", done=now, wire={"reason": content.get("refund_reason")}
        )
        order.refunds.append(made)
        if order.refunded_fee == order.total_fee:
            order.state = "refunded"
        half.refunded(order, made)
    moment = (known and known.done) or now
    return {
        **_numbers(order),
        "buyer_logon_id": "abc***@sandbox.com",
        **buyer(order, "buyer_user_id"),
        "fund_change": "N" if known else "Y",
        "refund_fee": yuan_from_fen(order.refunded_fee),
        "gmt_refund_pay": moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
    }


def _refund_query(half: AlipayHalf, request: Request) -> Node:
    content = request.content
    order = _found(half, content)
    number = content.get("out_request_no")
    if not number:
        raise _refuse("INVALID_PARAMETER", "参数有误out_request_no")
    refund = next((each for each in order.refunds if each.out_refund_no == number), None)
    if refund is None:
        # The numbers come back all the same; only status and amount tell of a refund.
        return {**_numbers(order), "out_request_no": number}
    amount = yuan_from_fen(refund.refund_fee)
    node = {
        **_numbers(order),
        "out_request_no": number,
        "total_amount": yuan_from_fen(order.total_fee),
        "refund_amount": amount,
        "refund_status": "REFUND_SUCCESS",
    }
    if refund.wire.get("reason"):
        node["refund_reason"] = refund.wire["reason"]
    if "refund_detail_item_list" in (content.get("query_options") or []):
        node["refund_detail_item_list"] = [{"amount": amount, "fund_channel": "ALIPAYACCOUNT"}]
    return node


METHODS: Final[dict[str, Callable[[AlipayHalf, Request], Node]]] = {
    "alipay.trade.create": _create,
    "alipay.trade.precreate": _precreate,
    "alipay.trade.query": _query,
    "alipay.trade.close": _close,
    "alipay.trade.cancel": _cancel,
    "alipay.trade.refund": _refund,
    "alipay.trade.fastpay.refund.query": _refund_query,
}
