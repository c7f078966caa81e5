"""
Notifications in an aiohttp server.

>>> app.add_routes([tongfu.web.notify_route(tf, "shop", "/notify/shop", on_payment=paid, on_refund=refunded)])
"""

from __future__ import annotations

from .notify import notify_route

__all__ = ["notify_route"]
