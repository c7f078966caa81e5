"""alipay-wire.md B.13: the address, the archive and the tables, also from somebody who means harm."""

from __future__ import annotations

import csv
import io
import json
import struct
import tempfile
import tracemalloc
import zipfile
from collections.abc import AsyncIterator, Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tongfu import InvalidParams, MalformedAnswer, Tongfu, TransportError
from tongfu.call import HttpRequest, HttpResponse
from tongfu.errors import BillUnavailable
from tongfu.testing import FakeTransport

METHOD = "alipay.data.dataservice.bill.downloadurl.query"
URL = "https://dwbillcenter.alipay.com/downloadBillFile.resource?bizType=trade&userId=2088&token=s3cret"
NAMES = ("20881_20261124_业务明细.csv", "20881_20261124_业务明细(汇总).csv")
DETAIL = "#支付宝业务明细查询\r\n支付宝交易号,商家实收（元）\r\n20261124\t,0.29\r\n#导出时间\r\n"
SUMMARY = "#支付宝业务汇总查询\r\n合计,0.29\r\n"


def archive(*members: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """As the platform writes it: names in GBK, without the flag that says UTF-8."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", compression) as file:
        for index, (name, content) in enumerate(members):
            file.writestr(chr(97 + index) * len(name.encode("gbk")), content)
    whole = made.getvalue()
    for index, (name, _) in enumerate(members):
        written = name.encode("gbk")
        whole = whole.replace(chr(97 + index).encode() * len(written), written)
    return whole


BILL = archive((NAMES[0], DETAIL.encode("gb18030")), (NAMES[1], SUMMARY.encode("gb18030")))


def told(shop: Any, url: str = URL, **more: str) -> bytes:
    node = {"code": "10000", "msg": "Success", "bill_download_url": url, **more}
    body: bytes = shop.answer(json.dumps({name: value for name, value in node.items() if value}), METHOD)
    return body


async def download(shop: Any, body: Any = BILL, *, url: str = URL, **changes: Any) -> tuple[Any, FakeTransport]:
    tf, transport = shop.tongfu(told(shop, url), body, **changes)
    return await tf.payment.download_bill("shop", bill_date="20261124"), transport


async def test_a_bill_is_two_tables_in_utf_8(shop: Any) -> None:
    bill, transport = await download(shop)
    assert (bill.content, bill.summary) == (DETAIL, SUMMARY)
    assert bill.to_camel() == {"content": DETAIL}

    asked, fetched = transport.requests
    assert json.loads(shop.asked(asked)["biz_content"]) == {"bill_type": "trade", "bill_date": "2026-11-24"}
    assert (fetched.method, fetched.url, fetched.body, "authorization" in fetched.headers) == ("GET", URL, b"", False)
    assert "s3cret" not in repr(fetched)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"bill_date": date(2026, 11, 24)}, {"bill_type": "trade", "bill_date": "2026-11-24"}),
        ({"bill_date": "2026-11"}, {"bill_type": "trade", "bill_date": "2026-11"}),
        ({"bill_date": "202611"}, {"bill_type": "trade", "bill_date": "2026-11"}),
        ({"bill_date": "20261124", "bill_type": "ALL", "tar_type": "GZIP"}, {"bill_type": "trade"}),
        (
            {"bill_date": "20261124", "bill_type": "trade_zft_merchant", "extra": {"smid": "2088"}},
            {"bill_type": "trade_zft_merchant", "smid": "2088"},
        ),
    ],
)
async def test_what_is_asked_for(shop: Any, given: dict[str, Any], sent: dict[str, str]) -> None:
    tf, transport = shop.tongfu(told(shop), BILL)
    await tf.payment.download_bill("shop", **given)

    content = json.loads(shop.asked(transport.requests[0])["biz_content"])
    assert content == {"bill_date": "2026-11-24", **sent}


@pytest.mark.parametrize(
    "given",
    [
        {"bill_date": "2026-13"},
        {"bill_date": "2026-11-31"},
        {"bill_date": "2026"},
        {"bill_date": "20261124", "bill_type": "SUCCESS"},
        {"bill_date": "20261124", "bill_type": "../trade"},
        {"bill_date": "20261124", "tar_type": "ZIP"},
        {"bill_date": "20261124", "extra": {"bill_date": "2026-11-25"}},
    ],
)
async def test_what_cannot_be_asked_for_is_not(shop: Any, given: dict[str, Any]) -> None:
    tf, transport = shop.tongfu()
    with pytest.raises(InvalidParams):
        await tf.payment.download_bill("shop", **given)
    assert transport.requests == []


async def test_a_fund_flow_is_another_kind_of_bill(shop: Any) -> None:
    tf, transport = shop.tongfu(told(shop), BILL)
    await tf.payment.download_fundflow("shop", bill_date="20261124", account_type="BASIC")

    assert json.loads(shop.asked(transport.requests[0])["biz_content"])["bill_type"] == "signcustomer"
    tf, transport = shop.tongfu()
    with pytest.raises(InvalidParams, match="account_type"):
        await tf.payment.download_fundflow("shop", bill_date="20261124", account_type="FEES")


async def test_no_address_is_no_bill(shop: Any) -> None:
    tf, _ = shop.tongfu(told(shop, "", bill_file_code="EMPTY_DATA_WITH_BILL_FILE"))
    with pytest.raises(BillUnavailable):
        await tf.payment.download_bill("shop", bill_date="20261124")


@pytest.mark.parametrize(
    ("url", "fetched"),
    [
        ("http://dwbillcenter.alipay.com/f?a=1", "https://dwbillcenter.alipay.com/f?a=1"),
        ("https://dwbillcenter.alipaydev.com/f", "https://dwbillcenter.alipaydev.com/f"),
    ],
)
async def test_a_bill_comes_over_tls(shop: Any, url: str, fetched: str) -> None:
    _, transport = await download(shop, url=url)
    assert transport.requests[1].url == fetched


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/f",
        "https://dwbillcenter.alipay.com.evil.example/f",
        "https://evilalipay.com/f",
        "https://dwbillcenter.alipay.com@evil.example/f",
        "https://dwbillcenter.alipay.com:8443/f",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1/f",
        "file:///etc/passwd",
        "ftp://dwbillcenter.alipay.com/f",
        "https://dwbillcenter.alipay.com/f#x",
        "https://dwbillcenter.alipay.com/a b",
        "https://dwbillcenter.alipay.com/f\r\nx: y",
        "https://[::1",
        "https://dwbillcenter.alipay.com:port/f",
        "//dwbillcenter.alipay.com/f",
    ],
)
async def test_no_other_host_is_asked(shop: Any, url: str) -> None:
    tf, transport = shop.tongfu(told(shop, url))
    with pytest.raises(MalformedAnswer, match="not on a host"):
        await tf.payment.download_bill("shop", bill_date="20261124")
    assert len(transport.requests) == 1


async def test_the_accounts_own_gateway_may_hand_it_over(shop: Any) -> None:
    url = "http://127.0.0.1:8080/downloadBillFile.resource?token=1"
    bill, transport = await download(shop, url=url, gateway="http://127.0.0.1:8080/gateway.do")
    assert (bill.content, transport.requests[1].url) == (DETAIL, url)


def encrypted(body: bytes) -> bytes:
    """The first member says that it is encrypted."""
    at = body.index(b"PK\x01\x02") + 8
    return body[:at] + b"\x01\x00" + body[at + 2 :]


def many(count: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for number in range(count):
            file.writestr(f"{number}.csv", b"a")
    return made.getvalue()


def says(body: bytes, offset: int, value: int) -> bytes:
    """The end record with another number in it."""
    at = body.rindex(b"PK\x05\x06") + offset
    return body[:at] + struct.pack("<I" if offset == 12 else "<H", value) + body[at + (4 if offset == 12 else 2) :]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>expired</html>",
        b"PK\x05\x06",
        BILL[:-1],
        BILL[30:],
        BILL[: len(BILL) // 2],
        BILL.replace(b"PK\x03\x04", b"PK\x03\x05", 1),
        encrypted(BILL),
        archive(),
        archive((NAMES[1], b"summary only")),
        archive(("\x00.csv", b"no name")),
        archive((NAMES[0], "é".encode("latin-1") + b"\xff")),
        archive((NAMES[0], b"ok"), (NAMES[1], b"\xff\xff")),
        many(21),
        says(many(3), 10, 0xFFFF),
        says(many(3), 12, 1 << 17),
        says(BILL, 12, 3),
        archive((NAMES[0], b"x"), (NAMES[1], b"y" * ((1 << 20) + 1))),
        archive((NAMES[0], DETAIL.encode("gb18030")), compression=zipfile.ZIP_STORED).replace(b"0.29", b"9.29"),
        archive((NAMES[0], DETAIL.encode("gb18030")), compression=zipfile.ZIP_LZMA),
        archive((NAMES[0], DETAIL.encode("gb18030")), compression=zipfile.ZIP_BZIP2),
    ],
    ids=[
        *(
            "empty",
            "HTML",
            "end only",
            "cut",
            "no head",
            "half",
            "no member",
            "encrypted",
            "no file",
            "no table",
            "no name",
        ),
        *(
            "not GBK",
            "summary not GBK",
            "many",
            "says many",
            "says large",
            "small directory",
            "long summary",
            "changed",
            "LZMA",
            "BZIP2",
        ),
    ],
)
async def test_what_is_no_such_archive_is_malformed(shop: Any, body: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        await download(shop, body)


async def test_a_zip_bomb_goes_off_in_bounds(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tongfu_alipay.bill.BILL_LIMIT", 1 << 21)
    bomb = archive((NAMES[0], bytes((1 << 21) + 1)))
    assert len(bomb) < 1 << 14
    with pytest.raises(MalformedAnswer, match="larger than 2097152 bytes"):
        await download(shop, bomb)


@pytest.mark.parametrize("names", [("../../etc/cron.d/x", "汇总"), ("C:\\x.csv", "汇总"), ("a b\n.csv", "汇总")])
async def test_a_members_name_is_no_path(shop: Any, names: tuple[str, str], tmp_path: Path) -> None:
    bill, _ = await download(shop, archive((names[0], b"a,b\r\n"), (names[1], b"c")))
    assert (bill.content, bill.summary) == ("a,b\r\n", "c")


@pytest.mark.parametrize("status", [302, 403, 404, 500])
async def test_another_status_is_no_bill(shop: Any, status: int) -> None:
    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse(status, {"location": "https://evil.example"}, b"x")

    tf, transport = shop.tongfu(told(shop), answer, answer, answer)
    with pytest.raises(TransportError, match=str(status)):
        await tf.payment.download_bill("shop", bill_date="20261124")
    assert "evil" not in "".join(request.url for request in transport.requests)


TRADES = 100_000


@pytest.fixture
async def platform(shop: Any) -> AsyncIterator[Callable[[Path], Any]]:
    """A gateway on loopback that hands over one file."""
    holder: dict[str, Path] = {}

    async def gateway(request: web.Request) -> web.Response:
        url = f"http://127.0.0.1:{request.url.port}/file"
        return web.Response(body=told(shop, url))

    async def file(request: web.Request) -> web.FileResponse:
        return web.FileResponse(holder["file"])

    application = web.Application()
    application.router.add_post("/gateway.do", gateway)
    application.router.add_get("/file", file)
    async with TestServer(application) as server:

        def serve(path: Path) -> Any:
            holder["file"] = path
            account = shop.account(gateway=str(server.make_url("/gateway.do")))
            return Tongfu({"shop": account})

        yield serve


async def test_a_hundred_thousand_trades_come_and_are_summed_in_constant_memory(
    platform: Callable[[Path], Any], tmp_path: Path
) -> None:
    path = tmp_path / "bill.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made, made.open("b.csv", "w") as member:
        member.write("#支付宝业务明细查询\r\n支付宝交易号,商户订单号,商家实收（元）\r\n".encode("gb18030"))
        for number in range(TRADES):
            row = f"2026112422001{number:015d}\t,A{number}\t,{number // 100}.{number % 100:02d}\r\n"
            member.write(row.encode("gb18030"))
        member.write(f"#交易合计：{TRADES}笔\r\n".encode("gb18030"))
    tempfile.gettempdir()  # its first call is not to be measured

    async with platform(path) as tf:
        await tf.payment.download_bill("shop", bill_date="20261124")  # imports are not to be measured either
        tracemalloc.start()
        try:
            bill = await tf.payment.download_bill("shop", bill_date="20261124")
            lines = (line for line in bill.lines() if not line.startswith("#"))
            fen = sum(int(Decimal(row["商家实收（元）"]) * 100) for row in csv.DictReader(lines))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert fen == sum(range(TRADES))
    assert peak < 4 << 20, peak
