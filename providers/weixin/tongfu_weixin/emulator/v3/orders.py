"""
Orders of every scene, for a merchant and for a service provider, in the ledger that v2 uses too.

An order keeps what it was asked for under v2's names: an order of either protocol is queried, refunded and
billed by both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from tongfu.emulator.half import EmulatedOrder
from tongfu_weixin.emulator import orders as v2

from .gate import Act, Endpoint, Request
from .shape import Flag, Items, Members, Shape, Text, Whole
from .wire import BEIJING, OTHER_ORDER, Refused, moment, when, wrong

if TYPE_CHECKING:
    from tongfu_weixin.emulator.half import WeixinHalf
    from tongfu_weixin.emulator.orders import Owner

DIRECT: Final = "/v3/pay/transactions"
PARTNER: Final = "/v3/pay/partner/transactions"
SCENES: Final = {"jsapi": "JSAPI", "app": "APP", "native": "NATIVE", "h5": "MWEB"}
OPEN: Final = timedelta(days=7)
LONGEST: Final = {DIRECT: timedelta(days=90), PARTNER: timedelta(days=15)}
PREPAY_LIFE: Final = timedelta(hours=2)
URL: Final = r"https?://[^?#\s]+"
NUMBER: Final = r"[0-9A-Za-z_\-|*]{6,32}"
SUB_MCHID: Final = Text(32, needed=True, pattern=r"\d+")
_GOODS: Final = Members(
    {
        "merchant_goods_id": Text(32, needed=True),
        "wechatpay_goods_id": Text(32),
        "goods_name": Text(256),
        "quantity": Whole(1, needed=True),
        "unit_price": Whole(0, needed=True),
    }
)
_STORE: Final = Members({"id": Text(32, needed=True), "name": Text(256), "area_code": Text(32), "address": Text(512)})
_H5: Final = Members(
    {
        "type": Text(32, needed=True, among=("iOS", "Android", "Wap")),
        "app_name": Text(64),
        "app_url": Text(128),
        "bundle_id": Text(128),
        "package_name": Text(128),
    },
    needed=True,
)


def endpoints(half: WeixinHalf) -> Iterable[Endpoint]:
    for base in (DIRECT, PARTNER):
        for path, scene in SCENES.items():
            yield Endpoint("POST", f"{base}/{path}", _ordering(half, base, scene), _order(base, scene))
        for path in ("id/{transaction_id}", "out-trade-no/{out_trade_no}"):
            yield Endpoint("GET", f"{base}/{path}", _querying(half, base))
        close = f"{base}/out-trade-no/{{out_trade_no}}/close"
        numbers: dict[str, Shape] = {"mchid": Text(32, needed=True)}
        if base == PARTNER:
            numbers = {"sp_mchid": Text(32, needed=True), "sub_mchid": SUB_MCHID}
        yield Endpoint("POST", close, _closing(half, base), Members(numbers))


def _order(base: str, scene: str) -> Members:
    """What the JSON of an order may be. Source: the table of the fields of each scene."""
    jsapi, h5 = scene == "JSAPI", scene == "MWEB"
    of: dict[str, Shape] = {"appid": Text(32, needed=True), "mchid": Text(32, needed=True)}
    payer: dict[str, Shape] = {"openid": Text(128, needed=jsapi, number="268501013")}
    settled: dict[str, Shape] = {"profit_sharing": Flag()}
    if base == PARTNER:
        of = {"sp_appid": Text(32, needed=True), "sp_mchid": Text(32, needed=True)}
        of |= {"sub_appid": Text(32), "sub_mchid": SUB_MCHID}
        payer = {"sp_openid": Text(128), "sub_openid": Text(128)}
    scene_info: dict[str, Shape] = {
        "payer_client_ip": Text(45, needed=True),
        "device_id": Text(32),
        "store_info": _STORE,
    }
    if h5:
        scene_info["h5_info"] = _H5
    return Members(
        {
            **of,
            "description": Text(127, needed=True),
            "out_trade_no": Text(32, needed=True, least=6, pattern=NUMBER),
            "time_expire": Text(64),
            "attach": Text(128),
            "notify_url": Text(255, needed=True, pattern=URL),
            "goods_tag": Text(32),
            "support_fapiao": Flag(),
            "amount": Members({"total": Whole(1, needed=True), "currency": Text(16, among=("CNY",))}, needed=True),
            "payer": Members(payer, needed=jsapi),
            "detail": Members(
                {"cost_price": Whole(), "invoice_id": Text(32), "goods_detail": Items(_GOODS, most=6000)}
            ),
            "scene_info": Members(scene_info, needed=h5),
            "settle_info": Members(settled),
        }
    )


def owner_of(half: WeixinHalf, base: str, fields: Mapping[str, Any], location: str = "body") -> Owner:
    """
    Whose order it is.

    :raises Refused: the request names another merchant than the one that signed it.
    """
    name = "sp_mchid" if base == PARTNER else "mchid"
    if fields.get(name) != half.mch_id:
        raise wrong(name, "与签名的商户号不一致", location=location, number=OTHER_ORDER)
    return False, str(fields["sub_mchid"]) if base == PARTNER else ""


def _ordering(half: WeixinHalf, base: str, scene: str) -> Act:
    def order(request: Request) -> Mapping[str, Any]:
        asked = request.body
        owner = owner_of(half, base, asked)
        if (asked.get("appid") or asked.get("sp_appid")) != half.app_id:
            raise Refused(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配", explain=f"the app is {half.app_id}")
        payer = asked.get("payer", {})
        if base == PARTNER:
            _partner_payer(asked, payer, scene)
        expires = _expires(half, base, asked)
        found = half.world.order(half.platform, asked["out_trade_no"])
        if found is None:
            found = _new(half, scene, owner, asked, expires)
        else:
            _again(half, found, owner, scene, asked)
        return _told(half, found, scene)

    return order


def _partner_payer(asked: Mapping[str, Any], payer: Mapping[str, Any], scene: str) -> None:
    openids = [name for name in ("sp_openid", "sub_openid") if payer.get(name)]
    if scene == "JSAPI" and not openids:
        raise wrong("/payer", "须传sp_openid或sub_openid", number="268501013")
    if "sub_openid" in openids and not asked.get("sub_appid"):
        raise wrong("/sub_appid", "传sub_openid时必传")


def _expires(half: WeixinHalf, base: str, asked: Mapping[str, Any]) -> datetime:
    now = half.world.clock.now()
    if not asked.get("time_expire"):
        return now + OPEN
    expires = moment(asked["time_expire"], "/time_expire")
    if not now + timedelta(minutes=1) <= expires <= now + LONGEST[base]:
        raise wrong("/time_expire", f"应在1分钟之后、{LONGEST[base].days}天之内")
    return expires


def _new(half: WeixinHalf, scene: str, owner: Owner, asked: Mapping[str, Any], expires: datetime) -> EmulatedOrder:
    payer = asked.get("payer", {})
    v2_names = {
        "appid": half.app_id,
        "body": asked["description"],
        "attach": asked.get("attach", ""),
        "device_info": asked.get("scene_info", {}).get("device_id", ""),
        "trade_type": scene,
        "sub_appid": asked.get("sub_appid", ""),
        "sub_mch_id": owner[1],
        "openid": payer.get("openid") or payer.get("sp_openid", ""),
        "sub_openid": payer.get("sub_openid", ""),
        "profit_sharing": "Y" if asked.get("settle_info", {}).get("profit_sharing") else "N",
    }
    order = EmulatedOrder(
        platform=half.platform,
        out_trade_no=asked["out_trade_no"],
        total_fee=asked["amount"]["total"],
        created=half.world.clock.now(),
        openid=v2_names["sub_openid"] or v2_names["openid"],
        expires=expires,
        notify_url=asked["notify_url"],
        wire={
            "asked": {name: value for name, value in v2_names.items() if value},
            "told": {},
            "sign_type": "MD5",
            "sub_mch_id": owner[1],
            "sandbox": False,
            "v3": {"scene": scene, "asked": _same(asked)},
        },
    )
    half.world.add(order)
    return order


def _again(half: WeixinHalf, order: EmulatedOrder, owner: Owner, scene: str, asked: Mapping[str, Any]) -> None:
    """The same order again, with exactly the same parameters, is the same order."""
    if v2.owner_of(order) == owner and order.state == "closed":
        raise Refused(400, "ORDER_CLOSED", "订单已关闭")
    if v2.owner_of(order) == owner and order.state in ("paid", "refunded"):
        raise Refused(400, "ORDER_PAID", "该订单已支付")
    if order.wire.get("v3") != {"scene": scene, "asked": _same(asked)}:
        explain = "the order of that number was made with other parameters"
        raise Refused(403, "OUT_TRADE_NO_USED", "商户订单号重复", explain=explain)


def _same(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What an order must repeat; its expiry is the first request's."""
    return {name: value for name, value in asked.items() if name != "time_expire"}


