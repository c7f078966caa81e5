"""Bar-code payment: the codes that buyers show, and alipay.trade.pay."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tongfu.emulator.half import EmulatedOrder, Route, World
from tongfu.money import yuan_from_fen

from . import trades
from .controls import control
from .gateway import Refusal, Request

if TYPE_CHECKING:
    from .half import AlipayHalf

METHOD: Final = "alipay.trade.pay"
LIVES: Final = timedelta(minutes=1)
OUTCOMES: Final = ("success", "userpaying", "not_enough", "expired", "system_error", "lost")
_CODE: Final = re.compile(r"(2[5-9]|30)\d{14,22}|fp.{33}", re.ASCII)


@dataclass(frozen=True)
class Shown:
    """One code on a buyer's phone, and what comes of it when it is scanned."""

    outcome: str
    openid: str
    until: datetime


class PaymentCodes:
    """A code that nobody asked for here, but of the right shape, simply pays."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.reset()

    def reset(self) -> None:
        self._shown: dict[str, Shown] = {}
        self._used: set[str] = set()

    def routes(self) -> Iterable[Route]:
        yield Route("POST", "/_emulator/alipay/payment_code", control(self.show, outcome=str, openid=str))

    def show(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A buyer shows a payment code: success, userpaying, not_enough, expired, system_error, lost"""
        outcome, chance = body.get("outcome", "success"), self._world.random
        if outcome not in OUTCOMES:
            raise ValueError(f"outcome is one of {', '.join(OUTCOMES)}")
        code = f"28{chance.randrange(10**16):016d}"
        openid = body.get("openid", f"2088{chance.randrange(10**12):012d}")
        self._shown[code] = Shown(outcome, openid, self._world.clock.now() + LIVES)
        return {"auth_code": code}

    def scan(self, code: str) -> Shown:
        """:raises Refusal: not a code, one that was used, or one that is too old."""
        now = self._world.clock.now()
        shown = self._shown.get(code)
        if shown is None:
            shown = Shown("success", f"2088{self._world.random.randrange(10**12):012d}", now + LIVES)
        if _CODE.fullmatch(code) is None or code in self._used or shown.until <= now or shown.outcome == "expired":
            raise Refusal("40004", "ACQ.PAYMENT_AUTH_CODE_INVALID", "支付授权码无效")
        self._used.add(code)
        return shown


def pay(half: AlipayHalf, request: Request) -> dict[str, Any]:
    """
    alipay.trade.pay. There is a trade as soon as the call is carried out.

    :raises Refusal: as the platform refuses.
    """
    content = request.content
    if "auth_no" in content:
        return _paid(half, request, lambda: half.freezes.take(request))
    if "agreement_params" in content:
        return _paid(half, request, lambda: half.agreements.charge(request))
    if content.get("scene") not in ("bar_code", "security_code") or not isinstance(content.get("auth_code"), str):
        raise Refusal("40004", "ACQ.INVALID_PARAMETER", "参数有误scene或auth_code")
    known = half.world.order(half.platform, str(content.get("out_trade_no", "")))
    if known is not None:  # the same again, or another request under its number
        order, outcome = trades.create(half, request, opened=True), known.wire.get("outcome", "")
    else:
        shown = half.payment_codes.scan(content["auth_code"])
        if shown.outcome == "lost":
            raise Refusal("20000", "aop.ACQ.SYSTEM_ERROR", "系统错误")
        order, outcome = trades.create(half, request, opened=True), shown.outcome
        order.openid, order.wire["outcome"] = shown.openid, outcome
        if outcome == "success":
            half.pay(order, "success")
    if outcome == "not_enough":
        raise Refusal("40004", "ACQ.BUYER_BALANCE_NOT_ENOUGH", "买家余额不足")
    if outcome == "system_error":
        raise Refusal("20000", "aop.ACQ.SYSTEM_ERROR", "系统错误")
    if order.state != "paid":
        order.state = "userpaying"
        return {"code": "10003", "msg": "order success pay inprocess", **_numbers(order)}
    return _node(order)


def _paid(half: AlipayHalf, request: Request, take: Any) -> dict[str, Any]:
    """Paid without a code; *take* answers who pays, or refuses."""
    openid = take()
    order = trades.create(half, request, opened=True)
    order.openid = openid
    half.pay(order, "success")
    return _node(order)


def _numbers(order: EmulatedOrder) -> dict[str, Any]:
    return {
        "out_trade_no": order.out_trade_no,
        "trade_no": order.transaction_id,
        "buyer_logon_id": "abc***@sandbox.com",
        **trades.buyer(order, "buyer_user_id"),
        "total_amount": yuan_from_fen(order.total_fee),
    }


def _node(order: EmulatedOrder) -> dict[str, Any]:
    amount = yuan_from_fen(order.total_fee)
    return {
        **_numbers(order),
        "buyer_pay_amount": amount,
        "receipt_amount": amount,
        "invoice_amount": amount,
        "point_amount": "0.00",
        "gmt_payment": trades.beijing(order.paid or order.created),
        "fund_bill_list": [{"amount": amount, "fund_channel": "ALIPAYACCOUNT"}],
    }
