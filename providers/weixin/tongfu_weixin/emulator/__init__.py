"""WeChat on the emulator: Pay v2, and the login code a mini program would get."""

from .half import WeixinHalf, emulate

__all__ = ["WeixinHalf", "emulate"]
