"""For tests: a transport that answers from a script, and a contract every provider must keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .transport import FakeTransport

if TYPE_CHECKING:
    from .contract import ProviderContract

__all__ = ["FakeTransport", "ProviderContract"]


def __getattr__(name: str) -> Any:
    """The contract imports pytest, so it is imported only where it is wanted."""
    if name != "ProviderContract":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .contract import ProviderContract  # noqa: PLC0415

    return ProviderContract
