from __future__ import annotations

import asyncio
import gc
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from redis.asyncio import Redis

from tongfu import ConfigError, Credential, TransportError
from tongfu.credentials import Keeper, RedisStore, SharedStore
from tongfu.errors import CredentialStoreUnavailable

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FULL = Credential("t-1", NOW + timedelta(seconds=7200), NOW)
Outage = Literal["error", "local"]


class Seconds:
    """A monotonic clock that a test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Fetch:
    def __init__(self) -> None:
        self.fetches = 0

    async def __call__(self, rejected: Credential | None) -> Credential:
        self.fetches += 1
        await asyncio.sleep(0)
        return Credential(f"t-{self.fetches}", NOW + timedelta(seconds=7200))


class Broken:
    """Where Redis should be: accepts, counts, and hangs up (or never says a word)."""

    def __init__(self, *, silent: bool) -> None:
        self.silent = silent
        self.connections = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.silent:
            self.writers.append(writer)
        else:
            writer.close()


@pytest.fixture
async def raw(redis_url: str) -> AsyncIterator[Any]:
    async with Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisStore]:
    async with RedisStore(redis_url, timeout=10.0) as store:
        yield store


def fields(credential: Credential | None) -> Any:
    return credential and (credential.value, credential.expires_at, credential.fetched_at)


# --- what is kept --------------------------------------------------------------------------------


def test_it_is_a_shared_store(redis_url: str) -> None:
    assert isinstance(RedisStore(redis_url), SharedStore)


@pytest.mark.parametrize("credential", [FULL, Credential("值 & é"), Credential("t", NOW)])
async def test_what_is_put_is_got(store: RedisStore, credential: Credential) -> None:
    assert await store.get("k") is None
    await store.put("k", Credential("old", NOW, NOW))
    await store.put("k", credential)

    assert fields(await store.get("k")) == fields(credential)
    assert await store.get("other") is None


async def test_redis_forgets_it_when_its_life_ends_whatever_year_our_clock_shows(store: RedisStore, raw: Any) -> None:
    await store.put("k", FULL)
    assert 7_190_000 < await raw.pttl("tongfu:{k}") <= 7_200_000

    await store.put("k", Credential("no end", None, NOW))
    assert await raw.pttl("tongfu:{k}") == -1


async def test_dropping_forgets_only_that_value(store: RedisStore) -> None:
    await store.put("k", FULL)
    await store.drop("k", "another")
    assert await store.get("k") == FULL

    await store.drop("k", "t-1")
    await store.drop("k", "t-1")
    assert await store.get("k") is None


async def test_a_client_that_decodes_does_as_well_and_is_not_closed(redis_url: str, raw: Any) -> None:
    async with RedisStore(raw) as store:
        await store.put("k", FULL)
        assert fields(await store.get("k")) == fields(FULL)
        assert await store.acquire("k", "me", 10)
        await store.drop("k", "t-1")

    assert await raw.ping()


@pytest.mark.parametrize(
    "written",
    [
        {"value": "t"},
        {"value": "t", "expires_at": "tomorrow", "fetched_at": ""},
        {"value": "t", "expires_at": "2026-01-02T03:04:05", "fetched_at": ""},  # no zone
        {"value": "", "expires_at": "", "fetched_at": ""},
        {"value": b"\xff", "expires_at": "", "fetched_at": ""},
    ],
)
async def test_what_another_hand_has_written_counts_as_nothing(store: RedisStore, raw: Any, written: Any) -> None:
    await raw.hset("tongfu:{k}", mapping=written)

    assert await store.get("k") is None


async def test_what_is_no_hash_counts_as_nothing_and_is_no_outage(store: RedisStore, raw: Any) -> None:
    await raw.set("tongfu:{k}", "written by another version")
    await store.put("other", FULL)

    assert await store.get("k") is None
    assert fields(await store.get("other")) == fields(FULL)
    await store.put("k", FULL)
    assert fields(await store.get("k")) == fields(FULL)


async def test_what_a_decoding_client_cannot_decode_counts_as_nothing(raw: Any) -> None:
    await raw.hset("tongfu:{k}", mapping={"value": b"\xff", "expires_at": "", "fetched_at": ""})
    async with RedisStore(raw) as store:
        assert await store.get("k") is None
        await store.put("k", FULL)
        assert fields(await store.get("k")) == fields(FULL)


async def test_a_prefix_keeps_two_applications_apart(redis_url: str, raw: Any) -> None:
    async with RedisStore(redis_url, prefix="a:") as one, RedisStore(redis_url, prefix="b:") as two:
        await one.put("k", FULL)
        await one.acquire("k", "me", 10)

        assert await two.get("k") is None
    assert sorted(await raw.keys()) == ["a:{k}", "a:{k}:last", "a:{k}:lease"]


# --- the lease -----------------------------------------------------------------------------------


async def test_one_owner_at_a_time_has_the_lease(store: RedisStore) -> None:
    got = await asyncio.gather(*(store.acquire("k", f"owner-{n}", 10) for n in range(20)))

    assert sum(got) == 1
    assert await store.acquire("other", "owner-0", 10)


async def test_the_lease_ends_by_itself(store: RedisStore, raw: Any) -> None:
    await store.acquire("k", "me", 10)
    assert 9_000 < await raw.pttl("tongfu:{k}:lease") <= 10_000
    assert await raw.pttl("tongfu:{k}:last") > 3_000_000


async def test_only_its_owner_gives_the_lease_back(store: RedisStore) -> None:
    await store.acquire("k", "me", 10)
    await store.release("k", "another")
    assert not await store.acquire("k", "another", 10)

    await store.release("k", "me")
    assert await store.acquire("k", "another", 10)


async def test_an_owner_that_another_has_followed_overwrites_nothing(store: RedisStore, raw: Any) -> None:
    await store.acquire("k", "slow", 10)
    await raw.delete("tongfu:{k}:lease")  # it ran out
    await store.acquire("k", "quick", 10)
    assert await store.put_held("k", FULL, "quick")
    await store.release("k", "quick")

    assert not await store.put_held("k", Credential("late", None, NOW), "slow")
    assert await store.get("k") == FULL


async def test_an_owner_whose_lease_ran_out_and_whom_nobody_followed_may_store(store: RedisStore, raw: Any) -> None:
    await store.acquire("k", "slow", 10)
    await raw.delete("tongfu:{k}:lease")

    assert await store.put_held("k", FULL, "slow")
    assert await store.get("k") == FULL


# --- with a keeper -------------------------------------------------------------------------------


async def test_two_keepers_make_one_fetch_and_see_each_others_renewal(redis_url: str) -> None:
    now = NOW
    fetch = Fetch()
    async with RedisStore(redis_url, timeout=10.0) as store_1, RedisStore(redis_url, timeout=10.0) as store_2:
        one, two = Keeper(store_1, lambda: now), Keeper(store_2, lambda: now)
        got = await asyncio.gather(*(kept.get("k", fetch) for kept in [one, two] * 50))
        assert {credential.value for credential in got} == {"t-1"}
        assert fetch.fetches == 1

        await one.reject("k", got[0])
        assert (await one.get("k", fetch)).value == "t-2"
        await two.reject("k", got[0])
        assert (await two.get("k", fetch)).value == "t-2"
        assert fetch.fetches == 2


async def test_no_key_in_redis_holds_the_credential(redis_url: str, raw: Any) -> None:
    async with RedisStore(redis_url, timeout=10.0) as store:
        kept, fetch = Keeper(store, lambda: NOW), Fetch()
        await kept.reject("k", await kept.get("k", fetch))
        await kept.get("k", fetch)

    assert sorted(await raw.keys()) == [
        "tongfu:{k:forced}:last",
        "tongfu:{k:forced}:lease",
        "tongfu:{k}",
        "tongfu:{k}:last",
    ]


# --- an outage -----------------------------------------------------------------------------------


async def answers(kept: Keeper, fetch: Fetch, calls: int) -> set[str]:
    got = await asyncio.gather(*(kept.get("k", fetch) for _ in range(calls)), return_exceptions=True)
    return {one.value if isinstance(one, Credential) else type(one).__name__ for one in got}


@pytest.mark.parametrize(
    ("on_outage", "served", "fetched"), [("error", {"CredentialStoreUnavailable"}, 0), ("local", {"t-1"}, 1)]
)
@pytest.mark.parametrize("silent", [False, True])
async def test_a_redis_that_was_never_there_costs_no_storm(
    own_redis: Any, on_outage: Outage, served: set[str], fetched: int, silent: bool, caplog: pytest.LogCaptureFixture
) -> None:
    broken, seconds, fetch = Broken(silent=silent), Seconds(), Fetch()
    async with (
        await asyncio.start_unix_server(broken, own_redis.path),
        RedisStore(own_redis.url, timeout=0.05, on_outage=on_outage, clock=seconds) as store,
    ):
        kept = Keeper(store, lambda: NOW)
        assert await answers(kept, fetch, 1) == served
        for _ in range(20):  # a moment later, and twenty seconds of a hundred calls each
            assert await answers(kept, fetch, 100) == served
            seconds.now += 1.0
        for writer in broken.writers:
            writer.close()

    assert fetch.fetches == fetched
    assert 10 <= broken.connections <= 21  # one a second
    assert [(record.message, record.__dict__["on_outage"]) for record in caplog.records if record.name == "tongfu"] == [
        ("tongfu.credential_store_down", on_outage)
    ]


async def test_a_first_crowd_tries_once_each_at_most(own_redis: Any) -> None:
    broken, fetch = Broken(silent=False), Fetch()
    async with await asyncio.start_unix_server(broken, own_redis.path), RedisStore(own_redis.url) as store:
        kept = Keeper(store, lambda: NOW)
        assert await answers(kept, fetch, 50) == {"CredentialStoreUnavailable"}
        assert await answers(kept, fetch, 50) == {"CredentialStoreUnavailable"}

    assert broken.connections <= 50


async def test_a_redis_that_dies_is_an_error_until_it_is_back(own_redis: Any, caplog: pytest.LogCaptureFixture) -> None:
    own_redis.start()
    seconds, fetch = Seconds(), Fetch()
    async with RedisStore(own_redis.url, timeout=10.0, clock=seconds) as store:
        kept = Keeper(store, lambda: NOW)
        assert await answers(kept, fetch, 50) == {"t-1"}
        own_redis.kill()
        with pytest.raises(CredentialStoreUnavailable) as caught:
            await kept.get("k", fetch)
        assert isinstance(caught.value, TransportError)
        assert caught.value.sent is False
        assert caught.value.__cause__ is None

        own_redis.start()  # empty
        assert await answers(kept, fetch, 50) == {"CredentialStoreUnavailable"}  # not looked at yet
        seconds.now += 1.0
        assert await answers(kept, fetch, 1) == {"t-2"}

    assert [record.message for record in caplog.records if record.name == "tongfu"] == [
        "tongfu.credential_store_down",
        "tongfu.credential_store_back",
    ]


async def test_a_redis_that_dies_leaves_each_process_what_it_has_seen(own_redis: Any) -> None:
    own_redis.start()
    now, seconds, fetch = NOW, Seconds(), Fetch()
    async with (
        RedisStore(own_redis.url, timeout=10.0, on_outage="local", clock=seconds) as store_1,
        RedisStore(own_redis.url, timeout=10.0, on_outage="local", clock=seconds) as store_2,
    ):
        one, two = Keeper(store_1, lambda: now), Keeper(store_2, lambda: now)
        for kept in (one, two):
            assert await answers(kept, fetch, 50) == {"t-1"}
        own_redis.kill()
        for kept in (one, two):
            assert await answers(kept, fetch, 50) == {"t-1"}
        assert fetch.fetches == 1

        # Single flight within the process still holds, for what was rejected too.
        await one.reject("k", Credential("t-1"))
        assert await answers(one, fetch, 50) == {"t-2"}
        assert await answers(two, fetch, 50) == {"t-1"}
        assert fetch.fetches == 2

        own_redis.start()
        seconds.now += 1.0
        await store_1.get("k")
        await store_2.get("k")
        assert await answers(one, fetch, 50) == {"t-3"}
        assert await answers(two, fetch, 50) == {"t-3"}
        assert fetch.fetches == 3


async def test_a_redis_that_dies_during_a_fetch_does_not_waste_it(own_redis: Any) -> None:
    own_redis.start()
    fetch = Fetch()

    async def deadly(rejected: Credential | None) -> Credential:
        own_redis.kill()
        return await fetch(rejected)

    async with RedisStore(own_redis.url, timeout=10.0) as store:
        kept = Keeper(store, lambda: NOW)

        assert await kept.get("k", deadly) == Credential("t-1", NOW + timedelta(seconds=7200))
        with pytest.raises(CredentialStoreUnavailable):
            await kept.get("k", deadly)
    assert fetch.fetches == 1


async def test_what_redis_refuses_counts_as_an_outage_and_is_not_quoted(store: RedisStore, raw: Any) -> None:
    await raw.hset("tongfu:{k}:lease", "no", "lease")
    with pytest.raises(CredentialStoreUnavailable) as caught:
        await store.release("k", "me")

    assert str(caught.value) == (
        "Redis, which keeps the credentials, cannot be reached (ResponseError); nothing was sent. Mend the store, or "
        "choose one that goes on without"
    )


# What a loop takes with it is closed by nobody, and the interpreter says so.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_store_outlives_its_event_loop(redis_url: str) -> None:
    store = RedisStore(redis_url, timeout=10.0)

    async def use(*, last: bool) -> Credential | None:
        await store.put("k", FULL)
        found = await store.get("k")
        if last:
            await store.close()
        return found

    found = [fields(asyncio.run(use(last=last))) for last in (False, False, True)]
    assert found == [fields(FULL)] * 3
    gc.collect()


# --- secrets and settings --------------------------------------------------------------------------


async def test_the_password_of_the_url_shows_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with RedisStore("redis://user:s3cret@127.0.0.1:9/0", timeout=1.0) as store:
        with pytest.raises(CredentialStoreUnavailable) as caught:
            await store.get("k")

        shown = f"{store!r} {caught.value} {caught.value!r} {caplog.text}"
    assert repr(store) == "RedisStore(prefix='tongfu:', on_outage='error')"
    assert "s3cret" not in shown


def test_a_url_that_cannot_be_read_is_not_quoted() -> None:
    with pytest.raises(ConfigError) as caught:
        RedisStore("http://user:s3cret@127.0.0.1")

    assert str(caught.value) == "the URL of Redis cannot be read: redis://, rediss:// or unix://"
    assert caught.value.__cause__ is None


def test_an_unknown_way_out_of_an_outage_is_refused(redis_url: str) -> None:
    on_outage: Any = "ignore"
    with pytest.raises(ConfigError, match="on_outage is 'error' or 'local', not 'ignore'"):
        RedisStore(redis_url, on_outage=on_outage)


def test_credentials_need_the_package_redis_only_for_a_redis_store() -> None:
    program = """
import sys
sys.modules["redis"] = None
from tongfu import ConfigError, Tongfu
from tongfu.credentials import RedisStore
Tongfu({})
try:
    RedisStore("redis://127.0.0.1")
except ConfigError as exc:
    print(exc)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout == "RedisStore needs the package redis: pip install 'tongfu[redis]'\n"
