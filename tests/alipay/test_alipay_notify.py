"""Notifications: what is believed, what is refused, and a refund told from a payment at one address."""

from __future__ import annotations

import asyncio
import base64
import logging
import pickle
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tongfu import ConfigError, MalformedAnswer, Notification, SignatureError
from tongfu.errors import NoticeMismatch, TongfuError, WrongNotice

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


# --- what it says ----------------------------------------------------------------------------------


async def test_every_field_of_a_payment_is_read(shop: Shop) -> None:
    notice = await payment(shop, shop.notice(passback_params="a%3D1%26b%3D2"))

    assert (notice.paid, notice.trade_state, notice.is_refund) == (True, "SUCCESS", False)
    assert (notice.total_fee, notice.cash_fee) == (8888, 8888)
    assert (notice.out_trade_no, notice.transaction_id) == ("A1001", "2026112422001400000000000001")
    assert (notice.time_end, notice.openid) == ("20261124160318", "2088101117955611")
    assert (notice.app_id, notice.mch_id, notice.notify_id) == (shop.app_id, shop.seller_id, "n1")
    assert notice.attach == "a%3D1%26b%3D2"
    assert (notice.reply.status, notice.reply.body) == (200, b"success")
    assert notice.to_camel() == {
        "totalFee": 8888,
        "cashFee": 8888,
        "outTradeNo": "A1001",
        "transactionId": "2026112422001400000000000001",
        "timeEnd": "20261124160318",
        "openid": "2088101117955611",
    }


async def test_an_open_id_stands_in_for_a_buyer_id(shop: Shop) -> None:
    fields = shop.fields(buyer_open_id="007hqF5M")
    del fields["buyer_id"]

    assert (await payment(shop, sent(shop.sealed(fields)))).openid == "007hqF5M"


@pytest.mark.parametrize(
    ("status", "state", "paid"),
    [
        ("TRADE_SUCCESS", "SUCCESS", True),
        ("TRADE_FINISHED", "FINISHED", True),
        ("TRADE_CLOSED", "CLOSED", False),
        ("WAIT_BUYER_PAY", "USERPAYING", False),
        ("TRADE_PENDING", "TRADE_PENDING", False),
        ("SUCCESS", "UNKNOWN", False),
        ("trade_success", "trade_success", False),
        ("", "UNKNOWN", False),
    ],
)
async def test_only_these_two_states_are_paid(shop: Shop, status: str, state: str, paid: bool) -> None:
    notice = await payment(shop, shop.notice(trade_status=status))

    assert (notice.trade_state, notice.paid) == (state, paid)


PLAIN: list[dict[str, str]] = [
    {},
    {"refund_fee": "0.00"},
    {"refund_fee": "0.00", "gmt_close": "2026-11-24 16:03:20"},
    {"refund_fee": "", "gmt_refund": ""},
    {"trade_status": "TRADE_CLOSED", "refund_fee": "0.00", "gmt_close": "2026-11-24 16:03:20"},
    {"trade_status": "TRADE_FINISHED", "refund_fee": "0"},
    {"out_biz_no": "A1001"},
]
REFUNDS: list[dict[str, str]] = [
    {"refund_fee": "8.88", "gmt_refund": "2026-11-24 17:00:00.123", "out_biz_no": "R1"},
    {"refund_fee": "8.88"},
    {"gmt_refund": "2026-11-24 17:00:00"},
    {"refund_fee": "0.00", "gmt_refund": "2026-11-24 17:00:00"},
    {"trade_status": "TRADE_CLOSED", "refund_fee": "88.88", "gmt_refund": "2026-11-24 17:00:00", "out_biz_no": "R2"},
]


@pytest.mark.parametrize("more", PLAIN)
async def test_a_notice_that_announces_no_refund(shop: Shop, more: dict[str, str]) -> None:
    notice = await payment(shop, shop.notice(**more))

    assert not notice.is_refund
    assert notice.paid == (more.get("trade_status") != "TRADE_CLOSED")
    with pytest.raises(WrongNotice):
        await refund(shop, shop.notice(**more))


@pytest.mark.parametrize("more", REFUNDS)
async def test_a_notice_that_announces_a_refund_pays_nothing(shop: Shop, more: dict[str, str]) -> None:
    notice = await payment(shop, shop.notice(**more))
    assert (notice.is_refund, notice.paid) == (True, False)

    told = await refund(shop, shop.notice(**more))
    assert (told.refunded, told.paid, told.refund_status, told.refund_fee_is_total) == (True, False, "SUCCESS", True)
    assert told.total_fee == 8888
    assert told.out_refund_no == more.get("out_biz_no")


