"""
Messages that a user has agreed to get, and the templates for them.

Source: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-message-management/subscribe-message/sendMessage.html
and its neighbours
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, TypeVar

from tongfu.fields import Checked, OneOf, ParamsSchema, Rule, Text, Whole

from .limits import Always
from .result import ApiItem, ApiResult, Done, reads, wire
from .send import Namespace, check, given
from .subscribe_data import template_data

R = TypeVar("R", bound=ApiResult)
NEW_TEMPLATES: Final = range(10_000_001, 20_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedTemplate(ApiResult):
    """The template is the app's; ``pri_tmpl_id`` is the ``template_id`` of ``send``."""

    pri_tmpl_id: str = wire("priTmplId")
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Category(ApiItem):
    """A trade that the app is in."""

    id: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Categories(ApiResult):
    """The trades that the app is in; they say which public templates it can use."""

    data: tuple[Category, ...]
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword(ApiItem):
    """A keyword of a public template; ``rule`` is its kind: ``thing``, ``date`` and others."""

    kid: int
    name: str
    example: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Keywords(ApiResult):
    """The keywords of a public template. The platform's page has a ``count``, its answers have none."""

    data: tuple[Keyword, ...]
    count: int | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateTitle(ApiItem):
    """A public template. ``type``: 2 for one message, 3 for as long as the user likes."""

    tid: int
    title: str
    type: int
    category_id: int = wire("categoryId")


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateTitles(ApiResult):
    """A part of the public templates; ``count`` is all of them."""

    count: int
    data: tuple[TemplateTitle, ...]
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordEnumValues(ApiItem):
    """The only values that an enum keyword can have; ``keyword_code`` such as ``enum_string2.DATA``."""

    keyword_code: str = wire("keywordCode")
    enum_value_list: tuple[str, ...] = wire("enumValueList")


@dataclass(frozen=True, slots=True, kw_only=True)
class Template(ApiItem):
    """One of the app's templates. ``type``: 2 for one message, 3 for as long as the user likes."""

    pri_tmpl_id: str = wire("priTmplId")
    title: str
    content: str
    example: str
    type: int
    keyword_enum_value_list: tuple[KeywordEnumValues, ...] = wire("keywordEnumValueList", default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates(ApiResult):
    """The app's templates."""

    data: tuple[Template, ...]
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeSent(ApiResult):
    """The message is on its way. ``msgid`` has 64 bits; some answers have none."""

    msgid: int | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class _Tid(Checked):
    expected = "a template's number, as an int or a str of digits"

    def accepts(self, value: Any) -> bool:
        digits = str(value) if type(value) is int else value
        return isinstance(digits, str) and 0 < len(digits) <= 20 and digits.isascii() and digits.isdigit()


class _KidList(Checked):
    expected = "two to five kid, each an int"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, list | tuple) and len(value) <= 5 and all(type(kid) is int for kid in value)


class _Ids(Checked):
    expected = "ids of categories: '2,616', or ints"

    def accepts(self, value: Any) -> bool:
        ids = _ids(value)
        return bool(ids) and all(one.isascii() and one.isdigit() for one in ids)


