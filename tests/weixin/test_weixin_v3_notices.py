"""
APIv3's notifications: what they say, and what strangers send, threat by threat and at random.

The threats are those that every payment library should be held against; traps E-C1, 4, 8, 10 and 11 are among them.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tongfu import (
    ConfigError,
    HttpResponse,
    MalformedAnswer,
    Notification,
    PaymentNotice,
    RefundNotice,
    SignatureError,
    Tongfu,
)
from tongfu.errors import CredentialNeeded, NoticeMismatch, TongfuError, WrongNotice
from tongfu.web import notify_route
from tongfu_weixin.pay_v3 import notify

OLD = "0A1B2C3D4E5F60718293A4B5C6D7E8F901234567"
PAID = {
    "mchid": "1900007291",
    "appid": "wx2421b1c4370ec43b",
    "out_trade_no": "A1001",
    "transaction_id": "4200000001202611240000000001",
    "trade_type": "JSAPI",
    "trade_state": "SUCCESS",
    "trade_state_desc": "支付成功",
    "bank_type": "CMC",
    "attach": "shelf 4",
    "success_time": "2026-11-24T12:00:00+08:00",
    "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
    "amount": {"total": 100, "payer_total": 90, "currency": "CNY", "payer_currency": "CNY"},
}
BACK = {
    "mchid": "1900007291",
    "out_trade_no": "A1001",
    "transaction_id": "4200000001202611240000000001",
    "out_refund_no": "R1",
    "refund_id": "50000000382019052709732678859",
    "refund_status": "SUCCESS",
    "success_time": "2026-11-24T04:00:00Z",
    "user_received_account": "招商银行信用卡0403",
    "amount": {"total": 100, "refund": 60, "payer_total": 90, "payer_refund": 54},
}
PARTNER = {"sub_mch_id": "1900000109", "sub_app_id": "wxsub"}
PARTNERS = {
    **{name: value for name, value in PAID.items() if name not in ("mchid", "appid", "payer")},
    "sp_mchid": "1900007291",
    "sp_appid": "wx2421b1c4370ec43b",
    "sub_mchid": "1900000109",
    "sub_appid": "wxsub",
    "payer": {"sp_openid": "o-sp", "sub_openid": "o-sub"},
}


@pytest.fixture
def weixin(wechatpay: Any) -> Any:
    """In public-key mode, so that nothing is ever sent."""
    return wechatpay.open(wechatpay.account(**wechatpay.public_key_mode))


# --- what they say ---------------------------------------------------------------------------------


async def test_a_payment(weixin: Any, wechatpay: Any) -> None:
    notice = await weixin.payment.verify_payment_notify(wechatpay.notice(PAID))

    assert notice == PaymentNotice(
        paid=True,
        out_trade_no="A1001",
        reply=notify.REPLY,
        trade_state="SUCCESS",
        transaction_id="4200000001202611240000000001",
        total_fee=100,
        cash_fee=90,
        fee_type="CNY",
        time_end="20261124120000",
        openid="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
        app_id="wx2421b1c4370ec43b",
        mch_id="1900007291",
        attach="shelf 4",
        notify_id="EV-2018022511223320873",
    )
    assert notice.raw == PAID
    notice.expect(out_trade_no="A1001", total_fee=100)
    assert (notice.reply.status, json.loads(notice.reply.body)) == (200, {"code": "SUCCESS", "message": "成功"})


@pytest.mark.parametrize(
    ("status", "event", "said", "refunded"),
    [
        ("SUCCESS", "REFUND.SUCCESS", "SUCCESS", True),
        ("CLOSED", "REFUND.CLOSED", "REFUNDCLOSE", False),
        ("ABNORMAL", "REFUND.ABNORMAL", "CHANGE", False),
        ("PROCESSING", "REFUND.ABNORMAL", "PROCESSING", False),
    ],
)
async def test_a_refund(weixin: Any, wechatpay: Any, status: str, event: str, said: str, refunded: bool) -> None:
    content = {**BACK, "refund_status": status}
    notice = await weixin.payment.verify_refund_notify(wechatpay.notice(content, event))

    assert notice == RefundNotice(
        refunded=refunded,
        out_trade_no="A1001",
        reply=notify.REPLY,
        transaction_id="4200000001202611240000000001",
        out_refund_no="R1",
        refund_id="50000000382019052709732678859",
        total_fee=100,
        refund_fee=60,
        refund_status=said,
        refund_recv_accout="招商银行信用卡0403",
        success_time="2026-11-24 12:00:00",
        app_id="wx2421b1c4370ec43b",
        mch_id="1900007291",
        notify_id="EV-2018022511223320873",
    )


@pytest.mark.parametrize(("sub_app_id", "openid"), [("wxsub", "o-sub"), ("", "o-sp")])
async def test_a_sub_merchants_payment(wechatpay: Any, sub_app_id: str, openid: str) -> None:
    fields = {**wechatpay.public_key_mode, **PARTNER, "sub_app_id": sub_app_id}
    notice = await wechatpay.open(wechatpay.account(**fields)).payment.verify_payment_notify(wechatpay.notice(PARTNERS))

    assert (notice.paid, notice.openid, notice.mch_id) == (True, openid, "1900007291")


async def test_any_other_event_is_read_raw(weixin: Any, wechatpay: Any) -> None:
    content = {"out_bill_no": "T1", "state": "SUCCESS"}
    told = await weixin.pay.event(wechatpay.notice(content, "MCHTRANSFER.BILL.FINISHED"))

    assert (told.event_type, told.notify_id, told.content, told.reply) == (
        "MCHTRANSFER.BILL.FINISHED",
        "EV-2018022511223320873",
        content,
        notify.REPLY,
    )


async def test_a_repeated_notification_has_the_same_id_signed_anew(weixin: Any, wechatpay: Any) -> None:
    first = await weixin.payment.verify_payment_notify(wechatpay.notice(PAID))
    wechatpay.now += timedelta(hours=3)
    again = await weixin.payment.verify_payment_notify(wechatpay.notice(PAID))

    assert first.notify_id == again.notify_id == "EV-2018022511223320873"


async def test_one_that_comes_again_is_told_as_such_and_read_all_the_same(weixin: Any, wechatpay: Any) -> None:
    """By the id that the platform gave it; whether it was dealt with nobody here knows."""
    first, again = [await weixin.payment.verify_payment_notify(wechatpay.notice(PAID)) for _ in range(2)]
    assert (first.repeated, again.repeated, first == again) == (False, True, True)
    assert (await weixin.pay.event(wechatpay.notice(PAID))).repeated


async def test_what_was_refused_has_not_been_read(weixin: Any, wechatpay: Any) -> None:
    refund = wechatpay.notice(BACK, "REFUND.SUCCESS")
    with pytest.raises(WrongNotice):
        await weixin.payment.verify_payment_notify(refund)

    assert not (await weixin.payment.verify_refund_notify(refund)).repeated


@pytest.mark.parametrize("state", ["REFUND", "NOTPAY", "CLOSED", "REVOKED", "USERPAYING", "PAYERROR", "success", "NEW"])
async def test_only_success_is_paid(weixin: Any, wechatpay: Any, state: str) -> None:
    notice = await weixin.payment.verify_payment_notify(wechatpay.notice({**PAID, "trade_state": state}))

    assert not notice.paid


async def test_each_reading_names_the_other(weixin: Any, wechatpay: Any) -> None:
    with pytest.raises(WrongNotice, match="verify_refund_notify"):
        await weixin.payment.verify_payment_notify(wechatpay.notice(BACK, "REFUND.SUCCESS"))
    with pytest.raises(WrongNotice, match="verify_payment_notify"):
        await weixin.payment.verify_refund_notify(wechatpay.notice(PAID))
    for read in (weixin.payment.verify_payment_notify, weixin.payment.verify_refund_notify):
        with pytest.raises(WrongNotice, match=r"COMPLAINT\.CREATE; read it with weixin\.pay\.event"):
            await read(wechatpay.notice(PAID, "COMPLAINT.CREATE"))


async def test_certificates_are_fetched_for_a_notification(wechatpay: Any) -> None:
    wechatpay.serial = OLD
    wechatpay.transport.answer(wechatpay.certificates(OLD))
    weixin = wechatpay.open(wechatpay.account())

    for _ in range(2):
        assert (await weixin.payment.verify_payment_notify(wechatpay.notice(PAID))).paid
    assert ["GET"] == [request.method for request in wechatpay.transport.requests]


# --- threats ---------------------------------------------------------------------------------------


async def test_ten_thousand_unknown_serials_cost_one_fetch_an_interval(wechatpay: Any) -> None:
    wechatpay.serial = OLD
    weixin = wechatpay.open(wechatpay.account())
    genuine = wechatpay.notice(PAID)
    fetched = []
    for seconds in (0, 31):
        wechatpay.now += timedelta(seconds=seconds)
        wechatpay.transport.answer(wechatpay.certificates(OLD))
        for number in range(5000):
            headers = {
                **genuine.headers,
                "wechatpay-serial": f"{number + 1:040X}",
                "wechatpay-timestamp": str(int(wechatpay.now.timestamp())),
            }
            with pytest.raises(CredentialNeeded, match=f"certificate {number + 1:X}, which is not known"):
                await weixin.payment.verify_payment_notify(Notification(headers, genuine.body))
        fetched.append(len(wechatpay.transport.requests))

    assert fetched == [1, 2]
    assert (await weixin.payment.verify_payment_notify(wechatpay.notice(PAID))).paid
    assert len(wechatpay.transport.requests) == 2


async def test_ten_thousand_serials_to_a_merchant_without_certificates_cost_one_fetch(
    weixin: Any, wechatpay: Any
) -> None:
    refusal = wechatpay.answer({"code": "RESOURCE_NOT_EXISTS", "message": "无可用的平台证书"}, 404)
    wechatpay.transport.answer(refusal)
    headers = wechatpay.notice(PAID).headers
    for number in range(10_000):
        with pytest.raises(CredentialNeeded, match="public-key mode"):
            await weixin.payment.verify_payment_notify(
                Notification({**headers, "wechatpay-serial": f"{number + 1:X}"}, b"{}")
            )

    assert len(wechatpay.transport.requests) == 1


async def test_a_probe_is_answered_400_and_the_real_one_200(wechatpay: Any) -> None:
    """E-C4, E-C11: the HTTP status decides."""
    told: list[str] = []

    async def on_payment(notice: PaymentNotice) -> None:
        told.append(notice.out_trade_no)

    account = wechatpay.account(**wechatpay.public_key_mode)
    tongfu = Tongfu({"shop": account}, transport=wechatpay.transport, clock=lambda: wechatpay.now)
    handler: Any = notify_route(tongfu, "shop", "/notify", on_payment=on_payment).handler
    genuine = wechatpay.notice(PAID)
    probe = {**genuine.headers, "wechatpay-signature": "WECHATPAY/SIGNTEST/dGhlIHNpZ25hdHVyZQ=="}

    answers = [await handler(Request(headers, genuine.body)) for headers in (probe, genuine.headers)]
    assert [answer.status for answer in answers] == [400, 200]
    assert told == ["A1001"]


class Request:
    """As much of aiohttp's request as Notification.from_request reads."""

    def __init__(self, headers: Any, body: bytes) -> None:
        self.headers = CIMultiDict(headers)
        self.query: dict[str, str] = {}
        self.content = self
        self.body = body

    async def iter_any(self) -> Any:
        yield self.body


