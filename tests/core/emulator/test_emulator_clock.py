from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tongfu.emulator.clock import EmulatorClock

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_frozen_clock_moves_only_by_advance() -> None:
    clock = EmulatorClock(START, frozen=True)
    clock.advance(90)

    assert (clock.now(), clock()) == (START + timedelta(seconds=90),) * 2


def test_the_time_is_utc_wherever_it_started() -> None:
    clock = EmulatorClock(datetime(2026, 1, 2, 11, 4, 5, tzinfo=timezone(timedelta(hours=8))), frozen=True)

    assert clock.now() == START
    assert clock.now().tzinfo is UTC


def test_a_start_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="a time with a zone"):
        EmulatorClock(datetime(2026, 1, 2))  # noqa: DTZ001 - the subject


def test_a_running_clock_goes_on_by_itself_from_its_start() -> None:
    clock = EmulatorClock(START)
    first, second = clock.now(), clock.now()

    assert START <= first <= second < START + timedelta(seconds=60)


def test_timers_go_off_in_order_each_at_its_own_moment() -> None:
    clock = EmulatorClock(START, frozen=True)
    seen: list[tuple[str, datetime]] = []
    clock.at(20, lambda: seen.append(("late", clock.now())))
    clock.at(10, lambda: seen.append(("early", clock.now())))
    clock.at(31, lambda: seen.append(("never", clock.now())))
    clock.advance(30)

    assert seen == [("early", START + timedelta(seconds=10)), ("late", START + timedelta(seconds=20))]
    assert clock.now() == START + timedelta(seconds=30)


def test_a_timer_set_by_a_timer_goes_off_in_the_same_advance() -> None:
    clock = EmulatorClock(START, frozen=True)
    seen: list[datetime] = []
    clock.at(10, lambda: clock.at(10, lambda: seen.append(clock.now())))
    clock.advance(20)

    assert seen == [START + timedelta(seconds=20)]


def test_a_timer_that_fails_does_not_stop_the_time_or_the_others() -> None:
    clock = EmulatorClock(START, frozen=True)
    seen: list[str] = []
    clock.at(1, lambda: seen.remove("nothing"))
    clock.at(2, lambda: seen.append("second"))
    with pytest.raises(ValueError, match="not in list"):
        clock.advance(10)
    clock.catch_up()

    assert (clock.now(), seen) == (START + timedelta(seconds=10), ["second"])


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e12, "5", None])
def test_the_time_never_goes_back_or_out_of_range(seconds: float) -> None:
    clock = EmulatorClock(START, frozen=True)
    with pytest.raises(ValueError, match="moves on by 0 to"):
        clock.advance(seconds)

    assert clock.now() == START


async def test_real_time_makes_timers_due_as_well() -> None:
    clock = EmulatorClock(START)
    gone_off = asyncio.Event()
    clock.at(0.001, gone_off.set)

    async with asyncio.timeout(10):
        await gone_off.wait()


async def test_what_is_due_already_goes_off_soon_on_a_frozen_clock_too() -> None:
    clock = EmulatorClock(START, frozen=True)
    gone_off = asyncio.Event()
    clock.on(START, gone_off.set)

    async with asyncio.timeout(10):
        await gone_off.wait()


async def test_a_timer_that_an_advance_brings_near_goes_off_by_real_time() -> None:
    clock = EmulatorClock(START)
    gone_off = asyncio.Event()
    clock.at(100.001, gone_off.set)
    clock.advance(100)

    async with asyncio.timeout(10):
        await gone_off.wait()


async def test_awaiting_an_advance_settles_what_it_set_off() -> None:
    clock = EmulatorClock(START, frozen=True)
    settled: list[datetime] = []

    async def settle() -> None:
        settled.append(clock.now())

    clock.settles(settle)
    clock.advance(1)
    await clock.advance(2)

    assert settled == [START + timedelta(seconds=3)]


def test_reset_forgets_timers_and_goes_back() -> None:
    clock = EmulatorClock(START, frozen=True)
    seen: list[str] = []
    clock.at(100, lambda: seen.append("forgotten"))
    clock.advance(50)
    clock.reset()
    clock.advance(200)

    assert (clock.now(), seen) == (START + timedelta(seconds=200), [])
