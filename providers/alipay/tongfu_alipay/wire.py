"""
The gateway's requests and answers.

Common parameters travel in the query, where the gateway looks for charset; all else in the body.
Source: https://opendocs.alipay.com/common/02kf5q "自行实现签名"
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from tongfu.call import Call, Context, HttpRequest, HttpResponse
from tongfu.errors import InvalidParams, MalformedAnswer, SignatureError, TransportError

from .account import AlipayAccount
from .answer import extract
from .errors import refused

BEIJING: Final = timezone(timedelta(hours=8))
NO_CODE: Final = "alipay.system.oauth.token"  # it alone succeeds without a code
# What the gateway looks for in the query. Anything else, such as a login code, has no place in access logs.
IN_QUERY: Final = frozenset(
    {
        *("app_id", "method", "format", "charset", "sign_type", "sign", "timestamp", "version"),
        *("notify_url", "return_url", "auth_token", "app_auth_token", "app_cert_sn", "alipay_root_cert_sn"),
    }
)
HEADERS: Final = {
    "content-type": "application/x-www-form-urlencoded;charset=utf-8",
    "accept-encoding": "identity",
}
_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_PLAIN: Final = re.compile(r"[0-9A-Za-z_.~\-]*").fullmatch
_REST: Final = re.compile(r"[^0-9A-Za-z_.~%+\-]+")


def beijing(moment: datetime) -> str:
    """As the gateway writes time, whatever the host's zone."""
    return moment.astimezone(BEIJING).isoformat(" ", "seconds")[:19]


def content(fields: Mapping[str, Any]) -> str:
    """biz_content, written once: this text is signed and sent."""
    return _JSON.encode(fields)


def text(params: Mapping[str, str]) -> bytes:
    """What is signed: every parameter but ``sign`` and the empty ones, by name, values as they are."""
    return "&".join([f"{name}={value}" for name, value in sorted(params.items()) if value and name != "sign"]).encode()


def signed(account: AlipayAccount, call: Call[Any], ctx: Context) -> dict[str, str]:
    """
    All parameters of a request, ``sign`` last.

    :raises InvalidParams: a text that UTF-8 cannot write.
    """
    params = {
        "app_id": account.app_id,
        "method": call.endpoint,
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": account.sign_type,
        "timestamp": beijing(ctx.now),
        "version": "1.0",
    }
    if account.app_auth_token:
        params["app_auth_token"] = account.app_auth_token
    # What is empty is not there at all: so a call can be made as the app itself, without the account's app_auth_token.
    params = {name: value for name, value in {**params, **call.fields.get("common", {})}.items() if value}
    if "biz_content" in call.fields:
        params["biz_content"] = content(call.fields["biz_content"])
    try:
        payload = text(params)
    except UnicodeEncodeError:
        problem = {"extra": "expected text that UTF-8 can write, without lone surrogates"}
        raise InvalidParams("alipay", call.operation, problem) from None
    params["sign"] = ctx.signer.sign(payload, account.sign_type)
    return params


def encode(account: AlipayAccount, call: Call[Any], ctx: Context) -> HttpRequest:
    """:raises ConfigError: no private_key, or no alipay_public_key to verify the answer with."""
    account.verifying_key()
    params = signed(account, call, ctx)
    query, body = parted(params)
    return HttpRequest(
        "POST",
        f"{account.gateway}?{form(query)}",
        HEADERS,
        form(body).encode("ascii"),
        ca=account.ca_pem if isinstance(account.ca_pem, bytes) else account.ca_pem.encode(),
    )


def parted(params: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What goes into the query, and what into the body."""
    query = {name: value for name, value in params.items() if name in IN_QUERY}
    return query, {name: value for name, value in params.items() if name not in IN_QUERY}


def form(params: Mapping[str, str]) -> str:
    return "&".join([f"{name}={value if _PLAIN(value) else quoted(value)}" for name, value in params.items()])


def quoted(value: str) -> str:
    """As ``urllib.parse.quote_plus``, which takes 10 us for a signature where this takes one."""
    # What base64, times, URLs and JSON are made of; the two that the others are written with come first.
    value = value.replace("%", "%25").replace("+", "%2B").replace("/", "%2F").replace("=", "%3D").replace(":", "%3A")
    value = value.replace('"', "%22").replace(",", "%2C").replace("{", "%7B").replace("}", "%7D").replace(" ", "+")
    return _REST.sub(_escaped, value)


def _escaped(rest: re.Match[str]) -> str:
    return "%" + rest[0].encode().hex("%").upper()


def decode(account: AlipayAccount, call: Call[Any], response: HttpResponse, ctx: Context) -> Mapping[str, Any]:
    """
    Verify the node over its raw characters, then read it.

    :raises SignatureError: no sign or a wrong one. Some refusals come unsigned: those are refusals still.
    """
    if response.status != 200:
        raise TransportError(f"alipay: a gateway answered HTTP {response.status} in the platform's place")
    answer = extract(response.body, call.endpoint)
    node = answer.node
    if answer.sign:
        _check(ctx, answer.span, answer.sign, account.sign_type)
    elif not isinstance(node, dict) or _succeeded(call, node):
        raise SignatureError("alipay: the answer is not signed; use nothing of it")
    if not isinstance(node, dict):
        raise MalformedAnswer("alipay: the answer's content is encrypted, which the account did not ask for")
    if answer.name != call.endpoint.replace(".", "_") + "_response" or not _succeeded(call, node):
        request_id = response.headers.get("trace_id", "")
        raise refused(call, node, verified=bool(answer.sign), request_id=request_id)
    return node


def _check(ctx: Context, span: str, sign: str, algorithm: str) -> None:
    try:
        ctx.signer.check(span.encode(), sign, algorithm)
    except SignatureError:
        # The platform's own SDKs know of nodes signed before the slashes were escaped.
        if "\\/" not in span:
            raise
        ctx.signer.check(span.replace("\\/", "/").encode(), sign, algorithm)


def _succeeded(call: Call[Any], node: Mapping[str, Any]) -> bool:
    if node.get("sub_code"):
        return False
    if call.endpoint == NO_CODE and "code" not in node:
        return "access_token" in node
    return node.get("code") == "10000"
