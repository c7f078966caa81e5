"""
Notifications: a signed form, for payments and for refunds alike at the payment's notify_url.

Source: https://opendocs.alipay.com/open/270/105902 "异步通知说明"
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import product
from typing import Final
from urllib.parse import unquote_to_bytes

from tongfu.call import Context, Notification
from tongfu.errors import MalformedAnswer, SignatureError, WrongNotice
from tongfu.model import trade_state
from tongfu.money import fen_from_yuan
from tongfu.notice import PaymentNotice, RefundNotice, Reply

from . import verify
from .account import AlipayAccount
from .certificate_mode import NOTICES
from .read import digits, fee, required, text
from .trade import STATES

REPLY: Final = Reply(200, {"content-type": "text/plain; charset=utf-8"}, b"success")
# gb18030 holds gbk, which is what Java and so Alipay means by gb2312 as well.
CHARSETS: Final = {"utf-8": "utf-8", "utf8": "utf-8", "gbk": "gb18030", "gb2312": "gb18030", "gb18030": "gb18030"}
MOST_FIELDS: Final = 200
UNSIGNED: Final = ("sign", "sign_type", "alipay_cert_sn")
STRENGTH: Final = {"RSA": 1, "RSA2": 2}
# Which names are left out, and whether empty values are signed: first what trade notifications do.
RULES: Final = tuple(product((UNSIGNED, UNSIGNED[:2], UNSIGNED[:1], UNSIGNED[::2]), (False, True)))
FIELDS: Final = (
    *("notify_time", "notify_type", "notify_id", "app_id", "auth_app_id", "charset", "version", "trade_no"),
    *("out_trade_no", "out_biz_no", "buyer_id", "buyer_open_id", "buyer_logon_id", "seller_id", "seller_email"),
    *("trade_status", "total_amount", "receipt_amount", "invoice_amount", "buyer_pay_amount", "point_amount"),
    *("refund_fee", "gmt_create", "gmt_payment", "gmt_refund", "gmt_close", "fund_bill_list", "passback_params"),
    *("voucher_detail_list", "out_request_no", "refund_status", "refund_amount", "send_back_fee", "alipay_cert_sn"),
    "sign_type",
)
# Beside them, in messages: to the app's gateway, of agreements, and of money that is frozen.
MESSAGE_FIELDS: Final = (
    *("biz_content", "msg_method", "method", "service", "status", "utc_timestamp", "alipay_user_id", "alipay_open_id"),
    *("agreement_no", "external_agreement_no", "external_logon_id", "personal_product_code", "partner_id"),
    *("sign_scene", "sign_time", "valid_time", "invalid_time", "unsign_time", "auth_no", "out_order_no"),
    *("operation_id", "operation_type", "amount", "rest_amount", "credit_amount", "fund_amount", "gmt_trans"),
    *("total_freeze_amount", "total_unfreeze_amount", "total_pay_amount", "payer_user_id", "payee_user_id"),
)
_NAMES: Final = re.compile(r"[0-9A-Za-z_.\-]+")
_FIELD_INSIDE: Final = re.compile(rf"&(?:{'|'.join(FIELDS)})=")
_MESSAGE_FIELD_INSIDE: Final = re.compile(rf"&(?:{'|'.join((*FIELDS, *MESSAGE_FIELDS))})=")


def payment(account: AlipayAccount, notify: Notification, ctx: Context) -> PaymentNotice:
    """``paid`` is True for a trade's TRADE_SUCCESS or TRADE_FINISHED that announces no refund."""
    fields = verified(account, notify, ctx)
    state = trade_state(fields.get("trade_status", ""), STATES)
    refunds = is_refund(fields)
    return PaymentNotice(
        paid=state in ("SUCCESS", "FINISHED") and not refunds,
        is_refund=refunds,
        out_trade_no=required(fields, "out_trade_no"),
        reply=REPLY,
        trade_state=state,
        transaction_id=required(fields, "trade_no"),
        total_fee=fen_from_yuan(required(fields, "total_amount")),
        cash_fee=fee(fields, "buyer_pay_amount"),
        time_end=digits(text(fields, "gmt_payment")),
        openid=text(fields, "buyer_id") or text(fields, "buyer_open_id"),
        app_id=account.app_id,
        mch_id=text(fields, "seller_id"),
        attach=text(fields, "passback_params"),
        notify_id=text(fields, "notify_id"),
        repeated=account.heard(text(fields, "notify_id")),
        raw=fields,
    )


def refund(account: AlipayAccount, notify: Notification, ctx: Context) -> RefundNotice:
    """:raises WrongNotice: it announces no refund."""
    fields = verified(account, notify, ctx)
    if not is_refund(fields):
        raise WrongNotice("alipay: the notification announces no refund; read it with verify_payment_notify")
    status = fields.get("refund_status", "")
    return RefundNotice(
        refunded=status in ("", "REFUND_SUCCESS"),
        out_trade_no=required(fields, "out_trade_no"),
        reply=REPLY,
        transaction_id=required(fields, "trade_no"),
        out_refund_no=text(fields, "out_biz_no") or text(fields, "out_request_no"),
        total_fee=fen_from_yuan(required(fields, "total_amount")),
        refund_fee=fee(fields, "refund_fee"),
        refund_fee_is_total=True,
        refund_status="SUCCESS" if status in ("", "REFUND_SUCCESS") else status.removeprefix("REFUND_"),
        success_time=(text(fields, "gmt_refund") or "").partition(".")[0] or None,
        app_id=account.app_id,
        mch_id=text(fields, "seller_id"),
        notify_id=text(fields, "notify_id"),
        repeated=account.heard(text(fields, "notify_id")),
        raw=fields,
    )


