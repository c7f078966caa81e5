"""
通付: one async facade over payment platforms and their mini-program APIs; every platform is a plugin.

>>> async with tongfu.Tongfu({"shop": account}) as tf:
...     order = await tf.payment.order_query("shop", out_trade_no="A1001")
"""

from __future__ import annotations

from importlib import import_module

# typing itself would take nine tenths of the time that importing tongfu takes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from . import emulator, errors, testing, web
    from .app import Tongfu
    from .call import (
        Account,
        Call,
        CallFinished,
        ClientCertificate,
        Context,
        Credential,
        HttpRequest,
        HttpResponse,
        Notification,
    )
    from .errors import (
        ConfigError,
        InvalidParams,
        MalformedAnswer,
        OutcomeUnknown,
        PlatformRefused,
        SignatureError,
        TongfuError,
        TransportError,
        UnsupportedOperation,
    )
    from .hookspecs import hookimpl
    from .model import Bill, Cancelled, Closed, Order, OrderInfo, Refund, RefundState
    from .notice import PaymentNotice, RefundNotice, Reply

_HOMES = {
    "app": ("Tongfu",),
    "call": (
        *("Account", "Call", "CallFinished", "ClientCertificate", "Context"),
        *("Credential", "HttpRequest", "HttpResponse", "Notification"),
    ),
    "errors": (
        *("ConfigError", "InvalidParams", "MalformedAnswer", "OutcomeUnknown", "PlatformRefused"),
        *("SignatureError", "TongfuError", "TransportError", "UnsupportedOperation"),
    ),
    "hookspecs": ("hookimpl",),
    "model": ("Bill", "Cancelled", "Closed", "Order", "OrderInfo", "Refund", "RefundState"),
    "notice": ("PaymentNotice", "RefundNotice", "Reply"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
_MODULES = ("emulator", "errors", "testing", "web")

__all__ = [
    "Account",
    "Bill",
    "Call",
    "CallFinished",
    "Cancelled",
    "ClientCertificate",
    "Closed",
    "ConfigError",
    "Context",
    "Credential",
    "HttpRequest",
    "HttpResponse",
    "InvalidParams",
    "MalformedAnswer",
    "Notification",
    "Order",
    "OrderInfo",
    "OutcomeUnknown",
    "PaymentNotice",
    "PlatformRefused",
    "Refund",
    "RefundNotice",
    "RefundState",
    "Reply",
    "SignatureError",
    "Tongfu",
    "TongfuError",
    "TransportError",
    "UnsupportedOperation",
    "emulator",
    "errors",
    "hookimpl",
    "testing",
    "web",
]


def __getattr__(name: str) -> object:
    """Import on first use (PEP 562): ``import tongfu`` costs milliseconds, aiohttp and pluggy do not."""
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
