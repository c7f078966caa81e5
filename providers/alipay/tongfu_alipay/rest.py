"""
The REST protocol ("v3"): the same methods and results over another wire.

What opens on the buyer's side has no form there, nor is it documented how "waiting for the buyer" would be told; these
go to the gateway as ever.

Source: https://opendocs.alipay.com/open-v3/054q58 (requests), /open-v3/054d0z (answers)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from tongfu.call import Call, Context, HttpRequest, HttpResponse
from tongfu.errors import ConfigError, InvalidParams, MalformedAnswer, SignatureError, TransportError

from . import certificate_mode, verify
from .account import AlipayAccount
from .answer import opened
from .errors import refused
from .wire import content

SCHEME: Final = "ALIPAY-SHA256withRSA"
ALGORITHM: Final = "RSA2"
AT_THE_GATEWAY: Final = frozenset(
    {
        *("alipay.trade.pay", "alipay.fund.auth.order.freeze", "alipay.user.agreement.page.sign"),
        *("alipay.trade.app.pay", "alipay.trade.page.pay", "alipay.trade.wap.pay", "alipay.fund.auth.order.app.freeze"),
        certificate_mode.METHOD,
    }
)
GETS: Final = frozenset({"alipay.data.dataservice.bill.downloadurl.query", "alipay.fund.trans.common.query"})
IN_QUERY: Final = frozenset({"auth_token"})
# The gateway's code for what this wire tells by its status; of 400 the code itself tells who refuses.
CODES: Final = {401: "20001", 403: "40006", 429: "40005"}


def serves(account: AlipayAccount, call: Call[Any]) -> bool:
    return account.protocol == "v3" and call.endpoint not in AT_THE_GATEWAY


def encode(account: AlipayAccount, call: Call[Any], ctx: Context) -> HttpRequest:
    """
    Write and sign one request. What is signed is what is sent, to the byte.

    :raises ConfigError: the account has no private_key, nothing to verify the answer with, or signs with SHA-1.
    """
    account.ready()
    if account.sign_type != ALGORITHM:
        raise ConfigError("protocol: v3 signs with RSA2 only")
    common = dict(call.fields.get("common", {}))
    token = common.pop("app_auth_token", account.app_auth_token)
    fields = {name: value for name, value in common.items() if value} | call.fields.get("biz_content", {})
    query = {name: fields.pop(name) for name in IN_QUERY & fields.keys()}
    method = "GET" if call.endpoint in GETS else "POST"
    headers = {"accept-encoding": "identity", "alipay-request-id": ctx.nonce}
    body = b""
    try:
        if method == "GET":
            query |= fields
        else:
            body = _body(account, call, fields, headers)
        target = f"{urlsplit(account.gateway).path.removesuffix('/gateway.do')}/v3/{call.endpoint.replace('.', '/')}"
        if query:
            target += f"?{urlencode(query, quote_via=quote, safe='')}"
        token.encode()
    except (UnicodeEncodeError, TypeError):
        problem = {"extra": "expected text that UTF-8 can write, without lone surrogates"}
        raise InvalidParams("alipay", call.operation, problem) from None
    certificate = ""
    if account.certificate_mode:
        own = account.certificates()
        certificate = f",app_cert_sn={own.app_cert_sn}"
        headers["alipay-root-cert-sn"] = own.alipay_root_cert_sn
    auth = f"app_id={account.app_id}{certificate},nonce={ctx.nonce},timestamp={int(ctx.now.timestamp() * 1000)}"
    text = f"{auth}\n{method}\n{target}\n".encode() + body + b"\n"
    if token:
        headers["alipay-app-auth-token"] = token
        text += f"{token}\n".encode()
    headers["authorization"] = f"{SCHEME} {auth},sign={ctx.signer.sign(text, ALGORITHM)}"
    parts = urlsplit(account.gateway)
    ca = account.ca_pem if isinstance(account.ca_pem, bytes) else account.ca_pem.encode()
    return HttpRequest(method, f"{parts.scheme}://{parts.netloc}{target}", headers, body, ca=ca)


def _body(account: AlipayAccount, call: Call[Any], fields: Mapping[str, Any], headers: dict[str, str]) -> bytes:
    plain = content(fields).encode()
    # As at the gateway, what has no biz_content there is not encrypted.
    if not account.encrypt_key or call.fields.get("plain") or "biz_content" not in call.fields:
        headers["content-type"] = "application/json"
        return plain
    from . import aes  # noqa: PLC0415 - for who encrypts

    headers |= {"content-type": "text/plain", "alipay-encrypt-type": "AES"}
    return aes.encrypt(account.encrypt_key, plain).encode()


def decode(account: AlipayAccount, call: Call[Any], response: HttpResponse, ctx: Context) -> Mapping[str, Any]:
    """
    Verify the body as it came, then read it.

    :raises SignatureError: no signature or a wrong one. Some refusals come unsigned: those are refusals still.
    """
    signature = response.headers.get("alipay-signature", "")
    signed = signature not in ("", "null")
    if signed:
        stamp, nonce = (response.headers.get(f"alipay-{name}", "") for name in ("timestamp", "nonce"))
        text = f"{stamp}\n{nonce}\n".encode() + response.body + b"\n"
        verify.check(account, [text], signature, ALGORITHM, ctx, response.headers.get("alipay-sn", ""))
    if response.status == 200:
        if not signed:
            raise SignatureError("alipay: the answer is not signed; use nothing of it")
        return _object(account, response.body)
    try:
        node = _object(account, response.body)
    except MalformedAnswer:
        node = {}
    sub_code = node.get("code")
    if not isinstance(sub_code, str) or not sub_code or not 400 <= response.status < 600:
        raise TransportError(f"alipay: a gateway answered HTTP {response.status} in the platform's place")
    code = CODES.get(response.status) or ("20000" if response.status >= 500 else _who_refuses(sub_code))
    told = {"code": code, "sub_code": sub_code, "sub_msg": str(node.get("message") or "")}
    error = refused(
        call,
        told,
        verified=signed,
        request_id=response.headers.get("alipay-trace-id", ""),
        http_status=response.status,
    )
    error.raw = dict(node)
    raise error


def _who_refuses(sub_code: str) -> str:
    """The interface itself, whose words are small (invalid-signature), or the business behind it (ACQ.…)."""
    return "40002" if sub_code.islower() else "40004"


def _object(account: AlipayAccount, body: bytes) -> dict[str, Any]:
    if account.encrypt_key and not body.lstrip().startswith(b"{"):
        from . import aes  # noqa: PLC0415 - for who encrypts

        body = aes.decrypt(account.encrypt_key, body.decode("ascii", "replace"))
    found = opened(body)
    if not isinstance(found, dict):
        raise MalformedAnswer("alipay: the answer is not a JSON object")
    return found
