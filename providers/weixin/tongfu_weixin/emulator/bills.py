"""The day's tables, made from the ledger."""

from __future__ import annotations

import gzip
import re
from datetime import date, datetime, time, timedelta, timezone
from typing import TYPE_CHECKING, Final

from tongfu.money import yuan_from_fen

if TYPE_CHECKING:
    from tongfu.emulator.half import EmulatedOrder

    from .checks import Fields
    from .half import WeixinHalf
    from .orders import Owner

BEIJING: Final = timezone(timedelta(hours=8))
ALL: Final = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,"
    "代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,"
    "申请退款金额,费率备注"
)
SUMMARY: Final = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
FLOW: Final = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额（元）,账户结余（元）,"
    "资金变更提交申请人,备注,业务凭证号"
)
FLOW_SUMMARY: Final = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
TIME: Final = "%Y-%m-%d %H:%M:%S"
FIRST_FLOW: Final = date(2017, 6, 1)
ONLY_IN_REFUND: Final = ("退款申请时间", "退款成功时间")
NOT_IN_SUCCESS: Final = frozenset(
    {"微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态", "申请退款金额"}
)


class NoBill(Exception):
    """An unsigned refusal: ``told`` is all of it."""

    def __init__(self, told: Fields) -> None:
        self.told = told
        super().__init__(told.get("return_msg", ""))


def _trade(code: str, message: str) -> NoBill:
    return NoBill({"return_code": "FAIL", "return_msg": message, "error_code": code})


def _flow(code: str, message: str) -> NoBill:
    """The fund flow has the other way of refusing, and is not signed for all that."""
    return NoBill({"return_code": "SUCCESS", "result_code": "FAIL", "err_code": code, "err_code_des": message})


def trade_bill(half: WeixinHalf, fields: Fields, owner: Owner) -> bytes:
    kind = fields.get("bill_type") or "ALL"
    if kind not in ("ALL", "SUCCESS", "REFUND", "RECHARGE_REFUND"):
        raise _trade("20001", "invalid bill_type")
    if not fields.get("bill_date"):
        raise _trade("20001", "missing parameter")
    day = _day(fields)
    if day is None:
        raise _trade("20001", "data format error")
    if not _ready(half, day):
        raise _trade("20003", "Bill Creating")
    rows = [(at, row) for at, row in _rows(half, day, owner) if kind == "ALL" or row["交易状态"] == kind]
    if not rows:
        raise _trade("20002", "No Bill Exist")
    names = [name for name in ALL.split(",") if kind != "SUCCESS" or name not in NOT_IN_SUCCESS]
    if kind == "REFUND":
        at = names.index("微信退款单号")
        names[at:at] = ONLY_IN_REFUND
    paid = [row for _, row in rows if row["交易状态"] == "SUCCESS"]
    back = [row for _, row in rows if row["交易状态"] == "REFUND"]
    income, refunds = _sum(paid), _sum(back)
    sums = (str(len(rows)), income, refunds, "0.00", "0.00000", income, refunds)
    lines = [",".join(names)]
    lines += [",".join(f"`{row[name]}" for name in names) for _, row in sorted(rows, key=lambda pair: pair[0])]
    lines += [SUMMARY, ",".join(f"`{value}" for value in sums)]
    return _packed(lines, fields)


def fundflow(half: WeixinHalf, fields: Fields, owner: Owner) -> bytes:
    day = _day(fields)
    if fields.get("account_type") not in ("Basic", "Operation", "Fees") or day is None or day < FIRST_FLOW:
        raise _flow("PARAM_ERROR", "参数错误")
    if not _ready(half, day):
        raise _flow("BILL_CREATING", "账单生成中")
    rows = sorted(_rows(half, day, owner), key=lambda pair: pair[0])
    if not rows or fields["account_type"] != "Basic":
        raise _flow("NO_BILL_EXIST", "账单不存在")
    balance, lines = 0, [FLOW]
    totals = {"收入": [0, 0], "支出": [0, 0]}
    for at, row in rows:
        fee = int(row["_fee"])
        sign, name = ("收入", "交易") if row["交易状态"] == "SUCCESS" else ("支出", "退款")
        balance += fee if sign == "收入" else -fee
        totals[sign][0] += 1
        totals[sign][1] += fee
        number = row["微信退款单号"] if sign == "支出" else row["微信订单号"]
        values = (
            at,
            number,
            f"19{number}",
            name,
            name,
            sign,
            yuan_from_fen(fee),
            yuan_from_fen(balance),
            "system",
            "",
            number,
        )
        lines.append(",".join(f"`{value}" for value in values))
    sums = (
        len(rows),
        totals["收入"][0],
        yuan_from_fen(totals["收入"][1]),
        totals["支出"][0],
        yuan_from_fen(totals["支出"][1]),
    )
    lines += [FLOW_SUMMARY, ",".join(f"`{value}" for value in sums)]
    return _packed(lines, fields)


