"""Notifications of trades and messages: forms, signed by the rule of their kind."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

from tongfu.emulator.half import Delivery, EmulatedOrder, EmulatedRefund, World
from tongfu.money import yuan_from_fen

from . import gateway, trades
from .trades import beijing

if TYPE_CHECKING:
    from .identity import Identity

LADDER: Final = (240.0, 600.0, 600.0, 3600.0, 7200.0, 21600.0, 54000.0)
FORM: Final = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
COPIED: Final = ("body", "passback_params")


class Notices:
    platform = "alipay"

    def __init__(self, world: World, identity: Identity) -> None:
        self._world = world
        self._identity = identity

    def paid(self, order: EmulatedOrder) -> None:
        self._tell(order, "payment", {"trade_status": "TRADE_SUCCESS"})

    def finished(self, order: EmulatedOrder) -> None:
        """App and WAP trades hear of the end of their refunds; the others do not."""
        if order.state == "paid" and order.wire["method"] in trades.IN_WALLET:
            self._tell(order, "payment", {"trade_status": "TRADE_FINISHED"})

    def closed(self, order: EmulatedOrder) -> None:
        """App and WAP trades hear of their closing; the others do not."""
        if order.wire["method"] in trades.IN_WALLET:
            end = beijing(order.closed or self._world.clock.now())
            self._tell(order, "payment", {"gmt_close": end, "refund_fee": "0.00", "trade_status": "TRADE_CLOSED"})

    def refunded(self, order: EmulatedOrder, refund: EmulatedRefund) -> None:
        """A refund has no address of its own: the payment's hears of it, with the total so far."""
        done = refund.done or self._world.clock.now()
        more = {
            "gmt_refund": f"{beijing(done)}.000",
            "refund_fee": yuan_from_fen(order.refunded_fee),
            "out_biz_no": refund.out_refund_no,
            "trade_status": "TRADE_CLOSED" if order.state == "refunded" else "TRADE_SUCCESS",
        }
        self._tell(order, "refund", more)

    def message(self, url: str, fields: Mapping[str, str], *, certified: bool = False) -> None:
        """What tells of no trade: its sign_type is signed too."""
        everything = {**self._head(), **fields, "sign_type": "RSA2"}

        def make() -> tuple[dict[str, str], bytes]:
            return dict(FORM), self._signed(everything, everything, certified=certified)

        def corrupt(how: str) -> tuple[dict[str, str], bytes]:
            form = dict(parse_qsl(make()[1].decode(), keep_blank_values=True))
            form["sign" if how == "signature" else "notify_id"] += "A"
            return dict(FORM), urlencode(form).encode()

        self._world.deliver(Delivery(self.platform, "message", "", url, make, corrupt, accepted, LADDER))

    def page_return(self, order: EmulatedOrder) -> str:
        """The address that the buyer's browser goes on to from the page, or nothing."""
        url = str(order.wire.get("return_url") or "")
        if not url:
            return ""
        fields = {
            "app_id": self._identity.app_id,
            "auth_app_id": self._identity.app_id,
            "charset": "utf-8",
            "method": f"{order.wire['method']}.return",
            "out_trade_no": order.out_trade_no,
            "seller_id": self._identity.seller_id,
            "timestamp": beijing(self._world.clock.now()),
            "total_amount": yuan_from_fen(order.total_fee),
            "trade_no": order.transaction_id,
            "version": "1.0",
        }
        query = self._signed(fields, {**fields, "sign_type": "RSA2"}, certified=bool(order.wire.get("certified")))
        return f"{url}{'&' if '?' in url else '?'}{query.decode()}"

    def delivery(self, order: EmulatedOrder, kind: str, wire: Mapping[str, Any]) -> Delivery:
        """The notification of those fields: each attempt says the same."""
        fields: Mapping[str, str] = wire
        sign_type, certified = order.wire["sign_type"], bool(order.wire.get("certified"))

        def make() -> tuple[dict[str, str], bytes]:
            return dict(FORM), self._signed(fields, {**fields, "sign_type": sign_type}, sign_type, certified=certified)

        def corrupt(how: str) -> tuple[dict[str, str], bytes]:
            form = dict(parse_qsl(make()[1].decode(), keep_blank_values=True))
            if how == "signature":
                form["sign"] = ("B" if form["sign"][0] == "A" else "A") + form["sign"][1:]
            elif how == "timestamp":
                form["notify_time"] = "2001-01-01 00:00:00"
            else:
                form["total_amount"] = yuan_from_fen(order.total_fee + 1)
            return dict(FORM), urlencode(form).encode()

        url, number = order.notify_url, order.out_trade_no
        return Delivery(self.platform, kind, number, url, make, corrupt, accepted, LADDER, dict(wire))

    def _head(self) -> dict[str, str]:
        return {
            "app_id": self._identity.app_id,
            "auth_app_id": self._identity.app_id,
            "charset": "utf-8",
            "notify_id": secrets.token_hex(17),
            "notify_time": beijing(self._world.clock.now()),
            "version": "1.0",
        }

    def _tell(self, order: EmulatedOrder, kind: str, more: Mapping[str, str]) -> None:
        amount = yuan_from_fen(order.total_fee)
        paid = {}
        if order.paid is not None:
            bills = [{"amount": amount, "fundChannel": "ALIPAYACCOUNT"}]
            paid = {
                "buyer_pay_amount": amount,
                "fund_bill_list": json.dumps(bills, separators=(",", ":")),
                "gmt_payment": beijing(order.paid),
                "invoice_amount": amount,
                "point_amount": "0.00",
                "receipt_amount": amount,
            }
        content = order.wire["content"]
        fields = {
            **self._head(),
            **trades.buyer(order),
            "gmt_create": beijing(order.created),
            "notify_type": "trade_status_sync",
            "out_trade_no": order.out_trade_no,
            "seller_id": self._identity.seller_id,
            "subject": content.get("subject", ""),
            "total_amount": amount,
            "trade_no": order.transaction_id,
            **paid,
            **{name: str(content[name]) for name in COPIED if name in content},
            **more,
        }
        if order.notify_url:
            self._world.deliver(self.delivery(order, kind, fields))

    def _signed(
        self, signed: Mapping[str, str], sent: Mapping[str, str], sign_type: str = "RSA2", *, certified: bool
    ) -> bytes:
        """*sent* as a form, with a signature of what is *signed*; the certificate's number is not."""
        text = "&".join(f"{name}={signed[name]}" for name in sorted(signed) if signed[name] != "")
        key = self._identity.current.key if certified else self._identity.alipay_key
        form = {**sent, "sign": gateway.sign(key, text, sign_type)}
        if certified and self._identity.named_in_notifications:
            form["alipay_cert_sn"] = self._identity.current.number
        return urlencode(form).encode()


def accepted(status: int, body: bytes) -> bool:
    return status == 200 and body == b"success"
