from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tongfu.emulator import EmulatedOrder, EmulatedRefund
from tongfu.emulator.clock import EmulatorClock
from tongfu.emulator.world import Ledger

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def order(platform: str = "fake", out_trade_no: str = "A1", **more: object) -> EmulatedOrder:
    return EmulatedOrder(platform, out_trade_no, 100, START, **more)  # type: ignore[arg-type]  # any field


@pytest.fixture
def clock() -> EmulatorClock:
    return EmulatorClock(START, frozen=True)


@pytest.fixture
def ledger(clock: EmulatorClock) -> Ledger:
    return Ledger(clock)


def test_platforms_have_their_own_numbers(ledger: Ledger) -> None:
    ours, theirs = order("fake"), order("other")
    ledger.add(ours)
    ledger.add(theirs)

    assert (ledger.order("fake", "A1"), ledger.order("other", "A1"), ledger.order("fake", "A2")) == (ours, theirs, None)
    assert (ledger.orders("fake"), ledger.orders("none")) == ([ours], [])


def test_a_number_is_taken_once(ledger: Ledger) -> None:
    ledger.add(order())

    with pytest.raises(ValueError, match="fake has an order A1 already"):
        ledger.add(order())


@pytest.mark.parametrize("state", ["open", "userpaying"])
def test_an_unpaid_order_closes_at_its_time_whenever_it_is_looked_at(
    ledger: Ledger, clock: EmulatorClock, state: str
) -> None:
    expires = START + timedelta(minutes=5)
    ledger.add(order(state=state, expires=expires))
    clock.advance(299)
    before = ledger.orders()[0].state
    clock.advance(1000)
    found = ledger.order("fake", "A1")

    assert found is not None
    assert (before, found.state, found.closed) == (state, "closed", expires)


def test_a_paid_order_does_not_expire(ledger: Ledger, clock: EmulatorClock) -> None:
    ledger.add(order(state="paid", expires=START))
    clock.advance(10)

    assert ledger.find("A1").state == "paid"


def test_find_wants_one_order(ledger: Ledger) -> None:
    ledger.add(order("fake"))
    ledger.add(order("other"))

    assert ledger.find("A1", "other").platform == "other"
    with pytest.raises(LookupError, match="several platforms have an order A1: fake, other; name the platform"):
        ledger.find("A1")
    with pytest.raises(LookupError, match="there is no order A2 on fake"):
        ledger.find("A2", "fake")


def test_failed_refunds_do_not_count() -> None:
    refunds = [
        EmulatedRefund(f"R{n}", f"r{n}", fee, START, state)
        for n, (fee, state) in enumerate([(10, "processing"), (20, "failed"), (5, "success")])
    ]

    assert order(refunds=refunds).refunded_fee == 15
