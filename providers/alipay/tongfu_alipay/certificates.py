"""
The platform's certificates: their numbers, and what chains to the account's roots.

Source: https://opendocs.alipay.com/common/02mse2 "接口加签方式" and alipay.open.app.alipaycert.download
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from tongfu.errors import ConfigError

from .keys import KeyText, content

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa

LARGEST: Final = 1 << 17  # bytes; the platform's files are below 8 KiB
MOST: Final = 20
DEEPEST: Final = 5
_PEM: Final = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([^-]*)-----END", re.ASCII)
_RSA: Final = bytes.fromhex("2a864886f70d0101")  # 1.2.840.113549.1.1, without its last arc
_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0


class Unreadable(ValueError):
    """Not a certificate, or none of the platform's kind. Says nothing of its content."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One RSA certificate. ``sn`` is what the platform calls it by."""

    sn: str
    x509: x509.Certificate
    key: rsa.RSAPublicKey

    def serves(self, now: datetime) -> bool:
        return self.x509.not_valid_before_utc <= now <= self.x509.not_valid_after_utc

    @property
    def name(self) -> str:
        """Whose it is: of Alipay's own, the company and the merchant's id; of an app's, two ids."""
        from cryptography.x509.oid import NameOID  # noqa: PLC0415 - 40 ms, for who has certificates

        return "/".join(str(each.value) for each in self.x509.subject.get_attributes_for_oid(NameOID.COMMON_NAME))

    @property
    def may_issue(self) -> bool:
        from cryptography import x509  # noqa: PLC0415 - as above

        try:
            return self.x509.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
            return False


def read(field: str, text: KeyText) -> list[Certificate]:
    """
    The RSA certificates of a file, in its order; those of other kinds are left out.

    :raises ConfigError: naming *field*: there is none, or it cannot be read.
    """
    try:
        found = parse(content(field, text))
    except Unreadable as exc:
        raise ConfigError(f"{field}: {exc}; expected the platform's .crt file as text, DER or a path") from None
    if not found:
        raise ConfigError(f"{field}: holds no RSA certificate; those of SM2 are not supported")
    return found


def parse(text: bytes) -> list[Certificate]:
    """
    The RSA certificates in PEM or DER.

    A root bundle also holds certificates of SM2 and of elliptic curves, which not every version of ``cryptography``
    can parse. So each is taken out of the file by itself, and only handed on where its signature is RSA's.

    :raises Unreadable: not certificates, or too many.
    """
    from cryptography import x509  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    found = []
    for der in _ders(text):
        if not signature_algorithm(der).startswith(_RSA):
            continue
        try:
            each = x509.load_der_x509_certificate(der)
            key = each.public_key()
            issuer = each.issuer.rfc4514_string()
        except Exception:  # noqa: BLE001 - whatever the parser of the day makes of it, it is no certificate
            raise Unreadable("a certificate cannot be read") from None
        if not isinstance(key, rsa.RSAPublicKey):
            raise Unreadable("a certificate is not for an RSA key")
        found.append(Certificate(sn(issuer, each.serial_number), each, key))
    return found


def sn(issuer: str, serial: int) -> str:
    """What the platform calls a certificate by: 32 hex digits. *issuer* is as RFC 4514 writes it."""
    return hashlib.md5(f"{issuer}{serial}".encode(), usedforsecurity=False).hexdigest()


def root_sn(roots: Iterable[Certificate]) -> str:
    """``alipay_root_cert_sn``: all of them, as the file has them."""
    return "_".join(each.sn for each in roots)


def leaves(found: list[Certificate]) -> tuple[list[Certificate], list[Certificate]]:
    """Those of *found* that sign messages, and those that issued them. The first one signs."""
    issuers = [each for each in found[1:] if each.may_issue or any(_issued(other, each) for other in found)]
    return [each for each in found if each not in issuers], issuers


def chained(found: list[Certificate], anchors: Sequence[Certificate], now: datetime) -> Certificate:
    """
    The first of *found*, once it is known that one of *anchors* vouches for it, through the others.

    :raises Unreadable: none does, or one of the certificates is not (or no longer) in effect.
    """
    link = leaf = found[0]
    for _ in range(DEEPEST):
        if not link.serves(now):
            raise Unreadable("a certificate is not in effect; this machine's clock may be wrong")
        if any(_issued(link, anchor) and anchor.serves(now) for anchor in anchors):
            return leaf
        above = next((each for each in found if each.may_issue and _issued(link, each)), link)
        if above is link:
            break
        link = above
    raise Unreadable("no root of the account's alipay_root_cert vouches for a certificate")


def _issued(child: Certificate, issuer: Certificate) -> bool:
    try:
        child.x509.verify_directly_issued_by(issuer.x509)
    except Exception:  # noqa: BLE001 - InvalidSignature, other names, other algorithms: it is not
        return False
    return True


def _ders(text: bytes) -> list[bytes]:
    if len(text) > LARGEST:
        raise Unreadable(f"larger than {LARGEST} bytes")
    blocks = _PEM.findall(text)
    if len(blocks) > MOST:
        raise Unreadable(f"more than {MOST} certificates")
    if text[:1] == bytes([_SEQUENCE]):
        return [text]
    try:
        # What has no header is the base64 of one.
        found = [base64.b64decode(b"".join(block.split()), validate=True) for block in blocks or [text]]
    except binascii.Error:
        found = []
    if not found or not all(found):
        raise Unreadable("neither PEM nor DER")
    return found


def signature_algorithm(der: bytes) -> bytes:
    """
    The object identifier of the algorithm a certificate says it is signed with, as DER writes it.

    :raises Unreadable: not a certificate.
    """
    try:
        _, place, _ = _element(der, 0)  # the certificate
        _, place, _ = _element(der, place)  # its signed part
        tag, _, end = _element(der, place)
        if tag == _VERSION:
            _, _, end = _element(der, end)  # the serial number
        tag, place, _ = _element(der, end)
        if tag != _SEQUENCE:
            raise Unreadable("not a certificate")
        _, place, end = _element(der, place)
    except IndexError:
        raise Unreadable("not a certificate") from None
    return der[place:end]


def _element(der: bytes, place: int) -> tuple[int, int, int]:
    """An element's tag, and where its content begins and ends."""
    tag, length, place = der[place], der[place + 1], place + 2
    if length & 0x80:
        size = length & 0x7F
        length, place = int.from_bytes(der[place : place + size]), place + size
    if place + length > len(der):
        raise IndexError
    return tag, place, place + length
