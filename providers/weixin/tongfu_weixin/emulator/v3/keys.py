"""The platform's keys: its certificates, its public key, which of them signs what, and who may still use one."""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from tongfu.emulator.half import World
from tongfu_weixin.emulator.api.envelope import sibling

from .wire import JSON, SCHEME, Refused, sealed, when, wrong

MODES: Final = ("both", "certificate", "public_key")
STAMPS: Final = (None, "emulated", "real")
LIFE: Final = timedelta(days=5 * 365)
PROBE: Final = "WECHATPAY/SIGNTEST/"
_SHA256: Final = hashes.SHA256()
_V15: Final = padding.PKCS1v15()
_OAEP: Final = padding.OAEP(padding.MGF1(hashes.SHA1()), hashes.SHA1(), None)  # noqa: S303 - the platform's choice


@dataclass(slots=True)
class PlatformKey:
    """A key the platform signs with: a certificate's, or without ``certificate`` the public-key mode's."""

    serial: str
    key: rsa.RSAPrivateKey = field(repr=False)
    certificate: bytes = b""
    begins: datetime | None = None
    ends: datetime | None = None

    def valid(self, now: datetime) -> bool:
        return (self.begins is None or self.begins <= now) and (self.ends is None or now < self.ends)


class Keys:
    """
    All of them for one merchant.

    ``mode``: ``both`` (a merchant on the way from certificates to the public key), ``certificate`` (who has
    no public key yet), ``public_key`` (new merchants, who have no certificates).
    ``callbacks``: ``certificate``, ``public_key``, the share of callbacks that the public key signs (0 to 1,
    spread evenly), or None: each as the merchant's last request asked for its answer.
    ``stamps``: which time signatures bear, ``emulated`` or ``real``, or None: by the merchant's last request.
    """

    def __init__(self, world: World, public_key_id: str, platform: rsa.RSAPrivateKey, merchant: rsa.RSAPublicKey):
        self._world, self._platform, self._merchant = world, platform, merchant
        self.public = PlatformKey(public_key_id, platform)
        self._since = world.clock.now()
        self._first: PlatformKey | None = None
        self._made: list[PlatformKey] = []
        self._turns = 0  # of the key that every certificate's is made of: two are never the same
        self.reset()

    def reset(self) -> None:
        """Forget what was set and rotated. The first certificate is there again."""
        self._made = [self._first] if self._first is not None else []
        for one in self._made:
            one.ends = (one.begins or self._since) + LIFE
        self.mode = "both"
        self.callbacks: str | float | None = None
        self.callback_probes = self.answer_probes = 0
        self.last_asked: PlatformKey | None = None
        self.stamps: str | None = None
        self.in_real_time = False
        self._shared = 0

    def now(self) -> datetime:
        return self._world.clock.now()

    @property
    def certificates(self) -> list[PlatformKey]:
        """Those that have not ended, the oldest first. The first is made when it is first needed."""
        if self._first is None:
            # As if it had been there from the start, to which a reset leads back.
            self._first = self._certified(self._since - timedelta(days=1))
            self._made.append(self._first)
        now = self.now()
        return [one for one in self._made if one.ends is None or now < one.ends]

    def rotate(self, effective_in: float = 0.0, old_ends_in: float | None = None) -> None:
        """
        A new certificate, listed from now on beside the newest of the old ones.

        It signs from *effective_in* seconds on; where *old_ends_in* is given the old one ends then.
        """
        kept, now = self.certificates[-1:], self.now()
        if old_ends_in is not None:
            for one in kept:
                one.ends = now + timedelta(seconds=old_ends_in)
        self._made = [*kept, self._certified(now + timedelta(seconds=effective_in))]

    def signer(self, wanted: str) -> PlatformKey:
        """Whose signature an answer bears, to a request whose Wechatpay-Serial is *wanted*."""
        if self.mode == "public_key" or (wanted == self.public.serial and self.mode == "both"):
            return self.public
        return max(self._effective(), key=lambda one: one.begins or self.now(), default=self.public)

    def of(self, serial: str) -> PlatformKey:
        """
        The key that a request names: its sensitive fields are under it.

        :raises Refused: there is none of that serial, or it has ended.
        """
        if serial == self.public.serial and self.mode != "certificate":
            return self.public
        certificates = self._effective() if self.mode != "public_key" else []
        for one in certificates:
            if one.serial.lstrip("0") == serial.upper().lstrip("0"):
                return one
        known = [one.serial for one in certificates] + ([self.public.serial] if self.mode != "certificate" else [])
        message = "平台证书序列号Wechatpay-Serial错误"
        explain = f"the platform's keys are {', '.join(known)}"
        raise Refused(
            400, "PARAM_ERROR", message, at="Wechatpay-Serial", issue=message, location="header", explain=explain
        )

    def caller(self) -> PlatformKey:
        """Whose signature the next callback bears."""
        public = self.callbacks == "public_key"
        if isinstance(self.callbacks, int | float):
            before, self._shared = self._shared, self._shared + 1
            public = int(self._shared * self.callbacks + 1e-9) > int(before * self.callbacks + 1e-9)
        elif self.callbacks is None:
            public = (self.last_asked or self.public) is self.public
        return self.signer(self.public.serial if public else "")

    def headers(self, key: PlatformKey, body: bytes, *, age: int = 0, probe: bool = False) -> dict[str, str]:
        """What goes with a signed body. *age* seconds back, for a message that is too old."""
        stamp = self.now().timestamp()
        if self.stamps == "real" or (self.stamps is None and self.in_real_time):
            stamp -= self._world.clock.offset
        timestamp, nonce = str(int(stamp) - age), secrets.token_hex(16)
        signature = base64.b64encode(
            key.key.sign(f"{timestamp}\n{nonce}\n".encode() + body + b"\n", _V15, _SHA256)
        ).decode()
        return {
            **JSON,
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": PROBE + signature[len(PROBE) :] if probe else signature,
            "Wechatpay-Serial": key.serial,
            "Wechatpay-Signature-Type": SCHEME,
        }

    def listed(self, api_v3_key: str) -> list[dict[str, Any]]:
        """``data`` of GET /v3/certificates; empty for who has none."""
        return [
            {
                "serial_no": one.serial,
                "effective_time": when(one.begins or self.now()),
                "expire_time": when(one.ends or self.now()),
                "encrypt_certificate": sealed(api_v3_key, one.certificate, "certificate"),
            }
            for one in (self.certificates if self.mode != "public_key" else [])
        ]

    @staticmethod
    def opened(text: str, key: PlatformKey, at: str) -> str:
        """
        The sensitive field at *at*.

        :raises Refused: it is not under *key*.
        """
        try:
            return key.key.decrypt(base64.b64decode(text, validate=True), _OAEP).decode("utf-8")
        except (binascii.Error, ValueError) as exc:
            explain = f"RSA-OAEP with SHA-1 under the key {key.serial}, base64; {type(exc).__name__}"
            raise wrong(at, "解密失败，请检查平台证书序列号Wechatpay-Serial", explain=explain) from exc

    def hidden(self, text: str) -> str:
        """A sensitive field of an answer: under the merchant's certificate."""
        return base64.b64encode(self._merchant.encrypt(text.encode(), _OAEP)).decode()

    def _effective(self) -> list[PlatformKey]:
        now = self.now()
        return [one for one in self.certificates if one.valid(now)]

    def _certified(self, begins: datetime) -> PlatformKey:
        """A platform certificate, signed by itself alone."""
        self._turns += 1
        key = sibling(self._platform, self._turns)
        serial = int.from_bytes(secrets.token_bytes(20), "big") >> 2 | 1 << 157
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tenpay.com Root CA (emulated)")])
        begins = begins.replace(microsecond=0)
        ends = begins + LIFE
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(serial)
            # A day earlier than it is used: clients look at their own clock.
            .not_valid_before(begins - timedelta(days=1))
            .not_valid_after(ends)
            .sign(key, _SHA256)
        )
        return PlatformKey(f"{serial:040X}", key, made.public_bytes(serialization.Encoding.PEM), begins, ends)
