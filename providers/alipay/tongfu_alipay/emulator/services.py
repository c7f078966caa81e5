"""What the mini-program asks for beyond payment and login: messages, codes, a look at a text."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from tongfu.emulator.half import Answer, Asked, Route, World

from .controls import control
from .gateway import Refusal, Request

FORBIDDEN: Final = ("违禁词", "forbidden")
SCALES: Final = {"s": 4, "m": 8, "l": 12}
CIRCLES: Final = {"blue": "#1677ff", "white": "#000000"}


def _refuse(sub_code: str, sub_msg: str) -> Refusal:
    return Refusal("40004", sub_code, sub_msg)


class Services:
    def __init__(self, world: World, app_id: str) -> None:
        self._world = world
        self._app_id = app_id
        self.reset()

    def reset(self) -> None:
        self._messages: list[dict[str, Any]] = []
        self._codes: dict[str, tuple[str, str, str]] = {}  # name to content, size and color

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "/_emulator/alipay/messages", control(self.messages))
        yield Route("GET", "/qrcode/{name}", self.qrcode)

    def messages(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Every template message that was sent, oldest first"""
        return {"messages": self._messages}

    def send(self, request: Request) -> dict[str, Any]:
        """
        alipay.open.app.mini.templatemessage.send.

        :raises Refusal: as the platform refuses.
        """
        content = request.content
        to = {name: str(content[name]) for name in ("to_user_id", "to_open_id") if content.get(name)}
        if len(to) != 1:
            raise _refuse("USER_ID_INVALID", "用户ID不合法")
        if not content.get("user_template_id"):
            raise _refuse("USER_TEMPLATE_ILLEGAL", "用户模板不合法")
        form_id = str(content.get("form_id", ""))
        order = next((o for o in self._world.orders("alipay") if form_id and o.transaction_id == form_id), None)
        if order is not None and order.openid not in to.values():
            raise _refuse("TRADE_NO_NOT_MATCH_USERID", "交易号与用户不匹配")
        if order is None and form_id and any(sent["form_id"] == form_id for sent in self._messages):
            raise _refuse("FORM_ID_SEND_LIMIT", "formId发送次数超限")
        sent = {
            **to,
            "form_id": form_id,
            "user_template_id": str(content["user_template_id"]),
            "page": str(content.get("page", "")),
            "data": _keywords(content.get("data")),
            "sent": self._world.clock.now().isoformat(),
        }
        self._messages.append(sent)
        return {}

    def create_qrcode(self, request: Request) -> dict[str, Any]:
        """
        alipay.open.app.qrcode.create.

        :raises Refusal: as the platform refuses.
        """
        content = request.content
        page, query, describe = (str(content.get(name, "")) for name in ("url_param", "query_param", "describe"))
        color, size = str(content.get("color", "")), str(content.get("size", "m"))
        if not page or not query or max(len(page), len(query)) > 256 or size not in SCALES:
            raise _refuse("INVALID_PARAMETER", "参数有误")
        if not 1 <= len(describe) <= 32:
            raise _refuse("QRCODE_DESC_CHECK_INVALID", "二维码描述校验不通过")
        if color and re.fullmatch("0x[0-9A-Fa-f]{6}", color) is None:
            raise _refuse("HM_BG_COLOR_INVALID", "圆形码背景色不合法")
        target = "alipays://platformapi/startapp?" + urlencode({"appId": self._app_id, "page": page, "query": query})
        name = f"{self._world.random.getrandbits(64):016x}"
        self._codes[name] = (target, size, "#000000")
        for circle, ink in CIRCLES.items():
            self._codes[f"{name}_{circle}"] = (target, size, f"#{color[2:]}" if color else ink)
        url = f"{self._world.origin}/qrcode/{name}"
        return {
            "qr_code_url": url,
            "qr_code_url_circle_blue": f"{url}_blue",
            "qr_code_url_circle_white": f"{url}_white",
        }

    def qrcode(self, asked: Asked, names: Mapping[str, str]) -> Answer:
        """The picture of a code, PNG."""
        import segno  # noqa: PLC0415 - of the core's extra emulator; only pictures need it

        if names["name"] not in self._codes:
            return Answer(404, {"content-type": "text/plain"}, b"no such code", verdict="unsigned")
        target, size, color = self._codes[names["name"]]
        picture = io.BytesIO()
        segno.make_qr(target).save(picture, kind="png", scale=SCALES[size], dark=color)
        return Answer(200, {"content-type": "image/png"}, picture.getvalue(), verdict="unsigned")

    def detect(self, request: Request) -> dict[str, Any]:
        """
        alipay.security.risk.content.detect.

        :raises Refusal: as the platform refuses.
        """
        text = request.content.get("content")
        if not isinstance(text, str) or not text:
            raise _refuse("INVALID_PARAMETER", "参数有误content")
        found = [word for word in FORBIDDEN if word in text.lower()]
        node: dict[str, Any] = {"action": "REJECTED" if found else "PASSED"}
        if found:
            node["keywords"] = found
        return {**node, "unique_id": f"{self._world.random.getrandbits(128):032x}"}


def _keywords(data: object) -> dict[str, Any]:
    if not data:
        raise _refuse("DATA_IS_EMPTY", "模板数据为空")
    try:
        keywords = json.loads(data) if isinstance(data, str) else None
    except ValueError:
        keywords = None
    if not isinstance(keywords, dict) or not all(
        isinstance(item, dict) and isinstance(item.get("value"), str) for item in keywords.values()
    ):
        raise _refuse("DATA_CONTENT_FORMAT_ERROR", "模板数据格式不正确")
    return keywords
