"""Limits that APIv2 and APIv3 share: numbers of orders and refunds, addresses of buyers."""

from __future__ import annotations

import ipaddress
from typing import Any

from tongfu.fields import Text


class OutTradeNo(Text):
    """Six characters at least in a new order; an order made elsewhere may have a shorter number."""

    def __init__(self, least: int = 1, **kwargs: Any) -> None:
        super().__init__(32, least=least, pattern=r"[0-9A-Za-z_\-|*]+", alphabet="letters, digits and _-|*", **kwargs)


class TransactionId(Text):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(32, pattern=r"[0-9A-Za-z]+", alphabet="letters and digits", **kwargs)


class OutRefundNo(Text):
    """The merchant's number of a refund, or of a share of profit."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(64, pattern=r"[0-9A-Za-z_\-|*@]+", alphabet="letters, digits and _-|*@", **kwargs)


class Ip(Text):
    def __init__(self) -> None:
        super().__init__(64)
        self.expected = "an IPv4 or IPv6 address"

    def accepts(self, value: Any) -> bool:
        if not isinstance(value, str):
            return False
        try:
            ipaddress.ip_address(value)
        except ValueError:
            return False
        return True
