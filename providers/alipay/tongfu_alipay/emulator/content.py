"""
Content encryption from the platform's side: AES-128-CBC under the app's key, an IV of zeros, base64.

Written from the documentation alone, not from the client beside it.
"""

from __future__ import annotations

import base64
import binascii

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


def encrypted(key: bytes, text: str) -> str:
    content = text.encode()
    missing = 16 - len(content) % 16
    encryptor = Cipher(algorithms.AES(key), modes.CBC(b"\0" * 16)).encryptor()
    return base64.b64encode(encryptor.update(content + bytes([missing]) * missing) + encryptor.finalize()).decode()


def decrypted(key: bytes, text: str) -> str:
    """:raises ValueError: not encrypted with that key."""
    try:
        sealed = base64.b64decode(text, validate=True)
    except binascii.Error as exc:
        raise ValueError("not base64") from exc
    decryptor = Cipher(algorithms.AES(key), modes.CBC(b"\0" * 16)).decryptor()
    padded = decryptor.update(sealed) + decryptor.finalize()
    missing = padded[-1] if padded else 0
    if not 1 <= missing <= 16 or padded[-missing:] != bytes([missing]) * missing:
        raise ValueError("the padding is wrong")
    return padded[:-missing].decode()
