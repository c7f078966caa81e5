"""
APIv2's XML: one flat element in UTF-8.

Anything else is refused: document types and entities (XXE, billion laughs), processing
instructions, attributes, nesting, an element that comes twice, another encoding.

What WeChat Pay really sends is read by one pattern, at a third of the time that expat's handlers
take. It never refuses: a document that is not wholly of this shape goes to expat, which decides.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any, Final
from xml.parsers import expat

from tongfu.errors import InvalidParams, MalformedAnswer

MOST_FIELDS: Final = 2000
NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
# One field, with or without CDATA, and the blanks behind it. No < within, so that a pass over any
# text is linear; no carriage return, as XML reads it as a line feed; no character that XML lacks.
_INSIDE: Final = "<&\\]\x00-\x08\x0b-\x1f\ufffe\uffff"
_FIELD: Final = re.compile(
    r"<([A-Za-z_][0-9A-Za-z_.\-]*+)>"
    rf"(?:<!\[CDATA\[([^{_INSIDE}]*+)\]\]>|([^{_INSIDE}]*+))"
    r"</\1>[ \t\n]*+"
)
_UNSENDABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff\U00010000-\U0010ffff]")


def build(fields: Mapping[str, str]) -> bytes:
    """
    Write *fields* as XML.

    A carriage return travels as a reference: a parser reads a bare one as a line feed, and the
    signature would not match.
    """
    everything = "".join(fields.values())
    if "&" in everything or "<" in everything or ">" in everything or "\r" in everything:
        fields = {name: html.escape(value, quote=False).replace("\r", "&#13;") for name, value in fields.items()}
    return f"<xml>{''.join([f'<{name}>{value}</{name}>' for name, value in fields.items()])}</xml>".encode()


def refuse_unsendable(operation: str, fields: Mapping[str, str]) -> None:
    """
    WeChat Pay takes UTF-8 of up to three bytes a character: no emoji, no control characters.

    :raises InvalidParams: naming the fields that hold others.
    """
    # The whole at once: almost no request has any.
    everything = "".join(fields.values())
    if (everything.isascii() and everything.isprintable()) or _UNSENDABLE.search(everything) is None:
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
    usual = _usual(body, root)
    if usual is not None:
        return usual
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


def _usual(body: bytes, root: str) -> dict[str, str] | None:
    """What expat would read, or None for a document that is for expat to judge."""
    try:
        pieces = _FIELD.split(body.decode(), MOST_FIELDS)
    except UnicodeDecodeError:
        return None
    # Four by four: what stands before a field, its name, its text in CDATA, its text without.
    between, names = pieces[::4], pieces[1::4]
    if (
        not names
        or between[0].strip(" \t\n") != f"<{root}>"
        or between[-1].strip(" \t\n") != f"</{root}>"
        or any(between[1:-1])
    ):
        return None
    values = [plain if cdata is None else cdata for cdata, plain in zip(pieces[2::4], pieces[3::4], strict=True)]
    fields = dict(zip(names, values, strict=True))
    return fields if len(fields) == len(names) else None


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
