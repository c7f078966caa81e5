"""
The platforms' side on loopback: real signatures both ways, state, a clock, faults and notifications.

>>> async with Emulator() as emu, tongfu.Tongfu(emu.accounts(), clock=emu.clock) as tf:
...     ...
...     await emu.pay("A1001")
"""

from __future__ import annotations

from .delivery import Attempt, SentNotification
from .exchanges import Exchange
from .faults import Fault
from .half import (
    Answer,
    Asked,
    Clock,
    Delivery,
    Emulate,
    EmulatedOrder,
    EmulatedRefund,
    Half,
    Route,
    World,
)
from .shell import Emulator

__all__ = [
    "Answer",
    "Asked",
    "Attempt",
    "Clock",
    "Delivery",
    "Emulate",
    "EmulatedOrder",
    "EmulatedRefund",
    "Emulator",
    "Exchange",
    "Fault",
    "Half",
    "Route",
    "SentNotification",
    "World",
]
