"""The day's tables, made from the ledger."""

from __future__ import annotations

import gzip
import re
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Final

from tongfu.money import yuan_from_fen

if TYPE_CHECKING:
    from tongfu.emulator.half import EmulatedOrder

    from .half import Fields, WeixinHalf

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
NOT_IN_SUCCESS: Final = frozenset(
    {"微信退款单号", "商户退款单号", "退款金额", "充值券退款金额", "退款类型", "退款状态", "申请退款金额"}
)


class NoBill(Exception):
    """An unsigned refusal with an error_code."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(message)


def trade_bill(half: WeixinHalf, fields: Fields) -> bytes:
    kind = fields.get("bill_type") or "ALL"
    if kind not in ("ALL", "SUCCESS", "REFUND"):
        raise NoBill("20001", "invalid bill_type")
    day = _day(half, fields)
    rows = [(at, row) for at, row in _rows(half, day) if kind == "ALL" or row["交易状态"] == kind]
    if not rows:
        raise NoBill("20002", "No Bill Exist")
    names = [name for name in ALL.split(",") if kind != "SUCCESS" or name not in NOT_IN_SUCCESS]
    paid = [row for _, row in rows if row["交易状态"] == "SUCCESS"]
    back = [row for _, row in rows if row["交易状态"] == "REFUND"]
    income, refunds = _sum(paid), _sum(back)
    sums = (str(len(rows)), income, refunds, "0.00", "0.00000", income, refunds)
    lines = [",".join(names)]
    lines += [",".join(f"`{row[name]}" for name in names) for _, row in sorted(rows, key=lambda pair: pair[0])]
    lines += [SUMMARY, ",".join(f"`{value}" for value in sums)]
    return _packed(lines, fields)


def fundflow(half: WeixinHalf, fields: Fields) -> bytes:
    if fields.get("account_type") not in ("Basic", "Operation", "Fees"):
        raise NoBill("20001", "invalid account_type")
    rows = sorted(_rows(half, _day(half, fields)), key=lambda pair: pair[0])
    if not rows or fields["account_type"] != "Basic":
        raise NoBill("20002", "No Bill Exist")
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


def _day(half: WeixinHalf, fields: Fields) -> date:
    text = fields.get("bill_date", "")
    if re.fullmatch(r"\d{8}", text, re.ASCII) is None:
        raise NoBill("20001", "data format error")
    try:
        day = date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        raise NoBill("20001", "data format error") from None
    now = half.world.clock.now().astimezone(BEIJING)
    if now.replace(tzinfo=None) < datetime(day.year, day.month, day.day) + timedelta(days=1, hours=9):  # noqa: DTZ001 - both Beijing
        raise NoBill("20003", "Bill Creating")
    return day


def _rows(half: WeixinHalf, day: date) -> list[tuple[str, dict[str, str]]]:
    rows = []
    for order in half.world.orders(half.platform):
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
                    "_fee": str(refund.refund_fee),
                }
                rows.append((at, row))
    return rows


def _row(half: WeixinHalf, order: EmulatedOrder, moment: datetime) -> tuple[str, dict[str, str]]:
    asked, amount = order.wire["asked"], yuan_from_fen(order.total_fee)
    at = moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")
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
        "商品名称": asked["body"],
        "商户数据包": asked.get("attach", ""),
        "手续费": "0.00000",
        "费率": "0.60%",
        "订单金额": amount,
        "申请退款金额": "0.00",
        "_fee": str(order.total_fee),
    }
    return at, row


def _sum(rows: list[dict[str, str]]) -> str:
    return yuan_from_fen(sum(int(row["_fee"]) for row in rows))


def _packed(lines: list[str], fields: Fields) -> bytes:
    content = ("\ufeff" + "\r\n".join(lines) + "\r\n").encode()
    return gzip.compress(content, mtime=0) if fields.get("tar_type") == "GZIP" else content
