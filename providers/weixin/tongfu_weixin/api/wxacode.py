"""
Codes that open the mini program when they are scanned.

Source: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/qrcode-link/qr-code/getUnlimitedQRCode.html
and its neighbours
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tongfu.fields import Checked, OneOf, ParamsSchema, Text, Whole

from .limits import Flag
from .result import Media, media
from .send import Namespace, check, given

# scancode_time is the platform's own parameter: a path that has it is refused with 85096.
_NO_SCANCODE_TIME: Final = r"(?!.*scancode_time)"


class _LineColor(Checked):
    expected = "a mapping with exactly r, g and b, each 0 to 255"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, Mapping) and set(value) == {"r", "g", "b"} and all(map(_is_byte, value.values()))


def _is_byte(value: Any) -> bool:
    if isinstance(value, str):
        return re.fullmatch(r"\d{1,3}", value, re.ASCII) is not None and int(value) <= 255
    return type(value) is int and 0 <= value <= 255


class _Path(Text):
    def __init__(self, most: int, **kwargs: Any) -> None:
        super().__init__(most, pattern=rf"(?s){_NO_SCANCODE_TIME}.+", required=True, **kwargs)
        self.expected += ", without scancode_time"


class _Permanent(ParamsSchema):
    path = _Path(128, in_bytes=True)
    width = Whole(280, 1280)


class _Drawn(ParamsSchema):
    width = Whole(280, 1280)
    auto_color = Flag()
    line_color = _LineColor()
    is_hyaline = Flag()
    env_version = OneOf(("release", "trial", "develop"))


class _Code(_Drawn):
    path = _Path(1024)


class _Unlimited(_Drawn):
    scene = Text(
        32,
        pattern=r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]+",
        alphabet="digits, ASCII letters and !#$&'()*+,/:;=?@-._~",
        required=True,
    )
    page = Text(
        1024,
        pattern=rf"(?!/){_NO_SCANCODE_TIME}[^?#\s]+",
        alphabet="a page's path: no leading /, no query, no scancode_time",
    )
    check_path = Flag()


_PERMANENT = _Permanent()
_CODE = _Code()
_UNLIMITED = _Unlimited()


class Wxacode(Namespace):
    """
    ``weixin.wxacode``. *width* is pixels. Colours: *auto_color*, else *line_color* ``{"r": 0, "g": 0, "b": 0}``.

    *env_version* is ``release`` (the platform's default), ``trial`` or ``develop``.
    """

    async def create_qrcode(self, *, path: str, width: int | None = None, access_token: str | None = None) -> Media:
        """
        A square QR code, for ever. ``create_qrcode`` and ``get`` share 100,000 codes in an app's whole life.

        :raises PlatformRefused: 45029: they are used up.
        """
        return await self._draw(
            "create_qrcode", "/cgi-bin/wxaapp/createwxaqrcode", _PERMANENT, False, access_token, path=path, width=width
        )

    create_qr_code = create_qrcode

    async def get(
        self,
        *,
        path: str,
        width: int | None = None,
        auto_color: bool | None = None,
        line_color: Mapping[str, int | str] | None = None,
        is_hyaline: bool | None = None,
        env_version: str | None = None,
        access_token: str | None = None,
    ) -> Media:
        """A round code, for ever, out of the same 100,000; ``num_used`` of the result counts them."""
        return await self._draw(
            "get",
            "/wxa/getwxacode",
            _CODE,
            False,
            access_token,
            path=path,
            width=width,
            auto_color=auto_color,
            line_color=line_color,
            is_hyaline=is_hyaline,
            env_version=env_version,
        )

    async def get_unlimited(
        self,
        *,
        scene: str,
        page: str | None = None,
        check_path: bool | None = None,
        env_version: str | None = None,
        width: int | None = None,
        auto_color: bool | None = None,
        line_color: Mapping[str, int | str] | None = None,
        is_hyaline: bool | None = None,
        access_token: str | None = None,
    ) -> Media:
        """
        A round code, for ever, as many as you like (5,000 a minute). *scene* reaches the page as its query.

        Without *page* it opens the home page. ``check_path=False`` allows a page that is not released yet.

        :raises PlatformRefused: 41030: the released version has no such page.
        """
        return await self._draw(
            "get_unlimited",
            "/wxa/getwxacodeunlimit",
            _UNLIMITED,
            True,
            access_token,
            scene=scene,
            page=page,
            check_path=check_path,
            env_version=env_version,
            width=width,
            auto_color=auto_color,
            line_color=line_color,
            is_hyaline=is_hyaline,
        )

    async def _draw(
        self, name: str, endpoint: str, limits: ParamsSchema, read_only: bool, access_token: str | None, **values: Any
    ) -> Media:
        """Only what was set travels: a default that is sent can be refused. A permanent code is drawn once."""
        operation = f"wxacode.{name}"
        check(limits, operation, values)
        if values.get("line_color") is not None:
            values["line_color"] = dict(values["line_color"])
        return await self._send(
            operation,
            "POST",
            endpoint,
            media,
            json=given(**values),
            access_token=access_token,
            read_only=read_only,
            binary=True,
        )
