from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tongfu.emulator import Attempt, EmulatedOrder, Emulator

Create = Callable[..., Any]


def story(emu: Emulator) -> list[tuple[float, int, str]]:
    """When (seconds after the first), with what status and verdict each attempt of the only notification ended."""
    (sent,) = emu.notifications
    return [((attempt.at - sent.created).total_seconds(), attempt.status, attempt.verdict) for attempt in sent.attempts]


async def test_pay_notifies_the_merchant_before_it_returns(emu: Emulator, merchant: Any, create: Create) -> None:
    await create("A1", notify_url=merchant.url)
    order = await emu.pay("A1")

    assert merchant.got == [("/notify", "signed 1", b"A1")]
    assert (order.state, emu.notifications[0].state, story(emu)) == ("paid", "accepted", [(0.0, 200, "accepted")])


async def test_an_unaccepted_notification_comes_again_by_the_ladder_made_anew(
    emu: Emulator, merchant: Any, create: Create
) -> None:
    merchant.answers = [(500, "oops"), (200, "fail"), (200, "success")]
    await create("A1", notify_url=merchant.url)
    await emu.pay("A1")
    waiting = (emu.notifications[0].state, emu.notifications[0].next_attempt)
    await emu.clock.advance(14)
    early = list(merchant.signatures)
    await emu.clock.advance(1)
    await emu.clock.advance(30)

    assert waiting == ("waiting", emu.notifications[0].created + timedelta(seconds=15))
    assert early == ["signed 1"]
    assert merchant.signatures == ["signed 1", "signed 2", "signed 3"]
    assert story(emu) == [(0.0, 500, "refused"), (15.0, 200, "refused"), (45.0, 200, "accepted")]


async def test_one_long_advance_goes_up_the_whole_ladder(emu: Emulator, merchant: Any, create: Create) -> None:
    merchant.answers = [(500, "")] * 3
    await create("A1", notify_url=merchant.url)
    await emu.pay("A1")
    await emu.clock.advance(86400)
    await emu.clock.advance(86400)

    assert (len(merchant.got), emu.notifications[0].state) == (3, "given_up")


async def test_a_merchant_who_is_not_there_counts_as_unanswered(emu: Emulator, create: Create) -> None:
    await create("A1", notify_url="http://127.0.0.1:1/notify")
    await emu.pay("A1")
    (sent,) = emu.notifications

    assert sent.attempts == [Attempt(sent.created, 0, "failed", error="ClientConnectorError")]


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "nonsense", "file:///etc/hostname", "http://[::1", "http://"])
async def test_a_url_that_cannot_be_notified_fails_quietly(emu: Emulator, create: Create, url: str) -> None:
    await create("A1", notify_url=url)
    await emu.pay("A1")

    assert (story(emu), emu.notifications[0].state) == ([(0.0, 0, "failed")], "waiting")


async def test_a_lost_notification_does_not_arrive_and_comes_again(
    emu: Emulator, merchant: Any, create: Create
) -> None:
    emu.fault("lose_notification", out_trade_no="A1", path="/notify")
    await create("A1", notify_url=merchant.url)
    await emu.pay("A1")
    at_first = list(merchant.got)
    await emu.clock.advance(15)

    assert at_first == []
    assert story(emu) == [(0.0, 0, "lost"), (15.0, 200, "accepted")]


async def test_a_fault_on_another_order_leaves_this_one_alone(emu: Emulator, merchant: Any, create: Create) -> None:
    emu.fault("lose_notification", out_trade_no="A2")
    await create("A1", notify_url=merchant.url)
    await emu.pay("A1")

    assert story(emu) == [(0.0, 200, "accepted")]


async def test_a_duplicated_notification_comes_twice(emu: Emulator, merchant: Any, create: Create) -> None:
    emu.fault("duplicate_notification")
    await create("A1", notify_url=merchant.url)
    await emu.pay("A1")

    assert merchant.signatures == ["signed 1", "signed 2"]
    assert story(emu) == [(0.0, 200, "accepted")] * 2


async def test_redeliver_repeats_and_breaks_on_purpose(emu: Emulator, merchant: Any, create: Create) -> None:
    await create("A1", notify_url=merchant.url)
    await emu.pay("A1")
    (sent,) = emu.notifications
    merchant.answers = [(200, "success"), (200, "success"), (400, "no")]
    twice = await emu.redeliver(sent.id, times=2)
    broken = await emu.redeliver(sent.id, corrupt="signature")

    assert merchant.signatures == ["signed 1", "signed 2", "signed 3", "corrupt signature"]
    assert [attempt.verdict for attempt in twice] == ["accepted", "accepted"]
    assert broken == [Attempt(sent.created, 400, "refused", "signature", redelivery=True)]
    assert sent.state == "accepted"


async def test_a_corrupt_redelivery_that_is_accepted_does_not_end_the_ladder(
    emu: Emulator, merchant: Any, create: Create
) -> None:
    merchant.answers = [(500, ""), (200, "success")]
    await create("A1", notify_url=merchant.url)
    await emu.pay("A1")
    await emu.redeliver("notification-1", corrupt="body")
    state = emu.notifications[0].state
    await emu.clock.advance(15)

    assert (state, merchant.signatures) == ("waiting", ["signed 1", "corrupt body", "signed 2"])


async def test_an_accepted_redelivery_ends_the_ladder(emu: Emulator, merchant: Any, create: Create) -> None:
    merchant.answers = [(500, ""), (200, "success")]
    await create("A1", notify_url=merchant.url)
    await emu.pay("A1")
    await emu.redeliver("notification-1")
    await emu.clock.advance(1000)

    assert merchant.signatures == ["signed 1", "signed 2"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"id": "notification-9"}, LookupError),
        ({"id": "notification-1", "corrupt": "everything"}, ValueError),
        ({"id": "notification-1", "times": 0}, ValueError),
        ({"id": "notification-1", "times": True}, ValueError),
        ({"id": "notification-1", "times": 101}, ValueError),
    ],
)
async def test_redeliver_refuses_what_it_cannot_do(
    emu: Emulator, merchant: Any, create: Create, arguments: dict[str, Any], error: type[Exception]
) -> None:
    await create("A1", notify_url=merchant.url)
    await emu.pay("A1")
    with pytest.raises(error):
        await emu.redeliver(**arguments)

    assert len(merchant.got) == 1


async def test_the_emulator_stops_with_a_notification_under_way(fake_half: Any) -> None:
    halves: list[Any] = []

    def emulate(world: Any) -> Any:
        halves.append(fake_half(world))
        return halves[0]

    arrived, released = asyncio.Event(), asyncio.Event()

    async def silent(request: web.Request) -> web.Response:
        arrived.set()
        await released.wait()
        return web.Response()

    application = web.Application()
    application.router.add_post("/notify", silent)
    async with TestServer(application) as slow:
        async with Emulator(halves=[emulate], frozen=True) as emulator:
            order = EmulatedOrder("fake", "A1", 1, emulator.clock.now(), notify_url=str(slow.make_url("/notify")))
            halves[0].world.add(order)
            halves[0].pay(order, "success")
            await arrived.wait()
        released.set()

    assert emulator.notifications == []
