"""
A platform's notifications, verified, given to a function, and answered as the platform wants it.

The platform repeats a notification until it is accepted, and now and then after that: a function
must expect to be called more than once, and more than once at a time, for the same payment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from tongfu import log
from tongfu.app import Tongfu
from tongfu.call import Notification
from tongfu.errors import ConfigError, MalformedAnswer, SignatureError, TongfuError, UnsupportedOperation
from tongfu.notice import PaymentNotice, RefundNotice, Reply

OnPayment = Callable[[PaymentNotice], Awaitable[object]]
OnRefund = Callable[[RefundNotice], Awaitable[object]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

REFUSED: Final = "the notification was not accepted\n"
FAILED: Final = "try again later\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notify:
    """
    Who hears of an account's notifications.

    ``on_payment`` is called for every authentic notice about an order, paid or not: deliver only
    where ``notice.paid``, and after ``notice.expect(…)``. ``on_refund`` is called for refunds; without
    it, a platform that announces refunds in the payment's form has them told to ``on_payment``, as
    ``notice.is_refund``. When they return, the platform is told that the notice has arrived; what they
    raise makes it come again.
    """

    account: str
    on_payment: OnPayment | None = None
    on_refund: OnRefund | None = None

    def __post_init__(self) -> None:
        if self.on_payment is None and self.on_refund is None:
            raise ConfigError(f"nobody hears of the notifications of {self.account!r}: pass on_payment or on_refund")


def routes(tongfu: Tongfu, notifies: Mapping[str, Notify]) -> list[web.RouteDef]:
    """
    Routes for ``app.add_routes``: each path and who hears of what comes there.

    :raises UnknownAccount: an account that *tongfu* does not have.
    """
    return [web.post(path, notify_handler(tongfu, notify)) for path, notify in notifies.items()]


def notify_handler(tongfu: Tongfu, notify: Notify) -> Handler:
    """
    The aiohttp handler of one notify_url.

    What is not authentic is answered 400 without a reason: whoever sent it learns nothing.

    :raises UnknownAccount: *tongfu* does not have the account.
    """
    tongfu.operations(notify.account)

    async def receive(request: web.Request) -> web.StreamResponse:
        try:
            notice = await _verified(tongfu, notify, await Notification.from_request(request))
        except TongfuError as exc:
            # The class alone: a message may quote what a stranger sent.
            log.warning("tongfu.notification_refused", account=notify.account, error=type(exc).__name__)
            return web.Response(status=400, text=REFUSED)
        try:
            await _told(notify, notice)
        except Exception:  # noqa: BLE001 - whatever went wrong with the merchant, the platform is to come again
            log.exception("tongfu.notification_failed", account=notify.account)
            return web.Response(status=500, text=FAILED)
        return _response(notice.reply)

    return receive


async def _verified(tongfu: Tongfu, notify: Notify, notification: Notification) -> PaymentNotice | RefundNotice:
    """
    Read it as a payment's notice, and as a refund's where it is one.

    Some platforms announce a refund at the payment's address in the payment's form, others in a form
    of its own; each of the two readings verifies for itself.
    """
    if notify.on_payment is None:
        return await tongfu.payment.verify_refund_notify(notify.account, notification)
    try:
        notice = await tongfu.payment.verify_payment_notify(notify.account, notification)
    except (SignatureError, MalformedAnswer, UnsupportedOperation) as refused:
        if notify.on_refund is None:
            raise
        try:
            return await tongfu.payment.verify_refund_notify(notify.account, notification)
        except TongfuError:
            raise refused from None
    if notice.is_refund and notify.on_refund is not None:
        return await tongfu.payment.verify_refund_notify(notify.account, notification)
    return notice


async def _told(notify: Notify, notice: PaymentNotice | RefundNotice) -> None:
    if isinstance(notice, RefundNotice):
        if notify.on_refund is not None:
            await notify.on_refund(notice)
    elif notify.on_payment is not None:
        await notify.on_payment(notice)


def _response(reply: Reply) -> web.Response:
    return web.Response(status=reply.status, headers=reply.headers, body=reply.body)
