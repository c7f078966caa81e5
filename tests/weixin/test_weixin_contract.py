"""The provider keeps the contract, and a few rules of the platform's own."""

from __future__ import annotations

import gzip
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongfu import (
    ConfigError,
    HttpResponse,
    InvalidParams,
    MalformedAnswer,
    Notification,
    OutcomeUnknown,
    PlatformRefused,
    SignatureError,
    Tongfu,
    TransportError,
)
from tongfu.errors import BillUnavailable, CredentialRejected, OrderPaid, TongfuError
from tongfu.testing import FakeTransport, ProviderContract
from tongfu_weixin import WeixinAccount
from tongfu_weixin.emulator import codec
from tongfu_weixin.pay_v2 import xml

KEY = "192006250b4c09247ec02edce69f6a2d"
IDS = {"appid": "wxd930ea5d5a258f4f", "mch_id": "1900000109"}
ORDER: dict[str, Any] = {
    "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
    "body": "coffee",
    "out_trade_no": "A10011",
    "total_fee": 100,
    "notify_url": "https://shop.example/notify",
}


def account(**more: Any) -> WeixinAccount:
    return WeixinAccount(app_id=IDS["appid"], mch_id=IDS["mch_id"], key=KEY, **more)


def message(key: str = KEY, algorithm: str = "MD5", **fields: str) -> bytes:
    told = {"return_code": "SUCCESS", "result_code": "SUCCESS", "nonce_str": "n", **IDS, **fields}
    return codec.write({**told, "sign": codec.sign(told, key, algorithm)})


PAID = {
    "out_trade_no": "A10011",
    "transaction_id": "42000001",
    "total_fee": "100",
    "cash_fee": "100",
    "time_end": "20261124160318",
}


def refund_notice(key: str = KEY, **fields: str) -> bytes:
    plain = {
        "out_trade_no": "A10011",
        "out_refund_no": "R1",
        "refund_status": "SUCCESS",
        "total_fee": "100",
        "refund_fee": "60",
    }
    sealed = codec.seal(codec.write({**plain, **fields}, "root"), key)
    return codec.write({"return_code": "SUCCESS", **IDS, "nonce_str": "n", "req_info": sealed})


class TestContract(ProviderContract):
    platform = "weixin"
    other_account = WeixinAccount(app_id="wx0000000000000000", mch_id="1900000999", key="k" * 32)
    algorithms = ("MD5", "HMAC-SHA256")
    samples = MappingProxyType(
        {
            "get_order_info": ORDER,
            "order_query": {"out_trade_no": "A10011"},
            "close_order": {"out_trade_no": "A10011"},
            "refund": {"out_trade_no": "A10011", "out_refund_no": "R1", "total_fee": 100, "refund_fee": 60},
            "refund_query": {"out_trade_no": "A10011"},
            "download_bill": {"bill_date": "20261123"},
            "download_fundflow": {"bill_date": "2026-11-23"},
        }
    )
    notices = MappingProxyType(
        {
            "verify_payment_notify": Notification({}, message(**PAID)),
            "verify_refund_notify": Notification({}, refund_notice()),
        }
    )

    @property
    def account(self) -> WeixinAccount:
        return account(pfx=pfx())


def pfx() -> bytes:
    return PFX


def _pfx() -> bytes:
    from tongfu.emulator.certificates import Authority

    made, _ = Authority.new("test").client_certificate(IDS["mch_id"], IDS["mch_id"].encode())
    return made


PFX = _pfx()


async def ask(operation: str, *answers: Any, ours: WeixinAccount | None = None, **params: Any) -> Any:
    tf = Tongfu({"shop": ours or account(pfx=PFX)}, transport=FakeTransport(*answers))
    return await getattr(tf.payment, operation)("shop", **params)


async def notice(body: bytes, kind: str = "verify_payment_notify") -> Any:
    tf = Tongfu({"shop": account()}, transport=FakeTransport())
    return await getattr(tf.payment, kind)("shop", Notification({}, body))


async def test_only_a_signed_success_is_paid() -> None:
    assert (await notice(message(**PAID))).paid
    assert (await notice(message(algorithm="HMAC-SHA256", **PAID))).paid
    assert not (await notice(message(**{**PAID, "result_code": "FAIL"}))).paid
    told = await notice(refund_notice(), "verify_refund_notify")
    assert (told.refunded, told.refund_fee, told.paid) == (True, 60, False)


DTD = b'<?xml version="1.0"?><!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
LAUGHS = b'<!DOCTYPE xml [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><xml><x>&b;</x></xml>'


