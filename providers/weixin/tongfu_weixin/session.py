"""
What a client brings with its session_key: encrypted user data, signed user data, signatures of the session.

Nothing here does I/O. The session_key stays on the server: it never goes to the client.

Source: https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/signature.html "服务端获取开放数据"
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tongfu.errors import InvalidParams, MalformedAnswer, SignatureError
from tongfu.model import Result

from . import strict_json
from .errors import StaleSessionKey

DATA_LIMIT: Final = 64 << 10  # characters; the longest documented payload, 31 days of steps, has some 3,000
SKEW: Final = 300.0  # seconds that WeChat's clock may be ahead of ours


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneNumber(Result):
    """A user's phone number. ``timestamp``: when the user gave it, seconds since 1970."""

    seed_fields: ClassVar[tuple[str, ...]] = ("phone_number", "pure_phone_number", "country_code")
    phone_number: str = field(repr=False)
    pure_phone_number: str = field(repr=False)
    country_code: str
    timestamp: int | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserProfile(Result):
    """A user as the client's getUserInfo tells. ``gender``: 0 unknown, 1 male, 2 female."""

    seed_fields: ClassVar[tuple[str, ...]] = (
        "open_id",
        "nick_name",
        "gender",
        "language",
        "city",
        "province",
        "country",
        "avatar_url",
        "union_id",
    )
    open_id: str = field(repr=False)
    nick_name: str | None = field(default=None, repr=False)
    gender: int | None = None
    language: str | None = None
    city: str | None = None
    province: str | None = None
    country: str | None = None
    avatar_url: str | None = field(default=None, repr=False)
    union_id: str | None = field(default=None, repr=False)
    timestamp: int | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareTicket(Result):
    """The group that a card was shared to: ``open_g_id`` names it for this app only."""

    seed_fields: ClassVar[tuple[str, ...]] = ("open_g_id",)
    open_g_id: str = field(repr=False)
    timestamp: int | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


def decrypt(
    encrypted_data: str,
    iv: str,
    session_key: str,
    *,
    app_id: str,
    now: datetime | None = None,
    max_age: float | None = None,
) -> Mapping[str, Any]:
    """
    Open ``encryptedData`` as the client got it, and check that its watermark bears *app_id*.

    :param max_age: seconds since the watermark's timestamp, at most; it needs *now*. An old payload that is
        sent again is authentic, so set it where the data is to be fresh.
    :raises InvalidParams: an argument is not of its form; it is named.
    :raises StaleSessionKey: it does not decrypt.
    :raises SignatureError: it was made for another app, or is older than *max_age*.
    """
    key, vector, sealed = _arguments(encrypted_data, iv, session_key, app_id, now, max_age)
    found = _opened(key, vector, sealed)
    watermark = found.get("watermark")
    if not isinstance(watermark, dict) or watermark.get("appid") != app_id:
        raise SignatureError("weixin: the user data's watermark is not of this app; use nothing of it")
    if max_age is not None and now is not None:
        made = _timestamp(found)
        if made is None:
            raise MalformedAnswer("weixin: the user data's watermark has no timestamp")
        if not -SKEW <= now.timestamp() - made <= max_age:
            raise SignatureError(f"weixin: the user data is older than {max_age:g} seconds, or from the future")
    return found


def decrypt_phone(
    encrypted_data: str,
    iv: str,
    session_key: str,
    *,
    app_id: str,
    now: datetime | None = None,
    max_age: float | None = None,
) -> PhoneNumber:
    """
    As ``decrypt``, for what the getPhoneNumber button gives.

    :raises MalformedAnswer: authentic, but not a phone number.
    """
    found = decrypt(encrypted_data, iv, session_key, app_id=app_id, now=now, max_age=max_age)
    return PhoneNumber(
        phone_number=_text(found, "phoneNumber"),
        pure_phone_number=_text(found, "purePhoneNumber"),
        country_code=_text(found, "countryCode"),
        timestamp=_timestamp(found),
        raw=found,
    )


def decrypt_user(
    encrypted_data: str,
    iv: str,
    session_key: str,
    *,
    app_id: str,
    now: datetime | None = None,
    max_age: float | None = None,
) -> UserProfile:
    """
    As ``decrypt``, for what wx.getUserInfo gives.

    :raises MalformedAnswer: authentic, but not a user.
    """
    found = decrypt(encrypted_data, iv, session_key, app_id=app_id, now=now, max_age=max_age)
    gender = found.get("gender")
    return UserProfile(
        open_id=_text(found, "openId"),
        nick_name=_maybe(found, "nickName"),
        gender=gender if type(gender) is int else None,
        language=_maybe(found, "language"),
        city=_maybe(found, "city"),
        province=_maybe(found, "province"),
        country=_maybe(found, "country"),
        avatar_url=_maybe(found, "avatarUrl"),
        union_id=_maybe(found, "unionId"),
        timestamp=_timestamp(found),
        raw=found,
    )


