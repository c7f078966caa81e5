"""APIv3 requests to the byte, and what is made of the answers (sections C1, C5, C6, C9; traps E-C1, 2, 9, 12, 13)."""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tongfu import ConfigError, HttpResponse, InvalidParams, Tongfu
from tongfu.errors import (
    BillUnavailable,
    CredentialRejected,
    MalformedAnswer,
    NotEnough,
    OrderClosed,
    OrderConflict,
    OrderNotFound,
    OrderPaid,
    OutcomeUnknown,
    PermissionDenied,
    PlatformBusy,
    PlatformRefused,
    RateLimited,
    RefundNotFound,
    SignatureError,
    TongfuError,
    TransportError,
    UnreadableOutcome,
    UnverifiedOutcome,
)
from tongfu_weixin import WeixinAccount
from tongfu_weixin.pay_v3 import chosen, sensitive, wire
from tongfu_weixin.pay_v3.call import build

AUTHORIZATION = (
    'WECHATPAY2-SHA256-RSA2048 mchid="1900007291",nonce_str="0123456789abcdef0123456789abcdef",'
    'timestamp="1795492800",serial_no="408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB",signature="'
)


@pytest.fixture
def weixin(wechatpay: Any) -> Any:
    """In public-key mode: nothing but the call itself is sent."""
    return wechatpay.open(wechatpay.account(**wechatpay.public_key_mode))


def checked(request: Any, wechatpay: Any) -> None:
    """Go on only if the Authorization header is the merchant's over what was sent."""
    target = request.url.removeprefix("https://api.mch.weixin.qq.com")
    signed = f"{request.method}\n{target}\n1795492800\n0123456789abcdef0123456789abcdef\n".encode()
    authorization = request.headers["authorization"]
    assert authorization.startswith(AUTHORIZATION)
    signature = base64.b64decode(authorization.removeprefix(AUTHORIZATION).removesuffix('"'))
    key = wechatpay.key("merchant").public_key()
    key.verify(signature, signed + request.body + b"\n", padding.PKCS1v15(), hashes.SHA256())


# --- which protocol -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, False),
        ({"key": "k"}, False),
        ({"api_v3_key": "a", "private_key": "p", "cert_serial": "1"}, True),
        ({"api_v3_key": "a", "private_key": "p", "cert_serial": "1", "key": "k"}, False),
        ({"api_v3_key": "a", "private_key": "p", "cert_serial": "1", "key": "k", "protocol": "v3"}, True),
        ({"api_v3_key": "a", "private_key": "p", "cert_serial": "1", "protocol": "v2"}, False),
        ({"api_v3_key": "a", "private_key": "p"}, False),
        ({"protocol": "v3"}, True),
    ],
)
def test_the_protocol_is_the_accounts_word_or_follows_from_its_keys(fields: Any, expected: bool) -> None:
    assert expected == chosen(WeixinAccount(app_id="wx", **fields))


# --- requests --------------------------------------------------------------------------------------


async def test_a_post_is_compact_utf8_signed_as_sent(weixin: Any, wechatpay: Any) -> None:
    """E-C1: serialised once. E-C12: nulls are left out, and the type is WECHATPAY2-SHA256-RSA2048."""
    wechatpay.transport.answer(wechatpay.answer({"prepay_id": "wx1"}))
    document = {"描述": "咖啡", "amount": {"total": 1, "currency": None}, "list": [{"a": None, "b": 2}], "none": None}

    assert await weixin.pay.call("POST", "/v3/pay/transactions/jsapi", json=document) == {"prepay_id": "wx1"}
    (request,) = wechatpay.transport.requests
    assert (request.method, request.url, request.body) == (
        "POST",
        "https://api.mch.weixin.qq.com/v3/pay/transactions/jsapi",
        '{"描述":"咖啡","amount":{"total":1},"list":[{"b":2}]}'.encode(),
    )
    assert {name: value for name, value in request.headers.items() if name != "authorization"} == {
        "accept": "application/json",
        "accept-encoding": "identity",
        "content-type": "application/json; charset=utf-8",
        "user-agent": wire._user_agent(),
        "wechatpay-serial": "PUB_KEY_ID_0000000000000024101100397200000006",
    }
    assert request.headers["user-agent"].startswith("tongfu-weixin/")
    assert request.backup_url == "https://api2.mch.weixin.qq.com/v3/pay/transactions/jsapi"
    checked(request, wechatpay)
    assert document["none"] is None  # the caller's mapping is as it was


