"""
APIv2's wire from the platform's side.

Written from the documentation alone, not from the client beside it: a rule that one of them has
misread shows as a signature that does not match.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from defusedxml import ElementTree
from defusedxml.common import DefusedXmlException

HEX: Final = {"MD5": 32, "HMAC-SHA256": 64}


class BadRequest(Exception):
    """The request is no flat XML."""


def read(body: bytes) -> dict[str, str]:
    """:raises BadRequest: not an <xml> of plain elements."""
    try:
        root = ElementTree.fromstring(body, forbid_dtd=True)
    except (ElementTree.ParseError, DefusedXmlException, ValueError, LookupError) as exc:
        raise BadRequest(type(exc).__name__) from exc
    if root.tag != "xml" or any(len(child) for child in root):
        raise BadRequest("not a flat <xml>")
    if re.search("[\U00010000-\U0010ffff]", "".join(root.itertext())):
        raise BadRequest("a character of four bytes")
    return {child.tag: child.text or "" for child in root}


def write(fields: Mapping[str, str], root: str = "xml") -> bytes:
    """CDATA everywhere, as the platform does it."""
    # A bare carriage return would be read as a line feed, and no longer be what was signed.
    texts = [(name, value.replace("]]>", "]]]]><![CDATA[>")) for name, value in fields.items()]
    inner = "".join(f"<{name}><![CDATA[{text}]]></{name}>" for name, text in texts)
    inner = inner.replace("\r", "]]>&#13;<![CDATA[")
    return f"<{root}>{inner}</{root}>".encode()


def to_sign(fields: Mapping[str, str], key: str) -> str:
    names = sorted(name for name in fields if name != "sign" and fields[name] != "")
    return "".join(f"{name}={fields[name]}&" for name in names) + f"key={key}"


def sign(fields: Mapping[str, str], key: str, algorithm: str) -> str:
    text = to_sign(fields, key).encode()
    if algorithm == "MD5":
        return hashlib.new("md5", text, usedforsecurity=False).hexdigest().upper()
    return hmac.new(key.encode(), text, hashlib.sha256).hexdigest().upper()


def seal(plain: bytes, key: str) -> str:
    """``req_info``: AES-256-ECB under the hex MD5 of the key."""
    secret = hashlib.new("md5", key.encode(), usedforsecurity=False).hexdigest().encode()
    padder = padding.PKCS7(128).padder()
    padded = padder.update(plain) + padder.finalize()
    encryptor = Cipher(algorithms.AES(secret), modes.ECB()).encryptor()  # noqa: S305 - the platform's choice
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def difference(expected: str, got: str) -> str:
    """Where two signatures part, for a person who looks for the mistake."""
    at = next((n for n, (a, b) in enumerate(zip(expected, got, strict=False)) if a != b), min(len(expected), len(got)))
    return f"sign differs from the expected one from character {at}"
