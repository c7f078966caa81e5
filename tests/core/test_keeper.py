from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import time
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tongfu import Credential, TransportError
from tongfu.credentials import Keeper, MemoryStore
from tongfu.errors import CredentialStoreUnavailable

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Fetch:
    """Counts fetches and what each was told; each waits for ``gate`` and answers the next of *answers*."""

    def __init__(self, *answers: Credential | Exception) -> None:
        self.answers = list(answers)
        self.told: list[Credential | None] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, rejected: Credential | None) -> Credential:
        self.told.append(rejected)
        await self.gate.wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def fetches(self) -> int:
        return len(self.told)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def kept(store: MemoryStore, clock: Clock) -> Keeper:
    return Keeper(store, clock)


def lasting(value: str, seconds: float, clock: Clock) -> Credential:
    return Credential(value, clock.now + timedelta(seconds=seconds))


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


# --- one flight ----------------------------------------------------------------------------------


async def test_fifty_tasks_wait_for_one_fetch(kept: Keeper) -> None:
    fetch = Fetch(Credential("t1"))
    fetch.gate.clear()
    tasks = [asyncio.create_task(kept.get("k", fetch)) for _ in range(50)]
    await settle()
    fetch.gate.set()

    assert await asyncio.gather(*tasks) == [Credential("t1")] * 50
    assert fetch.told == [None]


async def test_other_keys_do_not_wait(kept: Keeper) -> None:
    slow = Fetch(Credential("t1"))
    slow.gate.clear()
    waiting = asyncio.create_task(kept.get("slow", slow))
    await settle()

    assert await kept.get("other", Fetch(Credential("t2"))) == Credential("t2")
    slow.gate.set()
    assert await waiting == Credential("t1")


async def test_a_waiter_who_gives_up_takes_the_fetch_from_nobody(kept: Keeper) -> None:
    fetch = Fetch(Credential("t1"))
    fetch.gate.clear()
    first, second = (asyncio.create_task(kept.get("k", fetch)) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    fetch.gate.set()

    assert await second == Credential("t1")
    assert first.cancelled()
    assert fetch.fetches == 1


async def test_a_fetch_that_everybody_left_is_kept_all_the_same(kept: Keeper) -> None:
    fetch = Fetch(Credential("t1"))
    fetch.gate.clear()
    only = asyncio.create_task(kept.get("k", fetch))
    await settle()
    only.cancel()
    await settle()
    fetch.gate.set()
    await settle()

    assert await kept.get("k", Fetch()) == Credential("t1")


async def test_who_read_the_store_before_a_flight_landed_does_not_fetch_again(clock: Clock) -> None:
    class Slow(MemoryStore):
        """Its first reader of nothing hears of it late."""

        def __init__(self) -> None:
            super().__init__()
            self.gates = [asyncio.Event()]

        async def get(self, key: str) -> Credential | None:
            found = await super().get(key)
            if self.gates:
                await self.gates.pop().wait()
            return found

    store = Slow()
    gate = store.gates[0]
    kept, fetch = Keeper(store, clock), Fetch(Credential("t1"))
    late = asyncio.create_task(kept.get("k", fetch))
    await settle()
    await kept.get("k", fetch)
    gate.set()

    assert await late == Credential("t1")
    assert fetch.fetches == 1


# --- ahead of the end ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("life", "renewed"),
    [
        (7200, 6960),  # a fresh token: in its last 240 seconds
        (345, 276),  # what the platform gave to others long ago: in the last fifth of what is left
        (20, 16),
        (2, 1.6),
    ],
)
async def test_the_next_is_fetched_in_the_background_ahead_of_the_end(
    kept: Keeper, clock: Clock, life: float, renewed: float
) -> None:
    fetch = Fetch(lasting("t1", life, clock))
    await kept.get("k", fetch)
    clock.advance(renewed - 0.1)
    assert (await kept.get("k", fetch)).value == "t1"
    await settle()
    assert fetch.fetches == 1

    clock.advance(0.1)
    fetch.answers.append(lasting("t2", life, clock))
    fetch.gate.clear()
    assert {(await kept.get("k", fetch)).value for _ in range(50)} == {"t1"}
    fetch.gate.set()
    await settle()
    assert (await kept.get("k", fetch)).value == "t2"
    assert fetch.fetches == 2


