"""A hook that finds a credential lacking: the engine gets it and asks again, and resends nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tongfu import Call, Context, Credential, HttpRequest, HttpResponse
from tongfu.credentials import Keeper, MemoryStore
from tongfu.engine import Engine
from tongfu.errors import (
    CredentialNeeded,
    OutcomeUnknown,
    SignatureError,
    TransportError,
    UnverifiedOutcome,
)
from tongfu.testing import FakeTransport

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KIND = "keys"


class Platform:
    """Messages name a key; the credential lists the known ones; ``published`` is what a fetch would answer."""

    def __init__(self, toy: Any, *published: str) -> None:
        self.published: list[str] = list(published)
        self.fetches = 0
        self.failure: Exception | None = None
        self.now = NOW
        self.transport = FakeTransport()
        self.keeper = Keeper(MemoryStore(), lambda: self.now)
        self.provider = self.make(toy)
        self.account = toy.account()

    def make(self, toy: Any, **hooks: Any) -> Any:
        """The provider: hooks are functions, not methods."""

        def decode_response(response: HttpResponse, ctx: Context) -> Mapping[str, Any]:
            return self.decode(response, ctx)

        def fetch_credential(kind: str) -> Credential:
            return self.fetch(kind)

        return toy.provider(decode_response=decode_response, fetch_credential=fetch_credential, **hooks)

    def fetch(self, kind: str) -> Credential:
        self.fetches += 1
        if self.failure is not None:
            raise self.failure
        return Credential(f"{kind}: {' '.join(self.published)}")

    def verify(self, key: str, ctx: Context) -> None:
        held = ctx.credentials.get(KIND)
        if held is None or key not in held.value.split():
            raise CredentialNeeded(KIND, f"toy: nobody knows the key {key}")

    def decode(self, response: HttpResponse, ctx: Context) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = json.loads(response.body)
        self.verify(answer["key"], ctx)
        return answer

    async def notice(self, key: str) -> str:
        def begin(ctx: Context) -> str:
            self.verify(key, ctx)
            return "authentic"

        verdict: str = await self._run(begin)
        return verdict

    async def call(self, answer: Mapping[str, Any], **options: Any) -> Any:
        self.transport.answer(json.dumps(answer).encode())
        call: Call[Any] = Call("refund", "/refund", {}, lambda fields, ctx: fields["key"], **options)
        return await self._run(lambda ctx: call)

    async def _run(self, begin: Any) -> Any:
        engine = Engine(self.transport, self.keeper, clock=lambda: self.now, nonce=lambda: "fixed")
        return await engine.run(self.provider, "shop", self.account, "refund", begin)


@pytest.fixture
def platform(toy: Any) -> Platform:
    return Platform(toy, "K1")


async def test_a_decode_that_lacks_a_credential_is_asked_again_with_the_same_answer(platform: Platform) -> None:
    assert await platform.call({"key": "K1"}) == "K1"
    assert (platform.fetches, len(platform.transport.requests)) == (1, 1)


async def test_a_notification_that_lacks_a_credential_is_read_again(platform: Platform) -> None:
    assert await platform.notice("K1") == "authentic"
    assert (platform.fetches, platform.transport.requests) == (1, [])


async def test_an_encode_that_lacks_a_credential_sends_once_and_decode_has_it_too(toy: Any) -> None:
    seen: list[tuple[str, ...]] = []
    platform = Platform(toy, "K1")

    def encode(call: Call[Any], ctx: Context) -> Any:
        seen.append(tuple(ctx.credentials))
        platform.verify("K1", ctx)
        return request

    request = HttpRequest("POST", "https://toy.test/refund")
    platform.provider = platform.make(toy, encode_request=encode)

    assert await platform.call({"key": "K1"}) == "K1"
    assert (seen, platform.fetches, platform.transport.requests) == ([(), (KIND,)], 1, [request])


async def test_a_credential_that_does_not_know_the_key_is_renewed(platform: Platform) -> None:
    await platform.notice("K1")
    platform.published.append("K2")
    platform.now += timedelta(seconds=31)

    assert await platform.notice("K2") == "authentic"
    assert await platform.notice("K1") == "authentic"
    assert platform.fetches == 2


async def test_ten_thousand_unknown_keys_cost_one_fetch_an_interval(platform: Platform) -> None:
    fetched = []
    for seconds in (0, 31, 61, 121):
        platform.now += timedelta(seconds=seconds)
        for number in range(2500):
            with pytest.raises(CredentialNeeded):
                await platform.notice(f"U{seconds}.{number}")
        fetched.append(platform.fetches)

    assert fetched == [1, 2, 3, 4]  # the first was no renewal: nothing was kept yet
    assert await platform.notice("K1") == "authentic"
    assert platform.fetches == 4


async def test_a_key_that_stays_unknown_is_a_signature_error_with_the_hooks_words(platform: Platform) -> None:
    with pytest.raises(SignatureError, match=r"^toy: nobody knows the key K9$"):
        await platform.call({"key": "K9"}, read_only=True)
    assert len(platform.transport.requests) == 1


async def test_money_that_moved_stays_unknown_where_the_key_does(platform: Platform) -> None:
    with pytest.raises(UnverifiedOutcome):
        await platform.call({"key": "K9"})
    assert len(platform.transport.requests) == 1


async def test_a_fetch_that_sent_nothing_does_not_say_that_the_refund_was_not_sent(platform: Platform) -> None:
    platform.failure = TransportError("no route", sent=False)

    with pytest.raises(OutcomeUnknown) as caught:
        await platform.call({"key": "K1"})
    assert caught.value.sent
    assert len(platform.transport.requests) == 1


async def test_why_nothing_came_is_told_to_whoever_only_reads(platform: Platform) -> None:
    platform.failure = TransportError("no route", sent=False)

    with pytest.raises(SignatureError, match=r"^toy: nobody knows the key K1; no newer keys came: no route$"):
        await platform.call({"key": "K1"}, read_only=True)


async def test_a_notification_hears_the_fetchs_own_failure(platform: Platform) -> None:
    platform.failure = TransportError("no route", sent=False)

    with pytest.raises(TransportError, match=r"^no route$"):
        await platform.notice("K1")
