from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any

import pytest
import stamina
import structlog

from tongfu import Call, CallFinished, Context, Credential, HttpRequest, HttpResponse, hookimpl
from tongfu.credentials import Keeper, MemoryStore
from tongfu.engine import MAX_SENDS, MAX_STEPS, Engine, random_nonce
from tongfu.errors import (
    CredentialRejected,
    MalformedAnswer,
    OutcomeUnknown,
    PlatformRefused,
    ProviderContractError,
    SignatureError,
    TransportError,
    UnreadableOutcome,
    UnverifiedOutcome,
)
from tongfu.testing import FakeTransport

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
Run = Callable[..., Any]


def refund(finish: Callable[..., Any] = lambda fields, ctx: fields, **options: Any) -> Call[Any]:
    return Call("refund", "/refund", {"fee": 60}, finish, **options)


def query(finish: Callable[..., Any] = lambda fields, ctx: fields, **options: Any) -> Call[Any]:
    return Call("order_query", "/query", {}, finish, read_only=True, **options)


@pytest.fixture
def run(toy: Any) -> Run:
    """``await run(transport, call)``: the call's result, through an engine of its own."""

    async def run(
        transport: FakeTransport,
        call: Any,
        *,
        provider: Any = None,
        account: Any = None,
        keeper: Keeper | None = None,
        operation: str = "refund",
    ) -> Any:
        keeper = keeper or Keeper(MemoryStore(), lambda: NOW)
        engine = Engine(transport, keeper, clock=lambda: NOW, nonce=lambda: "fixed")
        begin = call if callable(call) else lambda ctx: call
        return await engine.run(provider or toy.provider(), "shop", account or toy.account(), operation, begin)

    return run


def refuse(error: Exception) -> Callable[..., Any]:
    def decode() -> Any:
        raise error

    return decode


async def test_a_finished_result_sends_nothing(run: Run) -> None:
    transport = FakeTransport()

    assert await run(transport, {"local": "order string"}) == {"local": "order string"}
    assert transport.requests == []


async def test_a_call_is_encoded_sent_decoded_and_finished(run: Run) -> None:
    transport = FakeTransport(b'{"id": "R9"}')
    contexts: list[Context] = []

    def finish(fields: Any, ctx: Context) -> Any:
        contexts.append(ctx)
        return fields["id"]

    assert await run(transport, refund(finish)) == "R9"
    assert transport.requests == [
        HttpRequest("POST", "https://toy.test/refund", {}, b'{"fee": 60}', backup_url="https://b.test/refund")
    ]
    assert transport.timeouts == [5.0]
    assert (contexts[0].now, contexts[0].nonce, contexts[0].credentials) == (NOW, "fixed", {})


async def test_a_call_may_be_followed_by_another(run: Run) -> None:
    transport = FakeTransport(b"1", b"2")

    assert await run(transport, refund(lambda first, ctx: query(lambda second, ctx: (first, second)))) == (1, 2)
    assert [request.url for request in transport.requests] == ["https://toy.test/refund", "https://toy.test/query"]


async def test_as_many_requests_as_allowed_end_in_a_result(run: Run) -> None:
    transport = FakeTransport(*[b"0"] * MAX_STEPS)
    left = iter(range(MAX_STEPS))

    def again(fields: Any, ctx: Context) -> Any:
        return query(again) if next(left) < MAX_STEPS - 1 else "done"

    assert await run(transport, query(again)) == "done"
    assert len(transport.requests) == MAX_STEPS


async def test_a_runaway_call_is_the_plugins_fault(run: Run) -> None:
    transport = FakeTransport(*[b"0"] * 9)

    def again(fields: Any, ctx: Context) -> Call[Any]:
        return query(again)

    with pytest.raises(ProviderContractError) as caught:
        await run(transport, query(again))
    assert str(caught.value) == "toy: refund takes more than 4 requests"
    assert len(transport.requests) == MAX_STEPS


# --- what may move money is sent exactly once ----------------------------------------------------


async def test_a_refund_that_was_sent_has_an_unknown_outcome(run: Run) -> None:
    failure = TransportError("no answer within 5 s")
    transport = FakeTransport(failure, b'"never asked"')
    with pytest.raises(OutcomeUnknown) as caught:
        await run(transport, refund())

    assert len(transport.requests) == 1
    assert type(caught.value) is OutcomeUnknown
    assert caught.value.sent is True
    assert caught.value.__cause__ is failure
    assert str(caught.value) == (
        "toy refund may have been carried out: no answer within 5 s. Find out before doing anything else: "
        "query it with the same numbers, and never repeat it under new ones"
    )