async def test_what_has_no_end_is_never_renewed(kept: Keeper, clock: Clock) -> None:
    fetch = Fetch(Credential("t1"))
    await kept.get("k", fetch)
    clock.advance(10**8)

    assert await kept.get("k", fetch) == Credential("t1")
    await settle()
    assert fetch.fetches == 1


async def test_what_has_ended_is_not_served(kept: Keeper, clock: Clock) -> None:
    fetch = Fetch(lasting("t1", 20, clock))
    await kept.get("k", fetch)
    clock.advance(20)
    fetch.answers.append(lasting("t2", 20, clock))

    assert (await kept.get("k", fetch)).value == "t2"


async def test_what_was_stored_without_its_beginning_is_renewed_in_its_last_240_seconds(
    kept: Keeper, store: MemoryStore, clock: Clock
) -> None:
    await store.put("k", lasting("old", 241, clock))
    fetch = Fetch(lasting("new", 7200, clock))
    assert (await kept.get("k", fetch)).value == "old"
    await settle()
    assert fetch.fetches == 0

    clock.advance(1)
    assert (await kept.get("k", fetch)).value == "old"
    await settle()
    assert (await kept.get("k", fetch)).value == "new"


@pytest.mark.parametrize("life", [0, -5, 0.01])
async def test_what_comes_with_no_life_left_is_fetched_once_a_second_at_most(
    kept: Keeper, clock: Clock, life: float
) -> None:
    fetch = Fetch()
    for _ in range(100):  # 2 seconds
        fetch.answers = [lasting("t", life, clock)]
        assert (await kept.get("k", fetch)).value == "t"
        await settle()
        clock.advance(0.02)

    assert fetch.fetches <= 4


async def test_a_platform_that_renews_late_is_asked_a_few_times_and_not_with_every_call(
    kept: Keeper, clock: Clock
) -> None:
    ends = clock.now + timedelta(seconds=7200)
    fetch = Fetch(Credential("t1", ends))
    await kept.get("k", fetch)
    clock.advance(6900)
    while clock.now < ends - timedelta(seconds=0.1):
        fetch.answers = [Credential("t1", ends)]
        assert (await kept.get("k", fetch)).value == "t1"
        await settle()
        clock.advance(0.1)

    # Lives of 7200, 240, 48, 9.6, 1.9 and then a second each.
    assert 5 <= fetch.fetches <= 7


# --- failures ------------------------------------------------------------------------------------


async def test_a_failed_fetch_fails_all_who_wait_and_is_not_kept(kept: Keeper) -> None:
    fetch = Fetch(TransportError("down"), Credential("t2"))
    fetch.gate.clear()
    tasks = [asyncio.create_task(kept.get("k", fetch)) for _ in range(3)]
    await settle()
    fetch.gate.set()
    failures = await asyncio.gather(*tasks, return_exceptions=True)

    assert [(type(failure), str(failure)) for failure in failures] == [(TransportError, "down")] * 3
    assert len(set(map(id, failures))) == 3
    assert await kept.get("k", fetch) == Credential("t2")
    assert fetch.fetches == 2


async def test_a_fetch_that_keeps_failing_is_not_repeated_by_every_caller(kept: Keeper, clock: Clock) -> None:
    fetch = Fetch(*[TransportError("down")] * 1000)
    started = []
    for _ in range(600):  # a minute, ten calls a second
        before = fetch.fetches
        with pytest.raises(TransportError, match="down"):
            await kept.get("k", fetch)
        if fetch.fetches > before:
            started.append(round((clock.now - NOW).total_seconds(), 1))
        clock.advance(0.1)

    assert started == [0, 0.1, 2.1, 6.1, 14.1, 30.1]


async def test_a_success_ends_the_pauses(kept: Keeper, store: MemoryStore, clock: Clock) -> None:
    fetch = Fetch(TransportError("1"), TransportError("2"), Credential("t1"), TransportError("3"), Credential("t2"))
    for _ in range(2):
        with pytest.raises(TransportError):
            await kept.get("k", fetch)
    clock.advance(2)
    await kept.get("k", fetch)
    await store.drop("k", "t1")
    with pytest.raises(TransportError, match="3"):
        await kept.get("k", fetch)

    assert await kept.get("k", fetch) == Credential("t2")


async def test_a_clock_that_was_set_back_stretches_no_pause(kept: Keeper, clock: Clock) -> None:
    fetch = Fetch(*[TransportError("down")] * 5, Credential("t1"))
    for _ in range(5):
        with pytest.raises(TransportError):
            await kept.get("k", fetch)
        clock.advance(60)
    clock.advance(-3600)

    assert await kept.get("k", fetch) == Credential("t1")


