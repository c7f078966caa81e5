"""
``get_order_info``: unified order, then what the client needs to pay it.

Source: https://pay.weixin.qq.com/doc/v2/merchant/4011936530 "统一下单"
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from tongfu.call import Call, Context
from tongfu.errors import InvalidParams
from tongfu.model import OrderInfo
from tongfu.params import OrderParams
from tongfu_weixin.account import WeixinAccount
from tongfu_weixin.scene import BEIJING, NO_ADDRESS, NO_BUYER, has_address, returning, scene_of, shop_of

from . import limits, sandbox, sign
from .read import required, text

WIRE: Final = {"H5": "MWEB"}


def get_order_info(account: WeixinAccount, params: OrderParams) -> Call[OrderInfo]:
    """
    H5 tells WeChat the shop's page in ``scene_info``: by default the origin of ``return_url``, or of
    ``notify_url`` where there is none, and ``body``; ``extra={"scene_info": …}`` overrides it.
    ``return_url`` is where WeChat sends an H5 buyer back to; the other scenes have no such thing.
    """
    limits.ORDER.check("weixin", "get_order_info", params)
    scene = scene_of(account, params)
    fields = {
        "body": params.body or "",
        "out_trade_no": params.out_trade_no,
        "total_fee": str(params.total_fee),
        "spbill_create_ip": params.spbill_create_ip or "127.0.0.1",
        "notify_url": params.notify_url,
        "trade_type": WIRE.get(scene, scene),
        **limits.extra_fields(params.extra),
    }
    _complete(account, params, scene, fields)
    if params.time_expire is not None:
        fields["time_expire"] = params.time_expire.astimezone(BEIJING).strftime("%Y%m%d%H%M%S")

    def finish(answer: Mapping[str, Any], ctx: Context) -> OrderInfo:
        return _info(account, params, scene, answer, ctx)

    return Call("get_order_info", "/pay/unifiedorder", fields, finish, credentials=sandbox.needs(account))


def _complete(account: WeixinAccount, params: OrderParams, scene: str, fields: dict[str, str]) -> None:
    problems = {}
    if scene == "JSAPI":
        if params.openid:
            subs = account.sub_app_id and "sub_openid" not in fields
            fields["sub_openid" if subs else "openid"] = params.openid
        elif "sub_openid" not in fields:
            problems["openid"] = NO_BUYER
    elif scene == "NATIVE":
        fields.setdefault("product_id", params.out_trade_no)
    elif scene == "H5":
        if not has_address(params):
            problems["spbill_create_ip"] = NO_ADDRESS
        fields.setdefault("scene_info", _shop(params))
        if len(fields["scene_info"]) > 256:
            problems["extra"] = "expected a scene_info of at most 256 characters"
    if problems:
        raise InvalidParams("weixin", "get_order_info", problems)


def _shop(params: OrderParams) -> str:
    url, name = shop_of(params)
    shop = {"type": "Wap", "wap_url": url, "wap_name": name}
    return json.dumps({"h5_info": shop}, ensure_ascii=False, separators=(",", ":"))


def _info(
    account: WeixinAccount, params: OrderParams, scene: str, answer: Mapping[str, Any], ctx: Context
) -> OrderInfo:
    prepay_id = required(answer, "prepay_id")
    payload: dict[str, str]
    code_url = text(answer, "code_url")
    mweb_url = returning(required(answer, "mweb_url"), params) if scene == "H5" else None
    if scene == "JSAPI":
        payload = client_params(account, prepay_id, ctx)
    elif scene == "APP":
        payload = app_params(account, prepay_id, ctx)
    elif mweb_url is not None:
        payload = {"mwebUrl": mweb_url}
    else:
        payload = {"codeUrl": required(answer, "code_url")}
    return OrderInfo(
        payload=payload,
        out_trade_no=params.out_trade_no,
        trade_type=scene,
        prepay_id=prepay_id,
        code_url=code_url,
        mweb_url=mweb_url,
        raw=answer,
    )


def _signer(account: WeixinAccount, ctx: Context) -> Any:
    if not account.sandbox:
        return ctx.signer
    return ctx.signer.acting_as(replace(account, key=ctx.credentials[sandbox.KIND].value))


def client_params(account: WeixinAccount, prepay_id: str, ctx: Context) -> dict[str, str]:
    """What ``wx.requestPayment`` takes; ``timeStamp`` is seconds, as text."""
    fields = {
        "appId": account.sub_app_id or account.app_id,
        "nonceStr": ctx.nonce,
        "package": f"prepay_id={prepay_id}",
        "timeStamp": str(int(ctx.now.timestamp())),
        "signType": account.sign_type,
    }
    fields["paySign"] = _signer(account, ctx).sign(sign.text(fields), account.sign_type)
    return fields


def app_params(account: WeixinAccount, prepay_id: str, ctx: Context) -> dict[str, str]:
    """What the app SDK takes: lower-case names, and no signType among them."""
    fields = {
        "appid": account.sub_app_id or account.app_id,
        "noncestr": ctx.nonce,
        "package": "Sign=WXPay",
        "partnerid": account.sub_mch_id or account.mch_id,
        "prepayid": prepay_id,
        "timestamp": str(int(ctx.now.timestamp())),
    }
    fields["sign"] = _signer(account, ctx).sign(sign.text(fields), account.sign_type)
    return fields
