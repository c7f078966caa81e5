"""Alipay on the emulator: the gateway's methods, the cashier, the client's data, notifications."""

from .half import AlipayHalf, emulate

__all__ = ["AlipayHalf", "emulate"]
