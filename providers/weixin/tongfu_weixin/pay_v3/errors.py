"""
APIv3's refusals as tongfu's errors.

Source: https://pay.weixin.qq.com/doc/v3/merchant/4012791865 "错误码", and the tables of each API
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tongfu import errors
from tongfu.call import Call, HttpResponse
from tongfu.errors import MalformedAnswer, OutcomeUnknown, PlatformRefused, TransportError
from tongfu_weixin import strict_json

SLOW: Final = "Slow down, then repeat with the same parameters and numbers"
SAME: Final = "Repeat with exactly the same parameters"

# Without underscores: the platform writes ORDERNOTEXIST here and ORDER_NOT_EXIST there.
KINDS: Final[Mapping[str, tuple[type[PlatformRefused], str]]] = {
    "ORDERNOTEXIST": (errors.OrderNotFound, "Check the number and that it was ordered under this merchant"),
    "ORDERNOTEXISTS": (errors.OrderNotFound, "Check the number and that it was ordered under this merchant"),
    "ORDERPAID": (errors.OrderPaid, "Query the order; do not charge again"),
    "ORDERCLOSED": (errors.OrderClosed, "It takes no payment any more; to sell again, order under a new out_trade_no"),
    "OUTTRADENOUSED": (errors.OrderConflict, "Repeat with exactly the first parameters, or use a new out_trade_no"),
    "REFUNDNOTEXIST": (errors.RefundNotFound, "Check the numbers; a refund just sent may take a moment"),
    "REFUNDNOTEXISTS": (errors.RefundNotFound, "Check the numbers; a refund just sent may take a moment"),
    "NOTENOUGH": (errors.NotEnough, "Top up; then repeat with the same numbers"),
    "FREQUENCYLIMITED": (errors.RateLimited, SLOW),
    "FREQUENCYLIMIT": (errors.RateLimited, SLOW),
    "FREQUENCYLIMITEXCEED": (errors.RateLimited, SLOW),
    "RATELIMITEXCEED": (errors.RateLimited, SLOW),
    "RATELIMITEXCEEDED": (errors.RateLimited, SLOW),
    "SIGNERROR": (
        errors.CredentialRejected,
        "Check private_key, cert_serial and mch_id of the account, and this machine's clock",
    ),
    "APPIDMCHIDNOTMATCH": (errors.CredentialRejected, "Bind app_id to mch_id in the merchant platform"),
    "MCHNOTEXISTS": (errors.CredentialRejected, "Check mch_id"),
    "NOAUTH": (errors.PermissionDenied, "Apply for the product in the merchant platform"),
    "NOSTATEMENTEXIST": (errors.BillUnavailable, "Nothing was traded that day"),
    "STATEMENTCREATING": (errors.BillUnavailable, "Ask again after ten in the morning, Beijing"),
    "ACCEPTED": (errors.PlatformBusy, SAME),
    "SYSTEMERROR": (errors.PlatformBusy, SAME),
    "BANKERROR": (errors.PlatformBusy, SAME),
    "SERVICEUNAVAILABLE": (errors.PlatformBusy, SAME),
    "TRADEERROR": (PlatformRefused, "Query the order: its state does not allow this"),
    "USERACCOUNTABNORMAL": (PlatformRefused, "The buyer's account takes no refund: pay back another way"),
    "RULELIMIT": (PlatformRefused, "A rule of the product or of risk control forbids it: repeating does not help"),
}
# What the number after the last "-" of Request-ID says where the code says little.
NUMBERS: Final[Mapping[str, str]] = {
    "268512771": "ORDERNOTEXIST",
    "268447840": "RATELIMITEXCEEDED",
    "268449538": "ORDERPAID",
    "268498689": "ORDERPAID",
    "268447914": "ORDERCLOSED",
    "268498688": "OUTTRADENOUSED",
    "268445527": "APPIDMCHIDNOTMATCH",
    "268443699": "SIGNERROR",
}
VAGUE: Final = frozenset({"INVALIDREQUEST", "PARAMERROR", "TRADEERROR", "RULELIMIT", "NOTFOUND", "RESOURCENOTEXISTS"})
UNKNOWN_OUTCOME: Final = frozenset({"ACCEPTED", "SYSTEMERROR", "BANKERROR", "SERVICEUNAVAILABLE", "BIZERRNEEDRETRY"})
REPEATED: Final = "订单号重复"


def refused(
    call: Call[Any], response: HttpResponse, *, verified: bool
) -> PlatformRefused | OutcomeUnknown | TransportError:
    """
    The error for an answer that is no success.

    Where the request may have been carried out it is OutcomeUnknown, unless the call only reads.
    """
    status = response.status
    try:
        raw = strict_json.load(response.body)
    except MalformedAnswer:
        raw = {}
    code, message = raw.get("code"), raw.get("message")
    if not 400 <= status < 600 or not isinstance(code, str) or not code:
        return TransportError(f"weixin: a gateway answered HTTP {status} in the platform's place")
    return _error(call, response, code, message if isinstance(message, str) else "", _told(raw), verified=verified)


def accepted(call: Call[Any], response: HttpResponse) -> PlatformRefused | OutcomeUnknown:
    """HTTP 202: taken, and not decided."""
    message = "the platform has taken the request and not decided it"
    return _error(call, response, "ACCEPTED", message, {}, verified=True)


def is_code(error: Exception, code: str) -> bool:
    return isinstance(error, PlatformRefused) and _folded(error.code) == _folded(code)


def _error(
    call: Call[Any], response: HttpResponse, code: str, message: str, raw: Mapping[str, Any], *, verified: bool
) -> PlatformRefused | OutcomeUnknown:
    request_id = response.headers.get("request-id", "")
    known_as = _known_as(call, code, message, request_id)
    kind, advice = KINDS.get(known_as, (PlatformRefused, ""))
    status = response.status
    if status == 401:
        kind, advice = KINDS["SIGNERROR"]
    elif status == 429:
        kind, advice = errors.RateLimited, SLOW
    elif status >= 500 and kind is PlatformRefused:
        kind, advice = errors.PlatformBusy, SAME
    if not call.read_only and (status in (202, 429) or status >= 500 or known_as in UNKNOWN_OUTCOME):
        reason = f"the platform answered {code} (HTTP {status}" + (f", request id {request_id})" if request_id else ")")
        return OutcomeUnknown("weixin", call.operation, reason, code=code, raw=raw)
    return kind(
        "weixin",
        code,
        message=message,
        http_status=status,
        request_id=request_id,
        verified=verified,
        advice=advice,
        raw=raw,
    )


def _folded(code: str) -> str:
    return code.replace("_", "").upper()


def _known_as(call: Call[Any], code: str, message: str, request_id: str) -> str:
    """The code in the table's spelling; where the platform's says little, what its number or its words say."""
    folded = _folded(code)
    if folded not in VAGUE:
        return folded
    number = NUMBERS.get(request_id.rpartition("-")[2])
    if number is not None:
        return number
    if REPEATED in message:
        return "OUTTRADENOUSED"
    if folded == "RESOURCENOTEXISTS" and call.operation in ("order_query", "close_order", "refund"):
        return "ORDERNOTEXIST"
    if folded == "RESOURCENOTEXISTS" and call.operation == "refund_query":
        return "REFUNDNOTEXIST"
    return folded


def _told(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was answered, without the signing string that comes with a 401: it holds the request's body."""
    detail = raw.get("detail")
    if not isinstance(detail, dict) or "sign_information" not in detail:
        return raw
    return {**raw, "detail": {name: value for name, value in detail.items() if name != "sign_information"}}
