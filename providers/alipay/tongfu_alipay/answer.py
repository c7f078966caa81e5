"""
The gateway's answer as it was signed: raw characters, cut out and never written anew.

Source: https://opendocs.alipay.com/common/02mse7 "自行实现验签"
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from tongfu.errors import MalformedAnswer


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


# A decimal number stays the text it was: an amount must not pass through a float.
_DECODER: Final = json.JSONDecoder(parse_float=str, parse_constant=_no_constant)
_BLANK: Final = " \t\r\n"


class Answer(NamedTuple):
    """
    ``span`` is the node's value as it came; ``node`` what it reads as; ``name`` which node it is.

    ``cert_sn`` is the certificate that the platform says it signed with, in certificate mode.
    """

    name: str
    span: str
    node: Any
    sign: str
    cert_sn: str


def extract(body: bytes, method: str) -> Answer:
    """
    Find the node of *method*, or error_response, at the top level, and the sign beside it.

    :raises MalformedAnswer: not such an object, or a node or sign that comes twice.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise MalformedAnswer("alipay: the answer is not UTF-8") from exc
    ours = method.replace(".", "_") + "_response"
    nodes: list[tuple[str, str, Any]] = []
    beside: dict[str, Any] = {"sign": "", "alipay_cert_sn": ""}
    for name, span, value in _members(text):
        if name in (ours, "error_response", "null_response"):
            nodes.append((name, span, value))
        elif name in beside:
            if beside[name] != "" or not isinstance(value, str):
                raise MalformedAnswer(f"alipay: the answer has more than one {name}, or one that is no text")
            beside[name] = value
    if len(nodes) != 1:
        raise MalformedAnswer(f"alipay: the answer has {len(nodes) or 'no'} nodes for {method}, expected one")
    return Answer(*nodes[0], beside["sign"], beside["alipay_cert_sn"])


def opened(text: bytes) -> Any:
    """
    What an encrypted node holds.

    :raises MalformedAnswer: not JSON.
    """
    try:
        content = text.decode("utf-8")
        node, end = _DECODER.raw_decode(content, _skip(content, 0))
        if _skip(content, end) == len(content):
            return node
    except (ValueError, RecursionError):
        pass
    raise MalformedAnswer("alipay: the answer's encrypted content is not JSON")


def _members(text: str) -> list[tuple[str, str, Any]]:
    """The top-level object's members, each with its value's raw characters."""
    members = []
    at = _skip(text, 0)
    if text[at : at + 1] != "{":
        raise MalformedAnswer("alipay: the answer is not a JSON object")
    at = _skip(text, at + 1)
    try:
        while text[at : at + 1] != "}":
            name, at = _DECODER.raw_decode(text, at)
            at = _skip(text, at)
            if not isinstance(name, str) or text[at : at + 1] != ":":
                raise MalformedAnswer("alipay: the answer is not a JSON object")
            start = _skip(text, at + 1)
            value, end = _DECODER.raw_decode(text, start)
            members.append((name, text[start:end], value))
            at = _skip(text, end)
            if text[at : at + 1] == ",":
                at = _skip(text, at + 1)
                if text[at : at + 1] == "}":
                    raise MalformedAnswer("alipay: the answer is not JSON")
            elif text[at : at + 1] != "}":
                raise MalformedAnswer("alipay: the answer is not JSON")
    except (ValueError, RecursionError) as exc:
        raise MalformedAnswer(f"alipay: the answer is not JSON ({type(exc).__name__})") from exc
    if _skip(text, at + 1) != len(text):
        raise MalformedAnswer("alipay: something follows the answer's JSON object")
    return members


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at