def _told(half: WeixinHalf, order: EmulatedOrder, scene: str) -> Mapping[str, Any]:
    """The answer of the order; the same one for two hours."""
    now, told = half.world.clock.now(), order.wire["told"]
    if not told or now - datetime.fromisoformat(told["at"]) >= PREPAY_LIFE:
        chance = half.world.random
        number = f"wx{now.astimezone(BEIJING):%d%H%M%S}{chance.getrandbits(96):024x}"
        told = {"at": now.astimezone(UTC).isoformat(), "prepay_id": number}
        if scene == "NATIVE":
            told["code_url"] = f"weixin://wxpay/bizpayurl?pr={chance.getrandbits(40):010x}"
        if scene == "MWEB":
            told["h5_url"] = f"{half.world.origin}/cgi-bin/mmpayweb-bin/checkmweb?prepay_id={number}"
        order.wire["told"] = told
    name = {"NATIVE": "code_url", "MWEB": "h5_url"}.get(scene, "prepay_id")
    return {name: told[name]}


def _querying(half: WeixinHalf, base: str) -> Act:
    def query(request: Request) -> Mapping[str, Any]:
        if base == PARTNER:
            request.parameter("sub_mchid", r"\d{1,32}")
        owner = owner_of(half, base, request.query, "query")
        return transaction(half, find(half, request.names, owner))

    return query


