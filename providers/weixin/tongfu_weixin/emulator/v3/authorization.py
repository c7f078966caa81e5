"""
The Authorization of a request: five fields, and a signature over exactly the bytes that came.

Source: https://pay.weixin.qq.com/doc/v3/merchant/4012365342 "如何生成请求签名"
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tongfu.emulator.half import Asked, Clock

from .wire import SCHEME, Refused

WINDOW: Final = 300  # seconds, both ways
NAMES: Final = ("mchid", "nonce_str", "signature", "timestamp", "serial_no")
SHOWN: Final = 64  # characters of the signing string in the answer's detail
_ONE: Final = r'\s*([a-z_]+)="([^"]*)"\s*'
_SHA256: Final = hashes.SHA256()
_V15: Final = padding.PKCS1v15()


@dataclass(slots=True)
class Merchant:
    """Who may ask: the merchant whose key signed just this, just now and for the first time."""

    mch_id: str
    cert_serial: str
    key: rsa.RSAPrivateKey = field(repr=False)
    _nonces: dict[tuple[str, str], tuple[datetime, float]] = field(default_factory=dict, repr=False)

    def forget(self) -> None:
        self._nonces.clear()

    def admit(self, asked: Asked, clock: Clock) -> bool:
        """
        Whether the merchant's clock is the emulator's; else it shows real time.

        :raises Refused: 401, or 400 for another merchant.
        """
        now = clock.now()
        claims = _claims(asked)
        if claims["mchid"] != self.mch_id:
            raise Refused(400, "MCH_NOT_EXISTS", "商户号不存在", explain=f"this emulator's merchant is {self.mch_id}")
        if claims["serial_no"].upper().lstrip("0") != self.cert_serial.lstrip("0"):
            message = "商户证书序列号有误。请使用签名私钥匹配的证书序列号"
            raise _unsigned(message, "serial_no", f"the merchant's certificate has the serial {self.cert_serial}")
        stamp, nonce = claims["timestamp"], claims["nonce_str"]
        behind = clock.behind(int(stamp), WINDOW) if re.fullmatch(r"\d{1,12}", stamp, re.ASCII) is not None else None
        if behind is None:
            message = "Http头Authorization中的timestamp与发起请求的时间不得超过5分钟"
            shown = int(now.timestamp())
            explain = f"the emulator's clock shows {shown}, and real time is {shown - int(clock.offset)}"
            raise _unsigned(message, "timestamp", explain)
        if not 1 <= len(nonce) <= 32:
            raise _unsigned("Http头Authorization中的nonce_str长度错误", "nonce_str", "1 to 32 characters")
        self._verify(asked, stamp, nonce, claims["signature"])
        if (stamp, nonce) in self._nonces:
            raise _unsigned("Http头Authorization中的nonce_str重复", "nonce_str", "each request has a nonce of its own")
        # Those whose timestamp would be refused anyhow, by either clock, need not be remembered.
        passed = time.monotonic()
        self._nonces = {
            key: (at, since)
            for key, (at, since) in self._nonces.items()
            if (now - at).total_seconds() <= 2 * WINDOW or passed - since <= 2 * WINDOW
        }
        self._nonces[stamp, nonce] = now, passed
        return behind == 0

    def _verify(self, asked: Asked, stamp: str, nonce: str, text: str) -> None:
        expected = to_sign(asked.method, target(asked), stamp, nonce, asked.body)
        try:
            signature = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise _mismatch(asked, expected, "the signature is not base64") from None
        if not self._signed(signature, expected):
            raise _mismatch(asked, expected, self._why(asked, expected, stamp, nonce, signature))

    def _signed(self, signature: bytes, payload: bytes) -> bool:
        try:
            self.key.public_key().verify(signature, payload, _V15, _SHA256)
        except InvalidSignature:
            return False
        return True

    def _why(self, asked: Asked, expected: bytes, stamp: str, nonce: str, signature: bytes) -> str:
        for mistake, payload in _mistakes(asked, expected, stamp, nonce):
            if payload != expected and self._signed(signature, payload):
                return f"{mistake}; {difference(expected, payload)}"
        try:
            self.key.public_key().recover_data_from_signature(signature, _V15, _SHA256)
        except (InvalidSignature, ValueError):
            whose = "it was not made by SHA256withRSA (PKCS#1 v1.5) with the key of this serial_no"
        else:
            whose = "the key is right, so other bytes were signed than those that came"
        # PKCS#1 v1.5 has no chance in it: the same bytes under the same key have the same signature.
        right = base64.b64encode(self.key.sign(expected, _V15, _SHA256))
        return f"{whose}; the signature {difference(right, base64.b64encode(signature))}"


def to_sign(method: str, url: str, stamp: str, nonce: str, body: bytes) -> bytes:
    """Five lines, each with its line feed."""
    # aiohttp has bytes that are no UTF-8 as surrogates.
    return f"{method}\n{url}\n{stamp}\n{nonce}\n".encode("utf-8", "surrogateescape") + body + b"\n"


def target(asked: Asked) -> str:
    return asked.path + (f"?{asked.query}" if asked.query else "")


def difference(expected: bytes, got: bytes) -> str:
    """Where two texts part, for a person who looks for the mistake."""
    shorter = min(len(expected), len(got))
    at = next((n for n in range(shorter) if expected[n] != got[n]), shorter)
    wanted, found = (text[at : at + 1].decode("latin-1") or "the end" for text in (expected, got))
    return f"differs from byte {at} on: {wanted!r} was expected, {found!r} came"


def _claims(asked: Asked) -> dict[str, str]:
    text = asked.headers.get("authorization", "")
    scheme, _, rest = text.partition(" ")
    if not text:
        raise _unsigned("Http头Authorization缺失", "authorization", f"it begins with {SCHEME}", verdict="missing")
    if scheme != SCHEME:
        raise _unsigned("Http头Authorization认证类型不正确", "authorization", f"it begins with {SCHEME}")
    pairs = re.findall(_ONE, rest)
    claims = dict(pairs)
    lacking = [name for name in NAMES if not claims.get(name)]
    if lacking or len(pairs) != len(NAMES) or re.fullmatch(",".join([_ONE] * len(NAMES)), rest) is None:
        explain = f"lacks {', '.join(lacking)}" if lacking else f'name="value" for each of {", ".join(NAMES)}, once'
        message = "Http头Authorization值格式错误，请参考《微信支付商户REST API签名规则》"
        raise _unsigned(message, "authorization", explain)
    return claims


class Unsigned(Refused):
    """HTTP 401. ``information`` is the answer's ``detail.sign_information``, where a signature is wrong."""

    information: dict[str, Any] | None = None
    verdict = "invalid"

    def told(self) -> dict[str, Any]:
        told = super().told()
        if self.information is not None:
            told["detail"]["sign_information"] = self.information
        return told


