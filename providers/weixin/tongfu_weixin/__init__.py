"""WeChat Pay and the WeChat mini-program APIs for tongfu."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .account import WeixinAccount

if TYPE_CHECKING:
    from .client import Weixin

__all__ = ["Weixin", "WeixinAccount"]


def __getattr__(name: str) -> Any:
    """Import on first use (PEP 562): the API's modules are for who opens an account."""
    if name != "Weixin":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .client import Weixin  # noqa: PLC0415 - see above

    return Weixin
