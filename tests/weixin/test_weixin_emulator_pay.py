"""The emulated Pay v2 refuses as the platform does: by code, signed where the platform signs, whatever the client."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree

import aiohttp
import pytest

from tongfu.emulator import Emulator

START = datetime(2026, 11, 24, 8, 3, 5, tzinfo=UTC)
ORDER = {
    "body": "tea",
    "out_trade_no": "A10011",
    "total_fee": "100",
    "spbill_create_ip": "127.0.0.1",
    "notify_url": "http://127.0.0.1:9/notify",
    "trade_type": "JSAPI",
    "openid": "o1",
}
KEYED = {"out_trade_no": "A10011"}
REFUND = {**KEYED, "out_refund_no": "R1", "total_fee": "100", "refund_fee": "60"}
Fields = dict[str, str]


def signature(fields: Mapping[str, str], key: str, algorithm: str) -> str:
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if fields[name] and name != "sign")
    text += f"&key={key}"
    if algorithm == "MD5":
        return hashlib.md5(text.encode()).hexdigest().upper()
    return hmac.new(key.encode(), text.encode(), "sha256").hexdigest().upper()


@dataclass
class Client:
    """Someone's SDK: it signs by the documentation and believes nothing."""

    emu: Emulator
    session: aiohttp.ClientSession

    @property
    def ids(self) -> Fields:
        line = self.emu.settings()["weixin"]
        return {"appid": line["app_id"], "mch_id": line["mch_id"], "nonce_str": "n"}

    @property
    def key(self) -> str:
        return str(self.emu.settings()["weixin"]["key"])

    async def ask(self, path: str, fields: Mapping[str, str], algorithm: str = "MD5", **more: str) -> Fields:
        """The answer's fields; its signature is checked where it has one."""
        asked = {**self.ids, **fields, **more}
        if algorithm != "MD5":
            asked["sign_type"] = algorithm
        asked.setdefault("sign", signature(asked, self.key, algorithm))
        status, body = await self.post(path, document(asked))
        assert status == 200
        told = {child.tag: child.text or "" for child in ElementTree.fromstring(body)}
        assert ("sign" in told) == (told["return_code"] == "SUCCESS")
        if "sign" in told:
            assert told["sign"] == signature(told, self.key, algorithm)
            assert {name: told[name] for name in ("appid", "mch_id")} == {
                name: self.ids[name] for name in ("appid", "mch_id")
            }
        return told

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        async with self.session.post(self.emu.url + path, data=body) as response:
            return response.status, await response.read()

    async def code(self, path: str, fields: Mapping[str, str], **more: str) -> str:
        told = await self.ask(path, fields, **more)
        return told.get("err_code", told["result_code"])


def document(fields: Mapping[str, str]) -> bytes:
    root = ElementTree.Element("xml")
    for name, value in fields.items():
        ElementTree.SubElement(root, name).text = value
    return bytes(ElementTree.tostring(root, "utf-8"))


@pytest.fixture
async def emu() -> AsyncIterator[Emulator]:
    async with Emulator(platforms=["weixin"], start=START, frozen=True) as emulator:
        yield emulator


@pytest.fixture
async def client(emu: Emulator) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(emu, session)


async def test_a_request_that_is_not_taken_is_answered_without_a_signature(emu: Emulator, client: Client) -> None:
    path = "/pay/orderquery"
    refused = [
        await client.ask(path, KEYED, sign="0" * 32),
        await client.ask(path, KEYED, sign=""),
        await client.ask(path, KEYED, sign_type="RSA"),
        await client.ask(path, KEYED, appid="wx0"),
        await client.ask(path, KEYED, mch_id="1900000110"),
        await client.ask(path, KEYED, nonce_str="n" * 33),
    ]
    verdicts = [exchange.verdict for exchange in emu.exchanges]

    assert [told["return_msg"] for told in refused] == [
        "签名错误",
        "签名错误",
        "签名类型错误",
        "appid和mch_id不匹配",
        "appid和mch_id不匹配",
        "nonce_str参数长度有误",
    ]
    assert {frozenset(told) for told in refused} == {frozenset({"return_code", "return_msg"})}
    assert verdicts == ["invalid", "missing", "invalid", "valid", "valid", "valid"]


