"""
Content encryption: AES-128-CBC under the app's content key, base64.

The IV is all zeros, so this hides content and proves nothing: whoever reads must have verified the signature first.
Source: https://opendocs.alipay.com/common/02mse3 "接口内容加密方式"
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tongfu.errors import ConfigError, MalformedAnswer

_BLOCK: Final = 16  # bytes


def encrypt(encrypt_key: str, plain: bytes) -> str:
    """
    Base64 on one line. Equal content gives equal text.

    :raises ConfigError: encrypt_key is not the base64 of 16 bytes.
    """
    padder = padding.PKCS7(_BLOCK * 8).padder()
    padded = padder.update(plain) + padder.finalize()
    encryptor = _cipher(encrypt_key).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode("ascii")


def decrypt(encrypt_key: str, text: str) -> bytes:
    """
    Read what ``encrypt`` wrote. Every byte of the padding is checked.

    :raises ConfigError: encrypt_key is not the base64 of 16 bytes.
    :raises MalformedAnswer: not encrypted with this key; the message never says how it shows.
    """
    cipher = _cipher(encrypt_key)
    unpadder = padding.PKCS7(_BLOCK * 8).unpadder()
    try:
        decryptor = cipher.decryptor()
        padded = decryptor.update(base64.b64decode(text, validate=True)) + decryptor.finalize()
        return unpadder.update(padded) + unpadder.finalize()
    except (binascii.Error, ValueError):
        raise MalformedAnswer("alipay: the content cannot be decrypted with the account's encrypt_key") from None


def _cipher(encrypt_key: str) -> Cipher[modes.CBC]:
    try:
        key = base64.b64decode("".join(encrypt_key.split()), validate=True)
    except (AttributeError, TypeError, binascii.Error, ValueError):
        key = b""
    if len(key) != _BLOCK:
        raise ConfigError("encrypt_key: expected the app's content encryption key from the console, base64 of 16 bytes")
    return Cipher(algorithms.AES(key), modes.CBC(bytes(_BLOCK)))
