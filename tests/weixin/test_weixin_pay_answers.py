"""Each kind of answer becomes the right error, on every operation; nothing is taken that says too little."""

from __future__ import annotations

import gzip
import zlib
from typing import Any, Final

import pytest

from tongfu import (
    HttpRequest,
    InvalidParams,
    MalformedAnswer,
    Notification,
    OutcomeUnknown,
    PlatformRefused,
    SignatureError,
    Tongfu,
    TransportError,
)
from tongfu.bills import Spool, in_utf8
from tongfu.call import HttpResponse
from tongfu.errors import (
    BillUnavailable,
    CredentialRejected,
    NotEnough,
    OrderClosed,
    OrderConflict,
    OrderNotFound,
    OrderPaid,
    PermissionDenied,
    PlatformBusy,
    RateLimited,
    RefundNotFound,
    TongfuError,
)
from tongfu.testing import FakeTransport
from tongfu_weixin import WeixinAccount
from tongfu_weixin.emulator import codec
from tongfu_weixin.pay_v2 import bill

KEY: Final = "192006250b4c09247ec02edce69f6a2d"
IDS: Final = {"appid": "wxd930ea5d5a258f4f", "mch_id": "1900000109"}


def _pfx() -> bytes:
    from tongfu.emulator.certificates import Authority

    made, _ = Authority.new("test").client_certificate(IDS["mch_id"], IDS["mch_id"].encode())
    return made


PFX: Final = _pfx()
ORDER: dict[str, Any] = {
    "openid": "o1",
    "body": "tea",
    "out_trade_no": "A10011",
    "total_fee": 100,
    "notify_url": "https://shop.example/notify",
}
REFUND: dict[str, Any] = {"out_trade_no": "A10011", "out_refund_no": "R1", "total_fee": 100, "refund_fee": 60}
SIGNED: dict[str, dict[str, Any]] = {
    "get_order_info": ORDER,
    "order_query": {"out_trade_no": "A10011"},
    "close_order": {"out_trade_no": "A10011"},
    "refund": REFUND,
    "refund_query": {"out_trade_no": "A10011"},
}
BILLS: dict[str, dict[str, Any]] = {
    "download_bill": {"bill_date": "20261123"},
    "download_fundflow": {"bill_date": "20261123"},
}
MONEY: Final = ("get_order_info", "close_order", "refund")
HTML: Final = b"<!DOCTYPE html><html><head><title>404</title></head><body>&nbsp;<br></body></html>"


def account(**more: Any) -> WeixinAccount:
    return WeixinAccount(app_id=IDS["appid"], mch_id=IDS["mch_id"], key=KEY, **{"pfx": PFX, **more})


def message(algorithm: str = "MD5", **fields: str) -> bytes:
    told = {"return_code": "SUCCESS", "result_code": "SUCCESS", "nonce_str": "n", **IDS, **fields}
    return codec.write({**told, "sign": codec.sign(told, KEY, algorithm)})


def failed(code: str, description: str = "") -> bytes:
    return message(result_code="FAIL", err_code=code, err_code_des=description)


async def ask(operation: str, *answers: Any, ours: WeixinAccount | None = None, **changes: Any) -> Any:
    transport = FakeTransport(*answers)
    tf = Tongfu({"shop": ours or account()}, transport=transport)
    return await getattr(tf.payment, operation)("shop", **{**{**SIGNED, **BILLS}[operation], **changes})


async def error_of(operation: str, *answers: Any, **changes: Any) -> tuple[TongfuError, int]:
    transport = FakeTransport(*answers)
    tf = Tongfu({"shop": account()}, transport=transport)
    with pytest.raises(TongfuError) as caught:
        await getattr(tf.payment, operation)("shop", **{**{**SIGNED, **BILLS}[operation], **changes})
    return caught.value, len(transport.requests)


