"""
The access token: fetched for all who need it, through the credential keeper.

Source: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-access-token/getStableAccessToken.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from tongfu.call import Call, Context, Credential
from tongfu.errors import MalformedAnswer
from tongfu_weixin.account import WeixinAccount

from .send import build
from .wire import TOKEN


def fetch(account: WeixinAccount) -> Call[Credential]:
    """
    Ask for a token: the stable one, which leaves other processes' alone, or with ``stable_token=False`` a new one.

    Asking again is harmless, so a lost answer is asked for again.

    :raises ConfigError: the account has no secret.
    """
    account.need(f"fetch_{TOKEN}", "secret")
    named = {"grant_type": "client_credential", "appid": account.app_id, "secret": account.secret}
    if account.stable_token:
        return build(f"fetch_{TOKEN}", "POST", "/cgi-bin/stable_token", _credential, json=named, read_only=True)
    return build(f"fetch_{TOKEN}", "GET", "/cgi-bin/token", _credential, query=named, read_only=True)


def _credential(answer: Mapping[str, Any], ctx: Context) -> Credential:
    value, lifetime = answer.get(TOKEN), answer.get("expires_in")
    if not isinstance(value, str) or not value or type(lifetime) is not int or lifetime < 0:
        raise MalformedAnswer("weixin: the answer has no access_token with its expires_in")
    return Credential(value, ctx.now + timedelta(seconds=lifetime))
