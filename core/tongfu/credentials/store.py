"""Where credentials are kept. Keys hold public ids only, never a secret."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from tongfu.call import Credential


class Store(Protocol):
    """All that a store for one process needs."""

    async def get(self, key: str) -> Credential | None:
        """What is kept under *key*, expired or not, all three fields of it."""

    async def put(self, key: str, credential: Credential) -> None:
        """Keep *credential* under *key*, in the place of what was there."""

    async def drop(self, key: str, value: str) -> None:
        """Forget what is kept under *key* if its value is still *value*: compared and dropped in one step."""


@runtime_checkable
class SharedStore(Store, Protocol):
    """
    What a store needs besides, so that the processes which share it make one fetch.

    Any of the methods may raise :class:`tongfu.errors.CredentialStoreUnavailable`, each within a bounded time; what
    else one raises is taken for that.
    """

    lease: float
    """Seconds after which a holder that fell silent is replaced. Longer than a fetch takes."""

    async def acquire(self, key: str, owner: str, seconds: float) -> bool:
        """Take the lease on *key* unless somebody has it. It ends by itself after *seconds*."""

    async def release(self, key: str, owner: str) -> None:
        """Give the lease on *key* back if it is still *owner*'s: compared and given back in one step."""

    async def put_held(self, key: str, credential: Credential, owner: str) -> bool:
        """As ``put``, unless somebody took the lease on *key* after *owner* did: then False, and nothing is changed."""


class MemoryStore:
    """Kept in this process, as long as it lives: one credential for each account's scope and kind."""

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


class OwnStore:
    """A store that one process has to itself, as a shared one: whoever asks for a lease has it."""

    lease = 0.0

    def __init__(self, store: Store) -> None:
        self.get, self.put, self.drop = store.get, store.put, store.drop

    async def acquire(self, key: str, owner: str, seconds: float) -> bool:
        return True

    async def release(self, key: str, owner: str) -> None:
        pass

    async def put_held(self, key: str, credential: Credential, owner: str) -> bool:
        await self.put(key, credential)
        return True