def _ids(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.split(",")
    listed = list(value) if isinstance(value, Iterable) and not isinstance(value, bytes | Mapping) else []
    return [str(one) if type(one) is int else "" for one in listed]


def _enough_keywords(params: Any) -> Mapping[str, str]:
    """The platform's newer templates have their keywords already, and want an empty list."""
    if _Tid().accepts(params.tid) and _KidList().accepts(params.kid_list):
        new = int(params.tid) in NEW_TEMPLATES
        if new and params.kid_list:
            return {"kid_list": "expected none with this tid: its keywords are chosen"}
        if not new and len(params.kid_list) < 2:
            return {"kid_list": f"expected {_KidList.expected}"}
    return {}


class _Add(ParamsSchema):
    tid = _Tid(required=True)
    kid_list = _KidList(required=True)
    scene_desc = Text(15)
    rules: ClassVar[tuple[Rule, ...]] = (_enough_keywords,)


class _Delete(ParamsSchema):
    pri_tmpl_id = Text(128, required=True)


class _Keywords(ParamsSchema):
    tid = _Tid(required=True)


class _Titles(ParamsSchema):
    ids = _Ids(required=True)
    start = Whole(0, 1 << 31, required=True)
    limit = Whole(1, 30, required=True)


class _Send(ParamsSchema):
    touser = Text(128, required=True)
    template_id = Text(128, required=True)
    page = Text(1024)
    data = Always(required=True)
    miniprogram_state = OneOf(("developer", "trial", "formal"))
    lang = OneOf(("zh_CN", "en_US", "zh_HK", "zh_TW"))


_ADD = _Add()
_DELETE = _Delete()
_KEYWORDS = _Keywords()
_TITLES = _Titles()
_SEND = _Send()


class SubscribeMessage(Namespace):
    """``weixin.subscribe_message``."""

    async def add_template(
        self,
        *,
        tid: str | int,
        kid_list: list[int] | tuple[int, ...],
        scene_desc: str | None = None,
        access_token: str | None = None,
    ) -> AddedTemplate:
        """
        Make one of the app's templates out of the public one *tid*: two to five of its keywords, in your order.

        *tid* of 10000001 and more want an empty *kid_list*. *scene_desc* says in 15 characters what it is for;
        one of the platform's pages requires it.

        :raises PlatformRefused: 200012: the app has its 25; 200014, 200020, 200021: tid, kid_list, scene_desc are
            wrong; 200022: the app has this one.
        """
        operation = "subscribe_message.add_template"
        check(_ADD, operation, {"tid": tid, "kid_list": kid_list, "scene_desc": scene_desc})
        return await self._send(
            operation,
            "POST",
            "/wxaapi/newtmpl/addtemplate",
            reads(AddedTemplate),
            json=given(tid=str(tid), kidList=list(kid_list), sceneDesc=scene_desc),
            access_token=access_token,
        )

    async def delete_template(self, *, pri_tmpl_id: str, access_token: str | None = None) -> Done:
        """Delete one of the app's templates."""
        operation = "subscribe_message.delete_template"
        check(_DELETE, operation, {"pri_tmpl_id": pri_tmpl_id})
        return await self._send(
            operation,
            "POST",
            "/wxaapi/newtmpl/deltemplate",
            reads(Done),
            json={"priTmplId": pri_tmpl_id},
            access_token=access_token,
        )

    async def get_category(self, *, access_token: str | None = None) -> Categories:
        """The trades that the app is in."""
        return await self._look("get_category", "getcategory", Categories, {}, access_token)

    async def get_pub_template_key_words_by_id(self, *, tid: str | int, access_token: str | None = None) -> Keywords:
        """The keywords of the public template *tid*."""
        check(_KEYWORDS, "subscribe_message.get_pub_template_key_words_by_id", {"tid": tid})
        return await self._look(
            "get_pub_template_key_words_by_id", "getpubtemplatekeywords", Keywords, {"tid": str(tid)}, access_token
        )

    async def get_pub_template_title_list(
        self, *, ids: str | Iterable[int], start: int = 0, limit: int = 30, access_token: str | None = None
    ) -> TemplateTitles:
        """The public templates of the trades *ids*: at most 30, from the one at *start*, which counts from 0."""
        ids = ids if isinstance(ids, str) else tuple(ids) if isinstance(ids, Iterable) else ids
        asked = {"ids": ids, "start": start, "limit": limit}
        check(_TITLES, "subscribe_message.get_pub_template_title_list", asked)
        query = {"ids": ",".join(_ids(ids)), "start": str(start), "limit": str(limit)}
        return await self._look(
            "get_pub_template_title_list", "getpubtemplatetitles", TemplateTitles, query, access_token
        )

    async def get_template_list(self, *, access_token: str | None = None) -> Templates:
        """The app's templates."""
        return await self._look("get_template_list", "gettemplate", Templates, {}, access_token)

    async def send(
        self,
        *,
        touser: str,
        template_id: str,
        data: Mapping[str, str | Mapping[str, str]],
        page: str | None = None,
        miniprogram_state: str | None = None,
        lang: str | None = None,
        access_token: str | None = None,
    ) -> SubscribeSent:
        """
        Send one message to a user who subscribed to *template_id*.

        *data* is the template's keywords: ``{"thing1": {"value": "coffee"}}`` or ``{"thing1": "coffee"}``. Their
        names are never changed; ``subscribe_data`` has each kind's limit. *page* may have a query; without it
        nothing opens. *miniprogram_state*: ``developer``, ``trial``, ``formal`` (the platform's default); *lang*:
        ``zh_CN`` (its default), ``en_US``, ``zh_HK``, ``zh_TW``. A message is sent once: after ``OutcomeUnknown``
        the user may have it.

        :raises NotSubscribed: 43101: the user did not subscribe, or has had the message.
        :raises RateLimited: 43108: another message to this user is on its way.
        """
        operation = "subscribe_message.send"
        where = {"page": page, "miniprogram_state": miniprogram_state, "lang": lang}
        check(_SEND, operation, {"touser": touser, "template_id": template_id, "data": data, **where})
        travels = template_data(operation, data)
        return await self._send(
            operation,
            "POST",
            "/cgi-bin/message/subscribe/send",
            reads(SubscribeSent),
            json={"touser": touser, "template_id": template_id, **given(**where), "data": travels},
            access_token=access_token,
        )

    async def _look(
        self, name: str, endpoint: str, kind: type[R], query: Mapping[str, str], access_token: str | None
    ) -> R:
        answered: R = await self._send(
            f"subscribe_message.{name}",
            "GET",
            f"/wxaapi/newtmpl/{endpoint}",
            reads(kind),
            query=query,
            access_token=access_token,
            read_only=True,
        )
        return answered
