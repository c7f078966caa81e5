"""Temporary media: uploads in multipart/form-data, three days, and pictures that lie at some URL."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from tongfu.emulator.half import Answer, Asked, Route

from . import pictures
from .app import App
from .wire import PLAIN, Endpoint, Refused, Request, control, texts

LIFE: Final = timedelta(days=3)
LARGEST: Final = 2 << 20  # bytes; another sentence of the same page says 10 MB


@dataclass(frozen=True, slots=True)
class File:
    """One part of a form that holds a file."""

    filename: str
    content_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Medium:
    """One temporary medium. A video has no data here but a place to fetch it from."""

    kind: str
    content_type: str
    data: bytes = field(repr=False)
    created: datetime
    url: str = ""


class Media:
    """What was uploaded and what users sent."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._kept: dict[str, Medium] = {}
        self._pictures: dict[str, bytes] = {}

    def reset(self) -> None:
        self._kept.clear()
        self._pictures.clear()

    def endpoints(self) -> Iterable[Endpoint]:
        yield Endpoint("POST", "/cgi-bin/media/upload", self.upload, body="form")
        yield Endpoint("GET", "/cgi-bin/media/get", self.get, body="none", errors_as=PLAIN)

    def controls(self) -> Iterable[Route]:
        yield control("POST", "media", self._received, "type", "base64")
        yield control("POST", "pictures", self._lay, "url", "base64")

    def keep(self, data: bytes, content_type: str) -> str:
        """The media_id of a new picture."""
        media_id = self._app.id(64)
        self._kept[media_id] = Medium("image", content_type, data, self._app.now())
        return media_id

    def find(self, media_id: str) -> Medium:
        """:raises Refused: 40007, unknown or older than three days."""
        medium = self._kept.get(media_id)
        if medium is None or self._app.now() - medium.created >= LIFE:
            raise Refused(40007, explain="its three days are over" if medium else "no such media_id")
        return medium

    def at(self, url: str) -> bytes:
        """
        The picture at a URL. The emulator fetches nothing: it knows its own media and what a control route laid there.

        :raises Refused: 101000.
        """
        if url in self._pictures:
            return self._pictures[url]
        media_id = re.search(r"/cgi-bin/media/get\?(?:.*&)?media_id=([\w-]+)", url)
        if media_id is not None and media_id[1] in self._kept:
            return self.find(media_id[1]).data
        raise Refused(101000, explain="POST /_emulator/weixin/pictures lays a picture at a URL")

    def upload(self, request: Request) -> Mapping[str, Any]:
        if request.query.get("type") != "image":
            raise Refused(40004, explain="a mini program uploads type=image only")
        file = form(request.asked).get("media")
        if file is None or not file.filename or not file.data:
            raise Refused(41005, explain="a part named media with a filename, in multipart/form-data")
        if len(file.data) > LARGEST:
            raise Refused(40009, explain="at most 2 MB")
        try:
            content_type, _, _ = pictures.size(file.data)
        except ValueError as exc:
            raise Refused(40005, explain=str(exc)) from exc
        media_id = self.keep(file.data, content_type)
        return {"type": "image", "media_id": media_id, "created_at": self._app.stamp()}

    def get(self, request: Request) -> Any:
        medium = self.find(request.param("media_id", 40007))
        if medium.kind == "video":
            return {"video_url": medium.url}
        kind = medium.content_type.partition("/")[2].replace("jpeg", "jpg")
        headers = {
            "content-type": medium.content_type,
            "content-disposition": f'attachment; filename="{request.query["media_id"]}.{kind}"',
        }
        return Answer(200, headers, medium.data, verdict="unsigned")

    def _received(self, type: str = "image", base64: str = "") -> Mapping[str, Any]:  # noqa: A002 - the platform's word
        """A medium that a user sent: {"type": "image" | "video", "base64"?: the picture} answers its media_id."""
        if type == "video":
            media_id = self._app.id(64)
            url = f"{self._app.world.origin}/video/{media_id}.mp4"
            self._kept[media_id] = Medium("video", "video/mp4", b"", self._app.now(), url)
            return {"media_id": media_id}
        if type != "image":
            raise ValueError("type is image or video")
        data = _decoded(base64) if base64 else pictures.blank(640, 480)
        return {"media_id": self.keep(data, pictures.size(data)[0])}

    def _lay(self, url: str, base64: str) -> Mapping[str, Any]:
        """Let a picture lie at a URL, for img_url and media checks: {"url", "base64"}."""
        texts(url=url)
        data = _decoded(base64)
        self._pictures[url] = data
        return {"url": url, "bytes": len(data)}


def _decoded(text: object) -> bytes:
    try:
        return base64.b64decode(text if isinstance(text, str) else "?", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("base64 is the picture in base64") from None


_NAME = re.compile(rb';\s*name="?([^";\r\n]*)"?', re.IGNORECASE)
_FILENAME = re.compile(rb';\s*filename="?([^";\r\n]*)"?', re.IGNORECASE)
_TYPE = re.compile(rb"(?:^|\r\n)content-type:\s*([^\r\n]*)", re.IGNORECASE)


def form(asked: Asked) -> dict[str, File]:
    """The parts of a multipart/form-data body by their names; empty where it is none. Fields have no filename."""
    boundary = re.search(r'boundary="?([^";,\s]+)', asked.headers.get("content-type", ""))
    if boundary is None or not asked.headers["content-type"].lower().startswith("multipart/form-data"):
        return {}
    found: dict[str, File] = {}
    for part in (b"\r\n" + asked.body).split(b"\r\n--" + boundary[1].encode())[1:]:
        head, blank, data = part.partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if part.startswith(b"--") or not blank or name is None:
            continue
        filename, kind = _FILENAME.search(head), _TYPE.search(head)
        found[name[1].decode(errors="replace")] = File(
            filename[1].decode(errors="replace") if filename else "",
            kind[1].decode(errors="replace") if kind else "",
            data,
        )
    return found