async def test_header_names_are_any_case(weixin: Any, wechatpay: Any) -> None:
    """E-C10."""
    genuine = wechatpay.notice(PAID)
    for change in (str.upper, str.title, str.lower):
        headers = {change(name): value for name, value in genuine.headers.items()}
        assert (await weixin.payment.verify_payment_notify(Notification(headers, genuine.body))).paid


@pytest.mark.parametrize("name", ["Wechatpay-Signature", "Wechatpay-Serial", "Wechatpay-Timestamp", "Wechatpay-Nonce"])
async def test_a_header_that_came_twice_is_refused(weixin: Any, wechatpay: Any, name: str) -> None:
    genuine = wechatpay.notice(PAID)
    twice = CIMultiDict([*genuine.headers.items(), (name, genuine.headers[name.lower()])])

    with pytest.raises(SignatureError):
        await weixin.payment.verify_payment_notify(Notification(twice, genuine.body))
    with pytest.raises(SignatureError):
        await weixin.payment.verify_payment_notify(
            Notification({**genuine.headers, name: genuine.headers[name.lower()]}, genuine.body)
        )


@pytest.mark.parametrize("name", ["wechatpay-signature", "wechatpay-serial", "wechatpay-timestamp", "wechatpay-nonce"])
@pytest.mark.parametrize("value", [None, "", " "])
async def test_a_missing_or_empty_header_is_refused(weixin: Any, wechatpay: Any, name: str, value: str | None) -> None:
    genuine = wechatpay.notice(PAID)
    headers = {key: each for key, each in {**genuine.headers, name: value}.items() if each is not None}

    with pytest.raises(SignatureError, match=None if value else f"it has no {name}$"):
        await weixin.payment.verify_payment_notify(Notification(headers, genuine.body))