async def test_a_query_is_encoded_once_in_its_order_and_signed_so(weixin: Any, wechatpay: Any) -> None:
    """E-C2."""
    wechatpay.transport.answer(wechatpay.answer({}))

    await weixin.pay.call("GET", "/v3/x/T%7C1%2A2", query={"z": "a b|*/%", "a": "咖"})
    (request,) = wechatpay.transport.requests
    assert (request.url, request.body, request.headers.get("content-type")) == (
        "https://api.mch.weixin.qq.com/v3/x/T%7C1%2A2?z=a%20b%7C%2A%2F%25&a=%E5%92%96",
        b"",
        None,
    )
    checked(request, wechatpay)


async def test_what_was_signed_arrives_over_a_real_connection(wechatpay: Any) -> None:
    """aiohttp's URLs spell %7C and %2A otherwise, and the signature would cover what was never sent."""
    seen: list[tuple[str, str, bytes, str]] = []

    async def serve(request: web.BaseRequest) -> web.Response:
        body = await request.read()
        seen.append((request.method, request.raw_path, body, request.headers["Authorization"]))
        answer = wechatpay.answer({"ok": 1})
        return web.Response(body=answer.body, headers=answer.headers)

    async with contextlib.AsyncExitStack() as stack:
        runner = web.ServerRunner(web.Server(serve), shutdown_timeout=0.1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        account = wechatpay.account(base_url=f"http://127.0.0.1:{runner.addresses[0][1]}", **wechatpay.public_key_mode)
        tongfu = await stack.enter_async_context(
            Tongfu({"shop": account}, clock=lambda: wechatpay.now, nonce=lambda: "n" * 32)
        )
        for path in ("/v3/x/T|1*2%7C%2a%2A%25", "/v3/x/%E5%92%96~'()"):
            answer = await tongfu.open(account).pay.call("POST", path, json={"a": "咖"}, query={"q": "|*% "})
            assert answer == {"ok": 1}
    key = wechatpay.key("merchant").public_key()
    for (method, target, body, authorization), path in zip(
        seen, ("/v3/x/T|1*2%7C%2a%2A%25", "/v3/x/%E5%92%96~'()"), strict=True
    ):
        assert (method, target, body) == ("POST", f"{path}?q=%7C%2A%25%20", '{"a":"咖"}'.encode())
        signature = base64.b64decode(authorization.rpartition('signature="')[2].removesuffix('"'))
        signed = f"{method}\n{target}\n1795492800\n{'n' * 32}\n".encode() + body + b"\n"
        key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize(
    ("method", "path", "fields", "named"),
    [
        ("get", "/v3/x", {}, "method"),
        ("TRACE", "/v3/x", {}, "method"),
        ("GET", "/v2/x", {}, "path"),
        ("GET", "/v3/x?a=1", {}, "path"),
        ("GET", "/v3/x y", {}, "path"),
        ("GET", "/v3/x%7", {}, "path"),
        ("GET", "/v3/../pay/refund", {}, "path"),
        ("GET", "/v3/a/./b", {}, "path"),
        ("GET", "https://evil.example/v3/x", {}, "path"),
        ("GET", "/v3/x\n", {}, "path"),
        ("GET", "/v3/x", {"json": {}}, "json"),
        ("POST", "/v3/x", {"sensitive": "name", "json": {"name": "a"}}, "sensitive"),
        ("POST", "/v3/x", {"sensitive": ("name",)}, "sensitive"),
        ("POST", "/v3/x", {"json": {"a": float("nan")}}, "json"),
        ("POST", "/v3/x", {"json": {"a": object()}}, "json"),
        ("POST", "/v3/x", {"json": {"a": "\ud800"}}, "json"),
        ("POST", "/v3/x", {"json": {"a": [{"b": "☕\U0001f600"}]}}, "a.0.b"),
        ("POST", "/v3/x", {"json": {"\U0001f600": 1}}, "\U0001f600"),
        ("POST", "/v3/x", {"json": {"a": {"b": 1}}, "sensitive": ("a.b",)}, "a.b"),
        ("POST", "/v3/x", {"json": {"a": "x" * 215}, "sensitive": ("a",)}, "a"),
        ("POST", "/v3/x", {"json": {}, "query": {"a": "\ud800"}}, "query"),
    ],
)
async def test_what_cannot_be_sent_is_named_and_not_sent(
    weixin: Any, wechatpay: Any, method: str, path: str, fields: Any, named: str
) -> None:
    with pytest.raises(InvalidParams) as caught:
        await weixin.pay.call(method, path, **fields)
    assert [named] == list(caught.value.problems)
    assert [] == wechatpay.transport.requests


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"mch_id": ""}, "mch_id"),
        ({"private_key": None}, "private_key"),
        ({"private_key": "MIIE no key"}, "private_key"),
        ({"cert_serial": ""}, "cert_serial"),
        ({"cert_serial": '1",x="'}, "cert_serial"),
        ({"public_key_id": ""}, "public_key_id"),
        ({"public_key": None}, "public_key"),
        ({"public_key_id": "5F60"}, "public_key_id"),
        ({"sandbox": True}, "sandbox"),
    ],
)
async def test_what_the_account_lacks_is_named_and_nothing_sent(wechatpay: Any, fields: Any, said: str) -> None:
    weixin = wechatpay.open(wechatpay.account(**{**wechatpay.public_key_mode, **fields}))

    with pytest.raises(ConfigError, match=said):
        await weixin.pay.call("POST", "/v3/x", json={})
    assert [] == wechatpay.transport.requests