@pytest.mark.parametrize(
    "body",
    [
        DTD + message(**PAID),
        LAUGHS,
        message(**PAID).replace(b"<total_fee>", b"<total_fee><![CDATA[1]]></total_fee><total_fee>"),
        message(**PAID).replace(b"<sign>", b"<sign><![CDATA[x]]></sign><sign>"),
        message(**PAID).replace(b"<xml>", b'<?xml version="1.0" encoding="GBK"?><xml>').replace(b"A10011", b"\xc4\xe3"),
        message(**PAID).replace(b"<xml>", b'<xml a="1">'),
        b"<a>" * 10000,
        refund_notice(),
    ],
    ids=["XXE", "billion laughs", "field twice", "sign twice", "GBK", "attribute", "deep", "a refund"],
)
async def test_a_hostile_notification_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        await notice(body)


@pytest.mark.parametrize(
    "body",
    [
        message(key="another key", **PAID),
        message(**PAID).replace(b"<![CDATA[100]]>", b"<![CDATA[101]]>"),
        codec.write({"return_code": "SUCCESS", "result_code": "SUCCESS", **IDS, **PAID}),
        codec.write({"return_code": "SUCCESS", "result_code": "SUCCESS", **IDS, **PAID, "sign": ""}),
        message(**{**PAID, "mch_id": "1900000110"}),
        message(**{**PAID, "appid": "wx0"}),
        message(**{**PAID, "sign_type": "NONE"}),
    ],
    ids=["another key", "changed", "no sign", "empty sign", "mch_id", "appid", "algorithm"],
)
async def test_a_forged_notification_is_refused(body: bytes) -> None:
    with pytest.raises(SignatureError):
        await notice(body)


async def test_a_refund_notice_under_another_key_is_refused() -> None:
    with pytest.raises(SignatureError):
        await notice(refund_notice(key="another key"), "verify_refund_notify")


async def test_an_account_without_a_key_verifies_nothing() -> None:
    tf = Tongfu({"shop": WeixinAccount(app_id=IDS["appid"], mch_id=IDS["mch_id"])}, transport=FakeTransport())
    with pytest.raises(ConfigError, match="key"):
        await tf.payment.verify_payment_notify("shop", Notification({}, message(key="", **PAID)))


@given(st.binary(max_size=300))
def test_random_bytes_raise_only_our_errors(body: bytes) -> None:
    for document in (body, b"<xml>" + body + b"</xml>"):
        try:
            xml.parse(document)
        except TongfuError:
            continue


PIECES = (
    *("<a>", "</a>", "<b>", "</b>", "<a>1</a>", "<b>2</b>", "<c></c>", "<d/>", "<xml>", "</xml>", "<![CDATA[", "]]>"),
    *(
        "<e><![CDATA[q]]></e>",
        "<f><![CDATA[]]></f>",
        "<g>咖啡</g>",
        "<h><![CDATA[a&b]]></h>",
        "<i>&lt;</i>",
        "<j>></j>",
    ),
    *("<k>]]></k>", "<!DOCTYPE xml>", "<!---->", "<?p?>", "<l m='1'>1</l>", "<xml>\n<n>1</n>\n</xml>", "&", "<", ">"),
    *("]", "x", "😀", " ", "\n", "\r", "\t", "\x00", "\x1c", "\x85", "\u3000", "\ufeff", "\ufffe"),
)


@given(st.lists(st.sampled_from(PIECES), max_size=7).map("".join), st.booleans())
def test_the_pattern_reads_nothing_that_expat_would_read_otherwise(inside: str, whole: bool) -> None:
    document = (f"<xml>{inside}</xml>" if whole else inside).encode()
    usual = xml._usual(document, "xml")
    if usual is None:
        return
    reader = xml._Flat("xml")
    reader.parser.Parse(document, True)

    assert reader.fields == usual


@pytest.mark.parametrize(
    "hostile",
    [b"<a><![CDATA[" * 80_000, b"<a>" * 300_000, b"<a" * 400_000, b"<a>1</b>" * 100_000, b"<" * 1_000_000],
    ids=["CDATA", "elements", "names", "wrong ends", "less-than"],
)
def test_the_pattern_leaves_a_hostile_body_to_expat(hostile: bytes) -> None:
    """And in one pass over it, else this would not end."""
    assert xml._usual(hostile, "xml") is None
    with pytest.raises(MalformedAnswer):
        xml.parse(hostile)


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,9}", fullmatch=True), st.text(max_size=30), max_size=9))
def test_two_hands_read_what_either_wrote(fields: dict[str, str]) -> None:
    """The client's reader and writer against the emulator's, written apart."""
    sendable = {
        name: value for name, value in fields.items() if not xml._UNSENDABLE.search(value) and "\r" not in value
    }

    assert xml.parse(codec.write(sendable)) == sendable
    assert codec.read(xml.build(sendable)) == sendable


