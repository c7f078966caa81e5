"""Alipay as the platform does it: the gateway, REST, and the buyer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

from tongfu.emulator.half import Answer, Asked, Delivery, EmulatedOrder, EmulatedRefund, Route, World
from tongfu.money import yuan_from_fen
from tongfu_alipay.account import AlipayAccount

from . import bar_code, gateway, rest, trades
from .agreements import PAGE, Agreements
from .bar_code import PaymentCodes
from .bills import Bills
from .client_data import ClientData
from .controls import control
from .freezes import Freezes
from .funds import Funds
from .gateway import Refusal, Request
from .identity import Identity
from .logins import Logins
from .merchants import Merchants
from .notices import Notices
from .services import Services

QR_CODE: Final = timedelta(hours=2)
APP_PAY: Final = "alipay.trade.app.pay"
APP_FREEZE: Final = "alipay.fund.auth.order.app.freeze"
PAGES: Final = ("alipay.trade.page.pay", "alipay.trade.wap.pay")
OAUTH_TOKEN: Final = "alipay.system.oauth.token"  # noqa: S105 - a method's name
JSON: Final = {"content-type": "application/json;charset=utf-8"}
HTML: Final = {"content-type": "text/html;charset=utf-8"}


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
        self.identity = Identity(self.app_id, self.seller_id)
        self.notices = Notices(world, self.identity)
        self.logins = Logins(world)
        self.merchants = Merchants(world, self.seller_id, f"2021{chance.randrange(10**12):012d}")
        self.services = Services(world, self.app_id)
        self.payment_codes = PaymentCodes(world)
        self.bills = Bills(world, self.seller_id)
        self.funds = Funds(world)
        self.freezes = Freezes(world, self.payment_codes)
        self.agreements = Agreements(world, self.notices.message)
        self.client_data = ClientData(
            self.identity.alipay_key, self.identity.encrypt_key, lambda: f"138{world.random.randrange(10**8):08d}"
        )
        self._methods: Mapping[str, Callable[[Request], dict[str, Any]]] = {
            **{name: self._trade(act) for name, act in trades.METHODS.items()},
            bar_code.METHOD: self._trade(bar_code.pay),
            "alipay.data.dataservice.bill.downloadurl.query": self.bills.ask,
            "alipay.fund.auth.operation.cancel": self.freezes.cancel,
            "alipay.fund.auth.operation.detail.query": self.freezes.query,
            "alipay.fund.auth.order.freeze": self.freezes.freeze,
            "alipay.fund.auth.order.unfreeze": self.freezes.unfreeze,
            "alipay.fund.trans.common.query": self.funds.query,
            "alipay.fund.trans.uni.transfer": self.funds.transfer,
            "alipay.open.app.alipaycert.download": self.identity.download,
            "alipay.open.app.mini.templatemessage.send": self.services.send,
            "alipay.open.app.qrcode.create": self.services.create_qrcode,
            "alipay.open.auth.token.app": self.merchants.token,
            "alipay.security.risk.content.detect": self.services.detect,
            OAUTH_TOKEN: self.logins.token,
            "alipay.trade.order.settle": self.funds.settle,
            "alipay.trade.royalty.relation.batchquery": self.funds.bound,
            "alipay.trade.royalty.relation.bind": self.funds.bind,
            "alipay.trade.royalty.relation.unbind": self.funds.unbind,
            "alipay.user.agreement.query": self.agreements.query,
            "alipay.user.agreement.unsign": self.agreements.unsign,
            "alipay.user.info.share": self.logins.share,
        }
        self._parts = (
            *(self.identity, self.logins, self.merchants, self.services, self.payment_codes, self.bills, self.funds),
            *(self.freezes, self.agreements),
        )

    def _trade(self, act: Callable[[AlipayHalf, Request], dict[str, Any]]) -> Callable[[Request], dict[str, Any]]:
        return lambda request: act(self, request)

    def reset(self) -> None:
        for part in self._parts:
            part.reset()

    def settings(self) -> Mapping[str, Any]:
        return {
            "app_id": self.app_id,
            "seller_id": self.seller_id,
            "gateway": self.world.origin + "/gateway.do",
            **self.identity.settings(),
        }

    def account(self) -> AlipayAccount:
        keys = self.identity.settings()
        return AlipayAccount(
            app_id=self.app_id,
            seller_id=self.seller_id,
            private_key=keys["private_key"],
            alipay_public_key=keys["alipay_public_key"],
            gateway=self.world.https_origin + "/gateway.do",
            encrypt_key=keys["encrypt_key"],
            ca_pem=self.world.ca_pem,
        )

    def routes(self) -> Iterable[Route]:
        yield Route("POST", "/gateway.do", self._gateway)
        yield Route("GET", "/gateway.do", self._gateway)
        for verb, path in rest.methods(self._methods):
            yield Route(verb, path, self._rest)
        yield Route("POST", "/_emulator/alipay/app_pay", self._app_pay)
        yield Route("POST", "/_emulator/alipay/page_return", control(self.page_return, out_trade_no=str))
        yield Route("POST", "/_emulator/alipay/message", control(self.message, url=str, method=str, biz_content=dict))
        for part in (*self._parts, self.client_data):
            yield from part.routes()

    # --- requests -----------------------------------------------------------------------------

    def _gateway(self, asked: Asked, _: Mapping[str, str]) -> Answer:
        name, number, sign_type, encrypt_key, certified = "error_response", "", "RSA2", None, False
        try:
            request = gateway.read(asked, self.app_id, self.identity.app_key)
            self.identity.check(request)
            sign_type, certified = request.params["sign_type"], request.certified
            request = gateway.opened(request, self.identity.encrypt_key)
            if request.encrypted:
                encrypt_key = self.identity.encrypt_key
            if request.method in PAGES or request.method == PAGE:
                return self._page(request)
            name = request.method.replace(".", "_") + "_response"
            number = str(request.content.get("out_trade_no", ""))
            node, signed, explain = self._carried_out(request), True, ""
        except Refusal as exc:
            if exc.sub_code == "isv.code-invalid":
                name = "error_response"
            node, signed, explain = exc.node(), exc.signed, exc.explain
            missing = "missing" if "missing" in exc.sub_code else "invalid"
        verdict = "valid" if signed else missing
        key, cert_sn = self.identity.alipay_key, ""
        if certified:
            key, cert_sn = self.identity.current.key, self.identity.current.number
        body = gateway.write(name, node, key if signed else None, sign_type, encrypt_key, cert_sn)
        return Answer(200, dict(JSON), body, explain=explain, verdict=verdict, out_trade_no=number)

    def _rest(self, asked: Asked, _: Mapping[str, str]) -> Answer:
        def carry_out(request: Request) -> dict[str, Any]:
            self.identity.check(request)
            return self._carried_out(request)

        return rest.serve(self.identity, asked, self.world.clock, carry_out)

    def _carried_out(self, request: Request) -> dict[str, Any]:
        """:raises Refusal: as the platform refuses."""
        self.merchants.admit(request)
        act = self._methods.get(request.method)
        if act is None:
            raise Refusal("40002", "isv.invalid-method", "不存在的方法名", signed=False)
        node = act(request)
        return node if request.method == OAUTH_TOKEN else {"code": "10000", "msg": "Success", **node}

    def _page(self, request: Request) -> Answer:
        if request.method == PAGE:
            number = self.agreements.page(request)
            page = f"<!doctype html><title>agreement</title><p>{number}"
            return Answer(200, dict(HTML), page.encode())
        order = trades.create(self, request, opened=True)
        page = (
            f"<!doctype html><title>cashier</title><p>{order.out_trade_no}: {yuan_from_fen(order.total_fee)} yuan</p>"
        )
        return Answer(200, dict(HTML), page.encode(), out_trade_no=order.out_trade_no)

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
            request = gateway.verify(params, self.app_id, self.identity.app_key, charset_in_query=True)
            self.identity.check(request)
            if request.method == APP_FREEZE:
                return Answer(200, dict(JSON), json.dumps(self.freezes.opened(request)).encode())
            if request.method != APP_PAY:
                raise Refusal("40002", "isv.invalid-method", "不存在的方法名")
            order = trades.create(self, request, opened=True)
        except Refusal as exc:
            return Answer(400, dict(JSON), json.dumps(exc.node(), ensure_ascii=False).encode(), explain=exc.explain)
        return Answer(200, dict(JSON), json.dumps({"out_trade_no": order.out_trade_no}).encode())

    def page_return(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The address that the buyer's browser goes on to from the page of an order"""
        order = self.world.order(self.platform, body.get("out_trade_no", ""))
        url = self.notices.page_return(order) if order is not None else ""
        if not url:
            raise ValueError("expected the out_trade_no of an order that has a return_url")
        return {"url": url}

    def message(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A message to the app's gateway at url: its msg_method and its biz_content"""
        if not body.get("url") or not body.get("method"):
            raise ValueError("expected url and method")
        content = json.dumps(body.get("biz_content", {}), ensure_ascii=False, separators=(",", ":"))
        self.notices.message(body["url"], {"msg_method": body["method"], "biz_content": content})
        return {}

    def sabotage(self, fault: str, answer: Answer) -> Answer:
        if "alipay-trace-id" in answer.headers:
            return rest.sabotaged(fault, answer)
        return Answer(
            answer.status, answer.headers, gateway.sabotaged(fault, answer.body), out_trade_no=answer.out_trade_no
        )

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
            self.notices.paid(order)
            self.world.clock.at(trades.REFUND_WINDOW.total_seconds() + 1, lambda: self.notices.finished(order))
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

    def closed(self, order: EmulatedOrder) -> None:
        self.notices.closed(order)

    def refunded(self, order: EmulatedOrder, refund: EmulatedRefund) -> None:
        self.notices.refunded(order, refund)

    def delivery(self, order: EmulatedOrder, kind: str, wire: Mapping[str, Any]) -> Delivery:
        return self.notices.delivery(order, kind, wire)

    def resume(self, order: EmulatedOrder) -> None:
        now = self.world.clock.now()
        if order.state in ("open", "userpaying") and order.expires is not None:
            self.world.clock.at((order.expires - now).total_seconds(), lambda: self.time_is_up(order))
        if order.paid is not None and (left := order.paid + trades.REFUND_WINDOW - now) > timedelta(0):
            self.world.clock.at(left.total_seconds() + 1, lambda: self.notices.finished(order))
