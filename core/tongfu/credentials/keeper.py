"""
Fetches a credential once, however many wait for it.

Within one process all who miss the same credential wait for one flight; between processes that share a store, one of
them holds the lease and fetches while the others wait for what it stores. A credential near its end is served while the
next one is fetched in the background.
"""

from __future__ import annotations

import asyncio
import copy
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from tongfu import log
from tongfu.call import Credential
from tongfu.errors import CredentialStoreUnavailable, TongfuError, TransportError

from .border import Border
from .line import FLOOR, Line, due
from .store import MemoryStore, OwnStore, SharedStore, Store

Fetch = Callable[[Credential | None], Awaitable[Credential]]

ROUNDS: Final = 4
FIRST_LOOK: Final = 0.02  # seconds between looks at what another process stores, growing to
LAST_LOOK: Final = 0.25
LEASES: Final = 2.5  # this many of them are waited for: a holder may die, and the one after it too


class Keeper:
    """
    Single flight over a store.

    :param store: with a lease if it is a ``SharedStore``.
    :param clock: the current time, with a zone. Ends of life, pauses and limits follow it.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        # Nobody else writes into a memory of this process, and every call with a credential reads it.
        self._store: SharedStore = OwnStore(store) if type(store) is MemoryStore else Border(store)
        self._clock = clock
        self._lines: dict[str, Line] = {}

    async def get(self, key: str, fetch: Fetch) -> Credential:
        """
        The kept credential, or what *fetch* gives.

        *fetch* is told the credential that the platform rejected, if that is why it is asked; at most every 30
        seconds, and not at all where nothing was rejected. A fetch that fails fails for all who wait; from the second
        failure in a row on, the next one waits 2, 4, 8 up to 30 seconds, and who asks meanwhile gets the same error.
        The rejected credential is served only while the platform, asked again, insists on it.

        :raises CredentialStoreUnavailable: the store cannot be reached.
        :raises TongfuError: what *fetch* raised.
        """
        line = self._line(key)
        credential: Credential | None = None
        for _ in range(ROUNDS):
            credential = await self._store.get(key) or line.unstored
            now = self._clock()
            if credential is not None and line.usable(credential, now):
                if due(credential, now) and line.flying is None and not line.resting(now):
                    self._start(key, line, fetch, ahead=True)
                break
            if line.flying is None and line.resting(now):
                if line.insists and line.rejected is not None:
                    credential = line.rejected
                    break
                if line.failures > 1 and isinstance(line.failure, TongfuError):
                    raise _copied(line.failure)
            credential = await self._landing(key, line.flying or self._start(key, line, fetch, ahead=False))
            # Another round if another process has the lease, or if this flight began before the rejection.
            if credential is not None and (line.insists or not line.refuses(credential)):
                break
        if credential is None:
            raise TransportError(f"{key}: another process is fetching it and has not come back", sent=False)
        line.latest = credential
        return credential

    async def reject(self, key: str, credential: Credential) -> None:
        """Forget *credential*, unless another has taken its place already."""
        line = self._line(key)
        kept = await self._store.get(key)
        if (kept or line.latest or credential).value != credential.value:
            return
        line.rejected = credential
        await self._store.drop(key, credential.value)

    async def renew(self, key: str, held: Credential, fetch: Fetch, since: float) -> Credential:
        """
        What the platform has now, for somebody whom *held* does not serve; *held* itself where nothing newer is.

        Whoever sends what *held* does not know can have this asked as often as he likes, so it is fetched once in 30
        seconds, then in 60, 120 up to two hours, by one of the processes that share the store; who comes while it is
        fetched waits for it. *held* is not dropped: it goes on serving all others.

        :param since: when *held* was found not to serve, by ``time.monotonic``. Where it was fetched only after that,
            for this very need, that was the one fetch.
        :raises TongfuError: what *fetch* raised.
        """
        line = self._line(key)
        kept = await self._store.get(key) or line.unstored
        if kept is not None and kept.value != held.value:
            return kept
        if line.flying is None:
            seconds = line.told_for(self._clock())
            if not seconds or not await self._store.acquire(f"{key}:forced", secrets.token_hex(16), seconds):
                return held
            if line.landed_at > since:
                return held
        flight = line.flying or self._start(key, line, fetch, ahead=True, anew=True)
        return await self._landing(key, flight) or held

    async def close(self) -> None:
        """Cancel the flights that are under way, and wait until they have given their leases back."""
        while flights := [line.flying for line in self._lines.values() if line.flying is not None]:
            for flight in flights:
                flight.cancel()
            await asyncio.wait(flights)

    def _line(self, key: str) -> Line:
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = Line()
        return line

    def _start(
        self, key: str, line: Line, fetch: Fetch, *, ahead: bool, anew: bool = False
    ) -> asyncio.Task[Credential | None]:
        line.flight = asyncio.ensure_future(self._flight(key, line, fetch, ahead=ahead, anew=anew))
        line.flight.add_done_callback(_seen)
        return line.flight

    async def _landing(self, key: str, flight: asyncio.Task[Credential | None]) -> Credential | None:
        # Waited for and not awaited: one caller who gives up must not take the fetch away from the others.
        await asyncio.wait((flight,))
        if flight.cancelled():
            raise TransportError(f"{key}: closed while it was fetched", sent=False)
        failure = flight.exception()
        if failure is not None:
            raise _copied(failure)
        return flight.result()

    async def _flight(self, key: str, line: Line, fetch: Fetch, *, ahead: bool, anew: bool) -> Credential | None:
        owner = secrets.token_hex(16)
        try:
            if not await self._acquire(key, owner):
                if ahead:  # another process renews it; the old one serves meanwhile
                    line.rest(self._clock())
                    return None
                credential = await self._after_another(key, line, owner)
                if credential is not None:
                    line.landed(credential)
                    return credential
            try:
                return await self._held(key, line, fetch, owner, anew=anew)
            finally:
                await self._release(key, owner)
        except Exception as exc:
            if isinstance(exc, CredentialStoreUnavailable):
                line.rest(self._clock())
            else:
                line.failed(self._clock(), exc)
            if ahead:
                log.warning("tongfu.credential_not_renewed", key=key, error=type(exc).__name__, failures=line.failures)
            raise

    async def _after_another(self, key: str, line: Line, owner: str) -> Credential | None:
        """What the process that has the lease stores; None if this one has the lease now."""
        loop = asyncio.get_running_loop()
        patience = loop.time() + LEASES * self._store.lease
        pause = FIRST_LOOK
        while loop.time() < patience:
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, LAST_LOOK)
            kept = await self._store.get(key)
            if kept is not None and line.usable(kept, self._clock()):
                return kept
            if await self._acquire(key, owner):
                return None
        raise TransportError(f"{key}: other processes keep fetching it and none has succeeded", sent=False)

    async def _held(self, key: str, line: Line, fetch: Fetch, owner: str, *, anew: bool) -> Credential:
        kept = await self._store.get(key)
        now = self._clock()
        if not anew and kept is not None and line.usable(kept, now) and not due(kept, now):
            line.landed(kept)  # since we looked, a flight has landed here or elsewhere
            return kept
        known = line.rejected
        credential = self._dated(await fetch(await self._told(key, line)))
        if not await self._put(key, line, credential, owner):
            kept = await self._store.get(key)
            if kept is not None and line.usable(kept, self._clock()):
                credential = kept
        if known is not None and known.value == credential.value:
            line.rejected = credential
            line.failed(self._clock(), None)
        else:
            line.landed(credential)
        return credential

    async def _told(self, key: str, line: Line) -> Credential | None:
        """The rejected credential, if it is time to tell: it lets the provider force a new one, which is rationed."""
        rejected = line.rejected
        if rejected is None:
            return None
        seconds = line.told_for(self._clock())
        if seconds and await self._store.acquire(f"{key}:forced", secrets.token_hex(16), seconds):
            return rejected
        return None

    def _dated(self, credential: Credential) -> Credential:
        now = self._clock()
        expires_at = credential.expires_at
        if expires_at is not None:
            expires_at = max(expires_at, now + FLOOR)
        return replace(credential, expires_at=expires_at, fetched_at=now)

    async def _put(self, key: str, line: Line, credential: Credential, owner: str) -> bool:
        line.unstored = None
        try:
            return await self._store.put_held(key, credential, owner)
        except CredentialStoreUnavailable:
            line.unstored = credential  # a store that can be read but not written must not cost a fetch for each call
            return True

    async def _acquire(self, key: str, owner: str) -> bool:
        try:
            return await self._store.acquire(key, owner, self._store.lease)
        except asyncio.CancelledError:
            await self._release(key, owner)  # it may have been given already, and the word of it be on its way
            raise

    async def _release(self, key: str, owner: str) -> None:
        """Never left half-way: who waits for the lease would wait until it ends by itself."""
        giving = asyncio.ensure_future(self._store.release(key, owner))
        giving.add_done_callback(_seen)
        try:
            await asyncio.shield(giving)
        except CredentialStoreUnavailable:
            pass  # it ends by itself
        except asyncio.CancelledError:
            await asyncio.wait((giving,))
            raise


def _seen(done: asyncio.Future[Any]) -> None:
    """Its failure is known, even when everybody who waited has given up."""
    if not done.cancelled():
        done.exception()


def _copied(failure: BaseException) -> BaseException:
    """One for each who waits: a shared one would gather everybody's traceback and context."""
    if not isinstance(failure, TongfuError):
        return failure
    own = copy.copy(failure)
    own.__cause__ = failure.__cause__
    own.__traceback__ = failure.__traceback__
    return own
