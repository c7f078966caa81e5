"""Fields that more than one part of the API has, and what a caller may pass as a picture."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from tongfu.errors import InvalidParams
from tongfu.fields import Checked, Text

from .result import Media
from .wire import File

MIB: Final = 1 << 20
_STARTS: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
}


class Flag(Checked):
    """A bool."""

    expected = "True or False"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, bool)


class Always(Checked):
    """Anything: what it has to be is checked where it is read."""

    def accepts(self, value: Any) -> bool:
        return True


class PageQuery(Text):
    """What a page gets as its query, as ``a=1&b=2``."""

    def __init__(self) -> None:
        super().__init__(
            1024,
            least=0,
            pattern=r"(?!\?)[0-9A-Za-z!#$&'()*+,/:;=?@\-._~%]*",
            alphabet="digits, ASCII letters and !#$&'()*+,/:;=?@-._~%, without a leading ?",
        )


class PagePath(Text):
    """A page's path; the query goes beside it. Empty is the home page."""

    def __init__(self) -> None:
        super().__init__(1024, least=0, pattern=r"[^?#\s]*", alphabet="a page's path, without a query")


class Link(Text):
    """An http(s) URL that a user's phone or the platform opens: it may have a fragment and text of any script."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(2048, pattern=r"https?://[^\s/]\S*", **kwargs)
        self.expected = "an http(s) URL of at most 2048 characters"


def picture(operation: str, part: str, value: Any, *, kinds: Collection[str], most: int) -> File:
    """
    The form part *part* with a picture that the caller passed.

    *value* is the picture's bytes (its MIME type is found by how they start), a ``Path``, a ``Media`` that was
    answered, or the seed's mapping: ``content_type`` (or ``contentType``) and ``value``. *most* is bytes.

    :raises InvalidParams: none of these, empty, too large, or not one of *kinds*.
    """
    try:
        content, declared = _read(value, most)
    except OSError as exc:
        raise InvalidParams("weixin", operation, {part: f"cannot be read ({type(exc).__name__})"}) from exc
    kind = declared.partition(";")[0].strip().lower().replace("image/jpg", "image/jpeg") or _sniffed(content)
    problem = ""
    if not content:
        problem = "expected bytes that are not empty, a Path, a Media, or a mapping of content_type and value"
    elif len(content) > most:
        problem = f"larger than {most} bytes"
    elif kind not in kinds:
        problem = f"expected one of {', '.join(kinds)}, not {kind[:40] or 'bytes of another kind'}"
    if problem:
        raise InvalidParams("weixin", operation, {part: problem})
    return File(part, content, kind)


def _read(value: Any, most: int) -> tuple[bytes, str]:
    """The bytes, of which one too many tells enough, and the MIME type if it was said."""
    declared: Any = ""
    if isinstance(value, Media):
        value, declared = value.buffer, value.content_type
    elif isinstance(value, Mapping):
        declared = value.get("content_type", value.get("contentType")) or ""
        value = value.get("value")
    elif isinstance(value, Path):
        with value.open("rb") as stream:
            value = stream.read(most + 1)
    if not isinstance(value, bytes | bytearray | memoryview):
        return b"", ""
    return bytes(value), declared if isinstance(declared, str) and declared.isprintable() else "?"


def _sniffed(content: bytes) -> str:
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _STARTS.items() if content.startswith(start)), "")
