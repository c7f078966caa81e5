"""
Bills, in two steps: ask for one, then download the file whose hash the signed answer tells.

Source: https://pay.weixin.qq.com/doc/v3/merchant/4012791866 "申请交易账单" and 4012791868 "下载账单"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tongfu.bills import Spool
from tongfu.call import Call, Context
from tongfu.errors import ConfigError, InvalidParams, MalformedAnswer
from tongfu.fields import as_date
from tongfu.model import Bill
from tongfu.params import BillParams, FundflowParams
from tongfu_weixin.account import WeixinAccount

from . import limits
from .call import build
from .read import required


def download_bill(account: WeixinAccount, params: BillParams, ctx: Context) -> Call[Bill]:
    """From 10:00 on the next day; none older than three months."""
    limits.BILL.check("weixin", "download_bill", params)
    kind = {"bill_type": params.bill_type or "ALL"}
    return _apply("download_bill", "/v3/bill/tradebill", params, kind, account.sub_mch_id)


def download_fundflow(account: WeixinAccount, params: FundflowParams, ctx: Context) -> Call[Bill]:
    """
    ``account_type`` may have APIv2's spelling. No client certificate.

    :raises ConfigError: for a sub-merchant. Its fund flow comes as encrypted parts, and this path would
        answer with the service provider's.
    """
    limits.FUNDFLOW.check("weixin", "download_fundflow", params)
    if account.sub_mch_id:
        raise ConfigError(
            "weixin download_fundflow: APIv3 would answer with the service provider's own fund flow; use an account "
            "without sub_mch_id for that one, and weixin.pay.call on /v3/bill/sub-merchant-fundflowbill for the other"
        )
    kind = {"account_type": (params.account_type or "BASIC").upper()}
    return _apply("download_fundflow", "/v3/bill/fundflowbill", params, kind, "")


def _apply(
    operation: str, path: str, params: BillParams | FundflowParams, kind: Mapping[str, str], sub_mchid: str
) -> Call[Bill]:
    day = as_date(params.bill_date)
    if day is None:
        raise InvalidParams("weixin", operation, {"bill_date": "expected a date"})

    def finish(answer: Mapping[str, Any], ctx: Context) -> Call[Bill]:
        file = {
            "hash": required(answer, "hash_value"),
            "hash_type": required(answer, "hash_type"),
            "gzip": params.tar_type == "GZIP",
        }
        if file["hash_type"] != "SHA1":
            raise MalformedAnswer("weixin: the bill's hash_type is not SHA1")
        return build(operation, "GET", required(answer, "download_url"), _content, file=file, read_only=True)

    asked = limits.query(params.extra, sub_mchid=sub_mchid, bill_date=day.isoformat(), **kind, tar_type=params.tar_type)
    return build(operation, "GET", path, finish, query=asked, read_only=True)


def _content(answer: Mapping[str, Any], ctx: Context) -> Bill:
    content = answer.get("content")
    if not isinstance(content, Spool):
        raise MalformedAnswer("weixin: the answer is not the bill that was promised")
    return Bill.stored(content)