@pytest.mark.parametrize("failure", [TimeoutError(), ConnectionResetError(104, "reset"), OSError("tls")])
async def test_a_transport_that_lets_the_systems_errors_through_hides_no_unknown_outcome(
    run: Run, failure: OSError
) -> None:
    transport = FakeTransport(failure, b'"never asked"')
    with pytest.raises(OutcomeUnknown, match=type(failure).__name__):
        await run(transport, refund())

    assert len(transport.requests) == 1
    assert await run(FakeTransport(failure, b'"found"'), query()) == "found"


async def test_a_refund_that_was_not_sent_is_an_ordinary_failure(run: Run) -> None:
    failure = TransportError("cannot connect", sent=False)
    transport = FakeTransport(failure, b'"never asked"')
    with pytest.raises(TransportError) as caught:
        await run(transport, refund())

    assert caught.value is failure
    assert len(transport.requests) == 1


@pytest.mark.parametrize(
    ("failure", "kind", "also"),
    [
        (SignatureError("forged"), UnverifiedOutcome, SignatureError),
        (MalformedAnswer("not JSON"), UnreadableOutcome, MalformedAnswer),
        (TransportError("a gateway's HTML page"), OutcomeUnknown, TransportError),
        (KeyError("refund_id"), UnreadableOutcome, MalformedAnswer),
        (TypeError("list"), UnreadableOutcome, MalformedAnswer),
        (RecursionError(), UnreadableOutcome, MalformedAnswer),
    ],
)
@pytest.mark.parametrize("where", ["decode", "finish"])
async def test_an_unusable_answer_to_a_refund_is_an_unknown_outcome(
    toy: Any, run: Run, failure: Exception, kind: type[Exception], also: type[Exception], where: str
) -> None:
    def fail(*_: object) -> Any:
        raise failure

    transport = FakeTransport(b"{}", b'"never asked"')
    provider = toy.provider(decode_response=refuse(failure)) if where == "decode" else toy.provider()
    with pytest.raises(also) as caught:
        await run(transport, refund(fail), provider=provider)

    assert type(caught.value) is kind
    assert isinstance(caught.value, OutcomeUnknown)
    assert len(transport.requests) == 1


async def test_an_outcome_that_the_platform_does_not_know_stays_as_it_is(toy: Any, run: Run) -> None:
    unknown = OutcomeUnknown("toy", "refund", "SYSTEMERROR", code="SYSTEMERROR")
    transport = FakeTransport(b"{}", b'"never asked"')
    with pytest.raises(OutcomeUnknown) as caught:
        await run(transport, refund(), provider=toy.provider(decode_response=refuse(unknown)))

    assert caught.value is unknown
    assert unknown.__cause__ is None
    assert len(transport.requests) == 1


async def test_a_refusal_is_a_known_outcome(toy: Any, run: Run) -> None:
    refused = PlatformRefused("toy", "NOTENOUGH", raw={"a": "b"})
    transport = FakeTransport(b"{}", b'"never asked"')
    with pytest.raises(PlatformRefused) as caught:
        await run(transport, refund(), provider=toy.provider(decode_response=refuse(refused)))

    assert caught.value is refused
    assert len(transport.requests) == 1


@pytest.mark.parametrize("failure", [MalformedAnswer("a bad amount"), SignatureError("x"), ValueError("a bug")])
async def test_what_fails_before_sending_has_no_unknown_outcome(toy: Any, run: Run, failure: Exception) -> None:
    transport = FakeTransport()
    with pytest.raises(type(failure)) as caught:
        await run(transport, refund(), provider=toy.provider(encode_request=refuse(failure)))

    assert caught.value is failure
    assert transport.requests == []


async def test_a_wrapper_that_forgets_to_return_is_named_and_nothing_is_resent(toy: Any, run: Run) -> None:
    class Forgetful:
        @hookimpl(wrapper=True)
        def tongfu_decode_response(self) -> Generator[None, Any, None]:
            yield

    provider = toy.provider()
    provider.extend(Forgetful(), name="forgetful")
    transport = FakeTransport(b"{}", b'"never asked"')
    with pytest.raises(ProviderContractError, match=r"decode_response answered None \(plugins asked: toy, forgetful\)"):
        await run(transport, refund(), provider=provider)

    assert len(transport.requests) == 1