NO_XML = [
    (b"", "post数据为空"),
    (b"{}", "XML格式错误"),
    (b"<xml><a><b/></a></xml>", "XML格式错误"),
    (b"<!DOCTYPE xml [<!ENTITY a 'b'>]><xml><a>&a;</a></xml>", "XML格式错误"),
    ("<xml><body>😀</body></xml>".encode(), "XML格式错误"),
    ("<xml><body>茶</body></xml>".encode("gbk"), "XML格式错误"),
]


async def test_what_is_no_flat_xml_is_refused(client: Client) -> None:
    for body, told in NO_XML:
        status, answer = await client.post("/pay/unifiedorder", body)
        assert (body, status, told in answer.decode(), b"<sign>" in answer) == (body, 200, True, False)


async def test_a_wrong_signature_is_explained_without_the_key(emu: Emulator, client: Client) -> None:
    await client.ask("/pay/orderquery", KEYED, sign="0" * 32)
    explain = unquote(emu.exchanges[-1].explain)

    assert "out_trade_no=A10011&key=********" in explain
    assert client.key not in explain


NEW_ORDERS: list[tuple[Fields, str]] = [
    *[({name: ""}, "LACK_PARAMS") for name in ORDER],
    ({"total_fee": "0"}, "PARAM_ERROR"),
    ({"total_fee": "1.5"}, "PARAM_ERROR"),
    ({"total_fee": "-1"}, "PARAM_ERROR"),
    ({"total_fee": "１"}, "PARAM_ERROR"),
    ({"out_trade_no": "A1001"}, "PARAM_ERROR"),
    ({"out_trade_no": "A" * 33}, "PARAM_ERROR"),
    ({"out_trade_no": "A1001 1"}, "PARAM_ERROR"),
    ({"trade_type": "MICROPAY"}, "PARAM_ERROR"),
    ({"notify_url": "http://shop.example/notify?a=1"}, "PARAM_ERROR"),
    ({"notify_url": "shop.example/notify"}, "PARAM_ERROR"),
    ({"body": "字" * 43}, "PARAM_ERROR"),
    ({"attach": "x" * 128}, "PARAM_ERROR"),
    ({"spbill_create_ip": "localhost"}, "PARAM_ERROR"),
    ({"fee_type": "USD"}, "PARAM_ERROR"),
    ({"time_expire": "20261124160345"}, "PARAM_ERROR"),  # forty seconds on, Beijing
    ({"time_expire": "tomorrow"}, "PARAM_ERROR"),
    ({"trade_type": "NATIVE"}, "LACK_PARAMS"),
    ({"trade_type": "MWEB"}, "LACK_PARAMS"),
    ({"trade_type": "MWEB", "scene_info": "{"}, "PARAM_ERROR"),
    ({"trade_type": "MWEB", "scene_info": '{"store_info":{}}'}, "PARAM_ERROR"),
    ({"sub_openid": "o2"}, "LACK_PARAMS"),
    ({"sub_appid": "wx2"}, "LACK_PARAMS"),
    ({"sub_mch_id": "m2"}, "PARAM_ERROR"),
    ({"time_expire": "20261124160405", "attach": "x" * 127}, "SUCCESS"),
    ({"sub_mch_id": "1900000777", "sub_appid": "wx2", "openid": "", "sub_openid": "o2"}, "SUCCESS"),
]


async def test_an_order_that_lacks_or_exceeds_something_is_not_made(emu: Emulator, client: Client) -> None:
    for change, code in NEW_ORDERS:
        await emu.reset()
        assert (change, await client.code("/pay/unifiedorder", {**ORDER, **change})) == (change, code)
        assert len(emu.orders()) == (code == "SUCCESS")


