"""
Pictures: where to crop them, which codes are on them, a larger one.

Source: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/img-ocr/img/aiCrop.html and its neighbours
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

from tongfu.errors import InvalidParams
from tongfu.fields import ParamsSchema, Rule, exactly_one

from .limits import MIB, Always, Link, picture
from .result import ApiItem, ApiResult, Media, reads
from .send import Namespace, check, given

R = TypeVar("R", bound=ApiResult)
Picture = bytes | Path | Media | Mapping[str, Any]
PICTURES: Final = ("image/png", "image/jpeg", "image/gif", "image/bmp", "image/webp")
_RATIO: Final = re.compile(r"\d{1,6}(\.\d{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImgSize(ApiItem):
    """The picture's width and height in pixels."""

    w: int
    h: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Crop(ApiItem):
    """A part worth keeping: pixels from the left and the top."""

    crop_left: int
    crop_top: int
    crop_right: int
    crop_bottom: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Crops(ApiResult):
    """Where to crop the picture."""

    results: tuple[Crop, ...]
    img_size: ImgSize
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point(ApiItem):
    """Pixels from the left and the top."""

    x: int
    y: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Corners(ApiItem):
    """Where a code is."""

    left_top: Point
    right_top: Point
    right_bottom: Point
    left_bottom: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedCode(ApiItem):
    """
    A code and what it says; whoever printed it wrote ``data``.

    ``type_name``: ``QR_CODE``, ``EAN_13`` and others. Bar codes and PDF417 have no ``pos``.
    """

    type_name: str
    data: str
    pos: Corners | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedCodes(ApiResult):
    """Every code on the picture; none is an empty list."""

    code_results: tuple[ScannedCode, ...]
    img_size: ImgSize
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Superresolution(ApiResult):
    """The larger picture: fetch it with ``get_temp_media`` within three days."""

    media_id: str
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class _Source(ParamsSchema):
    img_url = Link()
    img = Always()
    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("img_url", "img"),)


_SOURCE = _Source()


class Img(Namespace):
    """
    ``weixin.img``. Each takes ``img_url``, which the platform fetches, or ``img``, less than 2 MiB.

    *img* is the bytes (the kind is found by how they start), a ``Path`` (read here and now), a ``Media``, or
    ``{"content_type": "image/png", "value": …}``.
    """

    async def ai_crop(
        self,
        *,
        img_url: str | None = None,
        img: Picture | None = None,
        ratios: str | Iterable[str | float] | None = None,
        access_token: str | None = None,
    ) -> Crops:
        """
        Where to crop the picture. *ratios* are up to five widths by heights, ``[1, 2.35]`` or ``"1,2.35"``.

        :raises PlatformRefused: 101000: img_url cannot be fetched; 101002: img cannot be read.
        """
        form = {} if ratios is None else {"ratios": _ratios("img.ai_crop", ratios)}
        return await self._look("ai_crop", "aicrop", reads(Crops), img_url, img, access_token, form=form)

    async def scan_qrcode(
        self, *, img_url: str | None = None, img: Picture | None = None, access_token: str | None = None
    ) -> ScannedCodes:
        """The QR codes, Data Matrix, PDF417 and bar codes on the picture."""
        return await self._look("scan_qrcode", "qrcode", reads(ScannedCodes), img_url, img, access_token)

    scan_qr_code = scan_qrcode

    async def superresolution(
        self, *, img_url: str | None = None, img: Picture | None = None, access_token: str | None = None
    ) -> Superresolution:
        """Twice the picture's width and height. The platform's pages say that it is out of service."""
        return await self._look(
            "superresolution", "superresolution", reads(Superresolution), img_url, img, access_token, read_only=False
        )

    async def _look(
        self,
        name: str,
        endpoint: str,
        finish: Callable[[Mapping[str, Any]], R],
        img_url: str | None,
        img: Picture | None,
        access_token: str | None,
        *,
        form: Mapping[str, str] | None = None,
        read_only: bool = True,
    ) -> R:
        operation = f"img.{name}"
        check(_SOURCE, operation, {"img_url": img_url, "img": img})
        return await self._send(
            operation,
            "POST",
            f"/cv/img/{endpoint}",
            finish,
            query=given(img_url=img_url),
            file=None if img is None else picture(operation, "img", img, kinds=PICTURES, most=2 * MIB - 1),
            form=form,
            access_token=access_token,
            read_only=read_only,
        )


def _ratios(operation: str, ratios: Any) -> str:
    given_ratios = ratios.split(",") if isinstance(ratios, str) else ratios
    listed = [str(one).strip() for one in given_ratios] if isinstance(given_ratios, Iterable) else []
    if not 1 <= len(listed) <= 5 or not all(_RATIO.fullmatch(one) and float(one) > 0 for one in listed):
        raise InvalidParams("weixin", operation, {"ratios": "expected one to five positive numbers, such as '1,2.35'"})
    return ",".join(listed)
