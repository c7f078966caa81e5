"""Notifications that somebody else made, or made anew: each threat by its name, and whatever comes."""

from __future__ import annotations

import asyncio
import base64
import logging
import pickle
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tongfu import ConfigError, MalformedAnswer, Notification, SignatureError
from tongfu.errors import NoticeMismatch, TongfuError

if TYPE_CHECKING:
    from tests.alipay.conftest import Shop


async def payment(shop: Shop, notify: Notification, **account: Any) -> Any:
    tf, transport = shop.tongfu(**account)
    try:
        return await tf.payment.verify_payment_notify("shop", notify)
    finally:
        assert transport.requests == []


async def refund(shop: Shop, notify: Notification) -> Any:
    tf, _ = shop.tongfu()
    return await tf.payment.verify_refund_notify("shop", notify)


def sent(fields: dict[str, str], headers: dict[str, str] | None = None) -> Notification:
    return Notification(headers or {}, urlencode(fields).encode())


@pytest.mark.parametrize("sign", [None, "", " ", "=", "AAAA", "签名", "\0", "A" * 344, "undefined"])
async def test_threat_missing_empty_or_junk_signature(shop: Shop, sign: str | None) -> None:
    sealed = shop.sealed(shop.fields())
    del sealed["sign"]
    with pytest.raises(SignatureError):
        await payment(shop, sent(sealed if sign is None else {**sealed, "sign": sign}))


async def test_threat_signature_with_junk_around_it(shop: Shop) -> None:
    sealed = shop.sealed(shop.fields())
    good = sealed["sign"]
    for sign in (f"{good} ", f"\n{good}", f"{good}=", good[:-4], good * 2, good.replace("=", "")):
        with pytest.raises(SignatureError):
            await payment(shop, sent({**sealed, "sign": sign}))


@pytest.mark.parametrize("name", ["sign", "sign_type", "total_amount", "trade_status", "app_id", "%73ign", "sig%6E"])
async def test_threat_a_field_twice(shop: Shop, name: str) -> None:
    body = urlencode(shop.sealed(shop.fields()))
    for doubled in (f"{body}&{name}=x", f"{name}=x&{body}", f"{body}&{name}="):
        with pytest.raises(MalformedAnswer, match="twice"):
            await payment(shop, Notification({}, doubled.encode()))


async def test_threat_algorithm_from_the_message(shop: Shop) -> None:
    for algorithm in ("RSA", "rsa2", "RSA2 ", "none", "MD5", "HMAC-SHA256", "SM2"):
        sealed = shop.sealed(shop.fields(), algorithm="RSA2" if algorithm != "RSA" else "RSA")
        with pytest.raises(SignatureError):
            await payment(shop, sent({**sealed, "sign_type": algorithm}))

    # SHA-1 under the name of RSA2, and with no name at all.
    weak = shop.sealed(shop.fields(), algorithm="RSA")
    for fields in ({**weak, "sign_type": "RSA2"}, {**weak, "sign_type": ""}):
        with pytest.raises(SignatureError):
            await payment(shop, sent(fields))
    del weak["sign_type"]
    with pytest.raises(SignatureError):
        await payment(shop, sent(weak))


async def test_an_old_account_takes_its_own_algorithm_and_the_stronger(shop: Shop) -> None:
    for algorithm in ("RSA", "RSA2"):
        assert (await payment(shop, sent(shop.sealed(shop.fields(), algorithm=algorithm)), sign_type="RSA")).paid


@pytest.mark.parametrize(
    "changes",
    [
        {"app_id": "2021000000000002"},
        {"app_id": ""},
        {"app_id": "2021000000000001 "},
        {"seller_id": "2088000000000000"},
        {"seller_id": ""},
    ],
)
async def test_threat_another_app_or_seller(shop: Shop, changes: dict[str, str]) -> None:
    with pytest.raises(SignatureError, match=next(iter(changes))):
        await payment(shop, shop.notice(**changes))
    with pytest.raises(SignatureError):
        await refund(shop, shop.notice(refund_fee="1.00", gmt_refund="x", **changes))


async def test_threat_signed_by_another_key(shop: Shop) -> None:
    """The app's own among them: whoever configured it as Alipay's would believe himself."""
    for signer in (shop.stranger, shop.app):
        with pytest.raises(SignatureError):
            await payment(shop, sent(shop.sealed(shop.fields(), signer=signer)))


async def test_threat_no_key_or_the_apps_own(shop: Shop) -> None:
    mine = sent(shop.sealed(shop.fields(), signer=shop.app))
    for key in (None, "", b"", "AAAA", shop.own_public_key()):
        with pytest.raises(ConfigError):
            await payment(shop, mine, alipay_public_key=key)


