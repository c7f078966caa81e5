"""
Bar-code payment: the shop scans the buyer's code, and asks until the outcome is certain.

Source: https://opendocs.alipay.com/open/1f1fe18c "alipay.trade.pay", and "当面付 轮询撤销" of the product's guide
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final

from tongfu.call import Call, Caller, Context
from tongfu.errors import (
    InvalidParams,
    MalformedAnswer,
    OrderNotFound,
    OutcomeUnknown,
    PlatformBusy,
    RateLimited,
    SignatureError,
    TransportError,
)
from tongfu.fields import Fee, Moment, ParamsSchema, Text, Url, WireFields
from tongfu.model import Cancelled, Order
from tongfu.money import yuan_from_fen
from tongfu.polling import Pause, Polled, poll

from .account import AlipayAccount
from .limits import AuthCode, OutTradeNo
from .read import digits, fee, fund_bills, items, text
from .wire import beijing

METHOD: Final = "alipay.trade.pay"
EVERY: Final = 5.0  # seconds; the platform's guide asks for three to six
WITHIN: Final = 60.0
LONGEST: Final = 86400  # seconds; after a day nothing can be cancelled
CANCELS: Final = 3
BETWEEN_CANCELS: Final = 2.0
SETTLED: Final = frozenset({"SUCCESS", "FINISHED", "CLOSED", "REVOKED"})
# Who pays otherwise than by showing a code: with what is frozen for him, or by an agreement.
INSTEAD_OF_A_CODE: Final = frozenset({"auth_no", "agreement_params"})
# No answer that tells: the state is what it was, as far as anybody knows.
UNTOLD: Final = (TransportError, SignatureError, MalformedAnswer, PlatformBusy, RateLimited, OrderNotFound)


class PayLimits(ParamsSchema):
    auth_code = AuthCode()
    out_trade_no = OutTradeNo(required=True)
    total_fee = Fee(required=True)
    subject = Text(256, required=True)
    body = Text(128)
    notify_url = Url(256, query=False)
    time_expire = Moment()
    extra = WireFields(
        ("out_trade_no", "total_amount", "subject", "body", "time_expire", "auth_code", "notify_url", "sign"),
        flat=False,
    )


LIMITS: Final = PayLimits()


def pay(account: AlipayAccount, params: Mapping[str, Any]) -> Call[Order]:
    """
    Take the payment. ``trade_state`` is SUCCESS, or USERPAYING while the buyer confirms on his phone.

    :raises InvalidParams: naming each field and what was expected.
    """
    LIMITS.check("alipay", "trade.pay", SimpleNamespace(**params))
    extra = params["extra"] or {}
    instead = INSTEAD_OF_A_CODE & extra.keys()
    if (params["auth_code"] is None) != bool(instead):
        problem = "expected the buyer's payment code, or auth_no or agreement_params in extra, and not both"
        raise InvalidParams("alipay", "trade.pay", {"auth_code": problem})
    moment: datetime | None = params["time_expire"]
    content = {
        "out_trade_no": params["out_trade_no"],
        "total_amount": yuan_from_fen(params["total_fee"]),
        "subject": params["subject"],
        "body": params["body"],
        "scene": None if instead else "bar_code",
        "auth_code": params["auth_code"],
        "time_expire": None if moment is None else beijing(moment),
        "seller_id": account.seller_id or None,
        **extra,
    }

    def finish(answer: Mapping[str, Any], ctx: Context) -> Order:
        if (text(answer, "out_trade_no") or params["out_trade_no"]) != params["out_trade_no"]:
            raise MalformedAnswer("alipay: the answer is about another out_trade_no")
        total_fee = fee(answer, "total_amount")
        if total_fee not in (None, params["total_fee"]):
            raise MalformedAnswer("alipay: the answer is about another total_amount")
        return Order(
            trade_state="USERPAYING" if answer.get("code") == "10003" else "SUCCESS",
            out_trade_no=params["out_trade_no"],
            transaction_id=text(answer, "trade_no"),
            total_fee=total_fee,
            cash_fee=fee(answer, "buyer_pay_amount"),
            time_end=digits(text(answer, "gmt_payment")),
            openid=text(answer, "buyer_user_id") or text(answer, "buyer_open_id"),
            fund_bill_list=fund_bills(items(answer, "fund_bill_list")),
            raw=answer,
        )

    fields = {
        "common": {"notify_url": params["notify_url"] or ""},
        "biz_content": {name: value for name, value in content.items() if value is not None},
        "waits": True,
    }
    return Call("trade.pay", METHOD, fields, finish)


def settled(
    caller: Caller, begin: Call[Order], out_trade_no: str, *, every: float, within: float, pause: Pause
) -> Polled[Order]:
    """
    The payment's states until it is settled, one way or the other.

    :raises InvalidParams: *every* or *within* is no time that can pass.
    """
    problems = {
        name: f"expected seconds, more than 0 and at most {LONGEST}"
        for name, value in (("every", every), ("within", within))
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST
    }
    if problems:
        raise InvalidParams("alipay", "trade.pay", problems)
    return Polled(_states(caller, begin, out_trade_no, every, within, pause))


async def _states(
    caller: Caller, begin: Call[Order], out_trade_no: str, every: float, within: float, pause: Pause
) -> AsyncIterator[Order]:
    until = caller.now() + timedelta(seconds=within)

    async def ask() -> Order | None:
        try:
            found: Order = await caller.payment("order_query", {"out_trade_no": out_trade_no})
        except UNTOLD:
            return None
        return found

    order: Order | None
    try:
        told: Order = await caller.run("trade.pay", lambda ctx: begin)
        order = told
    except OutcomeUnknown:
        order = await ask()
    if order is not None:
        yield order
        if order.trade_state in SETTLED:
            return
    async for asked in poll(ask, every=every, until=until, now=caller.now, pause=pause):
        if asked is not None:
            yield asked
            if asked.trade_state in SETTLED:
                return
    yield await _cancelled(caller, out_trade_no, pause)


async def _cancelled(caller: Caller, out_trade_no: str, pause: Pause) -> Order:
    """
    Undo the payment, at once after the last look at it.

    Repeated with the same number, as the platform asks, while it does not say that it is done: a payment that is not
    found yet may still be on its way.
    """
    problem: Exception | None = None
    for attempt in range(CANCELS):
        if attempt:
            await pause(BETWEEN_CANCELS)
        try:
            done: Cancelled = await caller.payment("cancel_order", {"out_trade_no": out_trade_no})
            undone = not done.retry_flag and (done.action is not None or await _gone(caller, out_trade_no))
        except (TransportError, PlatformBusy, RateLimited) as exc:
            problem = exc
        else:
            if undone:
                number = done.transaction_id
                return Order(trade_state="REVOKED", out_trade_no=out_trade_no, transaction_id=number, raw=done.raw)
    raise OutcomeUnknown(
        "alipay", "trade.pay", "the buyer did not confirm in time, and it could not be cancelled"
    ) from problem


async def _gone(caller: Caller, out_trade_no: str) -> bool:
    """Whether there is no trade after a cancellation that found none to cancel."""
    try:
        found: Order = await caller.payment("order_query", {"out_trade_no": out_trade_no})
    except OrderNotFound:
        return True
    return found.trade_state == "CLOSED"
