"""The notify routes, with a platform whose notices are JSON signed by a word."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from aiohttp import web as aioweb
from aiohttp.test_utils import TestClient, TestServer

import tongfu
from tongfu import registry
from tongfu.errors import ConfigError, SignatureError, UnknownAccount, WrongNotice
from tongfu.hookspecs import hookimpl
from tongfu.notice import PaymentNotice, RefundNotice, Reply
from tongfu.testing import FakeTransport
from tongfu.web import notify_route

REPLY = Reply(202, {"Content-Type": "text/xml"}, b"<ok/>")
REFUSAL = (400, "the notification was not accepted\n")


@dataclass(frozen=True, slots=True)
class Account:
    platform: ClassVar[str] = "fake"
    timeout: float = 5.0
    scope: str = "fake"


class Plugin:
    """Tells payments ("pay"), refunds in the payment's form ("both") and in their own ("refund")."""

    def _read(self, params: tongfu.Notification) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(params.body)
        if params.headers.get("x-signature") != "signed":
            raise SignatureError(f"fake: not signed: {document}")
        return document

    @hookimpl
    def tongfu_sign(self, payload: bytes) -> str:
        return "signed"

    @hookimpl
    def tongfu_verify(self, signature: str) -> bool:
        return signature == "signed"

    @hookimpl
    def tongfu_encode_request(self) -> None:
        return None

    @hookimpl
    def tongfu_decode_response(self) -> None:
        return None

    @hookimpl
    def tongfu_verify_payment_notify(self, params: tongfu.Notification) -> PaymentNotice:
        document = self._read(params)
        if document["kind"] == "refund":
            raise WrongNotice("fake: a refund")
        return PaymentNotice(
            paid=document["kind"] == "pay",
            out_trade_no=document["no"],
            reply=REPLY,
            trade_state="SUCCESS",
            is_refund=document["kind"] == "both",
        )

    @hookimpl
    def tongfu_verify_refund_notify(self, params: tongfu.Notification) -> RefundNotice:
        document = self._read(params)
        if document["kind"] == "pay":
            raise WrongNotice("fake: a payment")
        return RefundNotice(refunded=True, out_trade_no=document["no"], reply=REPLY)


class Shop:
    """Writes down what it hears; raises ``trouble`` if there is any."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, bool]] = []
        self.trouble: Exception | None = None

    async def paid(self, notice: PaymentNotice) -> None:
        self.heard.append(("payment", notice.out_trade_no, notice.paid))
        if self.trouble is not None:
            raise self.trouble

    async def refunded(self, notice: RefundNotice) -> None:
        self.heard.append(("refund", notice.out_trade_no, notice.refunded))


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def facade(monkeypatch: pytest.MonkeyPatch) -> tongfu.Tongfu:
    monkeypatch.setattr(registry, "load", lambda platform: Plugin())
    return tongfu.Tongfu({"shop": Account()}, transport=FakeTransport())


@pytest.fixture
async def client(facade: tongfu.Tongfu, shop: Shop) -> AsyncIterator[TestClient[Any, Any]]:
    application = aioweb.Application()
    application.add_routes(
        [
            notify_route(facade, "shop", "/both", on_payment=shop.paid, on_refund=shop.refunded),
            notify_route(facade, "shop", "/payments", on_payment=shop.paid),
            notify_route(facade, "shop", "/refunds", on_refund=shop.refunded),
        ]
    )
    async with TestClient(TestServer(application)) as client:
        yield client


async def notify(client: TestClient[Any, Any], path: str, kind: str, signature: str = "signed") -> tuple[int, str]:
    body = json.dumps({"kind": kind, "no": "A1"}).encode()
    async with client.post(path, data=body, headers={"X-Signature": signature}) as response:
        return response.status, await response.text()


@pytest.mark.parametrize(
    ("path", "kind", "heard"),
    [
        ("/both", "pay", ("payment", "A1", True)),
        ("/both", "both", ("refund", "A1", True)),
        ("/both", "refund", ("refund", "A1", True)),
        ("/payments", "pay", ("payment", "A1", True)),
        ("/payments", "both", ("payment", "A1", False)),
        ("/refunds", "both", ("refund", "A1", True)),
        ("/refunds", "refund", ("refund", "A1", True)),
    ],
)
async def test_a_notice_is_told_and_answered_as_the_platform_wants(
    client: TestClient[Any, Any], shop: Shop, path: str, kind: str, heard: tuple[str, str, bool]
) -> None:
    async with client.post(path, json={"kind": kind, "no": "A1"}, headers={"X-Signature": "signed"}) as response:
        answer = Reply(response.status, {"Content-Type": response.headers["Content-Type"]}, await response.read())

    assert answer == REPLY
    assert shop.heard == [heard]


@pytest.mark.parametrize(
    ("path", "kind", "signature"),
    [
        ("/both", "pay", "forged"),
        ("/both", "refund", "forged"),
        ("/both", "pay", ""),
        ("/payments", "refund", "signed"),
        ("/refunds", "pay", "signed"),
    ],
)
async def test_what_is_not_authentic_or_not_wanted_is_refused_without_a_reason(
    client: TestClient[Any, Any], shop: Shop, path: str, kind: str, signature: str
) -> None:
    assert await notify(client, path, kind, signature) == REFUSAL
    assert shop.heard == []


@pytest.mark.parametrize("body", [b"", b"\xff\x00", b"[]", b'{"kind"', b"x" * ((1 << 20) + 1)])
async def test_rubbish_is_refused(client: TestClient[Any, Any], shop: Shop, body: bytes) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield body

    async with client.post("/both", data=chunks()) as response:
        assert (response.status, shop.heard) == (400, [])


async def test_a_shop_that_fails_is_told_again(client: TestClient[Any, Any], shop: Shop) -> None:
    shop.trouble = RuntimeError("database is away")

    assert await notify(client, "/both", "pay") == (500, "try again later\n")


async def test_even_our_own_error_out_of_the_shop_is_not_taken_for_a_forgery(
    client: TestClient[Any, Any], shop: Shop
) -> None:
    shop.trouble = SignatureError("of something else")

    assert (await notify(client, "/both", "pay"))[0] == 500


async def test_a_refusal_is_logged_without_what_was_sent(
    client: TestClient[Any, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "tongfu"):
        await notify(client, "/both", "pay", "forged")
    (record,) = [record for record in caplog.records if record.name == "tongfu"]

    assert (record.levelname, record.msg, record.__dict__["account"], record.__dict__["error"]) == (
        "WARNING",
        "tongfu.notification_refused",
        "shop",
        "SignatureError",
    )
    assert "A1" not in str(record.__dict__)


async def test_only_post_is_routed(client: TestClient[Any, Any]) -> None:
    async with client.get("/both") as response:
        assert response.status == 405


def test_an_unknown_account_is_refused_when_the_route_is_made(facade: tongfu.Tongfu, shop: Shop) -> None:
    with pytest.raises(UnknownAccount, match="'other'"):
        notify_route(facade, "other", "/notify", on_payment=shop.paid)


def test_somebody_must_hear(facade: tongfu.Tongfu) -> None:
    with pytest.raises(ConfigError, match="pass on_payment or on_refund"):
        notify_route(facade, "shop", "/notify")
