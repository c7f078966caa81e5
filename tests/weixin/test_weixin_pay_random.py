"""Bytes and fields at random, in notifications and answers and XML: read exactly, or refused with an error of ours."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tongfu import InvalidParams, Notification, Tongfu, TongfuError
from tongfu.testing import FakeTransport
from tongfu_weixin import WeixinAccount
from tongfu_weixin.emulator import codec
from tongfu_weixin.pay_v2 import sign, xml

KEY: Final = "192006250b4c09247ec02edce69f6a2d"
IDS: Final = {"appid": "wxd930ea5d5a258f4f", "mch_id": "1900000109"}
PAID: Final = {
    "return_code": "SUCCESS",
    "result_code": "SUCCESS",
    **IDS,
    "nonce_str": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
    "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
    "out_trade_no": "A10011",
    "transaction_id": "4200000001202611240000000001",
    "total_fee": "100",
    "cash_fee": "100",
    "fee_type": "CNY",
    "time_end": "20261124160318",
}
BACK: Final = {
    "out_trade_no": "A10011",
    "out_refund_no": "R1",
    "refund_id": "5000",
    "refund_status": "SUCCESS",
    "total_fee": "100",
    "refund_fee": "60",
}
SHOP: Final = WeixinAccount(app_id=IDS["appid"], mch_id=IDS["mch_id"], key=KEY)


FACADE: Final = Tongfu({"shop": SHOP}, transport=FakeTransport())


def message() -> bytes:
    return codec.write({**PAID, "sign": codec.sign(PAID, KEY, "MD5")})


def envelope(req_info: str) -> bytes:
    return codec.write({"return_code": "SUCCESS", **IDS, "nonce_str": "n", "req_info": req_info})


async def verify(body: bytes, kind: str = "payment") -> Any:
    return await getattr(FACADE.payment, f"verify_{kind}_notify")("shop", Notification({}, body))


FEW = settings(max_examples=60)
NAMES = st.from_regex(r"[a-z][a-z_0-9]{0,8}", fullmatch=True)
# Weighted towards what breaks XML: its marks, the end of a CDATA section, controls, halves of a pair.
TEXTS = st.lists(
    st.one_of(
        st.text(max_size=5),
        st.sampled_from(
            ["]]>", "<![CDATA[", "&amp;", "&#13;", "\r\n", "\r", "\t", "\x00", "\x0b", "😀", "\ud83d", "￿"]
        ),
    ),
    max_size=5,
).map("".join)
FIELDS = st.dictionaries(NAMES, TEXTS, max_size=8)
BODIES = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=60).map(lambda inner: b"<xml>" + inner + b"</xml>"),
    st.binary(max_size=60).map(lambda inner: b"<xml><sign>" + inner + b"</sign></xml>"),
    st.integers(0, 400).map(lambda at: message()[:at]),
)


def told(fields: dict[str, str]) -> dict[str, str]:
    """What of *fields* an XML document can hold."""
    return {name: "".join(c for c in text if xml._UNSENDABLE.search(c) is None) for name, text in fields.items()}


@FEW
@given(BODIES, st.sampled_from(["payment", "refund"]))
@example(b"", "payment")
def test_random_notifications_raise_only_our_errors(body: bytes, kind: str) -> None:
    with pytest.raises(TongfuError):
        asyncio.run(verify(body, kind))


@FEW
@given(FIELDS, st.sampled_from([*PAID, "sign_type", "coupon_fee_0", "sub_openid"]), TEXTS)
def test_an_authentic_payment_with_any_content_is_read_or_refused(more: dict[str, str], name: str, text: str) -> None:
    fields = told({**more, **PAID, name: text})
    try:
        notice = asyncio.run(verify(codec.write({**fields, "sign": codec.sign(fields, KEY, "MD5")})))
    except TongfuError:
        return

    assert notice.paid == (fields["return_code"] == fields["result_code"] == "SUCCESS")
    assert notice.raw == {**fields, "sign": notice.raw["sign"]}


@FEW
@given(FIELDS, st.sampled_from([*BACK]), TEXTS)
def test_an_authentic_refund_with_any_content_is_read_or_refused(more: dict[str, str], name: str, text: str) -> None:
    fields = told({**more, **BACK, name: text})
    try:
        notice = asyncio.run(verify(envelope(codec.seal(codec.write(fields, "root"), KEY)), "refund"))
    except TongfuError:
        return

    assert (notice.refunded, str(notice.refund_fee)) == (fields["refund_status"] == "SUCCESS", fields["refund_fee"])


@FEW
@given(st.binary(max_size=64))
def test_random_blocks_under_our_key_raise_only_our_errors(plain: bytes) -> None:
    for body in (envelope(codec.seal(plain, KEY)), envelope(base64.b64encode(plain).decode())):
        with pytest.raises(TongfuError):
            asyncio.run(verify(body, "refund"))


CALLS: Final[dict[str, dict[str, Any]]] = {
    "get_order_info": {
        "openid": "o1",
        "body": "tea",
        "out_trade_no": "A10011",
        "total_fee": 100,
        "notify_url": "https://shop.example/notify",
    },
    "order_query": {"out_trade_no": "A10011"},
    "close_order": {"out_trade_no": "A10011"},
    "refund_query": {"out_trade_no": "A10011"},
    "download_bill": {"bill_date": "20261123"},
}


async def ask(operation: str, body: bytes) -> Any:
    return await getattr(Tongfu({"shop": SHOP}, transport=FakeTransport(*[body] * 3)).payment, operation)(
        "shop", **CALLS[operation]
    )


@FEW
@given(BODIES, st.sampled_from([name for name in CALLS if name != "download_bill"]))
def test_random_answers_raise_only_our_errors(body: bytes, operation: str) -> None:
    with pytest.raises(TongfuError):
        asyncio.run(ask(operation, body))


@FEW
@given(st.one_of(BODIES, st.binary(max_size=60).map(lambda tail: b"\x1f\x8b\x08" + tail)))
def test_a_random_bill_is_text_or_one_of_our_errors(body: bytes) -> None:
    try:
        bill = asyncio.run(ask("download_bill", body))
    except TongfuError:
        return

    assert bill.content.encode() == body.removeprefix(b"\xef\xbb\xbf")


NUMBERED = st.builds(
    "{}_{}".format,
    st.sampled_from(["out_refund_no", "refund_id", "refund_fee", "coupon_refund_fee", "coupon_type", "coupon_fee"]),
    st.sampled_from(["0", "1", "10", "00", "-1", "0_0", "0_1", "9999", "99999", "1_x"]),
)


@FEW
@given(
    st.dictionaries(
        st.one_of(NUMBERED, st.sampled_from(["trade_state", "total_fee", "refund_count"])), TEXTS, max_size=8
    ),
    st.sampled_from(list(CALLS)),
)
def test_authentic_answers_of_any_content_are_read_or_refused(fields: dict[str, str], operation: str) -> None:
    fields = told({**fields, "return_code": "SUCCESS", "result_code": "SUCCESS", **IDS, "nonce_str": "n"})
    try:
        answer = asyncio.run(ask(operation, codec.write({**fields, "sign": codec.sign(fields, KEY, "MD5")})))
    except TongfuError:
        return

    assert answer.raw.items() >= {(name, value) for name, value in fields.items() if value}


@FEW
@given(FIELDS)
@example({"a": "]]>", "b": "]]]]>>", "c": "\r\n\r", "d": "<![CDATA[x]]>", "e": " \t\n", "f": "&#13;&amp;"})
def test_xml_comes_back_as_it_went_by_either_hand(fields: dict[str, str]) -> None:
    """What we write, the platform's side reads, and the other way; both sign the same text."""
    fields = told(fields)
    written, answered = xml.build(fields), codec.write(fields)

    assert xml.parse(written) == xml.parse(answered) == codec.read(written) == codec.read(answered) == fields
    assert sign.text(fields) == codec.to_sign(fields, "k").encode().removesuffix(b"key=k").removesuffix(b"&")


@FEW
@given(TEXTS)
def test_a_value_is_sent_exactly_or_refused_by_name(text: str) -> None:
    sendable = told({"attach": text})["attach"]
    if sendable == text:
        xml.refuse_unsendable("get_order_info", {"attach": text})
        assert xml.parse(xml.build({"attach": text})) == {"attach": text}
        return
    with pytest.raises(InvalidParams) as caught:
        xml.refuse_unsendable("get_order_info", {"attach": text})
    assert set(caught.value.problems) == {"attach"}
