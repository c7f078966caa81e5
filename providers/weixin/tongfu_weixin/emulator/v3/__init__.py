"""WeChat Pay APIv3 as the platform does it, over the same orders and refunds as v2."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import rsa

from tongfu.emulator.half import Answer, Delivery, EmulatedOrder, Route

from . import orders, refunds
from .authorization import Merchant
from .bills import Bills
from .callbacks import Callbacks, Told, flipped
from .combined import Combined
from .complaints import Complaints
from .control import Control
from .gate import Endpoint, Gate, Request
from .keys import PROBE, Keys
from .media import Media
from .profit_sharing import ProfitSharing
from .transfers import Transfers
from .wire import Refused

if TYPE_CHECKING:
    from tongfu_weixin.emulator.half import WeixinHalf

__all__ = ["V3"]


class V3:
    """
    Every part of it behind one gate.

    :param merchant: the private key of the merchant's certificate, whose serial the half has.
    :param platform: the private key of the public-key mode, of which those of the certificates are made.
    """

    def __init__(self, half: WeixinHalf, merchant: rsa.RSAPrivateKey, platform: rsa.RSAPrivateKey) -> None:
        world = half.world
        self._half = half
        self._keys = Keys(world, half.public_key_id, platform, merchant.public_key())
        self._gate = Gate(world, Merchant(half.mch_id, half.cert_serial, merchant), self._keys)
        self._callbacks = Callbacks(world, half.platform, half.api_v3_key, self._keys)
        self._bills, self._sharing = Bills(half, self._keys), ProfitSharing(half)
        self._transfers = Transfers(world, half.app_id, half.mch_id, self._keys, self._callbacks)
        self._combined = Combined(half, self._callbacks)
        self._complaints = Complaints(half, self._keys, self._callbacks)
        self._control = Control(half, self._gate, self._transfers, self._combined, self._complaints)

    def routes(self) -> Iterable[Route]:
        yield from map(self._gate.route, self._endpoints())
        yield from self._control.routes()

    def reset(self) -> None:
        self._gate.ordered.clear()
        self._gate.merchant.forget()
        for part in (self._keys, self._bills, self._sharing, self._transfers, self._combined, self._complaints):
            part.reset()

    def named(self) -> dict[str, str]:
        """What makes a callback the same one each time it is sent."""
        return self._callbacks.named()

    def delivery(self, order: EmulatedOrder, kind: str, wire: Mapping[str, Any]) -> Delivery:
        """The callback of the payment, or of the refund that *wire* names; ``named`` is in *wire*."""
        if kind == "payment":
            told = Told("TRANSACTION.SUCCESS", "transaction", "支付成功", lambda: self._paid(order))
            return self._callbacks.delivery(kind, order.out_trade_no, order.notify_url, told, wire)
        refund = next(each for each in order.refunds if each.out_refund_no == wire["out_refund_no"])
        event = refunds.EVENTS[wire.get("state", "success")]

        def content() -> Mapping[str, Any]:
            return orders.whose(self._half, order) | refunds.notice(order, refund, wire.get("state", "success"))

        told = Told(event, "refund", "退款通知", content)
        return self._callbacks.delivery(kind, order.out_trade_no, refund.notify_url, told, wire)

    def sabotage(self, fault: str, answer: Answer) -> Answer | None:
        """Break the signature of an answer of this protocol; None for any other answer."""
        signature = answer.headers.get("Wechatpay-Signature")
        if signature is None:
            return None
        broken = dict(answer.headers)
        if fault == "no_signature":
            del broken["Wechatpay-Signature"]
        elif fault == "unknown_serial":
            broken["Wechatpay-Serial"] = secrets.token_hex(20).upper()
        elif fault == "signtest":
            broken["Wechatpay-Signature"] = PROBE + signature[len(PROBE) :]
        else:
            broken["Wechatpay-Signature"] = flipped(signature)
        return Answer(answer.status, broken, answer.body, out_trade_no=answer.out_trade_no)

    def _endpoints(self) -> Iterable[Endpoint]:
        yield Endpoint("GET", "/v3/certificates", self._certificates)
        yield from orders.endpoints(self._half)
        yield from refunds.endpoints(self._half)
        for part in (
            self._bills,
            self._transfers,
            self._sharing,
            self._combined,
            self._complaints,
            Media(self._half.world),
        ):
            yield from part.endpoints()

    def _certificates(self, request: Request) -> Mapping[str, Any]:
        kind = request.parameter("algorithm_type", "RSA|SM2|ALL", needed=False)
        listed = self._keys.listed(self._half.api_v3_key) if kind != "SM2" else []
        if not listed:
            message = "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥"
            raise Refused(404, "RESOURCE_NOT_EXISTS", message)
        return {"data": listed}

    def _paid(self, order: EmulatedOrder) -> Mapping[str, Any]:
        """As it was when it was paid: a refund in the meantime is no news of the payment."""
        return orders.transaction(self._half, order) | {"trade_state": "SUCCESS", "trade_state_desc": "支付成功"}
