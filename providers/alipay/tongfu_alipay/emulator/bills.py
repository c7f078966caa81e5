"""Bills: an address that is good for half a minute, and behind it a zip of two tables in GBK."""

from __future__ import annotations

import io
import re
import secrets
import struct
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any, Final

from tongfu.emulator.half import Answer, Asked, EmulatedOrder, Route, World
from tongfu.money import yuan_from_fen

from .gateway import Refusal, Request

BEIJING: Final = timezone(timedelta(hours=8))
READY: Final = timedelta(hours=9)  # on the next day
MONTH_READY: Final = timedelta(days=2, hours=9)
LIVES: Final = timedelta(seconds=30)
SIX_YEARS: Final = timedelta(days=6 * 365)
TIME: Final = "%Y-%m-%d %H:%M:%S"
TRADE: Final = (
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,"
    "支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,"
    "退款批次号/请求号,服务费（元）,分润（元）,备注"
)
FLOW: Final = (
    "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,"
    "业务类型,备注"
)
TRADE_SUMMARY: Final = (
    "门店编号,门店名称,交易订单总笔数,退款订单总笔数,订单金额（元）,商家实收（元）,支付宝优惠（元）,商家优惠（元）,卡消费金额（元）,"
    "服务费（元）,分润（元）,实收净额（元）"
)
FLOW_SUMMARY: Final = "类型,收入（笔数）,收入（金额）,支出（笔数）,支出（金额）,总额（元）"


class Row:
    """One payment or one refund of it."""

    __slots__ = ("at", "fee", "number", "order", "refund_no")

    def __init__(self, order: EmulatedOrder, at: datetime, fee: int, number: str, refund_no: str = "") -> None:
        self.order, self.at, self.fee, self.number, self.refund_no = order, at, fee, number, refund_no


class Bills:
    def __init__(self, world: World, seller_id: str) -> None:
        self._world = world
        self._seller_id = seller_id
        self.reset()

    def reset(self) -> None:
        self._asked: dict[str, tuple[str, str, datetime]] = {}

    def routes(self) -> Iterable[Route]:
        yield Route("GET", "/downloadBillFile.resource", self.file)

    def ask(self, request: Request) -> dict[str, Any]:
        """
        alipay.data.dataservice.bill.downloadurl.query.

        :raises Refusal: as the platform refuses.
        """
        content, now = request.content, self._world.clock.now().astimezone(BEIJING)
        kind, when = str(content.get("bill_type", "")), str(content.get("bill_date", ""))
        if kind not in ("trade", "signcustomer"):
            raise Refusal("40004", "isp.TYPE_NOT_SUPPORTED" if kind else "INVAILID_ARGUMENTS", "账单类型不支持")
        begin, end = self._period(when)
        late = end + (MONTH_READY if len(when) == 7 else READY)
        if late > now or begin < now - SIX_YEARS:
            raise Refusal("40004", "BILL_NOT_EXIST", "账单不存在")
        if next(self._rows(begin, end), None) is None:
            raise Refusal("40004", "NO_BILL_DATA", "没有账单数据")
        token = secrets.token_hex(16)
        self._asked[token] = (kind, when, self._world.clock.now() + LIVES)
        origin = self._world.https_origin if request.https else self._world.origin
        query = f"bizType={kind}&downloadFileName={token}.csv.zip"
        return {"bill_download_url": f"{origin}/downloadBillFile.resource?{query}"}

    def file(self, asked: Asked, _: Mapping[str, str]) -> Answer:
        """The file of a bill, zip."""
        match = re.search(r"downloadFileName=([0-9a-f]{32})\.csv\.zip", asked.query)
        kind, when, until = self._asked.get(match[1] if match else "", ("", "", self._world.clock.now()))
        if until <= self._world.clock.now():
            page = "<html><body>链接已失效</body></html>".encode()
            return Answer(200, {"content-type": "text/html;charset=utf-8"}, page, verdict="unsigned")
        return Answer(200, {"content-type": "application/zip"}, self._zip(kind, when), verdict="unsigned")

    def _period(self, when: str) -> tuple[datetime, datetime]:
        try:
            if len(when) == 7:
                first = date.fromisoformat(f"{when}-01")
                last = (first + timedelta(days=31)).replace(day=1)
            else:
                first = date.fromisoformat(when)
                last = first + timedelta(days=1)
        except ValueError:
            raise Refusal("40004", "INVAILID_ARGUMENTS", "账单日期格式错误") from None
        begin, end = (datetime.combine(day, datetime.min.time(), BEIJING) for day in (first, last))
        return begin, end

    def _rows(self, begin: datetime, end: datetime) -> Iterator[Row]:
        for order in self._world.orders("alipay"):
            if order.paid is not None and begin <= order.paid < end:
                yield Row(order, order.paid, order.total_fee, order.transaction_id)
            for refund in order.refunds:
                done = refund.done or refund.created
                if begin <= done < end:
                    yield Row(order, done, -refund.refund_fee, order.transaction_id, refund.out_refund_no)

    def _zip(self, kind: str, when: str) -> bytes:
        begin, end = self._period(when)
        what = ("业务明细", "业务明细(汇总)") if kind == "trade" else ("账务明细", "账务汇总")
        stem = f"{self._seller_id}0156_{when.replace('-', '')}_"
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            tables = (self._details(kind, begin, end), self._summary(kind, begin, end))
            for letter, name, lines in zip("ab", what, tables, strict=True):
                with archive.open(_member(stem + name + ".csv", letter, begin), "w") as member:
                    for line in lines:
                        member.write((line + "\r\n").encode("gb18030"))
        return _in_gbk(made.getvalue(), [f"{stem}{name}.csv" for name in what])

    def _head(self, title: str, table: str, begin: datetime, end: datetime) -> Iterator[str]:
        yield f"#支付宝{title}查询"
        yield f"#账号：[{self._seller_id}0156]"
        span = f"#起始日期：[{begin:%Y年%m月%d日} 00:00:00]   终止日期：[{end:%Y年%m月%d日} 00:00:00]"
        yield span
        yield f"#-----------------------------------------{table}列表----------------------------------------"

    def _details(self, kind: str, begin: datetime, end: datetime) -> Iterator[str]:
        trade = kind == "trade"
        title = "业务明细" if trade else "账务明细"
        yield from self._head(title, title, begin, end)
        yield TRADE if trade else FLOW
        paid, back, income, spent, balance = 0, 0, 0, 0, 0
        for count, row in enumerate(self._rows(begin, end), 1):
            balance += row.fee
            if row.fee > 0:
                paid, income = paid + 1, income + row.fee
            else:
                back, spent = back + 1, spent - row.fee
            yield _trade(row) if trade else _flow(row, count, balance)
        yield f"#-----------------------------------------{title}列表结束------------------------------------"
        if trade:
            yield f"#交易合计：{paid}笔，商家实收共{yuan_from_fen(income)}元，商家优惠共0.00元"
            yield f"#退款合计：{back}笔，商家实收退款共{yuan_from_fen(-spent)}元，商家优惠退款共0.00元"
        else:
            yield f"#支出合计：{back}笔，共{yuan_from_fen(-spent)}元"
            yield f"#收入合计：{paid}笔，共{yuan_from_fen(income)}元"
        yield f"#导出时间：[{self._world.clock.now().astimezone(BEIJING):%Y年%m月%d日 %H:%M:%S}]"

    def _summary(self, kind: str, begin: datetime, end: datetime) -> Iterator[str]:
        trade = kind == "trade"
        yield from self._head("业务汇总" if trade else "账务汇总", "业务汇总" if trade else "账务汇总", begin, end)
        fees = [row.fee for row in self._rows(begin, end)]
        income, spent = sum(fee for fee in fees if fee > 0), sum(fee for fee in fees if fee < 0)
        paid = sum(fee > 0 for fee in fees)
        back = len(fees) - paid
        net = yuan_from_fen(income + spent)
        if trade:
            yield TRADE_SUMMARY
            money = [yuan_from_fen(income + spent), net, "0.00", "0.00", "0.00", "0.00", "0.00", net]
            yield ",".join(["合计\t", "\t", str(paid), str(back), *money])
        else:
            yield FLOW_SUMMARY
            yield ",".join(["合计", str(paid), yuan_from_fen(income), str(back), yuan_from_fen(spent), net])
        yield "#----------------------------------------------结束----------------------------------------"


