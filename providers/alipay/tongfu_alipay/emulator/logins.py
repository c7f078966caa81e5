"""Users who log in: their codes, their tokens, and the profile they share."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from tongfu.emulator.half import Route, World

from .controls import control
from .gateway import Refusal, Request

_USER_ID: Final = re.compile(r"2088\d{12}", re.ASCII)
BEIJING: Final = timezone(timedelta(hours=8))
CODE_LIVES: Final = (180, 86400)  # seconds, from the least that the platform promises to the most
EXPIRES: Final = timedelta(days=15)
RE_EXPIRES: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Login:
    """One code, and what it gives. ``ids`` are those that the app may see."""

    ids: Mapping[str, str]
    scope: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Tokens:
    """One pair. ``began`` is the login, and ``re_until`` counts from there however often it is refreshed."""

    login: Login
    began: datetime
    access_token: str
    until: datetime
    re_until: datetime


class Logins:
    def __init__(self, world: World) -> None:
        self._world = world
        self.reset()

    def reset(self) -> None:
        self._codes: dict[str, Login] = {}
        self._access: dict[str, Tokens] = {}
        self._refresh: dict[str, Tokens] = {}
        self._refreshed: set[str] = set()

    def routes(self) -> Iterable[Route]:
        takes = {"openid": str, "user_id": str, "open_id": str, "scope": str, "code_expires_in": int}
        yield Route("POST", "/_emulator/alipay/login", control(self.log_in, **takes))

    def log_in(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A user of the mini-program logs in: the code for alipay.system.oauth.token"""
        chance, ids = self._world.random, {name: body[name] for name in ("open_id", "user_id") if name in body}
        if "openid" in body:  # the facade's word for either of them
            if ids or not body["openid"]:
                raise ValueError("openid is a user_id or an open_id, and given alone")
            ids = {"user_id" if _USER_ID.fullmatch(body["openid"]) else "open_id": body["openid"]}
        if not ids:
            ids = {"open_id": f"{chance.getrandbits(128):032x}", "user_id": f"2088{chance.randrange(10**12):012d}"}
        if _USER_ID.fullmatch(ids.get("user_id", "2088000000000000")) is None:
            raise ValueError("user_id is 16 digits that begin with 2088")
        if not ids.get("open_id", "x"):
            raise ValueError("open_id is empty")
        scope, lives = body.get("scope", "auth_user"), body.get("code_expires_in", CODE_LIVES[0])
        if scope not in ("auth_base", "auth_user"):
            raise ValueError("scope is auth_base or auth_user")
        if not CODE_LIVES[0] <= lives <= CODE_LIVES[1]:
            raise ValueError(f"code_expires_in is {CODE_LIVES[0]} to {CODE_LIVES[1]} seconds")
        code = secrets.token_hex(16)
        self._codes[code] = Login(ids, scope, self._world.clock.now() + timedelta(seconds=lives))
        return {"code": code}

    def token(self, request: Request) -> dict[str, Any]:
        """
        alipay.system.oauth.token: the one answer without code and msg.

        :raises Refusal: as the platform refuses.
        """
        now, grant = self._world.clock.now(), request.params.get("grant_type", "")
        # Whatever comes of it, the code is used up.
        login = self._codes.pop(request.params.get("code", ""), None)
        if grant == "authorization_code":
            if login is None or login.until <= now:
                raise Refusal("40002", "isv.code-invalid", "授权码code无效")
            return self._issued(login, now)
        if grant != "refresh_token":
            raise Refusal("40002", "isv.grant-type-invalid", "grant_type参数不正确")
        refresh_token = request.params.get("refresh_token", "")
        tokens = self._refresh.pop(refresh_token, None)
        if tokens is None:
            what = "refreshed" if refresh_token in self._refreshed else "refresh"
            raise Refusal("40002", f"isv.{what}-token-invalid", "刷新令牌refresh_token无效")
        if tokens.re_until <= now:
            raise Refusal("40002", "isv.refresh-token-time-out", "刷新令牌refresh_token已过期")
        self._refreshed.add(refresh_token)
        self._access.pop(tokens.access_token, None)
        return self._issued(tokens.login, tokens.began)

    def _issued(self, login: Login, began: datetime) -> dict[str, Any]:
        now = self._world.clock.now()
        tokens = Tokens(login, began, secrets.token_hex(20), now + EXPIRES, began + RE_EXPIRES)
        refresh_token = secrets.token_hex(20)
        self._access[tokens.access_token] = self._refresh[refresh_token] = tokens
        return {
            **login.ids,
            "access_token": tokens.access_token,
            "auth_start": began.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
            "expires_in": int(EXPIRES.total_seconds()),
            "re_expires_in": int((tokens.re_until - now).total_seconds()),
            "refresh_token": refresh_token,
        }

    def share(self, request: Request) -> dict[str, Any]:
        """
        alipay.user.info.share.

        :raises Refusal: as the platform refuses.
        """
        tokens = self._access.get(request.params.get("auth_token", ""))
        if tokens is None:
            raise Refusal("20001", "aop.invalid-auth-token", "无效的访问令牌")
        if tokens.until <= self._world.clock.now():
            raise Refusal("20001", "aop.auth-token-time-out", "访问令牌已过期")
        if tokens.login.scope != "auth_user":
            raise Refusal("40006", "isv.insufficient-user-permissions", "用户权限不足")
        return {
            **tokens.login.ids,
            "avatar": "https://tfs.alipayobjects.com/images/partner/emulated",
            "nick_name": "支付宝小二",
            "gender": "F",
            "province": "浙江省",
            "city": "杭州市",
        }
