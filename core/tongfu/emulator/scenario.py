"""
A scenario: what happens by itself, each step at its own time on the emulator's clock.

A file of it is TOML (``[[steps]]``) or JSON (a list, or ``{"steps": […]}``). A step has ``at``, in
seconds since the start (that of the step before by default), and one of: ``order`` (a platform and
what ``get_order_info`` takes), ``pay``, ``fault`` and ``redeliver`` (as the control routes take
them), ``clear_faults``, ``advance`` (seconds).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tongfu import log
from tongfu.app import Tongfu
from tongfu.errors import ConfigError, TongfuError

from .clock import LONGEST
from .faults import Faults

if TYPE_CHECKING:
    from .shell import Emulator

# What each kind of step takes; the first must be there.
TAKES: Final[Mapping[str, tuple[str, ...]]] = {
    "order": ("platform",),
    "pay": ("out_trade_no", "outcome", "platform"),
    "fault": ("fault", "match", "times"),
    "redeliver": ("id", "corrupt", "times"),
}
MATCHES: Final = {"path", "nth", "out_trade_no"}
BARE: Final = ("advance", "clear_faults")


@dataclass(slots=True)
class Step:
    """One step. ``state``: waiting, done, failed (``error`` says why)."""

    at: float
    kind: str
    what: Any
    state: str = "waiting"
    error: str = ""


def load(path: Path) -> list[Step]:
    """:raises ConfigError: there is no such file, it is neither TOML nor JSON, or a step is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as exc:
        raise ConfigError(f"the scenario {path} cannot be read: {exc.strerror or exc}") from exc
    except (ValueError, RecursionError) as exc:
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise ConfigError(f"the scenario {path} is not {kind}: {exc}") from exc
    return steps(document.get("steps") if isinstance(document, Mapping) else document)


def steps(document: object) -> list[Step]:
    """
    The steps of plain data.

    :raises ConfigError: naming the step, and what is wrong with it.
    """
    if not isinstance(document, Sequence) or isinstance(document, str):
        raise ConfigError('a scenario is a list of steps, such as [{"at": 5, "pay": {"out_trade_no": "A1001"}}]')
    made: list[Step] = []
    for n, plain in enumerate(document, 1):
        try:
            made.append(_step(plain, made[-1].at if made else 0.0))
        except ValueError as exc:
            raise ConfigError(f"step {n} of the scenario: {exc}") from None
    return made


def _step(plain: object, before: float) -> Step:
    if not isinstance(plain, Mapping):
        raise ValueError("it is not an object")  # noqa: TRY004 - a mistake in a file, not in a program
    at, kinds = plain.get("at", before), [name for name in plain if name != "at"]
    if not _is_seconds(at) or at < before:
        raise ValueError(f"at is seconds since the start, not before the step before ({before:g})")
    if len(kinds) != 1 or kinds[0] not in (*TAKES, *BARE):
        raise ValueError(f"beside at it has one of: {', '.join((*TAKES, *BARE))}")
    (kind,) = kinds
    what = plain[kind]
    if kind == "advance" and not _is_seconds(what):
        raise ValueError("advance is a number of seconds")
    if kind in TAKES:
        _check(kind, what)
    return Step(float(at), kind, what)


def _check(kind: str, what: object) -> None:
    first, *_ = takes = TAKES[kind]
    if not isinstance(what, Mapping) or not isinstance(what.get(first), str):
        raise ValueError(f"{kind} is an object with {first}")  # noqa: TRY004 - as above
    if kind != "order" and (unknown := [str(name) for name in what if name not in takes]):
        raise ValueError(f"{kind} does not take {', '.join(unknown)}; it takes {', '.join(takes)}")
    if kind == "fault":
        match = what.get("match", {})
        if not isinstance(match, Mapping) or not match.keys() <= MATCHES:
            raise ValueError(f"match is an object of {', '.join(sorted(MATCHES))}")
        Faults().add(what["fault"], **match, times=what.get("times", 1))


def _is_seconds(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and 0 <= value <= LONGEST


class Scenario:
    """Does the steps of one emulator."""

    def __init__(self, emu: Emulator, plan: Sequence[Step]) -> None:
        self.steps = list(plan)
        self._emu = emu
        self._due: asyncio.Queue[Step] = asyncio.Queue()
        self._open = 0
        self._work: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Set the time of every step; what is due at once is done when this ends."""
        now = self._emu.clock.now()
        self._work = asyncio.get_running_loop().create_task(self._worked())
        for step in self.steps:
            self._emu.clock.on(now + timedelta(seconds=step.at), partial(self._comes, step))
        self._emu.clock.catch_up()
        await self._due.join()

    @property
    def idle(self) -> bool:
        return not self._open

    async def settle(self) -> None:
        await self._due.join()

    async def stop(self) -> None:
        if self._work is not None:
            self._work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._work

    def _comes(self, step: Step) -> None:
        # A payment is of the very moment; a request to a platform takes the event loop, and those after it wait.
        if self.idle and step.kind == "pay":
            self._try(step, lambda: self._emu.pay_now(**step.what))
        else:
            self._open += 1
            self._due.put_nowait(step)

    async def _worked(self) -> None:
        while True:
            step = await self._due.get()
            try:
                await self._done(step)
            except (TongfuError, ValueError, LookupError, TypeError) as exc:
                self._failed(step, exc)
            else:
                step.state = "done"
            finally:
                self._open -= 1
                self._due.task_done()

    async def _done(self, step: Step) -> None:
        emu, what = self._emu, step.what
        if step.kind == "order":
            params = {name: value for name, value in what.items() if name != "platform"}
            async with Tongfu(emu.accounts(), clock=emu.clock) as tf:
                await tf.payment.get_order_info(what["platform"], **params)
        elif step.kind == "pay":
            await emu.pay(**what)
        elif step.kind == "fault":
            emu.fault(**what)
        elif step.kind == "redeliver":
            await emu.redeliver(**what)
        elif step.kind == "clear_faults":
            emu.clear_faults()
        else:
            # Not awaited: that would wait for this step as well.
            emu.clock.advance(what)

    def _try(self, step: Step, act: Callable[[], object]) -> None:
        try:
            act()
        except (TongfuError, ValueError, LookupError, TypeError) as exc:
            self._failed(step, exc)
        else:
            step.state = "done"

    def _failed(self, step: Step, exc: Exception) -> None:
        step.state, step.error = "failed", str(exc.args[0]) if exc.args else type(exc).__name__
        log.warning("tongfu.emulator.scenario_step_failed", at=step.at, kind=step.kind, reason=step.error)