async def test_the_body_is_verified_before_it_is_read(weixin: Any, wechatpay: Any) -> None:
    """E-C1: what is not signed is not even parsed; re-encoded JSON is other bytes."""
    genuine = wechatpay.notice(PAID)
    for body in (b"not JSON", json.dumps(json.loads(genuine.body)).encode(), genuine.body + b"\n", b""):
        with pytest.raises(SignatureError):
            await weixin.payment.verify_payment_notify(Notification(genuine.headers, body))


@pytest.mark.parametrize("seconds", [-300, -86400, 300, 86400])
async def test_an_old_or_future_one_is_refused(weixin: Any, wechatpay: Any, seconds: int) -> None:
    made = int(wechatpay.now.timestamp()) + seconds
    with pytest.raises(SignatureError, match=rf"Timestamp is {re.escape(f'{seconds:+}')} seconds off"):
        await weixin.payment.verify_payment_notify(wechatpay.notice(PAID, timestamp=made))


@pytest.mark.parametrize("key", ["stranger", "merchant"])
async def test_another_keys_signature_is_refused(weixin: Any, wechatpay: Any, key: str) -> None:
    body = wechatpay.notice(PAID).body

    with pytest.raises(SignatureError):
        await weixin.payment.verify_payment_notify(Notification(wechatpay.sign(body, key=key), body))


