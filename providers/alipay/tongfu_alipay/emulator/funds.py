"""Money that leaves the merchant: transfers, and shares of a trade."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from tongfu.emulator.half import Route, World
from tongfu.money import yuan_from_fen

from . import trades
from .controls import control
from .gateway import Refusal, Request

BALANCE: Final = 10**8  # fen
DEALT_WITH: Final = timedelta(minutes=1)
OUTCOMES: Final = ("SUCCESS", "DEALING", "FAIL", "SYSTEM_ERROR")
IDENTITIES: Final = ("ALIPAY_USER_ID", "ALIPAY_LOGON_ID", "ALIPAY_OPEN_ID", "BANKCARD_ACCOUNT", "EXPRESS_DC_STFA")
LEAST: Final = {"TRANS_ACCOUNT_NO_PWD": 10, "STD_RED_PACKET": 1}


def amount(text: object, *, least: int = 1, name: str = "amount") -> int:
    """:raises Refusal: not yuan with at most two decimals, or too little."""
    if not isinstance(text, str) or re.fullmatch(r"\d{1,9}(\.\d{1,2})?", text, re.ASCII) is None:
        raise Refusal("40004", "INVALID_PARAMETER", f"参数有误{name}")
    yuan, _, rest = text.partition(".")
    fen = int(yuan) * 100 + int(rest.ljust(2, "0"))
    if not least <= fen <= 10**10:
        raise Refusal("40004", "INVALID_PARAMETER", f"参数有误{name}")
    return fen


@dataclass
class Sent:
    content: Mapping[str, Any]
    fen: int
    order_id: str
    pay_fund_order_id: str
    status: str
    made: datetime


class Funds:
    def __init__(self, world: World) -> None:
        self._world = world
        self.reset()

    def reset(self) -> None:
        self._sent: dict[str, Sent] = {}
        self._balance = BALANCE
        self._next: list[str] = []
        self._receivers: set[str] = set()
        self._settled: dict[str, tuple[Mapping[str, Any], str]] = {}

    def routes(self) -> Iterable[Route]:
        yield Route("POST", "/_emulator/alipay/funds", control(self.change, balance=int, outcome=str))

    def change(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The seller's balance (fen), and what becomes of the next transfer: SUCCESS, DEALING, FAIL, SYSTEM_ERROR"""
        if "outcome" in body:
            if body["outcome"] not in OUTCOMES:
                raise ValueError(f"outcome is one of {', '.join(OUTCOMES)}")
            self._next.append(body["outcome"])
        self._balance = body.get("balance", self._balance)
        return {"balance": self._balance, "transfers": {number: sent.status for number, sent in self._sent.items()}}

    def transfer(self, request: Request) -> dict[str, Any]:
        """
        alipay.fund.trans.uni.transfer.

        :raises Refusal: as the platform refuses.
        """
        content = request.content
        if not request.certified:
            raise Refusal("40006", "isv.insufficient-isv-permissions", "资金支出类接口需使用公钥证书签名方式")
        number, product = content.get("out_biz_no"), content.get("product_code")
        if not isinstance(number, str) or not 1 <= len(number) <= 64 or product not in LEAST:
            raise Refusal("40004", "INVALID_PARAMETER", "参数有误out_biz_no或product_code")
        fen = amount(content.get("trans_amount"), least=LEAST[product], name="trans_amount")
        payee = content.get("payee_info")
        if not isinstance(payee, dict) or not payee.get("identity") or payee.get("identity_type") not in IDENTITIES:
            raise Refusal("40004", "PAYEE_NOT_EXIST", "收款账号不存在")
        if payee["identity_type"] == "ALIPAY_LOGON_ID" and not payee.get("name"):
            raise Refusal("40004", "PAYEE_USERINFO_ERROR", "支付宝账号和姓名不匹配")
        if not isinstance(content.get("business_params", ""), str):
            raise Refusal("40004", "INVALID_PARAMETER", "参数有误business_params")
        known = self._sent.get(number)
        if known is not None:
            if known.content != content:
                raise Refusal("40004", "PARAM_ILLEGAL", "同一外部业务号的请求参数不一致")
            return self._node(number, known, "amount")
        if fen > self._balance:
            raise Refusal("40004", "PAYER_BALANCE_NOT_ENOUGH", "付款方余额不足")
        now, chance = self._world.clock.now(), self._world.random
        outcome = self._next.pop(0) if self._next else "SUCCESS"
        order_id, fund_id = (f"{now:%Y%m%d}{kind}{chance.randrange(10**14):014d}" for kind in ("11007", "11008"))
        status = "SUCCESS" if outcome == "SYSTEM_ERROR" else outcome
        self._sent[number] = Sent(content, fen, order_id, fund_id, status, now)
        if status != "FAIL":
            self._balance -= fen
        if outcome == "SYSTEM_ERROR":
            raise Refusal("20000", "isp.SYSTEM_ERROR", "系统繁忙")
        return self._node(number, self._sent[number], "amount")

    def query(self, request: Request) -> dict[str, Any]:
        """
        alipay.fund.trans.common.query.

        :raises Refusal: as the platform refuses.
        """
        content = request.content
        number = content.get("out_biz_no")
        if content.get("order_id"):
            number = next((each for each, sent in self._sent.items() if sent.order_id == content["order_id"]), None)
        elif not number or not content.get("product_code"):
            raise Refusal("40004", "INVALID_PARAMETER", "参数有误")
        sent = self._sent.get(str(number))
        if sent is None:
            raise Refusal("40004", "ORDER_NOT_EXIST", "转账订单不存在")
        return self._node(str(number), sent, "trans_amount")

    def _node(self, number: str, sent: Sent, amount_name: str) -> dict[str, Any]:
        if sent.status == "DEALING" and self._world.clock.now() >= sent.made + DEALT_WITH:
            sent.status = "SUCCESS"
        node = {
            "out_biz_no": number,
            "order_id": sent.order_id,
            "status": sent.status,
            amount_name: yuan_from_fen(sent.fen),
        }
        if sent.status == "FAIL":
            return {**node, "error_code": "PAYEE_CARD_INFO_ERROR", "fail_reason": "收款方账户异常"}
        return {**node, "pay_fund_order_id": sent.pay_fund_order_id, "trans_date": trades.beijing(sent.made)}

    def bind(self, request: Request) -> dict[str, Any]:
        """
        alipay.trade.royalty.relation.bind.

        :raises Refusal: as the platform refuses.
        """
        self._receivers |= self._listed(request)
        return {"result_code": "SUCCESS"}

    def unbind(self, request: Request) -> dict[str, Any]:
        """
        alipay.trade.royalty.relation.unbind.

        :raises Refusal: as the platform refuses.
        """
        self._receivers -= self._listed(request)
        return {"result_code": "SUCCESS"}

    def bound(self, request: Request) -> dict[str, Any]:
        """alipay.trade.royalty.relation.batchquery."""
        return {
            "result_code": "SUCCESS",
            "receiver_list": [{"type": "userId", "account": each} for each in sorted(self._receivers)],
            "total_record_num": len(self._receivers),
        }

    def _listed(self, request: Request) -> set[str]:
        listed = request.content.get("receiver_list")
        if not request.content.get("out_request_no") or not isinstance(listed, list) or not listed:
            raise Refusal("40004", "INVALID_PARAMETER", "参数有误receiver_list")
        return {str(each.get("account", "")) for each in listed if isinstance(each, dict)}

    def settle(self, request: Request) -> dict[str, Any]:
        """
        alipay.trade.order.settle.

        :raises Refusal: as the platform refuses.
        """
        content = request.content
        number, shares = content.get("out_request_no"), content.get("royalty_parameters")
        if not isinstance(number, str) or not isinstance(shares, list) or not shares:
            raise Refusal("40004", "ACQ.INVALID_PARAMETER", "参数有误")
        order = next((o for o in self._world.orders("alipay") if o.transaction_id == content.get("trade_no")), None)
        if order is None:
            raise Refusal("40004", "ACQ.TRADE_NOT_EXIST", "交易不存在")
        known = self._settled.get(number)
        if known is not None:
            if known[0] != content:
                raise Refusal("40004", "ACQ.DISCORDANT_REPEAT_REQUEST", "不一致的请求")
            return {"trade_no": order.transaction_id, "settle_no": known[1]}
        if order.state != "paid":
            raise Refusal("40004", "ACQ.TRADE_STATUS_ERROR", "交易状态不合法")
        fens = [amount(share.get("amount"), name="royalty_parameters") for share in shares]
        if any(str(share.get("trans_in", "")) not in self._receivers for share in shares):
            raise Refusal("40004", "ACQ.USER_NOT_MATCH_ERR", "分账接收方未绑定")
        if order.wire.get("shared", 0) + sum(fens) > order.total_fee - order.refunded_fee:
            raise Refusal("40004", "ACQ.ALLOC_AMOUNT_VALIDATE_ERROR", "分账金额超限")
        order.wire["shared"] = order.wire.get("shared", 0) + sum(fens)
        settle_no = f"{self._world.clock.now():%Y%m%d}{self._world.random.randrange(10**16):016d}"
        self._settled[number] = (content, settle_no)
        return {"trade_no": order.transaction_id, "settle_no": settle_no}
