"""
Certificates such as the platform's: four roots of which two are RSA's, an authority below one of them, an app's and
Alipay's own.

Two of the roots are of kinds that not every parser takes, as in the platform's public bundle: one says that it is
signed with SM2, one gives its elliptic algorithm the parameters that it must not have.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

ALIPAY: Final = "支付宝(中国)网络技术有限公司"
AUTHORITY_BITS: Final = 1024  # nothing but certificates of an emulator hangs on them, and 2048 take four times as long
ECDSA_SHA256: Final = bytes.fromhex("06082a8648ce3d040302")
SM2_SM3: Final = bytes.fromhex("06082a811ccf55018375")
NULL: Final = b"\x05\x00"
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Issuer:
    certificate: x509.Certificate
    key: Key


def _name(common_name: str, unit: str = "Certification Authority") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Emulated Financial"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def make(
    subject: x509.Name,
    key: Key,
    issuer: Issuer | None = None,
    *,
    ca: bool = False,
    lasts: timedelta = timedelta(days=3650),
    serial: int = 0,
) -> x509.Certificate:
    """One certificate, from ten years before now on, so that a clock that was set back finds it in effect."""
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3650))
        .not_valid_after(now + lasts)
    )
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=False)
    return builder.sign(issuer.key if issuer else key, hashes.SHA256())


def pem(*chain: x509.Certificate | bytes) -> str:
    """Blocks with an empty line between them, as the platform's files have it."""
    blocks = []
    for each in chain:
        der = each if isinstance(each, bytes) else each.public_bytes(serialization.Encoding.DER)
        text = base64.encodebytes(der).decode()
        blocks.append(f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n")
    return "\n".join(blocks)


def number(certificate: x509.Certificate) -> str:
    """MD5 of who issued it and of its serial, in decimal."""
    parts = {each.oid: str(each.value) for each in certificate.issuer}
    wanted = (
        ("CN", NameOID.COMMON_NAME),
        ("OU", NameOID.ORGANIZATIONAL_UNIT_NAME),
        ("O", NameOID.ORGANIZATION_NAME),
        ("C", NameOID.COUNTRY_NAME),
    )
    name = ",".join(f"{short}={parts[oid]}" for short, oid in wanted)
    return hashlib.md5(f"{name}{certificate.serial_number}".encode(), usedforsecurity=False).hexdigest()


class Authority:
    """Who issues certificates here: roots, and the authority below the first of them."""

    def __init__(self) -> None:
        first, second, below = (rsa.generate_private_key(65537, AUTHORITY_BITS) for _ in range(3))
        curve = ec.generate_private_key(ec.SECP256R1())
        root = make(_name("Emulated Certification Authority R1"), first, ca=True)
        other = make(_name("Emulated Class 2 Root CA - G3", "Trust Network"), second, ca=True)
        self._root = Issuer(root, first)
        below_name = _name("Emulated Certification Authority Class 2 R1")
        self._below = Issuer(make(below_name, below, self._root, ca=True), below)
        sm2 = _der(make(_name("Emulated ROOTCA", "NRCAC"), curve, ca=True)).replace(ECDSA_SHA256, SM2_SM3)
        elliptic = _with_null(_der(make(_name("Emulated Certification Authority E1"), curve, ca=True)))
        self.roots = pem(sm2, root, elliptic, other)
        self.root_sn = f"{number(root)}_{number(other)}"

    def issue(self, common_name: str, key: Key, *, lasts: timedelta = timedelta(days=3650)) -> x509.Certificate:
        return make(_name(common_name, "Alipay"), key, self._below, lasts=lasts)

    def chain(self, leaf: x509.Certificate) -> str:
        return pem(leaf, self._below.certificate)


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def _with_null(der: bytes) -> bytes:
    """Give both of the certificate's algorithm identifiers a NULL for parameters."""
    signed, place = _content(_content(der, 0)[0], 0)
    rest = _content(der, 0)[0][place:]
    identifier = b"\x30\x0a" + ECDSA_SHA256
    longer = b"\x30\x0c" + ECDSA_SHA256 + NULL
    return _sequence(_sequence(signed.replace(identifier, longer)) + rest.replace(identifier, longer))


def _content(der: bytes, place: int) -> tuple[bytes, int]:
    """An element's content, and where what follows it begins."""
    length, place = der[place + 1], place + 2
    if length & 0x80:
        size = length & 0x7F
        length, place = int.from_bytes(der[place : place + size]), place + size
    return der[place : place + length], place + length


def _sequence(content: bytes) -> bytes:
    length = len(content)
    return b"\x30\x82" + length.to_bytes(2) + content if length > 0xFF else b"\x30\x81" + bytes([length]) + content