async def test_another_merchants_api_v3_key_is_refused(weixin: Any, wechatpay: Any) -> None:
    """WeChat Pay signs for every merchant with one key: who its message is for shows only now."""
    sealed = wechatpay.seal(json.dumps(PAID).encode(), "0" * 32)

    with pytest.raises(SignatureError, match="api_v3_key"):
        await weixin.payment.verify_payment_notify(wechatpay.enveloped(sealed))


@pytest.mark.parametrize(
    "change",
    [
        {"mchid": "1900007292"},
        {"mchid": None},
        {"mchid": 1900007291},
        {"appid": "wxanother"},
        {"appid": None},
        {"mchid": None, "sp_mchid": "1900007291"},
    ],
)
async def test_another_merchant_or_app_is_refused(weixin: Any, wechatpay: Any, change: Any) -> None:
    content = {name: value for name, value in {**PAID, **change}.items() if value is not None}

    with pytest.raises(SignatureError, match="another account"):
        await weixin.payment.verify_payment_notify(wechatpay.notice(content))


@pytest.mark.parametrize(
    "change",
    [
        {"sp_mchid": "1"},
        {"sub_mchid": "1"},
        {"sub_mchid": None},
        {"sp_appid": "wx1"},
        {"sub_appid": "wx1"},
        {"sp_mchid": None, "mchid": "1900007291"},
    ],
)
async def test_another_sub_merchant_is_refused(wechatpay: Any, change: Any) -> None:
    weixin = wechatpay.open(wechatpay.account(**wechatpay.public_key_mode, **PARTNER))
    content = {name: value for name, value in {**PARTNERS, **change}.items() if value is not None}

    with pytest.raises(SignatureError, match="another account"):
        await weixin.payment.verify_payment_notify(wechatpay.notice(content))