async def test_the_same_order_again_has_the_same_prepay_id(client: Client) -> None:
    first = await client.ask("/pay/unifiedorder", ORDER)
    again = await client.ask("/pay/unifiedorder", ORDER, nonce_str="another")

    assert (first["prepay_id"], first["sign"]) != (first["prepay_id"], again["sign"])
    assert again["prepay_id"] == first["prepay_id"]


OTHER_ORDERS: list[tuple[Fields, str]] = [
    ({"total_fee": "101"}, "OUT_TRADE_NO_USED"),
    ({"body": "coffee"}, "OUT_TRADE_NO_USED"),
    ({"detail": "{}"}, "OUT_TRADE_NO_USED"),
    ({"sub_mch_id": "1900000777"}, "OUT_TRADE_NO_USED"),
    ({"trade_type": "APP"}, "INVALID_REQUEST"),
]


async def test_a_number_that_is_used_takes_no_other_order(client: Client) -> None:
    await client.ask("/pay/unifiedorder", ORDER)
    for change, code in OTHER_ORDERS:
        told = await client.ask("/pay/unifiedorder", {**ORDER, **change})
        assert (change, told["err_code"], "商户订单号重复" in told["err_code_des"]) == (change, code, True)


async def test_each_state_of_an_order_refuses_what_it_cannot_take(emu: Emulator, client: Client) -> None:
    story: list[tuple[str, dict[str, str]]] = []

    async def look(state: str) -> None:
        codes = {
            "order": await client.code("/pay/unifiedorder", ORDER),
            "state": (await client.ask("/pay/orderquery", KEYED)).get("trade_state", "none"),
            "refund": await client.code("/secapi/pay/refund", REFUND),
            "close": await client.code("/pay/closeorder", KEYED),
        }
        story.append((state, codes))

    assert await client.code("/pay/orderquery", KEYED) == "ORDERNOTEXIST"
    assert await client.code("/pay/closeorder", KEYED) == "ORDERNOTEXIST"
    assert await client.code("/secapi/pay/refund", REFUND) == "ORDERNOTEXIST"
    assert await client.code("/pay/refundquery", KEYED) == "REFUNDNOTEXIST"
    await look("new")
    await look("closed")
    await emu.reset()
    await client.ask("/pay/unifiedorder", ORDER)
    await emu.pay("A10011", "userpaying")
    assert await client.code("/secapi/pay/refund", REFUND) == "ORDER_NOT_READY"
    await emu.pay("A10011")
    await look("paid")
    await emu.reset()
    await client.ask("/pay/unifiedorder", ORDER)
    await emu.clock.advance(7200)
    await look("expired")

    closed = {"order": "ORDERCLOSED", "state": "CLOSED", "refund": "ERROR", "close": "ORDERCLOSED"}
    assert story == [
        ("new", {"order": "SUCCESS", "state": "NOTPAY", "refund": "ERROR", "close": "SUCCESS"}),
        ("closed", closed),
        ("paid", {"order": "ORDERPAID", "state": "SUCCESS", "refund": "SUCCESS", "close": "ORDERPAID"}),
        ("expired", closed),
    ]


async def paid(emu: Emulator, client: Client, number: str = "A10011", **more: str) -> None:
    await client.ask("/pay/unifiedorder", {**ORDER, "out_trade_no": number, **more})
    await emu.pay(number)


REFUNDS: list[tuple[Fields, str]] = [
    ({"total_fee": "101"}, "REFUND_FEE_MISMATCH"),
    ({"refund_fee": "101"}, "REFUND_FEE_INVALID"),
    ({"refund_fee": "0"}, "PARAM_ERROR"),
    ({"refund_fee": ""}, "LACK_PARAMS"),
    ({"out_refund_no": ""}, "LACK_PARAMS"),
    ({"out_refund_no": "R 1"}, "PARAM_ERROR"),
    ({"out_refund_no": "R" * 65}, "PARAM_ERROR"),
    ({"notify_url": "http://shop.example/?a=1"}, "PARAM_ERROR"),
    ({"refund_account": "MINE"}, "PARAM_ERROR"),
    ({"refund_account": "REFUND_SOURCE_RECHARGE_FUNDS"}, "NOTENOUGH"),
    ({"out_trade_no": ""}, "PARAM_ERROR"),
    ({"sub_mch_id": "1900000777"}, "ORDERNOTEXIST"),
    ({"transaction_id": "4200", "out_trade_no": "A10011"}, "ORDERNOTEXIST"),  # the platform's number wins
    ({"refund_account": "REFUND_SOURCE_UNSETTLED_FUNDS", "refund_fee": "100"}, "SUCCESS"),
]