async def test_a_failing_renewal_disturbs_nobody_and_is_not_started_by_every_call(
    kept: Keeper, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    fetch = Fetch(lasting("t-s3cret", 7200, clock), *[TransportError("at t-s3cret")] * 100)
    await kept.get("k", fetch)
    clock.advance(6960)
    for _ in range(390):  # 39 seconds
        assert (await kept.get("k", fetch)).value == "t-s3cret"
        await settle()
        clock.advance(0.1)

    # At 0, 1, 3, 7, 15 and 31 seconds.
    assert fetch.fetches == 1 + 6
    assert [
        (r.levelno, r.message, r.__dict__["key"], r.__dict__["error"], r.__dict__["failures"])
        for r in caplog.records
        if r.name == "tongfu"
    ] == [(logging.WARNING, "tongfu.credential_not_renewed", "k", "TransportError", n) for n in range(1, 7)]
    assert "s3cret" not in caplog.text


async def test_a_renewal_that_breaks_with_a_bug_is_logged_and_leaves_no_unseen_exception(
    kept: Keeper, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    unseen: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: unseen.append(context))
    fetch = Fetch(lasting("t1", 20, clock), KeyError("t1"))
    await kept.get("k", fetch)
    clock.advance(17)
    await kept.get("k", fetch)
    await settle()
    gc.collect()

    assert [r.__dict__["error"] for r in caplog.records if r.name == "tongfu"] == ["KeyError"]
    assert unseen == []


async def test_after_a_bug_the_next_caller_fetches(kept: Keeper) -> None:
    fetch = Fetch(KeyError("x"), KeyError("x"), KeyError("x"), Credential("t1"))
    for _ in range(3):
        with pytest.raises(KeyError):
            await kept.get("k", fetch)

    assert await kept.get("k", fetch) == Credential("t1")


# --- rejection -----------------------------------------------------------------------------------


async def test_rejecting_forgets_only_what_was_rejected(kept: Keeper, store: MemoryStore) -> None:
    await store.put("k", Credential("renewed"))
    await kept.reject("k", Credential("old"))
    assert await store.get("k") == Credential("renewed")

    await kept.reject("k", Credential("renewed"))
    await kept.reject("k", Credential("renewed"))
    assert await store.get("k") is None


async def test_a_fetch_after_a_rejection_is_told_of_it(kept: Keeper, clock: Clock) -> None:
    fetch = Fetch(Credential("t1"), Credential("t2"))
    first = await kept.get("k", fetch)
    await kept.reject("k", first)

    assert await kept.get("k", fetch) == Credential("t2")
    assert fetch.told == [None, Credential("t1")]


async def test_fifty_rejections_of_one_value_make_one_fetch(kept: Keeper) -> None:
    fetch = Fetch(Credential("t1"), Credential("t2"))
    first = await kept.get("k", fetch)

    async def rejected() -> Credential:
        await kept.reject("k", first)
        await asyncio.sleep(0)
        return await kept.get("k", fetch)

    assert await asyncio.gather(*(rejected() for _ in range(50))) == [Credential("t2")] * 50
    await kept.reject("k", first)  # a straggler
    assert await kept.get("k", fetch) == Credential("t2")
    assert fetch.fetches == 2


async def test_a_straggling_rejection_does_not_hide_the_one_that_counts(kept: Keeper, clock: Clock) -> None:
    fetch = Fetch(Credential("t1"), Credential("t2"), Credential("t3"))
    first = await kept.get("k", fetch)
    await kept.reject("k", first)
    second = await kept.get("k", fetch)
    clock.advance(30)
    await kept.reject("k", second)
    await kept.reject("k", first)

    assert await kept.get("k", fetch) == Credential("t3")
    assert fetch.told == [None, Credential("t1"), Credential("t2")]


async def test_a_straggling_rejection_is_not_told_when_the_next_one_ends(kept: Keeper, clock: Clock) -> None:
    fetch = Fetch(Credential("t1"), lasting("t2", 60, clock), Credential("t3"))
    first = await kept.get("k", fetch)
    await kept.reject("k", first)
    await kept.get("k", fetch)
    await kept.reject("k", first)
    clock.advance(60)

    assert await kept.get("k", fetch) == Credential("t3")
    assert fetch.told == [None, Credential("t1"), None]


async def test_a_rejection_during_a_renewal_is_fetched_for_again_if_the_renewal_gave_the_same(
    kept: Keeper, clock: Clock
) -> None:
    first = lasting("t1", 20, clock)
    fetch = Fetch(first, lasting("t1", 20, clock), lasting("t2", 20, clock))
    used = await kept.get("k", fetch)
    clock.advance(17)
    fetch.gate.clear()
    await kept.get("k", fetch)  # starts the renewal
    await settle()
    await kept.reject("k", used)
    waiting = asyncio.create_task(kept.get("k", fetch))
    await settle()
    fetch.gate.set()

    assert (await waiting).value == "t2"
    assert [told and told.value for told in fetch.told] == [None, None, "t1"]


async def test_a_platform_that_insists_is_told_every_30_seconds_and_asked_with_pauses(
    kept: Keeper, clock: Clock
) -> None:
    fetch = Fetch(*[Credential("t1")] * 200)
    used = await kept.get("k", fetch)
    told_at, asked_at = [], []
    for _ in range(24 * 3600):  # a day, a call every second
        before = fetch.fetches
        await kept.reject("k", used)
        used = await kept.get("k", fetch)
        assert used == Credential("t1")
        at = int((clock.now - NOW).total_seconds())
        if fetch.fetches > before:
            asked_at.append(at)
            if fetch.told[-1] is not None:
                told_at.append(at)
            fetch.answers = [Credential("t1")]
        clock.advance(1)

    assert asked_at[:6] == [0, 1, 3, 7, 15, 31]
    assert {later - before for before, later in itertools.pairwise(asked_at[5:])} == {30}
    assert told_at[:4] == [0, 31, 91, 211]
    assert len(told_at) <= 20  # as many as a platform allows in a day


async def test_what_was_rejected_is_not_served_while_the_platform_gives_another(kept: Keeper, clock: Clock) -> None:
    fetch = Fetch(Credential("t1"), Credential("t1"), Credential("t2"))
    used = await kept.get("k", fetch)
    await kept.reject("k", used)
    assert (await kept.get("k", fetch)).value == "t1"  # it insists
    clock.advance(1)

    assert (await kept.get("k", fetch)).value == "t2"
    assert (await kept.get("k", fetch)).value == "t2"
    assert fetch.fetches == 3


# --- closing -------------------------------------------------------------------------------------


async def test_closing_ends_the_flights_and_waits_for_them(kept: Keeper, clock: Clock) -> None:
    ended = []

    async def fetch(rejected: Credential | None) -> Credential:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(rejected)
        raise AssertionError

    waiting = asyncio.create_task(kept.get("k", fetch))
    await settle()
    await kept.close()

    assert ended == [None]
    with pytest.raises(TransportError, match="closed") as caught:
        await waiting
    assert caught.value.sent is False
    await kept.close()


async def test_closing_ends_a_background_flight(kept: Keeper, clock: Clock) -> None:
    fetch = Fetch(lasting("t1", 20, clock))
    await kept.get("k", fetch)
    clock.advance(17)
    fetch.gate.clear()
    await kept.get("k", fetch)
    await settle()
    before = len(asyncio.all_tasks())
    await kept.close()

    assert len(asyncio.all_tasks()) == before - 1


# --- a shared store, seen from the keeper ----------------------------------------------------------


class Shared(MemoryStore):
    """Leases in this process; each method first does what ``before`` says."""

    lease = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.owners: dict[str, str] = {}
        self.overtaken = False
        self.before: Callable[[str], Awaitable[None]] | None = None

    async def _do(self, method: str) -> None:
        await asyncio.sleep(0)
        if self.before is not None:
            await self.before(method)

    async def get(self, key: str) -> Credential | None:
        await self._do("get")
        return await super().get(key)

    async def acquire(self, key: str, owner: str, seconds: float) -> bool:
        await self._do("acquire")
        return self.owners.setdefault(key, owner) == owner

    async def release(self, key: str, owner: str) -> None:
        await self._do("release")
        if self.owners.get(key) == owner:
            del self.owners[key]

    async def put_held(self, key: str, credential: Credential, owner: str) -> bool:
        await self._do("put_held")
        if self.owners.get(key) != owner:
            return False
        await self.put(key, credential)
        return True


def failing(*methods: str) -> Callable[[str], Awaitable[None]]:
    async def before(method: str) -> None:
        if method in methods:
            raise CredentialStoreUnavailable("Shared", "test")

    return before


async def test_what_another_process_stores_is_waited_for(clock: Clock) -> None:
    store = Shared()
    store.owners["k"] = "another process"
    kept, fetch = Keeper(store, clock), Fetch()
    waiting = [asyncio.create_task(kept.get("k", fetch)) for _ in range(20)]
    await settle()
    await store.put("k", Credential("theirs"))

    assert await asyncio.gather(*waiting) == [Credential("theirs")] * 20
    assert fetch.fetches == 0


async def test_the_lease_is_given_back_whatever_happens(clock: Clock) -> None:
    store = Shared()
    kept = Keeper(store, clock)
    await kept.get("good", Fetch(Credential("t1")))
    with pytest.raises(TransportError):
        await kept.get("bad", Fetch(TransportError("down")))
    fetch = Fetch()
    fetch.gate.clear()
    waiting = asyncio.create_task(kept.get("closed", fetch))
    await settle()
    assert list(store.owners) == ["closed"]
    await kept.close()

    assert store.owners == {}
    with pytest.raises(TransportError):
        await waiting


@pytest.mark.parametrize("waits", [False, True])
async def test_closing_while_the_lease_is_being_given_gives_it_back(clock: Clock, waits: bool) -> None:
    class Far(Shared):
        """Gives the lease at once, and its word arrives never."""

        async def acquire(self, key: str, owner: str, seconds: float) -> bool:
            if not await super().acquire(key, owner, seconds):
                return False
            asked.set()
            await asyncio.Event().wait()
            return True

    store, asked = Far(), asyncio.Event()
    if waits:
        store.owners["k"] = "another process"
    kept = Keeper(store, clock)
    task = asyncio.create_task(kept.get("k", Fetch()))
    await settle()
    if waits:
        del store.owners["k"]
    await asyncio.wait_for(asked.wait(), 5)
    await kept.close()
    with pytest.raises(TransportError, match="closed while it was fetched"):
        await task

    assert store.owners == {}


async def test_closing_while_the_lease_is_being_given_back_waits_for_that(clock: Clock) -> None:
    gate, giving = asyncio.Event(), asyncio.Event()

    async def before(method: str) -> None:
        if method == "release":
            giving.set()
            await gate.wait()

    store = Shared()
    store.before = before
    kept = Keeper(store, clock)
    task = asyncio.create_task(kept.get("k", Fetch(Credential("t1"))))
    await asyncio.wait_for(giving.wait(), 5)
    closing = asyncio.create_task(kept.close())
    await settle()
    gate.set()
    await closing
    with pytest.raises(TransportError, match="closed while it was fetched"):
        await task

    assert store.owners == {}
    assert await Keeper(store, clock).get("k", Fetch()) == Credential("t1")


async def test_while_another_process_renews_the_old_one_serves_and_nobody_waits(clock: Clock) -> None:
    store = Shared()
    kept, fetch = Keeper(store, clock), Fetch(lasting("t1", 20, clock))
    await kept.get("k", fetch)
    clock.advance(17)
    store.owners["k"] = "another process"
    asked: list[str] = []

    async def count(method: str) -> None:
        asked.append(method)

    store.before = count
    for _ in range(50):
        assert (await kept.get("k", fetch)).value == "t1"

    assert fetch.fetches == 1
    assert asked.count("acquire") == 1


async def test_if_every_other_process_fails_the_wait_ends(clock: Clock) -> None:
    store = Shared()
    store.lease = 0.01
    store.owners["k"] = "another process"
    fetch = Fetch()
    with pytest.raises(TransportError, match="k: other processes keep fetching it and none has succeeded") as caught:
        await Keeper(store, clock).get("k", fetch)

    assert caught.value.sent is False
    assert fetch.fetches == 0


async def test_a_holder_that_was_overtaken_takes_what_the_other_stored(clock: Clock) -> None:
    store = Shared()
    kept, fetch = Keeper(store, clock), Fetch(Credential("mine, late"))
    fetch.gate.clear()
    waiting = asyncio.create_task(kept.get("k", fetch))
    await settle()
    store.owners["k"] = "another process"
    await store.put("k", Credential("theirs"))
    fetch.gate.set()

    assert await waiting == Credential("theirs")
    assert await store.get("k") == Credential("theirs")


async def test_only_one_process_is_told_of_a_rejection(clock: Clock) -> None:
    store = Shared()
    fetch = Fetch(*[Credential("t1")] * 4)
    one, two = Keeper(store, clock), Keeper(store, clock)
    used = await one.get("k", fetch)
    assert await two.get("k", fetch) == used
    for kept in (one, two):
        await kept.reject("k", used)
        await kept.get("k", fetch)

    assert fetch.told == [None, used, None]


async def test_a_store_that_cannot_be_read_is_an_error_and_nothing_is_fetched(clock: Clock) -> None:
    store, fetch = Shared(), Fetch()
    store.before = failing("get", "acquire", "put_held", "release")
    with pytest.raises(CredentialStoreUnavailable):
        await Keeper(store, clock).get("k", fetch)

    assert fetch.fetches == 0


async def test_what_was_fetched_is_handed_out_although_it_cannot_be_stored(clock: Clock) -> None:
    store = Shared()
    store.before = failing("put_held", "release")

    assert await Keeper(store, clock).get("k", Fetch(Credential("t1"))) == Credential("t1")


async def test_a_store_that_takes_nothing_costs_one_fetch_for_each_life(clock: Clock) -> None:
    class Full(MemoryStore):
        async def put(self, key: str, credential: Credential) -> None:
            raise OSError("no space left")

    store, fetch = Full(), Fetch(lasting("t1", 7200, clock), Credential("t2"), Credential("t3"))
    kept = Keeper(store, clock)
    assert [(await kept.get("k", fetch)).value for _ in range(3)] == ["t1"] * 3
    clock.advance(7200)
    t2 = await kept.get("k", fetch)
    await kept.reject("k", t2)

    assert [(await kept.get("k", fetch)).value for _ in range(3)] == ["t3"] * 3
    assert fetch.told == [None, None, t2]


async def test_after_an_outage_of_the_store_the_next_caller_is_served(clock: Clock) -> None:
    store, fetch = Shared(), Fetch(Credential("t1"))
    kept = Keeper(store, clock)
    store.before = failing("acquire")
    for _ in range(3):
        with pytest.raises(CredentialStoreUnavailable):
            await kept.get("k", fetch)
    store.before = None

    assert await kept.get("k", fetch) == Credential("t1")


@pytest.mark.parametrize("method", ["get", "acquire", "put_held", "release", "drop"])
async def test_whatever_a_store_raises_is_an_outage_that_quotes_nothing(clock: Clock, method: str) -> None:
    async def before(asked: str) -> None:
        if asked == method:
            raise ConnectionError("UPDATE tokens SET value = 's3cret'")

    class Dropping(Shared):
        async def drop(self, key: str, value: str) -> None:
            await self._do("drop")

    store = Dropping()
    store.before = before
    kept = Keeper(store, clock)
    if method in ("put_held", "release"):  # nothing that was fetched is lost
        assert await kept.get("k", Fetch(Credential("t1"))) == Credential("t1")
        return
    with pytest.raises(CredentialStoreUnavailable, match=r"Dropping, .* \(ConnectionError\)") as caught:
        await kept.reject("k", await kept.get("k", Fetch(Credential("t1"))))

    assert "s3cret" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "garbage",
    [
        "t1",
        {"value": "t1"},
        Credential(""),
        Credential(b"t1"),  # type: ignore[arg-type]
        Credential("t1", datetime(2030, 1, 1)),  # noqa: DTZ001 - no zone
        Credential("t1", "2030-01-01"),  # type: ignore[arg-type]
        Credential("t1", NOW + timedelta(days=1), 1767323045.0),  # type: ignore[arg-type]
    ],
)
async def test_what_a_store_gives_that_is_no_credential_counts_as_nothing(clock: Clock, garbage: Any) -> None:
    class Elsewhere(MemoryStore):
        """One that others write into."""

    store = Elsewhere()
    await store.put("k", garbage)

    assert await Keeper(store, clock).get("k", Fetch(Credential("fetched"))) == Credential("fetched")
    assert (await store.get("k")) == Credential("fetched")