async def test_the_merchants_own_key_is_not_taken_for_the_platforms(wechatpay: Any) -> None:
    """E-C7: whoever verifies with it believes what he signed himself."""
    fields = {**wechatpay.public_key_mode, "public_key": wechatpay.public_pem(wechatpay.key("merchant"))}
    weixin = wechatpay.open(wechatpay.account(**fields))
    wechatpay.transport.answer(wechatpay.answer({}, key="merchant"))

    with pytest.raises(ConfigError, match="merchant's own"):
        await weixin.pay.call("GET", "/v3/x")


# --- sensitive fields ------------------------------------------------------------------------------


def opened(key: Any, text: str) -> str:
    sha1 = hashes.SHA1()
    plain: bytes = key.decrypt(base64.b64decode(text), padding.OAEP(padding.MGF1(sha1), sha1, None))
    return plain.decode()


async def test_sensitive_fields_are_encrypted_for_the_key_the_request_names(weixin: Any, wechatpay: Any) -> None:
    wechatpay.transport.answer(wechatpay.answer({}))
    document = {"user_name": "张三", "list": [{"id": "李四"}, {"no": 1}, {"id": "王五"}], "left_out": None}
    await weixin.pay.call(
        "POST", "/v3/x", json=document, sensitive=("user_name", "list.*.id", "left_out", "absent.name")
    )

    (request,) = wechatpay.transport.requests
    sent, key = json.loads(request.body), wechatpay.key(request.headers["wechatpay-serial"])
    assert (opened(key, sent["user_name"]), [opened(key, one["id"]) for one in sent["list"] if "id" in one]) == (
        "张三",
        ["李四", "王五"],
    )
    assert (sorted(sent), sent["list"][1]) == (["list", "user_name"], {"no": 1})
    assert document["user_name"] == "张三"
    checked(request, wechatpay)


def test_what_the_platform_encrypted_for_the_merchant_is_read(weixin: Any, wechatpay: Any) -> None:
    sha1 = hashes.SHA1()
    sealed = (
        wechatpay.key("merchant").public_key().encrypt("张三".encode(), padding.OAEP(padding.MGF1(sha1), sha1, None))
    )

    assert "张三" == weixin.pay.decrypt(base64.b64encode(sealed).decode())


@pytest.mark.parametrize("text", ["", "!", "AAAA", base64.b64encode(b"\1" * 256).decode(), "é"])
def test_what_was_encrypted_for_another_is_an_error_of_ours(weixin: Any, text: str) -> None:
    with pytest.raises(MalformedAnswer):
        weixin.pay.decrypt(text)


