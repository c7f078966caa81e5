"""
Notifications: signed, and encrypted with the APIv3 key; one form for every kind of event.

Source: https://pay.weixin.qq.com/doc/v3/merchant/4012791861 "支付成功回调通知" and 4012791865 "退款结果回调通知"
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tongfu.call import Context, Notification
from tongfu.errors import MalformedAnswer, SignatureError, WrongNotice
from tongfu.model import trade_state
from tongfu.notice import PaymentNotice, RefundNotice, Reply
from tongfu.swift import swift
from tongfu_weixin import strict_json
from tongfu_weixin.account import WeixinAccount

from . import keys, sensitive, sign
from .read import beijing, digits, fee, part, required, text

#: The status decides; the body is for older documents' sake.
REPLY: Final = Reply(
    200,
    {"content-type": "application/json; charset=utf-8"},
    '{"code":"SUCCESS","message":"成功"}'.encode(),
)
STATES: Final = {
    state: state for state in ("SUCCESS", "REFUND", "NOTPAY", "CLOSED", "REVOKED", "USERPAYING", "PAYERROR")
}
REMEMBERED: Final = 1000  # ids of notifications
PAID: Final = "TRANSACTION.SUCCESS"
REFUNDS: Final = ("REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED")
# As APIv2 names them, and with it tongfu.
REFUND_STATES: Final = {"CLOSED": "REFUNDCLOSE", "ABNORMAL": "CHANGE"}
_NAME: Final = re.compile(r"[A-Z0-9_.]{1,64}", re.ASCII)


@swift
@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """
    An authentic notification of any kind. ``content`` is its decrypted resource.

    ``notify_id`` is the same each time the platform repeats the notification: one that was handled already is
    to be answered with ``reply`` and nothing else.
    """

    event_type: str
    notify_id: str
    content: Mapping[str, Any] = field(repr=False)
    raw: Mapping[str, Any] = field(repr=False)
    reply: Reply = field(default=REPLY, repr=False)
    repeated: bool = field(default=False, compare=False)


def event(account: WeixinAccount, notify: Notification, ctx: Context) -> Event:
    """
    Verify over the raw bytes, then read, then decrypt.

    :raises SignatureError: not the platform's, or encrypted with another merchant's key.
    :raises MalformedAnswer: authentic, but not of the documented form.
    """
    account.need("reading a notification", "mch_id", "api_v3_key")
    keys.cipher(account)
    sign.authentic(account, notify.headers, notify.body, ctx)
    raw = strict_json.load(notify.body)
    kind, number = raw.get("event_type"), raw.get("id")
    if not isinstance(kind, str) or _NAME.fullmatch(kind) is None or not isinstance(number, str) or not number:
        raise MalformedAnswer("weixin: the notification has no id or no event_type")
    content = strict_json.load(sensitive.opened(account, raw.get("resource")))
    return Event(event_type=kind, notify_id=number, content=content, raw=raw)


def told(account: WeixinAccount, notify: Notification, ctx: Context) -> Event:
    """As ``event``, for who wants no more of it than that."""
    heard = event(account, notify, ctx)
    return replace(heard, repeated=_repeated(account, heard.notify_id))


def _repeated(account: WeixinAccount, number: str) -> bool:
    """Whether one of that id was read before, of the last thousand; it is now."""
    heard: dict[str, None] = account.parsed.setdefault("heard", {})
    if number in heard:
        return True
    heard[number] = None
    if len(heard) > REMEMBERED:
        del heard[next(iter(heard))]
    return False


def payment(account: WeixinAccount, notify: Notification, ctx: Context) -> PaymentNotice:
    """
    ``paid`` is True for trade_state SUCCESS only.

    :raises WrongNotice: it is about something else than an order.
    """
    heard = event(account, notify, ctx)
    content = heard.content
    if heard.event_type in REFUNDS:
        raise WrongNotice("weixin: the notification is about a refund; read it with verify_refund_notify")
    if heard.event_type != PAID:
        raise WrongNotice(f"weixin: the notification is about {heard.event_type}; read it with weixin.pay.event")
    ours(account, content, apps=True)
    state = trade_state(required(content, "trade_state"), STATES)
    paid = state == "SUCCESS"
    amounts, payer = part(content, "amount"), part(content, "payer")
    total_fee = fee(amounts, "total")
    transaction_id = text(content, "transaction_id")
    if paid and (total_fee is None or transaction_id is None):
        raise MalformedAnswer("weixin: the notification is about a payment without its amount or transaction_id")
    names = ("sub_openid", "sp_openid") if account.sub_app_id else ("sp_openid", "sub_openid")
    return PaymentNotice(
        paid=paid,
        out_trade_no=required(content, "out_trade_no"),
        reply=REPLY,
        trade_state=state,
        transaction_id=transaction_id,
        total_fee=total_fee,
        cash_fee=fee(amounts, "payer_total"),
        fee_type=text(amounts, "currency") or "CNY",
        time_end=digits(content, "success_time"),
        openid=text(payer, "openid") or text(payer, names[0]) or text(payer, names[1]),
        app_id=account.app_id,
        mch_id=account.mch_id,
        attach=text(content, "attach"),
        notify_id=heard.notify_id,
        repeated=_repeated(account, heard.notify_id),
        raw=content,
    )


def refund(account: WeixinAccount, notify: Notification, ctx: Context) -> RefundNotice:
    """
    ``refunded`` is True for refund_status SUCCESS only.

    :raises WrongNotice: it is about something else than a refund.
    """
    heard = event(account, notify, ctx)
    content = heard.content
    if heard.event_type == PAID:
        raise WrongNotice("weixin: the notification is about a payment; read it with verify_payment_notify")
    if heard.event_type not in REFUNDS:
        raise WrongNotice(f"weixin: the notification is about {heard.event_type}; read it with weixin.pay.event")
    ours(account, content, apps=False)
    status = required(content, "refund_status")
    if f"REFUND.{status}" != heard.event_type and (status == "SUCCESS" or heard.event_type == "REFUND.SUCCESS"):
        raise MalformedAnswer("weixin: the notification's event_type and refund_status contradict each other")
    amounts = part(content, "amount")
    refund_fee = fee(amounts, "refund")
    if refund_fee is None:
        raise MalformedAnswer("weixin: the notification is about a refund without its amount")
    return RefundNotice(
        refunded=status == "SUCCESS",
        out_trade_no=required(content, "out_trade_no"),
        reply=REPLY,
        transaction_id=text(content, "transaction_id"),
        out_refund_no=required(content, "out_refund_no"),
        refund_id=text(content, "refund_id"),
        total_fee=fee(amounts, "total"),
        refund_fee=refund_fee,
        refund_status=REFUND_STATES.get(status, status),
        refund_recv_accout=text(content, "user_received_account"),
        success_time=beijing(content, "success_time"),
        app_id=account.app_id,
        mch_id=account.mch_id,
        notify_id=heard.notify_id,
        repeated=_repeated(account, heard.notify_id),
        raw=content,
    )


def ours(account: WeixinAccount, content: Mapping[str, Any], *, apps: bool) -> None:
    """
    Go on only if the message is for this account. A refund's names no app.

    :raises SignatureError: another app, merchant or sub-merchant.
    """
    if account.sub_mch_id:
        expected = {"sp_mchid": (account.mch_id,), "sub_mchid": (account.sub_mch_id,)}
        if apps:
            expected["sp_appid"] = (account.app_id,)
            if account.sub_app_id:
                expected["sub_appid"] = (None, "", account.sub_app_id)  # type: ignore[assignment]
    else:
        expected = {"mchid": (account.mch_id,)}
        if apps:
            expected["appid"] = (account.app_id,)
    for name, allowed in expected.items():
        if content.get(name) not in allowed:
            raise SignatureError(f"weixin: the message's {name} is missing or another account's; use nothing of it")
