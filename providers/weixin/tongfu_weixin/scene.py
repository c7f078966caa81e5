"""Where a buyer pays, and what that asks of an order; the same in APIv2 and APIv3."""

from __future__ import annotations

import ipaddress
from datetime import timedelta, timezone
from typing import Final
from urllib.parse import quote, urlsplit

from tongfu.errors import InvalidParams
from tongfu.params import OrderParams
from tongfu_weixin.account import WeixinAccount

BEIJING: Final = timezone(timedelta(hours=8))
SCENES: Final = {"mp-weixin": "JSAPI", "app-plus": "APP", "app": "APP"}
NO_BUYER: Final = "missing; expected the buyer's openid under app_id"
NO_ADDRESS: Final = "expected the buyer's own IP address; WeChat compares it when the page opens"


def scene_of(account: WeixinAccount, params: OrderParams) -> str:
    """``JSAPI``, ``APP``, ``NATIVE`` or ``H5``."""
    if params.trade_type is not None:
        return "H5" if params.trade_type == "MWEB" else params.trade_type
    client = params.client_type or account.client_type
    if client not in SCENES:
        raise InvalidParams("weixin", "get_order_info", {"client_type": f"expected one of {', '.join(SCENES)}"})
    return SCENES[client]


def has_address(params: OrderParams) -> bool:
    """Whether the order tells the buyer's address and not the server's own."""
    if params.spbill_create_ip is None:
        return False
    parsed = ipaddress.ip_address(params.spbill_create_ip)
    return not (parsed.is_loopback or parsed.is_unspecified)


def shop_of(params: OrderParams) -> tuple[str, str]:
    """The origin of the shop's page and its name."""
    page = urlsplit(params.return_url or params.notify_url)
    return f"{page.scheme}://{page.netloc}", (params.body or "")[:64]


def returning(page: str, params: OrderParams) -> str:
    """WeChat's page, and where it sends the buyer to afterwards."""
    return f"{page}&redirect_url={quote(params.return_url, safe='')}" if params.return_url else page
