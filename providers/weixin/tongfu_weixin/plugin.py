"""WeChat behind tongfu's hooks: a table of contents."""

from __future__ import annotations

from typing import Any

from tongfu import hookimpl

from .api import token
from .api import wire as api_wire
from .pay_v2 import bill, notify, order, query, refund, sandbox, sign, wire


@hookimpl
def tongfu_sign(account: Any, payload: bytes, algorithm: str) -> Any:
    return sign.signature(account, payload, algorithm)


@hookimpl
def tongfu_verify(account: Any, payload: bytes, signature: str, algorithm: str) -> Any:
    return sign.matches(account, payload, signature, algorithm)


@hookimpl
def tongfu_encode_request(account: Any, call: Any, ctx: Any) -> Any:
    return (api_wire if call.wire == api_wire.WIRE else wire).encode(account, call, ctx)


@hookimpl
def tongfu_decode_response(account: Any, call: Any, response: Any, ctx: Any) -> Any:
    return (api_wire if call.wire == api_wire.WIRE else wire).decode(account, call, response, ctx)


@hookimpl
def tongfu_get_order_info(account: Any, params: Any) -> Any:
    return order.get_order_info(account, params)


@hookimpl
def tongfu_order_query(account: Any, params: Any) -> Any:
    return query.order_query(account, params)


@hookimpl
def tongfu_close_order(account: Any, params: Any) -> Any:
    return query.close_order(account, params)


@hookimpl
def tongfu_refund(account: Any, params: Any) -> Any:
    return refund.refund(account, params)


@hookimpl
def tongfu_refund_query(account: Any, params: Any) -> Any:
    return refund.refund_query(account, params)


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
def tongfu_fetch_credential(account: Any, kind: str, ctx: Any) -> Any:
    return token.fetch(account, ctx) if kind == api_wire.TOKEN else sandbox.fetch(account, kind)


@hookimpl
def tongfu_account_schema() -> Any:
    from .schema import WeixinAccountSchema  # noqa: PLC0415 - marshmallow's fields are for from_config only

    return WeixinAccountSchema()