def test_a_flight_of_a_loop_that_was_left_is_not_waited_for(clock: Clock) -> None:
    kept, stuck = Keeper(MemoryStore(), clock), Fetch()
    stuck.gate.clear()

    async def leave() -> None:
        left.append(asyncio.create_task(kept.get("k", stuck)))
        await settle()

    async def again() -> Credential:
        credential = await asyncio.wait_for(kept.get("k", Fetch(Credential("t1"))), 5)
        await asyncio.wait_for(kept.close(), 5)
        return credential

    async def clear() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.wait(others)

    left: list[asyncio.Task[Credential]] = []
    loop = asyncio.new_event_loop()
    loop.run_until_complete(leave())
    try:
        assert asyncio.run(again()) == Credential("t1")
    finally:
        loop.run_until_complete(clear())
        loop.close()


def test_a_credential_shows_its_value_nowhere() -> None:
    assert repr(Credential("s3cret", NOW, NOW)) == f"Credential(expires_at={NOW!r})"


# --- something newer, for whom the kept one does not serve -------------------------------------------


async def test_what_was_fetched_for_this_very_need_is_not_looked_for_again(kept: Keeper, clock: Clock) -> None:
    since = time.monotonic()
    held = await kept.get("k", Fetch(Credential("t1")))

    for seconds in (0, 29.9):
        clock.advance(seconds)
        assert await kept.renew("k", held, Fetch(), since) is held
        since = time.monotonic()  # and whoever needs another later has the one fetch of this interval behind him


