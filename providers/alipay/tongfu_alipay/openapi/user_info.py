"""
The profile that a user shares.

Source: https://opendocs.alipay.com/open/02aild "alipay.user.info.share"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from tongfu.call import Call, Caller, Context
from tongfu.errors import MalformedAnswer
from tongfu.model import Result
from tongfu_alipay.account import AlipayAccount
from tongfu_alipay.read import text

from . import limits

METHOD: Final = "alipay.user.info.share"
SHARED: Final = (
    *("avatar", "nick_name", "gender", "province", "city", "user_name", "mobile", "cert_type", "cert_no"),
    *("is_certified", "user_type", "user_status"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class User(Result):
    """
    What the app may see, in the platform's words; None for the rest. ``openid`` as in a ``Session``.

    ``gender`` is F or M, ``user_type`` 1 (a company) or 2 (a person), ``user_status`` Q, T, B or W.
    """

    seed_fields: ClassVar[tuple[str, ...]] = ("openid", *SHARED)
    openid: str = field(repr=False)
    open_id: str | None = field(default=None, repr=False)
    user_id: str | None = field(default=None, repr=False)
    avatar: str | None = field(default=None, repr=False)
    nick_name: str | None = field(default=None, repr=False)
    gender: str | None = field(default=None, repr=False)
    province: str | None = field(default=None, repr=False)
    city: str | None = field(default=None, repr=False)
    user_name: str | None = field(default=None, repr=False)
    mobile: str | None = field(default=None, repr=False)
    cert_type: str | None = field(default=None, repr=False)
    cert_no: str | None = field(default=None, repr=False)
    is_certified: str | None = None
    user_type: str | None = None
    user_status: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class UserInfo:
    def __init__(self, caller: Caller, account: AlipayAccount) -> None:
        self._caller = caller
        self._account = account

    async def share(self, access_token: str | None = None) -> User:
        """
        The user whose *access_token* (of a ``Session``) this is; the account's, where none is given.

        :raises CredentialRejected: the token is wrong, too old or withdrawn.
        :raises PermissionDenied: the token's scope is not auth_user.
        """
        token = self._account.access_token or None if access_token is None else access_token
        return await self._caller.run("user_info_share", lambda ctx: share(token))


def share(access_token: str | None) -> Call[User]:
    fields = limits.check(limits.USER, "user_info_share", access_token=access_token)
    return Call("user_info_share", METHOD, {"common": {"auth_token": fields["access_token"]}}, _user, read_only=True)


def _user(answer: Mapping[str, Any], ctx: Context) -> User:
    open_id, user_id = text(answer, "open_id"), text(answer, "user_id")
    openid = open_id or user_id
    if openid is None:
        raise MalformedAnswer("alipay: the answer has neither open_id nor user_id")
    shared: dict[str, str | None] = {name: text(answer, name) for name in SHARED}
    return User(openid=openid, open_id=open_id, user_id=user_id, raw=answer, **shared)
