"""
Results of the mini-program API, and how they are read.

A result's fields have the wire's names, or say theirs with ``wire("…")``; its annotations are what is
expected. Unknown fields stay in ``raw``: the platform adds some over time.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from tongfu.errors import InvalidParams, MalformedAnswer
from tongfu.model import Result, camel

R = TypeVar("R", bound=Result)


class ApiItem(Result):
    """A part of an answer. ``to_camel()`` gives each field of it that came, under its camelCase name."""

    __slots__ = ()

    def to_camel(self) -> dict[str, Any]:
        named = ((one.name, getattr(self, one.name)) for one in fields(self) if one.name != "raw")  # type: ignore[arg-type]
        return {camel(name): _camel(value) for name, value in named if value is not None}


class ApiResult(ApiItem):
    """A whole answer. ``to_camel()`` is the seed's document: with ``errCode`` 0 and ``errMsg``, deep."""

    __slots__ = ()

    def to_camel(self) -> dict[str, Any]:
        return {"errCode": 0, "errMsg": "ok", **super().to_camel()}


def _camel(value: Any) -> Any:
    if isinstance(value, Result):
        return value.to_camel()
    if isinstance(value, tuple):
        return [_camel(item) for item in value]
    return value


def wire(name: str, **options: Any) -> Any:
    """A field whose name on the wire is *name*."""
    return field(metadata={"wire": name}, **options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done(ApiResult):
    """It is done; the platform says nothing more."""

    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Media(ApiResult):
    """
    A file: an image, a temporary medium. ``content_type`` is as it came; ``buffer`` is the bytes.

    ``num_used`` (``wxacode.get``) is how many of the app's 100,000 permanent codes are used. A temporary
    video comes as ``video_url``, without bytes.
    """

    content_type: str = ""
    buffer: bytes = field(default=b"", repr=False)
    filename: str | None = None
    num_used: int | None = None
    video_url: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def save(self, path: str | Path) -> Path:
        """
        Write the file to *path*, which you choose: ``filename`` comes from outside. Answers the path.

        :raises InvalidParams: there is no file here, but a ``video_url``.
        """
        if not self.buffer:
            raise InvalidParams("weixin", "save", {"buffer": "empty; the file is at video_url"})
        target = Path(path)
        target.write_bytes(self.buffer)
        return target

    def to_camel(self) -> dict[str, Any]:
        if self.video_url is not None:
            return {"errCode": 0, "errMsg": "ok", "videoUrl": self.video_url}
        return {"errCode": 0, "errMsg": "ok", "contentType": self.content_type, "buffer": self.buffer}


def read(kind: type[R], answer: Any) -> R:
    """
    Make a *kind* of an answer.

    :raises MalformedAnswer: a field is missing or not what the platform documents; it is named.
    """
    if not isinstance(answer, Mapping):
        raise MalformedAnswer(f"weixin: expected an object for {kind.__name__}")
    values: dict[str, Any] = {}
    for one, hint in _hints(cast("Any", kind)):
        name = one.metadata.get("wire", one.name)
        if one.name == "raw":
            values["raw"] = answer
        elif answer.get(name) is not None:
            values[one.name] = _value(hint, answer[name], f"{kind.__name__}.{name}")
        elif one.default is MISSING and one.default_factory is MISSING:
            raise MalformedAnswer(f"weixin: the answer has no {name}")
    return kind(**values)


def reads(kind: type[R]) -> Any:
    """A ``finish`` that reads a *kind*."""
    return lambda answer: read(kind, answer)


def media(answer: Mapping[str, Any]) -> Media:
    """:raises MalformedAnswer: JSON where a file was asked for, and no refusal either."""
    found = read(Media, answer)
    if not found.buffer and found.video_url is None:
        raise MalformedAnswer("weixin: the answer is neither a file nor a video_url")
    return found


@cache
def _hints(kind: type[Any]) -> tuple[tuple[Field[Any], Any], ...]:
    hints = get_type_hints(kind)
    return tuple((one, _bare(hints[one.name])) for one in fields(kind))


def _bare(hint: Any) -> Any:
    """The hint without None."""
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    return hint


def _value(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if origin is tuple and isinstance(value, list):
        return tuple(_value(get_args(hint)[0], item, where) for item in value)
    if isinstance(hint, type) and issubclass(hint, Result):
        return read(hint, value)
    if hint is int and isinstance(value, str) and value.isascii() and value.lstrip("-").isdigit():
        return int(value)
    if hint is float and type(value) in (int, float):
        return float(value)
    if hint is str and type(value) is int:
        return str(value)
    if origin in (Mapping, dict) or hint is Any:
        expected: Any = object if hint is Any else Mapping
    else:
        expected = hint if isinstance(hint, type) else ()
    if not isinstance(value, expected) or (isinstance(value, bool) and hint is int):
        raise MalformedAnswer(f"weixin: {where} is not {getattr(hint, '__name__', hint)}")
    return value
