"""
Messages to a user who has written, and the pictures for them.

A user's message allows five replies within 48 hours; entering the session from the contact button, two within
a minute.

Source: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/kf-mgnt/kf-message/sendCustomMessage.html
and its neighbours
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tongfu.errors import InvalidParams
from tongfu.fields import Checked, OneOf, ParamsSchema, Text

from .limits import MIB, Flag, Link, picture
from .objects import named
from .objects import problems as problems_of
from .result import ApiResult, Done, Media, reads
from .result import media as read_media
from .send import Namespace, check, given

PICTURES: Final = ("image/png", "image/jpeg", "image/gif")
TYPES: Final = ("text", "image", "link", "miniprogrampage")


@dataclass(frozen=True, slots=True, kw_only=True)
class TempMedia(ApiResult):
    """An uploaded file, kept for three days. ``created_at`` is Unix seconds."""

    type: str
    media_id: str
    created_at: int
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class _ZeroOrOne(Checked):
    expected = "0 or 1"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, int) and value in (0, 1)


class _Text(ParamsSchema):
    content = Text(20_000, required=True)


class _Image(ParamsSchema):
    media_id = Text(512, required=True)


class _Link(ParamsSchema):
    title = Text(1024, required=True)
    description = Text(4096, required=True)
    url = Link(required=True)
    thumb_url = Link(required=True)


class _MiniProgramPage(ParamsSchema):
    title = Text(1024, required=True)
    appid = Text(64)  # required on one of the platform's pages, absent from the examples of another
    pagepath = Text(4096, required=True)
    thumb_media_id = Text(512, required=True)


class _CustomService(ParamsSchema):
    kf_account = Text(256, required=True)


class _AiContext(ParamsSchema):
    is_ai_msg = _ZeroOrOne()


class _Message(ParamsSchema):
    touser = Text(128, required=True)
    msgtype = OneOf(TYPES, required=True)
    business_id = Text(256)


class _Typing(ParamsSchema):
    touser = Text(128, required=True)
    command = OneOf(("Typing", "CancelTyping"), required=True)
    business_id = Text(256)
    business = Flag()


class _Upload(ParamsSchema):
    type = OneOf(("image",), required=True)


class _Download(ParamsSchema):
    media_id = Text(512, required=True)


_MESSAGE = _Message()
_TYPING = _Typing()
_UPLOAD = _Upload()
_DOWNLOAD = _Download()
_OBJECTS: Final[Mapping[str, ParamsSchema]] = {
    "text": _Text(),
    "image": _Image(),
    "link": _Link(),
    "miniprogrampage": _MiniProgramPage(),
    "customservice": _CustomService(),
    "aimsgcontext": _AiContext(),
}


class CustomerServiceMessage(Namespace):
    """``weixin.customer_service_message``."""

    async def send(
        self,
        *,
        touser: str,
        msgtype: str,
        text: Mapping[str, Any] | None = None,
        image: Mapping[str, Any] | None = None,
        link: Mapping[str, Any] | None = None,
        miniprogrampage: Mapping[str, Any] | None = None,
        customservice: Mapping[str, Any] | None = None,
        aimsgcontext: Mapping[str, Any] | None = None,
        business_id: str | None = None,
        access_token: str | None = None,
    ) -> Done:
        """
        Send one message: the object named like *msgtype*, its keys as on the wire, in snake_case or in camelCase.

        ``text`` has ``content``; ``image`` has ``media_id``; ``link`` has ``title``, ``description``, ``url``,
        ``thumb_url``; ``miniprogrampage`` has ``title``, ``pagepath``, ``thumb_media_id`` and, if you like,
        ``appid``. ``customservice={"kf_account": …}`` speaks as that agent, ``aimsgcontext={"is_ai_msg": 1}`` says
        that a machine wrote it. A message is sent once: after ``OutcomeUnknown`` the user may have it.

        :raises ReplyWindowClosed: 45015, 45047: the user has to write first.
        """
        operation = "customer_service_message.send"
        objects = given(
            text=text,
            image=image,
            link=link,
            miniprogrampage=miniprogrampage,
            customservice=customservice,
            aimsgcontext=aimsgcontext,
        )
        problems = problems_of(_MESSAGE, {"touser": touser, "msgtype": msgtype, "business_id": business_id})
        if "msgtype" not in problems:
            problems.update(_only(msgtype, objects))
        body: dict[str, Any] = {}
        for name, value in objects.items():
            body[name], wrong = named(_OBJECTS[name], name, value)
            problems = {**wrong, **problems}
        if problems:
            raise InvalidParams("weixin", operation, problems)
        return await self._send(
            operation,
            "POST",
            "/cgi-bin/message/custom/send",
            reads(Done),
            json={"touser": touser, "msgtype": msgtype, **body, **given(businessid=business_id)},
            access_token=access_token,
        )

    async def set_typing(
        self,
        *,
        touser: str,
        command: str,
        business: bool = False,
        business_id: str | None = None,
        access_token: str | None = None,
    ) -> Done:
        """
        Show (``Typing``) or hide (``CancelTyping``) that somebody is typing. It is shown for 15 seconds.

        The platform's pages name two addresses: its newer ones send mini programs to ``…/custom/business/typing``
        (``business=True``), its older ones to ``…/custom/typing``.

        :raises PlatformRefused: 45080: no message from or to the user in the last 30 seconds; 45081: shown already.
        """
        operation = "customer_service_message.set_typing"
        values = {"touser": touser, "command": command, "business_id": business_id, "business": business}
        check(_TYPING, operation, values)
        return await self._send(
            operation,
            "POST",
            "/cgi-bin/message/custom/business/typing" if business else "/cgi-bin/message/custom/typing",
            reads(Done),
            json={"touser": touser, "command": command, **given(businessid=business_id)},
            access_token=access_token,
        )

    async def upload_temp_media(
        self,
        *,
        media: bytes | Path | Media | Mapping[str, Any],
        type: str = "image",  # noqa: A002 - the platform's name
        access_token: str | None = None,
    ) -> TempMedia:
        """
        Upload a PNG, JPEG or GIF of at most 10 MiB for messages; it is kept for three days.

        *media* is the bytes (the kind is found by how they start), a ``Path`` (read here and now), a ``Media``
        such as ``wxacode`` answers, or ``{"content_type": "image/png", "value": …}``.
        """
        operation = "customer_service_message.upload_temp_media"
        check(_UPLOAD, operation, {"type": type})
        return await self._send(
            operation,
            "POST",
            "/cgi-bin/media/upload",
            reads(TempMedia),
            query={"type": type},
            file=picture(operation, "media", media, kinds=PICTURES, most=10 * MIB),
            access_token=access_token,
        )

    async def get_temp_media(self, *, media_id: str, access_token: str | None = None) -> Media:
        """
        Download what a user sent or you uploaded; of a video, ``video_url``.

        :raises PlatformRefused: 40007: no such media_id, or older than three days.
        """
        operation = "customer_service_message.get_temp_media"
        check(_DOWNLOAD, operation, {"media_id": media_id})
        return await self._send(
            operation,
            "GET",
            "/cgi-bin/media/get",
            read_media,
            query={"media_id": media_id},
            access_token=access_token,
            read_only=True,
            binary=True,
        )


def _only(msgtype: str, objects: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with which objects there are: the one named like *msgtype* has to be there, and no other."""
    if msgtype not in objects:
        return {msgtype: f"missing; expected with msgtype={msgtype!r}"}
    return {name: f"expected only with msgtype={name!r}" for name in objects if name in TYPES and name != msgtype}