def is_refund(fields: Mapping[str, str]) -> bool:
    """``refund_fee=0.00`` can stand on a plain payment's notification."""
    return bool(fields.get("gmt_refund")) or bool(fee(fields, "refund_fee"))


def verified(account: AlipayAccount, notify: Notification, ctx: Context, *, message: bool = False) -> dict[str, str]:
    """
    The form, if Alipay signed it for this app. A *message* is one that tells of no trade.

    :raises SignatureError: sign missing or wrong, weaker than the account's sign_type, another app's or
        seller's, or a signature that fits more than one reading of the form.
    """
    fields, charset = parse(notify.body)
    authentic(account, fields, charset, ctx, message=message)
    return fields


def authentic(
    account: AlipayAccount, fields: Mapping[str, str], charset: str, ctx: Context, *, message: bool = False
) -> None:
    """
    Go on only if Alipay signed *fields*, in this *charset*, for this app.

    :raises SignatureError: as for ``verified``.
    """
    algorithm = fields.get("sign_type") or account.sign_type
    if STRENGTH.get(algorithm, 0) < STRENGTH[account.sign_type]:
        raise SignatureError("alipay: the notification names a weaker sign_type than the account's, or an unknown one")
    texts = (text.encode(charset) for text in _texts(fields, message=message))
    number = fields.get("alipay_cert_sn", "")
    verify.check(account, texts, fields.get("sign", ""), algorithm, ctx, number, kind=NOTICES)
    if fields.get("app_id") != account.app_id:
        raise SignatureError("alipay: the notification's app_id is missing or another app's; use nothing of it")
    if not message and account.seller_id and fields.get("seller_id") != account.seller_id:
        raise SignatureError("alipay: the notification's seller_id is missing or another's; use nothing of it")
    # What is signed, name=value&name=value, does not tell where a value ends: a subject that holds
    # "&total_amount=" could be cut there by whoever sees the form, and the real amount hidden in a value.
    # Of a message biz_content may hold that, as in a URL: cut short or made longer it is JSON no more.
    inside, whole = (_MESSAGE_FIELD_INSIDE, "biz_content") if message else (_FIELD_INSIDE, "")
    if any(inside.search(value) for name, value in fields.items() if "&" in value and name != whole):
        raise SignatureError(
            "alipay: a value of the notification reads as more than one field; its signature cannot tell, so query"
        )


def _texts(fields: Mapping[str, str], *, message: bool = False) -> Iterator[str]:
    """
    What may have been signed: trade notifications leave sign_type out, app messages keep it; most
    leave empty values out, some SDKs' documentation keeps them; the certificate's number is left out, or, as some
    report, is not. Eight texts at most, one signature.
    """
    names = sorted(fields)
    seen = set()
    if not message:
        # As nearly all have it: its own line takes half the time of the general one below.
        first = "&".join([f"{name}={value}" for name in names if (value := fields[name]) and name not in UNSIGNED])
        seen.add(first)
        yield first
    for left_out, with_empty in RULES[::-1] if message else RULES:
        text = "&".join(
            [f"{name}={fields[name]}" for name in names if name not in left_out and (fields[name] or with_empty)]
        )
        if text not in seen:
            seen.add(text)
            yield text


def parse(body: bytes) -> tuple[dict[str, str], str]:
    """
    Decode the form once, in the charset that it names; the answer tells that charset too.

    One that names none is UTF-8, or else Chinese, as old requests' notifications are.

    :raises MalformedAnswer: not a form, a field twice, another charset, too many fields.
    """
    # Latin-1 is one character a byte: a value with neither an escape nor a byte beyond ASCII is read already.
    parts = body.decode("latin-1").replace("+", " ").split("&")
    if len(parts) > MOST_FIELDS:
        raise MalformedAnswer(f"alipay: the notification has more than {MOST_FIELDS} fields")
    try:
        pairs = dict([part.split("=", 1) for part in parts])
    except ValueError:
        raise MalformedAnswer("alipay: the notification is not a form") from None
    if "%" in "".join(pairs):
        pairs = {_decoded(name, "latin-1"): value for name, value in pairs.items()}
    if "" in pairs or _NAMES.fullmatch("".join(pairs)) is None:
        raise MalformedAnswer("alipay: the notification is not a form")
    if len(pairs) != len(parts):
        raise MalformedAnswer("alipay: the notification has a field twice")
    named = _decoded(pairs.get("charset", ""), "latin-1").lower()
    charsets = [CHARSETS[named]] if named in CHARSETS else [] if named else ["utf-8", "gb18030"]
    unread = [name for name, value in pairs.items() if "%" in value] if body.isascii() else list(pairs)
    for charset in charsets:
        with suppress(UnicodeDecodeError):
            return pairs | {name: _decoded(pairs[name], charset) for name in unread}, charset
    if not charsets:
        raise MalformedAnswer("alipay: the notification names a charset that is neither UTF-8 nor GBK")
    raise MalformedAnswer("alipay: the notification is not in the charset that it names")


def _decoded(value: str, charset: str) -> str:
    # What times, URLs and base64 are written with: read one by one, the escapes of a signature take 4 us.
    value = value.replace("%3A", ":").replace("%2F", "/").replace("%2B", "+").replace("%3D", "=")
    if "%" not in value and value.isascii():
        return value
    return unquote_to_bytes(value.encode("latin-1")).decode(charset)
