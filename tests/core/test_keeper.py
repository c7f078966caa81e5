from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tongfu import Credential, TransportError
from tongfu.credentials import Keeper, MemoryStore
from tongfu.credentials.keeper import AHEAD

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Fetch:
    """Counts fetches; each waits for ``gate`` and answers the next of *answers*."""

    def __init__(self, *answers: Credential | Exception) -> None:
        self.answers = list(answers)
        self.fetches = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> Credential:
        self.fetches += 1
        await self.gate.wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def keeper(store: MemoryStore | None = None, now: datetime = NOW) -> Keeper:
    return Keeper(store or MemoryStore(), lambda: now)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_fifty_tasks_wait_for_one_fetch() -> None:
    kept, fetch = keeper(), Fetch(Credential("t1"))
    fetch.gate.clear()
    tasks = [asyncio.create_task(kept.get("k", fetch)) for _ in range(50)]
    await settle()
    fetch.gate.set()

    assert await asyncio.gather(*tasks) == [Credential("t1")] * 50
    assert fetch.fetches == 1


async def test_other_keys_do_not_wait() -> None:
    kept, slow = keeper(), Fetch(Credential("t1"))
    slow.gate.clear()
    waiting = asyncio.create_task(kept.get("slow", slow))
    await settle()

    assert await kept.get("other", Fetch(Credential("t2"))) == Credential("t2")
    slow.gate.set()
    assert await waiting == Credential("t1")


async def test_a_waiter_who_gives_up_takes_the_fetch_from_nobody() -> None:
    kept, fetch = keeper(), Fetch(Credential("t1"))
    fetch.gate.clear()
    first, second = (asyncio.create_task(kept.get("k", fetch)) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    fetch.gate.set()

    assert await second == Credential("t1")
    assert first.cancelled()
    assert fetch.fetches == 1


async def test_a_fetch_that_everybody_left_is_kept_all_the_same() -> None:
    kept, fetch = keeper(), Fetch(Credential("t1"))
    fetch.gate.clear()
    only = asyncio.create_task(kept.get("k", fetch))
    await settle()
    only.cancel()
    await settle()
    fetch.gate.set()
    await settle()

    assert await kept.get("k", Fetch()) == Credential("t1")


async def test_a_failed_fetch_fails_all_who_wait_and_is_not_kept() -> None:
    kept, fetch = keeper(), Fetch(TransportError("down"), Credential("t2"))
    fetch.gate.clear()
    tasks = [asyncio.create_task(kept.get("k", fetch)) for _ in range(3)]
    await settle()
    fetch.gate.set()
    failures = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(failure) for failure in failures] == [TransportError] * 3
    assert await kept.get("k", fetch) == Credential("t2")
    assert fetch.fetches == 2


@pytest.mark.parametrize(
    ("left", "fetches"),
    [(AHEAD + timedelta(seconds=1), 0), (AHEAD, 1), (timedelta(0), 1), (timedelta(days=-1), 1), (None, 0)],
)
async def test_a_credential_is_fetched_anew_ahead_of_its_end(left: timedelta | None, fetches: int) -> None:
    store, fetch = MemoryStore(), Fetch(Credential("new"))
    await store.put("k", Credential("old", None if left is None else NOW + left))
    got = await keeper(store).get("k", fetch)

    assert fetch.fetches == fetches
    assert got.value == ("new" if fetches else "old")


async def test_rejecting_forgets_only_what_was_rejected() -> None:
    store = MemoryStore()
    kept = keeper(store)
    await store.put("k", Credential("renewed"))
    await kept.reject("k", Credential("old"))
    assert await store.get("k") == Credential("renewed")

    await kept.reject("k", Credential("renewed"))
    await kept.reject("k", Credential("renewed"))
    assert await store.get("k") is None


def test_a_credential_shows_its_value_nowhere() -> None:
    assert repr(Credential("s3cret", NOW)) == f"Credential(expires_at={NOW!r})"
