"""The three mini-program codes: real codes that scan, as JPEG, or as PNG where the background is transparent."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from tongfu.emulator.half import Answer, Route

from . import pictures
from .app import App
from .visits import PAGES
from .wire import PLAIN, Endpoint, Refused, Request, control, whole

COUNTED: Final = 100_000  # codes of create_qrcode and get together, for good
READABLE: Final = 250  # characters; OpenCV reads no longer ones at every width, so those are stood for by a digest
MISSING_PAGES: Final = 60_000
ENV_VERSIONS: Final = frozenset({"release", "trial", "develop"})
_SCENE: Final = re.compile(r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]+")
GREEN: Final = (7, 193, 96)  # what auto_color chooses


@dataclass(frozen=True, slots=True)
class Made:
    """One code that was made. ``content`` is what a scanner reads."""

    content: str
    drawn: pictures.Drawn


class Wxacode:
    """Makes codes and remembers them by what they look like."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._counted = 0
        self._missing: set[str] = set()
        self._made: dict[str, Made] = {}
        self._list: list[dict[str, Any]] = []

    def reset(self) -> None:
        self._counted = 0
        for kept in (self._missing, self._made, self._list):
            kept.clear()

    def endpoints(self) -> Iterable[Endpoint]:
        yield Endpoint("POST", "/cgi-bin/wxaapp/createwxaqrcode", self.create_qrcode, errors_as=PLAIN)
        yield Endpoint("POST", "/wxa/getwxacode", self.get, errors_as=PLAIN)
        yield Endpoint(
            "POST", "/wxa/getwxacodeunlimit", self.get_unlimited, errors_as=PLAIN, not_json=40169, per_minute=5000
        )

    def controls(self) -> Iterable[Route]:
        yield control("GET", "wxacode", self._told)
        yield control("POST", "wxacode", self._control, "pages", "used")

    def scanned(self, data: bytes) -> Made | None:
        """The code on a picture that was made here, byte for byte."""
        return self._made.get(hashlib.sha256(data).hexdigest())

    def create_qrcode(self, request: Request) -> Answer:
        path = request.text("path", 40159)
        if len(path.encode()) > 128:
            raise Refused(40159, explain="at most 128 bytes")
        _no_reserved(path)
        return self._counted_code(request, "createwxaqrcode", path, hyaline=False)

    def get(self, request: Request) -> Answer:
        path = request.text("path", 40159, longest=1024)
        _no_reserved(path)
        answer = self._counted_code(request, "getwxacode", path, hyaline=request.flag("is_hyaline", default=False))
        answer.headers["Num-Used"] = str(self._counted)
        return answer

    def get_unlimited(self, request: Request) -> Answer:
        scene = request.text("scene", 40169, longest=32)
        if _SCENE.fullmatch(scene) is None:
            raise Refused(40129, explain="digits, letters and !#$&'()*+,/:;=?@-._~")
        page = request.maybe("page") or PAGES[0]
        _no_reserved(page)
        if page.startswith("/") or "?" in page:
            raise Refused(41030, explain="a page has no leading / and no query")
        checked = request.flag("check_path", default=True)
        if page not in self._app.pages:
            if checked:
                raise Refused(41030, explain=f"the released version has: {', '.join(sorted(self._app.pages))}")
            self._missing.add(page)
            if len(self._missing) > MISSING_PAGES:
                raise Refused(45009, explain=f"{MISSING_PAGES} pages that are not published")
        content = f"weixin://a/{self._app.app_id}?page={quote(page)}&scene={quote(scene, safe='')}"
        hyaline = request.flag("is_hyaline", default=False)
        return self._code(request, content, {"kind": "getwxacodeunlimit", "scene": scene, "page": page}, hyaline)

    def _counted_code(self, request: Request, kind: str, path: str, *, hyaline: bool) -> Answer:
        if self._counted >= COUNTED:
            raise Refused(45029, explain=f"{COUNTED} codes for the life of the app")
        content = f"weixin://a/{self._app.app_id}?path={quote(path, safe='')}"
        answer = self._code(request, content, {"kind": kind, "path": path}, hyaline)
        self._counted += 1
        return answer

    def _code(self, request: Request, content: str, told: Mapping[str, Any], hyaline: bool) -> Answer:
        width = request.integer("width", 430)
        if width is None or not 280 <= width <= 1280:
            raise Refused(40097, explain="width is 280 to 1280")
        env_version = request.maybe("env_version", "release")
        if env_version not in ENV_VERSIONS:
            raise Refused(40097, explain="env_version is release, trial or develop")
        if env_version != "release":
            content += f"&env_version={env_version}"
        # Loaded with the first code: the extra of the core that brings it need not be there for payments.
        import segno  # noqa: PLC0415

        if len(content) > READABLE:
            content = f"weixin://a/{self._app.app_id}?sha256={hashlib.sha256(content.encode()).hexdigest()}"
        code = segno.make(content, error="l", micro=False)
        colour = GREEN if request.flag("auto_color", default=False) else _line_color(request.data.get("line_color"))
        drawn = pictures.draw([list(row) for row in code.matrix], width, colour, transparent=hyaline)
        self._made[hashlib.sha256(drawn.data).hexdigest()] = Made(content, drawn)
        self._list.append({**told, "env_version": env_version, "width": width, "content": content})
        return Answer(200, {"content-type": drawn.content_type}, drawn.data, verdict="unsigned")

    def _told(self) -> Mapping[str, Any]:
        """The codes that were made, what a scanner reads of each, and the pages of the released version."""
        return {"codes": self._list, "pages": sorted(self._app.pages), "used": self._counted}

    def _control(self, pages: list[str] | None = None, used: int | None = None) -> Mapping[str, Any]:
        """
        Set the pages of the released version, or how many of the 100 000 counted codes are used up.

        {"pages": ["pages/index/index", …]?, "used": 99999?}
        """
        if pages is not None:
            if not isinstance(pages, list) or not all(isinstance(page, str) and page for page in pages):
                raise ValueError("pages is a list of paths")
            self._app.pages = set(pages)
        if used is not None:
            whole(used=used)
            self._counted = used
        return self._told()


def _no_reserved(path: str) -> None:
    if "scancode_time" in path:
        raise Refused(85096)


def _line_color(given: Any) -> pictures.Colour:
    """Black, or the three decimals given, as numbers or as text."""
    if given is None:
        return 0, 0, 0
    if not isinstance(given, dict) or set(given) != {"r", "g", "b"}:
        raise Refused(40097, explain="line_color has r, g and b")
    parts = [str(given[name]) for name in "rgb"]
    if not all(re.fullmatch(r"\d{1,3}", part, re.ASCII) and int(part) <= 255 for part in parts):
        raise Refused(40097, explain="r, g and b are 0 to 255")
    return int(parts[0]), int(parts[1]), int(parts[2])
