"""WeChat Pay APIv3 as the platform does it, over the same orders and refunds as v2."""

from .desk import V3

__all__ = ["V3"]
