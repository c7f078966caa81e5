"""
RSA keys in every form people paste: PKCS#1 or PKCS#8, PEM with or without its header, one line or many, DER, a path.

Each is parsed once per process: OpenSSL checks a private key for 30 ms, the time of a hundred signatures.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tongfu.errors import ConfigError

KeyText = bytes | str | Path
HASHES: Final = {"RSA2": hashes.SHA256(), "RSA": hashes.SHA1()}  # noqa: S303 - RSA is SHA-1 for old apps
LEAST_BITS: Final = {"RSA2": 2048, "RSA": 1024}
_PKCS1: Final = padding.PKCS1v15()
_HEADER: Final = re.compile(rb"-----[^-]*-----")
_private: dict[bytes, rsa.RSAPrivateKey] = {}
_public: dict[bytes, rsa.RSAPublicKey] = {}
_pairs: dict[tuple[bytes, bytes], bool] = {}


def private_key(text: KeyText) -> rsa.RSAPrivateKey:
    """:raises ConfigError: not an RSA private key."""
    digest = _digest(text)
    known = _private.get(digest)
    if known is None:
        try:
            key = serialization.load_der_private_key(_der("private_key", text), None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
            raise ConfigError(
                "private_key: not an RSA private key; expected the app's own, PKCS#8 or PKCS#1, as text, DER or a path"
            ) from exc
        if not isinstance(key, rsa.RSAPrivateKey):
            raise ConfigError("private_key: expected an RSA key")
        known = _private[digest] = key
    return known


def public_key(text: KeyText) -> rsa.RSAPublicKey:
    """:raises ConfigError: not an RSA public key."""
    digest = _digest(text)
    known = _public.get(digest)
    if known is None:
        try:
            key = serialization.load_der_public_key(_der("alipay_public_key", text))
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
            raise ConfigError(
                "alipay_public_key: not an RSA public key; expected Alipay's (not the app's), as text, DER or a path"
            ) from exc
        if not isinstance(key, rsa.RSAPublicKey):
            raise ConfigError("alipay_public_key: expected an RSA key")
        known = _public[digest] = key
    return known


def is_pair(private: KeyText, public: KeyText) -> bool:
    """Whether the two belong together; said once for each pair, as taking a key apart costs 50 us."""
    digests = (_digest(private), _digest(public))
    known = _pairs.get(digests)
    if known is None:
        known = _pairs[digests] = private_key(private).public_key() == public_key(public)
    return known


def sign(key: rsa.RSAPrivateKey, payload: bytes, algorithm: str) -> str:
    """Base64 on one line."""
    return base64.b64encode(key.sign(payload, _PKCS1, HASHES[algorithm])).decode("ascii")


def verifies(key: rsa.RSAPublicKey, payload: bytes, signature: str, algorithm: str) -> bool:
    try:
        key.verify(binascii.a2b_base64(signature, strict_mode=True), payload, _PKCS1, HASHES[algorithm])
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _digest(text: KeyText) -> bytes:
    kind = b"p" if isinstance(text, Path) else b"t"
    content = text if isinstance(text, bytes) else str(text).encode("utf-8", "surrogatepass")
    return hashlib.sha256(kind + content).digest()


def _read(path: str | Path) -> bytes | None:
    """
    The file's content, None where there is no such file.

    The cause is told to nobody: it names the path, which is the key itself where a short one was pasted.
    """
    with suppress(OSError, ValueError):
        return Path(path).read_bytes()
    return None


def content(field: str, text: KeyText) -> bytes:
    """
    What is in the file that *text* names, or *text* itself.

    :raises ConfigError: naming *field*: the file cannot be read.
    """
    if isinstance(text, Path) or (isinstance(text, str) and len(text) < 200 and "-----" not in text):
        read = _read(text)
        if read is None:
            raise ConfigError(f"{field}: the file cannot be read; expected text, DER or a path")
        text = read
    read = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    # A variable of the environment, or JSON escaped twice, has a backslash and an n for each line's end.
    return read if read[:1] == b"\x30" else read.replace(rb"\r", b"").replace(rb"\n", b"\n")


def _der(field: str, text: KeyText) -> bytes:
    read = content(field, text)
    if read[:1] == b"\x30":
        return read
    bare = _HEADER.sub(b"", read)
    try:
        return base64.b64decode(b"".join(bare.split()), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ConfigError(f"{field}: neither base64 nor PEM nor DER") from exc