@pytest.mark.parametrize("operation", [*SIGNED, *BILLS])
async def test_a_page_in_the_platforms_place_is_no_answer(operation: str) -> None:
    page, sent = await error_of(operation, HTML)
    assert (isinstance(page, MalformedAnswer), isinstance(page, OutcomeUnknown)) == (True, operation in MONEY)
    for status in (302, 404, 502):
        gateway, sent = await error_of(operation, *[HttpResponse(status, {}, HTML)] * 3)
        assert (type(gateway) is OutcomeUnknown, sent) == ((True, 1) if operation in MONEY else (False, 3))
        assert isinstance(gateway, TransportError)


@pytest.mark.parametrize("operation", [*SIGNED, *BILLS])
async def test_an_unsigned_failure_is_a_refusal_that_says_it_is_unsigned(operation: str) -> None:
    for text, kind in (
        ("签名错误", CredentialRejected),
        ("SIGN ERROR", CredentialRejected),
        ("appid和mch_id不匹配", CredentialRejected),
        ("证书校验失败", CredentialRejected),
        ("参数错误:缺少total_fee", PlatformRefused),
    ):
        error, sent = await error_of(operation, codec.write({"return_code": "FAIL", "return_msg": text}))
        assert (type(error), sent) == (kind, 1)
        assert isinstance(error, PlatformRefused)
        assert (error.verified, error.message, error.raw) == (False, text, {"return_code": "FAIL", "return_msg": text})


@pytest.mark.parametrize("operation", ["refund", "download_fundflow"])
@pytest.mark.parametrize("reason", [b"No required SSL certificate was sent", b"The SSL certificate error"])
async def test_a_gateway_that_wants_a_certificate_says_so(operation: str, reason: bytes) -> None:
    page = b"<html><head><title>400 " + reason + b"</title></head><body></body></html>"
    error, sent = await error_of(operation, HttpResponse(400, {}, page))

    assert (type(error), sent) == (CredentialRejected, 1)
    assert "Check pfx" in str(error)


@pytest.mark.parametrize("operation", list(SIGNED))
async def test_an_unsigned_success_is_not_taken(operation: str) -> None:
    for answer in (
        codec.write({"return_code": "SUCCESS", "result_code": "SUCCESS", **IDS}),
        codec.write({"return_code": "SUCCESS", "result_code": "FAIL", "err_code": "ORDERPAID", **IDS}),
    ):
        error, sent = await error_of(operation, answer)
        assert (isinstance(error, SignatureError), isinstance(error, OutcomeUnknown), sent) == (
            True,
            operation in MONEY,
            1,
        )


@pytest.mark.parametrize("operation", list(SIGNED))
@pytest.mark.parametrize("word", ["", "success", "PROCESSING", "SUCCESS "])
async def test_a_return_code_of_another_word_is_no_refusal(operation: str, word: str) -> None:
    """A refusal would say that nothing happened, and that nobody said."""
    for answer in (codec.write({"return_code": word, "return_msg": "x"}), codec.write({"return_msg": "x"})):
        error, _ = await error_of(operation, answer)
        assert (isinstance(error, MalformedAnswer), isinstance(error, PlatformRefused)) == (True, False)
        assert isinstance(error, OutcomeUnknown) == (operation in MONEY)


@pytest.mark.parametrize("operation", list(SIGNED))
async def test_another_accounts_answer_is_not_taken(operation: str) -> None:
    for name, value in (("appid", "wx0"), ("mch_id", "1900000110"), ("sub_mch_id", "1900000777")):
        error, _ = await error_of(operation, message(**{name: value}))
        assert isinstance(error, SignatureError)


