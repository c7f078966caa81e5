"""
The step loop: the only place that awaits the network.

A read-only call may be resent while its time lasts. Any other call is sent once, and where its
answer does not come or cannot be trusted, the caller is told that the outcome is unknown.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol, TypeAlias, TypeVar, cast

from . import log
from .call import Account, Call, CallFinished, Context, Credential, HttpRequest, HttpResponse
from .errors import (
    CredentialNeeded,
    CredentialRejected,
    MalformedAnswer,
    OutcomeUnknown,
    ProviderContractError,
    SignatureError,
    TongfuError,
    TransportError,
    UnreadableOutcome,
    UnverifiedOutcome,
)
from .provider import Provider
from .swift import swift

R = TypeVar("R")
Held: TypeAlias = dict[str, Credential]
Hook: TypeAlias = Callable[[Context], Any]

MAX_STEPS: Final = 4
MAX_SENDS: Final = 3
PAUSE: Final = 0.05  # seconds before the last of them, to three times that; before the second there is none

# What reading bytes from outside raises where the reader did not expect them: a missing key, a list
# where text was meant, too deep a nesting. Callers hear of it as an error of ours.
UNREADABLE: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class Transport(Protocol):
    """Sends one request and answers what came, whatever its status."""

    async def send(self, request: HttpRequest, timeout: float) -> HttpResponse:
        """
        Send within *timeout* seconds.

        :raises TransportError: nothing usable came; ``sent`` tells whether it can have arrived.
        """

    async def close(self) -> None:
        """Let go of what was opened here, and of nothing that was handed in."""


class CredentialSource(Protocol):
    """Keeps fetched credentials: see ``tongfu.credentials``."""

    async def get(self, key: str, fetch: Callable[[Credential | None], Any]) -> Credential:
        """The kept credential, or what awaiting *fetch* gives; it is told the one that the platform rejected."""

    async def reject(self, key: str, credential: Credential) -> None:
        """Forget *credential*, unless another has taken its place already."""

    async def renew(
        self, key: str, held: Credential, fetch: Callable[[Credential | None], Any], since: float
    ) -> Credential:
        """What there is in the place of *held*, fetched now and then only, and not again since (monotonic) *since*."""


@swift
@dataclass(frozen=True, slots=True)
class BoundSigner:
    """The sign and verify hooks of one account."""

    provider: Provider
    account: Account

    def sign(self, payload: bytes, algorithm: str) -> str:
        return self.provider.sign(self.account, payload, algorithm)

    def check(self, payload: bytes, signature: str, algorithm: str) -> None:
        self.provider.check(self.account, payload, signature, algorithm)

    def acting_as(self, account: Account) -> BoundSigner:
        return BoundSigner(self.provider, account)


def utc_now() -> datetime:
    return datetime.now(UTC)


def random_nonce() -> str:
    """32 characters that nobody can guess."""
    return os.urandom(16).hex()


class Engine:
    """Carries out operations: asks the provider, sends, asks again, until there is a result."""

    def __init__(
        self,
        transport: Transport,
        credentials: CredentialSource,
        *,
        clock: Callable[[], datetime] = utc_now,
        nonce: Callable[[], str] = random_nonce,
    ) -> None:
        self._transport = transport
        self._credentials = credentials
        self.clock = clock
        self._nonce = nonce

    async def run(
        self, provider: Provider, name: str, account: Account, operation: str, begin: Callable[[Context], Call[R] | R]
    ) -> R:
        """Carry out what *begin* answers; tell the observers how it ended."""
        started = time.perf_counter()
        error: BaseException | None = None
        try:
            signer = BoundSigner(provider, account)
            step: Any
            try:
                step = begin(self._context(signer, {}))
            except CredentialNeeded as exc:
                step = await self._ask(signer, {}, begin, exc, sent=False)
            for _ in range(MAX_STEPS):
                if not isinstance(step, Call):
                    return cast("R", step)
                step = await self._perform(signer, step)
            if isinstance(step, Call):
                raise ProviderContractError(f"{provider.platform}: {operation} takes more than {MAX_STEPS} requests")
            return cast("R", step)
        except BaseException as exc:
            error = exc
            raise
        finally:
            if provider.observed or log.heard():
                elapsed = time.perf_counter() - started
                provider.finished(CallFinished(provider.platform, name, operation, elapsed, error))
                log.debug(
                    "tongfu.call_finished",
                    platform=provider.platform,
                    account=name,
                    operation=operation,
                    elapsed=elapsed,
                    error=type(error).__name__ if error else None,
                )

    async def _perform(self, signer: BoundSigner, call: Call[Any]) -> Any:
        if not call.credentials:
            return await self._exchange(signer, call, {})
        held = {kind: await self._kept(signer, kind) for kind in call.credentials}
        try:
            return await self._exchange(signer, call, held)
        except CredentialRejected:
            # Refused before anything happened, so this is no resend; and it happens once only.
            for kind in call.credentials:
                await self._credentials.reject(_key(signer.account, kind), held[kind])
            renewed = {kind: await self._kept(signer, kind) for kind in call.credentials}
            if all(renewed[kind].value == held[kind].value for kind in call.credentials):
                raise  # the platform insists on what it rejects
            return await self._exchange(signer, call, renewed)

    async def credential(self, provider: Provider, account: Account, kind: str) -> Credential:
        """The kept credential of *kind*, or a new one where none is kept."""
        return await self._kept(BoundSigner(provider, account), kind)

    async def _kept(
        self, signer: BoundSigner, kind: str, held: Credential | None = None, since: float = 0.0
    ) -> Credential:
        """The kept credential; a newer one than *held*, where that is given and there is one."""
        provider, account = signer.provider, signer.account

        async def fetch(rejected: Credential | None) -> Credential:
            told = {} if rejected is None else {kind: rejected}
            try:
                return await self.run(
                    provider,
                    account.scope,
                    account,
                    f"fetch_{kind}",
                    lambda ctx: provider.fetch_credential(account, kind, replace(ctx, credentials=told)),
                )
            except OutcomeUnknown as exc:
                # Not the call that the credential is for: that one was not sent, and moved nothing.
                raise TransportError(f"{provider.platform}: no {kind} came", sent=False) from exc

        key = _key(account, kind)
        return await (self._credentials.renew(key, held, fetch, since) if held else self._credentials.get(key, fetch))

    async def _ask(self, signer: BoundSigner, held: Held, hook: Hook, needed: CredentialNeeded, sent: bool) -> Any:
        """
        Put what a hook lacks into *held* and ask it again. Nothing is resent.

        With *sent*, no failure to get the credential looks as if the request had not been.
        """
        since = time.monotonic()
        while True:
            known = held.get(needed.kind)
            try:
                held[needed.kind] = await self._kept(signer, needed.kind, known, since)
            except TongfuError as exc:
                if not sent:
                    raise
                raise SignatureError(f"{needed}; no newer {needed.kind} came: {exc}") from exc
            if known and known.value == held[needed.kind].value:
                raise needed
            try:
                return hook(self._context(signer, held))
            except CredentialNeeded as exc:
                needed = exc

    async def _exchange(self, signer: BoundSigner, call: Call[Any], held: Held) -> Any:
        timeout = signer.account.timeout
        deadline = time.monotonic() + timeout
        request = await self._encoded(signer, call, held)
        if not call.read_only:
            try:
                return await self._answer(signer, call, held, request, timeout)
            except (TransportError, SignatureError, MalformedAnswer) as exc:
                if isinstance(exc, OutcomeUnknown) or (isinstance(exc, TransportError) and not exc.sent):
                    raise
                raise _unknown(signer.provider.platform, call.operation, exc) from exc
        try:
            return await self._answer(signer, call, held, request, timeout)
        except TransportError as exc:
            failed = exc
        return await self._again(signer, call, held, deadline, failed)

    async def _again(
        self, signer: BoundSigner, call: Call[Any], held: Held, deadline: float, failed: TransportError
    ) -> Any:
        # stamina's switches are heeded and its loop is not used: while the application has not configured structlog,
        # its own hook prints every retry to stdout, and which hooks it has is the application's choice alone.
        # Imported where a call has failed already: it costs more than the whole of tongfu.
        import stamina  # noqa: PLC0415

        for resends in range(MAX_SENDS - 1 if stamina.is_active() else 0):
            if resends and not stamina.is_testing():
                await asyncio.sleep(random.uniform(PAUSE, 3 * PAUSE))  # noqa: S311 - nobody gains by guessing it
            left = deadline - time.monotonic()
            if left <= 0:
                break
            try:
                return await self._once(signer, call, held, left, backup=not failed.sent)
            except TransportError as exc:
                failed = exc
        raise failed

    async def _once(self, signer: BoundSigner, call: Call[Any], held: Held, timeout: float, *, backup: bool) -> Any:
        request = await self._encoded(signer, call, held)
        if backup and request.backup_url:
            request = replace(request, url=request.backup_url, backup_url="")
        return await self._answer(signer, call, held, request, timeout)

    async def _encoded(self, signer: BoundSigner, call: Call[Any], held: Held) -> Any:
        encode = partial(signer.provider.encode, signer.account, call)
        try:
            return encode(self._context(signer, held))
        except CredentialNeeded as exc:
            return await self._ask(signer, held, encode, exc, sent=False)

    async def _answer(
        self, signer: BoundSigner, call: Call[Any], held: Held, request: HttpRequest, timeout: float
    ) -> Any:
        try:
            response = await self._transport.send(request, timeout)
        except OSError as exc:  # a TimeoutError is one, and a transport of the application's may let it through
            raise TransportError(f"{signer.provider.platform}: the transport failed ({type(exc).__name__})") from exc
        decode = signer.provider.decode

        def read(ctx: Context) -> Any:
            return call.finish(decode(signer.account, call, response, ctx), ctx)

        try:
            try:
                ctx = self._context(signer, held)
                # To check and decode a large file takes seconds, which the loop's other tasks need not wait.
                return read(ctx) if response.file is None else await asyncio.to_thread(read, ctx)
            except CredentialNeeded as exc:
                return await self._ask(signer, held, read, exc, sent=True)
        except TongfuError:
            raise
        except UNREADABLE as exc:
            raise MalformedAnswer(
                f"{signer.provider.platform}: the answer to {call.operation} cannot be read ({type(exc).__name__})"
            ) from exc

    def _context(self, signer: BoundSigner, held: Mapping[str, Credential]) -> Context:
        return Context(self.clock(), self._nonce(), signer, held)


def _key(account: Account, kind: str) -> str:
    scope_of = getattr(account, "scope_of", None)
    return f"{account.platform}:{account.scope if scope_of is None else scope_of(kind)}:{kind}"


def _unknown(platform: str, operation: str, exc: TongfuError) -> OutcomeUnknown:
    if isinstance(exc, SignatureError):
        return UnverifiedOutcome(platform, operation, "the answer is not signed by the platform")
    if isinstance(exc, MalformedAnswer):
        return UnreadableOutcome(platform, operation, f"the answer cannot be used ({exc})")
    return OutcomeUnknown(platform, operation, str(exc))
