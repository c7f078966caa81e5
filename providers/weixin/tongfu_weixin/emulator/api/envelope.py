"""
The second encryption and signature of server calls (服务通信二次加密和签名): AES-256-GCM inside, RSA-PSS outside.

A request that comes with Wechatmp-* headers is treated so; its answer goes back the same way.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import math
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from tongfu.emulator.half import Answer, Asked

from .app import App
from .wire import JSON, Refused, document, read_json

HOST: Final = "https://api.weixin.qq.com"
TOLERANCE: Final = 300  # seconds
PSS: Final = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=32)


def sibling(key: rsa.RSAPrivateKey, turn: int = 0) -> rsa.RSAPrivateKey:
    """
    Another key of the same modulus, another one for each *turn*.

    Making RSA keys is most of what the emulator's start takes; this takes a thousandth. Nobody must
    do so with keys that guard anything: who knows one of the two knows the other.
    """
    numbers = key.private_numbers()
    p, q = numbers.p, numbers.q
    lam = math.lcm(p - 1, q - 1)
    e = next(itertools.islice((e for e in range(65539, 1 << 24, 2) if math.gcd(e, lam) == 1), turn, None))
    d = pow(e, -1, lam)
    made = rsa.RSAPrivateNumbers(
        p, q, d, d % (p - 1), d % (q - 1), rsa.rsa_crt_iqmp(p, q), rsa.RSAPublicNumbers(e, p * q)
    )
    return made.private_key(unsafe_skip_rsa_key_validation=True)


class Envelope:
    """
    The app's and the platform's keys for it.

    :param merchant: a key to make the app's from.
    :param platform: a key to make the platform's from.
    """

    def __init__(self, app: App, merchant: rsa.RSAPrivateKey, platform: rsa.RSAPrivateKey) -> None:
        self._app = app
        self.aes_key = base64.b64encode(secrets.token_bytes(32)).decode()
        self.aes_key_sn = secrets.token_hex(16)
        self._ours, theirs = sibling(platform), sibling(merchant)
        self._theirs = theirs.public_key()
        self.private_key = theirs.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        self.platform_cert_sn = secrets.token_hex(16)  # the console's number, not the certificate's
        self.platform_cert = _certificate(self._ours).public_bytes(serialization.Encoding.PEM).decode()
        self._gcm = AESGCM(base64.b64decode(self.aes_key))

    @staticmethod
    def claimed(asked: Asked) -> bool:
        return any(name.startswith("wechatmp-") for name in asked.headers)

    def open(self, asked: Asked) -> dict[str, Any]:
        """
        The fields of a sealed request, without ``_n``, ``_appid`` and ``_timestamp``.

        :raises Refused: 40231 to 40240.
        """
        stamp, claimed, appid = self._headers(asked)
        for url in self._urls(asked):
            payload = f"{url}\n{appid}\n{stamp}\n".encode() + asked.body
            try:
                self._theirs.verify(claimed, payload, PSS, hashes.SHA256())
            except InvalidSignature:
                continue
            return self._decrypted(asked, url, appid, stamp)
        shown = f"{self._urls(asked)[0]}\n{appid}\n{stamp}\n<the body's {len(asked.body)} bytes>"
        raise Refused(40234, "invalid signature", explain=f"RSA-PSS, SHA-256, salt 32 of {shown!r}")

    def seal(self, asked: Asked, answer: Answer) -> Answer:
        """The same answer, encrypted and signed, if it is JSON."""
        try:
            fields = json.loads(answer.body)
        except ValueError:
            return answer
        # Both are told apart again by what the request was signed for.
        url = next(url for url in self._urls(asked) if self._signed_for(asked, url))
        behind = self._behind(asked.headers["wechatmp-timestamp"]) or 0
        appid, stamp = self._app.app_id, int(self._app.stamp() - behind)
        plain = {"_n": secrets.token_urlsafe(16), "_appid": appid, "_timestamp": stamp, **fields}
        iv = secrets.token_bytes(12)
        sealed = self._gcm.encrypt(
            iv, json.dumps(plain, ensure_ascii=False).encode(), f"{url}|{appid}|{stamp}|{self.aes_key_sn}".encode()
        )
        parts = {"iv": iv, "data": sealed[:-16], "authtag": sealed[-16:]}
        told = document({name: base64.b64encode(part).decode() for name, part in parts.items()}, JSON)
        payload = f"{url}\n{appid}\n{stamp}\n".encode() + told.body
        signature = self._ours.sign(payload, PSS, hashes.SHA256())
        told.headers |= {
            "Wechatmp-AppId": appid,
            "Wechatmp-TimeStamp": str(stamp),
            "Wechatmp-Serial": self.platform_cert_sn,
            "Wechatmp-Signature": base64.b64encode(signature).decode(),
        }
        told.explain, told.verdict = answer.explain, "valid"
        return told

    @staticmethod
    def sabotage(fault: str, answer: Answer) -> Answer:
        """Break a sealed answer as the shell's fault says."""
        headers = dict(answer.headers)
        if fault == "no_signature":
            headers.pop("Wechatmp-Signature", None)
        elif fault == "unknown_serial":
            headers["Wechatmp-Serial"] = "0" * 32
        else:
            signature = headers["Wechatmp-Signature"]
            headers["Wechatmp-Signature"] = ("B" if signature[0] == "A" else "A") + signature[1:]
        return Answer(answer.status, headers, answer.body, answer.explain, answer.verdict)

    def _headers(self, asked: Asked) -> tuple[str, bytes, str]:
        for name, code in (("timestamp", 40231), ("signature", 40232), ("appid", 40233)):
            if not asked.headers.get(f"wechatmp-{name}"):
                raise Refused(code, f"missing Wechatmp-{name}")
        stamp, appid = asked.headers["wechatmp-timestamp"], asked.headers["wechatmp-appid"]
        if appid != self._app.app_id:
            raise Refused(40236, "invalid appid in header")
        if not stamp.isascii() or not stamp.isdigit() or self._behind(stamp) is None:
            raise Refused(40240, "timestamp expired", explain=f"the emulator's clock shows {self._app.stamp()}")
        try:
            return stamp, base64.b64decode(asked.headers["wechatmp-signature"], validate=True), appid
        except (binascii.Error, ValueError):
            raise Refused(40234, "invalid signature", explain="the signature is base64") from None

    def _behind(self, stamp: str) -> float | None:
        return self._app.world.clock.behind(int(stamp[:12]), TOLERANCE)

    def _urls(self, asked: Asked) -> list[str]:
        """What the path may have been signed as: at this origin, or at the platform's own host."""
        scheme = "https" if asked.https else "http"
        return [f"{scheme}://{asked.headers.get('host', '')}{asked.path}", HOST + asked.path]

    def _signed_for(self, asked: Asked, url: str) -> bool:
        stamp, claimed, appid = self._headers(asked)
        try:
            self._theirs.verify(claimed, f"{url}\n{appid}\n{stamp}\n".encode() + asked.body, PSS, hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    def _decrypted(self, asked: Asked, url: str, appid: str, stamp: str) -> dict[str, Any]:
        aad = f"{url}|{appid}|{stamp}|{self.aes_key_sn}"
        sealed = read_json(asked.body, not_json=40235)
        try:
            iv, data, tag = (base64.b64decode(sealed[name], validate=True) for name in ("iv", "data", "authtag"))
            plain = self._gcm.decrypt(iv, data + tag, aad.encode())
        except (KeyError, TypeError, ValueError, binascii.Error, InvalidTag) as exc:
            explain = f"AES-256-GCM, iv 12 bytes, additional data {aad!r}; {type(exc).__name__}"
            raise Refused(40235, "invalid encryption", explain=explain) from exc
        fields = read_json(plain, not_json=40235)
        if not isinstance(fields.pop("_n", None), str):
            raise Refused(40235, "invalid encryption", explain="_n is a random text")
        if fields.pop("_appid", None) != appid:
            raise Refused(40235, "invalid encryption", explain="_appid is the appid of the header")
        if str(fields.pop("_timestamp", None)) != stamp:
            raise Refused(40235, "invalid encryption", explain="_timestamp is the timestamp of the header")
        return fields


def _certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tongfu emulator API platform")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
