"""
APIv2 signatures.

Source: https://pay.weixin.qq.com/doc/v2/merchant/4011985891 "签名算法"
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

from tongfu.errors import ConfigError, SignatureError
from tongfu_weixin.account import WeixinAccount

LENGTHS: Final = {"MD5": 32, "HMAC-SHA256": 64}


def text(fields: Mapping[str, str]) -> bytes:
    """What is signed: every field but ``sign`` and the empty ones, sorted by name, values as they are."""
    return "&".join(
        [f"{name}={value}" for name in sorted(fields) if (value := fields[name]) and name != "sign"]
    ).encode()


def signature(account: WeixinAccount, payload: bytes, algorithm: str) -> str:
    """
    Sign with the account's key: upper-case hex.

    :raises ConfigError: the account has no key. An empty one would make a signature anybody can make.
    """
    if not account.key:
        raise ConfigError("weixin payments need key in the WeixinAccount; nothing was sent")
    key = account.key.encode()
    signed = payload + b"&key=" + key
    if algorithm == "MD5":
        return hashlib.md5(signed, usedforsecurity=False).hexdigest().upper()
    if algorithm == "HMAC-SHA256":
        return hmac.digest(key, signed, "sha256").hex().upper()
    raise ConfigError(f"sign_type: WeChat Pay v2 has no {algorithm}")


def matches(account: WeixinAccount, payload: bytes, claimed: str, algorithm: str) -> bool:
    """Whether *claimed* is the signature of *payload*, in constant time."""
    if len(claimed) != LENGTHS.get(algorithm) or not claimed.isascii():
        return False
    return hmac.compare_digest(signature(account, payload, algorithm), claimed)


def algorithm_of(fields: Mapping[str, str]) -> str:
    """
    The algorithm of a message: what it names, or what the length of its sign says, never another.

    Messages about an HMAC order are HMAC-signed but often name no ``sign_type``.

    :raises SignatureError: no signature, or an algorithm that WeChat Pay v2 does not have.
    """
    named = fields.get("sign_type", "")
    if named:
        if named not in LENGTHS:
            raise SignatureError("weixin: the message names a sign_type that is neither MD5 nor HMAC-SHA256")
        return named
    length = len(fields.get("sign", ""))
    for name, size in LENGTHS.items():
        if length == size:
            return name
    raise SignatureError("weixin: the message has no sign, or one of a wrong length")
