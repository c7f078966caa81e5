"""What every test shares: no waiting between attempts, and aioresponses on today's aiohttp."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import stamina


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """As many attempts as in production, without the pauses."""
    with stamina.set_testing(True, attempts=10, cap=True):
        yield


NOTHING_SENT: Any = SimpleNamespace(output_size=0)


@pytest.fixture
def mocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """aioresponses, in place of aiohttp's network. Only for tests of the transport."""
    import aiohttp
    from aioresponses import core

    if "stream_writer" in inspect.signature(aiohttp.ClientResponse.__init__).parameters:
        # aioresponses 0.7.9 cannot build a response on aiohttp >= 3.14: pnuckowski/aioresponses#289.
        class Response(aiohttp.ClientResponse):
            def __init__(self, *args: Any, stream_writer: Any = None, **kwargs: Any) -> None:
                super().__init__(*args, stream_writer=stream_writer or NOTHING_SENT, **kwargs)

        monkeypatch.setattr(core, "ClientResponse", Response)
    with core.aioresponses() as mock:
        yield mock
