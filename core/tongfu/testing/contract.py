"""The contract every provider must keep, as tests to inherit."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import fields
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, ClassVar, Final

import pytest

from tongfu.app import BoundCaller
from tongfu.call import Account, Call, Context, Credential, HttpResponse, Notification
from tongfu.credentials import Keeper, MemoryStore
from tongfu.engine import BoundSigner, Engine
from tongfu.errors import InvalidParams, SignatureError, TongfuError, UnsupportedOperation
from tongfu.payments import FEES, PARAMS
from tongfu.provider import OPERATIONS, Provider
from tongfu.registry import load_provider

from .transport import FakeTransport

JUNK: Final = (b"", b"\x00", b"null", b"[]", b"{}", b"<xml></xml>", b"<html>502 Bad Gateway</html>", b"[" * 10_000)
FORGED: Final = ("x", "=", "AAAA", "0" * 64, "签名", "\ud800", "\x00" * 9)
PAYLOAD: Final = b"the contract's payload"


class ProviderContract:
    """
    Inherit as ``class TestMyPay(ProviderContract)`` and say what is below; a name may be a property.

    Nothing here touches the network: operations run against scripted answers.
    """

    platform: ClassVar[str]
    """The provider's name; its entry point must be installed, unless ``provider`` is overridden."""

    account: Any
    other_account: Any
    """Another merchant of the same platform, with other keys."""

    algorithms: tuple[str, ...]
    """What the account signs and verifies with."""

    samples: Mapping[str, Mapping[str, Any]]
    """Good keywords for each supported operation but the notifications."""

    notices: Mapping[str, Notification]
    """An authentic notification to ``account`` for each supported ``verify_…_notify``."""

    credentials: Mapping[str, Credential] = {}
    """Credentials that the samples' calls name, were they fetched already."""

    unsigned: tuple[str, ...] = ("download_bill", "download_fundflow")
    """Operations whose answers the platform does not sign, so that any text may be one."""

    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    """When the samples happen. With the fixed nonce it makes every request reproducible."""

    def provider(self) -> Provider:
        """A new provider, with no extension."""
        return load_provider(self.platform)

    def secrets(self) -> list[str]:
        """Texts that must show nowhere: the account's fields that are kept out of its repr."""
        hidden = [getattr(self.account, field.name) for field in fields(self.account) if not field.repr]
        texts = [value.decode("latin-1") if isinstance(value, bytes) else value for value in hidden]
        return [text for text in texts if isinstance(text, str) and len(text) >= 4]

    # --- what it supports ------------------------------------------------------------------------

    def test_each_supported_operation_has_a_sample(self) -> None:
        assert {*self.samples, *self.notices} == set(self._provider.operations)

    def test_an_unsupported_operation_sends_nothing(self) -> None:
        provider = self._provider
        for operation in sorted(set(OPERATIONS) - set(provider.operations)):
            transport = FakeTransport()
            params: object = {} if operation in PARAMS else Notification({}, b"")
            with pytest.raises(UnsupportedOperation):
                self._run(operation, params, transport)
            assert transport.requests == []

    # --- parameters ------------------------------------------------------------------------------

    def test_wrong_parameters_are_named_and_send_nothing(self) -> None:
        for operation, sample in self.samples.items():
            transport = FakeTransport()
            wrong = {name: fee for name in FEES if name in sample for fee in (0, 1.5, "1", True)}
            for keywords in ({}, {**sample, "noSuchName": 1}, *({**sample, name: fee} for name, fee in wrong.items())):
                with pytest.raises(InvalidParams) as caught:
                    self._run(operation, keywords, transport)
                assert caught.value.problems
            assert transport.requests == []

    def test_the_provider_itself_refuses_what_the_kernel_lets_through(self) -> None:
        """Its own limits hold in its hooks, whoever calls them."""
        for operation, sample in self.samples.items():
            kind = PARAMS[operation]
            nothing = dict.fromkeys(field.name for field in fields(kind))
            wrong = [{**sample, name: fee} for name in FEES if name in sample for fee in (-1, 0, 60.9, "1", 10**18)]
            for keywords in (nothing, *wrong):
                with pytest.raises(InvalidParams) as caught:
                    self._begin(operation, kind(**keywords))
                self._no_secret(str(caught.value))

    # --- hooks are pure --------------------------------------------------------------------------

    def test_the_same_call_gives_the_same_bytes(self) -> None:
        for operation, sample in self.samples.items():
            keywords = deepcopy(dict(sample))
            steps = [self._begin(operation, PARAMS[operation](**keywords)) for _ in range(2)]
            assert keywords == sample, f"{operation} changed its caller's mapping"
            if not isinstance(steps[0], Call):
                assert steps[0] == steps[1]
                continue
            before = deepcopy(dict(steps[0].fields))
            requests = [self._provider.encode(self.account, step, self._context()) for step in (*steps, steps[0])]
            assert requests[0] == requests[1] == requests[2]
            assert dict(steps[0].fields) == before, f"encoding {operation} changed the call"

    def test_no_secret_shows(self) -> None:
        for operation, sample in self.samples.items():
            step = self._begin(operation, PARAMS[operation](**sample))
            self._no_secret(repr(step), repr(self._context()), repr(self.account), str(self.account))
            if isinstance(step, Call):
                self._no_secret(repr(self._provider.encode(self.account, step, self._context())))

    # --- signatures ------------------------------------------------------------------------------

    def test_a_forged_signature_is_refused(self) -> None:
        provider = self._provider
        for algorithm in self.algorithms:
            others = provider.sign(self.other_account, PAYLOAD, algorithm)
            own = provider.sign(self.account, PAYLOAD, algorithm)
            for signature in ("", *FORGED, others, own[:-1], own + own):
                with pytest.raises(SignatureError) as caught:
                    provider.check(self.account, PAYLOAD, signature, algorithm)
                self._no_secret(str(caught.value))
            with pytest.raises(SignatureError):
                provider.check(self.account, PAYLOAD + b"!", own, algorithm)

    def test_signing_depends_on_the_payload_and_the_account(self) -> None:
        provider = self._provider
        for algorithm in self.algorithms:
            signed = [
                provider.sign(account, payload, algorithm)
                for account, payload in (
                    (self.account, PAYLOAD),
                    (self.account, PAYLOAD + b"!"),
                    (self.other_account, PAYLOAD),
                )
            ]
            assert len(set(signed)) == len(signed)

    # --- notifications ---------------------------------------------------------------------------

    def test_an_authentic_notification_is_read(self) -> None:
        for operation, notify in self.notices.items():
            assert self._run(operation, notify, FakeTransport()).reply.body is not None

    def test_another_merchants_notification_is_refused(self) -> None:
        for operation, notify in self.notices.items():
            with pytest.raises(TongfuError) as caught:
                self._run(operation, notify, FakeTransport(), self.other_account)
            self._no_secret(str(caught.value))

    def test_a_changed_notification_is_refused_or_says_the_same(self) -> None:
        """Every byte of the body in turn, and of each header; what is not signed may not matter."""
        for operation, notify in self.notices.items():
            authentic = self._run(operation, notify, FakeTransport())
            for changed in _changed(notify):
                try:
                    answer = self._run(operation, changed, FakeTransport())
                except TongfuError as exc:
                    self._no_secret(str(exc))
                else:
                    assert answer == authentic, f"{operation} took a forgery: {changed.body!r}"

    def test_what_is_no_notification_is_refused(self) -> None:
        """Only our errors come out of what strangers send."""
        chance = random.Random(20140603)  # noqa: S311 - reproducible noise, no secret
        noise = [chance.randbytes(chance.randrange(1, 200)) for _ in range(200)]
        for operation, notify in self.notices.items():
            for body in (*JUNK, *noise):
                for headers in ({}, notify.headers):
                    with pytest.raises(TongfuError) as caught:
                        self._run(operation, Notification(headers, body), FakeTransport())
                    self._no_secret(str(caught.value))

    # --- answers ---------------------------------------------------------------------------------

    def test_an_answer_that_nobody_signed_is_no_result(self) -> None:
        for operation, sample in self.samples.items():
            if operation in self.unsigned or not isinstance(self._begin(operation, PARAMS[operation](**sample)), Call):
                continue
            for status in (200, 502):
                for body in JUNK:
                    answer = HttpResponse(status, {}, body)
                    with pytest.raises(TongfuError) as caught:
                        self._run(operation, sample, FakeTransport(*[answer] * 8))
                    self._no_secret(str(caught.value))

    # --- how the above is done -------------------------------------------------------------------

    @cached_property
    def _provider(self) -> Provider:
        return self.provider()

    def _context(self) -> Context:
        return Context(self.now, "0123456789abcdef" * 2, BoundSigner(self._provider, self.account), self.credentials)

    def _begin(self, operation: str, params: object) -> Any:
        return self._provider.begin(operation, self.account, params, self._context())

    def _run(self, operation: str, params: object, transport: FakeTransport, account: Account | None = None) -> Any:
        account = account or self.account

        async def run() -> Any:
            engine = Engine(transport, Keeper(MemoryStore(), lambda: self.now), clock=lambda: self.now)
            return await BoundCaller(engine, self._provider, "contract", account).payment(operation, params)

        return asyncio.run(run())

    def _no_secret(self, *texts: str) -> None:
        shown = [text for text in texts if any(secret in text for secret in self.secrets())]
        assert not shown, "a secret of the account shows"


def _changed(notify: Notification) -> Iterator[Notification]:
    step = max(1, len(notify.body) // 300)
    for place in range(0, len(notify.body), step):
        for flip in (0x01, 0x80):
            body = bytearray(notify.body)
            body[place] ^= flip
            yield Notification(notify.headers, bytes(body), notify.query)
    for cut in range(0, len(notify.body), max(1, len(notify.body) // 20)):
        yield Notification(notify.headers, notify.body[:cut], notify.query)
    for name, value in notify.headers.items():
        for other in ("", value[:-1], f"{value}, {value}"):
            yield Notification({**notify.headers, name: other}, notify.body, notify.query)
        yield Notification(
            {key: kept for key, kept in notify.headers.items() if key != name}, notify.body, notify.query
        )
