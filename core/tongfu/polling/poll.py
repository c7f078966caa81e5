"""
Asking again, every few seconds and until a deadline.

It lies here and not in a provider, because only the core waits. What is asked, and when it is settled, providers know.
"""

from __future__ import annotations

import math
from asyncio import sleep
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from datetime import datetime, timedelta
from typing import Generic, TypeVar

R = TypeVar("R")
Pause = Callable[[float], Awaitable[object]]

__all__ = ["Pause", "Polled", "poll", "sleep"]


async def poll(
    ask: Callable[[], Awaitable[R]], *, every: float, until: datetime, now: Callable[[], datetime], pause: Pause
) -> AsyncIterator[R]:
    """
    What *ask* answers: after *every* seconds (more than 0), and again, and for the last time at *until*.

    :param now: the clock that *until* is of. One that stands makes no loop without an end.
    :param pause: waits for some seconds, as ``sleep`` does.
    """
    second = timedelta(seconds=1)
    for _ in range(math.ceil((until - now()) / second / every)):
        left = (until - now()) / second
        if left <= 0:
            break
        await pause(min(every, left))
        yield await ask()


class Polled(Generic[R]):
    """
    ``async for state in …`` sees each state as it comes; ``await …`` gives the last one. One of the two, once.

    Leaving the loop early stops the asking and changes nothing.
    """

    def __init__(self, states: AsyncIterator[R]) -> None:
        self._states = states

    def __aiter__(self) -> AsyncIterator[R]:
        return self._states

    def __await__(self) -> Generator[object, None, R]:
        return self._last().__await__()

    async def _last(self) -> R:
        found = [state async for state in self._states]
        if not found:
            raise RuntimeError("the states were read already")
        return found[-1]
