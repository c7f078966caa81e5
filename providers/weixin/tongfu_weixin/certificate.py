"""The merchant's client certificate: ``apiclient_cert.p12``, whose password is the merchant number."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from pathlib import Path
from typing import Final

from tongfu.call import ClientCertificate
from tongfu.errors import ConfigError

_BASE64: Final = re.compile(rb"[A-Za-z0-9+/\s]{512,}={0,2}\s*")
_loaded: dict[bytes, ClientCertificate] = {}
_read: dict[tuple[str, str], ClientCertificate] = {}


def client_certificate(pfx: bytes | str | Path, mch_id: str) -> ClientCertificate:
    """
    Read a PKCS#12 given as bytes, base64 or a path. Each is read and parsed once per process: that takes 30 ms.

    :raises ConfigError: not a PKCS#12, or its password is not *mch_id*.
    """
    if not _is_path(pfx):
        return _parsed(_content(pfx), mch_id)
    place = (str(pfx), mch_id)
    if place not in _read:
        _read[place] = _parsed(_content(pfx), mch_id)
    return _read[place]


def _parsed(content: bytes, mch_id: str) -> ClientCertificate:
    digest = hashlib.sha256(mch_id.encode() + b"\0" + content).digest()
    known = _loaded.get(digest)
    if known is not None:
        return known
    # Here, as x509 is for who refunds: it takes 40 ms.
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import pkcs12  # noqa: PLC0415

    try:
        key, certificate, chain = pkcs12.load_key_and_certificates(content, mch_id.encode())
    except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise ConfigError(
            "pfx: not a PKCS#12 file whose password is mch_id; expected apiclient_cert.p12 as downloaded"
        ) from exc
    if key is None or certificate is None:
        raise ConfigError("pfx: the PKCS#12 file lacks the private key or the certificate")
    pem = serialization.Encoding.PEM
    loaded = ClientCertificate(
        b"".join(each.public_bytes(pem) for each in (certificate, *chain)),
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )
    _loaded[digest] = loaded
    return loaded


def _is_path(pfx: bytes | str | Path) -> bool:
    """No path is longer, and no certificate shorter than 512 characters."""
    return isinstance(pfx, Path) or (isinstance(pfx, str) and len(pfx) <= 512)


def _content(pfx: bytes | str | Path) -> bytes:
    if _is_path(pfx):
        try:
            return Path(str(pfx)).read_bytes()
        except (OSError, ValueError):
            # The cause names the path, which is the certificate itself where that was pasted.
            raise ConfigError("pfx: the file cannot be read; expected bytes, base64 or a path") from None
    text = pfx if isinstance(pfx, bytes) else str(pfx).encode("utf-8", "surrogatepass")
    if isinstance(pfx, bytes) and not _BASE64.fullmatch(text):
        return pfx
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise ConfigError("pfx: expected bytes, base64 or a path") from exc