async def test_threat_a_changed_amount_state_or_number(shop: Shop) -> None:
    sealed = shop.sealed(shop.fields(trade_status="WAIT_BUYER_PAY"))
    for name, value in (
        ("total_amount", "0.01"),
        ("trade_status", "TRADE_SUCCESS"),
        ("out_trade_no", "A1002"),
        ("refund_fee", "0.00"),
        ("zzz", "1"),
    ):
        with pytest.raises(SignatureError):
            await payment(shop, sent({**sealed, name: value}))
    for name in ("gmt_payment", "seller_id", "trade_status"):
        with pytest.raises(SignatureError):
            await payment(shop, sent({key: value for key, value in sealed.items() if key != name}))


async def test_threat_a_wrong_amount_order_or_currency(shop: Shop) -> None:
    notice = await payment(shop, shop.notice())
    notice.expect(out_trade_no="A1001", total_fee=8888)
    for wrong in (
        {"out_trade_no": "A1001", "total_fee": 8889},
        {"out_trade_no": "A1002", "total_fee": 8888},
        {"out_trade_no": "A1001", "total_fee": 8888, "fee_type": "USD"},
    ):
        with pytest.raises(NoticeMismatch):
            notice.expect(**wrong)


async def test_threat_fields_moved_into_a_value(shop: Shop) -> None:
    """
    What is signed does not say where a value ends.

    A buyer whose words come into the subject, and who sees the notification, could cut it elsewhere:
    an amount of his own, and the real one hidden in a field that nobody reads. The same cut hides a
    refund.
    """
    subject = "x&total_amount=99999.00&trade_no=T&trade_status=TRADE_SUCCESS&zzz="
    paid = shop.sealed(shop.fields(subject=subject, total_amount="0.01"))
    cut = {**paid, "subject": "x", "total_amount": "99999.00", "trade_no": "T", "trade_status": "TRADE_SUCCESS"}
    cut["zzz"] = f"&total_amount=0.01&trade_no={paid['trade_no']}&trade_status=TRADE_SUCCESS&version=1.0"
    del cut["version"]

    back = shop.sealed(shop.fields(gmt_refund="2026-11-24 17:00:00", refund_fee="88.88"))
    hidden = {name: value for name, value in back.items() if name not in ("gmt_payment", "gmt_refund", "refund_fee")}
    hidden["gmt_create"] += f"&gmt_payment={back['gmt_payment']}&gmt_refund={back['gmt_refund']}"
    hidden["receipt_amount"] += f"&refund_fee={back['refund_fee']}"

    named = {name: value for name, value in back.items() if name not in ("gmt_create", "gmt_payment", "gmt_refund")}
    named[f"gmt_create={back['gmt_create']}&gmt_payment={back['gmt_payment']}&gmt_refund"] = back["gmt_refund"]
    named[f"receipt_amount={named.pop('receipt_amount')}&refund_fee"] = named.pop("refund_fee")

    for fields, genuine in ((cut, paid), (hidden, back), (named, back)):
        texts = [
            "&".join(f"{name}={each[name]}" for name in sorted(each) if name not in ("sign", "sign_type"))
            for each in (fields, genuine)
        ]
        assert texts[0] == texts[1]
        with pytest.raises((SignatureError, MalformedAnswer)):
            await payment(shop, sent(fields))


async def test_a_value_may_hold_what_looks_a_little_like_a_field(shop: Shop) -> None:
    assert (await payment(shop, shop.notice(subject="tea & body=soul", passback_params="a=1&b=2&color=red"))).paid


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "application/json"},
        {"content-type": "multipart/form-data; boundary=x"},
        {"content-type": "application/x-www-form-urlencoded; charset=utf-7"},
        {"host": "localhost", "x-forwarded-for": "127.0.0.1"},
        {"sign": "x", "alipay-signature": "x", "content-encoding": "gzip"},
    ],
)
async def test_threat_headers_and_query_change_nothing(shop: Shop, headers: dict[str, str]) -> None:
    good = shop.sealed(shop.fields())
    query = {"trade_status": "TRADE_SUCCESS", "app_id": "x", "sign": "x"}
    notice = await payment(shop, Notification(headers, urlencode(good).encode(), query))
    assert (notice.paid, notice.app_id) == (True, shop.app_id)

    with pytest.raises(SignatureError):
        await payment(shop, Notification(headers, urlencode({**good, "total_amount": "1.00"}).encode(), good))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"&",
        b"=",
        b"sign",
        b"a=1&&b=2",
        b'{"trade_status":"TRADE_SUCCESS","sign":"x"}',
        b"<xml><sign>x</sign></xml>",
        b"--x\r\ncontent-disposition: form-data; name=sign\r\n\r\nx\r\n--x--",
        b"%=1",
        "状态=1".encode(),
        b"%E7%8A%B6=1",
        b"subject=%FF&charset=utf-8",
        b"subject=\xff",
    ],
)
async def test_threat_what_is_no_form(shop: Shop, body: bytes) -> None:
    for headers in ({}, {"content-type": "application/json"}, {"content-type": "text/xml"}):
        with pytest.raises(TongfuError):
            await payment(shop, Notification(headers, body))


