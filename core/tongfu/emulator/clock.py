"""The emulator's time: real time plus an offset that only grows, or a time that stands until it is moved."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import Awaitable, Callable, Generator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

LONGEST: Final = 100 * 366 * 86400.0  # seconds one advance may take: far enough for every certificate and bill


class Settling:
    """What ``advance`` answers: await it to have every delivery that came due made."""

    def __init__(self, settle: Callable[[], Awaitable[None]]) -> None:
        self._settle = settle

    def __await__(self) -> Generator[Any, None, None]:
        return self._settle().__await__()


class EmulatorClock:
    """
    Call it, or ``now``, for an aware UTC datetime; ``advance`` moves it.

    :param start: where it starts; now by default.
    :param frozen: the time stands still but for ``advance``.
    """

    def __init__(self, start: datetime | None = None, *, frozen: bool = False) -> None:
        if start is not None and start.tzinfo is None:
            raise ValueError("the emulator's clock starts at a time with a zone")
        self.frozen = frozen
        self._given = start.astimezone(UTC) if start is not None else None
        self._timers: list[tuple[datetime, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._alarm: asyncio.TimerHandle | None = None
        self._settle: Callable[[], Awaitable[None]] = _nothing
        self._ahead = 0.0
        self._start()

    def _start(self) -> None:
        self._base = self._given or datetime.now(UTC) + timedelta(seconds=self._ahead)
        self._since = time.monotonic()
        self._at: datetime | None = None  # the moment a timer is due, while it is done

    def settles(self, settle: Callable[[], Awaitable[None]]) -> None:
        """Await *settle* when an advance is awaited."""
        self._settle = settle

    def now(self) -> datetime:
        if self._at is not None:
            return self._at
        if self.frozen:
            return self._base
        return self._base + timedelta(seconds=time.monotonic() - self._since)

    def __call__(self) -> datetime:
        return self.now()

    @property
    def offset(self) -> float:
        """How many seconds it is ahead of real time."""
        return (self.now() - datetime.now(UTC)).total_seconds()

    def behind(self, stamp: float, within: float) -> float | None:
        """
        By how many seconds the clock that *stamp* was just read from is behind this one, None for one that is wrong.

        Right to *within* seconds are this clock, by 0, and the real one: a program of its own cannot move its clock
        with this one.
        """
        now = self.now().timestamp()
        return next((ahead for ahead in (0.0, self.offset) if abs(now - ahead - stamp) <= within), None)

    def resume(self, offset: float) -> None:
        """Show real time plus *offset* seconds; what has a start of its own keeps that."""
        self._ahead = offset
        self._start()

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        """Do *act* once the clock has moved on by *seconds*."""
        self.on(self.now() + timedelta(seconds=seconds), act)

    def on(self, moment: datetime, act: Callable[[], None]) -> None:
        """Do *act* once the clock shows *moment*; soon, if it does already."""
        heapq.heappush(self._timers, (moment, next(self._count), act))
        self._arm()

    def advance(self, seconds: float) -> Settling:
        """
        Move the time on and do what comes due on the way, each at its own moment.

        What comes due may notify merchants; that needs the event loop: await the answer for it.

        :raises ValueError: not between 0 and 100 years.
        """
        if not (isinstance(seconds, int | float) and math.isfinite(seconds) and 0 <= seconds <= LONGEST):
            raise ValueError(f"the clock moves on by 0 to {LONGEST:.0f} seconds, not {seconds!r}")
        target = self.now() + timedelta(seconds=seconds)
        try:
            self._do_until(target)
        finally:
            self._base += timedelta(seconds=seconds)
            self._arm()
        return Settling(self._settle)

    def catch_up(self) -> bool:
        """Do what is due now. True if there was anything."""
        done = self._do_until(self.now())
        self._arm()
        return done

    def reset(self) -> None:
        """Forget every timer and go back to the start."""
        self._timers.clear()
        self.stop()
        self._ahead = 0.0
        self._start()

    def stop(self) -> None:
        """Let no timer go off by itself any more."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _do_until(self, target: datetime) -> bool:
        done = False
        try:
            while self._timers and self._timers[0][0] <= target:
                moment, _, act = heapq.heappop(self._timers)
                self._at = moment
                done = True
                act()
        finally:
            self._at = None
        return done

    def _arm(self) -> None:
        """Wake for the next timer: real time makes it due as well, and on a frozen clock it may be due already."""
        self.stop()
        if not self._timers:
            return
        seconds = (self._timers[0][0] - self.now()).total_seconds()
        if self.frozen and seconds > 0:
            return
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        # A day at most: the loop's own limit is near, and waking once a day costs nothing.
        self._alarm = loop.call_later(min(max(seconds, 0.0), 86400.0), self.catch_up)


async def _nothing() -> None:
    pass
