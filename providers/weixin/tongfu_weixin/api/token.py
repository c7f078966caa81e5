"""
The access token: fetched for all who need it, through the credential keeper.

Source: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/mp-access-token/getStableAccessToken.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from tongfu.call import Call, Context, Credential
from tongfu.errors import MalformedAnswer
from tongfu_weixin.account import WeixinAccount

from .send import build
from .wire import TOKEN

STABLE_PATH: Final = "/cgi-bin/stable_token"
_TOKEN: Final = re.compile("[!-~]{1,4096}")  # the platform says 512 at least; another could not be sent, yet be kept


def fetch(account: WeixinAccount, ctx: Context) -> Call[Credential]:
    """
    Ask for a token: the stable one, which leaves other processes' alone, or with ``stable_token=False`` a new one.

    Asking again is harmless, so a lost answer is asked for again. Only where the platform rejected the very token
    that it then gives once more is it told to make a new one, which 20 times a day it does.

    :raises ConfigError: the account has no secret.
    """
    account.need(f"fetch_{TOKEN}", "secret")
    named = {"grant_type": "client_credential", "appid": account.app_id, "secret": account.secret}
    if not account.stable_token:
        return build(f"fetch_{TOKEN}", "GET", "/cgi-bin/token", _credential, query=named, read_only=True)
    rejected = ctx.credentials.get(TOKEN)

    def finish(answer: Mapping[str, Any], ctx: Context) -> Credential | Call[Credential]:
        credential = _credential(answer, ctx)
        if rejected is None or credential.value != rejected.value:
            return credential
        return build(f"fetch_{TOKEN}", "POST", STABLE_PATH, _credential, json={**named, "force_refresh": True})

    return build(f"fetch_{TOKEN}", "POST", STABLE_PATH, finish, json=named, read_only=True)


def _credential(answer: Mapping[str, Any], ctx: Context) -> Credential:
    value, lifetime = answer.get(TOKEN), answer.get("expires_in")
    if not isinstance(value, str) or _TOKEN.fullmatch(value) is None or type(lifetime) is not int or lifetime < 0:
        raise MalformedAnswer("weixin: the answer has no access_token with its expires_in")
    return Credential(value, ctx.now + timedelta(seconds=lifetime))
