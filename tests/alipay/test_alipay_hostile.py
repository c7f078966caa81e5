"""Whatever comes from outside meets our errors only: certificates, REST answers, archives, messages, ways back."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from datetime import UTC, datetime
from itertools import product
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, settings
from hypothesis import strategies as st

from tongfu import HttpResponse, Notification, Tongfu
from tongfu.bills import Spool
from tongfu.errors import TongfuError
from tongfu.testing import FakeTransport
from tongfu_alipay import bill, certificates

FEW = settings(max_examples=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NOW = datetime(2026, 11, 24, tzinfo=UTC)
ARCHIVE = io.BytesIO()
with zipfile.ZipFile(ARCHIVE, "w", zipfile.ZIP_DEFLATED) as _made:
    _made.writestr("detail.csv", "a,b\r\n" * 50)
    _made.writestr("other.csv", "c,d\r\n" * 50)


@FEW
@given(st.binary(max_size=400))
def test_random_bytes_are_no_certificate(content: bytes) -> None:
    with pytest.raises(certificates.Unreadable):
        certificates.parse(content)


@FEW
@given(st.data())
def test_a_changed_certificate_is_another_one_or_none(authority: Any, data: st.DataObject) -> None:
    der = bytearray(authority.alipay.public_bytes(serialization.Encoding.DER))
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    pem = f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(der).decode()}\n-----END CERTIFICATE-----"
    try:
        found = certificates.parse(pem.encode())
        if found:
            certificates.chained(found, [certificates.parse(authority.pem(authority.root[0]).encode())[0]], NOW)
    except certificates.Unreadable:
        pass


@FEW
@given(
    st.integers(200, 599), st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode()), st.booleans()
)
async def test_a_rest_answer_is_read_or_refused(shop: Any, status: int, body: bytes, signed: bool) -> None:
    headers = {"alipay-timestamp": "1", "alipay-nonce": "n"}
    if signed:
        headers["alipay-signature"] = shop.sign(b"1\nn\n" + body + b"\n")
    tf, _ = shop.tongfu(*[HttpResponse(status, headers, body)] * 3, protocol="v3")
    try:
        await tf.payment.order_query("shop", out_trade_no="A1001")
    except TongfuError:
        return
    assert signed
    assert status == 200


@FEW
@given(
    st.dictionaries(
        st.sampled_from(["alipay-timestamp", "alipay-nonce", "alipay-signature", "alipay-sn", "x"]), st.text()
    )
)
async def test_no_made_up_header_makes_an_answer_authentic(authority: Any, headers: dict[str, str]) -> None:
    body = b'{"trade_no":"1","out_trade_no":"A1001","trade_status":"TRADE_SUCCESS","total_amount":"0.01"}'
    transport = FakeTransport(*[HttpResponse(200, headers, body)] * 9)
    tf = Tongfu({"shop": authority.account(protocol="v3")}, transport=transport, clock=lambda: NOW)
    with pytest.raises(TongfuError):
        await tf.payment.order_query("shop", out_trade_no="A1001")


@FEW
@given(st.data())
def test_a_changed_archive_is_read_whole_or_refused(data: st.DataObject) -> None:
    content = bytearray(ARCHIVE.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    body = bytes(content[:cut]) if data.draw(st.booleans()) else bytes(content)
    try:
        found = bill.decode(None, None, HttpResponse(200, {}, body), None)  # type: ignore[arg-type]  # none is used
    except TongfuError:
        return
    assert isinstance(found["content"], Spool)


@FEW
@given(st.dictionaries(st.text(), st.text(), max_size=6), st.booleans())
async def test_a_way_back_or_a_message_is_authentic_or_refused(
    shop: Any, fields: dict[str, str], way_back: bool
) -> None:
    tf, _ = shop.tongfu()
    alipay = tf.open("shop")
    message = Notification({}, urlencode(fields, errors="replace").encode())
    with pytest.raises(TongfuError):
        await (alipay.verify_return(fields) if way_back else alipay.verify_message(message))


@FEW
@given(JSON | st.text())
async def test_an_authentic_message_with_odd_content_meets_our_errors_only(shop: Any, content: Any) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    fields = {"app_id": shop.app_id, "charset": "utf-8", "msg_method": "m", "biz_content": text, "notify_id": "n"}
    tf, _ = shop.tongfu()
    try:
        form = urlencode(shop.sealed(fields, with_sign_type=True))
    except UnicodeEncodeError:
        return
    try:
        message = await tf.open("shop").verify_message(Notification({}, form.encode()))
    except TongfuError:
        return
    assert (message.method, message.reply.body) == ("m", b"success")


@pytest.mark.parametrize("query", [{"a": "\ud800"}, {"\udfff": "a"}, {}, {"sign": ""}, {"a": "1" * (2 << 20)}])
async def test_a_way_back_that_is_none_is_refused(shop: Any, query: dict[str, str]) -> None:
    tf, _ = shop.tongfu()
    with pytest.raises(TongfuError):
        await tf.open("shop").verify_return(query)


LINKED = {
    "app_id": "2021",
    "auth_app_id": "2021",
    "biz_content": '{"url":"https://shop.example/?a=1&app_id=2021&msg_method=m&status=NORMAL"}',
    "charset": "utf-8",
    "msg_method": "m",
    "notify_id": "n",
}


async def test_a_message_may_hold_a_url_with_parameters(shop: Any) -> None:
    tf, _ = shop.tongfu()
    form = urlencode(shop.sealed({**LINKED, "app_id": shop.app_id}, with_sign_type=True)).encode()
    for before in (False, True):
        message = await tf.open("shop").verify_message(Notification({}, form))
        assert message.content == json.loads(LINKED["biz_content"])
        assert message.repeated is before


async def test_a_message_is_cut_nowhere_else_than_alipay_did(shop: Any) -> None:
    tf, _ = shop.tongfu()
    sealed = shop.sealed({**LINKED, "app_id": shop.app_id}, with_sign_type=True)
    text = "&".join(f"{name}={value}" for name, value in sorted(sealed.items()) if name != "sign")
    pieces = text.split("&")
    forms = 0
    for joints in product((False, True), repeat=len(pieces) - 1):
        parts = [pieces[0]]
        for piece, joined in zip(pieces[1:], joints, strict=True):
            if joined:
                parts[-1] += f"&{piece}"
            else:
                parts.append(piece)
        fields = dict(part.split("=", 1) for part in parts)
        if fields == {name: value for name, value in sealed.items() if name != "sign"}:
            continue
        forms += 1
        form = urlencode({**fields, "sign": sealed["sign"]}).encode()
        with pytest.raises(TongfuError):
            await tf.open("shop").verify_message(Notification({}, form))
    assert forms == 2 ** (len(pieces) - 1) - 1


async def test_a_message_is_no_payment(shop: Any) -> None:
    tf, _ = shop.tongfu()
    fields = {"app_id": shop.app_id, "charset": "utf-8", "msg_method": "m", "notify_id": "n"}
    message = Notification({}, urlencode(shop.sealed(fields, with_sign_type=True)).encode())
    with pytest.raises(TongfuError):
        await tf.payment.verify_payment_notify("shop", message)


async def test_the_way_back_posted_to_the_notify_url_is_not_paid(shop: Any) -> None:
    tf, _ = shop.tongfu()
    fields = {
        "app_id": shop.app_id,
        "charset": "utf-8",
        "method": "alipay.trade.page.pay.return",
        "out_trade_no": "A1001",
        "seller_id": shop.seller_id,
        "total_amount": "88.88",
        "trade_no": "1",
        "version": "1.0",
    }
    posted = Notification({}, urlencode(shop.sealed(fields)).encode())
    assert not (await tf.payment.verify_payment_notify("shop", posted)).paid