async def test_a_refund_that_is_wrong_moves_nothing(emu: Emulator, client: Client) -> None:
    await paid(emu, client)
    for change, code in REFUNDS:
        assert (change, await client.code("/secapi/pay/refund", {**REFUND, **change})) == (change, code)
        assert emu.order("A10011").refunded_fee == (100 if code == "SUCCESS" else 0)


async def test_a_refund_number_is_one_refund(emu: Emulator, client: Client) -> None:
    await paid(emu, client)
    await paid(emu, client, "A10012")
    first = await client.ask("/secapi/pay/refund", REFUND)
    again = await client.ask("/secapi/pay/refund", REFUND)
    assert (again["refund_id"], emu.order("A10011").refunded_fee) == (first["refund_id"], 60)
    assert await client.code("/secapi/pay/refund", {**REFUND, "refund_fee": "40"}) == "REFUND_FEE_MISMATCH"
    assert await client.code("/secapi/pay/refund", {**REFUND, "out_trade_no": "A10012"}) == "ERROR"
    assert await client.code("/secapi/pay/refund", {**REFUND, "out_refund_no": "R2"}) == "REFUND_FEE_INVALID"
    assert await client.code("/secapi/pay/refund", {**REFUND, "out_refund_no": "R2", "refund_fee": "40"}) == "SUCCESS"
    assert (emu.order("A10011").state, emu.order("A10012").refunded_fee) == ("refunded", 0)


async def test_a_year_after_the_payment_nothing_is_refunded_any_more(emu: Emulator, client: Client) -> None:
    await paid(emu, client)
    await emu.clock.advance(365 * 86400)
    assert await client.code("/secapi/pay/refund", REFUND) == "SUCCESS"
    await emu.clock.advance(1)
    assert await client.code("/secapi/pay/refund", {**REFUND, "out_refund_no": "R2"}) == "TRADE_OVERDUE"
    assert await client.code("/secapi/pay/refund", REFUND) == "SUCCESS"


async def test_an_offset_that_is_none_is_refused(emu: Emulator, client: Client) -> None:
    await paid(emu, client)
    await client.ask("/secapi/pay/refund", REFUND)
    for offset in ("-1", "x", "1.0", "99999", "1"):
        assert (offset, await client.code("/pay/refundquery", KEYED, offset=offset)) == (offset, "PARAM_ERROR")
    assert await client.code("/pay/refundquery", KEYED, offset="0") == "SUCCESS"


async def test_the_most_exact_number_of_a_refund_counts(emu: Emulator, client: Client) -> None:
    await paid(emu, client)
    for number, fee in (("R1", "1"), ("R2", "2")):
        await client.ask("/secapi/pay/refund", {**REFUND, "out_refund_no": number, "refund_fee": fee})
    second = await client.ask("/pay/refundquery", {**KEYED, "out_refund_no": "R2"})
    first = await client.ask("/pay/refundquery", {"refund_id": emu.order("A10011").refunds[0].refund_id, **REFUND})

    assert (second["refund_count"], second["out_refund_no_0"], second["refund_fee_0"]) == ("1", "R2", "2")
    assert (first["refund_count"], first["out_refund_no_0"]) == ("1", "R1")
    assert await client.code("/pay/refundquery", {"out_refund_no": "R3"}) == "REFUNDNOTEXIST"
    assert await client.code("/pay/refundquery", {}) == "PARAM_ERROR"


