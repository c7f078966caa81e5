"""
Links ``https://wxaurl.cn/…`` that open the mini program from a text message, a mail or a page.

Source: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/qrcode-link/url-link/generateUrlLink.html
and …/queryUrlLink.html
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
from .limits import Link, PagePath, PageQuery
from .objects import named, problems
from .result import ApiResult, reads
from .send import Namespace, check, given
from .urlscheme import LinkInfo, QuotaInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlLink(ApiResult):
    """The link."""

    url_link: str
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlLinkQuery(ApiResult):
    """``url_link_info`` with ``query_type=0``, ``quota_info`` with 1."""

    url_link_info: LinkInfo | None = None
    quota_info: QuotaInfo | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class _Generate(ParamsSchema):
    path = PagePath()
    query = PageQuery()
    env_version = OneOf(("release", "trial", "develop"))
    expire_type = Type()
    expire_time = Until()
    expire_interval = Days()
    rules: ClassVar[tuple[Rule, ...]] = (one_expiry,)


class _CloudBase(ParamsSchema):
    env = Text(256, required=True)
    domain = Text(256)
    path = PagePath()
    query = PageQuery()
    resource_appid = Text(64)


class _Query(ParamsSchema):
    url_link = Link(required=True)
    query_type = Whole(0, 1)


_GENERATE = _Generate()
_CLOUD_BASE = _CloudBase()
_QUERY = _Query()


class Urllink(Namespace):
    """``weixin.urllink``."""

    async def generate(
        self,
        *,
        path: str | None = None,
        query: str | None = None,
        env_version: str | None = None,
        expire_type: int | None = None,
        expire_time: datetime | int | None = None,
        expire_interval: int | None = None,
        cloud_base: Mapping[str, str] | None = None,
        access_token: str | None = None,
    ) -> UrlLink:
        """
        Make a link; with those of ``urlscheme`` an app makes 500,000 a day.

        Without *path* it opens the home page. It lives until *expire_time*, or for *expire_interval* days, 30 days
        at most; ``expire_type`` follows from which is given. *cloud_base* (``env``, ``domain``, ``path``, ``query``,
        ``resource_appid``) is a page of yours in between.

        :raises PlatformRefused: 85079: the mini program has no released version.
        """
        operation = "urllink.generate"
        page = {"path": path, "query": query, "env_version": env_version}
        times = {"expire_type": expire_type, "expire_time": expire_time, "expire_interval": expire_interval}
        cloud, wrong = ({}, {}) if cloud_base is None else named(_CLOUD_BASE, "cloud_base", cloud_base)
        wrong = {**problems(_GENERATE, {**page, **times}), **wrong}
        if wrong:
            raise InvalidParams("weixin", operation, wrong)

        def begin(ctx: Context) -> Call[UrlLink]:
            until = expiry(operation, expire_time, expire_interval, ctx.now)
            return self._call(
                operation,
                "POST",
                "/wxa/generate_urllink",
                reads(UrlLink),
                json={**given(**page), **until, **given(cloud_base=cloud or None)},
                access_token=access_token,
            )

        return await self._caller.run(operation, begin)

    async def query(
        self, *, url_link: str, query_type: int | None = None, access_token: str | None = None
    ) -> UrlLinkQuery:
        """Where *url_link* leads (*query_type* 0, the platform's default), or how many visits are left today (1)."""
        operation = "urllink.query"
        asked = given(url_link=url_link, query_type=query_type)
        check(_QUERY, operation, asked)
        return await self._send(
            operation,
            "POST",
            "/wxa/query_urllink",
            reads(UrlLinkQuery),
            json=asked,
            access_token=access_token,
            read_only=True,
        )