def _closing(half: WeixinHalf, base: str) -> Act:
    def close(request: Request) -> None:
        owner = owner_of(half, base, request.body)
        v2.close_order(half, {"out_trade_no": request.names["out_trade_no"]}, owner)

    return close


def find(half: WeixinHalf, names: Mapping[str, Any], owner: Owner) -> EmulatedOrder:
    """By transaction_id or out_trade_no. :raises Refusal: there is none for that owner."""
    wanted = {name: names[name] for name in ("transaction_id", "out_trade_no") if names.get(name)}
    return v2.find(half, wanted, owner)


def transaction(half: WeixinHalf, order: EmulatedOrder) -> dict[str, Any]:
    """An order as a query and a callback tell it; unpaid, the platform says little."""
    asked, sub = order.wire["asked"], order.wire["sub_mch_id"]
    told = whose(half, order) | {"sp_appid" if sub else "appid": asked.get("appid", half.app_id)}
    if asked.get("sub_appid"):
        told["sub_appid"] = asked["sub_appid"]
    number = {"out_trade_no": order.out_trade_no}
    state = v2.order_query(half, number, v2.owner_of(order))["trade_state"]
    told |= {**number, "trade_state": state, "trade_state_desc": v2.WORDS.get(state, state)}
    if asked.get("attach"):
        told["attach"] = asked["attach"]
    if asked.get("device_info"):
        told["scene_info"] = {"device_id": asked["device_info"]}
    if order.paid is None:
        return told | {"amount": {"total": order.total_fee, "currency": "CNY"}}
    return told | {
        "transaction_id": order.transaction_id,
        "trade_type": asked["trade_type"],
        "bank_type": "OTHERS",
        "success_time": when(order.paid),
        "payer": _payer(order, sub, asked),
        "amount": {
            "total": order.total_fee,
            "payer_total": order.total_fee,
            "currency": "CNY",
            "payer_currency": "CNY",
        },
        "promotion_detail": [],
    }


def whose(half: WeixinHalf, order: EmulatedOrder) -> dict[str, Any]:
    sub = order.wire["sub_mch_id"]
    return {"sp_mchid": half.mch_id, "sub_mchid": sub} if sub else {"mchid": half.mch_id}


def _payer(order: EmulatedOrder, sub: str, asked: Mapping[str, str]) -> dict[str, str]:
    if not sub:
        return {"openid": order.openid}
    if not asked.get("sub_appid"):
        return {"sp_openid": order.openid}
    # One buyer, two apps, two openids: the one that the order did not name is made of the other.
    if asked.get("openid") and not asked.get("sub_openid"):
        return {"sp_openid": asked["openid"], "sub_openid": f"oMerchant{order.openid[-19:]}"}
    return {"sp_openid": asked.get("openid") or f"oPartner{order.openid[-20:]}", "sub_openid": order.openid}
