"""What goes wrong on the way: lost answers, repeated and broken notifications. Money moves once, and nobody guesses."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tongfu import MalformedAnswer, Notification, OutcomeUnknown, SignatureError, Tongfu, TongfuError, TransportError
from tongfu.emulator import Emulator
from tongfu.emulator.delivery import Corruption
from tongfu.errors import CredentialRejected, UnverifiedOutcome
from tongfu_weixin import WeixinAccount

START = datetime(2026, 11, 24, 8, 3, 5, tzinfo=UTC)
# pay.weixin.qq.com: 15s/15s/30s/3m/10m/20m/30m/30m/30m/60m/3h/3h/3h/6h/6h, 24 h 4 m in all.
PAUSES = [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600]
ORDER: dict[str, Any] = {
    "openid": "o1",
    "body": "tea",
    "out_trade_no": "A10011",
    "total_fee": 100,
    "notify_url": "http://127.0.0.1:9/notify",
}
REFUND: dict[str, Any] = {"out_trade_no": "A10011", "out_refund_no": "R1", "total_fee": 100, "refund_fee": 60}
MONEY = {
    "get_order_info": (ORDER, "/pay/unifiedorder"),
    "close_order": ({"out_trade_no": "A10011"}, "/pay/closeorder"),
    "refund": (REFUND, "/secapi/pay/refund"),
}
QUESTIONS = {
    "order_query": ({"out_trade_no": "A10011"}, "/pay/orderquery"),
    "refund_query": ({"out_refund_no": "R1"}, "/pay/refundquery"),
}


@pytest.fixture
async def emu() -> AsyncIterator[Emulator]:
    async with Emulator(platforms=["weixin"], start=START, frozen=True) as emulator:
        yield emulator


@pytest.fixture
async def tf(emu: Emulator) -> AsyncIterator[Tongfu]:
    """Plain http: what is lost here is the answer, not the time of a TLS handshake. "hasty" waits half a second."""
    account = emu.accounts()["weixin"]
    assert isinstance(account, WeixinAccount)
    shop = replace(account, base_url=emu.url)
    async with Tongfu({"shop": shop, "hasty": replace(shop, timeout=0.5)}, clock=emu.clock) as facade:
        yield facade


async def ready(emu: Emulator, tf: Tongfu, operation: str) -> None:
    """Bring the world to where *operation* makes sense."""
    if operation == "get_order_info":
        return
    await tf.payment.get_order_info("shop", **ORDER)
    if operation in ("refund", "refund_query"):
        await emu.pay("A10011")
    if operation == "refund_query":
        await tf.payment.refund("shop", **REFUND)


def asked(emu: Emulator, path: str) -> int:
    return sum(exchange.path == path for exchange in emu.exchanges)


def done(emu: Emulator, operation: str) -> bool:
    """Whether the platform carried *operation* out."""
    orders = emu.orders()
    return {
        "get_order_info": len(orders) == 1,
        "close_order": bool(orders) and orders[0].state == "closed",
        "refund": bool(orders) and orders[0].refunded_fee == 60,
    }[operation]


# Which faults leave the request undone, and which only its answer unheard.
FAULTS = {
    "timeout_after_commit": True,
    "timeout_before": False,
    "reset": False,
    "truncate": True,
    "status:502": False,
    "bad_signature": True,
    "no_signature": True,
}


@pytest.mark.parametrize("operation", list(MONEY))
async def test_a_lost_answer_is_an_unknown_outcome_and_nothing_is_sent_twice(
    emu: Emulator, tf: Tongfu, operation: str
) -> None:
    params, path = MONEY[operation]
    for fault, carried_out in FAULTS.items():
        await emu.reset()
        await ready(emu, tf, operation)
        emu.fault(fault, path=path)
        with pytest.raises(OutcomeUnknown) as caught:
            await getattr(tf.payment, operation)("hasty" if "timeout" in fault else "shop", **params)

        assert (fault, asked(emu, path), done(emu, operation)) == (fault, 1, carried_out)
        assert isinstance(caught.value, UnverifiedOutcome) == fault.endswith("_signature")
        assert caught.value.operation == operation
        # The same numbers again are safe: that is how the caller may find out.
        if operation != "close_order":
            await getattr(tf.payment, operation)("shop", **params)
            assert done(emu, operation)


@pytest.mark.parametrize("operation", list(QUESTIONS))
async def test_a_question_is_asked_again(emu: Emulator, tf: Tongfu, operation: str) -> None:
    params, path = QUESTIONS[operation]
    for fault in ("reset", "status:502", "truncate"):
        await emu.reset()
        await ready(emu, tf, operation)
        emu.fault(fault, path=path)
        answer = await getattr(tf.payment, operation)("shop", **params)

        assert (fault, answer.out_trade_no, asked(emu, path)) == (fault, "A10011", 2)


@pytest.mark.parametrize("operation", list(QUESTIONS))
async def test_a_question_is_asked_three_times_at_most(emu: Emulator, tf: Tongfu, operation: str) -> None:
    params, path = QUESTIONS[operation]
    await ready(emu, tf, operation)
    emu.fault("status:502", path=path, times=9)
    with pytest.raises(TransportError) as caught:
        await getattr(tf.payment, operation)("shop", **params)

    assert (type(caught.value), asked(emu, path)) == (TransportError, 3)


async def test_a_refused_signature_is_said_once(emu: Emulator, tf: Tongfu) -> None:
    account = emu.accounts()["weixin"]
    assert isinstance(account, WeixinAccount)
    async with Tongfu({"shop": replace(account, key="k" * 32)}, clock=emu.clock) as stranger:
        for operation, (params, path) in {**MONEY, **QUESTIONS}.items():
            with pytest.raises(CredentialRejected, match="签名错误"):
                await getattr(stranger.payment, operation)("shop", **params)
            assert asked(emu, path) == 1


# --- notifications -------------------------------------------------------------------------------


class Shop:
    """A merchant who verifies what it hears."""

    def __init__(self, tf: Tongfu) -> None:
        self.tf = tf
        self.url = ""
        self.heard: list[tuple[str, object]] = []
        self.accepts = True

    async def hear(self, request: web.Request) -> web.Response:
        notify = await Notification.from_request(request)
        kind = request.path.removeprefix("/")
        verify = self.tf.payment.verify_payment_notify if kind == "payment" else self.tf.payment.verify_refund_notify
        try:
            notice: Any = await verify("shop", notify)
        except TongfuError as exc:
            self.heard.append((kind, type(exc)))
            return web.Response(status=400)
        self.heard.append((kind, notice.out_trade_no))
        if not self.accepts:
            return web.Response(text="success")  # WeChat v2 takes only its XML for a yes
        reply = notice.reply
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body)


@pytest.fixture
async def shop(tf: Tongfu) -> AsyncIterator[Shop]:
    merchant = Shop(tf)
    app = web.Application()
    app.router.add_post("/payment", merchant.hear)
    app.router.add_post("/refund", merchant.hear)
    async with TestServer(app) as server:
        merchant.url = str(server.make_url("")).rstrip("/")
        yield merchant


async def sold(emu: Emulator, tf: Tongfu, shop: Shop) -> None:
    await tf.payment.get_order_info("shop", **{**ORDER, "notify_url": f"{shop.url}/payment"})
    await emu.pay("A10011")


async def test_a_notification_comes_by_the_documented_ladder(emu: Emulator, tf: Tongfu, shop: Shop) -> None:
    shop.accepts = False
    await sold(emu, tf, shop)
    for pause in PAUSES:
        await emu.clock.advance(pause - 1)
        await emu.clock.advance(1)
    await emu.clock.advance(10 * 86400)
    (sent,) = emu.notifications
    times = [(attempt.at - sent.created).total_seconds() for attempt in sent.attempts]

    assert times == list(itertools.accumulate([0, *PAUSES]))
    assert times[-1] == timedelta(hours=24, minutes=4).total_seconds()
    assert (sent.state, {attempt.verdict for attempt in sent.attempts}) == ("given_up", {"refused"})
    assert shop.heard == [("payment", "A10011")] * 16


async def test_the_reply_ends_the_ladder(emu: Emulator, tf: Tongfu, shop: Shop) -> None:
    shop.accepts = False
    await sold(emu, tf, shop)
    shop.accepts = True
    await emu.clock.advance(86400)
    (sent,) = emu.notifications

    assert ([attempt.verdict for attempt in sent.attempts], sent.state) == (["refused", "accepted"], "accepted")


async def test_a_refunds_notice_has_a_ladder_of_its_own(emu: Emulator, tf: Tongfu, shop: Shop) -> None:
    await sold(emu, tf, shop)
    await tf.payment.refund("shop", notify_url=f"{shop.url}/refund", **REFUND)
    emu.fault("lose_notification", path="/refund")
    await emu.clock.advance(5)
    await emu.clock.advance(15)
    sent = emu.notifications[1]

    assert [(attempt.verdict, (attempt.at - sent.created).seconds) for attempt in sent.attempts] == [
        ("lost", 0),
        ("accepted", 15),
    ]
    assert shop.heard == [("payment", "A10011"), ("refund", "A10011")]


async def test_duplicates_are_authentic_and_corrupted_ones_are_not(emu: Emulator, tf: Tongfu, shop: Shop) -> None:
    emu.fault("duplicate_notification", path="/payment")
    await sold(emu, tf, shop)
    await tf.payment.refund("shop", notify_url=f"{shop.url}/refund", **REFUND)
    await emu.clock.advance(60)
    payment, refund = emu.notifications
    for how in get_args(Corruption):
        await emu.redeliver(payment.id, how)
        await emu.redeliver(refund.id, how)
    await emu.redeliver(payment.id, times=2)

    assert shop.heard == [
        *[("payment", "A10011")] * 2,
        ("refund", "A10011"),
        *[("payment", SignatureError), ("refund", SignatureError)] * 3,
        *[("payment", "A10011")] * 2,
    ]
    assert [attempt.status for attempt in payment.attempts] == [200, 200, 400, 400, 400, 200, 200]


async def test_a_notice_at_the_wrong_address_is_not_taken_for_the_other(emu: Emulator, tf: Tongfu, shop: Shop) -> None:
    await tf.payment.get_order_info("shop", **{**ORDER, "notify_url": f"{shop.url}/refund"})
    await emu.pay("A10011")
    await tf.payment.refund("shop", notify_url=f"{shop.url}/payment", **REFUND)
    await emu.clock.advance(6)

    assert [(kind, issubclass(what, MalformedAnswer)) for kind, what in shop.heard if isinstance(what, type)] == [
        ("refund", True),
        ("payment", True),
    ]
