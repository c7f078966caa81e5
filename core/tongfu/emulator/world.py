"""What the shell gives the halves: the clock, the ledger, chance, deliveries and client certificates."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from .certificates import Authority
from .half import Clock, Delivery, EmulatedOrder


class Ledger:
    """Every order of every platform."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._orders: dict[str, dict[str, EmulatedOrder]] = {}

    def orders(self, platform: str | None = None) -> list[EmulatedOrder]:
        """A platform's orders, or all, oldest first; those whose time is up are closed."""
        if platform is not None:
            found = list(self._orders.get(platform, {}).values())
        else:
            found = [order for orders in self._orders.values() for order in orders.values()]
            found.sort(key=lambda order: order.created)
        return [self._expired(order) for order in found]

    def order(self, platform: str, out_trade_no: str) -> EmulatedOrder | None:
        order = self._orders.get(platform, {}).get(out_trade_no)
        return self._expired(order) if order is not None else None

    def find(self, out_trade_no: str, platform: str | None = None) -> EmulatedOrder:
        """
        The one order of that number.

        :raises LookupError: there is none, or several platforms have one and none was named.
        """
        found = [order for order in self.orders(platform) if order.out_trade_no == out_trade_no]
        if len(found) > 1:
            platforms = ", ".join(order.platform for order in found)
            raise LookupError(f"several platforms have an order {out_trade_no}: {platforms}; name the platform")
        if not found:
            where = f" on {platform}" if platform is not None else ""
            raise LookupError(f"there is no order {out_trade_no}{where}")
        return found[0]

    def add(self, order: EmulatedOrder) -> None:
        """
        Keep a new order.

        :raises ValueError: the number is taken.
        """
        orders = self._orders.setdefault(order.platform, {})
        if order.out_trade_no in orders:
            raise ValueError(f"{order.platform} has an order {order.out_trade_no} already")
        orders[order.out_trade_no] = order

    def clear(self) -> None:
        self._orders.clear()

    def _expired(self, order: EmulatedOrder) -> EmulatedOrder:
        if order.state in {"open", "userpaying"} and order.expires is not None and order.expires <= self._clock.now():
            order.state = "closed"
            order.closed = order.expires
        return order


@dataclass(slots=True)
class HalfWorld:
    """
    One half's world. The ledger and the clock are everybody's; chance is its own.

    So one platform's ids do not depend on what happened on another.
    """

    clock: Clock
    random: random.Random = field(repr=False)
    origin: str
    https_origin: str
    ca_pem: bytes
    ledger: Ledger = field(repr=False)
    clients: Authority = field(repr=False)
    post: Callable[[Delivery], object] = field(repr=False)

    def orders(self, platform: str) -> list[EmulatedOrder]:
        return self.ledger.orders(platform)

    def order(self, platform: str, out_trade_no: str) -> EmulatedOrder | None:
        return self.ledger.order(platform, out_trade_no)

    def add(self, order: EmulatedOrder) -> None:
        self.ledger.add(order)

    def deliver(self, delivery: Delivery) -> None:
        self.post(delivery)

    def client_certificate(
        self, common_name: str, passphrase: bytes, key: RSAPrivateKey | None = None
    ) -> tuple[bytes, bytes]:
        return self.clients.client_certificate(common_name, passphrase, key)
