"""Pre-authorisation: money that stays with the buyer and is kept for the merchant, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tongfu.emulator.half import Route, World
from tongfu.money import yuan_from_fen

from . import trades
from .funds import amount
from .gateway import Refusal, Request

if TYPE_CHECKING:
    from .bar_code import PaymentCodes


@dataclass
class Operation:
    operation_id: str
    out_request_no: str
    kind: str  # FREEZE, UNFREEZE or PAY
    fen: int
    made: datetime
    status: str = "SUCCESS"


@dataclass
class Freeze:
    auth_no: str
    out_order_no: str
    title: str
    fen: int
    openid: str
    operations: list[Operation] = field(default_factory=list)

    @property
    def rest(self) -> int:
        return self.fen - sum(each.fen for each in self.operations if each.kind != "FREEZE")


class Freezes:
    def __init__(self, world: World, codes: PaymentCodes) -> None:
        self._world = world
        self._codes = codes
        self.reset()

    def reset(self) -> None:
        self._freezes: dict[str, Freeze] = {}

    def routes(self) -> Iterable[Route]:
        return ()

    def freeze(self, request: Request) -> dict[str, Any]:
        """
        alipay.fund.auth.order.freeze: the buyer shows a code.

        :raises Refusal: as the platform refuses.
        """
        content = request.content
        known = self._known(content)
        if known is None:
            if content.get("auth_code_type") not in ("bar_code", "security_code"):
                raise Refusal("40004", "INVALID_PARAMETER", "参数有误auth_code_type")
            shown = self._codes.scan(str(content.get("auth_code", "")))
            if shown.outcome == "not_enough":
                raise Refusal("40004", "ACQ.BUYER_BALANCE_NOT_ENOUGH", "买家余额不足")
            known = self._new(content, shown.openid)
        return self._node(known, known.operations[0])

    def opened(self, request: Request) -> dict[str, Any]:
        """
        alipay.fund.auth.order.app.freeze, which the buyer's app brings and the buyer confirms.

        :raises Refusal: as the platform refuses.
        """
        known = self._known(request.content)
        if known is None:
            known = self._new(request.content, f"2088{self._world.random.randrange(10**12):012d}")
        return self._node(known, known.operations[0])

    def unfreeze(self, request: Request) -> dict[str, Any]:
        """
        alipay.fund.auth.order.unfreeze.

        :raises Refusal: as the platform refuses.
        """
        content = request.content
        found = self._found(content)
        fen, number = amount(content.get("amount")), str(content.get("out_request_no", ""))
        if not number or not content.get("remark"):
            raise Refusal("40004", "INVALID_PARAMETER", "参数有误out_request_no或remark")
        done = next((each for each in found.operations if each.out_request_no == number), None)
        if done is None:
            if fen > found.rest:
                raise Refusal("40004", "REQUEST_AMOUNT_EXCEED", "解冻金额超限")
            done = self._operate(found, number, "UNFREEZE", fen)
        elif done.fen != fen:
            raise Refusal("40004", "ORDER_ALREADY_CLOSED", "请求号重复")
        return self._node(found, done)

    def query(self, request: Request) -> dict[str, Any]:
        """
        alipay.fund.auth.operation.detail.query.

        :raises Refusal: as the platform refuses.
        """
        content = request.content
        found = self._found(content)
        wanted = content.get("operation_id") or content.get("out_request_no")
        for each in found.operations:
            if wanted in (each.operation_id, each.out_request_no):
                node = self._node(found, each)
                node |= {"rest_amount": yuan_from_fen(found.rest), "total_freeze_amount": yuan_from_fen(found.fen)}
                return {**node, "order_title": found.title, "operation_type": each.kind}
        raise Refusal("40004", "AUTH_OPERATION_NOT_EXIST", "支付宝资金操作流水不存在")

    def cancel(self, request: Request) -> dict[str, Any]:
        """
        alipay.fund.auth.operation.cancel.

        :raises Refusal: as the platform refuses.
        """
        found = self._found(request.content)
        first = found.operations[0]
        if len(found.operations) > 1 and first.status == "SUCCESS":
            raise Refusal("40004", "AUTH_ORDER_HAS_FINISHED", "授权订单已有后续操作")
        if first.status == "SUCCESS":
            first.status = "CLOSED"
            self._operate(found, f"cancel-{first.out_request_no}", "UNFREEZE", found.rest)
        node = self._node(found, first)
        return {name: node[name] for name in ("auth_no", "out_order_no", "operation_id", "out_request_no")} | {
            "action": "unfreeze"
        }

    def take(self, request: Request) -> str:
        """
        Pay a trade with what is frozen; who pays.

        :raises Refusal: as the platform refuses.
        """
        content = request.content
        found = self._found(content)
        fen = amount(content.get("total_amount"), name="total_amount")
        if content.get("product_code") not in ("PREAUTH_PAY", "PRE_AUTH"):
            raise Refusal("40004", "ACQ.INVALID_PARAMETER", "参数有误product_code")
        if fen > found.rest:
            raise Refusal("40004", "ACQ.REQUEST_AMOUNT_EXCEED", "请求金额超过冻结余额")
        self._operate(found, str(content.get("out_trade_no", "")), "PAY", fen)
        return found.openid

    def _known(self, content: dict[str, Any]) -> Freeze | None:
        number = content.get("out_order_no")
        if not isinstance(number, str) or not number or not content.get("out_request_no"):
            raise Refusal("40004", "INVALID_PARAMETER", "参数有误out_order_no或out_request_no")
        if not content.get("order_title"):
            raise Refusal("40004", "INVALID_PARAMETER", "参数有误order_title")
        fen = amount(content.get("amount"))
        known = next((each for each in self._freezes.values() if each.out_order_no == number), None)
        if known is not None and (known.fen != fen or known.operations[0].out_request_no != content["out_request_no"]):
            raise Refusal("40004", "ORDER_ALREADY_EXIST", "订单已存在")
        return known

    def _new(self, content: dict[str, Any], openid: str) -> Freeze:
        auth_no = f"{self._world.clock.now():%Y%m%d}10002{self._world.random.randrange(10**15):015d}"
        made = Freeze(auth_no, content["out_order_no"], content["order_title"], amount(content["amount"]), openid)
        self._freezes[auth_no] = made
        self._operate(made, content["out_request_no"], "FREEZE", made.fen)
        return made

    def _operate(self, freeze: Freeze, number: str, kind: str, fen: int) -> Operation:
        now = self._world.clock.now()
        operation_id = f"{now:%Y%m%d}{self._world.random.randrange(10**12):012d}"
        freeze.operations.append(Operation(operation_id, number, kind, fen, now))
        return freeze.operations[-1]

    def _found(self, content: dict[str, Any]) -> Freeze:
        for each in self._freezes.values():
            if content.get("auth_no") == each.auth_no or content.get("out_order_no") == each.out_order_no:
                return each
        raise Refusal("40004", "AUTH_ORDER_NOT_EXIST", "支付宝资金授权订单不存在")

    def _node(self, freeze: Freeze, operation: Operation) -> dict[str, Any]:
        return {
            "auth_no": freeze.auth_no,
            "out_order_no": freeze.out_order_no,
            "operation_id": operation.operation_id,
            "out_request_no": operation.out_request_no,
            "amount": yuan_from_fen(operation.fen),
            "status": operation.status,
            "payer_user_id": freeze.openid,
            "gmt_trans": trades.beijing(operation.made),
        }
