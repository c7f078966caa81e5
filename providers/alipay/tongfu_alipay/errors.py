"""
The gateway's codes as tongfu's errors.

Source: https://opendocs.alipay.com/common/02km9f "公共错误码", and each method's table
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tongfu import errors
from tongfu.call import Call
from tongfu.errors import OutcomeUnknown, PlatformRefused

NOT_EXECUTED: Final = frozenset({"20001", "40001", "40002", "40006"})
UNKNOWN: Final = frozenset({"REQUEST_PROCESSING", "TRANS_ORDER_DEALING", "PROMO_TRANS_ORDER_DEALING"})
KINDS: Final[Mapping[str, tuple[type[PlatformRefused], str]]] = {
    "TRADE_NOT_EXIST": (
        errors.OrderNotFound,
        "Check the number; a trade exists only once the buyer has opened the cashier",
    ),
    "TRADE_HAS_SUCCESS": (errors.OrderPaid, "Query the order; do not charge again"),
    "TRADE_HAS_CLOSE": (errors.OrderClosed, "Order again under a new out_trade_no"),
    "CONTEXT_INCONSISTENT": (
        errors.OrderConflict,
        "Repeat with exactly the first parameters, or use a new out_trade_no",
    ),
    "DISCORDANT_REPEAT_REQUEST": (errors.OrderConflict, "This out_refund_no was used with another amount"),
    "SELLER_BALANCE_NOT_ENOUGH": (errors.NotEnough, "Top up; then repeat with the same out_refund_no"),
    "BUYER_BALANCE_NOT_ENOUGH": (errors.NotEnough, "The buyer pays by other means"),
    "BUYER_BANKCARD_BALANCE_NOT_ENOUGH": (errors.NotEnough, "The buyer pays by other means"),
    "invalid-signature": (errors.CredentialRejected, "Check that private_key belongs to the app's uploaded key"),
    "invalid-app-id": (errors.CredentialRejected, "Check app_id, and that it belongs to this gateway"),
    "invalid-auth-token": (errors.CredentialRejected, "Fetch a new token"),
    "auth-token-time-out": (errors.CredentialRejected, "Fetch a new token"),
    "invalid-app-auth-token": (errors.CredentialRejected, "Ask the merchant to authorise again"),
    "invalid-app-auth-token-no-api": (errors.PermissionDenied, "Ask the merchant to authorise this method too"),
    "app-auth-token-time-out": (errors.CredentialRejected, "Refresh app_auth_token"),
    "no-product-reg-by-partner": (errors.PermissionDenied, "The merchant has not signed the product's contract"),
    "code-invalid": (errors.CodeRejected, "Ask the client for a new code; each works once"),
    "refresh-token-invalid": (errors.CredentialRejected, "Ask the user to log in again"),
    "refresh-token-time-out": (errors.CredentialRejected, "Ask the user to log in again"),
    "refreshed-token-invalid": (errors.CredentialRejected, "This token was used; keep the one that came for it"),
    "unmatched-app-id": (errors.CredentialRejected, "Check app_id: the code or token was given to another app"),
    "missing-encrypt-key": (errors.PlatformRefused, "Set the app's content encryption key in the console"),
    "app-call-limited": (errors.RateLimited, "Slow down, then repeat with the same parameters"),
    "method-call-limited": (errors.RateLimited, "Slow down, then repeat with the same parameters"),
    "NO_BILL_DATA": (errors.BillUnavailable, "Nothing was traded that day"),
    "BILL_NOT_EXIST": (errors.BillUnavailable, "Nothing was traded that day, or the bill is not ready"),
}


def refused(
    call: Call[Any], node: Mapping[str, Any], *, verified: bool, request_id: str
) -> PlatformRefused | OutcomeUnknown:
    """The error for a node that is no success."""
    code, sub_code = str(node.get("code", "")), str(node.get("sub_code", "") or "")
    # sub_msg may quote the whole signing string, so it stays in raw, except for plain refusals.
    message = str(node.get("sub_msg") or node.get("msg") or "")
    if sub_code.endswith("invalid-signature"):
        message = str(node.get("msg") or "")
    tail = sub_code.rpartition(".")[2]
    if not call.read_only and (_open(code, tail) or (not verified and code not in NOT_EXECUTED)):
        return OutcomeUnknown(
            "alipay",
            call.operation,
            f"the platform answered {code} {sub_code}".rstrip(),
            code=code,
            sub_code=sub_code,
            raw=node,
        )
    if _open(code, tail):
        kind, advice = errors.PlatformBusy, "Repeat with exactly the same parameters"
    else:
        found = KINDS.get(tail)
        if found is None and code == "40005":
            found = (errors.RateLimited, "Slow down, then repeat with the same parameters")
        if found is None and code == "40006":
            found = (errors.PermissionDenied, "Sign the product's contract, or authorise the app")
        kind, advice = found or (PlatformRefused, "")  # type: ignore[assignment]  # a subclass or the class itself
    return kind(
        "alipay",
        code,
        message,
        sub_code=sub_code,
        request_id=request_id,
        verified=verified,
        advice=advice,
        raw=node,
    )


def _open(code: str, tail: str) -> bool:
    """Whether the platform says that it does not know itself. ``AQC.SYSTEM_ERROR`` is its own misspelling."""
    return code in ("20000", "10003", "") or tail.endswith("SYSTEM_ERROR") or tail in UNKNOWN
