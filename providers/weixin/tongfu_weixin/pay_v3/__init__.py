"""WeChat Pay APIv3: JSON, signed with RSA both ways, notifications encrypted with AES-GCM."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any, Final

from tongfu.call import Context
from tongfu_weixin.account import WeixinAccount

MODULES: Final = {
    "get_order_info": "order",
    "order_query": "query",
    "close_order": "query",
    "refund": "refund",
    "refund_query": "refund",
    "download_bill": "bill",
    "download_fundflow": "bill",
}


def chosen(account: WeixinAccount) -> bool:
    """
    Whether payments go through APIv3: ``protocol`` says so, or the account has its keys and no APIv2 key.

    An account that has neither counts as APIv2, whose checks name what is missing.
    """
    if account.protocol:
        return account.protocol == "v3"
    return not account.key and bool(account.api_v3_key and account.private_key and account.cert_serial)


def begin(operation: str, account: WeixinAccount, params: Any, ctx: Context) -> Any:
    """The first step of a payment operation."""
    return _operation(operation)(account, params, ctx)


@cache
def _operation(name: str) -> Any:
    # With the first call: an account of APIv2, or none that pays, needs none of these modules.
    return getattr(import_module(f".{MODULES[name]}", __name__), name)
