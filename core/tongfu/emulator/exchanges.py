"""What was asked of the platforms and what they answered, without a secret in it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

KEPT: Final = 1000  # exchanges; older ones are dropped

# The settings that only the merchant (or the platform) may know, by their names in the JSON line.
_SECRET = re.compile(r"(?:^|_)(?:secret|key|pfx|token|password)(?:_|$)")
_PUBLIC = re.compile(r"(?:^|_)(?:public|id|serial|type)(?:_|$)")


@dataclass(slots=True)
class Exchange:
    """
    One request to a platform's endpoint and its answer; neither headers nor bodies nor query values.

    ``status`` is 0 while, and if, no answer went out. ``duration`` is real seconds. ``fault`` is what
    went wrong on purpose, ``error`` what the emulator itself did wrong.
    """

    id: str
    at: datetime
    platform: str
    method: str
    path: str
    parameters: tuple[str, ...] = ()
    status: int = 0
    verdict: str = "unsigned"
    explain: str = ""
    out_trade_no: str = ""
    duration: float = 0.0
    fault: str = ""
    error: str = ""


class Secrets:
    """The secrets of the emulated accounts: none of them leaves in an explanation."""

    def __init__(self) -> None:
        self._known: list[str] = []

    def learn(self, settings: Mapping[str, Any]) -> None:
        """Keep the settings whose names say that they are secret."""
        self._known += [
            value
            for name, value in settings.items()
            if isinstance(value, str) and len(value) >= 6 and _SECRET.search(name) and not _PUBLIC.search(name)
        ]
        self._known.sort(key=len, reverse=True)

    def masked(self, text: str) -> str:
        for secret in self._known:
            text = text.replace(secret, "***")
        return text


class Exchanges:
    """The latest exchanges, oldest first."""

    def __init__(self, secrets: Secrets) -> None:
        self.secrets = secrets
        self._kept: deque[Exchange] = deque(maxlen=KEPT)
        self._count = 0

    def begin(self, at: datetime, platform: str, method: str, path: str, parameters: Iterable[str]) -> Exchange:
        """Keep a new exchange, to be filled in as it goes on."""
        self._count += 1
        exchange = Exchange(
            f"request-{self._count}", at, platform, method, self.secrets.masked(path), tuple(dict.fromkeys(parameters))
        )
        self._kept.append(exchange)
        return exchange

    def kept(self) -> list[Exchange]:
        return list(self._kept)

    def clear(self) -> None:
        self._kept.clear()
        self._count = 0
