"""
Fixtures ``tongfu_emulator`` and ``tongfu_facade``, found by pytest through its entry point.

They are async: have pytest-asyncio installed, in whichever mode; without it, with anyio's plugin
instead, they work in tests marked ``anyio`` on asyncio. Nothing is imported until a test asks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tongfu.app import Tongfu
    from tongfu.emulator import Emulator

try:
    import pytest_asyncio
except ModuleNotFoundError:
    _fixture: Any = pytest.fixture  # anyio's plugin runs plain async fixtures
else:
    _fixture = pytest_asyncio.fixture


@_fixture  # type: ignore[untyped-decorator]  # which of the two decorators it is shows at run time
async def tongfu_emulator() -> AsyncIterator[Emulator]:
    """An emulator of every installed platform, of this test alone."""
    from tongfu.emulator import Emulator  # noqa: PLC0415

    async with Emulator() as emulator:
        yield emulator


@_fixture  # type: ignore[untyped-decorator]
async def tongfu_facade(tongfu_emulator: Emulator) -> AsyncIterator[Tongfu]:
    """Tongfu with an account on each emulated platform, by the emulator's clock."""
    from tongfu.app import Tongfu  # noqa: PLC0415

    async with Tongfu(tongfu_emulator.accounts(), clock=tongfu_emulator.clock) as facade:
        yield facade