CODES = {
    "ORDERPAID": OrderPaid,
    "ORDERCLOSED": OrderClosed,
    "ORDERNOTEXIST": OrderNotFound,
    "INVALID_TRANSACTIONID": OrderNotFound,
    "OUT_TRADE_NO_USED": OrderConflict,
    "REFUNDNOTEXIST": RefundNotFound,
    "NOTENOUGH": NotEnough,
    "REFUND_FEE_MISMATCH": OrderConflict,
    "REFUND_FEE_INVALID": PlatformRefused,
    "ORDER_NOT_READY": PlatformBusy,
    "FREQUENCY_LIMITED": RateLimited,
    "INVALID_REQ_TOO_MUCH": RateLimited,
    "NOAUTH": PermissionDenied,
    "SIGNERROR": CredentialRejected,
    "APPID_NOT_EXIST": CredentialRejected,
    "MCHID_NOT_EXIST": CredentialRejected,
    "APPID_MCHID_NOT_MATCH": CredentialRejected,
    "INVALID_REQUEST": PlatformRefused,
    "PARAM_ERROR": PlatformRefused,
    "LACK_PARAMS": PlatformRefused,
    "TRADE_OVERDUE": PlatformRefused,
    "USER_ACCOUNT_ABNORMAL": PlatformRefused,
    "TRADE_STATE_ERROR": PlatformRefused,
    "ERROR": PlatformRefused,
    "A_CODE_OF_TOMORROW": PlatformRefused,
}


@pytest.mark.parametrize("operation", list(SIGNED))
async def test_a_signed_refusal_has_the_error_of_its_code(operation: str) -> None:
    for code, kind in CODES.items():
        error, sent = await error_of(operation, failed(code, f"因为{code}"))
        assert (type(error), sent) == (kind, 1)
        assert isinstance(error, PlatformRefused)
        assert (error.code, error.message, error.verified, error.raw["err_code"]) == (code, f"因为{code}", True, code)


@pytest.mark.parametrize("operation", list(SIGNED))
@pytest.mark.parametrize("code", ["SYSTEMERROR", "BIZERR_NEED_RETRY", "BANKERROR", "USERPAYING"])
async def test_a_code_that_leaves_it_open_is_no_refusal_of_money(operation: str, code: str) -> None:
    error, sent = await error_of(operation, failed(code))

    assert (type(error), sent) == (OutcomeUnknown if operation in MONEY else PlatformBusy, 1)
    assert error.code == code  # type: ignore[attr-defined]  # both have one


async def test_the_other_name_of_a_used_number_is_known() -> None:
    error, _ = await error_of("get_order_info", failed("INVALID_REQUEST", "201 商户订单号重复"))
    assert type(error) is OrderConflict
    error, _ = await error_of("get_order_info", failed("INVALID_REQUEST", "参数错误"))
    assert type(error) is PlatformRefused


@pytest.mark.parametrize(
    ("operation", "told"),
    [
        ("order_query", {"trade_state": "SUCCESS", "out_trade_no": "B2", "transaction_id": "4", "total_fee": "100"}),
        ("order_query", {"trade_state": "SUCCESS", "transaction_id": "4", "total_fee": "100"}),
        ("order_query", {"trade_state": "SUCCESS", "out_trade_no": "A10011", "total_fee": "100"}),
        ("order_query", {"trade_state": "SUCCESS", "out_trade_no": "A10011", "transaction_id": "4"}),
        ("order_query", {"trade_state": "SUCCESS", "out_trade_no": "A10011", "transaction_id": "4", "total_fee": "-1"}),
        ("order_query", {"out_trade_no": "A10011"}),
        ("get_order_info", {"trade_type": "JSAPI"}),
        ("refund", {"out_refund_no": "R1", "refund_fee": "60", "refund_id": "5", "out_trade_no": "B2"}),
        ("refund", {"out_refund_no": "R1", "refund_fee": "61", "refund_id": "5", "out_trade_no": "A10011"}),
        ("refund", {"out_refund_no": "R1", "refund_fee": "60", "out_trade_no": "A10011"}),
        ("refund_query", {"out_trade_no": "B2", "refund_count": "1", "out_refund_no_0": "R1", "refund_fee_0": "1"}),
        ("refund_query", {"out_trade_no": "A10011", "refund_count": "1", "out_refund_no_0": "R1", "refund_fee_0": "x"}),
    ],
)
async def test_an_answer_about_something_else_or_without_its_facts_is_malformed(
    operation: str, told: dict[str, str]
) -> None:
    error, _ = await error_of(operation, message(**told))

    assert isinstance(error, MalformedAnswer)


async def test_a_state_of_tomorrow_stays_visible_and_is_not_paid() -> None:
    state = await ask("order_query", message(trade_state="HALF_PAID", out_trade_no="A10011"))

    assert (state.trade_state, state.paid) == ("HALF_PAID", False)


