"""
APIv2's XML: one flat element in UTF-8.

Anything else is refused: document types and entities (XXE, billion laughs), processing
instructions, attributes, nesting, an element that comes twice, another encoding.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any, Final
from xml.parsers import expat

from tongfu.errors import InvalidParams, MalformedAnswer

MOST_FIELDS: Final = 2000
_MARKUP: Final = re.compile(r"[&<>\r]")
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
_UNSENDABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff\U00010000-\U0010ffff]")


def build(fields: Mapping[str, str]) -> bytes:
    """
    Write *fields* as XML.

    A carriage return travels as a reference: a parser reads a bare one as a line feed, and the
    signature would not match.
    """
    parts = ["<xml>"]
    for name, value in fields.items():
        if _MARKUP.search(value):
            value = html.escape(value, quote=False).replace("\r", "&#13;")  # noqa: PLW2901
        parts.append(f"<{name}>{value}</{name}>")
    parts.append("</xml>")
    return "".join(parts).encode()


def refuse_unsendable(operation: str, fields: Mapping[str, str]) -> None:
    """
    WeChat Pay takes UTF-8 of up to three bytes a character: no emoji, no control characters.

    :raises InvalidParams: naming the fields that hold others.
    """
    # The whole at once: almost no request has any.
    if _UNSENDABLE.search("".join(fields.values())) is None:
        return
    problems = {
        name: "expected no emoji, no other 4-byte character and no control character"
        for name, value in fields.items()
        if _UNSENDABLE.search(value)
    }
    raise InvalidParams("weixin", operation, problems)


class _Refused(Exception):
    pass


def parse(body: bytes, root: str = "xml") -> dict[str, str]:
    """
    Read one flat element named *root*.

    :raises MalformedAnswer: it is anything else.
    """
    if b"\0" in body:
        # expat goes by the first bytes and reads UTF-16 whatever encoding it was told.
        raise MalformedAnswer("weixin: XML in another encoding than UTF-8")
    reader = _Flat(root)
    try:
        reader.parser.Parse(body, True)
    except expat.ExpatError as exc:
        raise MalformedAnswer(f"weixin: not well-formed XML ({expat.ErrorString(exc.code)})") from None
    except _Refused as exc:
        raise MalformedAnswer(f"weixin: {exc}") from None
    except (ValueError, LookupError) as exc:
        raise MalformedAnswer(f"weixin: XML in another encoding than UTF-8 ({type(exc).__name__})") from None
    return reader.fields


class _Flat:
    def __init__(self, root: str) -> None:
        self.fields: dict[str, str] = {}
        self._root = root
        self._depth = 0
        self._name = ""
        self.parser = expat.ParserCreate("UTF-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.parser.EntityDeclHandler = self._doctype
        self.parser.ProcessingInstructionHandler = self._instruction

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if attributes:
            raise _Refused("an element with attributes")
        if self._depth == 1:
            if name != self._root:
                raise _Refused(f"the root element is not <{self._root}>")
            return
        if self._depth > 2:
            raise _Refused("an element within a field")
        if name in self.fields:
            raise _Refused(f"the element <{name[:40]}> comes twice")
        if len(self.fields) >= MOST_FIELDS:
            raise _Refused(f"more than {MOST_FIELDS} fields")
        self.fields[name] = ""
        self._name = name

    def _end(self, name: str) -> None:
        self._depth -= 1

    def _text(self, text: str) -> None:
        if self._depth == 2:
            self.fields[self._name] += text
        elif not text.isspace():
            raise _Refused("text between the fields")

    def _doctype(self, *_: Any) -> None:
        raise _Refused("a document type or an entity declaration")

    def _instruction(self, *_: Any) -> None:
        raise _Refused("a processing instruction")
