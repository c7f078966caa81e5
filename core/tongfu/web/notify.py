"""
A platform's notifications, verified, given to a function, and answered as the platform wants it.

The platform repeats a notification until it is accepted, and now and then after that: a function
must expect to be called more than once, and more than once at a time, for the same payment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from tongfu import log
from tongfu.app import Tongfu
from tongfu.call import Notification
from tongfu.errors import ConfigError, MalformedAnswer, SignatureError, TongfuError, UnsupportedOperation
from tongfu.notice import PaymentNotice, RefundNotice

OnPayment = Callable[[PaymentNotice], Awaitable[object]]
OnRefund = Callable[[RefundNotice], Awaitable[object]]

REFUSED: Final = "the notification was not accepted\n"
FAILED: Final = "try again later\n"


def notify_route(
    tongfu: Tongfu,
    account: str,
    path: str,
    *,
    on_payment: OnPayment | None = None,
    on_refund: OnRefund | None = None,
) -> web.RouteDef:
    """
    The route of one notify_url, for ``app.add_routes([…])``.

    ``on_payment`` is called for every authentic notice about an order, paid or not: deliver only
    where ``notice.paid``, and after ``notice.expect(…)``. ``on_refund`` is called for refunds; without
    it, a platform that announces refunds in the payment's form has them told to ``on_payment``, as
    ``notice.is_refund``. When they return, the platform is told that the notice has arrived; what they
    raise is answered 500 and makes it come again. What is not authentic is answered 400 without a
    reason: whoever sent it learns nothing.

    :raises UnknownAccount: *tongfu* does not have the account.
    :raises ConfigError: neither function is given.
    """
    tongfu.operations(account)
    if on_payment is None and on_refund is None:
        raise ConfigError(f"nobody hears of the notifications of {account!r}: pass on_payment or on_refund")
    hears = Hearer(tongfu, account, on_payment, on_refund)
    return web.post(path, hears.receive)


@dataclass(frozen=True, slots=True)
class Hearer:
    """One notify_url: reads, verifies, tells, replies."""

    tongfu: Tongfu
    account: str
    on_payment: OnPayment | None
    on_refund: OnRefund | None

    async def receive(self, request: web.Request) -> web.StreamResponse:
        try:
            notice = await self._verified(await Notification.from_request(request))
        except TongfuError as exc:
            # The class alone: a message may quote what a stranger sent.
            log.warning("tongfu.notification_refused", account=self.account, error=type(exc).__name__)
            return web.Response(status=400, text=REFUSED)
        try:
            await self._tell(notice)
        except Exception:  # noqa: BLE001 - whatever went wrong with the merchant, the platform is to come again
            log.exception("tongfu.notification_failed", account=self.account)
            return web.Response(status=500, text=FAILED)
        reply = notice.reply
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body)

    async def _verified(self, notification: Notification) -> PaymentNotice | RefundNotice:
        """
        Read it as a payment's notice, and as a refund's where it is one.

        Some platforms announce a refund at the payment's address in the payment's form, others in a form
        of its own; each of the two readings verifies for itself.
        """
        payment = self.tongfu.payment
        if self.on_payment is None:
            return await payment.verify_refund_notify(self.account, notification)
        try:
            notice = await payment.verify_payment_notify(self.account, notification)
        except (SignatureError, MalformedAnswer, UnsupportedOperation) as refused:
            if self.on_refund is None:
                raise
            try:
                return await payment.verify_refund_notify(self.account, notification)
            except TongfuError:
                raise refused from None
        if notice.is_refund and self.on_refund is not None:
            return await payment.verify_refund_notify(self.account, notification)
        return notice

    async def _tell(self, notice: PaymentNotice | RefundNotice) -> None:
        if isinstance(notice, RefundNotice):
            if self.on_refund is not None:
                await self.on_refund(notice)
        elif self.on_payment is not None:
            await self.on_payment(notice)