async def test_threat_too_much(shop: Shop) -> None:
    with pytest.raises(MalformedAnswer):
        Notification({}, b"a" * ((1 << 20) + 1))
    many = "&".join(f"f{number}=1" for number in range(100_000))
    with pytest.raises(MalformedAnswer):
        await payment(shop, Notification({}, many.encode()))


async def test_threat_a_secret_in_an_error_a_log_or_a_repr(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    sealed = shop.sealed(shop.fields())
    account = shop.account()
    with caplog.at_level(logging.DEBUG):
        notice = await payment(shop, sent(sealed))
        caught = []
        forged = sent({**sealed, "total_amount": "1.00"})
        for body in (forged, shop.notice(app_id="x"), Notification({}, b"junk")):
            with pytest.raises(TongfuError) as error:
                await payment(shop, body)
            caught.append(error.value)
    shown = [repr(notice), repr(account), repr(sent(sealed)), caplog.text]
    shown += [text for error in caught for text in (str(error), repr(error), repr(pickle.loads(pickle.dumps(error))))]

    hidden = [account.private_key, account.alipay_public_key, sealed["sign"], "2088101117955611"]
    assert [text for text in shown for secret in hidden if str(secret) in text] == []


async def test_a_unicloud_event_carries_the_same_bytes(shop: Shop) -> None:
    body = urlencode(shop.sealed(shop.fields(subject="咖啡 +"))).encode()
    for event in (
        {"headers": {"Content-Type": "application/x-www-form-urlencoded"}, "body": body.decode()},
        {"headers": {}, "body": base64.b64encode(body).decode(), "isBase64Encoded": True},
    ):
        assert (await payment(shop, Notification.from_unicloud_event(event))).paid


# --- whatever comes -----------------------------------------------------------------------------------

NAMES = st.sampled_from(
    [
        *("app_id", "seller_id", "charset", "sign_type", "sign", "trade_status", "total_amount", "refund_fee"),
        *("gmt_payment", "gmt_refund", "out_trade_no", "trade_no", "buyer_pay_amount", "refund_status", "subject"),
    ]
) | st.text(max_size=8)
VALUES = st.text(max_size=20) | st.sampled_from(
    ["", "0.00", "88.88", "-1.00", "1e9", "TRADE_SUCCESS", "RSA", "RSA2", "utf-8", "gbk", "2026-11-24 16:03:18"]
)


def read(shop: Shop, body: bytes) -> list[Any]:
    """What both readings make of it: a notice or an error of ours."""

    async def both() -> list[Any]:
        made = []
        for ask in (payment, refund):
            try:
                made.append(await ask(shop, Notification({}, body)))
            except TongfuError as exc:
                made.append(exc)
        return made

    return asyncio.run(both())


@given(st.binary(max_size=300))
@settings(max_examples=150)
def test_random_bytes_are_no_notification(shop: Shop, body: bytes) -> None:
    assert all(isinstance(each, TongfuError) for each in read(shop, body))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=12), st.sampled_from(["utf-8", "gbk", "utf-16"]))
@settings(max_examples=150)
def test_random_forms_that_nobody_signed_are_no_notification(
    shop: Shop, pairs: list[tuple[str, str]], encoding: str
) -> None:
    body = urlencode(pairs, encoding=encoding, errors="replace")

    assert all(isinstance(each, TongfuError) for each in read(shop, body.encode()))


@given(st.dictionaries(NAMES, VALUES, max_size=8))
@settings(max_examples=100)
def test_random_forms_that_are_signed_raise_only_our_errors(shop: Shop, changes: dict[str, str]) -> None:
    changes.pop("sign", None)
    changes.pop("sign_type", None)
    sealed = shop.sealed({**shop.fields(), **changes})
    paid, _ = read(shop, urlencode(sealed).encode())

    if not isinstance(paid, TongfuError):
        assert (paid.raw["app_id"], paid.raw["seller_id"]) == (shop.app_id, shop.seller_id)
        assert paid.paid <= (sealed["trade_status"] in ("TRADE_SUCCESS", "TRADE_FINISHED"))


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.text(st.characters(codec="gb18030"), max_size=40))
@settings(max_examples=60)
def test_every_text_comes_back_as_it_was_signed(shop: Shop, subject: str, chinese: str) -> None:
    for value, charset in ((subject, "utf-8"), (chinese, "gb18030")):
        fields = shop.fields(subject=value, charset=charset)
        body = urlencode(shop.sealed(fields, charset=charset), encoding=charset).encode()
        paid, _ = read(shop, body)
        assert dict(parse_qsl(body.decode(), keep_blank_values=True, encoding=charset))["subject"] == value
        assert isinstance(paid, SignatureError) or paid.raw["subject"] == value
        assert not isinstance(paid, SignatureError) or "&" in value