async def test_what_was_fetched_before_is_looked_for_again_at_once(kept: Keeper) -> None:
    held = await kept.get("k", Fetch(Credential("t1")))

    assert await kept.renew("k", held, Fetch(Credential("t2")), time.monotonic()) == Credential("t2")


async def test_renewing_is_rationed_to_30_then_60_seconds_and_drops_nothing(kept: Keeper, clock: Clock) -> None:
    fetch = Fetch(*[Credential("t1")] * 4)
    held = await kept.get("k", fetch)
    fetches = []
    for seconds in (30, 29, 1, 59, 1):
        clock.advance(seconds)
        assert await kept.renew("k", held, fetch, time.monotonic()) == held
        assert await kept.get("k", fetch) == held
        fetches.append(fetch.fetches)

    assert fetches == [2, 2, 3, 3, 4]
    assert fetch.told == [None] * 4


async def test_what_another_has_renewed_is_answered_without_a_fetch(kept: Keeper, clock: Clock) -> None:
    old = await kept.get("k", Fetch(Credential("t1")))
    clock.advance(30)

    assert await kept.renew("k", old, Fetch(Credential("t2")), time.monotonic()) == Credential("t2")
    assert await kept.renew("k", old, Fetch(), time.monotonic()) == Credential("t2")
    assert await kept.get("k", Fetch()) == Credential("t2")


