"""The way in: token, method, body, quotas, refusals on purpose; the way out: rid, content type, the sealed answer."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import parse_qsl

from tongfu.emulator.half import Answer, Asked, Route

from .app import App
from .envelope import Envelope
from .tokens import Tokens
from .wire import ERRMSG, Endpoint, Refused, Request, control, document, read_json, texts, whole

KEPT: Final = 1000  # exchanges with a rid
RID_LIFE: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Kept:
    """One refused exchange as rid/get tells it."""

    at: datetime
    request: Mapping[str, Any]


@dataclass(slots=True)
class Refusal:
    """A business error that waits for a call."""

    path: str
    errcode: int
    errmsg: str
    times: int


class Gate:
    """Everything that is the same for every endpoint."""

    def __init__(self, app: App, tokens: Tokens, envelope: Envelope) -> None:
        self.app, self.tokens, self.envelope = app, tokens, envelope
        self.kept: dict[str, Kept] = {}
        self.calls: Counter[tuple[str, str]] = Counter()  # (path, Beijing day)
        self.limits: dict[str, int] = {}  # set by a control route
        self.known: dict[str, Endpoint] = {}
        self._lately: dict[str, deque[datetime]] = {}
        self._refusals: list[Refusal] = []

    def reset(self) -> None:
        for kept in (self.kept, self.calls, self.limits, self._lately, self._refusals):
            kept.clear()

    def routes(self, endpoints: Iterable[Endpoint]) -> Iterable[Route]:
        """Each endpoint, and the same path by the wrong method."""
        taken = set()
        made = list(endpoints)
        for endpoint in made:
            self.known[endpoint.path] = endpoint
            taken.add((endpoint.method, endpoint.path))
            yield Route(endpoint.method, endpoint.path, self._handler(endpoint))
        for endpoint in made:
            other, wrong = ("GET", 43002) if endpoint.method == "POST" else ("POST", 43001)
            if (other, endpoint.path) not in taken:
                yield Route(other, endpoint.path, self._handler(endpoint, wrong))

    def controls(self) -> Iterable[Route]:
        yield control("POST", "refusals", self._refuse, "path", "errcode", "errmsg", "times")
        yield control("DELETE", "refusals", self._refuse_nothing)
        yield control("POST", "quota", self._limit, "cgi_path", "daily_limit")

    def limit(self, endpoint: Endpoint) -> int:
        """Calls a day."""
        return self.limits.get(endpoint.path, endpoint.daily)

    def used(self, path: str) -> int:
        return self.calls[path, self.app.today()]

    # --- one request --------------------------------------------------------------------------

    def _handler(self, endpoint: Endpoint, wrong: int = 0) -> Callable[[Asked, Mapping[str, str]], Answer]:
        def handle(asked: Asked, _: Mapping[str, str]) -> Answer:
            started = time.perf_counter()
            request = Request(asked, dict(parse_qsl(asked.query, keep_blank_values=True)))
            try:
                answer = self._admitted(endpoint, request, wrong)
            except Refused as exc:
                rid = self._rid()
                told = {"errcode": exc.errcode, "errmsg": f"{exc.errmsg} rid: {rid}"}
                answer = document(told, endpoint.errors_as)
                answer.explain = exc.explain
                self._keep(rid, request, answer, started)
            if request.sealed:
                return self.envelope.seal(asked, answer)
            if self.envelope.claimed(asked):
                answer.verdict = "invalid"
            return answer

        return handle

    def _admitted(self, endpoint: Endpoint, request: Request, wrong: int) -> Answer:
        self._refused_on_purpose(endpoint.path)
        claimed = self.envelope.claimed(request.asked)
        if wrong and not (claimed and request.asked.method == "POST"):  # whatever is sealed is posted
            raise Refused(wrong)
        if endpoint.token:
            self.tokens.check(request.query.get("access_token", ""))
        if claimed:
            request.data = self.envelope.open(request.asked)
            request.sealed = True
            request.query |= {name: str(value) for name, value in request.data.items()}
        elif endpoint.body == "json":
            request.data = read_json(request.asked.body, not_json=endpoint.not_json)
        self._count(endpoint)
        told = endpoint.act(request)
        return told if isinstance(told, Answer) else document(told)

    def _count(self, endpoint: Endpoint) -> None:
        limit, now = self.limit(endpoint), self.app.now()
        if self.used(endpoint.path) >= limit:
            raise Refused(45009, explain=f"{limit} calls a day; clear_quota, or the next day in Beijing")
        if endpoint.per_minute:
            lately = self._lately.setdefault(endpoint.path, deque())
            while lately and lately[0] <= now - timedelta(minutes=1):
                lately.popleft()
            if len(lately) >= endpoint.per_minute:
                raise Refused(endpoint.too_fast, explain=f"{endpoint.per_minute} calls a minute")
            lately.append(now)
        self.calls[endpoint.path, self.app.today()] += 1

    def _rid(self) -> str:
        chance = self.app.world.random
        return f"{self.app.stamp():08x}-{chance.getrandbits(32):08x}-{chance.getrandbits(32):08x}"

    def _keep(self, rid: str, request: Request, answer: Answer, started: float) -> None:
        asked = request.asked
        query = "&".join(
            f"{name}={value[:6] + 'xxxx' if name in _MASKED else value}" for name, value in request.query.items()
        )
        told = {
            "invoke_time": self.app.stamp(),
            "cost_in_ms": int((time.perf_counter() - started) * 1000),
            "request_url": query,
            "request_body": "" if b"secret" in asked.body else asked.body[:4096].decode(errors="replace"),
            "response_body": answer.body.decode(errors="replace"),
            "client_ip": asked.client_ip,
        }
        self.kept[rid] = Kept(self.app.now(), told)
        while len(self.kept) > KEPT:
            del self.kept[next(iter(self.kept))]

    # --- refusals on purpose -------------------------------------------------------------------

    def _refused_on_purpose(self, path: str) -> None:
        for refusal in self._refusals:
            if fnmatchcase(path, refusal.path):
                refusal.times -= 1
                if not refusal.times:
                    self._refusals.remove(refusal)
                raise Refused(refusal.errcode, refusal.errmsg, explain="asked for by POST /_emulator/weixin/refusals")

    def _refuse(self, errcode: int, path: str = "*", errmsg: str = "", times: int = 1) -> Mapping[str, Any]:
        """
        Let the next calls of a path end in an errcode: 40164, 48001, -1, …

        {"path": a glob, "errcode", "errmsg"?, "times": 1}. Nothing of the call is carried out.
        """
        texts(path=path, errmsg=errmsg or None)
        whole(times=times)
        if type(errcode) is not int or errcode == 0 or not times:
            raise ValueError("errcode is an integer that is not 0, times is at least 1")
        refusal = Refusal(path, errcode, errmsg or ERRMSG.get(errcode, "error"), times)
        self._refusals.append(refusal)
        return {"path": path, "errcode": errcode, "errmsg": refusal.errmsg, "times": times}

    def _refuse_nothing(self) -> Mapping[str, Any]:
        """Forget the errcodes that wait."""
        self._refusals.clear()
        return {"refusals": []}

    def _limit(self, cgi_path: str, daily_limit: int) -> Mapping[str, Any]:
        """
        Set the calls a path may get each day: {"cgi_path", "daily_limit"}; beyond them it answers 45009.
        """
        texts(cgi_path=cgi_path)
        whole(daily_limit=daily_limit)
        if cgi_path not in self.known:
            raise LookupError(f"no endpoint {cgi_path}")
        self.limits[cgi_path] = daily_limit
        return {"cgi_path": cgi_path, "daily_limit": daily_limit, "used": self.used(cgi_path)}


_MASKED: Final = frozenset({"access_token", "secret", "appsecret"})
