"""
Notifications: signed ones about payments, encrypted ones about refunds.

Source: https://pay.weixin.qq.com/wiki/doc/api/jsapi.php?chapter=9_7 and 9_16
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

from tongfu.call import Call, Context, Notification
from tongfu.errors import MalformedAnswer, SignatureError, WrongNotice
from tongfu.notice import PaymentNotice, RefundNotice, Reply
from tongfu_weixin.account import WeixinAccount

from . import sandbox, sign, xml
from .read import amount, buyer, fee, required, text
from .wire import ours

R = TypeVar("R")

REPLY: Final = Reply(
    200,
    {"content-type": "text/xml; charset=utf-8"},
    b"<xml><return_code><![CDATA[SUCCESS]]></return_code><return_msg><![CDATA[OK]]></return_msg></xml>",
)


Read = Callable[[WeixinAccount, Context], R]


def payment(account: WeixinAccount, notify: Notification, ctx: Context) -> PaymentNotice | Call[PaymentNotice]:
    """
    Verify, compare the ids, read. ``paid`` is True for result_code SUCCESS only.

    :raises WrongNotice: it is about a refund.
    """
    account.need("verify_payment_notify", "mch_id", "key")
    fields = xml.parse(notify.body)
    if "req_info" in fields:
        raise WrongNotice("weixin: the notification is about a refund; read it with verify_refund_notify")
    if fields.get("return_code") == "FAIL" and not fields.get("sign"):
        raise MalformedAnswer("weixin: the notification says FAIL and is not signed; nothing follows from it")
    return _keyed(account, "verify_payment_notify", ctx, lambda keyed, then: _payment(keyed, fields, then))


def _payment(account: WeixinAccount, fields: Mapping[str, str], ctx: Context) -> PaymentNotice:
    signer = ctx.signer.acting_as(account) if account.sandbox else ctx.signer
    signer.check(sign.text(fields), fields.get("sign", ""), sign.algorithm_of(fields))
    ours(account, fields)
    paid = fields.get("return_code") == "SUCCESS" and fields.get("result_code") == "SUCCESS"
    return PaymentNotice(
        paid=paid,
        out_trade_no=required(fields, "out_trade_no"),
        reply=REPLY,
        trade_state="SUCCESS" if paid else "PAYERROR",
        transaction_id=required(fields, "transaction_id") if paid else text(fields, "transaction_id"),
        total_fee=amount(fields, "total_fee") if paid else fee(fields, "total_fee"),
        cash_fee=fee(fields, "cash_fee"),
        fee_type=text(fields, "fee_type") or "CNY",
        time_end=text(fields, "time_end"),
        openid=buyer(account, fields),
        app_id=account.app_id,
        mch_id=account.mch_id,
        attach=text(fields, "attach"),
        raw=fields,
    )


def refund(account: WeixinAccount, notify: Notification, ctx: Context) -> RefundNotice | Call[RefundNotice]:
    """
    Compare the ids, decrypt, read. It bears no signature: that its content decrypts is the proof.

    :raises SignatureError: the content was not encrypted under this account's key.
    :raises WrongNotice: it is about a payment.
    """
    account.need("verify_refund_notify", "mch_id", "key")
    fields = xml.parse(notify.body)
    if "req_info" not in fields and "sign" in fields:
        raise WrongNotice("weixin: the notification is about a payment; read it with verify_payment_notify")
    if fields.get("return_code") != "SUCCESS":
        raise MalformedAnswer("weixin: the notification does not say SUCCESS; nothing follows from it")
    ours(account, fields)
    return _keyed(account, "verify_refund_notify", ctx, lambda keyed, _: _refund(keyed, fields))


def _keyed(account: WeixinAccount, operation: str, ctx: Context, read: Read[R]) -> R | Call[R]:
    """
    Read under the key of the account. The sandbox signs with its own, which has to be asked for: one
    request for each notification, since only a request can name a kept credential.
    """
    if not account.sandbox:
        return read(account, ctx)

    def finish(answer: Mapping[str, Any], then: Context) -> R:
        return read(replace(account, key=required(answer, "sandbox_signkey")), then)

    return Call(operation, sandbox.KEY_PATH, {}, finish, read_only=True)


def _refund(account: WeixinAccount, fields: Mapping[str, str]) -> RefundNotice:
    told = _opened(account.key, fields.get("req_info", ""))
    status = required(told, "refund_status")
    return RefundNotice(
        refunded=status == "SUCCESS",
        out_trade_no=required(told, "out_trade_no"),
        reply=REPLY,
        transaction_id=text(told, "transaction_id"),
        out_refund_no=required(told, "out_refund_no"),
        refund_id=text(told, "refund_id"),
        total_fee=fee(told, "total_fee"),
        refund_fee=amount(told, "refund_fee"),
        settlement_total_fee=fee(told, "settlement_total_fee"),
        settlement_refund_fee=fee(told, "settlement_refund_fee"),
        refund_status=status,
        refund_account=text(told, "refund_account"),
        refund_recv_accout=text(told, "refund_recv_accout"),
        success_time=text(told, "success_time"),
        app_id=account.app_id,
        mch_id=account.mch_id,
        raw={**fields, **told},
    )


def _opened(key: str, req_info: str) -> dict[str, str]:
    """Decrypt ``req_info``: AES-256-ECB under the 32 characters of the key's MD5, leading zeros and all."""
    try:
        sealed = base64.b64decode("".join(req_info.split()), validate=True)
    except (binascii.Error, ValueError) as exc:
        raise MalformedAnswer("weixin: req_info is not base64") from exc
    if not sealed or len(sealed) % 16:
        raise MalformedAnswer("weixin: req_info is not whole AES blocks")
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415 - for refunds only

    digest = hashlib.md5(key.encode(), usedforsecurity=False).hexdigest().encode()
    decryptor = Cipher(algorithms.AES(digest), modes.ECB()).decryptor()  # noqa: S305 - the platform's choice
    plain = decryptor.update(sealed) + decryptor.finalize()
    pad = plain[-1]
    # One error for all: which check failed is nobody's business who does not hold the key.
    problem = SignatureError("weixin: req_info was not encrypted with this account's key; use nothing of it")
    if not 1 <= pad <= 16 or plain[-pad:] != bytes([pad]) * pad:
        raise problem
    try:
        return xml.parse(plain[:-pad], root="root")
    except MalformedAnswer:
        raise problem from None
