"""
How message pushes are signed and encrypted: pure functions, both ways.

Source: https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html "消息推送"
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tongfu.errors import ConfigError, SignatureError

_BLOCK: Final = 32  # PKCS#7 in blocks of 32 bytes, although AES has blocks of 16
_HEAD: Final = 20  # 16 random bytes and the message's length
_AES_KEY: Final = re.compile(r"[0-9A-Za-z+/]{43}", re.ASCII)
_UNDECIPHERED: Final = "weixin: the message was not encrypted with this account's push_aes_key; use nothing of it"


def signature(token: str, *parts: str) -> str:
    """
    Lower-case hex of SHA-1 over the token and *parts*, sorted and joined.

    *parts* are timestamp and nonce (``signature``), or those and the encrypted text (``msg_signature``).
    """
    text = "".join(sorted((token, *parts))).encode()
    return hashlib.sha1(text, usedforsecurity=False).hexdigest()


def matches(claimed: str, token: str, *parts: str) -> bool:
    """Whether *claimed* is their signature, in constant time."""
    return claimed.isascii() and hmac.compare_digest(signature(token, *parts), claimed)


def aes_key(encoding_aes_key: str) -> bytes:
    """
    The 32 bytes of an EncodingAESKey.

    :raises ConfigError: it is not 43 characters of base64.
    """
    if not isinstance(encoding_aes_key, str) or _AES_KEY.fullmatch(encoding_aes_key) is None:
        raise ConfigError("push_aes_key: expected the EncodingAESKey, 43 letters and digits")
    # Not strictly: the last character's two spare bits are whatever the console drew.
    return base64.b64decode(encoding_aes_key + "=")


def encrypt(key: bytes, message: bytes, app_id: str, random: bytes) -> str:
    """
    What goes into ``Encrypt``: base64 of *random* (16 bytes, new for each message), length, message, app id.

    :raises ValueError: *random* is not 16 bytes.
    """
    if len(random) != 16:
        raise ValueError("expected 16 random bytes")
    plain = random + len(message).to_bytes(4, "big") + message + app_id.encode()
    pad = _BLOCK - len(plain) % _BLOCK
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()).decode("ascii")


def decrypt(key: bytes, encrypted: str, app_id: str) -> bytes:
    """
    The message in an ``Encrypt`` whose ``msg_signature`` was verified.

    :raises SignatureError: it does not decrypt, or is for another app.
    """
    try:
        sealed = base64.b64decode(encrypted, validate=True)
    except (binascii.Error, ValueError):
        raise SignatureError(_UNDECIPHERED) from None
    if not sealed or len(sealed) % 16:
        raise SignatureError(_UNDECIPHERED)
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    plain = decryptor.update(sealed) + decryptor.finalize()
    pad = plain[-1]
    if not 1 <= pad <= _BLOCK or plain[-pad:] != bytes([pad]) * pad:
        raise SignatureError(_UNDECIPHERED)
    plain = plain[:-pad]
    end = _HEAD + int.from_bytes(plain[16:_HEAD], "big")
    if end > len(plain):
        raise SignatureError(_UNDECIPHERED)
    if plain[end:] != app_id.encode():
        raise SignatureError("weixin: the message was pushed to another app than this account's app_id")
    return plain[_HEAD:end]