async def test_a_cancelled_refund_is_not_sent_again(toy: Any, run: Run) -> None:
    transport = FakeTransport(asyncio.CancelledError(), b'"never asked"')
    with pytest.raises(asyncio.CancelledError):
        await run(transport, refund())

    assert len(transport.requests) == 1


# --- what changes nothing may be asked again -----------------------------------------------------


async def test_a_query_is_sent_again_and_encoded_anew(toy: Any) -> None:
    nonces = iter("abcdefgh")
    provider = toy.provider(encode_request=lambda call, ctx: HttpRequest("GET", f"https://toy.test/{ctx.nonce}"))
    transport = FakeTransport(TransportError("broke"), TransportError("broke"), b'"found"')
    engine = Engine(transport, Keeper(MemoryStore(), lambda: NOW), nonce=lambda: next(nonces))

    assert await engine.run(provider, "shop", toy.account(), "order_query", lambda ctx: query()) == "found"
    urls = [request.url for request in transport.requests]
    assert len(set(urls)) == len(urls) == MAX_SENDS


async def test_a_query_is_sent_at_most_so_often(run: Run) -> None:
    last = TransportError("third")
    transport = FakeTransport(TransportError("first"), TransportError("second"), last, b'"never asked"')
    with pytest.raises(TransportError) as caught:
        await run(transport, query())

    assert caught.value is last
    assert len(transport.requests) == MAX_SENDS
    assert transport.timeouts == sorted(transport.timeouts, reverse=True)
    assert transport.timeouts[0] == 5.0
    assert transport.timeouts[-1] < 5.0


