"""
APIv2 requests and answers.

Source: https://pay.weixin.qq.com/doc/v2/merchant/4011986592 "协议规则"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from tongfu.bills import Spool
from tongfu.call import ANSWER_LIMIT, BILL_LIMIT, Call, Context, HttpRequest, HttpResponse
from tongfu.errors import CredentialRejected, MalformedAnswer, SignatureError, TransportError
from tongfu_weixin.account import PAY_BACKUP_HOST, PAY_HOST, WeixinAccount
from tongfu_weixin.certificate import client_certificate

from . import sandbox, sign, xml
from .bill import as_text, inflated, is_bill
from .errors import refused, unsigned

HEADERS: Final = {"content-type": "text/xml; charset=utf-8", "accept-encoding": "identity"}
BILLS: Final = frozenset({"/pay/downloadbill", "/pay/downloadfundflow"})


def encode(account: WeixinAccount, call: Call[Any], ctx: Context) -> HttpRequest:
    """
    Sign and write one request. ``sign_type`` always goes along: without it WeChat Pay assumes MD5.

    :raises ConfigError: the account lacks what the call needs.
    :raises InvalidParams: a value that cannot be sent.
    """
    account.need(call.operation, "mch_id", "key")
    key_request = call.endpoint == sandbox.KEY_PATH
    algorithm = "MD5" if key_request else call.fields.get("sign_type") or account.sign_type
    fields = {"mch_id": account.mch_id, "nonce_str": ctx.nonce, "sign_type": algorithm}
    if key_request:
        del fields["sign_type"]
    else:
        fields["appid"] = account.app_id
        if account.sub_app_id:
            fields["sub_appid"] = account.sub_app_id
        if account.sub_mch_id:
            fields["sub_mch_id"] = account.sub_mch_id
    fields.update(call.fields)
    xml.refuse_unsendable(call.operation, fields)
    signer = ctx.signer
    path = call.endpoint
    if account.sandbox and not key_request:
        path = sandbox.path(path)
        signer = signer.acting_as(replace(account, key=ctx.credentials[sandbox.KIND].value))
    fields["sign"] = signer.sign(sign.text(fields), algorithm)
    certificate = None
    if call.needs_client_cert:
        account.need(call.operation, "pfx")
        certificate = client_certificate(account.pfx or b"", account.mch_id)
    return HttpRequest(
        call.method,
        account.base_url + path,
        HEADERS,
        xml.build(fields),
        certificate,
        backup_url=PAY_BACKUP_HOST + path if account.base_url == PAY_HOST else "",
        body_limit=BILL_LIMIT if call.endpoint in BILLS else ANSWER_LIMIT,
        ca=account.ca_pem if isinstance(account.ca_pem, bytes) else account.ca_pem.encode(),
        file=Spool if call.endpoint in BILLS else None,
    )


def decode(account: WeixinAccount, call: Call[Any], response: HttpResponse, ctx: Context) -> Mapping[str, Any]:
    """
    Read an answer: transport, XML, return_code, sign, appid and mch_id, result_code, in this order.

    Fees in the result are text, in fen.

    :raises SignatureError: sign missing or wrong, or another merchant's. A refused request's answer has none.
    """
    if response.status != 200:
        raise _not_ok(response)
    body = response.body
    if call.endpoint in BILLS:
        text = as_text(inflated(response.file or Spool.of(body)))
        if is_bill(text):
            return {"content": text}
        body = b"".join(text.chunks())
    fields = xml.parse(body)
    said = fields.get("return_code")
    if said == "FAIL":
        raise unsigned(call, fields)
    if said != "SUCCESS":
        raise MalformedAnswer("weixin: the answer's return_code is neither SUCCESS nor FAIL")
    if call.endpoint == sandbox.KEY_PATH:
        return fields  # documented as unsigned; it is worth nothing beyond the sandbox
    if call.endpoint in BILLS and fields.get("result_code") != "SUCCESS" and "sign" not in fields:
        raise refused(call, _code(fields), _message(fields), fields, verified=False)
    signer = ctx.signer
    if account.sandbox:
        signer = signer.acting_as(replace(account, key=ctx.credentials[sandbox.KIND].value))
    signer.check(sign.text(fields), fields.get("sign", ""), sign.algorithm_of(fields))
    ours(account, fields)
    if fields.get("result_code") != "SUCCESS":
        raise refused(call, _code(fields), _message(fields), fields, verified=True)
    return fields


def ours(account: WeixinAccount, fields: Mapping[str, str]) -> None:
    """
    Go on only if the message is for this account.

    One key signs for all sub-merchants of a service provider: only their ids tell them apart. WeChat's
    own samples name an ordinary merchant as its own sub-merchant.

    :raises SignatureError: another app, merchant or sub-merchant.
    """
    sub_mch_ids = (account.sub_mch_id,) if account.sub_mch_id else (None, "", account.mch_id)
    sub_appids = (None, "", account.sub_app_id) if account.sub_app_id else None
    for name, allowed in (
        ("appid", (account.app_id,)),
        ("mch_id", (account.mch_id,)),
        ("sub_mch_id", sub_mch_ids),
        ("sub_appid", sub_appids),
    ):
        if allowed is not None and fields.get(name) not in allowed:
            raise SignatureError(f"weixin: the message's {name} is missing or another account's; use nothing of it")


def _code(fields: Mapping[str, str]) -> str:
    return fields.get("err_code") or fields.get("error_code") or "FAIL"


def _message(fields: Mapping[str, str]) -> str:
    return fields.get("err_code_des") or fields.get("return_msg") or ""


def _not_ok(response: HttpResponse) -> Exception:
    if response.status == 400 and b"SSL certificate" in response.body:
        return CredentialRejected(
            "weixin",
            "NO_CLIENT_CERTIFICATE",
            message="the platform saw no client certificate, or one it does not know",
            http_status=400,
            verified=False,
            advice="Check pfx of the account",
        )
    return TransportError(f"weixin: a gateway answered HTTP {response.status} in the platform's place")
