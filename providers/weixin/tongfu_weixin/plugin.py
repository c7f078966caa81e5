"""WeChat behind tongfu's hooks: a table of contents."""

from __future__ import annotations

from typing import Any, Final

from tongfu import hookimpl

from . import pay_v3
from .api import token
from .api import wire as api_wire
from .pay_v2 import bill, notify, order, query, refund, sandbox, sign, wire
from .pay_v3 import certificates as v3_certificates
from .pay_v3 import notify as v3_notify
from .pay_v3 import sign as v3_sign
from .pay_v3 import wire as v3_wire
from .pay_v3.call import WIRE as V3

WIRES: Final = {"": wire, api_wire.WIRE: api_wire, V3: v3_wire}


@hookimpl
def tongfu_sign(account: Any, payload: bytes, algorithm: str) -> Any:
    return (v3_sign if algorithm == v3_sign.ALGORITHM else sign).signature(account, payload, algorithm)


@hookimpl
def tongfu_verify(account: Any, payload: bytes, signature: str, algorithm: str) -> Any:
    signs = v3_sign if algorithm.startswith(v3_sign.ALGORITHM) else sign
    return signs.matches(account, payload, signature, algorithm)


@hookimpl
def tongfu_encode_request(account: Any, call: Any, ctx: Any) -> Any:
    return WIRES[call.wire].encode(account, call, ctx)


@hookimpl
def tongfu_decode_response(account: Any, call: Any, response: Any, ctx: Any) -> Any:
    return WIRES[call.wire].decode(account, call, response, ctx)


@hookimpl
def tongfu_get_order_info(account: Any, params: Any, ctx: Any) -> Any:
    if pay_v3.chosen(account):
        return pay_v3.begin("get_order_info", account, params, ctx)
    return order.get_order_info(account, params)


@hookimpl
def tongfu_order_query(account: Any, params: Any, ctx: Any) -> Any:
    if pay_v3.chosen(account):
        return pay_v3.begin("order_query", account, params, ctx)
    return query.order_query(account, params)


@hookimpl
def tongfu_close_order(account: Any, params: Any, ctx: Any) -> Any:
    if pay_v3.chosen(account):
        return pay_v3.begin("close_order", account, params, ctx)
    return query.close_order(account, params)


@hookimpl
def tongfu_refund(account: Any, params: Any, ctx: Any) -> Any:
    if pay_v3.chosen(account):
        return pay_v3.begin("refund", account, params, ctx)
    return refund.refund(account, params)


@hookimpl
def tongfu_refund_query(account: Any, params: Any, ctx: Any) -> Any:
    if pay_v3.chosen(account):
        return pay_v3.begin("refund_query", account, params, ctx)
    return refund.refund_query(account, params)


@hookimpl
def tongfu_download_bill(account: Any, params: Any, ctx: Any) -> Any:
    if pay_v3.chosen(account):
        return pay_v3.begin("download_bill", account, params, ctx)
    return bill.download_bill(account, params)


@hookimpl
def tongfu_download_fundflow(account: Any, params: Any, ctx: Any) -> Any:
    if pay_v3.chosen(account):
        return pay_v3.begin("download_fundflow", account, params, ctx)
    return bill.download_fundflow(account, params)


@hookimpl
def tongfu_verify_payment_notify(account: Any, params: Any, ctx: Any) -> Any:
    return (v3_notify if pay_v3.chosen(account) else notify).payment(account, params, ctx)


@hookimpl
def tongfu_verify_refund_notify(account: Any, params: Any, ctx: Any) -> Any:
    return (v3_notify if pay_v3.chosen(account) else notify).refund(account, params, ctx)


@hookimpl
def tongfu_fetch_credential(account: Any, kind: str, ctx: Any) -> Any:
    if kind == v3_certificates.KIND:
        return v3_certificates.fetch(account)
    return token.fetch(account, ctx) if kind == api_wire.TOKEN else sandbox.fetch(account, kind)


@hookimpl
def tongfu_account_schema() -> Any:
    from .schema import WeixinAccountSchema  # noqa: PLC0415 - marshmallow's fields are for from_config only

    return WeixinAccountSchema()
