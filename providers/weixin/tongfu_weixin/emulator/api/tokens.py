"""Access tokens: those of /cgi-bin/token, each replacing the one before, and the stable one."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tongfu.emulator.half import Route

from .app import App
from .wire import Endpoint, Refused, Request, control

LIFE: Final = timedelta(seconds=7200)
OVERLAP: Final = timedelta(minutes=5)
FORCED_A_DAY: Final = 20
FORCED_APART: Final = timedelta(seconds=30)
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,512}")


@dataclass(slots=True)
class Token:
    """One access token. ``until`` is when it expires, ``replaced`` from when on a newer one stands in its place."""

    text: str
    family: str
    until: datetime
    replaced: datetime | None = None


class Tokens:
    """Issues and checks. The two families do not touch each other."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._issued: dict[str, Token] = {}
        self._latest: dict[str, Token] = {}
        self._forced: deque[datetime] = deque()
        self.fetches: Counter[str] = Counter()

    def reset(self) -> None:
        self._issued.clear()
        self._latest.clear()
        self._forced.clear()
        self.fetches.clear()

    def endpoints(self) -> Iterable[Endpoint]:
        yield Endpoint("GET", "/cgi-bin/token", self.token, body="none", token=False, daily=2000)
        yield Endpoint(
            "POST", "/cgi-bin/stable_token", self.stable_token, token=False, daily=500_000, per_minute=10_000
        )

    def controls(self) -> Iterable[Route]:
        yield control("GET", "tokens", self._told)
        yield control("POST", "tokens", self._control, "invalidate")

    def check(self, text: str) -> Token:
        """
        The token that a business call came with.

        :raises Refused: 41001 missing, 40014 no token at all, 42001 expired, 40001 unknown or replaced.
        """
        if not text:
            raise Refused(41001)
        if _TOKEN.fullmatch(text) is None:
            raise Refused(40014, explain="a token is 16 to 512 letters, digits, - and _")
        token, now = self._issued.get(text), self._app.now()
        if token is None:
            raise Refused(40001, explain="this token was not issued here, or not since the last reset")
        if token.replaced is not None and token.replaced <= now:
            raise Refused(40001, explain="a newer token stands in its place")
        if token.until <= now:
            raise Refused(42001, explain=f"it expired at {token.until.isoformat()}")
        return token

    def credentials(self, appid: str, secret: str) -> None:
        """:raises Refused: 41002, 40013, 41004, 40125."""
        if not appid:
            raise Refused(41002)
        if appid != self._app.app_id:
            raise Refused(40013)
        if not secret:
            raise Refused(41004)
        if secret != self._app.secret:
            raise Refused(40125)

    def token(self, request: Request) -> Mapping[str, Any]:
        query = request.query
        if query.get("grant_type") != "client_credential":
            raise Refused(40002)
        self.credentials(query.get("appid", ""), query.get("secret", ""))
        self.fetches["token"] += 1
        if (before := self._latest.get("token")) is not None and before.replaced is None:
            before.replaced = self._app.now() + OVERLAP
        return self._answer(self._issue("token"))

    def stable_token(self, request: Request) -> Mapping[str, Any]:
        if request.maybe("grant_type") != "client_credential":
            raise Refused(40002)
        self.credentials(request.maybe("appid"), request.maybe("secret"))
        forced, now = request.flag("force_refresh", default=False), self._app.now()
        latest = self._latest.get("stable_token")
        self.fetches["stable_token"] += 1
        if forced:
            self._force(now)
            if latest is not None:
                latest.replaced = now
            latest = None
        # The platform renews it five minutes before its end; the old one lasts until then.
        if latest is None or latest.replaced is not None or latest.until - now <= OVERLAP:
            latest = self._issue("stable_token")
        return self._answer(latest)

    def _force(self, now: datetime) -> None:
        while self._forced and self._forced[0] <= now - timedelta(days=1):
            self._forced.popleft()
        if self._forced and now - self._forced[-1] < FORCED_APART:
            raise Refused(45011, explain="forced refreshes are at least 30 seconds apart")
        if len(self._forced) >= FORCED_A_DAY:
            raise Refused(45009, explain="20 forced refreshes a day")
        self._forced.append(now)
        self.fetches["forced"] += 1

    def _issue(self, family: str) -> Token:
        # Their real length varies and grows; 512 must fit.
        token = Token(self._app.id(152, prefix="97_"), family, self._app.now() + LIFE)
        self._issued[token.text] = self._latest[family] = token
        return token

    def _answer(self, token: Token) -> Mapping[str, Any]:
        left = int((token.until - self._app.now()).total_seconds())
        return {"access_token": token.text, "expires_in": left}

    def _told(self) -> Mapping[str, Any]:
        """How often tokens were fetched, and how many are accepted now."""
        now = self._app.now()
        valid = [
            token
            for token in self._issued.values()
            if token.until > now and (token.replaced is None or token.replaced > now)
        ]
        return {
            "fetches": {name: self.fetches[name] for name in ("token", "stable_token", "forced")},
            "valid": {name: sum(t.family == name for t in valid) for name in ("token", "stable_token")},
        }

    def _control(self, invalidate: bool = False) -> Mapping[str, Any]:
        """Invalidate every token, as another server that fetches its own does: {"invalidate": true}."""
        if invalidate is not True:
            raise ValueError("invalidate is true")
        for token in self._issued.values():
            token.replaced = min(token.replaced or self._app.now(), self._app.now())
        return self._told()
