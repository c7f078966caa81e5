"""
APIv2's refusals as tongfu's errors.

Source: the error tables of https://pay.weixin.qq.com/wiki/doc/api/jsapi.php?chapter=9_1 to 9_8
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tongfu import errors
from tongfu.call import Call
from tongfu.errors import OutcomeUnknown, PlatformRefused

KINDS: Final[Mapping[str, tuple[type[PlatformRefused], str]]] = {
    "ORDERNOTEXIST": (errors.OrderNotFound, "Check the number and that it was ordered under this merchant"),
    "INVALID_TRANSACTIONID": (errors.OrderNotFound, "Check transaction_id"),
    "ORDERPAID": (errors.OrderPaid, "Query the order; do not charge again"),
    "ORDERCLOSED": (errors.OrderClosed, "It takes no payment any more; to sell again, order under a new out_trade_no"),
    "OUT_TRADE_NO_USED": (errors.OrderConflict, "Repeat with exactly the first parameters, or use a new out_trade_no"),
    "TRADE_STATE_ERROR": (PlatformRefused, "Query the order: its state does not allow this"),
    "TRADE_OVERDUE": (PlatformRefused, "The order is older than a year: pay the buyer back another way"),
    "USER_ACCOUNT_ABNORMAL": (PlatformRefused, "The buyer's account takes no refund: pay back another way"),
    "REFUND_FEE_MISMATCH": (errors.OrderConflict, "total_fee is the order's; a refund keeps its first refund_fee"),
    "REFUND_FEE_INVALID": (PlatformRefused, "All refunds together may not exceed what was paid: query the refunds"),
    "ORDER_NOT_READY": (errors.PlatformBusy, "Query the order, then repeat with the same out_refund_no"),
    "USERPAYING": (errors.PlatformBusy, "The buyer is still paying: query the order until that is decided"),
    "REFUNDNOTEXIST": (errors.RefundNotFound, "Check the numbers; a refund just sent may take a moment"),
    "NOTENOUGH": (errors.NotEnough, "Top up; then repeat with the same out_refund_no"),
    "FREQUENCY_LIMITED": (errors.RateLimited, "Slow down, then repeat with the same parameters"),
    "FREQUENCY_LIMIT": (errors.RateLimited, "Slow down, then repeat with the same parameters"),
    "INVALID_REQ_TOO_MUCH": (errors.RateLimited, "Too many wrong requests: wait a minute"),
    "RATELIMIT_EXCEEDED": (errors.RateLimited, "Slow down, then repeat with the same parameters"),
    "SIGNERROR": (errors.CredentialRejected, "Check key and sign_type of the account"),
    "APPID_NOT_EXIST": (errors.CredentialRejected, "Check app_id"),
    "MCHID_NOT_EXIST": (errors.CredentialRejected, "Check mch_id"),
    "APPID_MCHID_NOT_MATCH": (errors.CredentialRejected, "Bind app_id to mch_id in the merchant platform"),
    "NOAUTH": (errors.PermissionDenied, "Apply for the product in the merchant platform"),
    "NO_BILL_EXIST": (errors.BillUnavailable, "Nothing was traded that day"),
    "BILL_CREATING": (errors.BillUnavailable, "Ask again after ten in the morning, Beijing"),
    "SYSTEMERROR": (errors.PlatformBusy, "Repeat with exactly the same parameters"),
    "BIZERR_NEED_RETRY": (errors.PlatformBusy, "Repeat with exactly the same parameters"),
    "BANKERROR": (errors.PlatformBusy, "Query the order"),
}
UNKNOWN_OUTCOME: Final = frozenset({"SYSTEMERROR", "BIZERR_NEED_RETRY", "BANKERROR", "USERPAYING"})
REPEATED: Final = "订单号重复"


def refused(
    call: Call[object], code: str, message: str, raw: Mapping[str, str], *, verified: bool
) -> PlatformRefused | OutcomeUnknown:
    """The error for a refusal. One that leaves the outcome open is OutcomeUnknown unless the call only reads."""
    if code in UNKNOWN_OUTCOME and not call.read_only:
        return OutcomeUnknown("weixin", call.operation, f"the platform answered {code}", code=code, raw=raw)
    # "201 商户订单号重复" is the other name of a number that was used with other parameters.
    known_as = "OUT_TRADE_NO_USED" if code == "INVALID_REQUEST" and REPEATED in message else code
    kind, advice = KINDS.get(known_as, (PlatformRefused, ""))
    return kind("weixin", code, message=message, verified=verified, advice=advice, raw=raw)


def unsigned(call: Call[object], raw: Mapping[str, str]) -> PlatformRefused | OutcomeUnknown:
    """``return_code`` FAIL: the request was not taken, and this answer is not signed."""
    message = raw.get("return_msg", "")
    folded = message.replace(" ", "").replace("_", "").lower()
    code = raw.get("err_code") or raw.get("error_code") or ""
    if "nobillexist" in folded or code == "20002":
        return refused(call, "NO_BILL_EXIST", message, raw, verified=False)
    if "billcreating" in folded:
        return refused(call, "BILL_CREATING", message, raw, verified=False)
    if "签名" in message or "signerror" in folded:
        return refused(call, "SIGNERROR", message, raw, verified=False)
    if "证书" in message:
        return errors.CredentialRejected(
            "weixin", code or "FAIL", message=message, verified=False, advice="Check pfx of the account", raw=raw
        )
    if "systemerror" in folded or "compressgziperror" in folded:
        return refused(call, "SYSTEMERROR", message, raw, verified=False)
    if "appid" in folded or "mchid" in folded:
        return errors.CredentialRejected(
            "weixin", code or "FAIL", message=message, verified=False, advice="Check app_id and mch_id", raw=raw
        )
    return refused(call, code or "FAIL", message, raw, verified=False)