def test_the_plain_text_of_a_field_never_shows(wechatpay: Any) -> None:
    call = build("op", "POST", "/v3/x", lambda fields, ctx: fields, json={"n": "张三"}, sensitive=("n",))

    assert "张三" not in repr(call)
    with pytest.raises(InvalidParams) as caught:
        sensitive.encrypted("op", {"n": "张三" * 99}, ("n",), wechatpay.key("merchant").public_key())
    assert "张三" not in str(caught.value)


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "ORDER_NOT_EXIST", OrderNotFound),
        (404, "ORDERNOTEXIST", OrderNotFound),
        (400, "ORDERPAID", OrderPaid),
        (400, "ORDER_PAID", OrderPaid),
        (400, "ORDER_CLOSED", OrderClosed),
        (403, "OUT_TRADE_NO_USED", OrderConflict),
        (403, "NOT_ENOUGH", NotEnough),
        (403, "NOTENOUGH", NotEnough),
        (403, "NO_AUTH", PermissionDenied),
        (403, "RULE_LIMIT", PlatformRefused),
        (403, "RULELIMIT", PlatformRefused),
        (400, "APPID_MCHID_NOT_MATCH", CredentialRejected),
        (401, "SIGN_ERROR", CredentialRejected),
        (401, "SIGNERROR", CredentialRejected),
        (401, "ANYTHING", CredentialRejected),
        (400, "PARAM_ERROR", PlatformRefused),
        (400, "NO_STATEMENT_EXIST", BillUnavailable),
        (400, "STATEMENT_CREATING", BillUnavailable),
    ],
)
@pytest.mark.parametrize("read_only", [True, False])
async def test_a_refusal_is_one_whoever_asked(
    weixin: Any, wechatpay: Any, status: int, code: str, expected: type[PlatformRefused], read_only: bool
) -> None:
    wechatpay.transport.answer(wechatpay.answer({"code": code, "message": "不行"}, status))

    with pytest.raises(PlatformRefused) as caught:
        await weixin.pay.call("POST", "/v3/x", json={}, read_only=read_only)
    error = caught.value
    assert (type(error), error.code, error.message, error.http_status, error.request_id, error.verified) == (
        expected,
        code,
        "不行",
        status,
        "08F78BB5AF0610D302",
        True,
    )
    assert 1 == len(wechatpay.transport.requests)


@pytest.mark.parametrize(
    ("status", "code", "reading"),
    [
        (429, "FREQUENCY_LIMITED", RateLimited),
        (429, "RATELIMIT_EXCEEDED", RateLimited),
        (429, "WHATEVER", RateLimited),
        (500, "SYSTEM_ERROR", PlatformBusy),
        (500, "SYSTEMERROR", PlatformBusy),
        (400, "SYSTEM_ERROR", PlatformBusy),
        (502, "BANK_ERROR", PlatformBusy),
        (503, "SERVICE_UNAVAILABLE", PlatformBusy),
        (500, "WHATEVER", PlatformBusy),
    ],
)
async def test_what_may_have_happened_is_unknown_unless_it_only_reads(
    weixin: Any, wechatpay: Any, status: int, code: str, reading: type[PlatformRefused]
) -> None:
    for _ in range(2):
        wechatpay.transport.answer(wechatpay.answer({"code": code, "message": "m"}, status))

    with pytest.raises(PlatformRefused) as read:
        await weixin.pay.call("GET", "/v3/x")
    with pytest.raises(OutcomeUnknown) as wrote:
        await weixin.pay.call("POST", "/v3/x", json={})
    assert (type(read.value), wrote.value.code, wrote.value.raw) == (reading, code, {"code": code, "message": "m"})
    assert "08F78BB5AF0610D302" in str(wrote.value)
    assert 2 == len(wechatpay.transport.requests)


