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

# The codes that say no. Any other, documented or not, leaves open what happened.
REFUSALS: Final = frozenset({"20001", "40001", "40002", "40003", "40004", "40005", "40006"})
# Who is not known cannot be told more, so the gateway says these unsigned; nothing was carried out.
UNSIGNED_REFUSALS: Final = frozenset({"40001", "40002", "40006"})
UNKNOWN: Final = frozenset({"REQUEST_PROCESSING", "TRANS_ORDER_DEALING", "PROMO_TRANS_ORDER_DEALING", "PROCESS_FAIL"})
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
    "TRADE_BUYER_NOT_MATCH": (errors.OrderConflict, "Another buyer began this order; use a new out_trade_no"),
    "DISCORDANT_REPEAT_REQUEST": (errors.OrderConflict, "This out_refund_no was used with another amount"),
    "SELLER_BALANCE_NOT_ENOUGH": (errors.NotEnough, "Top up; then repeat with the same out_refund_no"),
    "BUYER_BALANCE_NOT_ENOUGH": (errors.NotEnough, "The buyer pays by other means"),
    "BUYER_BANKCARD_BALANCE_NOT_ENOUGH": (errors.NotEnough, "The buyer pays by other means"),
    "TRADE_STATUS_ERROR": (PlatformRefused, "Query the order; it may be paid, or closed already"),
    "REASON_TRADE_STATUS_INVALID": (PlatformRefused, "Query the order; it may be paid, or closed already"),
    "REASON_ILLEGAL_STATUS": (PlatformRefused, "Query the order; it may be paid, or closed already"),
    "TRADE_HAS_FINISHED": (PlatformRefused, "The time for refunds is over; the platform makes no refund any more"),
    "REASON_TRADE_REFUND_FEE_ERR": (PlatformRefused, "Query the refunds; more than is left cannot be paid back"),
    "REFUND_AMT_NOT_EQUAL_TOTAL": (PlatformRefused, "A part of an order needs an out_refund_no of its own"),
    "TRADE_CANCEL_TIME_OUT": (PlatformRefused, "The order is more than a day old; use refund"),
    "invalid-signature": (errors.CredentialRejected, "Check that private_key belongs to the app's uploaded key"),
    "invalid-app-id": (errors.CredentialRejected, "Check app_id, and that it belongs to this gateway"),
    "missing-signature-config": (errors.CredentialRejected, "Upload the app's public key in the console"),
    "invalid-auth-token": (errors.CredentialRejected, "Fetch a new token"),
    "auth-token-time-out": (errors.CredentialRejected, "Fetch a new token"),
    "invalid-app-auth-token": (errors.CredentialRejected, "Ask the merchant to authorise again"),
    "app-auth-token-time-out": (errors.CredentialRejected, "Ask the merchant to authorise again"),
    "invalid-app-auth-token-no-api": (errors.PermissionDenied, "Ask the merchant to authorise the product"),
    "no-product-reg-by-partner": (errors.PermissionDenied, "The merchant signs the product's contract first"),
    "app-call-limited": (errors.RateLimited, "Slow down, then repeat with the same parameters"),
    "method-call-limited": (errors.RateLimited, "Slow down, then repeat with the same parameters"),
    "code-invalid": (errors.CodeRejected, "Ask for a new code; each works once and not for long"),
    "refresh-token-invalid": (errors.CredentialRejected, "Ask the user to log in again"),
    "refresh-token-time-out": (errors.CredentialRejected, "Ask the user to log in again"),
    "refreshed-token-invalid": (errors.CredentialRejected, "It was used before; keep the token that came for it"),
    "unmatched-app-id": (errors.CredentialRejected, "Check app_id: the code or token was given to another app"),
    "decryption-error-unknown": (PlatformRefused, "encrypt_key is not the one in the console"),
    "invalid-encrypt": (PlatformRefused, "encrypt_key is not the one in the console"),
    "app-cert-not-exist": (errors.CredentialRejected, "app_cert is not the one in the console"),
    "app-cert-expired": (errors.CredentialRejected, "Make a new app certificate in the console"),
    "missing-app-cert-sn": (errors.CredentialRejected, "The app is in certificate mode; give the three certificates"),
    "invalid-alipay-root-cert-sn": (errors.CredentialRejected, "alipay_root_cert is another environment's"),
    "missing-encrypt-key": (PlatformRefused, "Set the app's content encryption key in the console"),
    "PAYMENT_AUTH_CODE_INVALID": (errors.CodeRejected, "Ask the buyer to refresh the payment code and scan it again"),
    "PAYER_BALANCE_NOT_ENOUGH": (errors.NotEnough, "Top up; then repeat with the same out_biz_no"),
    "BALANCE_IS_NOT_ENOUGH": (errors.NotEnough, "Top up; then repeat with the same out_biz_no"),
    "ORDER_NOT_EXIST": (errors.OrderNotFound, "Right after an unknown outcome it may only be late: ask again"),
    "BILL_DATE_BEFORE_REGISTRATION": (errors.BillUnavailable, "The app did not exist yet"),
    "NO_BILL_DATA": (errors.BillUnavailable, "Nothing was traded that day"),
    "BILL_NOT_EXIST": (errors.BillUnavailable, "Nothing was traded that day, or the bill is not ready"),
}


def refused(
    call: Call[Any], node: Mapping[str, Any], *, verified: bool, request_id: str, http_status: int = 200
) -> PlatformRefused | OutcomeUnknown:
    """The error for a node that is no success."""
    code, sub_code = str(node.get("code") or ""), str(node.get("sub_code") or "")
    # sub_msg may quote the whole signing string, so it stays in raw, except for plain refusals.
    message = str(node.get("sub_msg") or node.get("msg") or "")
    if sub_code.endswith("invalid-signature"):
        message = str(node.get("msg") or "")
    tail = sub_code.rpartition(".")[2]
    if not call.read_only and (_open(code, tail) or (not verified and code not in UNSIGNED_REFUSALS)):
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
        sub_code,
        message,
        http_status=http_status,
        request_id=request_id,
        verified=verified,
        advice=advice,
        raw=node,
    )


def _open(code: str, tail: str) -> bool:
    """Whether it is not said that nothing happened. ``AQC.SYSTEM_ERROR`` is the platform's own misspelling."""
    return code not in REFUSALS or tail.endswith("SYSTEM_ERROR") or tail in UNKNOWN
