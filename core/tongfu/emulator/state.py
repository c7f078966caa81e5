"""What an emulator keeps in a file: orders with their refunds, notifications, and how far the clock was moved."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from tongfu.errors import ConfigError

from .clock import EmulatorClock
from .delivery import Attempt, Postman, SentNotification
from .half import EmulatedOrder, EmulatedRefund, Half, Remembers
from .world import Ledger

VERSION: Final = 1
ORDER_TIMES: Final = ("created", "paid", "closed", "expires")
REFUND_TIMES: Final = ("created", "done")
SENT_TIMES: Final = ("created", "next_attempt")


class StateFile:
    """
    The file of one emulator. ``seed`` is the emulator's that wrote it, None where there is no file yet.

    :raises ConfigError: the file cannot be read, or is none of these.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = ""
        self.seed: int | None = None
        self._kept: Mapping[str, Any] | None = None
        with self._readable():
            with contextlib.suppress(FileNotFoundError):
                self.text = path.read_text(encoding="utf-8")
            if self.text:
                self._kept = json.loads(self.text)
                if self._kept["version"] != VERSION:
                    raise ValueError(f"it is of version {self._kept['version']}, and this tongfu reads {VERSION}")
                self.seed = int(self._kept["seed"])

    def restore(self, clock: EmulatorClock, ledger: Ledger, halves: Mapping[str, Half], postman: Postman) -> None:
        """
        Go on with what the file has.

        :raises ConfigError: as above, or a platform of it is not emulated here.
        """
        if self._kept is None:
            return
        with self._readable():
            clock.resume(float(self._kept["offset"]))
            for document in self._kept["orders"]:
                order = _order(document)
                half = halves[order.platform]
                ledger.add(order)
                if isinstance(half, Remembers):
                    half.resume(order)
            for document in self._kept["notifications"]:
                half = halves[document["platform"]]
                if isinstance(half, Remembers):
                    postman.resume(_sent(document, half, ledger.find(document["out_trade_no"], half.platform)))

    def keep(self, seed: int, clock: EmulatorClock, ledger: Ledger, postman: Postman) -> None:
        """
        Write what there is, if it is not what the file has.

        :raises OSError: the folder cannot be written.
        """
        document = {
            "version": VERSION,
            "seed": seed,
            "offset": round(clock.offset, 1),
            "orders": [asdict(order) for order in ledger.orders()],
            "notifications": [_sent_document(each) for each in postman.notifications if each.delivery.wire is not None],
        }
        text = json.dumps(document, ensure_ascii=False, indent=1, default=_time) + "\n"
        if text != self.text:
            write(self.path, text)
            self.text = text

    @contextlib.contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else f"{type(exc).__name__}: {exc}"
            raise ConfigError(
                f"the emulator's state in {self.path} cannot be used ({reason}); delete the file to begin anew"
            ) from exc


def write(path: Path, text: str) -> None:
    """
    Put *text* in the place of what was there: whoever looks sees the old file or the new one, never a half.

    :raises OSError: the folder cannot be written.
    """
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _sent(document: Mapping[str, Any], half: Remembers, order: EmulatedOrder) -> SentNotification:
    values = {name: value for name, value in _timed(document, SENT_TIMES).items() if name != "wire"}
    values["delivery"] = half.delivery(order, document["kind"], document["wire"])
    values["attempts"] = [Attempt(**_timed(each, ("at",))) for each in document["attempts"]]
    return SentNotification(**values)


def _sent_document(sent: SentNotification) -> dict[str, Any]:
    document = {field.name: getattr(sent, field.name) for field in fields(sent) if field.name != "delivery"}
    return document | {"attempts": [asdict(each) for each in sent.attempts], "wire": sent.delivery.wire}


def _order(document: Mapping[str, Any]) -> EmulatedOrder:
    refunds = [EmulatedRefund(**_timed(each, REFUND_TIMES)) for each in document["refunds"]]
    return EmulatedOrder(**{**_timed(document, ORDER_TIMES), "refunds": refunds})


def _timed(document: Mapping[str, Any], times: tuple[str, ...]) -> dict[str, Any]:
    moments = {name: datetime.fromisoformat(document[name]) for name in times if document[name] is not None}
    return {**document, **moments}


def _time(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a half keeps a {type(value).__name__} in its order, which JSON cannot hold")
