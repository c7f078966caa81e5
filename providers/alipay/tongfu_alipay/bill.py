"""
Bills: an address that is good for 30 seconds, and a zip of two tables in GBK.

Source: https://opendocs.alipay.com/open/3c9f1bcf "alipay.data.dataservice.bill.downloadurl.query"
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from tongfu.bills import Spool, in_utf8
from tongfu.call import BILL_LIMIT, Call, Context, HttpRequest, HttpResponse
from tongfu.errors import BillUnavailable, MalformedAnswer, TransportError
from tongfu.model import Bill
from tongfu.params import BillParams, FundflowParams

from . import limits
from .account import AlipayAccount
from .read import text

WIRE: Final = "file"
METHOD: Final = "alipay.data.dataservice.bill.downloadurl.query"
HOSTS: Final = (".alipay.com", ".alipaydev.com")
SUMMARY: Final = "汇总"
SUMMARY_LIMIT: Final = 1 << 20  # bytes
MEMBERS: Final = 20
DIRECTORY: Final = 1 << 16  # bytes
CHUNK: Final = 1 << 16
PACKED: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
# What zipfile raises for one that is damaged.
UNREADABLE: Final = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError, LookupError)
_URL: Final = re.compile(r"https?://[!-~]+", re.ASCII)
_END: Final = b"PK\x05\x06"  # of a zip: the record that says where its directory is
_UTF_8: Final = 0x800
_ENCRYPTED: Final = 0x1


def download_bill(account: AlipayAccount, params: BillParams) -> Call[Bill]:
    """The trades of a day, ready about nine the next morning, or of a month."""
    limits.BILL.check("alipay", "download_bill", params)
    kind = "trade" if params.bill_type in (None, "ALL") else params.bill_type
    return _ask(account, "download_bill", kind, params)


def download_fundflow(account: AlipayAccount, params: FundflowParams) -> Call[Bill]:
    """The movements of the merchant's balance."""
    limits.FUNDFLOW.check("alipay", "download_fundflow", params)
    return _ask(account, "download_fundflow", "signcustomer", params)


def _ask(account: AlipayAccount, operation: str, kind: str | None, params: BillParams | FundflowParams) -> Call[Bill]:
    asked = {"bill_type": kind, "bill_date": limits.period(params.bill_date), **(params.extra or {})}

    def finish(answer: Mapping[str, Any], ctx: Context) -> Call[Bill]:
        url = text(answer, "bill_download_url")
        if url is None:
            raise BillUnavailable(
                "alipay", "10000", message="no file", advice="Nothing was traded, or the bill is not ready", raw=answer
            )
        fields = {"url": _ours(account, url)}
        return Call(operation, METHOD, fields, lambda answer, ctx: _bill(answer), read_only=True, wire=WIRE)

    return Call(operation, METHOD, {"biz_content": asked}, finish, read_only=True)


def _ours(account: AlipayAccount, url: str) -> str:
    """
    The address, over TLS where it is the platform's: what vouches for a bill is the connection alone.

    :raises MalformedAnswer: of another host than the platform's or the account's own gateway.
    """
    try:
        parts, gateway = urlsplit(url), urlsplit(account.gateway)
        host = parts.hostname or ""
        if _URL.fullmatch(url) is not None and "#" not in url and parts.username is None:
            if (parts.scheme, host, parts.port) == (gateway.scheme, gateway.hostname, gateway.port):
                return url
            if f".{host}".endswith(HOSTS) and parts.port is None:
                return f"https://{url.partition('://')[2]}"
    except ValueError:
        pass
    raise MalformedAnswer("alipay: the bill to download is not on a host of the platform's")


def encode(account: AlipayAccount, call: Call[Any], ctx: Context) -> HttpRequest:
    """Unsigned: the address is the key."""
    ca = account.ca_pem if isinstance(account.ca_pem, bytes) else account.ca_pem.encode()
    headers = {"accept": "*/*", "accept-encoding": "identity"}
    return HttpRequest("GET", call.fields["url"], headers, body_limit=BILL_LIMIT, ca=ca, file=Spool)


def decode(account: AlipayAccount, call: Call[Any], response: HttpResponse, ctx: Context) -> Mapping[str, Any]:
    """
    The tables of the archive: ``content``, a Spool, and ``summary``, text.

    :raises MalformedAnswer: not such an archive, or larger than a bill may be.
    """
    if response.status != 200:
        raise TransportError(f"alipay: the bill's host answered HTTP {response.status}")
    file = response.file or Spool.of(response.body)
    try:
        _directory(file)
        with zipfile.ZipFile(io.BufferedReader(file.open()), metadata_encoding="gbk") as archive:
            tables = [each for each in archive.infolist() if each.filename[-1:] not in ("", "/")]
            # A packing of another kind may ask for gigabytes of memory before its first byte.
            if any(each.flag_bits & _ENCRYPTED or each.compress_type not in PACKED for each in tables):
                raise MalformedAnswer("alipay: the bill's archive is encrypted, or packed in an unusual way")
            details = [each for each in tables if SUMMARY not in each.filename]
            summaries = [each for each in tables if SUMMARY in each.filename]
            if not details:
                raise MalformedAnswer("alipay: the bill's archive holds no table")
            summary = in_utf8(_chunks(archive, summaries), "gb18030", SUMMARY_LIMIT).text() if summaries else None
            return {"content": in_utf8(_chunks(archive, details), "gb18030", BILL_LIMIT), "summary": summary}
    except UnicodeDecodeError as exc:
        raise MalformedAnswer("alipay: the bill is not in GBK") from exc
    except UNREADABLE as exc:
        raise MalformedAnswer(f"alipay: the bill is not a zip that can be read ({type(exc).__name__})") from exc


def _directory(file: Spool) -> None:
    """Refuse an archive whose directory is not a few entries, before it is read into memory."""
    reader = file.open()
    reader.seek(max(0, file.size - 22 - 0xFFFF))
    tail = b"".join(iter(lambda: reader.read(CHUNK) or b"", b""))
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        raise MalformedAnswer("alipay: the bill is not a zip")
    entries, size = int.from_bytes(tail[at + 10 : at + 12], "little"), int.from_bytes(tail[at + 12 : at + 16], "little")
    if entries > MEMBERS or size > DIRECTORY:
        raise MalformedAnswer(f"alipay: the bill's archive holds more than {MEMBERS} files")


def _chunks(archive: zipfile.ZipFile, tables: list[zipfile.ZipInfo]) -> Iterator[bytes]:
    for table in tables:
        with archive.open(table) as member:
            while chunk := member.read(CHUNK):
                yield chunk


def _bill(answer: Mapping[str, Any]) -> Bill:
    return Bill.stored(answer["content"], answer["summary"])
