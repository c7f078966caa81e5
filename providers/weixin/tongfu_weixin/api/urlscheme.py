"""
Links ``weixin://…`` that open the mini program from a text message, a mail or a page.

Source: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/qrcode-link/url-scheme/generateScheme.html
and …/queryScheme.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from tongfu.call import Call, Context
from tongfu.errors import InvalidParams
from tongfu.fields import OneOf, ParamsSchema, Rule, Text, Whole

from .expiry import Days, Type, Until, expiry, one_expiry
from .limits import Flag, PagePath, PageQuery
from .objects import named, problems
from .result import ApiItem, ApiResult, reads
from .send import Namespace, check, given


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme(ApiResult):
    """The link."""

    openlink: str
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkInfo(ApiItem):
    """Where a link leads. Times are Unix seconds; ``expire_time`` 0 is for ever."""

    appid: str
    path: str
    query: str
    create_time: int
    expire_time: int
    env_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaInfo(ApiItem):
    """How often links can still be opened today, all links of the app together."""

    remain_visit_quota: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemeQuery(ApiResult):
    """``scheme_info`` with ``query_type=0``, ``quota_info`` with 1."""

    scheme_info: LinkInfo | None = None
    quota_info: QuotaInfo | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class _JumpWxa(ParamsSchema):
    path = PagePath()
    query = PageQuery()
    env_version = OneOf(("release", "trial", "develop"))


class _Expiring(ParamsSchema):
    is_expire = Flag()
    expire_type = Type()
    expire_time = Until()
    expire_interval = Days()
    rules: ClassVar[tuple[Rule, ...]] = (one_expiry,)


class _Query(ParamsSchema):
    scheme = Text(2048, pattern=r"weixin://\S+", alphabet="a weixin:// link", required=True)
    query_type = Whole(0, 1)


_JUMP_WXA = _JumpWxa()
_EXPIRING = _Expiring()
_QUERY = _Query()


class Urlscheme(Namespace):
    """``weixin.urlscheme``."""

    async def generate(
        self,
        *,
        jump_wxa: Mapping[str, str] | None = None,
        is_expire: bool | None = None,
        expire_type: int | None = None,
        expire_time: datetime | int | None = None,
        expire_interval: int | None = None,
        access_token: str | None = None,
    ) -> Scheme:
        """
        Make a link; with the one for URL links an app makes 500,000 a day.

        *jump_wxa* has ``path``, ``query`` and ``env_version``, or nothing: the home page. It lives until
        *expire_time*, or for *expire_interval* days, 30 days at most; ``expire_type`` follows from which is given.
        The platform's page has dropped ``is_expire`` from its table and kept it in its examples: it travels if set.

        :raises PlatformRefused: 85079: the mini program has no released version.
        """
        operation = "urlscheme.generate"
        times = {
            "is_expire": is_expire,
            "expire_type": expire_type,
            "expire_time": expire_time,
            "expire_interval": expire_interval,
        }
        jump, wrong = ({}, {}) if jump_wxa is None else named(_JUMP_WXA, "jump_wxa", jump_wxa)
        wrong = {**problems(_EXPIRING, times), **wrong}
        if wrong:
            raise InvalidParams("weixin", operation, wrong)

        def begin(ctx: Context) -> Call[Scheme]:
            until = expiry(operation, expire_time, expire_interval, ctx.now)
            return self._call(
                operation,
                "POST",
                "/wxa/generatescheme",
                reads(Scheme),
                json={**given(jump_wxa=jump or None, is_expire=is_expire), **until},
                access_token=access_token,
            )

        return await self._caller.run(operation, begin)

    async def query(
        self, *, scheme: str, query_type: int | None = None, access_token: str | None = None
    ) -> SchemeQuery:
        """Where *scheme* leads (*query_type* 0, the platform's default), or how many visits are left today (1)."""
        operation = "urlscheme.query"
        asked = given(scheme=scheme, query_type=query_type)
        check(_QUERY, operation, asked)
        return await self._send(
            operation,
            "POST",
            "/wxa/queryscheme",
            reads(SchemeQuery),
            json=asked,
            access_token=access_token,
            read_only=True,
        )
