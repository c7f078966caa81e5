"""Subscribe messages: the app's templates, the limits of their values, and whether the user subscribed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tongfu.emulator.half import Route

from .app import App
from .wire import Endpoint, Refused, Request, control, done, texts, whole
from .words import sensitive

MOST_TEMPLATES: Final = 25
CATEGORIES: Final = {307: "电商平台", 616: "线下超市/便利店"}


@dataclass(frozen=True, slots=True)
class Title:
    """One template of the public library: keywords are (kid, name, example, rule)."""

    tid: int
    title: str
    kind: int  # 2 one time, 3 long term
    category: int
    keywords: tuple[tuple[int, str, str, str], ...]


LIBRARY: Final = (
    Title(
        1037,
        "订单发货通知",
        2,
        307,
        (
            (1, "订单编号", "A1001", "character_string"),
            (2, "商品名称", "咖啡豆", "thing"),
            (3, "发货时间", "2026年1月2日 15:01", "time"),
            (4, "快递公司", "顺丰", "phrase"),
            (5, "收件人", "王小明", "name"),
        ),
    ),
    Title(
        1221,
        "支付成功通知",
        2,
        307,
        (
            (1, "支付金额", "￥15.00", "amount"),
            (2, "支付时间", "2026年1月2日 15:01", "time"),
            (3, "商品说明", "一杯咖啡", "thing"),
            (4, "单号", "4200001", "number"),
            (5, "联系电话", "020-81167888", "phone_number"),
        ),
    ),
    Title(
        2906,
        "预约提醒",
        3,
        616,
        (
            (1, "预约日期", "2026年1月2日", "date"),
            (2, "车牌号码", "粤A8Z888", "car_number"),
            (3, "取件码", "A", "letter"),
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Template:
    """One template the app has chosen. ``keys`` are those that data must have."""

    id: str
    title: Title
    kids: tuple[int, ...]

    @property
    def keywords(self) -> list[tuple[int, str, str, str]]:
        by_kid = {keyword[0]: keyword for keyword in self.title.keywords}
        return [by_kid[kid] for kid in self.kids]

    @property
    def keys(self) -> list[str]:
        return [f"{rule}{kid}" for kid, _, _, rule in self.keywords]


class Subscribe:
    """wxaapi/newtmpl and message/subscribe/send."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._templates: dict[str, Template] = {}

    def reset(self) -> None:
        self._templates.clear()

    def endpoints(self) -> Iterable[Endpoint]:
        yield Endpoint("POST", "/wxaapi/newtmpl/addtemplate", self.add)
        yield Endpoint("POST", "/wxaapi/newtmpl/deltemplate", self.delete)
        yield Endpoint("GET", "/wxaapi/newtmpl/getcategory", self.categories, body="none")
        yield Endpoint("GET", "/wxaapi/newtmpl/getpubtemplatekeywords", self.keywords, body="none")
        yield Endpoint("GET", "/wxaapi/newtmpl/getpubtemplatetitles", self.titles, body="none")
        yield Endpoint("GET", "/wxaapi/newtmpl/gettemplate", self.templates, body="none")
        yield Endpoint("POST", "/cgi-bin/message/subscribe/send", self.send)

    def controls(self) -> Iterable[Route]:
        yield control("POST", "subscribe", self._subscribe, "openid", "template_id", "times")

    # --- templates ------------------------------------------------------------------------------------

    def add(self, request: Request) -> Mapping[str, Any]:
        title = _title(request.data.get("tid"))
        kids = request.data.get("kidList")
        known = {kid for kid, *_ in title.keywords}
        if not isinstance(kids, list) or not 2 <= len(kids) <= 5 or len(set(map(str, kids))) != len(kids):
            raise Refused(200020, "invalid keyword id list", explain="kidList is two to five different kids")
        if any(type(kid) is not int or kid not in known for kid in kids):
            raise Refused(200020, "invalid keyword id list", explain=f"this title has kids {sorted(known)}")
        if len(request.maybe("sceneDesc")) > 15:
            raise Refused(200021, "invalid scene description", explain="at most 15 characters")
        if len(self._templates) >= MOST_TEMPLATES:
            raise Refused(200012, "private template amount over limit")
        template = Template(self._app.id(43), title, tuple(kids))
        self._templates[template.id] = template
        return done(priTmplId=template.id)

    def delete(self, request: Request) -> Mapping[str, Any]:
        if self._templates.pop(request.text("priTmplId", 40037), None) is None:
            raise Refused(40037)
        return done()

    def categories(self, request: Request) -> Mapping[str, Any]:
        return done(data=[{"id": number, "name": name} for number, name in CATEGORIES.items()])

    def keywords(self, request: Request) -> Mapping[str, Any]:
        title = _title(request.query.get("tid"))
        names = ("kid", "name", "example", "rule")
        return done(count=len(title.keywords), data=[dict(zip(names, each, strict=True)) for each in title.keywords])

    def titles(self, request: Request) -> Mapping[str, Any]:
        ids = request.query.get("ids", "")
        if not ids:
            raise Refused(200018, "missing category ids")
        wanted = set(ids.split(","))
        if not wanted <= set(map(str, CATEGORIES)):
            raise Refused(200019, "invalid category ids")
        start = _number(request.query.get("start", ""), 200016, "start", 0, 10**6)
        limit = _number(request.query.get("limit", ""), 200017, "limit", 1, 30)
        found = [title for title in LIBRARY if str(title.category) in wanted]
        page = [
            {"tid": title.tid, "title": title.title, "type": title.kind, "categoryId": str(title.category)}
            for title in found[start : start + limit]
        ]
        return done(count=len(found), data=page)

    def templates(self, request: Request) -> Mapping[str, Any]:
        return done(
            data=[
                {
                    "priTmplId": template.id,
                    "title": template.title.title,
                    "content": "".join(
                        f"{name}:{{{{{key}.DATA}}}}\n"
                        for key, (_, name, _, _) in zip(template.keys, template.keywords, strict=True)
                    ),
                    "example": "".join(f"{name}:{example}\n" for _, name, example, _ in template.keywords),
                    "type": template.title.kind,
                }
                for template in self._templates.values()
            ]
        )

    # --- sending --------------------------------------------------------------------------------------

    def send(self, request: Request) -> Mapping[str, Any]:
        user = self._app.known(request.text("touser", 40003))
        template = self._templates.get(request.text("template_id", 40037))
        if template is None:
            raise Refused(40037)
        if request.maybe("miniprogram_state", "formal") not in ("developer", "trial", "formal"):
            raise Refused(40097, explain="miniprogram_state is developer, trial or formal")
        if request.maybe("lang", "zh_CN") not in ("zh_CN", "en_US", "zh_HK", "zh_TW"):
            raise Refused(40097, explain="lang is zh_CN, en_US, zh_HK or zh_TW")
        request.maybe("page")
        self._fits(template, request.data.get("data"))
        if not user.subscriptions.get(template.id):
            raise Refused(43101, explain="the user has not subscribed, or each subscription is used up")
        user.subscriptions[template.id] -= 1
        self._app.sent("subscribe", user.openid, request)
        return done(msgid=(1 << 61) + self._app.world.random.getrandbits(60))

    def _fits(self, template: Template, data: Any) -> None:
        """:raises Refused: 47003 a key is missing or one too many, or a value breaks its rule; 45168."""
        if not isinstance(data, dict):
            raise Refused(47001, explain="data is an object")
        if set(data) != set(template.keys):
            raise Refused(47003, explain=f"data has the keys {', '.join(template.keys)}")
        for key in template.keys:
            held = data[key]
            value = held.get("value") if isinstance(held, dict) else None
            if not isinstance(value, str):
                raise Refused(47003, f"argument invalid! data.{key}.value invalid", explain='{"value": a string}')
            rule = re.sub(r"\d+$", "", key)
            if not value or _CONTROL.search(value) or re.fullmatch(_RULES[rule], value) is None:
                raise Refused(47003, f"argument invalid! data.{key}.value invalid", explain=f"the rule of {rule}")
            if sensitive(value):
                raise Refused(45168)

    def _subscribe(self, openid: str, template_id: str, times: int = 1) -> Mapping[str, Any]:
        """The user allows messages of a template: {"openid", "template_id", "times": 1}; each allows one."""
        texts(openid=openid, template_id=template_id)
        whole(times=times)
        if template_id not in self._templates:
            raise LookupError(f"the app has no template {template_id}: POST /wxaapi/newtmpl/addtemplate first")
        user = self._app.user(openid)
        user.active = self._app.now()
        user.subscriptions[template_id] = user.subscriptions.get(template_id, 0) + times
        return {"openid": openid, "template_id": template_id, "left": user.subscriptions[template_id]}


