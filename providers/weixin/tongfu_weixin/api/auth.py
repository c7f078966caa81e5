"""
Login, tokens and sessions.

Source: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/user-login/code2Session.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any, ClassVar

from tongfu.fields import ParamsSchema, Rule, Text

from .result import ApiResult, read, reads
from .send import build, check, given
from .session import SessionKeys
from .wire import TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(ApiResult):
    """
    Who logged in. ``session_key`` is base64 of 16 bytes and stays on the server.

    ``unionid`` is there where the app is bound to an open-platform account.
    """

    openid: str = field(repr=False)
    session_key: str = field(repr=False)
    unionid: str | None = field(default=None, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken(ApiResult):
    """A token that calls take now. ``expires_in`` is the seconds it has left."""

    access_token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidUnionId(ApiResult):
    """The unionid of a user who has paid."""

    unionid: str = field(repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class _Code(ParamsSchema):
    code = Text(512, required=True)


def _one_order(params: Any) -> Mapping[str, str]:
    by_merchant = params.mch_id is not None or params.out_trade_no is not None
    if by_merchant == (params.transaction_id is not None):
        text = "expected transaction_id, or mch_id with out_trade_no"
        return dict.fromkeys(("transaction_id", "mch_id", "out_trade_no"), text)
    if by_merchant and (params.mch_id is None or params.out_trade_no is None):
        missing = "mch_id" if params.mch_id is None else "out_trade_no"
        return {missing: "missing; mch_id and out_trade_no go together"}
    return {}


class _PaidOrder(ParamsSchema):
    openid = Text(128, required=True)
    transaction_id = Text(32)
    mch_id = Text(32)
    out_trade_no = Text(32)
    rules: ClassVar[tuple[Rule, ...]] = (_one_order,)


_CODE = _Code()
_PAID_ORDER = _PaidOrder()


class Auth(SessionKeys):
    """``weixin.auth``."""

    async def code2session(self, code: str) -> Session:
        """
        Exchange the code of ``wx.login`` for the user's openid and session_key.

        A code lives five minutes and works once, also when the answer is lost: after ``OutcomeUnknown`` ask
        the client for a new one.

        :raises CodeRejected: 40029, 40163: wrong, too old, used before.
        :raises RateLimited: 45011: more than 100 logins of this user in a minute.
        """
        operation = "auth.code2session"
        check(_CODE, operation, {"code": code})
        account = self._account
        account.need(operation, "secret")
        query = {
            "appid": account.app_id,
            "secret": account.secret,
            "js_code": code,
            "grant_type": "authorization_code",
        }
        call = build(operation, "GET", "/sns/jscode2session", lambda answer, ctx: read(Session, answer), query=query)
        return await self._caller.run(operation, lambda ctx: call)

    code2_session = code2session

    async def get_openid(self, code: str) -> Session:
        """The seed's name for ``code2session``."""
        return await self.code2session(code)

    async def get_access_token(self) -> AccessToken:
        """
        The token that tongfu keeps for this app, fetched where none is kept: for a program of yours that needs it too.

        Calls of this library fetch and renew it by themselves.

        :raises ConfigError: the account has no secret.
        :raises CredentialRejected: the platform refuses app_id or secret.
        """
        self._account.need("auth.get_access_token", "secret")
        kept = await self._caller.credential(TOKEN)
        left = (kept.expires_at or self._caller.now()) - self._caller.now()
        return AccessToken(access_token=kept.value, expires_in=ceil(left.total_seconds()))

    async def get_paid_union_id(
        self,
        *,
        openid: str,
        transaction_id: str | None = None,
        mch_id: str | None = None,
        out_trade_no: str | None = None,
        access_token: str | None = None,
    ) -> PaidUnionId:
        """
        The unionid of a user within five minutes of a payment, without asking the user.

        Name the payment by ``transaction_id``, or by ``mch_id`` and ``out_trade_no``.

        :raises OrderNotFound: 89300: no such payment.
        """
        query = given(openid=openid, transaction_id=transaction_id, mch_id=mch_id, out_trade_no=out_trade_no)
        check(_PAID_ORDER, "auth.get_paid_union_id", query)
        return await self._send(
            "auth.get_paid_union_id",
            "GET",
            "/wxa/getpaidunionid",
            reads(PaidUnionId),
            query=query,
            access_token=access_token,
            read_only=True,
        )