# --- bills -------------------------------------------------------------------------------------------

TABLE = "交易时间,商户订单号\r\n`2026-11-23 10:00:00,`A10011\r\n总交易单数\r\n`1\r\n"


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ({"return_code": "FAIL", "return_msg": "NO Bill Exist", "error_code": "20002"}, BillUnavailable),
        ({"return_code": "FAIL", "return_msg": "no bill exist"}, BillUnavailable),
        ({"return_code": "FAIL", "return_msg": "Bill Creating"}, BillUnavailable),
        ({"return_code": "SUCCESS", "result_code": "FAIL", "err_code": "NO_BILL_EXIST"}, BillUnavailable),
        ({"return_code": "SUCCESS", "result_code": "FAIL", "err_code": "BILL_CREATING"}, BillUnavailable),
        ({"return_code": "FAIL", "result_code": "FAIL", "err_code": "PARAM_ERROR"}, PlatformRefused),
        ({"return_code": "FAIL", "return_msg": "SYSTEMERROR"}, PlatformBusy),
        ({"return_code": "FAIL", "return_msg": "CompressGZip Error"}, PlatformBusy),
        ({"return_code": "FAIL", "return_msg": "UnCompressGZip Error"}, PlatformBusy),
        ({"return_code": "FAIL", "return_msg": "invalid bill_type"}, PlatformRefused),
    ],
)
@pytest.mark.parametrize("operation", list(BILLS))
async def test_a_bills_refusal_is_told_from_a_bill(operation: str, told: dict[str, str], kind: type[Any]) -> None:
    for body in (codec.write(told), gzip.compress(codec.write(told))):
        error, _ = await error_of(operation, body, tar_type="GZIP")
        assert type(error) is kind


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xef\xbb\xbf",
        HTML,
        gzip.compress(HTML),
        b'{"code": "SYSTEM_ERROR", "message": "x"}',
        b"upstream connect error",
        gzip.compress(TABLE.encode())[:-9],
        gzip.compress(TABLE.encode()) + b"junk",
        gzip.compress(TABLE.encode()) + b"\x1f\x8bjunk",
        b"\x1f\x8b",
        TABLE.encode("gbk"),
        message(),
    ],
    ids=["empty", "BOM", "HTML", "HTML.gz", "JSON", "text", "cut", "tail", "half member", "magic", "GBK", "signed"],
)
async def test_what_is_no_bill_is_malformed(body: bytes) -> None:
    error, _ = await error_of("download_bill", body)

    assert isinstance(error, MalformedAnswer)


async def test_a_bill_of_several_gzip_members_is_read_whole() -> None:
    half = len(TABLE.encode()) // 2
    body = gzip.compress(TABLE.encode()[:half]) + gzip.compress(TABLE.encode()[half:]) + b"\0" * 512

    assert (await ask("download_bill", body)).content == TABLE


def test_a_gzip_bomb_goes_off_in_bounds() -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = bomb.compress(bytes(1 << 22)) + bomb.flush()
    with pytest.raises(MalformedAnswer, match="larger than 4194303 bytes"):
        in_utf8(bill.inflated(Spool.of(body)), "utf-8", (1 << 22) - 1)
    with pytest.raises(MalformedAnswer, match="larger than 8388607 bytes"):
        in_utf8(bill.inflated(Spool.of(body + body)), "utf-8", (1 << 23) - 1)

    assert max(map(len, bill.inflated(Spool.of(body)))) <= 1 << 16
    assert in_utf8(bill.inflated(Spool.of(body)), "utf-8", 1 << 22).size == 1 << 22


async def test_a_fund_flow_is_asked_for_under_hmac_whatever_the_account_says() -> None:
    def platform(request: HttpRequest) -> HttpResponse:
        fields = codec.read(request.body)
        assert (fields["sign_type"], fields["account_type"]) == ("HMAC-SHA256", "Basic")
        assert fields["sign"] == codec.sign(fields, KEY, "HMAC-SHA256")
        assert request.client_certificate is not None
        return HttpResponse(200, {}, TABLE.encode())

    assert (await ask("download_fundflow", platform)).content == TABLE