async def test_refusals_are_told_apart() -> None:
    key: Any = {"out_trade_no": "A10011"}
    paid = message(result_code="FAIL", err_code="ORDERPAID", err_code_des="该订单已支付")
    with pytest.raises(OrderPaid, match="该订单已支付"):
        await ask("close_order", paid, **key)
    unsigned = codec.write({"return_code": "FAIL", "return_msg": "签名错误"})
    with pytest.raises(CredentialRejected) as caught:
        await ask("order_query", unsigned, **key)
    assert caught.value.verified is False
    with pytest.raises(TransportError, match="502"):
        await ask("order_query", *[HttpResponse(502, {}, b"<html>")] * 9, **key)


@pytest.mark.parametrize(
    "answer",
    [
        message(result_code="FAIL", err_code="SYSTEMERROR"),
        message(key="another key", out_refund_no="R1"),
        message(out_refund_no="R2", refund_fee="60", refund_id="5"),
        HttpResponse(502, {}, b"<html>"),
        b"<html></html>",
        TransportError("timed out"),
    ],
    ids=["SYSTEMERROR", "forged", "another refund", "502", "HTML", "timeout"],
)
async def test_a_refund_whose_end_is_not_known_is_never_a_failure(answer: Any) -> None:
    with pytest.raises(OutcomeUnknown):
        await ask("refund", answer, **TestContract.samples["refund"])


async def test_a_refund_needs_its_certificate_before_anything_is_sent() -> None:
    for ours in (account(), account(pfx=b"junk"), account(pfx="x" * 600)):
        with pytest.raises(ConfigError, match="pfx"):
            await ask("refund", ours=ours, **TestContract.samples["refund"])


async def test_numbered_refunds_are_listed_in_order() -> None:
    told = {"out_trade_no": "A10011", "total_fee": "1200", "refund_count": "11"}
    for n in range(11):
        told |= {f"out_refund_no_{n}": f"R{n}", f"refund_id_{n}": str(n), f"refund_fee_{n}": "5"}
        told |= {f"refund_status_{n}": "SUCCESS", f"coupon_refund_fee_{n}": "2", f"coupon_refund_id_{n}_0": "c"}
        told |= {f"coupon_refund_fee_{n}_0": "2", f"coupon_type_{n}_0": "CASH"}
    state = await ask("refund_query", message(**told), out_trade_no="A10011")

    assert [item.out_refund_no for item in state.refund_list] == [f"R{n}" for n in range(11)]
    assert state.refund_list[10].coupon_list[0].coupon_refund_fee == 2
    assert (state.refund_fee, state.refund_status) == (55, None)


BILL = "交易时间,商户订单号\r\n`2026-11-23 10:00:00,`A10011\r\n总交易单数\r\n`1\r\n"


@pytest.mark.parametrize(
    "body",
    [BILL.encode(), b"\xef\xbb\xbf" + BILL.encode(), gzip.compress(BILL.encode(), mtime=0)],
    ids=["plain", "BOM", "GZIP"],
)
async def test_a_bill_is_text_however_it_travels(body: bytes) -> None:
    assert (await ask("download_bill", body, bill_date="2026-11-23")).content == BILL


async def test_what_is_no_bill_is_not_taken_for_one() -> None:
    none = codec.write({"return_code": "FAIL", "return_msg": "NO Bill Exist", "error_code": "20002"})
    with pytest.raises(BillUnavailable):
        await ask("download_bill", none, bill_date="20261123")
    with pytest.raises(MalformedAnswer):
        await ask("download_bill", b"<!doctype html><p>404</p>", bill_date="20261123")
    with pytest.raises(PlatformRefused):
        await ask("download_bill", codec.write({"return_code": "FAIL", "return_msg": "x"}), bill_date="20261123")


async def test_bad_parameters_are_named_together() -> None:
    with pytest.raises(InvalidParams) as caught:
        await ask("get_order_info", out_trade_no="A1", total_fee=0.5, notify_url="https://s.example/n?a=1")
    assert set(caught.value.problems) == {"out_trade_no", "total_fee", "notify_url", "body"}
    for changes, field in (
        ({"openid": None}, "openid"),
        ({"trade_type": "H5"}, "spbill_create_ip"),
        ({"client_type": "mp-other"}, "client_type"),
        ({"body": "coffee 😀"}, "body"),
        ({"extra": {"total_fee": "1"}}, "extra"),
    ):
        with pytest.raises(InvalidParams) as caught:
            await ask("get_order_info", **{**ORDER, **changes})
        assert set(caught.value.problems) == {field}
    with pytest.raises(InvalidParams, match="at most total_fee"):
        await ask("refund", **{**TestContract.samples["refund"], "refund_fee": 101})