async def test_another_merchants_refund_is_refused(weixin: Any, wechatpay: Any) -> None:
    with pytest.raises(SignatureError):
        await weixin.payment.verify_refund_notify(wechatpay.notice({**BACK, "mchid": "1"}, "REFUND.SUCCESS"))


async def test_another_amount_or_currency_is_a_mismatch(weixin: Any, wechatpay: Any) -> None:
    notice = await weixin.payment.verify_payment_notify(
        wechatpay.notice({**PAID, "amount": {"total": 1, "currency": "USD"}})
    )

    with pytest.raises(NoticeMismatch) as caught:
        notice.expect(out_trade_no="A1001", total_fee=100)
    assert caught.value.fields == ("total_fee", "fee_type")


@pytest.mark.parametrize("total", ["100", 100.0, True, -1, [100], None])
async def test_an_amount_that_is_no_fen_is_refused(weixin: Any, wechatpay: Any, total: Any) -> None:
    with pytest.raises(MalformedAnswer):
        await weixin.payment.verify_payment_notify(wechatpay.notice({**PAID, "amount": {"total": total}}))


@pytest.mark.parametrize(
    "change",
    [
        {"event_type": "REFUND.CLOSED"},
        {"event_type": "REFUND.ABNORMAL"},
        {"refund_status": "CLOSED"},
        {"refund_status": None},
        {"amount": {"total": 100}},
        {"amount": None},
        {"out_refund_no": ""},
        {"success_time": "yesterday"},
        {"success_time": "2026-13-40T99:00:00+08:00"},
        {"success_time": "2026-11-24T12:00:00"},
        {"success_time": "0001-01-01T00:00:00+14:00"},
    ],
)
async def test_a_refund_that_contradicts_itself_is_refused(weixin: Any, wechatpay: Any, change: Any) -> None:
    event = change.get("event_type", "REFUND.SUCCESS")
    content = {name: value for name, value in {**BACK, **change}.items() if value is not None and name != "event_type"}

    with pytest.raises(MalformedAnswer):
        await weixin.payment.verify_refund_notify(wechatpay.notice(content, event))


@pytest.mark.parametrize(
    "change",
    [
        {"nonce": "0123456789a"},
        {"nonce": "0123456789abc"},
        {"nonce": ""},
        {"nonce": None},
        {"nonce": ["0123456789ab"]},
        {"algorithm": "AEAD_AES_256_CBC"},
        {"algorithm": None},
        {"ciphertext": "!"},
        {"ciphertext": ""},
        {"ciphertext": "AAAA"},
        {"ciphertext": 1},
        {"associated_data": "another"},
        {"associated_data": 7},
    ],
    ids=str,
)
async def test_a_resource_that_is_not_as_documented_is_refused(weixin: Any, wechatpay: Any, change: Any) -> None:
    sealed = wechatpay.seal(json.dumps(PAID).encode(), wechatpay.api_v3_key)

    with pytest.raises((MalformedAnswer, SignatureError)):
        await weixin.payment.verify_payment_notify(wechatpay.enveloped({**sealed, **change}))


