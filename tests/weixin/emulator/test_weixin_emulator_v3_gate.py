"""APIv3's gate: what is let in, what a refusal tells, and whose signature an answer bears."""

from __future__ import annotations

import base64
import json
import re
import time
from typing import Any
from urllib.parse import unquote

import pytest

CERTIFICATES = "/v3/certificates"
NATIVE = "/v3/pay/transactions/native"


def explained(got: Any) -> str:
    return unquote(got.headers["X-Emulator-Explain"])


def number(got: Any) -> str:
    """What follows the last "-" of Request-ID."""
    assert re.fullmatch(r"08[0-9A-F]{24}-\d+", got.headers["Request-ID"])
    return str(got.headers["Request-ID"].rpartition("-")[2])


def native(merchant: Any, **more: Any) -> dict[str, Any]:
    return {
        "appid": merchant.appid,
        "mchid": merchant.mchid,
        "description": "咖啡",
        "out_trade_no": "A10001",
        "notify_url": "https://shop.example/notify",
        "amount": {"total": 1},
        **more,
    }


async def test_a_request_signed_over_its_own_bytes_is_let_in(merchant: Any) -> None:
    body = json.dumps(native(merchant), ensure_ascii=False, indent=1).encode()

    got = await merchant.post(NATIVE, body=body)

    assert (200, ["code_url"], "0") == (got.status, list(got.told), number(got))


MISTAKES = {
    "the last line feed was left out": "POST\n{url}\n{{stamp}}\n{{nonce}}\n{body}",
    "the query was left out": "POST\n{path}\n{{stamp}}\n{{nonce}}\n{body}\n",
    "the path was signed decoded": "POST\n/v3/pay/transactions/native?a=b c\n{{stamp}}\n{{nonce}}\n{body}\n",
    "the host was signed too": "POST\nhttps://api.mch.weixin.qq.com{url}\n{{stamp}}\n{{nonce}}\n{body}\n",
    "the body was left out": "POST\n{url}\n{{stamp}}\n{{nonce}}\n\n",
    "the method was signed in lower case": "post\n{url}\n{{stamp}}\n{{nonce}}\n{body}\n",
    "the body was serialised again between signing and sending": "POST\n{url}\n{{stamp}}\n{{nonce}}\n{compact}\n",
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_wrong_signing_string_is_told_apart(merchant: Any, mistake: str) -> None:
    url, fields = f"{NATIVE}?a=b%20c", native(merchant)
    body, compact = json.dumps(fields), json.dumps(fields, separators=(",", ":"))
    double = {name: text.replace("{", "{{").replace("}", "}}") for name, text in (("b", body), ("c", compact))}
    signed = MISTAKES[mistake].format(url=url, path=NATIVE, body=double["b"], compact=double["c"])

    got = await merchant.post(url, fields, signed=signed)

    assert (401, "SIGN_ERROR", "268443699") == (got.status, got.told["code"], number(got))
    assert mistake in explained(got)
    assert re.search(r"differs from byte \d+ on: '.+' was expected, '.+' came", explained(got))
    assert f"POST\\n{url}\\n" in explained(got)


async def test_a_refused_signature_tells_what_should_have_been_signed(merchant: Any) -> None:
    url = f"/v3/pay/transactions/out-trade-no/A10001?mchid={merchant.mchid}"

    got = await merchant.get(url, signed="nothing of it", timestamp=str(merchant.now()), nonce_str="n0")

    expected = f"GET\n{url}\n{merchant.now()}\nn0\n\n"
    assert {
        "code": "SIGN_ERROR",
        "message": "错误的签名，验签失败",
        "detail": {
            "field": "signature",
            "issue": "sign not match",
            "location": "authorization",
            "sign_information": {
                "method": "GET",
                "url": url,
                "truncated_sign_message": expected[:64],
                "sign_message_length": len(expected),
            },
        },
    } == got.told
    assert "the key is right, so other bytes were signed than those that came" in explained(got)
    assert repr(expected) in explained(got)


async def test_another_key_is_told_apart_from_other_bytes(merchant: Any) -> None:
    got = await merchant.get(CERTIFICATES, signature=base64.b64encode(bytes(256)).decode())

    assert 401 == got.status
    assert "it was not made by SHA256withRSA (PKCS#1 v1.5) with the key of this serial_no" in explained(got)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"Authorization": None}, "缺失"),
        ({"Authorization": "Bearer token"}, "认证类型"),
        ({"Authorization": 'WECHATPAY2-RSA2048-SHA256 mchid="1"'}, "认证类型"),
        ({"Authorization": 'WECHATPAY2-SHA256-RSA2048 mchid="1",timestamp="1"'}, "格式错误"),
        ({"Authorization": "WECHATPAY2-SHA256-RSA2048 mchid=1"}, "格式错误"),
    ],
)
async def test_an_authorization_of_another_form_is_refused(
    merchant: Any, headers: dict[str, str | None], message: str
) -> None:
    got = await merchant.get(CERTIFICATES, headers=headers)

    assert (401, "SIGN_ERROR") == (got.status, got.told["code"])
    assert message in got.told["message"]