def decrypt_share(
    encrypted_data: str,
    iv: str,
    session_key: str,
    *,
    app_id: str,
    now: datetime | None = None,
    max_age: float | None = None,
) -> ShareTicket:
    """
    As ``decrypt``, for what wx.getShareInfo gives.

    :raises MalformedAnswer: authentic, but not a share.
    """
    found = decrypt(encrypted_data, iv, session_key, app_id=app_id, now=now, max_age=max_age)
    return ShareTicket(open_g_id=_text(found, "openGId"), timestamp=_timestamp(found), raw=found)


def check_raw_data(raw_data: str, signature: str, session_key: str) -> None:
    """
    Go on only if *signature* is WeChat's over *raw_data*, which is the text exactly as the client got it.

    :raises SignatureError: it is not; a session_key that a later wx.login replaced looks the same.
    """
    problems = _key_problem(session_key)
    encoded = _utf8(raw_data)
    if encoded is None or len(encoded) > DATA_LIMIT:
        problems["raw_data"] = f"expected the client's rawData as a str of at most {DATA_LIMIT} bytes"
    if not _is(str, signature):
        problems["signature"] = "expected the client's signature as a str"
    if problems or encoded is None:
        raise InvalidParams("weixin", "check_raw_data", problems)
    # The session_key as it is: it is not decoded here.
    digest = hashlib.sha1(encoded + session_key.encode(), usedforsecurity=False).hexdigest()
    if not signature.isascii() or not hmac.compare_digest(digest, signature):
        raise SignatureError("weixin: rawData is not signed with this session_key; use nothing of it")


def signature_of(session_key: str, message: bytes = b"") -> str:
    """The session's signature over *message*: lower-case hex, HMAC-SHA256. checksession signs the empty message."""
    problems = _key_problem(session_key)
    if not _is(bytes, message):
        problems["message"] = "expected bytes"
    if problems:
        raise InvalidParams("weixin", "signature_of", problems)
    return hmac.digest(session_key.encode(), message, "sha256").hex()


def _arguments(
    encrypted_data: str, iv: str, session_key: str, app_id: str, now: datetime | None, max_age: float | None
) -> tuple[bytes, bytes, bytes]:
    key, vector, sealed = _decoded(session_key, 64), _decoded(iv, 64), _decoded(encrypted_data, DATA_LIMIT)
    problems = {}
    if sealed is None:
        problems["encrypted_data"] = f"expected base64 of at most {DATA_LIMIT} characters"
    if vector is None or len(vector) != 16:
        problems["iv"] = "expected base64 of 16 bytes"
    if key is None or len(key) != 16:
        problems["session_key"] = "expected base64 of 16 bytes, as code2session answers it"
    if not isinstance(app_id, str) or not app_id:
        problems["app_id"] = "expected the app's id"
    if max_age is not None:
        if isinstance(max_age, bool) or not isinstance(max_age, int | float) or not 0 < max_age < float("inf"):
            problems["max_age"] = "expected seconds, more than 0"
        if not isinstance(now, datetime) or now.utcoffset() is None:
            problems["now"] = "expected the current time with a zone, as max_age is given"
    if problems or key is None or vector is None or sealed is None:
        raise InvalidParams("weixin", "decrypt", problems)
    return key, vector, sealed


def _opened(key: bytes, vector: bytes, sealed: bytes) -> dict[str, Any]:
    if not sealed or len(sealed) % 16:
        raise StaleSessionKey
    decryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).decryptor()
    plain = decryptor.update(sealed) + decryptor.finalize()
    pad = plain[-1]
    if not 1 <= pad <= 16 or plain[-pad:] != bytes([pad]) * pad:
        raise StaleSessionKey
    try:
        return strict_json.load(plain[:-pad])
    except MalformedAnswer:
        raise StaleSessionKey from None


def _is(kind: type[Any], value: Any) -> bool:
    return isinstance(value, kind)


def _decoded(text: Any, most: int) -> bytes | None:
    if not isinstance(text, str) or not text or len(text) > most:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _utf8(text: Any) -> bytes | None:
    try:
        return text.encode() if isinstance(text, str) else None
    except UnicodeEncodeError:
        return None


def _key_problem(session_key: Any) -> dict[str, str]:
    good = isinstance(session_key, str) and 0 < len(session_key) <= 64 and session_key.isascii()
    return {} if good else {"session_key": "expected the session_key as code2session answers it"}


def _timestamp(found: Mapping[str, Any]) -> int | None:
    made = found["watermark"].get("timestamp")
    return made if type(made) is int and 0 <= made < 1 << 40 else None


def _maybe(found: Mapping[str, Any], name: str) -> str | None:
    value = found.get(name)
    return value if isinstance(value, str) else None


def _text(found: Mapping[str, Any], name: str) -> str:
    value = _maybe(found, name)
    if value is None:
        raise MalformedAnswer(f"weixin: the user data is authentic, but has no {name}")
    return value
