from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tongfu import ConfigError
from tongfu.emulator import Emulator
from tongfu.emulator.control import notification_document, order_document
from tongfu.emulator.half import Delivery, EmulatedOrder, EmulatedRefund


@pytest.fixture
def half(fake_half: Any) -> Any:
    class Lasting(fake_half):  # type: ignore[misc]
        """The fake platform, with what a half needs to go on."""

        resumed: list[str] = []  # noqa: RUF012 - one for all

        def notice(self, order: EmulatedOrder) -> Delivery:
            made: Delivery = super().notice(order)
            return replace(made, wire={})

        def delivery(self, order: EmulatedOrder, kind: str, wire: Mapping[str, Any]) -> Delivery:
            return self.notice(order)

        def resume(self, order: EmulatedOrder) -> None:
            self.resumed.append(order.out_trade_no)

    return Lasting


async def ordered(emu: Emulator, out_trade_no: str, notify_url: str = "") -> dict[str, Any]:
    wanted = {"out_trade_no": out_trade_no, "notify_url": notify_url}
    async with aiohttp.ClientSession(emu.url) as client, client.post("/orders/create", json=wanted) as response:
        answer: dict[str, Any] = await response.json()
    return answer


async def test_orders_refunds_notifications_clock_and_seed_outlive_the_emulator(
    half: Any, merchant: Any, tmp_path: Path
) -> None:
    file = tmp_path / "state.json"
    async with Emulator(halves=[half], seed=7, state_file=file) as emu:
        await emu.clock.advance(86400)
        await ordered(emu, "A1", merchant.url)
        await ordered(emu, "A2")
        await emu.pay("A1")
        emu.order("A2").refunds.append(
            EmulatedRefund("R1", "50", 30, emu.clock.now(), "success", emu.clock.now(), wire={"reason": "cold"})
        )
        orders = [order_document(order) for order in emu.orders()]
        sent = [notification_document(each) for each in emu.notifications]

    async with Emulator(halves=[half], seed=8, state_file=file) as emu:
        assert orders == [order_document(order) for order in emu.orders()]
        assert sent == [notification_document(each) for each in emu.notifications]
        assert [{"reason": "cold"}] == [refund.wire for refund in emu.order("A2").refunds]
        assert timedelta(hours=23) < emu.clock.now() - datetime.now(UTC) < timedelta(hours=25)
        assert half.resumed == ["A1", "A2"]
        await emu.redeliver("notification-1")
    assert ["signed 1", "signed 1"] == merchant.signatures
    assert 7 == json.loads(file.read_text())["seed"]


async def test_the_ladder_goes_on_where_it_stood(half: Any, merchant: Any, tmp_path: Path) -> None:
    merchant.answers = [(500, "no"), (500, "no")]
    file = tmp_path / "state.json"
    async with Emulator(halves=[half], state_file=file) as emu:
        await ordered(emu, "A1", merchant.url)
        await emu.pay("A1")
        await emu.settle()
        waiting = emu.notifications[0].next_attempt
    async with Emulator(halves=[half], state_file=file) as emu:
        assert ("waiting", waiting) == (emu.notifications[0].state, emu.notifications[0].next_attempt)
        await emu.clock.advance(86400)

        assert "accepted" == emu.notifications[0].state
        assert [500, 500, 200] == [attempt.status for attempt in emu.notifications[0].attempts]


async def test_what_an_answer_says_is_in_the_file_already(half: Any, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    async with Emulator(halves=[half], state_file=file) as emu:
        await ordered(emu, "A1")

        assert ["A1"] == [order["out_trade_no"] for order in json.loads(file.read_text())["orders"]]
    assert [file.name] == os.listdir(tmp_path)


async def test_an_id_is_not_given_twice(half: Any, tmp_path: Path) -> None:
    ids = set()
    for number in ("A1", "A2", "A3"):
        async with Emulator(halves=[half], seed=7, state_file=tmp_path / "state.json") as emu:
            ids.add((await ordered(emu, number))["id"])

    assert 3 == len(ids)


async def test_a_half_that_cannot_go_on_keeps_its_orders_only(fake_half: Any, merchant: Any, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    async with Emulator(halves=[fake_half], state_file=file) as emu:
        await ordered(emu, "A1", merchant.url)
        await emu.pay("A1")
    async with Emulator(halves=[fake_half], state_file=file) as emu:
        assert ["paid"] == [order.state for order in emu.orders()]
        assert [] == emu.notifications


async def test_a_notification_that_cannot_be_made_again_is_left_out(half: Any, merchant: Any, tmp_path: Path) -> None:
    """Such as a message push, which is about no order."""
    file = tmp_path / "state.json"
    async with Emulator(halves=[half], state_file=file) as emu:
        await ordered(emu, "A1", merchant.url)
        pushed = replace(emu._halves["fake"].notice(emu.order("A1")), kind="push", out_trade_no="", wire=None)  # type: ignore[attr-defined]
        emu._worlds[0][0].deliver(pushed)
        await emu.settle()
    async with Emulator(halves=[half], state_file=file) as emu:
        assert (["A1"], []) == ([order.out_trade_no for order in emu.orders()], emu.notifications)


@pytest.mark.parametrize(
    "text",
    ["no JSON", "[]", '{"version": 2}', '{"version": 1}', '{"version": 1, "seed": "x"}'],
)
def test_a_file_of_something_else_is_refused_and_stays(half: Any, tmp_path: Path, text: str) -> None:
    file = tmp_path / "state.json"
    file.write_text(text)
    with pytest.raises(ConfigError, match="delete the file to begin anew"):
        Emulator(halves=[half], state_file=file)

    assert text == file.read_text()


@pytest.mark.parametrize("orders", [[{"platform": "other", "refunds": []}], [{}], [5], 5])
async def test_orders_that_are_none_of_this_emulators_are_refused(half: Any, tmp_path: Path, orders: object) -> None:
    file = tmp_path / "state.json"
    text = json.dumps({"version": 1, "seed": 0, "offset": 0, "orders": orders, "notifications": []})
    file.write_text(text)
    with pytest.raises(ConfigError, match="delete the file to begin anew"):
        async with Emulator(halves=[half], state_file=file):
            raise AssertionError("it started")

    assert text == file.read_text()


async def test_a_folder_that_is_not_there_is_told_at_the_start(half: Any, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        async with Emulator(halves=[half], state_file=tmp_path / "none" / "state.json"):
            raise AssertionError("it started")