async def test_the_refund_fee_of_each_notice_is_the_sum_so_far(shop: Shop) -> None:
    first = await refund(shop, shop.notice(refund_fee="8.88", gmt_refund="2026-11-24 17:00:00.1", out_biz_no="R1"))
    second = await refund(shop, shop.notice(refund_fee="18.88", gmt_refund="2026-11-24 18:00:00.1", out_biz_no="R2"))

    assert [(each.out_refund_no, each.refund_fee) for each in (first, second)] == [("R1", 888), ("R2", 1888)]
    assert (first.success_time, second.success_time) == ("2026-11-24 17:00:00", "2026-11-24 18:00:00")
    assert first.to_camel() == {
        "totalFee": 8888,
        "refundFee": 888,
        "outTradeNo": "A1001",
        "transactionId": "2026112422001400000000000001",
        "outRefundNo": "R1",
        "refundStatus": "SUCCESS",
    }


@pytest.mark.parametrize("status", ["REFUND_FAIL", "REFUND_PROCESSING", "WEIRD"])
async def test_a_refund_that_did_not_end_well_is_not_refunded(shop: Shop, status: str) -> None:
    notice = await refund(shop, shop.notice(refund_fee="8.88", gmt_refund="x", refund_status=status))

    assert not notice.refunded
    assert notice.refund_status != "SUCCESS"


@pytest.mark.parametrize("name", ["out_trade_no", "trade_no", "total_amount"])
async def test_a_notice_of_no_order_or_no_amount_is_malformed(shop: Shop, name: str) -> None:
    for fields in (shop.fields(**{name: ""}), {key: value for key, value in shop.fields().items() if key != name}):
        for more in ({}, {"refund_fee": "8.88", "gmt_refund": "2026-11-24 17:00:00"}):
            with pytest.raises(MalformedAnswer):
                await payment(shop, sent(shop.sealed({**fields, **more})))
    for amount in ("88,88", "1e2", "88.888", "٨.00"):
        with pytest.raises(MalformedAnswer):
            await payment(shop, shop.notice(total_amount=amount))


async def test_a_notice_that_comes_again_says_the_same(shop: Shop) -> None:
    notify = shop.notice()

    assert await payment(shop, notify) == await payment(shop, notify)


# --- the rules of signing --------------------------------------------------------------------------


async def test_both_rules_and_empty_values_in_or_out_are_known(shop: Shop) -> None:
    fields = shop.fields(body="", extendparams="")
    for with_sign_type in (False, True):
        for with_empty in (False, True):
            sealed = shop.sealed(fields, with_sign_type=with_sign_type, with_empty=with_empty)
            assert (await payment(shop, sent(sealed))).paid

    sealed = shop.sealed(fields)
    text = "&".join(f"{name}={sealed[name]}" for name in sorted(sealed, reverse=True) if name != "sign")
    with pytest.raises(SignatureError):
        await payment(shop, sent({**sealed, "sign": shop.sign(text.encode())}))


async def test_values_are_decoded_once_and_nothing_is_trimmed(shop: Shop) -> None:
    subject = ' 100%25 +&=\t<b>"咖啡"\'&amp;%2B 😀 '
    body = "%E4%BD%A0 100% %zz"
    for notify in (
        shop.notice(subject=subject, body=body),
        Notification({}, urlencode(shop.sealed(shop.fields(subject=subject, body=body)), quote_via=quote).encode()),
    ):
        raw = (await payment(shop, notify)).raw
        assert (raw["subject"], raw["body"]) == (subject, body)


async def test_a_form_that_was_decoded_or_encoded_on_the_way_is_refused(shop: Shop) -> None:
    sealed = shop.sealed(shop.fields(subject="a+b %2B c"))
    good = urlencode(sealed).encode()
    assert (await payment(shop, Notification({}, good))).paid

    raw = "&".join(f"{name}={value}" for name, value in sealed.items())
    twice = urlencode({name: quote_plus(value) for name, value in sealed.items()})
    trimmed = urlencode({**sealed, "subject": sealed["subject"].replace(" ", "")})
    escaped = urlencode({**sealed, "subject": "a+b %2B&nbsp;c"})
    listed = urlencode({f"{name}[]": value for name, value in sealed.items()})
    shown = urlencode({name: str([value]) for name, value in sealed.items()})
    for body in (raw, twice, trimmed, escaped, listed, shown):
        with pytest.raises((SignatureError, MalformedAnswer)):
            await payment(shop, Notification({}, body.encode()))


