"""
Bills, in two steps: ask for one, then download the file whose hash the signed answer tells.

Source: https://pay.weixin.qq.com/doc/v3/merchant/4012791866 "申请交易账单" and 4012791868 "下载账单",
https://pay.weixin.qq.com/doc/v3/partner/4014314390 "下载单个子商户/二级商户资金账单"
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tongfu.bills import Spool
from tongfu.call import Call, Context
from tongfu.errors import BillUnavailable, InvalidParams, MalformedAnswer
from tongfu.fields import as_date
from tongfu.model import Bill
from tongfu.params import BillParams, FundflowParams
from tongfu_weixin.account import WeixinAccount

from . import limits, sensitive
from .call import build
from .read import parts, required

SUB_FUNDFLOW: Final = "/v3/bill/sub-merchant-fundflowbill"
KEY: Final = 32  # bytes; as text, like the APIv3 key
LEAST_NONCE: Final = 8  # bytes, as GCM takes them; the platform's are 16 characters
MOST_NONCE: Final = 64


def download_bill(account: WeixinAccount, params: BillParams, ctx: Context) -> Call[Bill]:
    """From 10:00 on the next day; none older than three months."""
    limits.BILL.check("weixin", "download_bill", params)
    kind = {"bill_type": params.bill_type or "ALL"}
    return _apply(account, "download_bill", "/v3/bill/tradebill", params, kind)


def download_fundflow(account: WeixinAccount, params: FundflowParams, ctx: Context) -> Call[Bill]:
    """``account_type`` may have APIv2's spelling. No client certificate. A sub-merchant's comes encrypted."""
    limits.FUNDFLOW.check("weixin", "download_fundflow", params)
    kind = {"account_type": (params.account_type or "BASIC").upper()}
    path = "/v3/bill/fundflowbill"
    if account.sub_mch_id:
        path, kind["algorithm"] = SUB_FUNDFLOW, sensitive.ALGORITHM
    return _apply(account, "download_fundflow", path, params, kind)


def _apply(
    account: WeixinAccount, operation: str, path: str, params: BillParams | FundflowParams, kind: Mapping[str, str]
) -> Call[Bill]:
    day = as_date(params.bill_date)
    if day is None:
        raise InvalidParams("weixin", operation, {"bill_date": "expected a date"})

    def finish(answer: Mapping[str, Any], ctx: Context) -> Call[Bill]:
        told, key = _sealed(account, answer) if path == SUB_FUNDFLOW else (answer, {})
        file = {
            "hash": required(told, "hash_value"),
            "hash_type": required(told, "hash_type"),
            "gzip": params.tar_type == "GZIP",
            **key,
        }
        if file["hash_type"] != "SHA1":
            raise MalformedAnswer("weixin: the bill's hash_type is not SHA1")
        return build(operation, "GET", required(told, "download_url"), _content, file=file, read_only=True)

    asked = {"bill_date": day.isoformat(), **kind, "tar_type": params.tar_type}
    query = limits.query(params.extra, sub_mchid=account.sub_mch_id, **asked)
    return build(operation, "GET", path, finish, query=query, read_only=True)


def _sealed(account: WeixinAccount, answer: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, bytes]]:
    """
    The one file of a sub-merchant's bill, and what opens it.

    The platform parts a file beyond 16 GB, which is more than a bill here may have.
    """
    files = parts(answer, "download_bill_list")
    if not files:
        raise BillUnavailable(
            "weixin", "NO_STATEMENT_EXIST", message="no file", advice="Nothing moved that day", raw=answer
        )
    if len(files) > 1:
        raise MalformedAnswer(f"weixin: the bill comes in {len(files)} files, expected one")
    key = sensitive.decrypted(account, required(files[0], "encrypt_key")).encode()
    nonce = required(files[0], "nonce").encode()
    if len(key) != KEY or not LEAST_NONCE <= len(nonce) <= MOST_NONCE:
        raise MalformedAnswer("weixin: the key or nonce of the encrypted bill has another length than documented")
    return files[0], {"key": key, "nonce": nonce}


def _content(answer: Mapping[str, Any], ctx: Context) -> Bill:
    content = answer.get("content")
    if not isinstance(content, Spool):
        raise MalformedAnswer("weixin: the answer is not the bill that was promised")
    return Bill.stored(content)
