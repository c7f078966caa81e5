"""
Logging a user in, and acting for a merchant who allowed it.

Source: https://opendocs.alipay.com/open/02ailc "alipay.system.oauth.token", and the page of alipay.open.auth.token.app
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from tongfu.call import Call, Caller, Context
from tongfu.errors import MalformedAnswer
from tongfu.model import Result
from tongfu_alipay.read import items, required, text
from tongfu_alipay.wire import NO_CODE as OAUTH_TOKEN

from . import limits
from .read import seconds

METHOD: Final = "alipay.open.auth.token.app"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Result):
    """
    Who logged in. ``openid`` is ``open_id`` where the app has such, else ``user_id``.

    ``expires_in`` and ``re_expires_in`` are seconds from now until the tokens die, None where the platform
    says none. ``to_camel()`` is the seed's document, for the client: it holds no token.
    """

    seed_fields: ClassVar[tuple[str, ...]] = ("openid",)
    openid: str = field(repr=False)
    open_id: str | None = field(default=None, repr=False)
    user_id: str | None = field(default=None, repr=False)
    union_id: str | None = field(default=None, repr=False)
    access_token: str = field(repr=False)
    expires_in: int | None = None
    refresh_token: str | None = field(default=None, repr=False)
    re_expires_in: int | None = None
    auth_start: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppAuthToken(Result):
    """
    What an ISV acts for a merchant with: ``app_auth_token`` of an AlipayAccount or of one ``call``.

    Of several apps authorised at once each is in ``tokens``, and the first is repeated here.
    """

    seed_fields: ClassVar[tuple[str, ...]] = ("auth_app_id", "user_id", "expires_in", "re_expires_in", "tokens")
    auth_app_id: str
    app_auth_token: str = field(repr=False)
    app_refresh_token: str | None = field(default=None, repr=False)
    user_id: str | None = field(default=None, repr=False)
    expires_in: int | None = None
    re_expires_in: int | None = None
    tokens: tuple[AppAuthToken, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class Auth:
    """Codes and refresh tokens work once, so none of these calls is ever resent."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def code2session(self, code: str) -> Session:
        """
        Who the user is, from the code of ``my.getAuthCode`` or ``uni.login``.

        :raises CodeRejected: the code is wrong, too old (it lives three minutes to a day) or used; ask for a new one.
        :raises OutcomeUnknown: no usable answer came. The code may be used up: ask for a new one.
        """
        return await self._caller.run("code2session", lambda ctx: code2session(code))

    get_openid = code2_session = code2session

    async def refresh(self, refresh_token: str) -> Session:
        """
        New tokens for a session; the old ones die at once, and ``re_expires_in`` goes on shrinking.

        :raises CredentialRejected: the token is wrong, too old or used; the user logs in again.
        :raises OutcomeUnknown: no usable answer came; the old tokens may be dead.
        """
        return await self._caller.run("refresh", lambda ctx: refresh(refresh_token))

    async def get_app_auth_token(self, code: str) -> AppAuthToken:
        """
        For ISVs: what a merchant's authorisation (``app_auth_code``) gives.

        :raises CodeRejected: the code is wrong, too old or used; the merchant authorises again.
        """
        return await self._caller.run("get_app_auth_token", lambda ctx: get_app_auth_token(code))

    async def refresh_app_auth_token(self, refresh_token: str) -> AppAuthToken:
        """:raises CredentialRejected: the app_refresh_token is wrong, too old or used."""
        return await self._caller.run("refresh_app_auth_token", lambda ctx: refresh_app_auth_token(refresh_token))


def code2session(code: str) -> Call[Session]:
    fields = limits.check(limits.CODE, "code2session", code=code)
    return Call("code2session", OAUTH_TOKEN, {"common": {"grant_type": "authorization_code", **fields}}, _session)


def refresh(refresh_token: str) -> Call[Session]:
    fields = limits.check(limits.REFRESH, "refresh", refresh_token=refresh_token)
    return Call("refresh", OAUTH_TOKEN, {"common": {"grant_type": "refresh_token", **fields}}, _session)


def get_app_auth_token(code: str) -> Call[AppAuthToken]:
    fields = limits.check(limits.CODE, "get_app_auth_token", code=code)
    return _app_token("get_app_auth_token", {"grant_type": "authorization_code", **fields})


def refresh_app_auth_token(refresh_token: str) -> Call[AppAuthToken]:
    fields = limits.check(limits.REFRESH, "refresh_app_auth_token", refresh_token=refresh_token)
    return _app_token("refresh_app_auth_token", {"grant_type": "refresh_token", **fields})


def _app_token(operation: str, content: Mapping[str, Any]) -> Call[AppAuthToken]:
    # The ISV asks as itself, also where its account acts for a merchant otherwise.
    return Call(operation, METHOD, {"common": {"app_auth_token": ""}, "biz_content": content}, _app_auth_token)


def _session(answer: Mapping[str, Any], ctx: Context) -> Session:
    open_id, user_id = text(answer, "open_id"), text(answer, "user_id")
    openid = open_id or user_id
    if openid is None:
        raise MalformedAnswer("alipay: the answer has neither open_id nor user_id")
    return Session(
        openid=openid,
        open_id=open_id,
        user_id=user_id,
        union_id=text(answer, "union_id"),
        access_token=required(answer, "access_token"),
        expires_in=seconds(answer, "expires_in"),
        refresh_token=text(answer, "refresh_token"),
        re_expires_in=seconds(answer, "re_expires_in"),
        auth_start=text(answer, "auth_start"),
        raw=answer,
    )


def _app_auth_token(answer: Mapping[str, Any], ctx: Context) -> AppAuthToken:
    tokens = tuple(_one_app(item) for item in items(answer, "tokens"))
    first = answer if "app_auth_token" in answer or not tokens else tokens[0].raw
    return _one_app(first, tokens, answer)


def _one_app(
    fields: Mapping[str, Any], tokens: tuple[AppAuthToken, ...] = (), raw: Mapping[str, Any] | None = None
) -> AppAuthToken:
    return AppAuthToken(
        auth_app_id=required(fields, "auth_app_id"),
        app_auth_token=required(fields, "app_auth_token"),
        app_refresh_token=text(fields, "app_refresh_token"),
        user_id=text(fields, "user_id"),
        expires_in=seconds(fields, "expires_in"),
        re_expires_in=seconds(fields, "re_expires_in"),
        tokens=tokens,
        raw=fields if raw is None else raw,
    )