@pytest.mark.parametrize("resource", [None, [], "x", {}, 1])
async def test_a_notification_without_a_resource_is_refused(weixin: Any, wechatpay: Any, resource: Any) -> None:
    with pytest.raises(MalformedAnswer):
        await weixin.payment.verify_payment_notify(wechatpay.enveloped(resource))


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b'{"a":1,"a":2}', b"\xff", b'{"mchid":'])
async def test_a_content_that_is_no_document_is_refused(weixin: Any, wechatpay: Any, content: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        await weixin.payment.verify_payment_notify(wechatpay.enveloped(wechatpay.seal(content, wechatpay.api_v3_key)))


@pytest.mark.parametrize("change", [{"id": None}, {"id": 1}, {"event_type": None}, {"event_type": "x y"}, {"id": ""}])
async def test_an_envelope_without_its_names_is_refused(weixin: Any, wechatpay: Any, change: Any) -> None:
    genuine = json.loads(wechatpay.notice(PAID).body)
    body = json.dumps({**genuine, **change}).encode()

    with pytest.raises(MalformedAnswer):
        await weixin.payment.verify_payment_notify(Notification(wechatpay.sign(body), body))


async def test_without_its_key_nothing_is_read(wechatpay: Any) -> None:
    weixin = wechatpay.open(wechatpay.account(api_v3_key="", protocol="v3", **wechatpay.public_key_mode))

    with pytest.raises(ConfigError, match="api_v3_key"):
        await weixin.payment.verify_payment_notify(wechatpay.notice(PAID))


async def test_no_error_and_no_log_holds_what_was_sent(
    weixin: Any, wechatpay: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    genuine = wechatpay.notice(PAID)
    said = []
    for headers, body in (
        (genuine.headers, b"SECRET"),
        ({**genuine.headers, "wechatpay-serial": "SECRET"}, genuine.body),
        ({**genuine.headers, "wechatpay-signature": "SECRET"}, genuine.body),
        ({}, genuine.body),
    ):
        with pytest.raises(TongfuError) as caught:
            await weixin.payment.verify_payment_notify(Notification(headers, body))
        said.append(f"{caught.value} {caught.value!r}")
    shown = " ".join([*said, caplog.text, repr(genuine), repr(await weixin.payment.verify_payment_notify(genuine))])

    for secret in ("SECRET", wechatpay.api_v3_key, genuine.headers["wechatpay-signature"], "oUpF8uMuAJO"):
        assert secret not in shown


# --- at random -------------------------------------------------------------------------------------

NAMES = [f"wechatpay-{name}" for name in ("timestamp", "nonce", "signature", "serial", "signature-type")]
ODD = ["1795492800", "0", OLD, "PUB_KEY_ID_1", "AAAA", "WECHATPAY/SIGNTEST/"]
VALUES = st.one_of(st.text(max_size=60), st.sampled_from(ODD))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


async def only_ours(read: Any, notification: Any) -> None:
    try:
        await read(notification)
    except TongfuError:
        pass
    else:
        raise AssertionError("what was made up is authentic")


@given(headers=st.dictionaries(st.sampled_from(NAMES), VALUES), body=st.binary(max_size=200))
async def test_made_up_headers_and_bodies_meet_our_errors_only(
    weixin: Any, wechatpay: Any, headers: dict[str, str], body: bytes
) -> None:
    wechatpay.transport.answer(wechatpay.answer({"code": "RESOURCE_NOT_EXISTS", "message": "m"}, 404))
    await only_ours(weixin.payment.verify_payment_notify, Notification(headers, body))
    await only_ours(weixin.payment.verify_refund_notify, Notification(headers, body))


@given(changes=st.dictionaries(st.sampled_from([*PAID, "amount", "payer"]), JSON, min_size=1))
async def test_authentic_and_odd_contents_meet_our_errors_only(weixin: Any, wechatpay: Any, changes: Any) -> None:
    try:
        notice = await weixin.payment.verify_payment_notify(wechatpay.notice({**PAID, **changes}))
    except TongfuError:
        return
    assert notice.paid == ({**PAID, **changes}["trade_state"] == "SUCCESS")


@given(document=JSON, status=st.sampled_from([200, 202, 204, 400, 401, 404, 429, 500]), signed=st.booleans())
async def test_odd_answers_meet_our_errors_only(
    weixin: Any, wechatpay: Any, document: Any, status: int, signed: bool
) -> None:
    body = json.dumps(document).encode()
    answer = HttpResponse(status, wechatpay.sign(body) if signed else {}, body)
    wechatpay.transport.answer(answer)
    try:
        told = await weixin.pay.call("POST", "/v3/x", json={})
    except TongfuError:
        return
    assert (status in (200, 204), signed, told) == (True, True, document)
