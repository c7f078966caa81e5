"""
Whether what a user wrote or uploaded may be shown.

Source: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/sec-center/sec-check/msgSecCheck.html
and …/mediaCheckAsync.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from tongfu.fields import ParamsSchema, Rule, Text, Whole

from .limits import Link
from .result import ApiItem, ApiResult, reads
from .send import Namespace, check, given

PROFILE: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion(ApiItem):
    """
    What to do: ``pass``, ``review`` (let a person look) or ``risky``, and why.

    ``label``: 100 nothing found, 10001 advertising, 20001 politics, 20002 pornography, 20003 abuse, 20006 crime,
    20008 fraud, 20012 vulgarity, 20013 copyright, 21000 other.
    """

    suggest: str
    label: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(ApiItem):
    """What one strategy found; if its ``errcode`` is not 0 it found nothing out. ``prob`` is 0 to 100."""

    strategy: str
    errcode: int
    suggest: str | None = None
    label: int | None = None
    prob: float | None = None
    level: int | None = None
    keyword: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MsgSecCheck(ApiResult):
    """The verdict on a text: risky text is an answer and not an error."""

    result: Suggestion
    detail: tuple[Finding, ...] = ()
    trace_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def passed(self) -> bool:
        """The platform says ``pass``, and no other word."""
        return self.result.suggest == "pass"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaCheck(ApiResult):
    """The check has begun; the push ``wxa_media_check`` with this ``trace_id`` tells within 30 minutes."""

    trace_id: str
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


def _signature_of_a_profile(params: Any) -> Mapping[str, str]:
    if params.signature is not None and params.scene != PROFILE:
        return {"signature": "expected only with scene=1; elsewhere the platform does not look at it"}
    return {}


class _Message(ParamsSchema):
    content = Text(2500, required=True)
    scene = Whole(1, 4, required=True)
    openid = Text(128, required=True)
    title = Text(2500)
    nickname = Text(2500)
    signature = Text(2500)
    rules: ClassVar[tuple[Rule, ...]] = (_signature_of_a_profile,)


class _Media(ParamsSchema):
    media_url = Link(required=True)
    media_type = Whole(1, 2, required=True)
    scene = Whole(1, 4, required=True)
    openid = Text(128, required=True)


_MESSAGE = _Message()
_MEDIA = _Media()


class Security(Namespace):
    """``weixin.security``. *scene*: 1 profile, 2 comment, 3 forum, 4 social log. *openid*: who made it."""

    async def msg_sec_check(
        self,
        *,
        content: str,
        scene: int,
        openid: str,
        title: str | None = None,
        nickname: str | None = None,
        signature: str | None = None,
        access_token: str | None = None,
    ) -> MsgSecCheck:
        """
        Look at a text of at most 2,500 characters; *signature* is a profile's motto.

        :raises PlatformRefused: 61010: the user has not been in the mini program in the last two hours.
        """
        operation = "security.msg_sec_check"
        told = given(content=content, scene=scene, openid=openid, title=title, nickname=nickname, signature=signature)
        check(_MESSAGE, operation, told)
        return await self._send(
            operation,
            "POST",
            "/wxa/msg_sec_check",
            reads(MsgSecCheck),
            json={"version": 2, **told},
            access_token=access_token,
            read_only=True,
        )

    async def media_check_async(
        self, *, media_url: str, media_type: int, scene: int, openid: str, access_token: str | None = None
    ) -> MediaCheck:
        """
        Let the platform fetch a sound (*media_type* 1) or picture (2) of at most 10 MiB and look at it.

        The same file cannot be checked again and again, so a lost answer is not asked for again.

        :raises RateLimited: 87020: this file was checked too often.
        """
        operation = "security.media_check_async"
        told = {"media_url": media_url, "media_type": media_type, "scene": scene, "openid": openid}
        check(_MEDIA, operation, told)
        return await self._send(
            operation,
            "POST",
            "/wxa/media_check_async",
            reads(MediaCheck),
            json={"version": 2, **told},
            access_token=access_token,
        )
