"""
APIv3's keys and signatures, the platform's side: what it checks and what it signs.

Written from the documentation, apart from the client.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from tongfu.emulator.half import Answer, Asked, World

SCHEME: Final = "WECHATPAY2-SHA256-RSA2048"
WINDOW: Final = 300  # seconds
JSON: Final = {"content-type": "application/json; charset=utf-8"}
BEIJING: Final = timezone(timedelta(hours=8))
_FIELD: Final = re.compile(r'([a-z_]+)="([^"]*)"')
_SHA256: Final = hashes.SHA256()
_V15: Final = padding.PKCS1v15()


@dataclass(frozen=True)
class PlatformKey:
    """A key the platform signs with: a certificate's, or with ``certificate`` empty the public-key mode's."""

    serial: str
    key: rsa.RSAPrivateKey = field(repr=False)
    certificate: bytes = b""
    begins: datetime | None = None
    ends: datetime | None = None

    def sign(self, payload: bytes) -> str:
        return base64.b64encode(self.key.sign(payload, _V15, _SHA256)).decode()


def certified(key: rsa.RSAPrivateKey, now: datetime) -> PlatformKey:
    """A platform certificate over *key*, made by nobody but itself."""
    serial = int.from_bytes(secrets.token_bytes(19), "big") | 1 << 151
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tenpay.com Root CA (emulated)")])
    begins, ends = now - timedelta(days=1), now + timedelta(days=5 * 365)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(begins.replace(microsecond=0))
        .not_valid_after(ends.replace(microsecond=0))
        .sign(key, _SHA256)
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    return PlatformKey(f"{serial:040X}", key, pem, begins, ends)


@dataclass
class Gate:
    """Who may come in: the merchant whose key signed exactly these bytes, just now and for the first time."""

    world: World
    mch_id: str
    cert_serial: str
    merchant: rsa.RSAPublicKey
    _nonces: set[str] = field(default_factory=set)

    def refusal(self, asked: Asked) -> Answer | None:
        """The platform's HTTP 401, or None."""
        head = asked.headers.get("authorization", "")
        scheme, _, rest = head.partition(" ")
        told = dict(_FIELD.findall(rest))
        target = asked.path + (f"?{asked.query}" if asked.query else "")
        signed = f"{asked.method}\n{target}\n{told.get('timestamp', '')}\n{told.get('nonce_str', '')}\n".encode()
        signed += asked.body + b"\n"
        problem = self._problem(scheme, told, signed)
        if problem is None:
            self._nonces.add(told["nonce_str"])
            return None
        body = {
            "code": "SIGN_ERROR",
            "message": "签名错误，请检查后再试",
            "detail": {
                "field": "signature",
                "issue": problem,
                "location": "authorization",
                "sign_information": {
                    "method": asked.method,
                    "url": target,
                    "truncated_sign_message": signed.decode("utf-8", "replace")[:64],
                    "sign_message_length": len(signed),
                },
            },
        }
        explain = f"{problem}; expected a signature over {signed[:200]!r}"
        return Answer(401, dict(JSON), document(body), explain=explain, verdict="invalid" if head else "missing")

    def _problem(self, scheme: str, told: Mapping[str, str], signed: bytes) -> str | None:
        if scheme != SCHEME:
            return f"Authorization does not begin with {SCHEME}"
        lacking = [name for name in ("mchid", "nonce_str", "signature", "timestamp", "serial_no") if not told.get(name)]
        if lacking:
            return f"Authorization lacks {', '.join(lacking)}"
        if told["mchid"] != self.mch_id:
            return "mchid is another merchant"
        if told["serial_no"].upper().lstrip("0") != self.cert_serial.upper().lstrip("0"):
            return "serial_no is not the merchant's certificate"
        now = self.world.clock.now().timestamp()
        if not re.fullmatch(r"\d{1,12}", told["timestamp"], re.ASCII) or abs(now - int(told["timestamp"])) > WINDOW:
            return "timestamp is more than five minutes off"
        if len(told["nonce_str"]) > 32 or told["nonce_str"] in self._nonces:
            return "nonce_str is too long or was used before"
        try:
            self.merchant.verify(base64.b64decode(told["signature"], validate=True), signed, _V15, _SHA256)
        except (InvalidSignature, binascii.Error, ValueError):
            return "signature is wrong"
        return None


def document(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def headers(key: PlatformKey, body: bytes, now: datetime) -> dict[str, str]:
    """What the platform signs an answer or a callback with."""
    timestamp, nonce = str(int(now.timestamp())), secrets.token_hex(16)
    return {
        **JSON,
        "Wechatpay-Timestamp": timestamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Signature": key.sign(f"{timestamp}\n{nonce}\n".encode() + body + b"\n"),
        "Wechatpay-Serial": key.serial,
        "Wechatpay-Signature-Type": SCHEME,
    }


def resource(api_v3_key: str, plain: bytes, kind: str) -> dict[str, str]:
    """*plain* under the merchant's APIv3 key."""
    nonce = secrets.token_hex(6)
    sealed = AESGCM(api_v3_key.encode()).encrypt(nonce.encode(), plain, kind.encode())
    return {
        "algorithm": "AEAD_AES_256_GCM",
        "nonce": nonce,
        "associated_data": kind,
        "ciphertext": base64.b64encode(sealed).decode(),
    }


def when(moment: datetime) -> str:
    return moment.astimezone(UTC).astimezone(BEIJING).isoformat(timespec="seconds")
