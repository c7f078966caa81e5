"""A platform small enough to read at a glance, to test the shell with."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tongfu.emulator import Answer, Asked, Delivery, EmulatedOrder, Emulator, Route, World

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LADDER = (15.0, 30.0)


@dataclass(frozen=True, slots=True)
class FakeAccount:
    platform: ClassVar[str] = "fake"
    secret: str = field(repr=False)
    timeout: float = 5.0
    scope: str = "fake"


class FakeHalf:
    """Orders are JSON, a signature is the word "signed" in a header."""

    platform = "fake"
    secret = "top-secret-word"

    def __init__(self, world: World) -> None:
        self.world = world
        self.resets = 0
        self.made = 0

    def reset(self) -> None:
        self.resets += 1

    def routes(self) -> Iterable[Route]:
        yield Route("POST", "/orders/create", self.create)
        yield Route("GET", "/orders/{out_trade_no}/state", self.state)
        yield Route("POST", "/refund", self.refund, needs_client_cert=True)
        yield Route("POST", "/echo", self.echo)
        yield Route("POST", "/broken", self.broken)
        yield Route("POST", f"/_emulator/{self.platform}/login", self.login)

    def create(self, asked: Asked, names: Mapping[str, str]) -> Answer:
        wanted = json.loads(asked.body)
        order = EmulatedOrder(
            self.platform,
            wanted["out_trade_no"],
            wanted.get("total_fee", 100),
            self.world.clock.now(),
            notify_url=wanted.get("notify_url", ""),
            transaction_id=f"T{self.world.random.randrange(10**9):09}",
            wire={"secret": self.secret},
        )
        self.world.add(order)
        return self._answer({"id": order.transaction_id}, order.out_trade_no)

    def state(self, asked: Asked, names: Mapping[str, str]) -> Answer:
        order = self.world.order(self.platform, names["out_trade_no"])
        return self._answer({"state": order.state if order else "none"}, names["out_trade_no"])

    def refund(self, asked: Asked, names: Mapping[str, str]) -> Answer:
        return Answer(200, {}, asked.client_certificate or b"none")

    def echo(self, asked: Asked, names: Mapping[str, str]) -> Answer:
        seen = {
            "path": asked.path,
            "query": asked.query,
            "twice": asked.headers.get("x-twice"),
            "body": asked.body.decode("latin-1"),
            "https": asked.https,
            "client_ip": asked.client_ip,
        }
        explain = f"expected key={self.secret} 中\r\nX-Evil: 1 100%"
        return Answer(200, {"X-Signature": "signed"}, json.dumps(seen).encode(), explain=explain, verdict="invalid")

    def broken(self, asked: Asked, names: Mapping[str, str]) -> Answer:
        if asked.body == b"draw":
            raise ModuleNotFoundError("No module named 'pens'", name="pens")
        raise RuntimeError(f"lost {self.secret}")

    def login(self, asked: Asked, names: Mapping[str, str]) -> Answer:
        """
        Give a login code.

        It takes nothing.
        """
        if asked.body == b"bad":
            raise ValueError("no such openid")
        return Answer(200, {"Content-Type": "application/json"}, b'{"code": "c1"}')

    def _answer(self, document: Mapping[str, Any], out_trade_no: str) -> Answer:
        headers = {"Content-Type": "application/json", "X-Signature": "signed"}
        return Answer(200, headers, json.dumps(document).encode(), out_trade_no=out_trade_no)

    def settings(self) -> Mapping[str, Any]:
        return {"app_id": "app-identity", "key": self.secret, "public_key": "public-key-text"}

    def account(self) -> FakeAccount:
        return FakeAccount(self.secret)

    def pay(self, order: EmulatedOrder, outcome: str) -> None:
        if outcome != "success" or order.state != "open":
            raise ValueError(f"an order that is {order.state} cannot take {outcome}")
        order.state = "paid"
        order.paid = self.world.clock.now()
        if order.notify_url:
            self.world.deliver(self.notice(order))

    def notice(self, order: EmulatedOrder) -> Delivery:
        def make() -> tuple[dict[str, str], bytes]:
            self.made += 1
            return {"X-Signature": f"signed {self.made}"}, order.out_trade_no.encode()

        return Delivery(
            platform=self.platform,
            kind="payment",
            out_trade_no=order.out_trade_no,
            url=order.notify_url,
            make=make,
            corrupt=lambda how: ({"X-Signature": f"corrupt {how}"}, order.out_trade_no.encode()),
            accepted=lambda status, body: (status, body) == (200, b"success"),
            ladder=LADDER,
        )

    def sabotage(self, fault: str, answer: Answer) -> Answer:
        answer.headers["X-Signature"] = fault
        return answer


class Merchant:
    """A merchant's server: what it got, and what it answers next (200 success when nothing is said)."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str, bytes]] = []
        self.answers: list[tuple[int, str]] = []
        self.url = ""

    async def hear(self, request: web.Request) -> web.Response:
        self.got.append((request.path, request.headers["X-Signature"], await request.read()))
        status, text = self.answers.pop(0) if self.answers else (200, "success")
        return web.Response(status=status, text=text)

    @property
    def signatures(self) -> list[str]:
        return [signature for _, signature, _ in self.got]


@pytest.fixture
async def emu() -> AsyncIterator[Emulator]:
    async with Emulator(halves=[FakeHalf], start=START, frozen=True) as emulator:
        yield emulator


@pytest.fixture
async def client(emu: Emulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(emu.url, timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


@pytest.fixture
async def merchant() -> AsyncIterator[Merchant]:
    merchant = Merchant()
    application = web.Application()
    application.router.add_post("/{path:.*}", merchant.hear)
    async with TestServer(application) as server:
        merchant.url = str(server.make_url("/notify"))
        yield merchant


@pytest.fixture
def create(client: aiohttp.ClientSession) -> Callable[..., Any]:
    async def create(out_trade_no: str, **more: Any) -> dict[str, Any]:
        async with client.post("/orders/create", json={"out_trade_no": out_trade_no, **more}) as response:
            answer: dict[str, Any] = await response.json()
        return answer

    return create


@pytest.fixture
def fake_half() -> type[FakeHalf]:
    return FakeHalf


@pytest.fixture
def trusting(emu: Emulator) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=emu.ca_pem.decode())
