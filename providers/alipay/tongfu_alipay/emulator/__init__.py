"""Alipay on the emulator: the gateway's trade methods, the cashier, login, notifications."""

from .half import AlipayHalf, emulate

__all__ = ["AlipayHalf", "emulate"]