async def test_a_field_twice_or_a_sixth_field_is_refused(merchant: Any) -> None:
    head = merchant.authorization("GET", CERTIFICATES, b"")

    for more in (f',mchid="{merchant.mchid}"', ',other="1"', ",", " and more"):
        got = await merchant.get(CERTIFICATES, headers={"Authorization": head + more})
        assert 401 == got.status, more


async def test_the_order_of_the_fields_is_free(merchant: Any) -> None:
    scheme, _, rest = merchant.authorization("GET", CERTIFICATES, b"").partition(" ")
    head = f"{scheme} {', '.join(reversed(rest.split(',')))}"

    assert 200 == (await merchant.get(CERTIFICATES, headers={"Authorization": head})).status


@pytest.mark.parametrize(("off", "status"), [(-301, 401), (-300, 200), (300, 200), (301, 401)])
async def test_five_minutes_either_way_and_no_second_more(merchant: Any, off: int, status: int) -> None:
    stamp = str(merchant.now() + off)

    assert status == (await merchant.get(CERTIFICATES, timestamp=stamp)).status


@pytest.mark.parametrize(("off", "status"), [(-290, 200), (0, 200), (290, 200), (-310, 401), (310, 401)])
async def test_who_keeps_real_time_is_let_in_and_answered_in_it(merchant: Any, off: int, status: int) -> None:
    """The emulator's clock stands in January: a program of its own cannot follow it there."""
    real = int(time.time())
    got = await merchant.get(CERTIFICATES, timestamp=str(real + off))

    answered = real if status == 200 else merchant.now()
    assert status == got.status
    assert abs(int(got.headers["Wechatpay-Timestamp"]) - answered) <= 5


async def test_a_request_in_real_time_is_taken_once_however_far_the_clock_is_moved(merchant: Any) -> None:
    stamp = str(int(time.time()))
    statuses = []
    for seconds in (0, 700, 86400):
        await merchant.emu.clock.advance(seconds)
        statuses.append((await merchant.get(CERTIFICATES, timestamp=stamp, nonce_str="n1")).status)

    assert [200, 401, 401] == statuses


async def test_the_time_of_signatures_can_be_told(merchant: Any) -> None:
    async def answered(stamps: str | None, stamp: int) -> str:
        told = await merchant.control("POST", "v3", stamps=stamps)
        assert told["stamps"] == stamps
        got = await merchant.get(CERTIFICATES, timestamp=str(stamp))
        return "real" if abs(int(got.headers["Wechatpay-Timestamp"]) - time.time()) <= 5 else "emulated"

    real, emulated = int(time.time()), merchant.now()
    asked = [(None, real), (None, emulated), ("real", emulated), ("emulated", real), (None, real)]
    assert ["real", "emulated", "real", "emulated", "real"] == [await answered(*each) for each in asked]
    assert (400, "stamps: emulated, real, or null") == await merchant.control("POST", "v3", stamps="mine")


@pytest.mark.parametrize("changed", [{"timestamp": "now"}, {"nonce_str": "n" * 33}, {"serial_no": "4F5E"}])
async def test_a_wrong_timestamp_nonce_or_serial_is_refused(merchant: Any, changed: dict[str, str]) -> None:
    got = await merchant.get(CERTIFICATES, **changed)

    (name,) = changed
    assert (401, "SIGN_ERROR", name) == (got.status, got.told["code"], got.told["detail"]["field"])


