"""An app's server that speaks plain HTTP to the emulator: no client of ours stands between."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import rsa

from tongfu.emulator import Emulator

START = datetime(2026, 1, 14, 3, 4, 5, tzinfo=UTC)  # a Wednesday, 11:04 in Beijing
RID = re.compile(r" rid: [0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$")


@dataclass(frozen=True)
class Got:
    status: int
    headers: Any
    body: bytes

    @property
    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.body)
        return told

    @property
    def errcode(self) -> int:
        """Of a refusal, which has HTTP 200 and a rid at the end of its errmsg; 0 for success."""
        told = self.told if self.body.startswith(b"{") else {}
        code = told.get("errcode", 0)
        assert self.status == 200
        assert code in (0, 1) or RID.search(told["errmsg"]), told
        return int(code)


class Shop:
    def __init__(self, emu: Emulator, session: aiohttp.ClientSession) -> None:
        self.emu, self._session = emu, session
        self.line: dict[str, str] = emu.settings()["weixin"]
        self.token = ""

    async def ask(self, method: str, path: str, *, query: Any = None, **kwargs: Any) -> Got:
        async with self._session.request(method, path, params=query, **kwargs) as response:
            return Got(response.status, response.headers, await response.read())

    async def get(self, path: str, **query: str) -> Got:
        return await self.ask("GET", path, query={"access_token": await self.a_token(), **query})

    async def post(self, path: str, body: Any = None, *, data: Any = None, **query: str) -> Got:
        query = {"access_token": await self.a_token(), **query}
        if data is not None:
            return await self.ask("POST", path, query=query, data=data)
        return await self.ask("POST", path, query=query, data=json.dumps(body, ensure_ascii=False).encode())

    async def a_token(self) -> str:
        if not self.token:
            body = {"grant_type": "client_credential", "appid": self.line["app_id"], "secret": self.line["secret"]}
            self.token = (await self.ask("POST", "/cgi-bin/stable_token", json=body)).told["access_token"]
        return self.token

    async def control(self, method: str, path: str, /, **body: Any) -> Any:
        """What the user does, or a look behind the scenes; a refusal comes as (status, error)."""
        got = await self.ask(method, f"/_emulator/weixin/{path}", json=body)
        return got.told if got.status == 200 else (got.status, got.told["error"])

    async def login(self, openid: str = "o1") -> str:
        """The session_key of a new login."""
        code = (await self.control("POST", "login", openid=openid))["code"]
        return str((await self.session(code)).told["session_key"])

    async def session(self, code: str, **other: str) -> Got:
        query = {"appid": self.line["app_id"], "secret": self.line["secret"], "js_code": code}
        return await self.ask(
            "GET", "/sns/jscode2session", query={**query, "grant_type": "authorization_code", **other}
        )


class Callback:
    """The app's own server: what was pushed to it, and what it answers next (200 success when nothing is said)."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes, str]] = []
        self.answers: list[tuple[int, str]] = []
        self.url = ""

    async def hear(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.query), await request.read(), request.content_type))
        status, text = self.answers.pop(0) if self.answers else (200, "success")
        return web.Response(status=status, text=text)


@pytest.fixture(scope="session")
def rsa_keys() -> list[rsa.RSAPrivateKey]:
    return [rsa.generate_private_key(65537, 2048) for _ in range(3)]


@pytest.fixture
async def emu(rsa_keys: list[rsa.RSAPrivateKey], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Emulator]:
    """An emulator on a clock that stands. Making its three RSA keys is most of a start: these are made once."""
    keys = itertools.cycle(rsa_keys)
    monkeypatch.setattr(rsa, "generate_private_key", lambda *args, **kwargs: next(keys))
    async with Emulator(platforms=["weixin"], start=START, frozen=True, seed=7) as emulator:
        yield emulator


@pytest.fixture
async def shop(emu: Emulator) -> AsyncIterator[Shop]:
    async with aiohttp.ClientSession(emu.url, timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield Shop(emu, session)


@pytest.fixture
async def callback() -> AsyncIterator[Callback]:
    callback = Callback()
    application = web.Application()
    application.router.add_post("/{path:.*}", callback.hear)
    async with TestServer(application) as server:
        callback.url = str(server.make_url("/wx"))
        yield callback
