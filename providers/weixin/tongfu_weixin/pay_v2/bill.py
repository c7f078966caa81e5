"""
Bills: text tables, plain or gzipped; a refusal is XML.

Source: https://pay.weixin.qq.com/wiki/doc/api/jsapi.php?chapter=9_6 and 9_18
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tongfu.bills import Spool, in_utf8
from tongfu.call import BILL_LIMIT, Call, Context
from tongfu.errors import InvalidParams, MalformedAnswer
from tongfu.fields import as_date
from tongfu.model import Bill
from tongfu.params import BillParams, FundflowParams
from tongfu_weixin.account import WeixinAccount

from . import limits, sandbox

GZIP: Final = b"\x1f\x8b"
CHUNK: Final = 1 << 16  # bytes


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
        if not isinstance(content, Spool):
            raise MalformedAnswer("weixin: the answer is a signed message where a bill was promised")
        return Bill.stored(content)

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


def is_bill(text: Spool) -> bool:
    """
    Whether it is one, and not XML: a refusal comes as XML also when GZIP was asked for.

    :raises MalformedAnswer: neither a bill nor XML, such as a gateway's page.
    """
    head = next(text.chunks(), b"")
    start = head.lstrip()[:16].lower()
    if start.startswith(b"<xml"):
        return False
    if start.startswith((b"<", b"{", b"[")) or b"," not in head:
        raise MalformedAnswer("weixin: the answer is neither a bill nor an error of the platform")
    return True


def as_text(chunks: Iterable[bytes]) -> Spool:
    """:raises MalformedAnswer: not UTF-8, or more than a bill may hold."""
    try:
        return in_utf8(chunks, "utf-8", BILL_LIMIT)
    except UnicodeDecodeError as exc:
        raise MalformedAnswer("weixin: the bill is not UTF-8") from exc


def inflated(body: Spool) -> Iterator[bytes]:
    """
    What is in a gzip file, which may have several members; anything else as it is.

    :raises MalformedAnswer: a broken file.
    """
    file = body.open()
    if file.read(len(GZIP)) != GZIP:
        yield from body.chunks()
        return
    file.seek(0)
    try:
        with gzip.GzipFile(fileobj=file) as members:
            while chunk := members.read(CHUNK):
                yield chunk
    except EOFError as exc:
        raise MalformedAnswer("weixin: the bill ends in the middle") from exc
    except (OSError, zlib.error) as exc:
        raise MalformedAnswer("weixin: the bill is not valid gzip") from exc
