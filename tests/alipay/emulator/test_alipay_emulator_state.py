"""Alipay's half goes on with the orders of an emulator that ended."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tongfu import Notification, Tongfu
from tongfu.emulator import Emulator


@pytest.fixture
async def heard() -> AsyncIterator[tuple[str, list[Notification]]]:
    """A merchant's address that refuses every notification, and what came there."""
    got: list[Notification] = []

    async def hear(request: web.Request) -> web.Response:
        got.append(await Notification.from_request(request))
        return web.Response(status=500)

    application = web.Application()
    application.router.add_post("/notify", hear)
    async with TestServer(application) as server:
        yield str(server.make_url("/notify")), got


async def test_a_notice_is_repeated_under_the_new_key_and_an_unpaid_trade_still_closes(
    heard: tuple[str, list[Notification]], tmp_path: Path
) -> None:
    url, got = heard
    file = tmp_path / "state.json"
    async with (
        Emulator(platforms=["alipay"], state_file=file) as emu,
        Tongfu(emu.accounts(), clock=emu.clock) as tf,
    ):
        for number in ("tea_1", "tea_2"):
            await tf.payment.get_order_info(
                "alipay",
                openid="2088102146225135",
                subject="tea",
                out_trade_no=number,
                total_fee=880,
                notify_url=url,
            )
        await emu.pay("tea_1")
        first = await tf.payment.verify_payment_notify("alipay", got[0])

    async with (
        Emulator(platforms=["alipay"], state_file=file) as emu,
        Tongfu(emu.accounts(), clock=emu.clock) as tf,
    ):
        got.clear()
        await emu.clock.advance(240)
        again = await tf.payment.verify_payment_notify("alipay", got[0])
        await emu.clock.advance(15 * 86400)
        unpaid = await tf.payment.order_query("alipay", out_trade_no="tea_2")

    assert first == again
    assert (True, "tea_1", "CLOSED") == (again.paid, again.out_trade_no, unpaid.trade_state)
