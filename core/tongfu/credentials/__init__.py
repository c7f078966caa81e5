"""Fetched credentials: a keeper that fetches each once, and stores that hold them."""

from .keeper import Keeper, MemoryStore, Store

__all__ = ["Keeper", "MemoryStore", "Store"]
