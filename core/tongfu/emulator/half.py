"""
What lies between the emulator's shell and a platform's half of it.

The shell owns the server, the clock, the ledger, deliveries, faults and the control routes. A half
owns one platform's wire: its keys, its routes, its answers and its notifications. A half is what
the entry point (group ``tongfu.emulators``) names: a function ``emulate(world) -> Half``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from tongfu.call import Account

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to a platform's endpoint: raw bytes, headers in lower case, the path as sent."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    client_ip: str = "127.0.0.1"
    client_certificate: bytes | None = field(default=None, repr=False)  # DER, where TLS was mutual
    https: bool = False


@dataclass(slots=True)
class Answer:
    """What the half answers. ``explain`` becomes X-Emulator-Explain; ``verdict`` is the request's signature's."""

    status: int
    headers: dict[str, str]
    body: bytes
    explain: str = ""
    verdict: str = "valid"  # valid, invalid, missing, unsigned
    out_trade_no: str = ""


@dataclass(frozen=True, slots=True)
class Route:
    """One endpoint. ``path`` may hold {names} as in aiohttp; ``handle`` is plain and does no I/O."""

    method: str
    path: str
    handle: Callable[[Asked, Mapping[str, str]], Answer]
    needs_client_cert: bool = False  # demanded on the https origin only


@dataclass(slots=True)
class EmulatedRefund:
    """One refund of an order. ``state``: processing, success, failed, abnormal."""

    out_refund_no: str
    refund_id: str
    refund_fee: int
    created: datetime
    state: str = "processing"
    done: datetime | None = None
    notify_url: str = ""
    wire: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class EmulatedOrder:
    """
    One order. ``state``: open, userpaying, paid, closed, failed, refunded.

    ``transaction_id`` is given when the platform gives one. ``wire`` is the half's own memory.
    """

    platform: str
    out_trade_no: str
    total_fee: int
    created: datetime
    state: str = "open"
    transaction_id: str = ""
    openid: str = ""
    paid: datetime | None = None
    closed: datetime | None = None
    expires: datetime | None = None
    notify_url: str = ""
    refunds: list[EmulatedRefund] = field(default_factory=list)
    wire: dict[str, Any] = field(default_factory=dict)

    @property
    def refunded_fee(self) -> int:
        return sum(refund.refund_fee for refund in self.refunds if refund.state != "failed")


@dataclass(slots=True)
class Delivery:
    """
    One notification. ``body`` is made anew for each attempt, as the platform signs each.

    ``ladder`` is the seconds between one attempt and the next; ``accepted`` reads the merchant's answer.
    ``corrupt`` makes the body of a redelivery that is broken on purpose: "signature", "body", "timestamp".
    """

    platform: str
    kind: str  # payment, refund, or another of the half's
    out_trade_no: str
    url: str
    make: Callable[[], tuple[dict[str, str], bytes]]
    corrupt: Callable[[str], tuple[dict[str, str], bytes]]
    accepted: Callable[[int, bytes], bool]
    ladder: tuple[float, ...]
    wire: dict[str, Any] | None = None  # as JSON has it: what the half makes this again of, if it can


class Clock(Protocol):
    """The emulator's time. Calling it gives the same as ``now``: an aware UTC datetime."""

    def now(self) -> datetime: ...

    def __call__(self) -> datetime: ...

    @property
    def offset(self) -> float:
        """How many seconds it is ahead of real time."""

    def behind(self, stamp: float, within: float) -> float | None:
        """
        By how many seconds the clock that *stamp* was just read from is behind this one: 0, or ``offset``.

        None where it is neither this clock nor the real one, to *within* seconds.
        """

    def at(self, seconds: float, act: Callable[[], None]) -> None:
        """Do *act* once the clock has moved on by *seconds*."""


class World(Protocol):
    """What the shell gives a half."""

    clock: Clock
    random: random.Random  # seeded; all ids come from it. Keys and nonces need not.
    origin: str  # http://127.0.0.1:PORT
    https_origin: str
    ca_pem: bytes  # who signed the https origin's certificate

    def orders(self, platform: str) -> Iterable[EmulatedOrder]:
        """The platform's orders, oldest first."""

    def order(self, platform: str, out_trade_no: str) -> EmulatedOrder | None:
        """The order of that number, having looked whether its time is up."""

    def add(self, order: EmulatedOrder) -> None:
        """Keep a new order."""

    def deliver(self, delivery: Delivery) -> None:
        """Notify the merchant now, and again by the ladder until it accepts."""

    def client_certificate(
        self, common_name: str, passphrase: bytes, key: RSAPrivateKey | None = None
    ) -> tuple[bytes, bytes]:
        """A new client certificate the https origin accepts, for *key* or a new one: its PKCS#12 and its DER."""


class Half(Protocol):
    """One platform on the emulator."""

    platform: str

    def routes(self) -> Iterable[Route]:
        """Every endpoint, and the control routes of this platform (``/_emulator/<platform>/…``)."""

    def settings(self) -> Mapping[str, Any]:
        """The platform's part of the JSON line."""

    def account(self) -> Account:
        """An account ready for Tongfu."""

    def pay(self, order: EmulatedOrder, outcome: str) -> None:
        """
        The buyer's part: success, not_enough, cancel, userpaying, expire.

        :raises ValueError: the order cannot take that outcome now; the message says why.
        """

    def sabotage(self, fault: str, answer: Answer) -> Answer:
        """Break a good answer as *fault* says: bad_signature, no_signature. The shell does the other faults."""


@runtime_checkable
class Forgets(Protocol):
    """A half that keeps more than its orders, and can forget it. Its keys stay."""

    def reset(self) -> None: ...


@runtime_checkable
class Remembers(Protocol):
    """
    A half that can go on with the orders of an emulator that ended.

    What it keeps in the ``wire`` of orders, refunds and deliveries is as JSON has it.
    """

    def delivery(self, order: EmulatedOrder, kind: str, wire: Mapping[str, Any]) -> Delivery:
        """The notification that was made with that ``wire``."""

    def resume(self, order: EmulatedOrder) -> None:
        """Set the timers of an order that was read from a file."""


Emulate = Callable[[World], Half]
