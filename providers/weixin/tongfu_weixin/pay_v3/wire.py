"""
APIv3 requests and answers.

A call's fields are those of ``call.build``.

Source: https://pay.weixin.qq.com/doc/v3/merchant/4012365342 "APIv3 基本规则"
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from tongfu.bills import Spool
from tongfu.call import ANSWER_LIMIT, BILL_LIMIT, Call, Context, HttpRequest, HttpResponse
from tongfu.errors import ConfigError, CredentialNeeded, InvalidParams, MalformedAnswer, SignatureError
from tongfu_weixin import strict_json
from tongfu_weixin.account import PAY_BACKUP_HOST, PAY_HOST, WeixinAccount
from tongfu_weixin.pay_v2.bill import as_text, inflated

from . import certificates, errors, keys, sensitive, sign, upload

_FOUR_BYTES: Final = re.compile("[\U00010000-\U0010ffff]")
_URL: Final = re.compile(r"https?://[!-~]+", re.ASCII)
_UNQUOTED: Final = re.compile(r"[\"#<>\\^`{}]")


def encode(account: WeixinAccount, call: Call[Any], ctx: Context) -> HttpRequest:
    """
    Write and sign one request. What is signed is what is sent, to the byte.

    In public-key mode the request names that key, so that the answer is signed with it.

    :raises ConfigError: the account lacks what the call needs.
    :raises InvalidParams: a value that cannot be sent.
    :raises CredentialNeeded: without a public key, no answer can be verified before the certificates are there.
    """
    account.need(call.operation, "mch_id", "private_key", "cert_serial")
    if account.sandbox:
        raise ConfigError("sandbox: APIv3 has none; nothing was sent")
    if not keys.folded(account.cert_serial):
        raise ConfigError("cert_serial: expected the serial of the merchant's certificate, hex")
    file = call.fields["file"]
    serial = _serial(account, call, ctx)
    body = _body(account, call, ctx)
    if file is not None:
        origin, target = _file_address(account, call)
    else:
        origin, target = account.base_url, _target(call)
    headers = {
        "accept": "application/json" if file is None else "*/*",
        "accept-encoding": "identity",
        "user-agent": _user_agent(),
        "authorization": sign.authorization(account, call.method, target, body, ctx),
    }
    if call.fields["upload"]:
        headers["content-type"], body = upload.form(ctx.nonce, body, call.fields["upload"])
    elif call.method != "GET":
        headers["content-type"] = "application/json; charset=utf-8"
    if serial:
        headers["wechatpay-serial"] = serial
    return HttpRequest(
        call.method,
        origin + target,
        headers,
        body,
        backup_url=PAY_BACKUP_HOST + target if origin == PAY_HOST else "",
        body_limit=ANSWER_LIMIT if file is None else BILL_LIMIT,
        ca=account.ca_pem if isinstance(account.ca_pem, bytes) else account.ca_pem.encode(),
        file=None if file is None else Spool,
    )


@cache
def _user_agent() -> str:
    """Requests without one may be refused."""
    return f"tongfu-weixin/{version('tongfu-weixin')}"


def _serial(account: WeixinAccount, call: Call[Any], ctx: Context) -> str:
    """The key to answer with, which is also the one that sensitive fields are encrypted with."""
    if keys.has_public_key(account):
        return account.public_key_id
    if certificates.is_bootstrap(call):
        return ""
    newest = certificates.newest(account, ctx)
    return newest.serial if call.fields["sensitive"] else ""


def _target(call: Call[Any]) -> str:
    query = call.fields["query"]
    if not query:
        return call.endpoint
    try:
        return f"{call.endpoint}?{urlencode(query, quote_via=quote, safe='')}"
    except (TypeError, ValueError) as exc:
        raise InvalidParams("weixin", call.operation, {"query": "expected text by name, in UTF-8"}) from exc


def _body(account: WeixinAccount, call: Call[Any], ctx: Context) -> bytes:
    document = call.fields["json"]
    if document is None:
        return b""
    document = sensitive.without_nulls(document)
    if call.fields["sensitive"]:
        in_public_key_mode = keys.has_public_key(account)
        key = keys.public_key(account) if in_public_key_mode else certificates.newest(account, ctx).key
        document = sensitive.encrypted(call.operation, document, call.fields["sensitive"], key)
    try:
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        body = text.encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise InvalidParams(
            "weixin", call.operation, {"json": f"expected what JSON and UTF-8 have ({type(exc).__name__})"}
        ) from exc
    if not text.isascii() and _FOUR_BYTES.search(text) is not None:
        wanted = "expected no emoji and no other 4-byte character"
        raise InvalidParams("weixin", call.operation, dict.fromkeys(_with_four_bytes(document, ""), wanted))
    return body


def _with_four_bytes(node: Any, place: str) -> Iterator[str]:
    """The dotted paths of texts that WeChat Pay does not take."""
    if isinstance(node, str):
        if _FOUR_BYTES.search(node) is not None:
            yield place
        return
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, member in members:
        inner = f"{place}.{name}" if place else str(name)
        yield from [inner] if _FOUR_BYTES.search(str(name)) is not None else _with_four_bytes(member, inner)


def _file_address(account: WeixinAccount, call: Call[Any]) -> tuple[str, str]:
    """
    The origin and the rest of a download_url, untouched.

    :raises MalformedAnswer: another host than WeChat Pay's: our signature is not for strangers.
    """
    url = call.endpoint
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    ours = urlsplit(account.base_url)
    if origin not in (PAY_HOST, PAY_BACKUP_HOST, f"{ours.scheme}://{ours.netloc}"):
        raise MalformedAnswer("weixin: the file to download is not on WeChat Pay's host")
    if _URL.fullmatch(url) is None or _UNQUOTED.search(url) is not None or url.endswith("?"):
        raise MalformedAnswer("weixin: the address of the file to download cannot be sent as it is")
    return origin, url[len(origin) :] or "/"


def decode(account: WeixinAccount, call: Call[Any], response: HttpResponse, ctx: Context) -> Mapping[str, Any]:
    """
    Read an answer: its signature over the raw bytes first. A 204 is ``{}``; a file is ``{"content": …}``, a Spool.

    :raises SignatureError: missing or wrong. Refusals may have none: ``verified`` tells.
    """
    if not 200 <= response.status < 300:
        return _refused(account, call, response, ctx)
    file = call.fields["file"]
    if file is not None:
        if response.status != 200:
            raise MalformedAnswer(f"weixin: the file came with HTTP {response.status}")
        return {"content": _checked(response.file or Spool.of(response.body), file)}
    if certificates.is_bootstrap(call):
        contained = certificates.contained(account, response.body)
        acting = certificates.knowing(account, contained)
        sign.authentic(account, response.headers, response.body, ctx, acting)
        return {"certificates": contained}
    sign.authentic(account, response.headers, response.body, ctx)
    if response.status == 202:
        raise errors.accepted(call, response)
    return strict_json.load(response.body) if response.body else {}


def _refused(account: WeixinAccount, call: Call[Any], response: HttpResponse, ctx: Context) -> Mapping[str, Any]:
    error = errors.refused(call, response, verified=_verified(account, response, ctx))
    if certificates.is_bootstrap(call) and errors.is_code(error, "RESOURCE_NOT_EXISTS"):
        return {"certificates": {}}
    raise error


def _verified(account: WeixinAccount, response: HttpResponse, ctx: Context) -> bool:
    """
    Whether a refusal is signed. One without a signature is believed as far as ``verified=False`` goes.

    :raises SignatureError: it has a signature, and a wrong one.
    """
    if not any(name in response.headers for name in sign.HEADERS):
        return False
    serial = response.headers.get("wechatpay-serial", "")
    if serial.startswith(keys.PUBLIC_KEY) and keys.platform_key(account, serial) is None:
        return False
    try:
        sign.authentic(account, response.headers, response.body, ctx)
    except CredentialNeeded:
        return False  # a refusal is not worth a fetch, and the refusal of a fetch must not lead to another
    except SignatureError:
        # A wrong key or clock of ours leads to a 401 and may break this too; it must not hide what is refused.
        if response.status == 401:
            return False
        raise
    return True


def _checked(body: Spool, file: Mapping[str, Any]) -> Spool:
    """
    The text of a bill. What was verified is the hash of it, decrypted and unzipped.

    :raises SignatureError: another hash, or another key.
    :raises MalformedAnswer: not gzip where gzip was asked for, or not UTF-8.
    """
    digest = hashlib.sha1(usedforsecurity=False)
    if "key" in file:
        body = sensitive.unsealed(body, file["key"], file["nonce"])

    def hashed() -> Iterator[bytes]:
        for chunk in inflated(body) if file["gzip"] else body.chunks():
            digest.update(chunk)
            yield chunk

    text = as_text(hashed())
    if file["hash_type"] != "SHA1" or digest.hexdigest() != str(file["hash"]).lower():
        raise SignatureError("weixin: the bill is not the one whose hash the platform signed; use nothing of it")
    return text
