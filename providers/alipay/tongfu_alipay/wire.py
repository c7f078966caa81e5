"""
The gateway's requests and answers.

Common parameters travel in the query, where the gateway looks for charset; all else in the body.
Source: https://opendocs.alipay.com/common/02kf5q "自行实现签名"
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from tongfu.call import Call, Context, Credential, HttpRequest, HttpResponse
from tongfu.errors import InvalidParams, MalformedAnswer, SignatureError, TransportError

from . import certificate_mode, verify
from .account import AlipayAccount
from .answer import Answer, extract, opened
from .errors import refused

BEIJING: Final = timezone(timedelta(hours=8))
NO_CODE: Final = "alipay.system.oauth.token"  # it alone succeeds without a code
WAITING: Final = "10003"  # for the buyer: neither success nor failure, and only where a call expects it
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
    if account.certificate_mode:
        own = account.certificates()
        params |= {"app_cert_sn": own.app_cert_sn, "alipay_root_cert_sn": own.alipay_root_cert_sn}
    # What is empty is not there at all: so a call can be made as the app itself, without the account's app_auth_token.
    params = {name: value for name, value in {**params, **call.fields.get("common", {})}.items() if value}
    if "biz_content" in call.fields:
        params["biz_content"] = content(call.fields["biz_content"])
        if account.encrypt_key and not call.fields.get("plain"):
            params["biz_content"] = _encrypted(account, call, params["biz_content"])
            params["encrypt_type"] = "AES"
    try:
        payload = text(params)
    except UnicodeEncodeError:
        raise _unwritable(call) from None
    params["sign"] = ctx.signer.sign(payload, account.sign_type)
    return params


def _encrypted(account: AlipayAccount, call: Call[Any], plain: str) -> str:
    from . import aes  # noqa: PLC0415 - for who encrypts

    try:
        return aes.encrypt(account.encrypt_key, plain.encode())
    except UnicodeEncodeError:
        raise _unwritable(call) from None


def _unwritable(call: Call[Any]) -> InvalidParams:
    problem = {"extra": "expected text that UTF-8 can write, without lone surrogates"}
    return InvalidParams("alipay", call.operation, problem)


def encode(account: AlipayAccount, call: Call[Any], ctx: Context) -> HttpRequest:
    """:raises ConfigError: no private_key, or nothing to verify the answer with."""
    account.ready()
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
    if certificate_mode.is_bootstrap(call):
        return _bootstrap(account, call, answer, response, ctx)
    if answer.sign:
        _check(account, answer, ctx)
    return _read(account, call, answer, response)


def _bootstrap(
    account: AlipayAccount, call: Call[Any], answer: Answer, response: HttpResponse, ctx: Context
) -> Mapping[str, Any]:
    """The answer to a download of a certificate, which may be signed with just that one."""
    asked, number = call.fields["biz_content"][certificate_mode.NUMBER], answer.cert_sn
    if not answer.sign or not number:
        _read(account, call, answer, response)
        raise SignatureError("alipay: the gateway does not sign with a certificate; is the app in certificate mode?")
    known = number in account.certificates().platform
    if known:
        _check(account, answer, ctx)
    if asked != number or known:
        # A hint and no more where it is not known: the one that it names has to prove itself.
        return {certificate_mode.NUMBER: number}
    node = _read(account, call, answer, response)
    pem, leaf = certificate_mode.content(account, node, ctx)
    if leaf.sn != number:
        raise SignatureError("alipay: the certificate that was downloaded has another number than was asked for")
    held = Credential(certificate_mode.stored(pem))
    _check(account, answer, replace(ctx, credentials={certificate_mode.KIND: held}))
    return {certificate_mode.NUMBER: number, "pem": pem, "ends": leaf.x509.not_valid_after_utc}


def _read(account: AlipayAccount, call: Call[Any], answer: Answer, response: HttpResponse) -> Mapping[str, Any]:
    node = answer.node
    if isinstance(node, str) and account.encrypt_key:
        from . import aes  # noqa: PLC0415 - for who encrypts

        node = opened(aes.decrypt(account.encrypt_key, node))
    elif isinstance(node, str):
        raise MalformedAnswer("alipay: the answer is encrypted, and the account has no encrypt_key")
    if not isinstance(node, dict):
        raise MalformedAnswer("alipay: the answer's node is not an object")
    if not answer.sign and _succeeded(call, node):
        raise SignatureError("alipay: the answer is not signed; use nothing of it")
    if answer.name != call.endpoint.replace(".", "_") + "_response" or not _succeeded(call, node):
        request_id = response.headers.get("trace_id", "")
        raise refused(call, node, verified=bool(answer.sign), request_id=request_id)
    return node


def _check(account: AlipayAccount, answer: Answer, ctx: Context) -> None:
    texts = [answer.span.encode()]
    if "\\/" in answer.span:
        # The platform's own SDKs know of nodes signed before the slashes were escaped.
        texts.append(answer.span.replace("\\/", "/").encode())
    verify.check(account, texts, answer.sign, account.sign_type, ctx, answer.cert_sn)


def _succeeded(call: Call[Any], node: Mapping[str, Any]) -> bool:
    if node.get("sub_code"):
        return False
    if call.endpoint == NO_CODE and "code" not in node:
        return "access_token" in node
    return node.get("code") == "10000" or (bool(call.fields.get("waits")) and node.get("code") == WAITING)
