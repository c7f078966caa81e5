"""
The v2 sandbox: every path under /sandboxnew, every signature under a key fetched with the real one.

It knows fixed amounts only and no mini-program payments, and Tencent promises nothing about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from tongfu.call import Call, Context, Credential
from tongfu.errors import ConfigError, MalformedAnswer
from tongfu_weixin.account import WeixinAccount

KIND: Final = "sandbox_signkey"
KEY_PATH: Final = "/sandboxnew/pay/getsignkey"
LIFE: Final = timedelta(hours=1)  # the platform does not say how long a key lives; reports speak of three days
PATHS: Final = {"/secapi/pay/refund": "/sandboxnew/pay/refund"}


def path(endpoint: str) -> str:
    return PATHS.get(endpoint, "/sandboxnew" + endpoint)


def needs(account: WeixinAccount) -> tuple[str, ...]:
    """The credentials a payment call needs."""
    return (KIND,) if account.sandbox else ()


def fetch(account: WeixinAccount, kind: str) -> Call[Credential]:
    """:raises ConfigError: a credential of another kind."""
    if kind != KIND:
        raise ConfigError(f"weixin has no credential named {kind}")

    def finish(fields: Mapping[str, Any], ctx: Context) -> Credential:
        key = fields.get("sandbox_signkey")
        if not key:
            raise MalformedAnswer("weixin: the sandbox gave no sandbox_signkey")
        return Credential(key, ctx.now + LIFE)

    return Call("fetch_sandbox_signkey", KEY_PATH, {}, finish, read_only=True)