async def test_http_202_is_taken_and_not_decided(weixin: Any, wechatpay: Any) -> None:
    for _ in range(2):
        wechatpay.transport.answer(wechatpay.answer({}, 202))

    with pytest.raises(PlatformBusy):
        await weixin.pay.call("GET", "/v3/x")
    with pytest.raises(OutcomeUnknown):
        await weixin.pay.call("POST", "/v3/x", json={})


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("268449538", OrderPaid),
        ("268498689", OrderPaid),
        ("268512771", OrderNotFound),
        ("268447914", OrderClosed),
        ("268498688", OrderConflict),
        ("268435461", PlatformRefused),
    ],
)
async def test_where_the_code_says_little_the_request_ids_number_speaks(
    weixin: Any, wechatpay: Any, number: str, expected: type[PlatformRefused]
) -> None:
    answer = wechatpay.answer({"code": "INVALID_REQUEST", "message": "m"}, 400, request_id=f"08F7-{number}")
    wechatpay.transport.answer(answer)

    with pytest.raises(PlatformRefused) as caught:
        await weixin.pay.call("POST", "/v3/x", json={})
    assert (type(caught.value), caught.value.request_id) == (expected, f"08F7-{number}")


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("refund_query", RefundNotFound),
        ("order_query", OrderNotFound),
        ("refund", OrderNotFound),
        ("x", PlatformRefused),
    ],
)
async def test_a_missing_resource_is_what_was_asked_for(
    weixin: Any, wechatpay: Any, operation: str, expected: type[PlatformRefused]
) -> None:
    wechatpay.transport.answer(wechatpay.answer({"code": "RESOURCE_NOT_EXISTS", "message": "m"}, 404))
    call = build(operation, "GET", "/v3/x", lambda fields, ctx: fields, read_only=True)

    with pytest.raises(PlatformRefused) as caught:
        await weixin.pay._caller.run(operation, lambda ctx: call)
    assert expected is type(caught.value)


async def test_a_refused_signature_is_sent_once_and_tells_no_signing_string(weixin: Any, wechatpay: Any) -> None:
    """E-C13: sign_information quotes the body; the rest of detail is kept."""
    detail = {
        "field": "signature",
        "issue": "sign not match",
        "sign_information": {"method": "POST", "truncated_sign_message": "SECRET", "sign_message_length": 9},
    }
    wechatpay.transport.answer(wechatpay.answer({"code": "SIGN_ERROR", "message": "m", "detail": detail}, 401))

    with pytest.raises(CredentialRejected) as caught:
        await weixin.pay.call("POST", "/v3/x", json={})
    error = caught.value
    assert error.raw == {
        "code": "SIGN_ERROR",
        "message": "m",
        "detail": {"field": "signature", "issue": "sign not match"},
    }
    assert "private_key, cert_serial" in error.advice
    assert "clock" in error.advice
    assert 1 == len(wechatpay.transport.requests)


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b"[]", b'{"code":1}', b'{"message":"m"}', b"\xff"])
@pytest.mark.parametrize("status", [301, 403, 404, 502])
async def test_a_gateways_page_is_no_refusal(weixin: Any, wechatpay: Any, status: int, body: bytes) -> None:
    for _ in range(4):
        wechatpay.transport.answer(HttpResponse(status, {}, body))

    with pytest.raises(OutcomeUnknown):
        await weixin.pay.call("POST", "/v3/x", json={})
    with pytest.raises(TransportError):
        await weixin.pay.call("GET", "/v3/x")


async def test_an_unsigned_refusal_says_so(weixin: Any, wechatpay: Any) -> None:
    wechatpay.transport.answer(HttpResponse(400, {}, b'{"code":"PARAM_ERROR","message":"m"}'))

    with pytest.raises(PlatformRefused) as caught:
        await weixin.pay.call("POST", "/v3/x", json={})
    assert not caught.value.verified


async def test_a_refusal_with_a_wrong_signature_is_no_refusal(weixin: Any, wechatpay: Any) -> None:
    wechatpay.transport.answer(wechatpay.answer({"code": "ORDER_NOT_EXIST", "message": "m"}, 404, key="stranger"))

    with pytest.raises(UnverifiedOutcome):
        await weixin.pay.call("POST", "/v3/x", json={})


# --- files -----------------------------------------------------------------------------------------

BILL = "\ufeff交易时间,总金额\r\n`2026-11-23,`1.00\r\n"
URL = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=6XIv5TUPto%2a%2B|x&tartype=gzip"


def download(url: str = URL, *, gzipped: bool = False, digest: str = "", hash_type: str = "SHA1") -> Any:
    digest = digest or hashlib.sha1(BILL.encode()).hexdigest().upper()
    file = {"hash": digest, "hash_type": hash_type, "gzip": gzipped}
    return build("download_bill", "GET", url, lambda fields, ctx: fields["content"].text(), file=file, read_only=True)


@pytest.fixture
def fetch(weixin: Any, wechatpay: Any) -> Callable[..., Any]:
    async def fetch(body: bytes, call: Any) -> Any:
        wechatpay.transport.answer(HttpResponse(200, {}, body))
        return await weixin.pay._caller.run("download_bill", lambda ctx: call)

    return fetch