async def test_only_the_last_attempt_waits_and_not_in_staminas_testing_mode(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("tongfu.engine.asyncio.sleep", pause)
    broke = [TransportError("broke")] * (MAX_SENDS - 1)

    assert await run(FakeTransport(*broke, b'"found"'), query()) == "found"
    assert pauses == []
    with stamina.set_testing(False):
        assert await run(FakeTransport(*broke, b'"found"'), query()) == "found"
    (seconds,) = pauses
    assert 0.05 <= seconds <= 0.15


async def test_who_switches_staminas_retries_off_has_none_here(run: Run) -> None:
    transport = FakeTransport(TransportError("broke"), b'"never asked"')
    stamina.set_active(False)
    try:
        with pytest.raises(TransportError, match="broke"):
            await run(transport, query())
    finally:
        stamina.set_active(True)

    assert len(transport.requests) == 1


def test_a_retry_prints_nothing_where_the_application_has_configured_no_logging() -> None:
    program = """
import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from tongfu import Call, HttpRequest, TransportError, hookimpl
from tongfu.credentials import Keeper, MemoryStore
from tongfu.engine import Engine
from tongfu.provider import Provider
from tongfu.testing import FakeTransport

class Toy:
    @hookimpl
    def tongfu_sign(self): return "signed"
    @hookimpl
    def tongfu_verify(self): return True
    @hookimpl
    def tongfu_encode_request(self): return HttpRequest("GET", "https://toy.test/")
    @hookimpl
    def tongfu_decode_response(self, response): return {"state": response.body}

transport = FakeTransport(TransportError("one"), TransportError("two"), b"found")
engine = Engine(transport, Keeper(MemoryStore(), lambda: datetime.now(UTC)))
account = SimpleNamespace(platform="toy", timeout=5.0, scope="shop")
call = Call("order_query", "/", {}, lambda fields, ctx: fields["state"], read_only=True)
assert asyncio.run(engine.run(Provider("toy", Toy()), "shop", account, "order_query", lambda ctx: call)) == b"found"
assert len(transport.requests) == 3
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def test_a_query_whose_time_is_up_is_not_sent_again(toy: Any, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("tongfu.engine.time.monotonic", lambda: clock[0])

    def slow(request: HttpRequest) -> HttpResponse:
        clock[0] += 5.0
        raise TransportError("did not answer within 5 s")

    transport = FakeTransport(slow, b'"never asked"')
    with pytest.raises(TransportError, match="did not answer") as caught:
        await run(transport, query())

    assert not isinstance(caught.value, OutcomeUnknown)
    assert len(transport.requests) == 1


async def test_a_retry_gets_the_time_that_is_left(toy: Any, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("tongfu.engine.time.monotonic", lambda: clock[0])

    def slow(request: HttpRequest) -> HttpResponse:
        clock[0] += 2.0
        raise TransportError("broke")

    transport = FakeTransport(slow, slow, slow)
    with pytest.raises(TransportError):
        await run(transport, query())

    assert transport.timeouts == [5.0, 3.0, 1.0]


@pytest.mark.parametrize("failure", [SignatureError("forged"), MalformedAnswer("junk"), PlatformRefused("toy", "NO")])
async def test_a_query_whose_answer_came_is_not_sent_again(toy: Any, run: Run, failure: Exception) -> None:
    transport = FakeTransport(b"{}", b'"never asked"')
    with pytest.raises(type(failure)) as caught:
        await run(transport, query(), provider=toy.provider(decode_response=refuse(failure)))

    assert caught.value is failure
    assert len(transport.requests) == 1


async def test_an_unreadable_answer_to_a_query_is_malformed(run: Run) -> None:
    with pytest.raises(MalformedAnswer) as caught:
        await run(FakeTransport(b"[]"), query(lambda fields, ctx: fields["state"]))

    assert str(caught.value) == "toy: the answer to order_query cannot be read (TypeError)"
    assert not isinstance(caught.value, OutcomeUnknown)


async def test_the_backup_host_is_asked_only_after_a_failure_to_connect(run: Run) -> None:
    refused, broke = TransportError("refused", sent=False), TransportError("broke")
    transport = FakeTransport(refused, broke, b"1")
    await run(transport, query())

    assert [request.url for request in transport.requests] == [
        "https://toy.test/query",
        "https://b.test/query",
        "https://toy.test/query",
    ]


async def test_a_request_to_the_backup_host_differs_in_nothing_else(toy: Any, run: Run) -> None:
    sent = HttpRequest("POST", "https://a/", {"h": "1"}, b"body", None, "https://b/", 77, b"ca")
    transport = FakeTransport(TransportError("refused", sent=False), b"1")
    await run(transport, query(), provider=toy.provider(encode_request=lambda: sent))

    assert transport.requests == [sent, HttpRequest("POST", "https://b/", {"h": "1"}, b"body", None, "", 77, b"ca")]


async def test_a_refund_never_goes_to_the_backup_host(run: Run) -> None:
    transport = FakeTransport(TransportError("refused", sent=False), b"1")
    with pytest.raises(TransportError):
        await run(transport, refund())

    assert [request.url for request in transport.requests] == ["https://toy.test/refund"]


# --- credentials ---------------------------------------------------------------------------------


def with_tokens(toy: Any, *rejected: str) -> tuple[Any, list[str]]:
    """A provider that hands out token-1, token-2, … and refuses the *rejected* ones."""
    fetched: list[str] = []

    def fetch_credential(kind: str) -> Call[Credential]:
        return Call(f"fetch_{kind}", "/token", {}, lambda fields, ctx: _kept(fields["token"]), read_only=True)

    def _kept(token: str) -> Credential:
        fetched.append(token)
        return Credential(token)

    def decode_response(response: HttpResponse) -> Any:
        fields = json.loads(response.body)
        if fields.get("used") in rejected:
            raise CredentialRejected("toy", "40001")
        return fields

    return toy.provider(fetch_credential=fetch_credential, decode_response=decode_response), fetched


def platform(*tokens: str) -> Callable[[HttpRequest], HttpResponse]:
    left = iter(tokens)

    def answer(request: HttpRequest) -> HttpResponse:
        if request.url.endswith("/token"):
            return HttpResponse(200, {}, json.dumps({"token": next(left)}).encode())
        return HttpResponse(200, {}, json.dumps({"used": json.loads(request.body)["access_token"]}).encode())

    return answer


async def test_a_call_gets_the_credential_it_names(toy: Any, run: Run) -> None:
    provider, fetched = with_tokens(toy)
    keeper = Keeper(MemoryStore(), lambda: NOW)
    transport = FakeTransport(*[platform("t1")] * 3)
    call = query(credentials=("access_token",))

    assert await run(transport, call, provider=provider, keeper=keeper) == {"used": "t1"}
    assert await run(transport, call, provider=provider, keeper=keeper) == {"used": "t1"}
    assert fetched == ["t1"]


@pytest.mark.parametrize("make", [query, refund])
async def test_a_rejected_credential_is_replaced_and_the_call_repeated_once(
    toy: Any, run: Run, make: Callable[..., Call[Any]]
) -> None:
    provider, fetched = with_tokens(toy, "t1")
    transport = FakeTransport(*[platform("t1", "t2")] * 4)

    assert await run(transport, make(credentials=("access_token",)), provider=provider) == {"used": "t2"}
    assert fetched == ["t1", "t2"]
    assert len(transport.requests) == 4


async def test_a_credential_rejected_twice_is_the_callers(toy: Any, run: Run) -> None:
    provider, fetched = with_tokens(toy, "t1", "t2", "t3")
    answer = platform("t1", "t2", "t3")
    transport = FakeTransport(*[answer] * 8)
    with pytest.raises(CredentialRejected):
        await run(transport, refund(credentials=("access_token",)), provider=provider)

    assert fetched == ["t1", "t2"]
    assert [request.url.rpartition("/")[2] for request in transport.requests] == ["token", "refund"] * 2


async def test_a_rejection_forgets_only_the_rejected_credential(toy: Any, run: Run) -> None:
    provider, fetched = with_tokens(toy, "old")
    store = MemoryStore()
    await store.put("toy:toy-shop:access_token", Credential("old"))
    answer = platform("unused")

    def renewed_meanwhile(request: HttpRequest) -> HttpResponse:
        store._kept["toy:toy-shop:access_token"] = Credential("renewed by another task")
        return answer(request)

    transport = FakeTransport(renewed_meanwhile, answer)
    keeper = Keeper(store, lambda: NOW)
    call = refund(credentials=("access_token",))

    assert await run(transport, call, provider=provider, keeper=keeper) == {"used": "renewed by another task"}
    assert fetched == []


async def test_a_platform_that_insists_on_what_it_rejects_is_not_asked_a_second_time(toy: Any, run: Run) -> None:
    provider, fetched = with_tokens(toy, "t1")
    transport = FakeTransport(*[platform("t1", "t1")] * 3)
    with pytest.raises(CredentialRejected):
        await run(transport, refund(credentials=("access_token",)), provider=provider)

    assert fetched == ["t1", "t1"]
    assert [request.url.rpartition("/")[2] for request in transport.requests] == ["token", "refund", "token"]


async def test_the_provider_sees_the_rejected_credential_and_can_force_another(toy: Any, run: Run) -> None:
    seen: list[Any] = []

    def fetch_credential(kind: str, ctx: Context) -> Call[Credential]:
        seen.append({name: credential.value for name, credential in ctx.credentials.items()})
        rejected = ctx.credentials.get(kind)

        def finish(fields: Any, ctx: Context) -> Credential | Call[Credential]:
            token = Credential(fields["token"])
            if token == rejected:
                return Call("fetch_token", "/token", {"force": True}, lambda fields, ctx: Credential(fields["token"]))
            return token

        return Call("fetch_token", "/token", {}, finish, read_only=True)

    def answer(request: HttpRequest) -> HttpResponse:
        fields = json.loads(request.body)
        if request.url.endswith("/token"):
            return HttpResponse(200, {}, json.dumps({"token": "t2" if fields.get("force") else "t1"}).encode())
        return HttpResponse(200, {}, json.dumps({"used": fields["access_token"]}).encode())

    def decode_response(response: HttpResponse) -> Any:
        fields = json.loads(response.body)
        if fields.get("used") == "t1":
            raise CredentialRejected("toy", "40001")
        return fields

    provider = toy.provider(fetch_credential=fetch_credential, decode_response=decode_response)
    transport = FakeTransport(*[answer] * 5)

    assert await run(transport, refund(credentials=("access_token",)), provider=provider) == {"used": "t2"}
    assert seen == [{}, {"access_token": "t1"}]
    assert [json.loads(request.body) for request in transport.requests] == [
        {},
        {"fee": 60, "access_token": "t1"},
        {},
        {"force": True},
        {"fee": 60, "access_token": "t2"},
    ]


async def test_a_lost_answer_about_a_credential_says_nothing_about_the_call_that_needs_it(toy: Any, run: Run) -> None:
    provider = toy.provider(fetch_credential=lambda kind: Call("fetch", "/token", {}, lambda fields, ctx: fields))
    transport = FakeTransport(TransportError("timed out"))
    with pytest.raises(TransportError) as caught:
        await run(transport, refund(credentials=("access_token",)), provider=provider)

    assert (type(caught.value), str(caught.value), caught.value.sent) == (
        TransportError,
        "toy: no access_token came",
        False,
    )
    assert [request.url for request in transport.requests] == ["https://toy.test/token"]


async def test_a_rejection_without_a_credential_is_not_repeated(toy: Any, run: Run) -> None:
    refused = CredentialRejected("toy", "SIGN_ERROR")
    transport = FakeTransport(b"{}", b"{}")
    with pytest.raises(CredentialRejected):
        await run(transport, query(), provider=toy.provider(decode_response=refuse(refused)))

    assert len(transport.requests) == 1


async def test_a_credentials_key_holds_public_ids_only(toy: Any, run: Run) -> None:
    keys = []

    class Store(MemoryStore):
        async def put(self, key: str, credential: Credential) -> None:
            keys.append(key)
            await super().put(key, credential)

    provider, _ = with_tokens(toy)
    answer = platform("t1")
    account = toy.account(key="a-secret")
    await run(
        FakeTransport(answer, answer),
        query(credentials=("access_token",)),
        provider=provider,
        keeper=Keeper(Store(), lambda: NOW),
        account=account,
    )

    assert keys == ["toy:toy-shop:access_token"]


async def test_accounts_of_different_scope_share_no_credential(toy: Any, run: Run) -> None:
    provider, fetched = with_tokens(toy)
    keeper = Keeper(MemoryStore(), lambda: NOW)
    answer = platform("t1", "t2")
    transport = FakeTransport(*[answer] * 4)
    for scope in ("shop-1", "shop-2"):
        account = toy.account(scope=scope)
        await run(transport, query(credentials=("access_token",)), provider=provider, keeper=keeper, account=account)

    assert fetched == ["t1", "t2"]


# --- observers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"{}", None),
        (TransportError("gone", sent=False), TransportError),
        (TransportError("gone"), OutcomeUnknown),
        (asyncio.CancelledError(), asyncio.CancelledError),
    ],
)
async def test_observers_hear_how_a_call_ended(
    toy: Any, run: Run, answer: bytes | BaseException, kind: type[BaseException] | None
) -> None:
    events: list[CallFinished] = []
    provider = toy.provider()
    provider.extend(toy.observer(events))
    try:
        await run(FakeTransport(answer), refund(), provider=provider)
    except BaseException as exc:  # noqa: BLE001 - a cancellation is one of the endings
        raised: BaseException | None = exc
    else:
        raised = None

    (event,) = events
    assert (event.platform, event.account, event.operation) == ("toy", "shop", "refund")
    assert event.elapsed >= 0
    assert event.error is raised
    assert type(raised) is (kind or type(None))


@pytest.mark.parametrize("failure", [RuntimeError("metrics backend"), asyncio.CancelledError(), GeneratorExit()])
async def test_an_observer_that_raises_hides_neither_result_nor_error(
    toy: Any, run: Run, failure: BaseException
) -> None:
    class Bad:
        @hookimpl
        def tongfu_call_finished(self) -> None:
            raise failure

    provider = toy.provider()
    provider.extend(Bad())

    assert await run(FakeTransport(b'"refunded"'), refund(), provider=provider) == "refunded"
    with pytest.raises(OutcomeUnknown):
        await run(FakeTransport(TransportError("gone")), refund(), provider=provider)


async def test_a_call_is_logged_without_what_it_carries(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="tongfu"):
        await run(FakeTransport(b'{"id": "R9"}'), refund())

    (record,) = [record for record in caplog.records if record.message == "tongfu.call_finished"]
    fields = {name: record.__dict__[name] for name in ("platform", "account", "operation", "error")}
    assert fields == {"platform": "toy", "account": "shop", "operation": "refund", "error": None}
    assert "R9" not in repr(record.__dict__)


async def test_an_application_whose_logging_breaks_has_its_refund_all_the_same(toy: Any, run: Run) -> None:
    def broken(logger: object, method: str, entry: structlog.typing.EventDict) -> str:
        raise TypeError("cannot be serialised")

    class Bad:
        @hookimpl
        def tongfu_call_finished(self) -> None:
            raise RuntimeError("metrics backend")

    provider = toy.provider()
    provider.extend(Bad())
    structlog.configure(processors=[broken])
    try:
        assert await run(FakeTransport(b'"refunded"'), refund(), provider=provider) == "refunded"
    finally:
        structlog.reset_defaults()


def test_nonces_are_32_characters_and_never_the_same() -> None:
    nonces = {random_nonce() for _ in range(100)}

    assert len(nonces) == 100
    assert {len(nonce) for nonce in nonces} == {32}
