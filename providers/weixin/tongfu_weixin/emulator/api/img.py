"""Picture processing: what it answers is computed from the picture's real size, and from the codes made here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from tongfu.emulator.half import Route

from . import pictures
from .media import Media, form
from .wire import Endpoint, Refused, Request, done
from .wxacode import Wxacode

LARGEST: Final = 2 << 20  # bytes
MOST_RATIOS: Final = 5


class Img:
    """The three endpoints take a picture by URL or as a part named img."""

    def __init__(self, media: Media, codes: Wxacode) -> None:
        self._media, self._codes = media, codes

    def reset(self) -> None:
        """It keeps nothing of its own."""

    def controls(self) -> Iterable[Route]:
        return ()

    def endpoints(self) -> Iterable[Endpoint]:
        yield Endpoint("POST", "/cv/img/aicrop", self.aicrop, body="form", daily=100_000)
        yield Endpoint("POST", "/cv/img/qrcode", self.qrcode, body="form", daily=100_000)
        yield Endpoint("POST", "/cv/img/superresolution", self.superresolution, body="form", daily=100_000)

    def _picture(self, request: Request) -> tuple[bytes, int, int]:
        url = request.query.get("img_url", "")
        if url:
            data = self._media.at(url)
        else:
            part = form(request.asked).get("img")
            if part is None or not part.data:
                raise Refused(101002, explain="img_url in the query, or a part named img in multipart/form-data")
            data = part.data
        if len(data) > LARGEST:
            raise Refused(101002, explain="less than 2 MB")
        try:
            _, width, height = pictures.size(data)
        except ValueError as exc:
            raise Refused(101000 if url else 101002, explain=str(exc)) from exc
        return data, width, height

    def aicrop(self, request: Request) -> Mapping[str, Any]:
        _, width, height = self._picture(request)
        boxes = [pictures.crop(width, height, ratio) for ratio in _ratios(_field(request)) or [width / height]]
        return done(results=boxes, img_size={"w": width, "h": height})

    def qrcode(self, request: Request) -> Mapping[str, Any]:
        data, width, height = self._picture(request)
        made = self._codes.scanned(data)
        results = []
        if made is not None:
            left, top, side = made.drawn.left, made.drawn.top, made.drawn.side
            corners = {
                "left_top": (left, top),
                "right_top": (left + side, top),
                "right_bottom": (left + side, top + side),
                "left_bottom": (left, top + side),
            }
            pos = {name: {"x": x, "y": y} for name, (x, y) in corners.items()}
            results.append({"type_name": "QR_CODE", "data": made.content, "pos": pos})
        return done(code_results=results, img_size={"w": width, "h": height})

    def superresolution(self, request: Request) -> Mapping[str, Any]:
        """The medium has the doubled size; it is grey, because nothing here can enlarge a picture."""
        _, width, height = self._picture(request)
        if 4 * width * height > pictures.LARGEST:
            raise Refused(101002, explain="the picture is too large to be doubled")
        return done(media_id=self._media.keep(pictures.blank(2 * width, 2 * height), "image/png"))


def _field(request: Request) -> str:
    """``ratios`` of the form, whichever way it is encoded."""
    part = form(request.asked).get("ratios")
    if part is not None:
        return part.data.decode(errors="replace")
    return dict(parse_qsl(request.asked.body.decode("latin-1"))).get("ratios", "")


def _ratios(text: str) -> list[float]:
    if not text:
        return []
    try:
        ratios = [float(part) for part in text.split(",")]
    except ValueError:
        raise Refused(40097, explain="ratios is numbers with commas between them") from None
    if len(ratios) > MOST_RATIOS or not all(math.isfinite(ratio) and 0.01 <= ratio <= 100 for ratio in ratios):
        raise Refused(40097, explain=f"at most {MOST_RATIOS} ratios of width to height")
    return ratios