def _unsigned(message: str, at: str, explain: str, *, verdict: str = "invalid") -> Unsigned:
    refused = Unsigned(401, "SIGN_ERROR", message, at=at, location="authorization", explain=f"{at}: {explain}")
    refused.verdict = verdict
    return refused


def _mismatch(asked: Asked, expected: bytes, why: str) -> Unsigned:
    text = expected.decode("utf-8", "replace")
    refused = _unsigned("错误的签名，验签失败", "signature", f"{why}; expected a signature over {text!r}")
    refused.issue = "sign not match"
    refused.information = {
        "method": asked.method,
        "url": target(asked),
        "truncated_sign_message": text[:SHOWN],
        "sign_message_length": len(expected),
    }
    return refused


def _mistakes(asked: Asked, expected: bytes, stamp: str, nonce: str) -> Iterator[tuple[str, bytes]]:
    """What SDKs have signed instead."""

    def signed(url: str = target(asked), body: bytes = asked.body, method: str = asked.method) -> bytes:
        return to_sign(method, url, stamp, nonce, body)

    yield "the last line feed was left out", expected[:-1]
    yield "the query was left out", signed(asked.path)
    yield "the path was signed decoded", signed(unquote(target(asked)))
    for host in (asked.headers.get("host", ""), "api.mch.weixin.qq.com"):
        for scheme in ("http", "https"):
            yield "the host was signed too", signed(f"{scheme}://{host}{target(asked)}")
    yield "the body was left out", signed(body=b"")
    yield "the method was signed in lower case", signed(method=asked.method.lower())
    yield "lines end in CR LF", expected.replace(b"\n", b"\r\n")
    yield "the body was signed without the white space around it", signed(body=asked.body.strip())
    try:
        fields = json.loads(asked.body)
    except (ValueError, RecursionError):
        return
    for ascii_only in (True, False):
        for separators in ((",", ":"), (", ", ": ")):
            for ordered in (False, True):
                body = json.dumps(fields, ensure_ascii=ascii_only, separators=separators, sort_keys=ordered)
                yield (
                    "the body was serialised again between signing and sending",
                    signed(body=body.encode("utf-8", "surrogatepass")),
                )
