"""
Keeps what was fetched, and fetches it once however many wait for it.

A store may be shared by processes; its keys hold public ids only, never a secret.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final, Protocol

from tongfu.call import Credential

AHEAD: Final = timedelta(seconds=60)  # fetched anew this long before it expires


class Store(Protocol):
    """Where credentials are kept."""

    async def get(self, key: str) -> Credential | None:
        """What is kept under *key*, expired or not."""

    async def put(self, key: str, credential: Credential) -> None:
        """Keep *credential* under *key*."""

    async def drop(self, key: str, value: str) -> None:
        """Forget what is kept under *key* if its value is still *value*."""


class MemoryStore:
    """Kept in this process."""

    def __init__(self) -> None:
        self._kept: dict[str, Credential] = {}

    async def get(self, key: str) -> Credential | None:
        return self._kept.get(key)

    async def put(self, key: str, credential: Credential) -> None:
        self._kept[key] = credential

    async def drop(self, key: str, value: str) -> None:
        kept = self._kept.get(key)
        if kept is not None and kept.value == value:
            del self._kept[key]


class Keeper:
    """Single flight over a store: all who miss the same credential wait for one fetch."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._flights: dict[str, asyncio.Task[Credential]] = {}

    async def get(self, key: str, fetch: Callable[[], Awaitable[Credential]]) -> Credential:
        kept = await self._store.get(key)
        if kept is not None and (kept.expires_at is None or self._clock() < kept.expires_at - AHEAD):
            return kept
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.ensure_future(self._fetched(key, fetch))
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._landed(key, done))
        # Shielded: one caller who gives up must not take the fetch away from the others.
        return await asyncio.shield(flight)

    async def reject(self, key: str, credential: Credential) -> None:
        await self._store.drop(key, credential.value)

    def _landed(self, key: str, done: asyncio.Task[Credential]) -> None:
        del self._flights[key]
        if not done.cancelled():
            done.exception()  # seen, even when everybody who waited has given up

    async def _fetched(self, key: str, fetch: Callable[[], Awaitable[Credential]]) -> Credential:
        credential = await fetch()
        await self._store.put(key, credential)
        return credential
