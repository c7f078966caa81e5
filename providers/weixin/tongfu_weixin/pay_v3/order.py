"""
``get_order_info``: an order, then what the client needs to pay it.

Source: https://pay.weixin.qq.com/doc/v3/merchant/4012791856 "下单" and 4012365341 "如何生成签名"
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from tongfu.call import Call, Context
from tongfu.errors import InvalidParams
from tongfu.model import OrderInfo
from tongfu.params import OrderParams
from tongfu_weixin.account import WeixinAccount
from tongfu_weixin.scene import BEIJING, NO_ADDRESS, NO_BUYER, has_address, returning, scene_of, shop_of

from . import limits
from .call import build
from .read import required

ALGORITHM: Final = "WECHATPAY2-SHA256-RSA2048"
SHORTEST: Final = timedelta(minutes=1)


def get_order_info(account: WeixinAccount, params: OrderParams, ctx: Context) -> Call[OrderInfo]:
    """
    H5 tells WeChat the shop in ``scene_info.h5_info``: by default ``Wap``, the origin of ``return_url``, or of
    ``notify_url`` where there is none, and ``body``; ``extra={"scene_info": {"h5_info": …}}`` overrides its members.

    Repeating an order with the same ``out_trade_no`` needs the very same parameters.
    """
    limits.ORDER.check("weixin", "get_order_info", params)
    scene = scene_of(account, params)
    document = limits.merged("get_order_info", _document(account, params, scene), params.extra)
    _complete(account, params, scene, document, ctx)

    def finish(answer: Mapping[str, Any], ctx: Context) -> OrderInfo:
        return _info(account, params, scene, answer, ctx)

    kind = "partner/transactions" if account.sub_mch_id else "transactions"
    return build("get_order_info", "POST", f"/v3/pay/{kind}/{scene.lower()}", finish, json=document)


def _document(account: WeixinAccount, params: OrderParams, scene: str) -> dict[str, Any]:
    """In the order of the platform's tables."""
    document: dict[str, Any]
    if account.sub_mch_id:
        document = {"sp_appid": account.app_id, "sp_mchid": account.mch_id}
        if account.sub_app_id:
            document["sub_appid"] = account.sub_app_id
        document["sub_mchid"] = account.sub_mch_id
    else:
        document = {"appid": account.app_id, "mchid": account.mch_id}
    document["description"] = params.body
    document["out_trade_no"] = params.out_trade_no
    if params.time_expire is not None:
        document["time_expire"] = params.time_expire.astimezone(BEIJING).isoformat(timespec="seconds")
    document["notify_url"] = params.notify_url
    document["amount"] = {"total": params.total_fee, "currency": "CNY"}
    if scene == "JSAPI" and params.openid:
        document["payer"] = {_payer(account, params): params.openid}
    place: dict[str, Any] = {}
    if params.spbill_create_ip is not None:
        place["payer_client_ip"] = params.spbill_create_ip
    if scene == "H5":
        place["h5_info"] = _shop(params)
    if place:
        document["scene_info"] = place
    return document


def _payer(account: WeixinAccount, params: OrderParams) -> str:
    """Under which app ``openid`` names the buyer: the sub-merchant's own where it has one."""
    if not account.sub_mch_id:
        return "openid"
    payer = (params.extra or {}).get("payer", {})
    return "sub_openid" if account.sub_app_id and "sub_openid" not in payer else "sp_openid"


def _shop(params: OrderParams) -> dict[str, str]:
    url, name = shop_of(params)
    shop = {"type": "Wap", "app_name": name}
    if len(url) <= 128:
        shop["app_url"] = url
    return shop


def _complete(
    account: WeixinAccount, params: OrderParams, scene: str, document: Mapping[str, Any], ctx: Context
) -> None:
    problems = {}
    if scene == "JSAPI" and not document.get("payer"):
        problems["openid"] = NO_BUYER
    if scene == "H5" and not has_address(params):
        problems["spbill_create_ip"] = NO_ADDRESS
    if params.time_expire is not None:
        most = timedelta(days=15 if account.sub_mch_id else 90)
        if not SHORTEST <= params.time_expire - ctx.now <= most:
            problems["time_expire"] = f"expected a moment 1 minute to {most.days} days from now"
    if problems:
        raise InvalidParams("weixin", "get_order_info", problems)


def _info(
    account: WeixinAccount, params: OrderParams, scene: str, answer: Mapping[str, Any], ctx: Context
) -> OrderInfo:
    """Unlike APIv2's, the answers to H5 and NATIVE orders have no ``prepay_id``."""
    prepay_id = code_url = mweb_url = None
    payload: dict[str, str]
    if scene == "H5":
        mweb_url = returning(required(answer, "h5_url"), params)
        payload = {"mwebUrl": mweb_url}
    elif scene == "NATIVE":
        code_url = required(answer, "code_url")
        payload = {"codeUrl": code_url}
    else:
        prepay_id = required(answer, "prepay_id")
        made = client_params if scene == "JSAPI" else app_params
        payload = made(account, prepay_id, ctx)
    return OrderInfo(
        payload=payload,
        out_trade_no=params.out_trade_no,
        trade_type=scene,
        prepay_id=prepay_id,
        code_url=code_url,
        mweb_url=mweb_url,
        raw=answer,
    )


def client_params(account: WeixinAccount, prepay_id: str, ctx: Context) -> dict[str, str]:
    """What ``wx.requestPayment`` takes; ``timeStamp`` is seconds, as text."""
    app_id, package = account.sub_app_id or account.app_id, f"prepay_id={prepay_id}"
    moment = str(int(ctx.now.timestamp()))
    return {
        "appId": app_id,
        "nonceStr": ctx.nonce,
        "package": package,
        "timeStamp": moment,
        "signType": "RSA",
        "paySign": _signed(ctx, app_id, moment, package),
    }


def app_params(account: WeixinAccount, prepay_id: str, ctx: Context) -> dict[str, str]:
    """What the app SDK takes. Signed is the bare prepay_id, though ``package`` is something else."""
    app_id, moment = account.sub_app_id or account.app_id, str(int(ctx.now.timestamp()))
    return {
        "appid": app_id,
        "noncestr": ctx.nonce,
        "package": "Sign=WXPay",
        "partnerid": account.sub_mch_id or account.mch_id,
        "prepayid": prepay_id,
        "timestamp": moment,
        "sign": _signed(ctx, app_id, moment, prepay_id),
    }


def _signed(ctx: Context, app_id: str, moment: str, last: str) -> str:
    return ctx.signer.sign(f"{app_id}\n{moment}\n{ctx.nonce}\n{last}\n".encode(), ALGORITHM)
