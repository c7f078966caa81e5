"""Bills in two steps: an address with the digest of the file, and the file."""

from __future__ import annotations

import gzip
import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tongfu.emulator.half import Answer
from tongfu_weixin.emulator import bills as v2

from .gate import Endpoint, Request
from .keys import Keys
from .wire import BEIJING, Refused, wrong

if TYPE_CHECKING:
    from tongfu_weixin.emulator.half import WeixinHalf
    from tongfu_weixin.emulator.orders import Owner

FILE_LIFE: Final = timedelta(minutes=5)
KEPT: Final = timedelta(days=92)  # three months
READY: Final = time(10)
KINDS: Final = r"ALL|SUCCESS|REFUND|RECHARGE_REFUND|ALL_SPECIAL|SUC_SPECIAL|REF_SPECIAL"
Made = Callable[["WeixinHalf", dict[str, str], "Owner"], bytes]


class Bills:
    def __init__(self, half: WeixinHalf, keys: Keys) -> None:
        self._half, self._keys = half, keys
        self._files: dict[str, tuple[datetime, bytes]] = {}

    def reset(self) -> None:
        self._files.clear()

    def endpoints(self) -> Iterable[Endpoint]:
        yield Endpoint("GET", "/v3/bill/tradebill", self._trade)
        yield Endpoint("GET", "/v3/bill/fundflowbill", self._fundflow)
        yield Endpoint("GET", "/v3/bill/sub-merchant-fundflowbill", self._sub_fundflow)
        yield Endpoint("GET", "/v3/billdownload/file", self._file)

    def _trade(self, request: Request) -> Mapping[str, Any]:
        kind = request.parameter("bill_type", KINDS, needed=False) or "ALL"
        if kind.endswith("_SPECIAL"):
            raise Refused(403, "NO_AUTH", "商户无权限下载个性化账单")
        sub = request.parameter("sub_mchid", r"\d{1,32}", needed=False)
        return self._applied(request, v2.trade_bill, {"bill_type": kind}, sub)

    def _fundflow(self, request: Request) -> Mapping[str, Any]:
        account = request.parameter("account_type", "BASIC|OPERATION|FEES", needed=False) or "BASIC"
        return self._applied(request, v2.fundflow, {"account_type": account.capitalize()}, "")

    def _sub_fundflow(self, request: Request) -> Mapping[str, Any]:
        """One file, encrypted under a key of its own, which only the service provider can read."""
        if request.parameter("algorithm") != "AEAD_AES_256_GCM":
            raise wrong("algorithm", "仅支持AEAD_AES_256_GCM", location="query")
        account = request.parameter("account_type", "BASIC|OPERATION|FEES")
        sub = request.parameter("sub_mchid", r"\d{1,32}")
        key, nonce = secrets.token_hex(16), secrets.token_hex(8)

        def seal(file: bytes) -> bytes:
            return AESGCM(key.encode()).encrypt(nonce.encode(), file, None)

        told = self._applied(request, v2.fundflow, {"account_type": account.capitalize()}, sub, seal)
        opens = {"bill_sequence": 1, "encrypt_key": self._keys.hidden(key), "nonce": nonce}
        return {"download_bill_count": 1, "download_bill_list": [{**told, **opens}]}

    def _applied(
        self, request: Request, make: Made, fields: dict[str, str], sub: str, seal: Callable[[bytes], bytes] = bytes
    ) -> Mapping[str, Any]:
        day, packed = self._day(request), request.parameter("tar_type", "GZIP", needed=False)
        try:
            content = make(self._half, {**fields, "bill_date": f"{day:%Y%m%d}"}, (False, sub))
        except v2.NoBill as exc:
            raise Refused(400, "NO_STATEMENT_EXIST", "账单不存在") from exc
        token = secrets.token_urlsafe(24)
        file = gzip.compress(content, mtime=0) if packed else content
        self._files[token] = (self._half.world.clock.now() + FILE_LIFE, seal(file))
        origin = self._half.world.https_origin if request.asked.https else self._half.world.origin
        return {
            "hash_type": "SHA1",
            "hash_value": hashlib.sha1(content, usedforsecurity=False).hexdigest(),
            "download_url": f"{origin}/v3/billdownload/file?token={token}" + ("&tartype=gzip" if packed else ""),
        }

    def _day(self, request: Request) -> date:
        """:raises Refused: no date, one more than three months ago, or one whose bill is still being made."""
        try:
            day = date.fromisoformat(request.parameter("bill_date", r"\d{4}-\d\d-\d\d"))
        except ValueError:
            raise wrong("bill_date", "不是日期", location="query") from None
        now = self._half.world.clock.now().astimezone(BEIJING)
        if day < now.date() - KEPT:
            raise wrong("bill_date", "早于三个月之前", location="query")
        if now < datetime.combine(day, READY, BEIJING) + timedelta(days=1):
            raise Refused(400, "STATEMENT_CREATING", "账单生成中，请在次日10点后下载")
        return day

    def _file(self, request: Request) -> Answer:
        """The file itself, without a signature; asking for it has to be signed all the same."""
        ends, content = self._files.get(request.parameter("token"), (None, b""))
        if ends is None or self._half.world.clock.now() > ends:
            raise Refused(400, "PARAM_ERROR", "token无效或已过期", at="token", location="query")
        kind = "application/x-gzip" if content.startswith(b"\x1f\x8b") else "text/plain"
        return Answer(200, {"content-type": kind}, content)
