"""Alipay behind tongfu's hooks: a table of contents."""

from __future__ import annotations

from typing import Any

from tongfu import hookimpl

from . import bill, certificate_mode, keys, notify, order, refund, rest, trade, verify, wire


def _wire(account: Any, call: Any) -> Any:
    return bill if call.wire == bill.WIRE else rest if rest.serves(account, call) else wire


@hookimpl
def tongfu_sign(account: Any, payload: bytes, algorithm: str) -> Any:
    return keys.sign(account.signing_key(), payload, algorithm)


@hookimpl
def tongfu_verify(account: Any, payload: bytes, signature: str, algorithm: str) -> Any:
    return verify.matches(account, payload, signature, algorithm)


@hookimpl
def tongfu_fetch_credential(account: Any, kind: str) -> Any:
    return certificate_mode.fetch(account) if kind in certificate_mode.KINDS else None


@hookimpl
def tongfu_encode_request(account: Any, call: Any, ctx: Any) -> Any:
    return _wire(account, call).encode(account, call, ctx)


@hookimpl
def tongfu_decode_response(account: Any, call: Any, response: Any, ctx: Any) -> Any:
    return _wire(account, call).decode(account, call, response, ctx)


@hookimpl
def tongfu_get_order_info(account: Any, params: Any, ctx: Any) -> Any:
    return order.get_order_info(account, params, ctx)


@hookimpl
def tongfu_order_query(params: Any) -> Any:
    return trade.order_query(params)


@hookimpl
def tongfu_close_order(params: Any) -> Any:
    return trade.close_order(params)


@hookimpl
def tongfu_cancel_order(params: Any) -> Any:
    return trade.cancel_order(params)


@hookimpl
def tongfu_refund(params: Any) -> Any:
    return refund.refund(params)


@hookimpl
def tongfu_refund_query(params: Any) -> Any:
    return refund.refund_query(params)


@hookimpl
def tongfu_download_bill(account: Any, params: Any) -> Any:
    return bill.download_bill(account, params)


@hookimpl
def tongfu_download_fundflow(account: Any, params: Any) -> Any:
    return bill.download_fundflow(account, params)


@hookimpl
def tongfu_verify_payment_notify(account: Any, params: Any, ctx: Any) -> Any:
    return notify.payment(account, params, ctx)


@hookimpl
def tongfu_verify_refund_notify(account: Any, params: Any, ctx: Any) -> Any:
    return notify.refund(account, params, ctx)


@hookimpl
def tongfu_account_schema() -> Any:
    from .schema import AlipayAccountSchema  # noqa: PLC0415 - marshmallow's fields are for from_config only

    return AlipayAccountSchema()
