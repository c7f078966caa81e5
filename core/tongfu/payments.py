"""
The ten payment operations, as methods.

Every fee is an int of fen, both ways. All raise, before anything is sent: ``InvalidParams``,
``UnsupportedOperation``, ``ConfigError``; and then ``TransportError``, ``SignatureError``,
``MalformedAnswer``, ``PlatformRefused`` and, where something may have happened, ``OutcomeUnknown``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, Final, Unpack

from .call import Notification
from .errors import InvalidParams
from .model import Bill, Cancelled, Closed, Order, OrderInfo, Refund, RefundState
from .notice import PaymentNotice, RefundNotice
from .params import (
    BillKeywords,
    BillParams,
    FundflowKeywords,
    FundflowParams,
    OrderKey,
    OrderKeyKeywords,
    OrderKeywords,
    OrderParams,
    RefundKey,
    RefundKeyKeywords,
    RefundKeywords,
    RefundParams,
)

PARAMS: Final[Mapping[str, type[Any]]] = {
    "get_order_info": OrderParams,
    "order_query": OrderKey,
    "close_order": OrderKey,
    "cancel_order": OrderKey,
    "refund": RefundParams,
    "refund_query": RefundKey,
    "download_bill": BillParams,
    "download_fundflow": FundflowParams,
}
FEES: Final = ("total_fee", "refund_fee")
REQUIRED: Final = {
    kind: tuple(field.name for field in fields(kind) if field.default is MISSING) for kind in PARAMS.values()
}

Begin = Callable[[object], Any]
Ask = Callable[[str, object], Awaitable[Any]]


def read(platform: str, operation: str, keywords: Mapping[str, Any], begin: Begin) -> Any:
    """
    Make the operation's parameters of *keywords* and ask for its first step with them.

    The kernel sees unknown and missing names and wrong fees, the provider its platform's limits;
    the caller hears of all of them at once.

    :raises InvalidParams: naming every bad field.
    """
    kind = PARAMS[operation]
    try:
        params = kind(**keywords)
    except TypeError:
        pass
    else:
        # In loops: two generators would take 1 us, as long as making params.
        for name in FEES:
            fee = keywords.get(name)
            if fee is not None and (type(fee) is not int or fee < 1):
                break
        else:
            for name in REQUIRED[kind]:
                if keywords[name] is None:
                    break
            else:
                return begin(params)
    raise InvalidParams(platform, operation, _problems(kind, keywords, begin))


def _problems(kind: type[Any], keywords: Mapping[str, Any], begin: Begin) -> dict[str, str]:
    known = {field.name for field in fields(kind)}
    problems = {
        name: "unknown; the platform's own parameters go through extra={…} under their names on the wire"
        for name in keywords
        if name not in known
    }
    for name in FEES:
        fee = keywords.get(name)
        if fee is not None and (type(fee) is not int or fee < 1):
            problems[name] = (
                f"expected an int of fen, at least 1, not {fee if type(fee) is int else type(fee).__name__}"
            )
    missing = [name for name in REQUIRED[kind] if keywords.get(name) is None]
    problems.update(dict.fromkeys(missing, "missing"))
    accepted = {name: value for name, value in keywords.items() if name in known}
    try:
        begin(kind(**{**dict.fromkeys(missing), **accepted}))
    except InvalidParams as exc:
        problems = {**exc.problems, **problems}
    except Exception:  # noqa: BLE001, S110 - the parameters are refused already; this only looked for more to say
        pass
    return problems


class Payments:
    """The operations by account name: ``await tf.payment.refund("weixin", …)``."""

    def __init__(self, ask: Callable[[str, str, object], Awaitable[Any]]) -> None:
        self._ask = ask

    async def get_order_info(self, account: str, **params: Unpack[OrderKeywords]) -> OrderInfo:
        """
        Create an order and answer what the client needs to pay it.

        ``trade_type`` chooses the scene (JSAPI, APP, NATIVE, H5, PAGE, WAP), else ``client_type`` does
        (``mp-weixin``, ``mp-alipay``, ``app-plus``, ``app``; the account's where none is passed).
        """
        return await self._ask(account, "get_order_info", params)

    async def order_query(self, account: str, **params: Unpack[OrderKeyKeywords]) -> Order:
        """Look an order up. Not paid yet is a state, not an error."""
        return await self._ask(account, "order_query", params)

    async def close_order(self, account: str, **params: Unpack[OrderKeyKeywords]) -> Closed:
        """
        Close an order nobody has paid, so that nobody can.

        :raises OrderPaid: somebody has.
        """
        return await self._ask(account, "close_order", params)

    async def cancel_order(self, account: str, **params: Unpack[OrderKeyKeywords]) -> Cancelled:
        """
        Undo an order whose outcome stays unknown after a query; what was paid is paid back.

        For an order that is known to be paid, use ``refund``.
        """
        return await self._ask(account, "cancel_order", params)

    async def refund(self, account: str, **params: Unpack[RefundKeywords]) -> Refund:
        """
        Pay back part or all of an order: accepted is not yet arrived.

        After ``OutcomeUnknown`` repeat with the same ``out_refund_no``, or query; never with another.
        """
        return await self._ask(account, "refund", params)

    async def refund_query(self, account: str, **params: Unpack[RefundKeyKeywords]) -> RefundState:
        """Look a refund up, or all refunds of an order."""
        return await self._ask(account, "refund_query", params)

    async def download_bill(self, account: str, **params: Unpack[BillKeywords]) -> Bill:
        """
        One day's trades, ready about ten the next morning (Beijing).

        :raises BillUnavailable: nothing was traded that day, or it is not ready.
        """
        return await self._ask(account, "download_bill", params)

    async def download_fundflow(self, account: str, **params: Unpack[FundflowKeywords]) -> Bill:
        """
        One day's movements of the merchant's funds.

        :raises BillUnavailable: nothing moved that day, or it is not ready.
        """
        return await self._ask(account, "download_fundflow", params)

    async def verify_payment_notify(self, account: str, notify: Notification) -> PaymentNotice:
        """
        Check a notification about an order. Authentic is not paid: see ``paid`` and ``expect``.

        :raises SignatureError: not the platform's, or another merchant's.
        :raises MalformedAnswer: not a notification of this kind.
        """
        return await self._ask(account, "verify_payment_notify", notify)

    async def verify_refund_notify(self, account: str, notify: Notification) -> RefundNotice:
        """
        Check a notification about a refund.

        :raises SignatureError: not the platform's, or another merchant's.
        :raises MalformedAnswer: not a notification of this kind.
        """
        return await self._ask(account, "verify_refund_notify", notify)


class AccountPayments:
    """The operations of one account: ``await weixin.payment.refund(…)``. As in ``Payments``."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def get_order_info(self, **params: Unpack[OrderKeywords]) -> OrderInfo:
        return await self._ask("get_order_info", params)

    async def order_query(self, **params: Unpack[OrderKeyKeywords]) -> Order:
        return await self._ask("order_query", params)

    async def close_order(self, **params: Unpack[OrderKeyKeywords]) -> Closed:
        return await self._ask("close_order", params)

    async def cancel_order(self, **params: Unpack[OrderKeyKeywords]) -> Cancelled:
        return await self._ask("cancel_order", params)

    async def refund(self, **params: Unpack[RefundKeywords]) -> Refund:
        return await self._ask("refund", params)

    async def refund_query(self, **params: Unpack[RefundKeyKeywords]) -> RefundState:
        return await self._ask("refund_query", params)

    async def download_bill(self, **params: Unpack[BillKeywords]) -> Bill:
        return await self._ask("download_bill", params)

    async def download_fundflow(self, **params: Unpack[FundflowKeywords]) -> Bill:
        return await self._ask("download_fundflow", params)

    async def verify_payment_notify(self, notify: Notification) -> PaymentNotice:
        return await self._ask("verify_payment_notify", notify)

    async def verify_refund_notify(self, notify: Notification) -> RefundNotice:
        return await self._ask("verify_refund_notify", notify)
