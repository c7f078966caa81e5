"""Alipay as the platform does it: the gateway, the buyer, notifications."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tongfu.emulator.half import Answer, Asked, Delivery, EmulatedOrder, EmulatedRefund, Route, World
from tongfu.money import yuan_from_fen
from tongfu_alipay.account import AlipayAccount

from . import gateway, trades
from .certificates import certificates
from .client_data import ClientData
from .gateway import Refusal, Request
from .logins import Logins
from .merchants import Merchants
from .services import Services

BEIJING: Final = timezone(timedelta(hours=8))
LADDER: Final = (240.0, 600.0, 600.0, 3600.0, 7200.0, 21600.0, 54000.0)
QR_CODE: Final = timedelta(hours=2)
APP_PAY: Final = "alipay.trade.app.pay"
PAGES: Final = ("alipay.trade.page.pay", "alipay.trade.wap.pay")
JSON: Final = {"content-type": "application/json;charset=utf-8"}
FORM: Final = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


def emulate(world: World) -> AlipayHalf:
    """What the entry point of the group ``tongfu.emulators`` names."""
    return AlipayHalf(world)


class AlipayHalf:
    """One app, one seller."""

    platform = "alipay"

    def __init__(self, world: World) -> None:
        self.world = world
        chance = world.random
        self.app_id = f"2021{chance.randrange(10**12):012d}"
        self.seller_id = f"2088{chance.randrange(10**12):012d}"
        self.encrypt_key = base64.b64encode(secrets.token_bytes(16)).decode()
        self.app_key, self.alipay_key = (rsa.generate_private_key(65537, 2048) for _ in range(2))
        self.certificates = certificates(self.app_id, self.app_key, self.alipay_key)
        self.logins = Logins(world)
        self.merchants = Merchants(world, self.seller_id, f"2021{chance.randrange(10**12):012d}")
        self.services = Services(world, self.app_id)
        self.client_data = ClientData(
            self.alipay_key, self.encrypt_key, lambda: f"138{world.random.randrange(10**8):08d}"
        )
        self._open_methods: Mapping[str, Callable[[Request], dict[str, Any]]] = {
            "alipay.open.app.mini.templatemessage.send": self.services.send,
            "alipay.open.app.qrcode.create": self.services.create_qrcode,
            "alipay.open.auth.token.app": self.merchants.token,
            "alipay.security.risk.content.detect": self.services.detect,
            "alipay.user.info.share": self.logins.share,
        }

    def reset(self) -> None:
        for part in (self.logins, self.merchants, self.services):
            part.reset()

    def settings(self) -> Mapping[str, Any]:
        return {
            "app_id": self.app_id,
            "seller_id": self.seller_id,
            "private_key": self._private_key(),
            "alipay_public_key": self._public_key(),
            "gateway": self.world.origin + "/gateway.do",
            **self.certificates,
            "encrypt_key": self.encrypt_key,
        }

    def account(self) -> AlipayAccount:
        return AlipayAccount(
            app_id=self.app_id,
            seller_id=self.seller_id,
            private_key=self._private_key(),
            alipay_public_key=self._public_key(),
            gateway=self.world.https_origin + "/gateway.do",
            encrypt_key=self.encrypt_key,
            ca_pem=self.world.ca_pem,
        )

    def _private_key(self) -> str:
        der = self.app_key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return base64.b64encode(der).decode()

    def _public_key(self) -> str:
        der = self.alipay_key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(der).decode()

    def routes(self) -> Iterable[Route]:
        yield Route("POST", "/gateway.do", self._gateway)
        yield Route("GET", "/gateway.do", self._gateway)
        yield Route("POST", "/_emulator/alipay/app_pay", self._app_pay)
        for part in (self.logins, self.merchants, self.services, self.client_data):
            yield from part.routes()

    # --- requests -----------------------------------------------------------------------------

    def _gateway(self, asked: Asked, _: Mapping[str, str]) -> Answer:
        name, number, sign_type, encrypt_key = "error_response", "", "RSA2", None
        try:
            request = gateway.read(asked, self.app_id, self.app_key)
            sign_type = request.params["sign_type"]
            request = gateway.opened(request, base64.b64decode(self.encrypt_key))
            if request.encrypted:
                encrypt_key = base64.b64decode(self.encrypt_key)
            if request.method in PAGES:
                return self._cashier(request)
            name = request.method.replace(".", "_") + "_response"
            number = str(request.content.get("out_trade_no", ""))
            self.merchants.admit(request)
            if request.method == "alipay.system.oauth.token":
                node = self.logins.token(request)
            else:
                act = self._open_methods.get(request.method) or (lambda request: trades.act(self, request))
                node = {"code": "10000", "msg": "Success", **act(request)}
        except Refusal as exc:
            if exc.sub_code == "isv.code-invalid":
                name = "error_response"
            key = self.alipay_key if exc.signed else None
            verdict = "valid" if exc.signed else "missing" if "missing" in exc.sub_code else "invalid"
            body = gateway.write(name, exc.node(), key, sign_type, encrypt_key)
            return Answer(200, dict(JSON), body, explain=exc.explain, verdict=verdict, out_trade_no=number)
        body = gateway.write(name, node, self.alipay_key, sign_type, encrypt_key)
        return Answer(200, dict(JSON), body, out_trade_no=number)

    def _cashier(self, request: Request) -> Answer:
        order = trades.create(self, request, opened=True)
        page = (
            f"<!doctype html><title>cashier</title><p>{order.out_trade_no}: {yuan_from_fen(order.total_fee)} yuan</p>"
        )
        return Answer(200, {"content-type": "text/html;charset=utf-8"}, page.encode(), out_trade_no=order.out_trade_no)

    def _app_pay(self, asked: Asked, _: Mapping[str, str]) -> Answer:
        """
        The buyer's app opens the cashier with the signed order string.

        :raises ValueError: the body is not {"order_string": "…"}.
        """
        wanted = json.loads(asked.body)
        string = wanted.get("order_string") if isinstance(wanted, dict) else None
        if not isinstance(string, str):
            raise ValueError('expected {"order_string": "…"}')  # noqa: TRY004 - the route answers 400 for it
        params = dict(parse_qsl(string, keep_blank_values=True))
        try:
            request = gateway.verify(params, self.app_id, self.app_key, charset_in_query=True)
            if request.method != APP_PAY:
                raise Refusal("40002", "isv.invalid-method", "不存在的方法名")
            order = trades.create(self, request, opened=True)
        except Refusal as exc:
            return Answer(400, dict(JSON), json.dumps(exc.node(), ensure_ascii=False).encode(), explain=exc.explain)
        return Answer(200, dict(JSON), json.dumps({"out_trade_no": order.out_trade_no}).encode())

    def sabotage(self, fault: str, answer: Answer) -> Answer:
        body = answer.body
        at = body.rfind(b',"sign":"')
        if at >= 0 and fault == "no_signature":
            body = body[:at] + b"}"
        elif at >= 0 and fault == "bad_signature":
            first = body[at + 9 : at + 10]
            body = body[: at + 9] + (b"B" if first == b"A" else b"A") + body[at + 10 :]
        return Answer(answer.status, answer.headers, body, out_trade_no=answer.out_trade_no)

    # --- the buyer ------------------------------------------------------------------------------

    def pay(self, order: EmulatedOrder, outcome: str) -> None:
        if order.state not in ("open", "userpaying"):
            raise ValueError(f"the order {order.out_trade_no} is {order.state} and takes no payment")
        if not order.wire["opened"] and self.world.clock.now() >= order.created + QR_CODE:
            raise ValueError(f"the QR code of the order {order.out_trade_no} is good for two hours, which are over")
        order.wire["opened"] = True  # whatever the buyer does next, he has opened the cashier
        if outcome == "success":
            now = self.world.clock.now()
            order.state, order.paid = "paid", now
            self.notify(order, "payment", {"trade_status": "TRADE_SUCCESS"})
            self.world.clock.at(trades.REFUND_WINDOW.total_seconds() + 1, lambda: self.finished(order))
        elif outcome == "userpaying":
            order.state = "userpaying"
        elif outcome == "expire":
            order.state, order.closed = "closed", self.world.clock.now()
            self.closed(order)
        elif outcome not in ("not_enough", "cancel"):
            raise ValueError(f"no outcome {outcome}; there are success, not_enough, cancel, userpaying, expire")

    def time_is_up(self, order: EmulatedOrder) -> None:
        """Nobody paid until ``expires``. Whoever looked since has found it closed, and nobody was told."""
        if order.state in ("open", "userpaying"):
            order.state, order.closed = "closed", order.expires
        if order.state == "closed" and order.closed == order.expires:
            self.closed(order)

    def finished(self, order: EmulatedOrder) -> None:
        """App and WAP trades hear of the end of their refunds; the others do not."""
        if order.state == "paid" and order.wire["method"] in trades.IN_WALLET:
            self.notify(order, "payment", {"trade_status": "TRADE_FINISHED"})

    def closed(self, order: EmulatedOrder) -> None:
        """App and WAP trades hear of their closing; the others do not."""
        if order.wire["method"] in trades.IN_WALLET:
            end = beijing(order.closed or self.world.clock.now())
            self.notify(order, "payment", {"gmt_close": end, "refund_fee": "0.00", "trade_status": "TRADE_CLOSED"})

    def refunded(self, order: EmulatedOrder, refund: EmulatedRefund) -> None:
        """A refund has no address of its own: the payment's hears of it, with the total so far."""
        done = refund.done or self.world.clock.now()
        more = {
            "gmt_refund": f"{beijing(done)}.000",
            "refund_fee": yuan_from_fen(order.refunded_fee),
            "out_biz_no": refund.out_refund_no,
            "trade_status": "TRADE_CLOSED" if order.state == "refunded" else "TRADE_SUCCESS",
        }
        self.notify(order, "refund", more)

    def notify(self, order: EmulatedOrder, kind: str, more: Mapping[str, str]) -> None:
        now = self.world.clock.now()
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
        fields = {
            "app_id": self.app_id,
            "auth_app_id": self.app_id,
            **trades.buyer(order),
            "charset": "utf-8",
            "gmt_create": beijing(order.created),
            "notify_id": secrets.token_hex(17),
            "notify_type": "trade_status_sync",
            "notify_time": beijing(now),
            "out_trade_no": order.out_trade_no,
            "seller_id": self.seller_id,
            "subject": order.wire["content"].get("subject", ""),
            "total_amount": amount,
            "trade_no": order.transaction_id,
            "version": "1.0",
            **paid,
            **{
                name: str(order.wire["content"][name])
                for name in ("body", "passback_params")
                if name in order.wire["content"]
            },
            **more,
        }
        if order.notify_url:
            self.world.deliver(self.delivery(order, kind, fields))

    def delivery(self, order: EmulatedOrder, kind: str, wire: Mapping[str, Any]) -> Delivery:
        """The notification of those fields: each attempt says the same."""
        fields: Mapping[str, str] = wire

        def make() -> tuple[dict[str, str], bytes]:
            return dict(FORM), self._form(fields, order.wire["sign_type"])

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
        return Delivery(self.platform, kind, number, url, make, corrupt, _accepted, LADDER, dict(wire))

    def resume(self, order: EmulatedOrder) -> None:
        now = self.world.clock.now()
        if order.state in ("open", "userpaying") and order.expires is not None:
            self.world.clock.at((order.expires - now).total_seconds(), lambda: self.time_is_up(order))
        if order.paid is not None and (left := order.paid + trades.REFUND_WINDOW - now) > timedelta(0):
            self.world.clock.at(left.total_seconds() + 1, lambda: self.finished(order))

    def _form(self, fields: Mapping[str, str], sign_type: str) -> bytes:
        text = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if fields[name] != "")
        signature = gateway.sign(self.alipay_key, text, sign_type)
        return urlencode({**fields, "sign_type": sign_type, "sign": signature}).encode()


def beijing(moment: datetime) -> str:
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def _accepted(status: int, body: bytes) -> bool:
    return status == 200 and body == b"success"