def _day(fields: Fields) -> date | None:
    text = fields.get("bill_date", "")
    if re.fullmatch(r"\d{8}", text, re.ASCII) is None:
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def _ready(half: WeixinHalf, day: date) -> bool:
    """From nine in the morning of the next day."""
    since = datetime.combine(day, time(9), BEIJING) + timedelta(days=1)
    return half.world.clock.now() >= since


def _rows(half: WeixinHalf, day: date, owner: Owner) -> list[tuple[str, dict[str, str]]]:
    """A service provider that names no sub-merchant gets the rows of all."""
    rows = []
    sandbox, sub_mch_id = owner
    for order in half.world.orders(half.platform):
        if order.wire["sandbox"] != sandbox or sub_mch_id not in ("", order.wire["sub_mch_id"]):
            continue
        if order.paid and order.paid.astimezone(BEIJING).date() == day:
            rows.append(_row(half, order, order.paid))
        for refund in order.refunds:
            if refund.created.astimezone(BEIJING).date() == day:
                at, row = _row(half, order, refund.created)
                amount = yuan_from_fen(refund.refund_fee)
                row |= {
                    "交易状态": "REFUND",
                    "应结订单金额": "0.00",
                    "订单金额": "0.00",
                    "微信退款单号": refund.refund_id,
                    "商户退款单号": refund.out_refund_no,
                    "退款金额": amount,
                    "申请退款金额": amount,
                    "退款类型": "ORIGINAL",
                    "退款状态": "SUCCESS" if refund.state == "success" else "PROCESSING",
                    "退款申请时间": at,
                    "退款成功时间": refund.done.astimezone(BEIJING).strftime(TIME) if refund.done else "",
                    "_fee": str(refund.refund_fee),
                }
                rows.append((at, row))
    return rows


def _row(half: WeixinHalf, order: EmulatedOrder, moment: datetime) -> tuple[str, dict[str, str]]:
    asked, amount = order.wire["asked"], yuan_from_fen(order.total_fee)
    at = moment.astimezone(BEIJING).strftime(TIME)
    row = dict.fromkeys(ALL.split(","), "")
    row |= {
        "交易时间": at,
        "公众账号ID": half.app_id,
        "商户号": half.mch_id,
        "特约商户号": order.wire["sub_mch_id"] or "0",
        "微信订单号": order.transaction_id,
        "商户订单号": order.out_trade_no,
        "用户标识": order.openid,
        "交易类型": asked["trade_type"],
        "交易状态": "SUCCESS",
        "付款银行": "OTHERS",
        "货币种类": "CNY",
        "应结订单金额": amount,
        "代金券金额": "0.00",
        "微信退款单号": "0",
        "商户退款单号": "0",
        "退款金额": "0.00",
        "充值券退款金额": "0.00",
        "商品名称": _line(asked["body"]),
        "商户数据包": _line(asked.get("attach", "")),
        "手续费": "0.00000",
        "费率": "0.60%",
        "订单金额": amount,
        "申请退款金额": "0.00",
        "_fee": str(order.total_fee),
    }
    return at, row


def _line(text: str) -> str:
    return " ".join(text.splitlines())


def _sum(rows: list[dict[str, str]]) -> str:
    return yuan_from_fen(sum(int(row["_fee"]) for row in rows))


def _packed(lines: list[str], fields: Fields) -> bytes:
    content = ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()
    return gzip.compress(content, mtime=0) if fields.get("tar_type") == "GZIP" else content
