"""
``get_order_info``: an order in each of Alipay's scenes.

Source: https://opendocs.alipay.com/open/05osux (create), /open/8ad49e4a (precreate), /open/cd12c885
(app), /open/59da99d0 (page), /open/29ae8cb6 (wap)
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tongfu.call import Call, Context
from tongfu.errors import InvalidParams, MalformedAnswer
from tongfu.model import OrderInfo
from tongfu.money import yuan_from_fen
from tongfu.params import OrderParams

from . import limits
from .account import AlipayAccount
from .read import required, text
from .wire import beijing, form, parted, signed

CLIENTS: Final = {"mp-alipay": "JSAPI", "app-plus": "APP", "app": "APP"}
METHODS: Final = {
    "JSAPI": ("alipay.trade.create", "JSAPI_PAY"),
    "NATIVE": ("alipay.trade.precreate", ""),
    "APP": ("alipay.trade.app.pay", "QUICK_MSECURITY_PAY"),
    "PAGE": ("alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY"),
    "WAP": ("alipay.trade.wap.pay", "QUICK_WAP_WAY"),
    "MICROPAY": ("alipay.trade.pay", ""),
}
ASKED: Final = ("JSAPI", "NATIVE", "MICROPAY")  # of the gateway, and not by the buyer's client
FIRST_IN_ORDER_STRING: Final = ("method", "charset", "version", "timestamp", "app_id", "sign_type", "notify_url")
LAST_IN_ORDER_STRING: Final = ("sign", "biz_content")
_USER_ID: Final = re.compile(r"2088\d{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Page:
    """Where to send a user: ``url`` while it is shorter than a few KiB, or the HTML ``form``, which posts itself."""

    url: str = field(repr=False)
    form: str = field(repr=False)


def get_order_info(account: AlipayAccount, params: OrderParams, ctx: Context) -> Call[OrderInfo] | OrderInfo:
    """
    JSAPI and NATIVE ask the gateway. APP, PAGE and WAP are signed here and asked for by the buyer's
    client: the trade exists once the buyer has opened the cashier. MICROPAY takes the payment code in
    ``extra["auth_code"]``, and the buyer may still have to confirm: ``alipay.trade.pay`` sees that through.
    """
    limits.ORDER.check("alipay", "get_order_info", params)
    scene = _scene(account, params)
    method, product = METHODS[scene]
    fields: dict[str, Any] = {
        "out_trade_no": params.out_trade_no,
        "total_amount": yuan_from_fen(params.total_fee),
        "subject": params.subject,
    }
    if params.body is not None:
        fields["body"] = params.body
    if product:
        fields["product_code"] = product
    if params.time_expire is not None:
        fields["time_expire"] = beijing(params.time_expire)
    if account.seller_id:
        fields["seller_id"] = account.seller_id
    if scene == "JSAPI":
        fields |= _buyer(account, params)
    if scene == "MICROPAY":
        fields["scene"] = "bar_code"
        if not limits.AUTH_CODE.accepts((params.extra or {}).get("auth_code")):
            problem = f"auth_code: expected {limits.AUTH_CODE.expected}"
            raise InvalidParams("alipay", "get_order_info", {"extra": problem})
    fields |= params.extra or {}
    common = {"notify_url": params.notify_url}
    if params.return_url and scene in ("PAGE", "WAP"):
        common["return_url"] = params.return_url

    def finish(answer: Mapping[str, Any], ctx: Context) -> OrderInfo:
        if (text(answer, "out_trade_no") or params.out_trade_no) != params.out_trade_no:
            raise MalformedAnswer("alipay: the answer is about another out_trade_no")
        if scene != "NATIVE":
            trade_no = required(answer, "trade_no")
            return _info(params, scene, trade_no, transaction_id=trade_no, raw=answer)
        code_url = required(answer, "qr_code")
        return _info(params, scene, code_url, code_url=code_url, raw=answer)

    call: Call[OrderInfo] = Call(
        "get_order_info",
        method,
        {"common": common, "biz_content": fields, "plain": scene not in ASKED, "waits": scene == "MICROPAY"},
        finish,
    )
    if scene in ASKED:
        return call
    if account.alipay_public_key or account.certificate_mode:
        account.ready()  # refuses the app's own: nobody would believe this order's notifications
    everything = signed(account, call, ctx)
    if scene == "APP":
        return _info(params, scene, _order_string(everything))
    url = f"{account.gateway}?{form(everything)}"
    return _info(params, scene, url, pay_url=url, pay_form=_page(account, everything))


def order_string(account: AlipayAccount, call: Call[Any], ctx: Context) -> str:
    """What the client's SDK is given for a method that is called there, such as a freeze."""
    account.ready()
    return _order_string(signed(account, call, ctx))


