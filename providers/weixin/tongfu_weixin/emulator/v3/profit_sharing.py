"""
Profit sharing (分账): receivers, shares of a paid order, shares taken back, what is left.

What an order has shared is in its ``wire``. Source:
https://pay.weixin.qq.com/docs/merchant/products/profit-sharing/apilist.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tongfu_weixin.emulator import orders as v2_orders

from .gate import Endpoint, Request
from .shape import Flag, Items, Members, Shape, Text, Whole
from .wire import Refused, when, wrong

if TYPE_CHECKING:
    from tongfu.emulator.half import EmulatedOrder
    from tongfu_weixin.emulator.half import WeixinHalf

BASE: Final = "/v3/profitsharing"
TAKES: Final = timedelta(seconds=5)  # of the emulator's clock, until a sharing or a return is done
MOST: Final = 50  # sharings of one order
TYPES: Final = ("MERCHANT_ID", "PERSONAL_OPENID", "PERSONAL_SUB_OPENID")
RELATIONS: Final = (
    "SERVICE_PROVIDER",
    "STORE",
    "STAFF",
    "STORE_OWNER",
    "PARTNER",
    "HEADQUARTER",
    "BRAND",
    "DISTRIBUTOR",
    "USER",
    "SUPPLIER",
    "CUSTOM",
)
NUMBER: Final = r"[0-9A-Za-z_\-|*@]+"
_OWNER: Final[dict[str, Shape]] = {
    "appid": Text(32, needed=True),
    "sub_appid": Text(32),
    "sub_mchid": Text(32, pattern=r"\d+"),
}
_WHO: Final[dict[str, Shape]] = {
    "type": Text(32, needed=True, among=TYPES),
    "account": Text(64, needed=True),
}
_SHARE: Final = Members(
    {**_WHO, "name": Text(1024), "amount": Whole(1, needed=True), "description": Text(80, needed=True)}
)
_OF_ORDER: Final[dict[str, Shape]] = {
    "sub_mchid": Text(32, pattern=r"\d+"),
    "transaction_id": Text(32, needed=True),
    "out_order_no": Text(64, needed=True, pattern=NUMBER),
}
ADD: Final = Members(
    {
        **_OWNER,
        **_WHO,
        "name": Text(1024),
        "relation_type": Text(32, needed=True, among=RELATIONS),
        "custom_relation": Text(10),
    }
)
DELETE: Final = Members({**_OWNER, **_WHO})
ORDER: Final = Members(
    {
        **_OWNER,
        **_OF_ORDER,
        "receivers": Items(_SHARE, most=MOST, needed=True),
        "unfreeze_unsplit": Flag(needed=True),
        "notify_url": Text(256),
    }
)
UNFREEZE: Final = Members({**_OF_ORDER, "description": Text(80, needed=True), "notify_url": Text(256)})
RETURN: Final = Members(
    {
        "sub_mchid": Text(32, pattern=r"\d+"),
        "order_id": Text(64),
        "out_order_no": Text(64),
        "out_return_no": Text(64, needed=True, pattern=NUMBER),
        "return_mchid": Text(32, needed=True),
        "amount": Whole(1, needed=True),
        "description": Text(80, needed=True),
    }
)


class ProfitSharing:
    def __init__(self, half: WeixinHalf) -> None:
        self._half = half
        self._receivers: dict[tuple[str, str, str], str] = {}  # sub-merchant, type, account: the name, if told

    def reset(self) -> None:
        self._receivers.clear()

    def endpoints(self) -> Iterable[Endpoint]:
        yield Endpoint("POST", f"{BASE}/receivers/add", self._add, ADD, ("name",))
        yield Endpoint("POST", f"{BASE}/receivers/delete", self._delete, DELETE)
        yield Endpoint("POST", f"{BASE}/orders", self._share, ORDER, ("receivers.*.name",))
        yield Endpoint("POST", f"{BASE}/orders/unfreeze", self._unfreeze, UNFREEZE)
        yield Endpoint("GET", f"{BASE}/orders/{{out_order_no}}", self._query)
        yield Endpoint("POST", f"{BASE}/return-orders", self._return, RETURN)
        yield Endpoint("GET", f"{BASE}/return-orders/{{out_return_no}}", self._query_return)
        yield Endpoint("GET", f"{BASE}/transactions/{{transaction_id}}/amounts", self._amounts)

    def _add(self, request: Request) -> Mapping[str, Any]:
        asked = self._of_app(request)
        if asked["type"] == "MERCHANT_ID" and not asked.get("name"):
            raise wrong("/name", "分账接收方是商户时必填")
        if asked["relation_type"] == "CUSTOM" and not asked.get("custom_relation"):
            raise wrong("/custom_relation", "relation_type是CUSTOM时必填")
        self._receivers[_receiver(asked, asked)] = asked.get("name", "")
        names = ("sub_mchid", "type", "account", "relation_type", "custom_relation")
        return {name: asked[name] for name in names if name in asked}

    def _delete(self, request: Request) -> Mapping[str, Any]:
        asked = self._of_app(request)
        if self._receivers.pop(_receiver(asked, asked), None) is None:
            raise Refused(400, "INVALID_REQUEST", "分账接收方关系不存在")
        return {name: asked[name] for name in ("sub_mchid", "type", "account") if name in asked}

    def _share(self, request: Request) -> Mapping[str, Any]:
        asked = self._of_app(request)
        order = self._order(asked["transaction_id"], asked.get("sub_mchid", ""))
        for each in asked["receivers"]:
            if _receiver(asked, each) not in self._receivers:
                raise Refused(400, "INVALID_REQUEST", "分账接收方关系未设置", explain="first receivers/add")
            if each.get("name") and each["name"] != self._receivers[_receiver(asked, each)]:
                raise Refused(400, "INVALID_REQUEST", "分账接收方姓名不匹配")
        names = ("type", "account", "amount", "description")
        receivers = [{name: each[name] for name in names} for each in asked["receivers"]]
        made = self._shared(order, asked, {"receivers": receivers, "unfreeze": asked["unfreeze_unsplit"]})
        return self._sharing(order, made)

    def _unfreeze(self, request: Request) -> Mapping[str, Any]:
        asked = request.body
        order = self._order(asked["transaction_id"], asked.get("sub_mchid", ""))
        made = self._shared(order, asked, {"receivers": [], "unfreeze": True, "description": asked["description"]})
        return self._sharing(order, made)

    def _shared(self, order: EmulatedOrder, asked: Mapping[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
        """The sharing of that number: the same again changes nothing."""
        sharings, number = order.wire.setdefault("sharings", {}), asked["out_order_no"]
        if number in sharings:
            made: dict[str, Any] = sharings[number]
            if made["wanted"] != wanted:
                raise Refused(400, "INVALID_REQUEST", "商户分账单号重复，且参数不一致", number="268498688")
            return made
        if any(other["wanted"]["unfreeze"] for other in sharings.values()):
            raise Refused(400, "INVALID_REQUEST", "订单已完结分账，剩余资金已解冻")
        if len(sharings) >= MOST:
            raise Refused(403, "RULE_LIMIT", "分账次数超过限制")
        left = unsplit(order)
        if sum(each["amount"] for each in wanted["receivers"]) > left:
            raise Refused(403, "NOT_ENOUGH", "分账金额不足", explain=f"{left} fen are left")
        now, chance = self._half.world.clock.now(), self._half.world.random
        details = [f"36{chance.randrange(10**24):024d}" for _ in range(len(wanted["receivers"]) + 1)]
        made = {
            "wanted": wanted,
            "order_id": f"3008{chance.randrange(10**24):024d}",
            "at": now.isoformat(),
            "left": left - sum(each["amount"] for each in wanted["receivers"]),
            "details": details,
        }
        sharings[number] = made
        return made

    def _query(self, request: Request) -> Mapping[str, Any]:
        sub = request.parameter("sub_mchid", r"\d{1,32}", needed=False)
        order = self._order(request.parameter("transaction_id"), sub)
        made = order.wire.get("sharings", {}).get(request.names["out_order_no"])
        if made is None:
            raise Refused(404, "RESOURCE_NOT_EXISTS", "记录不存在")
        return self._sharing(order, made)

    def _sharing(self, order: EmulatedOrder, made: Mapping[str, Any]) -> dict[str, Any]:
        at = datetime.fromisoformat(made["at"])
        done = self._half.world.clock.now() >= at + TAKES
        number = next(name for name, each in order.wire["sharings"].items() if each is made)
        receivers = [dict(each) for each in made["wanted"]["receivers"]]
        if made["wanted"]["unfreeze"] and made["left"]:
            # What nobody gets goes back to who sold, as a share of theirs.
            whose = order.wire["sub_mch_id"] or self._half.mch_id
            words = made["wanted"].get("description", "解冻给分账方")
            receivers.append({"type": "MERCHANT_ID", "account": whose, "amount": made["left"], "description": words})
        for each, detail in zip(receivers, made["details"], strict=False):
            each |= {"result": "SUCCESS" if done else "PENDING", "detail_id": detail, "create_time": when(at)}
            if done:
                each["finish_time"] = when(at + TAKES)
        told = {
            "transaction_id": order.transaction_id,
            "out_order_no": number,
            "order_id": made["order_id"],
            "state": "FINISHED" if done else "PROCESSING",
            "receivers": receivers,
        }
        return told | ({"sub_mchid": order.wire["sub_mch_id"]} if order.wire["sub_mch_id"] else {})

    def _return(self, request: Request) -> Mapping[str, Any]:
        asked = request.body
        if bool(asked.get("order_id")) == bool(asked.get("out_order_no")):
            raise wrong("/out_order_no", "和order_id二选一")
        order, number, made = self._named(asked)
        returns = order.wire.setdefault("sharing_returns", {})
        wanted = {name: asked[name] for name in ("return_mchid", "amount", "description")} | {"of": number}
        known = returns.get(asked["out_return_no"])
        if known is not None and known["wanted"] != wanted:
            raise Refused(400, "INVALID_REQUEST", "商户回退单号重复，且参数不一致", number="268498688")
        if known is None:
            got = sum(one["amount"] for one in made["wanted"]["receivers"] if one["account"] == asked["return_mchid"])
            back = sum(
                one["wanted"]["amount"]
                for one in returns.values()
                if one["wanted"]["of"] == number and one["wanted"]["return_mchid"] == asked["return_mchid"]
            )
            if asked["amount"] > got - back:
                raise Refused(403, "NOT_ENOUGH", "回退金额大于可回退金额", explain=f"{got - back} fen can go back")
            now, chance = self._half.world.clock.now(), self._half.world.random
            known = {"wanted": wanted, "return_id": f"3108{chance.randrange(10**24):024d}", "at": now.isoformat()}
            returns[asked["out_return_no"]] = known
        return self._returned(order, asked["out_return_no"], known)

    def _named(self, asked: Mapping[str, Any]) -> tuple[EmulatedOrder, str, Mapping[str, Any]]:
        for order in v2_orders.orders_of(self._half, (False, asked.get("sub_mchid", ""))):
            for number, made in order.wire.get("sharings", {}).items():
                if asked.get("out_order_no") == number or asked.get("order_id") == made["order_id"]:
                    return order, number, made
        raise Refused(404, "RESOURCE_NOT_EXISTS", "记录不存在")

    def _query_return(self, request: Request) -> Mapping[str, Any]:
        sub = request.parameter("sub_mchid", r"\d{1,32}", needed=False)
        order, of, _ = self._named({"out_order_no": request.parameter("out_order_no"), "sub_mchid": sub})
        number = request.names["out_return_no"]
        known = order.wire.get("sharing_returns", {}).get(number)
        if known is None or known["wanted"]["of"] != of:
            raise Refused(404, "RESOURCE_NOT_EXISTS", "记录不存在")
        return self._returned(order, number, known)

    def _returned(self, order: EmulatedOrder, number: str, known: Mapping[str, Any]) -> Mapping[str, Any]:
        at = datetime.fromisoformat(known["at"])
        done = self._half.world.clock.now() >= at + TAKES
        told = {name: known["wanted"][name] for name in ("return_mchid", "amount", "description")}
        told |= {"out_order_no": known["wanted"]["of"], "out_return_no": number, "return_id": known["return_id"]}
        told |= {"order_id": order.wire["sharings"][known["wanted"]["of"]]["order_id"], "create_time": when(at)}
        told |= {"result": "SUCCESS", "finish_time": when(at + TAKES)} if done else {"result": "PROCESSING"}
        return told | ({"sub_mchid": order.wire["sub_mch_id"]} if order.wire["sub_mch_id"] else {})

    def _amounts(self, request: Request) -> Mapping[str, Any]:
        """It names no sub-merchant: the transaction is enough."""
        number = request.names["transaction_id"]
        for order in self._half.world.orders(self._half.platform):
            if order.transaction_id == number and not order.wire["sandbox"]:
                return {"transaction_id": number, "unsplit_amount": unsplit(_shareable(order))}
        raise Refused(404, "RESOURCE_NOT_EXISTS", "订单不存在")

    def _order(self, transaction_id: str, sub_mchid: str) -> EmulatedOrder:
        for order in v2_orders.orders_of(self._half, (False, sub_mchid)):
            if order.transaction_id == transaction_id:
                return _shareable(order)
        raise Refused(404, "RESOURCE_NOT_EXISTS", "订单不存在")

    def _of_app(self, request: Request) -> Mapping[str, Any]:
        if request.body["appid"] != self._half.app_id:
            raise Refused(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配", explain=f"it is {self._half.app_id}")
        return request.body


def unsplit(order: EmulatedOrder) -> int:
    """What can still be shared, in fen: what is neither shared nor refunded, and nothing once it is unfrozen."""
    sharings = order.wire.get("sharings", {}).values()
    if any(one["wanted"]["unfreeze"] for one in sharings):
        return 0
    shared: int = sum(each["amount"] for one in sharings for each in one["wanted"]["receivers"])
    return max(0, order.total_fee - order.refunded_fee - shared)


def _shareable(order: EmulatedOrder) -> EmulatedOrder:
    if order.wire["asked"].get("profit_sharing") != "Y":
        raise Refused(403, "NO_AUTH", "非分账订单不支持分账", explain="settle_info.profit_sharing was not true")
    return order


def _receiver(asked: Mapping[str, Any], who: Mapping[str, Any]) -> tuple[str, str, str]:
    return asked.get("sub_mchid", ""), who["type"], who["account"]
