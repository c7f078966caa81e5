"""
What a provider plugin may implement: the whole contract between the core and a platform.

Every hook is synchronous and does no I/O. An operation answers with a ``Call`` (send this, then ask
``call.finish``) or with its finished result. Only the engine awaits.

No parameter has a default and none is keyword-only: pluggy does not see keyword-only parameters at
all, and what it does with defaults changed between 1.6 and 1.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import pluggy

from .call import Account, Call, CallFinished, Context, Credential, HttpRequest, HttpResponse, Notification
from .model import Bill, Cancelled, Closed, Order, OrderInfo, Refund, RefundState
from .notice import PaymentNotice, RefundNotice
from .params import BillParams, FundflowParams, OrderKey, OrderParams, RefundKey, RefundParams

if TYPE_CHECKING:
    from .fields import AccountSchema

PROJECT = "tongfu"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)

R = TypeVar("R")
Step: TypeAlias = Call[R] | R | None  # None: "not mine", for a plugin that serves some accounts only

# --- the pipeline: every provider implements all four ------------------------------------------


@hookspec(firstresult=True)
def tongfu_sign(account: Account, payload: bytes, algorithm: str) -> str | None:
    """Sign *payload* with the account's key; answer the signature as it travels on the wire."""


@hookspec(firstresult=True)
def tongfu_verify(account: Account, payload: bytes, signature: str, algorithm: str) -> bool | None:
    """Say whether *signature* is the platform's over *payload*; only ``True`` counts as valid."""


@hookspec(firstresult=True)
def tongfu_encode_request(account: Account, call: Call[Any], ctx: Context) -> HttpRequest | None:
    """Turn *call* into the bytes to send, signed through ``ctx.signer``."""


@hookspec(firstresult=True)
def tongfu_decode_response(
    account: Account, call: Call[Any], response: HttpResponse, ctx: Context
) -> Mapping[str, Any] | None:
    """
    Turn the platform's answer into fields, verified through ``ctx.signer``.

    :raises SignatureError: the answer is not the platform's.
    :raises MalformedAnswer: the body is not what the platform's documentation promises.
    :raises TransportError: a gateway on the way answered, not the platform.
    :raises PlatformRefused: the platform answered and said no.
    :raises OutcomeUnknown: the platform answered that it does not know.
    """


# --- the ten payment operations: a provider implements those its platform has -------------------


@hookspec(firstresult=True)
def tongfu_get_order_info(account: Account, params: OrderParams, ctx: Context) -> Step[OrderInfo]:
    """Create the order and answer what the client needs to pay it."""


@hookspec(firstresult=True)
def tongfu_order_query(account: Account, params: OrderKey, ctx: Context) -> Step[Order]:
    """Look an order up by the merchant's or the platform's number."""


@hookspec(firstresult=True)
def tongfu_close_order(account: Account, params: OrderKey, ctx: Context) -> Step[Closed]:
    """Close an order nobody has paid."""


@hookspec(firstresult=True)
def tongfu_cancel_order(account: Account, params: OrderKey, ctx: Context) -> Step[Cancelled]:
    """Undo an order whose outcome is unknown, paying back what was paid."""


@hookspec(firstresult=True)
def tongfu_refund(account: Account, params: RefundParams, ctx: Context) -> Step[Refund]:
    """Pay back part or all of a paid order."""


@hookspec(firstresult=True)
def tongfu_refund_query(account: Account, params: RefundKey, ctx: Context) -> Step[RefundState]:
    """Look a refund up."""


@hookspec(firstresult=True)
def tongfu_download_bill(account: Account, params: BillParams, ctx: Context) -> Step[Bill]:
    """Fetch one day's trades as the platform's own text table; its amounts are yuan."""


@hookspec(firstresult=True)
def tongfu_download_fundflow(account: Account, params: FundflowParams, ctx: Context) -> Step[Bill]:
    """Fetch one day's movements of the merchant's funds."""


@hookspec(firstresult=True)
def tongfu_verify_payment_notify(account: Account, params: Notification, ctx: Context) -> Step[PaymentNotice]:
    """Check and read the platform's "it is paid" request to us."""


@hookspec(firstresult=True)
def tongfu_verify_refund_notify(account: Account, params: Notification, ctx: Context) -> Step[RefundNotice]:
    """Check and read the platform's "it is refunded" request to us."""


# --- beside the operations: a provider implements what it needs ---------------------------------


@hookspec(firstresult=True)
def tongfu_fetch_credential(account: Account, kind: str, ctx: Context) -> Step[Credential]:
    """Fetch what calls name in ``Call.credentials``; after a rejection, ``ctx.credentials`` may hold the old one."""


@hookspec(firstresult=True)
def tongfu_account_schema() -> AccountSchema | None:
    """The marshmallow schema that makes this platform's account of plain data, for ``Tongfu.from_config``."""


# --- observation: any number of plugins, no answer -----------------------------------------------


@hookspec
def tongfu_call_finished(event: CallFinished) -> None:
    """One facade call ended, well or badly. What this raises is logged and goes no further."""
