"""Whatever an application's own store raises or gives, the keeper meets our errors and whole credentials only."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import datetime
from typing import TypeVar

from tongfu.call import Credential
from tongfu.errors import CredentialStoreUnavailable, TongfuError

from .store import OwnStore, SharedStore, Store

T = TypeVar("T")


class Border:
    """
    A store, shared or not, behind its border.

    What it raises counts as an outage, and what is no credential, such as another version's, counts as nothing.
    """

    def __init__(self, store: Store) -> None:
        self._store: SharedStore = store if isinstance(store, SharedStore) else OwnStore(store)
        self._name = type(store).__name__
        self.lease = self._store.lease

    async def get(self, key: str) -> Credential | None:
        kept = await self._asked(self._store.get(key))
        return kept if _is_credential(kept) else None

    async def put(self, key: str, credential: Credential) -> None:
        await self._asked(self._store.put(key, credential))

    async def drop(self, key: str, value: str) -> None:
        await self._asked(self._store.drop(key, value))

    async def acquire(self, key: str, owner: str, seconds: float) -> bool:
        return await self._asked(self._store.acquire(key, owner, seconds))

    async def release(self, key: str, owner: str) -> None:
        await self._asked(self._store.release(key, owner))

    async def put_held(self, key: str, credential: Credential, owner: str) -> bool:
        return await self._asked(self._store.put_held(key, credential, owner))

    async def _asked(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except TongfuError:
            raise
        except Exception as exc:  # noqa: BLE001 - a border to code of anybody's
            # Not chained: a database's error may quote the statement, and with it the credential.
            raise CredentialStoreUnavailable(self._name, type(exc).__name__) from None


def _is_credential(kept: object) -> bool:
    return (
        isinstance(kept, Credential)
        and isinstance(kept.value, str)
        and kept.value != ""
        and all(moment is None or _is_moment(moment) for moment in (kept.expires_at, kept.fetched_at))
    )


def _is_moment(moment: object) -> bool:
    return isinstance(moment, datetime) and moment.utcoffset() is not None
