"""The hooks of Example Pay."""

from __future__ import annotations

import hmac
import json
from typing import Any

from marshmallow import fields

from tongfu import Call, Context, HttpRequest, HttpResponse, MalformedAnswer, Notification, PlatformRefused, hookimpl
from tongfu.fields import AccountSchema, Fee, ParamsSchema, Text
from tongfu.model import Order, Refund, trade_state
from tongfu.notice import PaymentNotice, Reply
from tongfu.params import OrderKey, RefundParams

from . import ExampleAccount

HOST = "https://api.examplepay.example"
STATES = {"PAID": "SUCCESS", "WAITING": "NOTPAY", "CLOSED": "CLOSED"}


class QuerySchema(ParamsSchema):
    out_trade_no = Text(32, required=True)


class RefundSchema(QuerySchema):
    out_refund_no = Text(32, required=True)
    refund_fee = Fee(required=True)


class SettingsSchema(AccountSchema):
    account = ExampleAccount
    shop_id = fields.Str(required=True)
    key = fields.Str(required=True)
    timeout = fields.Float()


QUERY, REFUND = QuerySchema(), RefundSchema()


@hookimpl
def tongfu_account_schema() -> AccountSchema:
    return SettingsSchema()


@hookimpl
def tongfu_sign(account: ExampleAccount, payload: bytes) -> str:
    return hmac.new(account.key.encode(), payload, "sha256").hexdigest()


@hookimpl
def tongfu_verify(account: ExampleAccount, payload: bytes, signature: str) -> bool:
    return hmac.compare_digest(tongfu_sign(account, payload).encode(), signature.encode("utf-8", "replace"))


@hookimpl
def tongfu_encode_request(account: ExampleAccount, call: Call[Any], ctx: Context) -> HttpRequest:
    body = json.dumps({**call.fields, "shop_id": account.shop_id, "nonce": ctx.nonce}).encode()
    return HttpRequest(call.method, HOST + call.endpoint, {"X-Sign": ctx.signer.sign(body, "HMAC-SHA256")}, body)


@hookimpl
def tongfu_decode_response(account: ExampleAccount, response: HttpResponse, ctx: Context) -> dict[str, Any]:
    answer = _verified(account, response, ctx)
    if answer.get("code") != "OK":
        raise PlatformRefused(account.platform, str(answer.get("code")), http_status=response.status, raw=answer)
    return answer


def _verified(account: ExampleAccount, message: HttpResponse | Notification, ctx: Context) -> dict[str, Any]:
    ctx.signer.check(message.body, message.headers.get("x-sign", ""), "HMAC-SHA256")
    answer = json.loads(message.body)
    if not isinstance(answer, dict) or answer.get("shop_id") != account.shop_id:
        raise MalformedAnswer("examplepay: not a message to this shop")
    return answer


@hookimpl
def tongfu_order_query(params: OrderKey) -> Call[Order]:
    QUERY.check("examplepay", "order_query", params)
    wire = {"out_trade_no": params.out_trade_no}
    return Call("order_query", "/orders/query", wire, lambda answer, ctx: Order(**_told(answer)), read_only=True)


def _told(wire: Any) -> dict[str, Any]:
    state = trade_state(wire["state"], STATES)
    return {"trade_state": state, "out_trade_no": wire["out_trade_no"], "total_fee": wire["total_fee"], "raw": wire}


@hookimpl
def tongfu_refund(params: RefundParams) -> Call[Refund]:
    REFUND.check("examplepay", "refund", params)
    wire = {name: getattr(params, name) for name in ("out_trade_no", "out_refund_no", "refund_fee")}
    return Call("refund", "/refunds", wire, lambda answer, ctx: Refund(**{n: answer[n] for n in wire}, raw=answer))


@hookimpl
def tongfu_verify_payment_notify(account: ExampleAccount, params: Notification, ctx: Context) -> PaymentNotice:
    told = _told(_verified(account, params, ctx))
    return PaymentNotice(paid=told["trade_state"] == "SUCCESS", reply=Reply(200, {}, b"OK"), **told)
