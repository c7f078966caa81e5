"""
Combined orders (合单): several orders that the buyer pays at once, each in the ledger by itself.

Source: https://pay.weixin.qq.com/docs/merchant/products/combine-payment/apilist-jsapi.html, its query, its closing and
its callback
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from tongfu.emulator.half import EmulatedOrder
from tongfu_weixin.emulator import orders as v2

from .callbacks import Callbacks, Told
from .gate import Act, Endpoint, Request
from .orders import NUMBER, OPEN, SCENES, URL
from .shape import Flag, Items, Members, Shape, Text, Whole
from .wire import OTHER_ORDER, Refused, moment, when, wrong

if TYPE_CHECKING:
    from tongfu_weixin.emulator.half import WeixinHalf

BASE: Final = "/v3/combine-transactions"
MOST: Final = 50
_MCHID: Final = {"mchid": Text(32, needed=True), "sub_mchid": Text(32, pattern=r"\d+")}
_SUB: Final = Members(
    {
        **_MCHID,
        "attach": Text(128, needed=True),
        "amount": Members(
            {"total_amount": Whole(1, needed=True), "currency": Text(8, needed=True, among=("CNY",))}, needed=True
        ),
        "out_trade_no": Text(32, needed=True, least=6, pattern=NUMBER),
        "description": Text(127, needed=True),
        "detail": Text(6000),
        "goods_tag": Text(32),
        "settle_info": Members({"profit_sharing": Flag(), "subsidy_amount": Whole()}),
    }
)
_CLOSE: Final = Members(
    {
        "combine_appid": Text(32, needed=True),
        "sub_orders": Items(Members({**_MCHID, "out_trade_no": Text(32, needed=True)}), most=MOST, needed=True),
    }
)


def _body(scene: str) -> Members:
    scene_info: dict[str, Shape] = {"payer_client_ip": Text(45, needed=True), "device_id": Text(32)}
    if scene == "MWEB":
        h5: dict[str, Shape] = {"type": Text(32, needed=True), "app_name": Text(64), "app_url": Text(128)}
        scene_info["h5_info"] = Members({**h5, "bundle_id": Text(128), "package_name": Text(128)}, needed=True)
    jsapi = scene == "JSAPI"
    return Members(
        {
            "combine_appid": Text(32, needed=True),
            "combine_mchid": Text(32, needed=True),
            "combine_out_trade_no": Text(32, needed=True, least=6, pattern=NUMBER),
            "scene_info": Members(scene_info, needed=scene == "MWEB"),
            "sub_orders": Items(_SUB, most=MOST, needed=True),
            "combine_payer_info": Members({"openid": Text(128, needed=jsapi)}, needed=jsapi),
            "time_start": Text(64),
            "time_expire": Text(64),
            "notify_url": Text(255, needed=True, pattern=URL),
        }
    )


@dataclass(slots=True)
class Combination:
    asked: Mapping[str, Any] = field(repr=False)
    scene: str
    told: Mapping[str, str]


class Combined:
    def __init__(self, half: WeixinHalf, callbacks: Callbacks) -> None:
        self._half, self._callbacks = half, callbacks
        self._all: dict[str, Combination] = {}

    def reset(self) -> None:
        self._all.clear()

    def endpoints(self) -> Iterable[Endpoint]:
        for path, scene in SCENES.items():
            yield Endpoint("POST", f"{BASE}/{path}", self._ordering(scene), _body(scene))
        number = f"{BASE}/out-trade-no/{{combine_out_trade_no}}"
        yield Endpoint("GET", number, self._query)
        yield Endpoint("POST", f"{number}/close", self._close, _CLOSE)

    def pay(self, combine_out_trade_no: str, outcome: str = "success") -> Mapping[str, Any]:
        """
        The buyer pays all of them, or none.

        :raises LookupError: there is no such combination.
        :raises ValueError: it cannot take that outcome.
        """
        found = self._all.get(combine_out_trade_no)
        if found is None:
            raise LookupError(f"there is no combined order {combine_out_trade_no}")
        for order in self._orders(found):
            self._half.pay(order, outcome)
        if outcome == "success":
            named = self._callbacks.named()
            told = Told("TRANSACTION.SUCCESS", "combine-transaction", "支付成功", lambda: self._document(found))
            url = found.asked["notify_url"]
            delivery = self._callbacks.delivery("payment", combine_out_trade_no, url, told, named, kept=False)
            self._half.world.deliver(delivery)
        return self._document(found)

    def _ordering(self, scene: str) -> Act:
        def order(request: Request) -> Mapping[str, Any]:
            asked, half = request.body, self._half
            if asked["combine_mchid"] != half.mch_id:
                raise wrong("/combine_mchid", "与签名的商户号不一致", number=OTHER_ORDER)
            if asked["combine_appid"] != half.app_id:
                raise Refused(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配", explain=f"the app is {half.app_id}")
            found = self._all.get(asked["combine_out_trade_no"])
            if found is not None and (found.asked, found.scene) != (asked, scene):
                raise Refused(403, "OUT_TRADE_NO_USED", "商户订单号重复", explain="made with other parameters")
            if found is None:
                found = self._new(asked, scene)
            return found.told

        return order

    def _new(self, asked: Mapping[str, Any], scene: str) -> Combination:
        half, subs = self._half, asked["sub_orders"]
        now, chance = half.world.clock.now(), half.world.random
        expires = moment(asked["time_expire"], "/time_expire") if asked.get("time_expire") else now + OPEN
        if expires < now + timedelta(minutes=1):
            raise wrong("/time_expire", "应在1分钟之后")
        numbers = [sub["out_trade_no"] for sub in subs]
        if len(set(numbers)) != len(numbers):
            raise wrong("/sub_orders", "子单商户订单号重复")
        for at, sub in enumerate(subs):
            if sub["mchid"] != half.mch_id:
                raise wrong(f"/sub_orders/{at}/mchid", "与合单发起方无绑定关系")
            if half.world.order(half.platform, sub["out_trade_no"]) is not None:
                raise Refused(403, "OUT_TRADE_NO_USED", "商户订单号重复", explain=f"{sub['out_trade_no']} is used")
        number = f"wx{now:%d%H%M%S}{chance.getrandbits(96):024x}"
        told = {"prepay_id": number}
        if scene == "NATIVE":
            told = {"code_url": f"weixin://wxpay/bizpayurl?pr={chance.getrandbits(40):010x}"}
        if scene == "MWEB":
            told = {"h5_url": f"{half.world.origin}/cgi-bin/mmpayweb-bin/checkmweb?prepay_id={number}"}
        openid = asked.get("combine_payer_info", {}).get("openid", "")
        for sub in subs:
            names = {
                "appid": half.app_id,
                "body": sub["description"],
                "attach": sub["attach"],
                "trade_type": scene,
                "sub_mch_id": sub.get("sub_mchid", ""),
                "openid": openid,
                "profit_sharing": "Y" if sub.get("settle_info", {}).get("profit_sharing") else "N",
            }
            half.world.add(
                EmulatedOrder(
                    platform=half.platform,
                    out_trade_no=sub["out_trade_no"],
                    total_fee=sub["amount"]["total_amount"],
                    created=now,
                    openid=openid,
                    expires=expires,
                    wire={
                        "asked": {name: value for name, value in names.items() if value},
                        "told": {},
                        "sign_type": "MD5",
                        "sub_mch_id": sub.get("sub_mchid", ""),
                        "sandbox": False,
                        "v3": {"scene": scene, "asked": sub},
                    },
                )
            )
        made = self._all[asked["combine_out_trade_no"]] = Combination(asked, scene, told)
        return made

    def _query(self, request: Request) -> Mapping[str, Any]:
        return self._document(self._found(request))

    def _close(self, request: Request) -> None:
        found = self._found(request)
        known = {order.out_trade_no: order for order in self._orders(found)}
        for at, sub in enumerate(request.body["sub_orders"]):
            if sub["out_trade_no"] not in known:
                raise wrong(f"/sub_orders/{at}/out_trade_no", "不是该合单的子单")
        for sub in request.body["sub_orders"]:
            order = known[sub["out_trade_no"]]
            v2.close_order(self._half, {"out_trade_no": order.out_trade_no}, v2.owner_of(order))

    def _found(self, request: Request) -> Combination:
        found = self._all.get(request.names["combine_out_trade_no"])
        if found is None:
            raise Refused(404, "ORDER_NOT_EXIST", "订单不存在")
        return found

    def _orders(self, found: Combination) -> list[EmulatedOrder]:
        orders = (self._half.world.order(self._half.platform, sub["out_trade_no"]) for sub in found.asked["sub_orders"])
        return [order for order in orders if order is not None]

    def _document(self, found: Combination) -> dict[str, Any]:
        orders = self._orders(found)
        told: dict[str, Any] = {
            name: found.asked[name] for name in ("combine_appid", "combine_mchid", "combine_out_trade_no")
        }
        if any(order.paid for order in orders):
            told["combine_payer_info"] = {"openid": orders[0].openid}
        return told | {"sub_orders": [self._sub(order) for order in orders]}

    def _sub(self, order: EmulatedOrder) -> dict[str, Any]:
        asked, sub_mchid = order.wire["asked"], order.wire["sub_mch_id"]
        number = {"out_trade_no": order.out_trade_no}
        told: dict[str, Any] = {
            "mchid": self._half.mch_id,
            **number,
            "trade_state": v2.order_query(self._half, number, v2.owner_of(order))["trade_state"],
            "attach": asked["attach"],
            "amount": {"total_amount": order.total_fee, "currency": "CNY"},
        }
        if sub_mchid:
            told["sub_mchid"] = sub_mchid
        if order.paid is not None:
            told |= {"transaction_id": order.transaction_id, "trade_type": asked["trade_type"], "bank_type": "OTHERS"}
            told["success_time"] = when(order.paid)
            told["amount"] |= {"payer_amount": order.total_fee, "payer_currency": "CNY"}
        return told
