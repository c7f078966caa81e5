"""Fen and yuan. Inside tongfu money is an int of fen; yuan exist only as text on a wire."""

from __future__ import annotations

import re

from .errors import MalformedAnswer

_YUAN = re.compile(r"(-?)(\d{1,15})(?:\.(\d{1,2})(0*))?", re.ASCII)
_FEN = re.compile(r"-?\d{1,18}", re.ASCII)


def yuan_from_fen(fen: int) -> str:
    """
    Write *fen* as yuan with two decimals: ``57`` is ``"0.57"``.

    :raises TypeError: not an int. A float has already lost the amount.
    """
    if type(fen) is not int:
        raise TypeError(f"an amount in fen is an int, not {type(fen).__name__}")
    yuan, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{yuan}.{rest:02d}"


def fen_from_yuan(text: str) -> int:
    """
    Read yuan as the platforms write them: ``"0.29"`` is 29, ``"0.290"`` is 29.

    :raises MalformedAnswer: not a plain decimal number, or a fraction of a fen.
    """
    match = _YUAN.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise MalformedAnswer("an amount is not yuan with at most two decimals")
    sign, yuan, decimals, _ = match.groups()
    fen = int(yuan) * 100 + int((decimals or "").ljust(2, "0"))
    return -fen if sign else fen


def fen_from_text(text: str) -> int:
    """
    Read an integer amount of fen from a wire's text.

    :raises MalformedAnswer: not an integer.
    """
    if not isinstance(text, str) or _FEN.fullmatch(text) is None:
        raise MalformedAnswer("an amount is not an integer of fen")
    return int(text)