def page(account: AlipayAccount, call: Call[Any], ctx: Context) -> Page:
    """A method that opens in the user's browser, such as the signing of an agreement."""
    account.ready()
    everything = signed(account, call, ctx)
    return Page(url=f"{account.gateway}?{form(everything)}", form=_page(account, everything))


def _scene(account: AlipayAccount, params: OrderParams) -> str:
    if params.trade_type is not None:
        return "WAP" if params.trade_type == "H5" else params.trade_type
    client = params.client_type or account.client_type
    if client not in CLIENTS:
        raise InvalidParams("alipay", "get_order_info", {"client_type": f"expected one of {', '.join(CLIENTS)}"})
    return CLIENTS[client]


def _buyer(account: AlipayAccount, params: OrderParams) -> dict[str, Any]:
    """Older apps know a buyer by a user id, apps made since 2023 by an open id only."""
    extra = params.extra or {}
    buyer: dict[str, Any] = {}
    if "op_app_id" not in extra:
        buyer["op_app_id"] = account.app_id
    named = {"buyer_id", "buyer_open_id", "buyer_logon_id"} & extra.keys()
    if params.openid and named:
        problem = f"expected either this or extra's {' and '.join(sorted(named))}, not both"
        raise InvalidParams("alipay", "get_order_info", {"openid": problem})
    if params.openid:
        buyer["buyer_id" if _USER_ID.fullmatch(params.openid) else "buyer_open_id"] = params.openid
    elif not named:
        raise InvalidParams("alipay", "get_order_info", {"openid": "missing; expected the buyer's user_id or open_id"})
    return buyer


def _order_string(params: Mapping[str, str]) -> str:
    """Pairs and escapes as uniCloud's client has always got them; any order is as good to the app's SDK."""
    first = [name for name in FIRST_IN_ORDER_STRING if name in params]
    middle = [name for name in params if name not in {*first, *LAST_IN_ORDER_STRING}]
    # A client that undoes %20 only would show a plus sign in the buyer's order.
    return form({name: params[name] for name in (*first, *middle, *LAST_IN_ORDER_STRING)}).replace("+", "%20")


def _page(account: AlipayAccount, params: Mapping[str, str]) -> str:
    """
    A form that posts itself, in UTF-8 whatever the page is in.

    Every value is escaped: a bare ``&not…`` would change in a browser.
    """
    query, hidden = parted(params)
    action = html.escape(f"{account.gateway}?{form(query)}", quote=True)
    inputs = "".join(
        f'<input type="hidden" name="{name}" value="{html.escape(value, quote=True)}">'
        for name, value in hidden.items()
    )
    return (
        f'<form id="alipay" method="post" accept-charset="utf-8" action="{action}">{inputs}</form>'
        '<script>document.getElementById("alipay").submit()</script>'
    )


def _info(params: OrderParams, scene: str, payload: str, **parts: Any) -> OrderInfo:
    return OrderInfo(payload=payload, out_trade_no=params.out_trade_no, trade_type=scene, **parts)
