"""WeChat on the emulator: Pay v2, and the mini-program server API."""

from .half import WeixinHalf, emulate

__all__ = ["WeixinHalf", "emulate"]
