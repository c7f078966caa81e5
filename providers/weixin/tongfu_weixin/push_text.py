"""
The two texts of a message push, XML and JSON, to one tree and back.

XML: an element is a str, or a dict where it has elements; one that comes more than once is a list. Document
types, entities, processing instructions and attributes are refused, and so is depth.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from xml.parsers import expat

from tongfu.errors import InvalidParams, MalformedAnswer

from . import strict_json

XML: Final = "xml"
JSON: Final = "json"
_MOST_ELEMENTS: Final = 5000
_DEEPEST: Final = 16
_NAME: Final = re.compile(r"[A-Za-z_][\w.-]{0,99}", re.ASCII)
_UNSENDABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def parse(body: bytes) -> tuple[str, dict[str, Any]]:
    """
    Read a message; which of the two it is, it shows by its first character.

    :raises MalformedAnswer: it is neither, or something in it is refused.
    """
    start = body.lstrip()[:1]
    if start == b"{":
        return JSON, strict_json.load(body)
    if start == b"<":
        return XML, _parse_xml(body)
    raise MalformedAnswer("weixin: a pushed message is XML or JSON, and this is neither")


def build(kind: str, fields: Mapping[str, Any]) -> bytes:
    """
    Write *fields* (str, int, mappings and lists of these).

    :raises InvalidParams: naming what cannot be written.
    """
    if not isinstance(fields, Mapping):
        raise _unwritable("fields", "a mapping")
    if kind == JSON:
        try:
            return strict_json.dump(fields)
        except (TypeError, ValueError, RecursionError):
            raise _unwritable("fields", "what JSON and UTF-8 have") from None
    return f"<xml>{''.join(_element(name, value, 1) for name, value in fields.items())}</xml>".encode()


def _element(name: Any, value: Any, depth: int) -> str:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise _unwritable("fields", "names of letters, digits and _")
    if depth > _DEEPEST:
        raise _unwritable(name, "less depth")
    if isinstance(value, list | tuple) and not any(isinstance(item, list | tuple) for item in value):
        return "".join(_element(name, item, depth) for item in value)
    if isinstance(value, Mapping):
        content = "".join(_element(key, item, depth + 1) for key, item in value.items())
    elif isinstance(value, str) and _UNSENDABLE.search(value) is None:
        content = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        content = content.replace("\r", "&#13;")  # XML readers make a newline of a bare one
    elif type(value) is int:
        content = str(value)
    else:
        raise _unwritable(name, "a str without control characters, an int, a mapping or a list of these")
    return f"<{name}>{content}</{name}>"


def _unwritable(name: str, expected: str) -> InvalidParams:
    return InvalidParams("weixin", "push reply", {name: f"expected {expected}"})


class _Refused(Exception):
    pass


def _parse_xml(body: bytes) -> dict[str, Any]:
    reader = _Tree()
    try:
        reader.parser.Parse(body, True)
    except expat.ExpatError as exc:
        raise MalformedAnswer(f"weixin: not well-formed XML ({expat.ErrorString(exc.code)})") from None
    except _Refused as exc:
        raise MalformedAnswer(f"weixin: {exc}") from None
    if not isinstance(reader.found, dict):
        raise MalformedAnswer("weixin: the pushed message has no fields")
    return reader.found


class _Tree:
    def __init__(self) -> None:
        self.found: Any = None
        self._open: list[tuple[str, dict[str, Any], list[str]]] = []
        self._count = 0
        self.parser = expat.ParserCreate("UTF-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.EntityDeclHandler = self._doctype
        self.parser.ProcessingInstructionHandler = self._instruction

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if attributes:
            raise _Refused("an element with attributes")
        if not self._open and name != "xml":
            raise _Refused("the root element is not <xml>")
        if self._count > _MOST_ELEMENTS or len(self._open) >= _DEEPEST:
            raise _Refused("too many or too deep elements")
        self._open.append((name, {}, []))

    def _end(self, _: str) -> None:
        name, children, texts = self._open.pop()
        text = "".join(texts)
        if children and not text.isspace() and text:
            raise _Refused("text between the fields")
        value: Any = children or text
        if not self._open:
            self.found = value
            return
        siblings = self._open[-1][1]
        if name not in siblings:
            siblings[name] = value
            return
        if not isinstance(siblings[name], list):
            siblings[name] = [siblings[name]]
        siblings[name].append(value)

    def _text(self, text: str) -> None:
        if self._open:
            self._open[-1][2].append(text)

    def _doctype(self, *_: Any) -> None:
        raise _Refused("a document type or an entity declaration")

    def _instruction(self, *_: Any) -> None:
        raise _Refused("a processing instruction")
