"""Helpers of the open API itself: quotas, rids, addresses, the check of the callback."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from tongfu.emulator.half import Route

from .app import App
from .gate import RID_LIFE, Gate
from .push import Push
from .tokens import Tokens
from .wire import BEIJING, Endpoint, Refused, Request, done

CLEARS_A_MONTH: Final = 10
OPERATORS: Final = ("CHINANET", "UNICOM", "CAP", "DEFAULT")
API_IPS: Final = ("127.0.0.1", "::1")
CALLBACK_IPS: Final = ("127.0.0.1",)


class Admin:
    """What a developer asks about calls."""

    def __init__(self, app: App, gate: Gate, tokens: Tokens, push: Push) -> None:
        self._app, self._gate, self._tokens, self._push = app, gate, tokens, push
        self._cleared: dict[str, int] = {}

    def reset(self) -> None:
        self._cleared.clear()

    def controls(self) -> Iterable[Route]:
        return ()

    def endpoints(self) -> Iterable[Endpoint]:
        yield Endpoint("POST", "/cgi-bin/clear_quota", self.clear_quota)
        yield Endpoint("POST", "/cgi-bin/clear_quota/v2", self.clear_quota_v2, body="none", token=False)
        yield Endpoint("POST", "/cgi-bin/openapi/quota/get", self.quota)
        yield Endpoint("POST", "/cgi-bin/openapi/rid/get", self.rid)
        yield Endpoint("POST", "/cgi-bin/callback/check", self.callback_check)
        yield Endpoint("GET", "/cgi-bin/get_api_domain_ip", lambda _: {"ip_list": list(API_IPS)}, body="none")
        yield Endpoint("GET", "/cgi-bin/getcallbackip", lambda _: {"ip_list": list(CALLBACK_IPS)}, body="none")

    def clear_quota(self, request: Request) -> Mapping[str, Any]:
        if request.text("appid", 40013) != self._app.app_id:
            raise Refused(40013)
        return self._clear()

    def clear_quota_v2(self, request: Request) -> Mapping[str, Any]:
        self._tokens.credentials(request.query.get("appid", ""), request.query.get("appsecret", ""))
        return self._clear()

    def _clear(self) -> Mapping[str, Any]:
        month = self._app.now().astimezone(BEIJING).strftime("%Y%m")
        if self._cleared.get(month, 0) >= CLEARS_A_MONTH:
            raise Refused(48006, explain=f"{CLEARS_A_MONTH} times a month")
        self._cleared[month] = self._cleared.get(month, 0) + 1
        self._gate.calls.clear()
        return done()

    def quota(self, request: Request) -> Mapping[str, Any]:
        path = request.maybe("cgi_path")
        if not path.startswith("/") or path.startswith("//"):
            raise Refused(76003, explain="cgi_path starts with / and has no host")
        endpoint = self._gate.known.get(path)
        if endpoint is None:
            raise Refused(76021)
        limit, used = self._gate.limit(endpoint), self._gate.used(path)
        told: dict[str, Any] = {"quota": {"daily_limit": limit, "used": used, "remain": max(0, limit - used)}}
        if endpoint.per_minute:
            told["rate_limit"] = {"call_count": endpoint.per_minute, "refresh_second": 60}
        return done(**told)

    def rid(self, request: Request) -> Mapping[str, Any]:
        rid = request.maybe("rid")
        if re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}", rid) is None:
            raise Refused(76002)
        kept = self._gate.kept.get(rid)
        if kept is None:
            raise Refused(76001)
        if self._app.now() - kept.at > RID_LIFE:
            raise Refused(76004)
        return done(request=kept.request)

    def callback_check(self, request: Request) -> Mapping[str, Any]:
        action, operator = request.maybe("action"), request.maybe("check_operator") or "DEFAULT"
        if action not in ("dns", "ping", "all"):
            raise Refused(40097, explain="action is dns, ping or all")
        if operator not in OPERATORS:
            raise Refused(40097, explain=f"check_operator is {', '.join(OPERATORS)}")
        host = urlsplit(self._push.url).hostname or "127.0.0.1"
        dns = [{"ip": host, "real_operator": operator}]
        ping = [{"ip": host, "from_operator": operator, "package_loss": "0%", "time": "1.000ms"}]
        return done(**({"dns": dns} if action != "ping" else {}), **({"ping": ping} if action != "dns" else {}))
