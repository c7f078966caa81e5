"""Fetched credentials: a keeper that fetches each once, and stores that hold them."""

from .keeper import Keeper
from .redis import RedisStore
from .store import MemoryStore, SharedStore, Store

__all__ = ["Keeper", "MemoryStore", "RedisStore", "SharedStore", "Store"]