def _title(tid: Any) -> Title:
    found = next((title for title in LIBRARY if str(title.tid) == str(tid)), None)
    if found is None:
        raise Refused(200014, "invalid tid", explain=f"there are {', '.join(str(title.tid) for title in LIBRARY)}")
    return found


def _number(text: str, errcode: int, name: str, least: int, most: int) -> int:
    if re.fullmatch(r"\d{1,7}", text, re.ASCII) is None or not least <= int(text) <= most:
        raise Refused(errcode, f"invalid {name}", explain=f"{name} is {least} to {most}")
    return int(text)


_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_DATE: Final = r"\d{4}年\d{1,2}月\d{1,2}日"
_CLOCK: Final = r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?"
_MOMENT: Final = rf"(({_DATE}|\d{{4}}-\d{{1,2}}-\d{{1,2}}) ?)?{_CLOCK}"
# As text: re keeps what it has compiled, and a start does not wait for all of them.
_RULES: Final = {
    "thing": r".{1,20}",
    "number": r"[+-]?[0-9.]{1,32}",
    "letter": r"[A-Za-z]{1,32}",
    "symbol": r"[^\w\s]{1,5}",
    "character_string": r"[\x20-\x7e]{1,32}",
    "time": rf"{_MOMENT}( ?~ ?{_MOMENT})?",
    "date": rf"{_DATE}( {_CLOCK})?( ?~ ?{_DATE}( {_CLOCK})?)?",
    "amount": r"[^\w\s]?\d{1,10}(\.\d+)?元?",
    "phone_number": r"[0-9+\-() ]{1,17}",
    "car_number": r"[\u4e00-\u9fff]?[A-Za-z0-9\u4e00-\u9fff]{1,7}",
    "name": r"[\u4e00-\u9fff·]{1,10}|[A-Za-z .'-]{1,20}",
    "phrase": r"[\u4e00-\u9fff]{1,5}",
}
