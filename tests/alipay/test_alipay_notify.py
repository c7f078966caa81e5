"""Notifications: what they say, and a refund told from a payment at one address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, urlencode

import pytest

from tongfu import MalformedAnswer, Notification, SignatureError
from tongfu.errors import WrongNotice

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


# --- what it says ------------------------------------------------------------------------------------


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


# --- the rules of signing ----------------------------------------------------------------------------


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


async def test_one_that_comes_again_is_told_as_such_and_read_all_the_same(shop: Any) -> None:
    tf, _ = shop.tongfu()
    first, again, other = [
        await tf.payment.verify_payment_notify("shop", shop.notice(notify_id=number)) for number in ("n1", "n1", "n2")
    ]
    assert [notice.repeated for notice in (first, again, other)] == [False, True, False]

    for number in range(1001):
        await tf.payment.verify_payment_notify("shop", shop.notice(notify_id=f"m{number}"))
    assert not (await tf.payment.verify_payment_notify("shop", shop.notice(notify_id="n1"))).repeated