def _member(name: str, letter: str, begin: datetime) -> zipfile.ZipInfo:
    """With a placeholder of ASCII for a name: what zipfile writes otherwise carries the flag of UTF-8."""
    info = zipfile.ZipInfo(letter * len(name.encode("gbk")), begin.timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _in_gbk(archive: bytes, names: list[str]) -> bytes:
    """Put the names in place, in GBK and without a flag that says so, in each local header and in the directory."""
    made = bytearray(archive)
    at = made.rfind(b"PK\x05\x06")
    place = struct.unpack_from("<I", made, at + 16)[0]
    for name in names:
        written = name.encode("gbk")
        local = struct.unpack_from("<I", made, place + 42)[0]
        made[place + 46 : place + 46 + len(written)] = written
        made[local + 30 : local + 30 + len(written)] = written
        extra, comment = struct.unpack_from("<HH", made, place + 30)
        place += 46 + len(written) + extra + comment
    return bytes(made)


def _cell(text: str) -> str:
    """What stands in a cell, with the tab that keeps a spreadsheet from reading numbers out of it."""
    plain = re.sub(r"[\r\n\t]", " ", text)
    return f'"{plain}"\t' if "," in plain else f"{plain}\t"


def _trade(row: Row) -> str:
    order, amount = row.order, yuan_from_fen(row.fee)
    subject = str(order.wire["content"].get("subject", ""))
    return ",".join(
        [
            *(_cell(row.number), _cell(order.out_trade_no), "交易" if row.fee > 0 else "退款", _cell(subject)),
            *(order.created.astimezone(BEIJING).strftime(TIME), row.at.astimezone(BEIJING).strftime(TIME)),
            *("\t", "\t", "\t", "\t", _cell("买家(abc***@sandbox.com)"), amount, amount),
            *("0.00", "0.00", "0.00", "0.00", "0.00", "\t", "0.00", "0.00"),
            *(_cell(row.refund_no), "0.00", "0.00", _cell(str(order.wire["content"].get("body", "")))),
        ]
    )


def _flow(row: Row, count: int, balance: int) -> str:
    order, amount = row.order, yuan_from_fen(row.fee)
    return ",".join(
        [
            *(_cell(f"{row.at:%Y%m%d}{count:012d}"), _cell(row.number), _cell(order.out_trade_no)),
            *(_cell(str(order.wire["content"].get("subject", ""))), row.at.astimezone(BEIJING).strftime(TIME)),
            *(_cell("abc***@sandbox.com"), amount if row.fee > 0 else "0.00", amount if row.fee < 0 else "0.00"),
            *(yuan_from_fen(balance), "支付宝", "在线支付" if row.fee > 0 else "交易退款", _cell("")),
        ]
    )
