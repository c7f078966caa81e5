"""
Bills: text tables, plain or gzipped; a refusal is XML.

Source: https://pay.weixin.qq.com/wiki/doc/api/jsapi.php?chapter=9_6 and 9_18
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, Final

from tongfu.call import BILL_LIMIT, Call, Context
from tongfu.errors import InvalidParams, MalformedAnswer
from tongfu.fields import as_date
from tongfu.model import Bill
from tongfu.params import BillParams, FundflowParams
from tongfu_weixin.account import WeixinAccount

from . import limits, sandbox

GZIP: Final = b"\x1f\x8b"
BOM: Final = "\ufeff"


def download_bill(account: WeixinAccount, params: BillParams) -> Call[Bill]:
    limits.BILL.check("weixin", "download_bill", params)
    fields = {"bill_date": _day(params.bill_date), "bill_type": params.bill_type or "ALL"}
    return _call(account, "download_bill", "/pay/downloadbill", fields, params)


def download_fundflow(account: WeixinAccount, params: FundflowParams) -> Call[Bill]:
    """Signed with HMAC-SHA256 whatever the account's sign_type: the platform takes no other here."""
    limits.FUNDFLOW.check("weixin", "download_fundflow", params)
    account.need("download_fundflow", "mch_id", "key", "pfx")
    fields = {
        "bill_date": _day(params.bill_date),
        "account_type": params.account_type or "Basic",
        "sign_type": "HMAC-SHA256",
    }
    return _call(account, "download_fundflow", "/pay/downloadfundflow", fields, params, needs_client_cert=True)


def _call(
    account: WeixinAccount,
    operation: str,
    endpoint: str,
    fields: dict[str, str],
    params: BillParams | FundflowParams,
    *,
    needs_client_cert: bool = False,
) -> Call[Bill]:
    if params.tar_type is not None:
        fields["tar_type"] = params.tar_type

    def finish(answer: Mapping[str, Any], ctx: Context) -> Bill:
        content = answer.get("content")
        if not isinstance(content, str):
            raise MalformedAnswer("weixin: the answer is a signed message where a bill was promised")
        return Bill(content=content)

    return Call(
        operation,
        endpoint,
        {**fields, **limits.extra_fields(params.extra)},
        finish,
        read_only=True,
        needs_client_cert=needs_client_cert,
        credentials=sandbox.needs(account),
    )


def _day(value: Any) -> str:
    day = as_date(value)
    if day is None:
        raise InvalidParams("weixin", "download", {"bill_date": "expected a date"})
    return day.strftime("%Y%m%d")


def text_of(body: bytes) -> str | None:
    """
    The bill as text, or None where the body is XML: a refusal comes as XML also when GZIP was asked for.

    :raises MalformedAnswer: neither a bill nor XML, such as a gateway's page.
    """
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:16].lower()
    if start.startswith(b"<xml"):
        return None
    if start.startswith((b"<", b"{", b"[")) or b"," not in body:
        raise MalformedAnswer("weixin: the answer is neither a bill nor an error of the platform")
    try:
        return body.decode("utf-8").removeprefix(BOM)
    except UnicodeDecodeError as exc:
        raise MalformedAnswer("weixin: the bill is not UTF-8") from exc


def inflated(body: bytes, limit: int = BILL_LIMIT) -> bytes:
    """
    What is in a gzip file, which may have several members; anything else as it is.

    :raises MalformedAnswer: a broken file, or one that holds more than *limit* bytes.
    """
    if not body.startswith(GZIP):
        return body
    content = bytearray()
    while body.startswith(GZIP):
        inflater = zlib.decompressobj(wbits=31)
        try:
            # One byte more than there may be tells a bill of just the limit from a bomb.
            content += inflater.decompress(body, limit - len(content) + 1)
        except zlib.error as exc:
            raise MalformedAnswer("weixin: the bill is not valid gzip") from exc
        if len(content) > limit:
            raise MalformedAnswer(f"weixin: the bill inflates to more than {limit} bytes")
        if not inflater.eof:
            raise MalformedAnswer("weixin: the bill ends in the middle")
        body = inflater.unused_data
    if body.strip(b"\0"):
        raise MalformedAnswer("weixin: there is something after the bill's gzip")
    return bytes(content)
