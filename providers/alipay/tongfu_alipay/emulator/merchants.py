"""The ISV's side: a merchant lets another app act for it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tongfu.emulator.half import Route, World

from .controls import control
from .gateway import Refusal, Request

CODE_LIVES: Final = timedelta(days=1)
EXPIRES: Final = timedelta(seconds=31536000)
RE_EXPIRES: Final = timedelta(seconds=32140800)


@dataclass(frozen=True, slots=True)
class Grant:
    app_auth_token: str
    until: datetime
    re_until: datetime


class Merchants:
    """One merchant: the seller of every order."""

    def __init__(self, world: World, seller_id: str, auth_app_id: str) -> None:
        self._world = world
        self._seller_id = seller_id
        self._auth_app_id = auth_app_id
        self.reset()

    def reset(self) -> None:
        self._codes: dict[str, datetime] = {}
        self._refresh: dict[str, Grant] = {}
        self._tokens: dict[str, datetime] = {}

    def routes(self) -> Iterable[Route]:
        yield Route("POST", "/_emulator/alipay/authorize", control(self.authorize))

    def authorize(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The merchant lets the app act for it: the code for alipay.open.auth.token.app"""
        code = secrets.token_hex(16)
        self._codes[code] = self._world.clock.now() + CODE_LIVES
        return {"app_auth_code": code}

    def admit(self, request: Request) -> None:
        """
        Whoever acts for a merchant has its token.

        :raises Refusal: as the gateway refuses.
        """
        token = request.params.get("app_auth_token", "")
        if token and token not in self._tokens:
            raise Refusal("20001", "aop.invalid-app-auth-token", "无效的应用授权令牌")
        if token and self._tokens[token] <= self._world.clock.now():
            raise Refusal("20001", "aop.app-auth-token-time-out", "应用授权令牌已过期")

    def token(self, request: Request) -> dict[str, Any]:
        """
        alipay.open.auth.token.app.

        :raises Refusal: as the platform refuses.
        """
        content, now = request.content, self._world.clock.now()
        code, refresh_token = str(content.get("code", "")), str(content.get("refresh_token", ""))
        until, grant = self._codes.pop(code, now), content.get("grant_type")
        if grant == "authorization_code":
            if until <= now:
                raise Refusal("40002", "isv.code-invalid", "授权码code无效")
        elif grant == "refresh_token":
            known = self._refresh.pop(refresh_token, None)
            if known is None or known.re_until <= now:
                raise Refusal("40002", "isv.refresh-token-invalid", "刷新令牌refresh_token无效")
            self._tokens.pop(known.app_auth_token, None)
        else:
            raise Refusal("40002", "isv.grant-type-invalid", "grant_type参数不正确")
        made, refresh = Grant(secrets.token_hex(20), now + EXPIRES, now + RE_EXPIRES), secrets.token_hex(20)
        self._tokens[made.app_auth_token] = made.until
        self._refresh[refresh] = made
        node = {
            "app_auth_token": made.app_auth_token,
            "app_refresh_token": refresh,
            "auth_app_id": self._auth_app_id,
            "expires_in": int(EXPIRES.total_seconds()),
            "re_expires_in": int(RE_EXPIRES.total_seconds()),
            "user_id": self._seller_id,
        }
        return {**node, "tokens": [node]}