async def bill(client: Client, path: str = "/pay/downloadbill", algorithm: str = "MD5", **fields: str) -> str:
    asked: dict[str, Any] = {**client.ids, **fields, "sign_type": algorithm}
    _, body = await client.post(path, document({**asked, "sign": signature(asked, client.key, algorithm)}))
    return body.decode("utf-8-sig")


async def test_a_bill_has_the_columns_of_its_kind(emu: Emulator, client: Client) -> None:
    await paid(emu, client, attach="a,b\nc")
    await client.ask("/secapi/pay/refund", REFUND)
    await emu.clock.advance(86400)
    tables = {
        kind: (await bill(client, bill_date="20261124", bill_type=kind)).split("\r\n")
        for kind in ("ALL", "SUCCESS", "REFUND")
    }

    assert {kind: len(lines[0].split(",")) for kind, lines in tables.items()} == {
        "ALL": 27,
        "SUCCESS": 20,
        "REFUND": 29,
    }
    assert {kind: len(lines) for kind, lines in tables.items()} == {"ALL": 6, "SUCCESS": 5, "REFUND": 5}
    for lines in tables.values():
        names = lines[0].split(",")
        for line in lines[1:-3]:
            values = line.removeprefix("`").split(",`")
            row = dict(zip(names, values, strict=True))
            assert (row["商户订单号"], row["商户数据包"]) == ("A10011", "a,b c")
    back = tables["REFUND"]
    row = dict(zip(back[0].split(","), back[1].removeprefix("`").split(",`"), strict=True))
    assert (row["退款申请时间"], row["退款成功时间"], row["退款金额"]) == (
        "2026-11-24 16:03:05",
        "2026-11-24 16:03:10",
        "0.60",
    )


async def test_bills_that_are_not_there_are_refused_in_their_own_ways(emu: Emulator, client: Client) -> None:
    await paid(emu, client)
    flow = "/pay/downloadfundflow"
    told = [
        await bill(client, bill_date="20261124"),
        await bill(client, bill_date="20261123"),
        await bill(client, bill_date="2026-11-23"),
        await bill(client),
        await bill(client, bill_date="20261123", bill_type="EVERYTHING"),
        await bill(client, bill_date="20261123", bill_type="RECHARGE_REFUND"),
        await bill(client, flow, "HMAC-SHA256", bill_date="20261124", account_type="Basic"),
        await bill(client, flow, "HMAC-SHA256", bill_date="20261123", account_type="Basic"),
        await bill(client, flow, "HMAC-SHA256", bill_date="20261123", account_type="basic"),
        await bill(client, flow, "HMAC-SHA256", bill_date="20170531", account_type="Basic"),
        await bill(client, flow, bill_date="20261123", account_type="Basic"),
    ]
    answers = [{child.tag: child.text for child in ElementTree.fromstring(each)} for each in told]

    assert [answer.get("err_code") or answer["return_msg"] for answer in answers] == [
        "Bill Creating",
        "No Bill Exist",
        "data format error",
        "missing parameter",
        "invalid bill_type",
        "No Bill Exist",
        "BILL_CREATING",
        "NO_BILL_EXIST",
        "PARAM_ERROR",
        "PARAM_ERROR",
        "签名错误",
    ]
    assert not any("sign" in answer for answer in answers)


async def test_the_sandboxs_key_is_given_for_the_real_one_only(emu: Emulator, client: Client) -> None:
    asked = {name: client.ids[name] for name in ("mch_id", "nonce_str")}
    for key, known in ((client.key, True), ("k" * 32, False)):
        _, body = await client.post(
            "/sandboxnew/pay/getsignkey", document({**asked, "sign": signature(asked, key, "MD5")})
        )
        told = {child.tag: child.text for child in ElementTree.fromstring(body)}
        assert (told["return_code"], "sandbox_signkey" in told) == (("SUCCESS", True) if known else ("FAIL", False))
        assert client.key not in body.decode()
    assert (await client.ask("/sandboxnew/pay/orderquery", KEYED))["return_msg"] == "签名错误"
    assert "the sandbox's key" in emu.exchanges[-1].explain
