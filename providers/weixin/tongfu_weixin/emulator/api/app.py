"""One app and its users, as every part of the open API sees them."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from tongfu.emulator.half import Route, World

from .visits import PAGES
from .wire import BEIJING, Endpoint, Refused, Request, escaped

KEPT: Final = 1000  # messages, newest; older ones are dropped


@dataclass(slots=True)
class User:
    """One person as this app knows them."""

    openid: str
    unionid: str
    session_key: str = field(default="", repr=False)
    tells_unionid: bool = False  # jscode2session gives it only where the app is bound to an open-platform account
    active: datetime | None = None  # last in the app
    wrote: datetime | None = None  # last message to customer service
    entered: datetime | None = None  # last opened the conversation by the contact button
    traffic: datetime | None = None  # last message either way
    replies: int = 0  # since they wrote
    greetings: int = 0  # since they entered
    typing_until: datetime | None = None
    subscriptions: dict[str, int] = field(default_factory=dict)


class App:
    """
    Ids, secrets, users and the messages they were sent.

    :param mch_id: the merchant that the app takes payments with.
    """

    def __init__(self, world: World, platform: str, app_id: str, secret: str, mch_id: str) -> None:
        self.world, self.platform = world, platform
        self.app_id, self.secret, self.mch_id = app_id, secret, mch_id
        self.original_id = f"gh_{world.random.getrandbits(48):012x}"
        self.users: dict[str, User] = {}
        self.messages: list[dict[str, Any]] = []
        self.pages = set(PAGES)  # of the released version

    def now(self) -> datetime:
        return self.world.clock.now()

    def stamp(self) -> int:
        return int(self.now().timestamp())

    def today(self) -> str:
        """The Beijing day that daily quotas count in."""
        return self.now().astimezone(BEIJING).strftime("%Y%m%d")

    def id(self, length: int = 28, prefix: str = "") -> str:
        """An id of the platform's kind: letters, digits, - and _. Repeatable: it comes from the world's chance."""
        raw = self.world.random.randbytes(length)
        return prefix + base64.urlsafe_b64encode(raw).decode()[: length - len(prefix)]

    def user(self, openid: str) -> User:
        """The person of that openid, who is known from now on."""
        if openid not in self.users:
            self.users[openid] = User(openid, self.id(prefix="o6"))
        return self.users[openid]

    def known(self, openid: str) -> User:
        """
        The person of that openid: who logged in, wrote, subscribed, or paid.

        :raises Refused: 40003.
        """
        orders = self.world.orders(self.platform) if openid and openid not in self.users else ()
        if openid not in self.users and not any(order.openid == openid for order in orders):
            raise Refused(40003, explain="no login, message, subscription or payment made this openid known")
        return self.user(openid)

    def sent(self, kind: str, openid: str, request: Request) -> None:
        """Keep a message for inspection."""
        kept = {"kind": kind, "touser": openid, "at": self.now().isoformat(), "message": request.data}
        self.messages.append({**kept, "escaped": escaped(request.asked.body)})
        del self.messages[:-KEPT]

    def reset(self) -> None:
        self.users.clear()
        self.messages.clear()
        self.pages = set(PAGES)


class Part(Protocol):
    """A group of endpoints, and the control routes that play the user's side of them."""

    def endpoints(self) -> Iterable[Endpoint]: ...

    def controls(self) -> Iterable[Route]: ...

    def reset(self) -> None: ...


class Codes:
    """Codes of one use and five minutes, such as wx.login gives."""

    LIFE: Final = timedelta(minutes=5)

    def __init__(self, app: App) -> None:
        self._app = app
        self._issued: dict[str, tuple[dict[str, str], datetime]] = {}
        self._used: set[str] = set()

    def issue(self, **holds: str) -> str:
        code = secrets.token_hex(16)
        self._issued[code] = (holds, self._app.now() + self.LIFE)
        return code

    def peek(self, code: str, invalid: int, used: int) -> dict[str, str]:
        """
        What the code holds; it stays valid.

        :raises Refused: *used*, or *invalid* where it is unknown or its five minutes are over.
        """
        if code in self._used:
            raise Refused(used, explain="this code was used before")
        holds, until = self._issued.get(code, ({}, self._app.now()))
        if until <= self._app.now():
            raise Refused(invalid, explain="its five minutes are over" if code in self._issued else "no such code")
        return holds

    def take(self, code: str, invalid: int, used: int) -> dict[str, str]:
        """As ``peek``, and use it up."""
        holds = self.peek(code, invalid, used)
        self._used.add(code)
        return holds

    def clear(self) -> None:
        self._issued.clear()
        self._used.clear()