async def test_a_bill_is_unsigned_and_its_hash_is_checked(fetch: Any, wechatpay: Any) -> None:
    """E-C9. The address is signed and sent untouched."""
    assert BILL.removeprefix("\ufeff") == await fetch(BILL.encode(), download())
    (request,) = wechatpay.transport.requests
    assert (request.url, request.headers["accept"], request.backup_url) == (
        URL,
        "*/*",
        URL.replace("api.mch", "api2.mch"),
    )
    checked(request, wechatpay)


async def test_the_hash_is_of_the_inflated_bill(fetch: Any) -> None:
    assert BILL.removeprefix("\ufeff") == await fetch(gzip.compress(BILL.encode()), download(gzipped=True))


@pytest.mark.parametrize(
    ("body", "call", "error"),
    [
        (BILL.encode() + b"x", download(), SignatureError),
        (BILL.encode(), download(digest="0" * 40), SignatureError),
        (BILL.encode(), download(hash_type="MD5"), SignatureError),
        (gzip.compress(BILL.encode()), download(), MalformedAnswer),
        (gzip.compress(BILL.encode())[:-9], download(gzipped=True), MalformedAnswer),
        (b"\xff", download(digest=hashlib.sha1(b"\xff").hexdigest()), MalformedAnswer),
    ],
    ids=["longer", "another", "no SHA-1", "hash of the gzip", "half a gzip", "not UTF-8"],
)
async def test_another_file_is_refused(fetch: Any, body: bytes, call: Any, error: type[TongfuError]) -> None:
    with pytest.raises(error):
        await fetch(body, call)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v3/billdownload/file?token=1",
        "http://api.mch.weixin.qq.com/v3/billdownload/file?token=1",
        "https://api.mch.weixin.qq.com@evil.example/v3/billdownload/file",
        "https://api.mch.weixin.qq.com:444/v3/billdownload/file",
        "https://api.mch.weixin.qq.com/v3/billdownload/file?a b",
        "https://api.mch.weixin.qq.com/v3/billdownload/file?a#b",
        "https://api.mch.weixin.qq.com/v3/billdownload/file?a\r\nx: y",
        "file:///etc/passwd",
        "",
    ],
)
async def test_our_signature_goes_to_no_stranger(fetch: Any, wechatpay: Any, url: str) -> None:
    with pytest.raises(MalformedAnswer):
        await fetch(BILL.encode(), download(url))
    assert [] == wechatpay.transport.requests


# --- answers that are none -------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"[1]", b'"x"', b'{"a":1,"a":2}', b'{"a":NaN}', b"\xff", b"{" * 9])
async def test_an_authentic_answer_that_is_no_document_is_refused(weixin: Any, wechatpay: Any, body: bytes) -> None:
    for _ in range(2):
        wechatpay.transport.answer(HttpResponse(200, wechatpay.sign(body), body))

    with pytest.raises(MalformedAnswer):
        await weixin.pay.call("GET", "/v3/x")
    with pytest.raises(UnreadableOutcome):
        await weixin.pay.call("POST", "/v3/x", json={})


async def test_a_204_is_verified_over_the_empty_body(weixin: Any, wechatpay: Any) -> None:
    wechatpay.transport.answer(wechatpay.answer(None, 204))
    wechatpay.transport.answer(HttpResponse(204, wechatpay.sign(b"{}"), b""))

    assert {} == await weixin.pay.call("POST", "/v3/x", json={})
    with pytest.raises(UnverifiedOutcome):
        await weixin.pay.call("POST", "/v3/x", json={})


async def test_nothing_secret_is_logged_or_shown(weixin: Any, wechatpay: Any, caplog: pytest.LogCaptureFixture) -> None:
    """E-C13."""
    caplog.set_level(logging.DEBUG)
    wechatpay.transport.answer(wechatpay.answer({"secret_answer": "1"}))
    await weixin.pay.call("POST", "/v3/x", json={"secret_field": "1"})
    (request,) = wechatpay.transport.requests
    account = weixin.pay._account
    shown = caplog.text + repr(request) + repr(account) + str(account)

    for secret in ("WECHATPAY2", "secret_", wechatpay.api_v3_key, "PRIVATE KEY", request.headers["authorization"]):
        assert secret not in shown
