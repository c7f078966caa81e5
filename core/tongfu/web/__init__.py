"""
Notifications in an aiohttp server.

>>> app.add_routes(tongfu.web.routes(tf, {"/notify/shop": Notify("shop", on_payment=paid, on_refund=refunded)}))
"""

from __future__ import annotations

from .notify import Notify, notify_handler, routes

__all__ = ["Notify", "notify_handler", "routes"]
