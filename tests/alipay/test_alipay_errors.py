"""Every code of the platform's tables, and what a caller is told of it. Written from the tables, not from the code."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tongfu import OutcomeUnknown, PlatformRefused, errors

if TYPE_CHECKING:
    from tests.alipay.conftest import Shop

REFUND = "alipay.trade.refund"
QUERY = "alipay.trade.query"


def node(code: str, sub_code: str = "", **more: str) -> str:
    fields = {"code": code, "msg": "words", **({"sub_code": sub_code, "sub_msg": "说明"} if sub_code else {}), **more}
    return json.dumps({name: value for name, value in fields.items() if value}, ensure_ascii=False)


async def refund(shop: Shop, *answers: bytes) -> Any:
    tf, transport = shop.tongfu(*answers)
    try:
        return await tf.payment.refund("shop", out_trade_no="A1001", out_refund_no="R1", refund_fee=888)
    finally:
        assert len(transport.requests) == 1


async def query(shop: Shop, *answers: bytes) -> Any:
    tf, transport = shop.tongfu(*answers)
    try:
        return await tf.payment.order_query("shop", out_trade_no="A1001")
    finally:
        assert len(transport.requests) == 1


UNKNOWN = [
    ("20000", "isp.unknow-error"),
    ("20000", "aop.unknow-error"),
    ("20000", "isp.service-not-available"),
    ("20000", "aop.ACQ.SYSTEM_ERROR"),
    ("20000", "aop.ACQ.TRADE_NOT_EXIST"),
    ("20000", ""),
    ("40004", "ACQ.SYSTEM_ERROR"),
    ("40004", "aop.ACQ.SYSTEM_ERROR"),
    ("40004", "AQC.SYSTEM_ERROR"),
    ("40004", "SYSTEM_ERROR"),
    ("40004", "isv.UNKNOW_SYSTEM_ERROR"),
    ("40004", "REQUEST_PROCESSING"),
    ("40004", "TRANS_ORDER_DEALING"),
    ("40004", "PROMO_TRANS_ORDER_DEALING"),
    ("40004", "ACQ.REQUEST_PROCESSING"),
    ("10003", ""),
    # What no table knows says neither yes nor no.
    ("10000", "ACQ.TRADE_HAS_FINISHED"),
    ("10001", ""),
    ("50000", "isp.something-new"),
    ("", ""),
    ("", "ACQ.TRADE_NOT_EXIST"),
]


@pytest.mark.parametrize(("code", "sub_code"), UNKNOWN)
async def test_where_the_platform_does_not_know_money_may_have_moved(shop: Shop, code: str, sub_code: str) -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        await refund(shop, shop.answer(node(code, sub_code), REFUND))

    assert (caught.value.operation, caught.value.code, caught.value.sub_code) == ("refund", code, sub_code)


@pytest.mark.parametrize(("code", "sub_code"), UNKNOWN)
async def test_a_query_that_fails_so_is_asked_again_by_the_caller(shop: Shop, code: str, sub_code: str) -> None:
    with pytest.raises(errors.PlatformBusy):
        await query(shop, shop.answer(node(code, sub_code), QUERY))


@pytest.mark.parametrize("text", ['{"code":10000,"fund_change":"Y"}', '{"code":null}', '{"code":"10000 "}', "{}"])
async def test_a_code_that_is_not_the_documented_text_is_neither_yes_nor_no(shop: Shop, text: str) -> None:
    with pytest.raises(OutcomeUnknown):
        await refund(shop, shop.answer(text, REFUND))


CLASSES: list[tuple[str, str, type[PlatformRefused]]] = [
    ("40004", "ACQ.TRADE_NOT_EXIST", errors.OrderNotFound),
    ("40004", "TRADE_NOT_EXIST", errors.OrderNotFound),
    ("40004", "ACQ.TRADE_HAS_SUCCESS", errors.OrderPaid),
    ("40004", "ACQ.TRADE_HAS_CLOSE", errors.OrderClosed),
    ("40004", "ACQ.CONTEXT_INCONSISTENT", errors.OrderConflict),
    ("40004", "ACQ.TRADE_BUYER_NOT_MATCH", errors.OrderConflict),
    ("40004", "ACQ.DISCORDANT_REPEAT_REQUEST", errors.OrderConflict),
    ("40004", "ACQ.SELLER_BALANCE_NOT_ENOUGH", errors.NotEnough),
    ("40004", "ACQ.BUYER_BALANCE_NOT_ENOUGH", errors.NotEnough),
    ("40004", "ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH", errors.NotEnough),
    ("40004", "NO_BILL_DATA", errors.BillUnavailable),
    ("40004", "isp.BILL_NOT_EXIST", errors.BillUnavailable),
    # Said no, and which no is for the caller to look up.
    ("40004", "ACQ.TRADE_STATUS_ERROR", PlatformRefused),
    ("40004", "ACQ.REASON_TRADE_STATUS_INVALID", PlatformRefused),
    ("40004", "ACQ.REASON_ILLEGAL_STATUS", PlatformRefused),
    ("40004", "ACQ.TRADE_HAS_FINISHED", PlatformRefused),
    ("40004", "ACQ.REASON_TRADE_REFUND_FEE_ERR", PlatformRefused),
    ("40004", "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", PlatformRefused),
    ("40004", "ACQ.TRADE_CANCEL_TIME_OUT", PlatformRefused),
    ("40004", "ACQ.INVALID_PARAMETER", PlatformRefused),
    ("40004", "", PlatformRefused),
    ("20001", "aop.invalid-auth-token", errors.CredentialRejected),
    ("20001", "aop.auth-token-time-out", errors.CredentialRejected),
    ("20001", "aop.invalid-app-auth-token", errors.CredentialRejected),
    ("20001", "aop.app-auth-token-time-out", errors.CredentialRejected),
    ("20001", "aop.invalid-app-auth-token-no-api", errors.PermissionDenied),
    ("20001", "aop.no-product-reg-by-partner", errors.PermissionDenied),
    ("40001", "isv.missing-app-id", PlatformRefused),
    ("40002", "isv.invalid-signature", errors.CredentialRejected),
    ("40002", "isv.invalid-app-id", errors.CredentialRejected),
    ("40002", "isv.missing-signature-config", errors.CredentialRejected),
    ("40002", "isv.invalid-parameter", PlatformRefused),
    ("40003", "isv.invalid-auth-relations", PlatformRefused),
    ("40005", "isv.app-call-limited", errors.RateLimited),
    ("40005", "isv.method-call-limited", errors.RateLimited),
    ("40005", "", errors.RateLimited),
    ("40006", "isv.insufficient-isv-permissions", errors.PermissionDenied),
    ("40006", "isv.route-no-permissions", errors.PermissionDenied),
    ("40006", "isv.illegal-client-ip", errors.PermissionDenied),
]


@pytest.mark.parametrize(("code", "sub_code", "kind"), CLASSES)
async def test_a_signed_no_has_its_class(shop: Shop, code: str, sub_code: str, kind: type[PlatformRefused]) -> None:
    for ask, method in ((refund, REFUND), (query, QUERY)):
        with pytest.raises(PlatformRefused) as caught:
            await ask(shop, shop.answer(node(code, sub_code), method))

        assert type(caught.value) is kind
        assert (caught.value.code, caught.value.sub_code, caught.value.verified) == (code, sub_code, True)


@pytest.mark.parametrize(
    ("sub_code", "advice"),
    [
        ("ACQ.TRADE_STATUS_ERROR", "[Qq]uery"),
        ("ACQ.REASON_TRADE_STATUS_INVALID", "[Qq]uery"),
        ("ACQ.REASON_ILLEGAL_STATUS", "[Qq]uery"),
        ("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL", "out_refund_no"),
        ("ACQ.REASON_TRADE_REFUND_FEE_ERR", "[Qq]uery"),
        ("ACQ.TRADE_CANCEL_TIME_OUT", "refund"),
        ("ACQ.TRADE_HAS_FINISHED", "no refund"),
    ],
)
async def test_a_no_that_has_a_next_step_names_it(shop: Shop, sub_code: str, advice: str) -> None:
    with pytest.raises(PlatformRefused, match=advice):
        await refund(shop, shop.answer(node("40004", sub_code), REFUND))


@pytest.mark.parametrize("code", ["40001", "40002", "40006"])
@pytest.mark.parametrize("name", ["", "error_response"])
async def test_an_unsigned_refusal_of_these_was_not_executed(shop: Shop, code: str, name: str) -> None:
    with pytest.raises(PlatformRefused) as caught:
        await refund(shop, shop.answer(node(code, "isv.whatever"), REFUND, name=name, sign=False))

    assert (caught.value.code, caught.value.verified) == (code, False)


@pytest.mark.parametrize("code", ["20000", "20001", "40003", "40004", "40005", "10003", "50000", ""])
@pytest.mark.parametrize("name", ["", "error_response"])
async def test_any_other_unsigned_no_proves_nothing_about_money(shop: Shop, code: str, name: str) -> None:
    body = shop.answer(node(code, "ACQ.TRADE_NOT_EXIST"), REFUND, name=name, sign=False)
    with pytest.raises(OutcomeUnknown):
        await refund(shop, body)


async def test_a_signed_error_response_is_a_refusal_and_never_a_success(shop: Shop) -> None:
    with pytest.raises(errors.OrderNotFound) as caught:
        await refund(shop, shop.answer(node("40004", "ACQ.TRADE_NOT_EXIST"), REFUND, name="error_response"))
    assert caught.value.verified

    for name in ("error_response", "null_response"):
        with pytest.raises(OutcomeUnknown):
            await refund(shop, shop.answer(node("10000", fund_change="Y"), REFUND, name=name))


async def test_a_success_without_a_code_is_for_the_login_alone(shop: Shop) -> None:
    token = '{"access_token":"t","user_id":"2088101117955611"}'
    with pytest.raises(OutcomeUnknown):
        await refund(shop, shop.answer(token, REFUND))

    tf, _ = shop.tongfu(shop.answer(token, "alipay.system.oauth.token"))
    alipay: Any = tf.open("shop")
    answer = await alipay.call("alipay.system.oauth.token", grant_type="authorization_code", code="c")
    assert answer == {"access_token": "t", "user_id": "2088101117955611"}


async def test_what_the_gateway_built_is_kept_from_the_message(shop: Shop) -> None:
    built = node("40002", "isv.invalid-signature").replace("说明", "built: app_id=1&amp;method=x")
    with pytest.raises(errors.CredentialRejected) as caught:
        await query(shop, shop.answer(built, QUERY, sign=False))

    assert "built" not in str(caught.value)
    assert "built" in caught.value.raw["sub_msg"]