@pytest.mark.parametrize("charset", ["GBK", "gbk", "gb2312", "GB18030", "UTF-8"])
async def test_the_charset_is_the_one_that_the_form_names(shop: Shop, charset: str) -> None:
    # 镕 is in GBK and not in gb2312, a name that is used for both.
    fields = shop.fields(subject="朱镕咖啡", charset=charset)
    encoding = "utf-8" if charset == "UTF-8" else "gbk"
    body = urlencode(shop.sealed(fields, charset=encoding), encoding=encoding).encode()
    notice = await payment(shop, Notification({"content-type": "application/json; charset=big5"}, body))

    assert (notice.paid, notice.raw["subject"]) == (True, "朱镕咖啡")


@pytest.mark.parametrize("encoding", ["utf-8", "gbk"])
async def test_without_a_charset_it_is_utf8_or_else_chinese(shop: Shop, encoding: str) -> None:
    fields = shop.fields(subject="朱镕咖啡")
    del fields["charset"]
    body = urlencode(shop.sealed(fields, charset=encoding), encoding=encoding).encode()

    assert (await payment(shop, Notification({}, body))).raw["subject"] == "朱镕咖啡"


@pytest.mark.parametrize("charset", ["big5", "utf-16", "utf-7", "latin-1", "idna", "utf\u20118", "utf-8\0"])
async def test_any_other_charset_is_refused(shop: Shop, charset: str) -> None:
    with pytest.raises(MalformedAnswer):
        await payment(shop, sent(shop.sealed(shop.fields(charset=charset))))


async def test_bytes_of_another_charset_than_the_named_are_refused(shop: Shop) -> None:
    sealed = shop.sealed(shop.fields(subject="咖啡"), charset="gbk")
    with pytest.raises(MalformedAnswer):
        await payment(shop, Notification({}, urlencode(sealed, encoding="gbk").encode()))


# --- threats ---------------------------------------------------------------------------------------


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


# --- whatever comes --------------------------------------------------------------------------------

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
@settings(max_examples=150, deadline=None)
def test_random_bytes_are_no_notification(shop: Shop, body: bytes) -> None:
    assert all(isinstance(each, TongfuError) for each in read(shop, body))


@given(st.lists(st.tuples(NAMES, VALUES), max_size=12), st.sampled_from(["utf-8", "gbk", "utf-16"]))
@settings(max_examples=150, deadline=None)
def test_random_forms_that_nobody_signed_are_no_notification(
    shop: Shop, pairs: list[tuple[str, str]], encoding: str
) -> None:
    body = urlencode(pairs, encoding=encoding, errors="replace")

    assert all(isinstance(each, TongfuError) for each in read(shop, body.encode()))


@given(st.dictionaries(NAMES, VALUES, max_size=8))
@settings(max_examples=100, deadline=None)
def test_random_forms_that_are_signed_raise_only_our_errors(shop: Shop, changes: dict[str, str]) -> None:
    changes.pop("sign", None)
    changes.pop("sign_type", None)
    sealed = shop.sealed({**shop.fields(), **changes})
    paid, _ = read(shop, urlencode(sealed).encode())

    if not isinstance(paid, TongfuError):
        assert (paid.raw["app_id"], paid.raw["seller_id"]) == (shop.app_id, shop.seller_id)
        assert paid.paid <= (sealed["trade_status"] in ("TRADE_SUCCESS", "TRADE_FINISHED"))


@given(st.text(st.characters(codec="utf-8"), max_size=40), st.text(st.characters(codec="gb18030"), max_size=40))
@settings(max_examples=60, deadline=None)
def test_every_text_comes_back_as_it_was_signed(shop: Shop, subject: str, chinese: str) -> None:
    for value, charset in ((subject, "utf-8"), (chinese, "gb18030")):
        fields = shop.fields(subject=value, charset=charset)
        body = urlencode(shop.sealed(fields, charset=charset), encoding=charset).encode()
        paid, _ = read(shop, body)
        assert dict(parse_qsl(body.decode(), keep_blank_values=True, encoding=charset))["subject"] == value
        assert isinstance(paid, SignatureError) or paid.raw["subject"] == value
        assert not isinstance(paid, SignatureError) or "&" in value
