"""
The keys of "API 安全", and the RSA keys of APIv3, in every form people paste: PEM, DER, base64, a path.

Each RSA key is parsed once per process: OpenSSL checks a private key for 30 ms, the time of a hundred signatures.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tongfu.errors import ConfigError

KeyText = bytes | str | Path
LEAST_BITS: Final = 2048
_HEADER: Final = re.compile(rb"-----[^-]*-----")
_private: dict[bytes, rsa.RSAPrivateKey] = {}
_public: dict[bytes, rsa.RSAPublicKey] = {}


def symmetric_key(text: str) -> bytes:
    """:raises ConfigError: not base64 of 32 bytes."""
    try:
        key = base64.b64decode(text, validate=True)
    except (TypeError, ValueError):
        key = b""
    if len(key) != 32:
        raise ConfigError("api_aes_key: expected base64 of 32 bytes, an AES256_GCM key; SM4 is not supported")
    return key


def private_key(text: KeyText, field: str = "api_private_key") -> rsa.RSAPrivateKey:
    """:raises ConfigError: not an RSA private key of at least 2048 bits."""
    digest = _digest(text)
    known = _private.get(digest)
    if known is None:
        try:
            key = serialization.load_der_private_key(_der(field, text), None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
            raise ConfigError(
                f"{field}: not an RSA private key; expected your own, as PEM, DER, base64 or a path"
            ) from exc
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < LEAST_BITS:
            raise ConfigError(f"{field}: expected an RSA key of at least {LEAST_BITS} bits")
        known = _private[digest] = key
    return known


def platform_key(text: KeyText, field: str = "api_platform_cert") -> rsa.RSAPublicKey:
    """
    The public key of a certificate, or a public key.

    :raises ConfigError: neither, or not RSA of at least 2048 bits.
    """
    digest = _digest(text)
    known = _public.get(digest)
    if known is None:
        der = _der(field, text)
        key: object
        try:
            try:
                key = x509.load_der_x509_certificate(der).public_key()
            except ValueError:
                key = serialization.load_der_public_key(der)
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
            raise ConfigError(
                f"{field}: neither a certificate nor a public key that is RSA; expected the platform's (not your "
                "own), as PEM, DER, base64 or a path; SM2 is not supported"
            ) from exc
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size < LEAST_BITS:
            raise ConfigError(f"{field}: expected an RSA key of at least {LEAST_BITS} bits")
        known = _public[digest] = key
    return known


def _digest(text: KeyText) -> bytes:
    kind = b"p" if isinstance(text, Path) else b"t"
    content = text if isinstance(text, bytes) else str(text).encode("utf-8", "surrogatepass")
    return hashlib.sha256(kind + content).digest()


def _der(field: str, text: KeyText) -> bytes:
    if isinstance(text, Path) or (isinstance(text, str) and len(text) < 200 and "-----" not in text):
        try:
            text = Path(text).read_bytes()
        except (OSError, ValueError) as exc:
            # Chained to nothing: what is no path may be a secret that was meant for another field.
            wanted = f"the file cannot be read ({type(exc).__name__}); expected PEM, DER, base64 or a path"
            raise ConfigError(f"{field}: {wanted}") from None
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if content[:1] == b"\x30":
        return content
    # A variable of the environment, or JSON escaped twice, has a backslash and an n for each line's end.
    bare = _HEADER.sub(b"", content).replace(rb"\r", b"").replace(rb"\n", b"")
    try:
        return base64.b64decode(b"".join(bare.split()), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ConfigError(f"{field}: neither base64 nor PEM nor DER") from exc
