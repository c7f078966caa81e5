"""What v2 refuses in a request before it looks at any order."""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Final
from urllib.parse import urlsplit

Fields = dict[str, str]

# Source: https://pay.weixin.qq.com/doc/v2/merchant/4011936530; body and detail in bytes.
LENGTHS: Final = {
    "device_info": 32,
    "attach": 127,
    "fee_type": 16,
    "spbill_create_ip": 64,
    "goods_tag": 32,
    "notify_url": 256,
    "product_id": 32,
    "limit_pay": 32,
    "openid": 128,
    "sub_openid": 128,
    "receipt": 8,
    "profit_sharing": 16,
    "scene_info": 256,
    "version": 32,
}
BYTES: Final = {"body": 128, "detail": 6144}
SCENES: Final = ("JSAPI", "APP", "NATIVE", "MWEB")
ACCOUNTS: Final = ("", "REFUND_SOURCE_UNSETTLED_FUNDS", "REFUND_SOURCE_RECHARGE_FUNDS")


class Refusal(Exception):
    """A signed refusal: result_code FAIL."""

    def __init__(self, code: str, description: str) -> None:
        self.code, self.description = code, description
        super().__init__(code)


def need(fields: Fields, *names: str) -> None:
    for name in names:
        if not fields.get(name):
            raise Refusal("LACK_PARAMS", f"缺少参数{name}")


def amount(fields: Fields, name: str) -> int:
    text = fields.get(name, "")
    if re.fullmatch(r"[1-9]\d{0,9}", text, re.ASCII) is None:
        raise Refusal("PARAM_ERROR", f"{name}格式错误")
    return int(text)


def partner(fields: Fields) -> None:
    """A service provider names its sub-merchant, and an app of the sub-merchant's only together with it."""
    number = fields.get("sub_mch_id", "")
    if number and re.fullmatch(r"\d{1,32}", number, re.ASCII) is None:
        raise Refusal("PARAM_ERROR", "sub_mch_id参数格式错误")
    if fields.get("sub_appid") and not number:
        raise Refusal("LACK_PARAMS", "缺少参数sub_mch_id")


def new_order(fields: Fields) -> int:
    """The total_fee of an order that may be made."""
    need(fields, "body", "out_trade_no", "total_fee", "spbill_create_ip", "notify_url", "trade_type")
    number, scene, total_fee = fields["out_trade_no"], fields["trade_type"], amount(fields, "total_fee")
    if re.fullmatch(r"[0-9A-Za-z_\-|*]{6,32}", number, re.ASCII) is None:
        raise Refusal("PARAM_ERROR", "out_trade_no参数长度或格式有误")
    if scene not in SCENES:
        raise Refusal("PARAM_ERROR", "trade_type参数有误")
    sizes = {name: len(fields.get(name, "")) - most for name, most in LENGTHS.items()}
    sizes |= {name: len(fields.get(name, "").encode()) - most for name, most in BYTES.items()}
    for name, over in sizes.items():
        if over > 0:
            raise Refusal("PARAM_ERROR", f"{name}参数长度有误")
    address(fields["notify_url"])
    if fields.get("fee_type", "CNY") != "CNY":
        raise Refusal("PARAM_ERROR", "fee_type参数有误")
    try:
        ipaddress.ip_address(fields["spbill_create_ip"])
    except ValueError:
        raise Refusal("PARAM_ERROR", "spbill_create_ip参数有误") from None
    _scene(fields, scene)
    return total_fee


def _scene(fields: Fields, scene: str) -> None:
    if fields.get("sub_openid") and not fields.get("sub_appid"):
        raise Refusal("LACK_PARAMS", "缺少参数sub_appid")
    if scene == "JSAPI" and not (fields.get("openid") or fields.get("sub_openid")):
        raise Refusal("LACK_PARAMS", "JSAPI支付必须传openid")
    if scene == "NATIVE":
        need(fields, "product_id")
    if scene == "MWEB":
        need(fields, "scene_info")
    if text := fields.get("scene_info"):
        try:
            told = json.loads(text)
        except ValueError:
            told = None
        if not isinstance(told, dict) or (scene == "MWEB" and not isinstance(told.get("h5_info"), dict)):
            raise Refusal("PARAM_ERROR", "scene_info参数格式错误")


def address(url: str) -> None:
    """A notify_url: absolute, without a query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.netloc or "?" in url:
        raise Refusal("PARAM_ERROR", "notify_url必须是不携带参数的完整地址")


def new_refund(fields: Fields) -> tuple[int, int]:
    """The total_fee and refund_fee of a refund that may be made."""
    need(fields, "out_refund_no", "total_fee", "refund_fee")
    if re.fullmatch(r"[0-9A-Za-z_\-|*@]{1,64}", fields["out_refund_no"], re.ASCII) is None:
        raise Refusal("PARAM_ERROR", "out_refund_no参数长度或格式有误")
    if fields.get("refund_account", "") not in ACCOUNTS:
        raise Refusal("PARAM_ERROR", "refund_account参数有误")
    if len(fields.get("refund_desc", "")) > 80:
        raise Refusal("PARAM_ERROR", "refund_desc参数长度有误")
    if fields.get("notify_url"):
        address(fields["notify_url"])
    return amount(fields, "total_fee"), amount(fields, "refund_fee")


def page(fields: Fields) -> int:
    """The ``offset`` of a refund query."""
    text = fields.get("offset") or "0"
    if re.fullmatch(r"\d{1,4}", text, re.ASCII) is None:
        raise Refusal("PARAM_ERROR", "offset参数格式错误")
    return int(text)
