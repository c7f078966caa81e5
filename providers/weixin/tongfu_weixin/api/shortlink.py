"""
Short links that open the mini program from inside WeChat.

Source: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/qrcode-link/short-link/generateShortLink.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tongfu.fields import ParamsSchema, Text

from .limits import Flag
from .result import ApiResult, reads
from .send import Namespace, check, given


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortLink(ApiResult):
    """The text to share, such as ``#小程序://…``."""

    link: str
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class _Generate(ParamsSchema):
    page_url = Text(1024, required=True)
    page_title = Text(20)
    is_permanent = Flag()


_GENERATE = _Generate()


class Shortlink(Namespace):
    """``weixin.shortlink``."""

    async def generate(
        self,
        *,
        page_url: str,
        page_title: str | None = None,
        is_permanent: bool | None = None,
        access_token: str | None = None,
    ) -> ShortLink:
        """
        Make a link to *page_url*, a path that may have a query. It lives for 30 days.

        One that is permanent uses up the app's 100,000 in its whole life.

        :raises PlatformRefused: 40066: the released version has no such page; 85400: the 100,000 are used up.
        """
        operation = "shortlink.generate"
        told = given(page_url=page_url, page_title=page_title, is_permanent=is_permanent)
        check(_GENERATE, operation, told)
        return await self._send(
            operation, "POST", "/wxa/genwxashortlink", reads(ShortLink), json=told, access_token=access_token
        )
