"""
What else Alipay signs: the buyer's way back from a page, and messages to the app's gateway.

Source: https://opendocs.alipay.com/open/270/105902 (return_url), /common/02qibh "应用网关"
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tongfu.call import Context, Notification
from tongfu.errors import MalformedAnswer
from tongfu.money import fen_from_yuan
from tongfu.notice import Reply

from . import notify
from .account import AlipayAccount
from .read import required, text


@dataclass(frozen=True, slots=True, kw_only=True)
class PageReturn:
    """
    The buyer came back from the page of this order. It is no proof of payment and has no state: query the order.

    ``total_fee`` is fen.
    """

    out_trade_no: str
    transaction_id: str | None = None
    total_fee: int | None = None
    raw: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    A message to the app's gateway or to the notify_url of an agreement. Answer it with ``reply``.

    ``method`` is the message's name, such as alipay.open.servicemarket.order.notify, or its notify_type, such as
    dut_user_sign. ``content`` is what biz_content holds, or the form's own fields where it has none. ``repeated`` says
    that this account read a message of that ``notify_id`` before, in this process.
    """

    method: str
    content: Mapping[str, Any] = field(repr=False)
    reply: Reply = field(repr=False)
    notify_id: str | None = None
    repeated: bool = field(default=False, compare=False)
    raw: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)


def page_return(account: AlipayAccount, query: Mapping[str, str], ctx: Context) -> PageReturn:
    """
    Read the query of a return_url.

    :raises MalformedAnswer: not such a query.
    :raises SignatureError: Alipay did not sign it for this app.
    """
    try:
        form = urlencode(dict(query)).encode()
    except (TypeError, ValueError):
        raise MalformedAnswer("alipay: the way back has a query that is not text by name") from None
    fields = notify.verified(account, Notification({}, form), ctx)
    amount = text(fields, "total_amount")
    return PageReturn(
        out_trade_no=required(fields, "out_trade_no"),
        transaction_id=text(fields, "trade_no"),
        total_fee=None if amount is None else fen_from_yuan(amount),
        raw=fields,
    )


def message(account: AlipayAccount, notification: Notification, ctx: Context) -> Message:
    """
    Read what is no trade's notification.

    :raises SignatureError: Alipay did not sign it for this app.
    :raises MalformedAnswer: it names no method, or its biz_content is no JSON object.
    """
    fields = notify.verified(account, notification, ctx, message=True)
    method = (
        text(fields, "msg_method") or text(fields, "method") or text(fields, "service") or text(fields, "notify_type")
    )
    if method is None:
        raise MalformedAnswer("alipay: the message names no method")
    return Message(
        method=method,
        content=_content(fields),
        reply=notify.REPLY,
        notify_id=text(fields, "notify_id"),
        repeated=account.heard(text(fields, "notify_id")),
        raw=fields,
    )


def _content(fields: Mapping[str, str]) -> Mapping[str, Any]:
    if "biz_content" not in fields:
        return fields
    try:
        # A decimal number stays the text it was: an amount must not pass through a float.
        found = json.loads(fields["biz_content"], parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise MalformedAnswer("alipay: the message's biz_content is not a JSON object")
    return found
