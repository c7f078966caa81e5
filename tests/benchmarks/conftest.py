"""What the benchmarks share: a fixed answer on loopback, served by a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture
def serve() -> Iterator[Callable[[bytes], str]]:
    """Serve *body* to every request; answer the origin."""
    with contextlib.ExitStack() as stack:

        def start(body: bytes) -> str:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, str(Path(__file__).with_name("loopback.py"))],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                )
            )
            stack.callback(process.kill)
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(body)
            process.stdin.close()
            return f"http://127.0.0.1:{int(process.stdout.readline())}"

        yield start


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()