async def test_another_merchant_is_no_merchant(merchant: Any) -> None:
    got = await merchant.get(CERTIFICATES, mchid="1900000001")

    assert (400, "MCH_NOT_EXISTS") == (got.status, got.told["code"])


async def test_a_request_is_taken_once(merchant: Any) -> None:
    head = {"Authorization": merchant.authorization("GET", CERTIFICATES, b"")}

    statuses = [(await merchant.get(CERTIFICATES, headers=head)).status for _ in range(2)]

    assert [200, 401] == statuses


@pytest.mark.parametrize("name", ["User-Agent", "Accept"])
async def test_user_agent_and_accept_are_demanded(merchant: Any, name: str) -> None:
    got = await merchant.get(CERTIFICATES, headers={name: None if name == "User-Agent" else ""})

    assert (400, "Http头缺少Accept或User-Agent") == (got.status, got.told["message"])


async def test_a_body_that_is_no_json_by_its_content_type_is_refused(merchant: Any) -> None:
    got = await merchant.post(NATIVE, native(merchant), headers={"Content-Type": "text/plain"})

    assert (415, "PARAM_ERROR") == (got.status, got.told["code"])


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"appid":"a","appid":"a"}',
        b'{"amount":NaN}',
        b"[" * 100_000,
        '{"description":"\U0001f375"}'.encode(),
        b'{"description":"\\ud83c\\udf75"}',
    ],
)
async def test_what_is_no_json_object_is_refused(merchant: Any, body: bytes) -> None:
    got = await merchant.post(NATIVE, body=body)

    assert (400, "PARAM_ERROR", "268435461") == (got.status, got.told["code"], number(got))


@pytest.mark.parametrize(
    ("more", "field", "told"),
    [
        ({"body": "v2's name"}, "/body", "270924358"),
        ({"amount": {"total": 1, "fee": 1}}, "/amount/fee", "270924358"),
        ({"attach": None}, "/attach", "268435461"),
        ({"amount": {"total": "1"}}, "/amount/total", "268435461"),
        ({"amount": {"total": 1.0}}, "/amount/total", "268435461"),
        ({"amount": {"total": True}}, "/amount/total", "268435461"),
        ({"amount": {"total": 0}}, "/amount/total", "268435464"),
        ({"amount": {"total": 1, "currency": "USD"}}, "/amount/currency", "268435461"),
        ({"amount": {}}, "/amount/total", "268435461"),
        ({"out_trade_no": 10001}, "/out_trade_no", "268435461"),
        ({"out_trade_no": "A1"}, "/out_trade_no", "268435461"),
        ({"out_trade_no": "A100 01"}, "/out_trade_no", "268435461"),
        ({"description": "x" * 128}, "/description", "268435461"),
        ({"attach": "x" * 129}, "/attach", "268435461"),
        ({"notify_url": "https://shop.example/notify?id=1"}, "/notify_url", "268435461"),
        ({"notify_url": "ftp://shop.example/"}, "/notify_url", "268435461"),
        ({"support_fapiao": "true"}, "/support_fapiao", "268435461"),
        ({"detail": {"goods_detail": [{"merchant_goods_id": "1"}]}}, "/detail/goods_detail/0/quantity", "268435461"),
    ],
)
async def test_a_member_that_is_not_as_documented_is_named(
    merchant: Any, more: dict[str, Any], field: str, told: str
) -> None:
    got = await merchant.post(NATIVE, native(merchant, **more))

    assert (400, "PARAM_ERROR", field, told) == (
        got.status,
        got.told["code"],
        got.told["detail"]["field"],
        number(got),
    )


async def test_a_missing_member_is_named(merchant: Any) -> None:
    fields = native(merchant)

    for name in ("appid", "mchid", "description", "out_trade_no", "notify_url", "amount"):
        got = await merchant.post(NATIVE, {key: value for key, value in fields.items() if key != name})
        assert (400, f"/{name}") == (got.status, got.told["detail"]["field"])


