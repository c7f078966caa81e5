"""
What a session_key is good for on the platform: whether it is valid, a new one, keys for encrypted traffic.

The session_key itself never travels: a signature shows that we have it.

Source: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/checkSessionKey.html,
…/user-info/internet/getUserEncryptKey.html and …/user-info/basic-info/checkEncryptedData.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tongfu.fields import OneOf, ParamsSchema, Text
from tongfu_weixin.session import signature_of

from .result import ApiItem, ApiResult, Done, reads, wire
from .send import Namespace, check


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetSession(ApiResult):
    """The user's new session_key; the old one is invalid."""

    openid: str = field(repr=False)
    session_key: str = field(repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginOpenpid(ApiResult):
    """Who uses a plugin: an id for this plugin only."""

    openpid: str = field(repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptedDataCheck(ApiResult):
    """Whether the platform made it (the wire calls the field ``vaild``), and when: Unix seconds."""

    valid: bool = wire("vaild")
    create_time: int | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptKey(ApiItem):
    """One key of a user: valid ``expire_in`` seconds more, made at ``create_time``, Unix seconds."""

    encrypt_key: str = field(repr=False)
    version: int
    expire_in: int
    iv: str = field(repr=False)
    create_time: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptKeys(ApiResult):
    """The user's last three keys, of 3,600 seconds each."""

    key_info_list: tuple[EncryptKey, ...]
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class _Signed(ParamsSchema):
    openid = Text(128, required=True)
    session_key = Text(64, pattern=r"[!-~]+", required=True)
    method = OneOf(("GET", "POST"))


class _Code(ParamsSchema):
    code = Text(512, required=True)


class _Encrypted(ParamsSchema):
    encrypted_data = Text(1 << 16, pattern=r"[A-Za-z0-9+/=]+", alphabet="base64", required=True)


_SIGNED = _Signed()
_CODE = _Code()
_ENCRYPTED = _Encrypted()


class SessionKeys(Namespace):
    """The part of ``weixin.auth`` that is about a login that was."""

    async def check_session(self, *, openid: str, session_key: str, access_token: str | None = None) -> Done:
        """
        Return if *session_key* is still valid.

        :raises SessionEnded: 87009, 87007: it is not.
        """
        operation = "auth.check_session"
        return await self._send(
            operation,
            "GET",
            "/wxa/checksession",
            reads(Done),
            query=_signed(operation, openid, session_key),
            access_token=access_token,
            read_only=True,
        )

    async def reset_session_key(
        self, *, openid: str, session_key: str, access_token: str | None = None
    ) -> ResetSession:
        """
        Replace the user's session_key. After ``OutcomeUnknown`` neither key is known: the client has to log in.

        :raises SessionEnded: 87009, 87007: *session_key* is not valid any more.
        """
        operation = "auth.reset_session_key"
        return await self._send(
            operation,
            "GET",
            "/wxa/resetusersessionkey",
            reads(ResetSession),
            query=_signed(operation, openid, session_key),
            access_token=access_token,
        )

    async def get_plugin_openpid(self, code: str, *, access_token: str | None = None) -> PluginOpenpid:
        """Exchange the code of ``wx.pluginLogin``, which lives five minutes and works once."""
        operation = "auth.get_plugin_openpid"
        check(_CODE, operation, {"code": code})
        return await self._send(
            operation,
            "POST",
            "/wxa/getpluginopenpid",
            reads(PluginOpenpid),
            json={"code": code},
            access_token=access_token,
        )

    async def check_encrypted_data(self, encrypted_data: str, *, access_token: str | None = None) -> EncryptedDataCheck:
        """
        Ask whether the platform made this ``encryptedData`` (of a phone number) in the last three days.

        *encrypted_data* is the text as the client got it; only its SHA-256 travels.

        :raises PlatformRefused: 1: unknown to the platform, older, or of another app.
        """
        operation = "auth.check_encrypted_data"
        check(_ENCRYPTED, operation, {"encrypted_data": encrypted_data})
        return await self._send(
            operation,
            "POST",
            "/wxa/business/checkencryptedmsg",
            reads(EncryptedDataCheck),
            json={"encrypted_msg_hash": hashlib.sha256(encrypted_data.encode()).hexdigest()},
            access_token=access_token,
            read_only=True,
        )

    async def get_user_encrypt_key(
        self, *, openid: str, session_key: str, method: str = "POST", access_token: str | None = None
    ) -> EncryptKeys:
        """
        The keys with which the client encrypts its traffic (``wx.getUserCryptoManager``).

        The platform's reference says GET, its guide and its users say POST with nothing in the body: *method* is
        either.

        :raises SessionEnded: 87009, 87007: *session_key* is not valid any more.
        """
        operation = "auth.get_user_encrypt_key"
        check(_SIGNED, operation, {"openid": openid, "session_key": session_key, "method": method})
        return await self._send(
            operation,
            method,
            "/wxa/business/getuserencryptkey",
            reads(EncryptKeys),
            query=_signed(operation, openid, session_key),
            access_token=access_token,
            read_only=True,
        )


def _signed(operation: str, openid: str, session_key: str) -> dict[str, str]:
    """The platform's table puts these into the body of a GET; its example, and this, into the query."""
    check(_SIGNED, operation, {"openid": openid, "session_key": session_key})
    return {"openid": openid, "signature": signature_of(session_key), "sig_method": "hmac_sha256"}