# --- what is sent -----------------------------------------------------------------------------------


async def test_a_question_goes_to_the_backup_host_when_the_first_cannot_be_reached() -> None:
    transport = FakeTransport(
        TransportError("no route", sent=False), message(trade_state="NOTPAY"), TransportError("no route", sent=False)
    )
    tf = Tongfu({"shop": account()}, transport=transport)
    assert (await tf.payment.order_query("shop", out_trade_no="A10011")).trade_state == "NOTPAY"
    with pytest.raises(TransportError) as caught:
        await tf.payment.refund("shop", **REFUND)

    assert (type(caught.value), caught.value.sent) == (TransportError, False)
    assert [request.url for request in transport.requests] == [
        "https://api.mch.weixin.qq.com/pay/orderquery",
        "https://api2.mch.weixin.qq.com/pay/orderquery",
        "https://api.mch.weixin.qq.com/secapi/pay/refund",
    ]


async def test_an_account_on_another_host_has_no_backup() -> None:
    transport = FakeTransport(*[TransportError("no route", sent=False)] * 3)
    tf = Tongfu({"shop": account(base_url="https://apihk.mch.weixin.qq.com")}, transport=transport)
    with pytest.raises(TransportError):
        await tf.payment.order_query("shop", out_trade_no="A10011")

    assert {request.url for request in transport.requests} == {"https://apihk.mch.weixin.qq.com/pay/orderquery"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"extra": {"a b": "x"}}, "extra"),
        ({"extra": {"a><b": "x"}}, "extra"),
        ({"extra": {"1a": "x"}}, "extra"),
        ({"extra": {"attach": "\x00"}}, "attach"),
        ({"extra": {"attach": "\ud800"}}, "attach"),
        ({"extra": {"attach": "😀"}}, "attach"),
        ({"extra": {"attach": 1.5}}, "extra"),
        ({"extra": {"attach": True}}, "extra"),
        ({"extra": {"sub_mch_id": "1"}}, "extra"),
        ({"body": "字" * 43}, "body"),
        ({"out_trade_no": "A" * 33}, "out_trade_no"),
        ({"out_trade_no": "A1 001"}, "out_trade_no"),
        ({"notify_url": "/notify"}, "notify_url"),
        ({"trade_type": "H5", "spbill_create_ip": "127.0.0.1"}, "spbill_create_ip"),
        ({"trade_type": "H5", "spbill_create_ip": "203.0.113.7", "extra": {"scene_info": "x" * 257}}, "extra"),
    ],
)
async def test_what_the_platform_cannot_take_is_named_and_not_sent(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        await ask("get_order_info", **changes)

    assert set(caught.value.problems) == {field}


async def test_a_buyer_under_the_sub_merchants_app_may_be_named_on_the_wire() -> None:
    def platform(request: HttpRequest) -> HttpResponse:
        fields = codec.read(request.body)
        assert (fields["openid"], fields["sub_openid"]) == ("o1", "oSub")
        subs = {"sub_mch_id": "1900000777", "sub_appid": "wx7"}
        return HttpResponse(200, {}, message(prepay_id="P", trade_type="JSAPI", **subs))

    ours = account(sub_mch_id="1900000777", sub_app_id="wx7")
    info = await ask("get_order_info", platform, ours=ours, extra={"sub_openid": "oSub"})
    assert info.payload["appId"] == "wx7"


async def test_a_paid_notice_has_an_amount() -> None:
    told = {"out_trade_no": "A10011", "transaction_id": "4", "total_fee": "100"}
    tf = Tongfu({"shop": account()}, transport=FakeTransport())
    assert (await tf.payment.verify_payment_notify("shop", Notification({}, message(**told)))).total_fee == 100
    for broken in ({"total_fee": ""}, {"total_fee": "1.00"}, {"total_fee": "-100"}, {"transaction_id": ""}):
        with pytest.raises(MalformedAnswer):
            await tf.payment.verify_payment_notify("shop", Notification({}, message(**{**told, **broken})))