async def test_the_header_chooses_whose_signature_an_answer_bears(merchant: Any) -> None:
    (certificate,) = await merchant.fetch_certificates()

    for serial, signer in (("", certificate), (certificate.lower(), certificate), (merchant.serial, merchant.serial)):
        got = await merchant.post(NATIVE, native(merchant), serial=serial)
        assert (200, signer) == (got.status, merchant.signer(got.headers, got.body))
        assert "WECHATPAY2-SHA256-RSA2048" == got.headers["Wechatpay-Signature-Type"]
        assert str(merchant.now()) == got.headers["Wechatpay-Timestamp"]


async def test_an_empty_answer_and_refusals_are_signed_too(merchant: Any) -> None:
    await merchant.order()
    close = "/v3/pay/transactions/out-trade-no/A10001/close"
    closed = await merchant.post(close, {"mchid": merchant.mchid}, serial=merchant.serial)
    again = await merchant.post(close, {"mchid": merchant.mchid}, serial=merchant.serial)
    unsigned = await merchant.get(CERTIFICATES, headers={"Authorization": None}, serial=merchant.serial)

    assert [(204, b""), (400, again.body), (401, unsigned.body)] == [
        (got.status, got.body) for got in (closed, again, unsigned)
    ]
    assert {merchant.serial} == {merchant.signer(got.headers, got.body) for got in (closed, again, unsigned)}


@pytest.mark.parametrize("serial", ["PUB_KEY_ID_0000000000000024101100397200000006", "5F" * 20, "own"])
async def test_a_serial_that_is_not_the_platforms_is_refused(merchant: Any, serial: str) -> None:
    """The merchant's own certificate is none of them."""
    got = await merchant.get(CERTIFICATES, serial=merchant.line["cert_serial"] if serial == "own" else serial)

    assert (400, "PARAM_ERROR", "平台证书序列号Wechatpay-Serial错误") == (
        got.status,
        got.told["code"],
        got.told["message"],
    )
    assert merchant.serial in explained(got)


async def test_a_refusal_that_was_ordered_comes_signed_and_nothing_is_done(merchant: Any) -> None:
    wanted = {"path": "/v3/pay/*/native", "status": 429, "code": "FREQUENCY_LIMITED", "times": 2}
    await merchant.control("POST", "v3/refusals", **wanted)

    got = [await merchant.post(NATIVE, native(merchant), serial=merchant.serial) for _ in range(3)]

    assert [429, 429, 200] == [one.status for one in got]
    assert ("FREQUENCY_LIMITED", "268447840") == (got[0].told["code"], number(got[0]))
    assert merchant.serial == merchant.signer(got[0].headers, got[0].body)


@pytest.mark.parametrize(
    "wanted", [{}, {"path": "*"}, {"path": "*", "code": "X", "status": 200}, {"path": "*", "code": "X", "times": 0}]
)
async def test_a_refusal_that_cannot_be_ordered_is_told(merchant: Any, wanted: dict[str, Any]) -> None:
    assert 400 == (await merchant.control("POST", "v3/refusals", **wanted))[0]


async def test_every_control_route_is_described(merchant: Any) -> None:
    async with merchant.session.get("/_emulator/openapi.json") as response:
        paths = (await response.json())["paths"]

    described = {
        (method, path.removeprefix("/_emulator/weixin/")): operation["summary"]
        for path, operations in paths.items()
        for method, operation in operations.items()
        if re.match(r"/_emulator/weixin/(v3|transfers|refunds)", path)
    }
    assert {
        ("get", "v3"): "The keys of APIv3: their serials, which signs, and the probes that wait.",
        ("post", "v3"): "Who signs what, a new platform certificate, probes.",
        ("post", "v3/refusals"): "The next requests of a path end in that refusal, signed, and are not carried out.",
        ("delete", "v3/refusals"): "Forget the refusals that were ordered.",
        ("get", "transfers"): "Every transfer and its state.",
        ("post", "transfers/{out_bill_no}"): "Move a transfer on: the user confirms it, or it fails.",
        ("post", "refunds/{out_refund_no}"): "A refund under way ends now.",
    } == described
