"""What can go wrong on purpose: which request or notification it hits, and how often."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

LONGEST_DELAY: Final = 60.0  # seconds

# Each fault and what it does, as GET /_emulator/faults tells it.
REQUEST_FAULTS: Final = {
    "timeout_before": "the request is never carried out and never answered",
    "timeout_after_commit": "the request is carried out and never answered",
    "reset": "the connection is reset before the request is carried out",
    "status:NNN": "a gateway answers an HTML page of that status (400 to 599) in the platform's place",
    "truncate": "the request is carried out; the answer ends in the middle",
    "slow:SECONDS": f"the request is carried out; the answer comes that much later (at most {LONGEST_DELAY:g})",
    "bad_signature": "the request is carried out; the answer's signature is wrong",
    "no_signature": "the request is carried out; the answer has no signature",
    "unknown_serial": "the request is carried out; the answer names a key that nobody knows",
    "signtest": "the request is carried out; the answer's signature is a probe that has to be refused, if the platform"
    " sends such",
}
NOTIFICATION_FAULTS: Final = {
    "lose_notification": "one attempt to notify does not arrive; the platform takes it for unanswered",
    "duplicate_notification": "one attempt to notify is made twice",
}
FAULTS: Final = REQUEST_FAULTS | NOTIFICATION_FAULTS
SABOTAGE: Final = frozenset({"bad_signature", "no_signature", "unknown_serial", "signtest"})

_STATUS = re.compile(r"status:([45]\d\d)")
_SLOW = re.compile(r"slow:(\d{1,4}(?:\.\d{1,6})?)")


class UnknownFault(ValueError):
    """No such fault; the message lists those there are."""

    def __init__(self, fault: object) -> None:
        super().__init__(f"there is no fault {fault!r}; there are: {', '.join(FAULTS)}")


@dataclass(slots=True)
class Fault:
    """
    One fault that waits for what it matches.

    ``path`` is a glob over the path of the request, or of the notify_url for a notification. ``nth``
    counts what matches from 1 on; from there the fault hits ``times`` in a row.
    """

    id: str
    fault: str
    path: str | None = None
    nth: int | None = None
    out_trade_no: str | None = None
    times: int = 1
    seen: int = field(default=0, init=False)
    left: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.left = self.times

    @property
    def notifies(self) -> bool:
        return self.fault in NOTIFICATION_FAULTS

    @property
    def status(self) -> int | None:
        """The status of ``status:NNN``."""
        match = _STATUS.fullmatch(self.fault)
        return int(match[1]) if match else None

    @property
    def delay(self) -> float | None:
        """The seconds of ``slow:SECONDS``."""
        match = _SLOW.fullmatch(self.fault)
        return float(match[1]) if match else None

    def matches(self, path: str, texts: Iterable[str], numbers: Iterable[str]) -> bool:
        """
        :param texts: where the request may name an order.
        :param numbers: the numbers that name the fault's order.
        """
        if self.path is not None and not fnmatchcase(path, self.path):
            return False
        if self.out_trade_no is None:
            return True
        wanted = re.compile(r"(?<![\w|*@-])(?:" + "|".join(map(re.escape, numbers)) + r")(?![\w|*@-])")
        return any(wanted.search(text) for text in texts)


class Faults:
    """The faults that wait, in the order they were set."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._count = itertools.count(1)

    def waiting(self) -> list[Fault]:
        return list(self._waiting)

    def add(
        self,
        fault: str,
        *,
        path: str | None = None,
        nth: int | None = None,
        out_trade_no: str | None = None,
        times: int = 1,
    ) -> Fault:
        """
        Let *fault* wait for what it matches; without a matcher it hits whatever comes first.

        :raises UnknownFault: there is no such fault.
        :raises ValueError: a matcher of the wrong type, nth or times below 1.
        """
        for name, text in (("fault", fault), ("path", path), ("out_trade_no", out_trade_no)):
            if (text is not None or name == "fault") and (not isinstance(text, str) or not text):
                raise ValueError(f"{name} is a text that is not empty")
        for name, number in (("nth", nth), ("times", times)):
            if (number is not None or name == "times") and (type(number) is not int or number < 1):
                raise ValueError(f"{name} is an integer, at least 1")
        new = Fault(f"fault-{next(self._count)}", fault, path, nth, out_trade_no, times)
        if fault not in FAULTS or fault in {"status:NNN", "slow:SECONDS"}:
            if new.status is None and new.delay is None:
                raise UnknownFault(fault)
            if (new.delay or 0.0) > LONGEST_DELAY:
                raise ValueError(f"{fault} is longer than {LONGEST_DELAY:g} seconds")
        self._waiting.append(new)
        return new

    def strike(
        self, path: str, texts: Iterable[str], numbers: Callable[[str], Iterable[str]], *, notifies: bool = False
    ) -> Fault | None:
        """
        The fault that hits this request (or notification), counted down; None where all goes well.

        :param texts: where the request may name an order.
        :param numbers: every number that means the order of an out_trade_no.
        """
        texts = list(texts)
        hit = None
        for fault in list(self._waiting):
            if fault.notifies != notifies:
                continue
            if not fault.matches(path, texts, numbers(fault.out_trade_no) if fault.out_trade_no else ()):
                continue
            fault.seen += 1
            if hit is None and fault.seen >= (fault.nth or 1):
                hit = fault
                fault.left -= 1
                if not fault.left:
                    self._waiting.remove(fault)
        return hit

    def clear(self) -> None:
        self._waiting.clear()