async def test_who_comes_while_it_is_renewed_waits_for_it(kept: Keeper, clock: Clock) -> None:
    held = await kept.get("k", Fetch(Credential("t1")))
    clock.advance(30)
    fetch = Fetch(Credential("t2"))
    fetch.gate.clear()
    tasks = [asyncio.create_task(kept.renew("k", held, fetch, time.monotonic())) for _ in range(50)]
    await settle()
    fetch.gate.set()

    assert await asyncio.gather(*tasks) == [Credential("t2")] * 50
    assert fetch.fetches == 1


async def test_a_renewal_that_fails_is_told_and_the_old_one_serves_on(kept: Keeper, clock: Clock) -> None:
    held = await kept.get("k", Fetch(Credential("t1")))
    clock.advance(30)

    with pytest.raises(TransportError):
        await kept.renew("k", held, Fetch(TransportError("no route")), time.monotonic())
    assert await kept.get("k", Fetch()) == held
    assert await kept.renew("k", held, Fetch(), time.monotonic()) is held


async def test_two_processes_of_one_store_renew_once(clock: Clock) -> None:
    class Shared(MemoryStore):
        lease = 10.0

        def __init__(self) -> None:
            super().__init__()
            self.leases: dict[str, str] = {}

        async def acquire(self, key: str, owner: str, seconds: float) -> bool:
            return self.leases.setdefault(key, owner) == owner

        async def release(self, key: str, owner: str) -> None:
            if self.leases.get(key) == owner:
                del self.leases[key]

        async def put_held(self, key: str, credential: Credential, owner: str) -> bool:
            await self.put(key, credential)
            return True

    shared = Shared()
    one, two = Keeper(shared, clock), Keeper(shared, clock)
    fetch = Fetch(Credential("t1"), Credential("t1"))
    held = await one.get("k", fetch)
    clock.advance(30)

    assert await one.renew("k", held, fetch, time.monotonic()) == held
    assert await two.renew("k", held, fetch, time.monotonic()) == held
    assert fetch.fetches == 2
