"""The provider keeps the contract, and a few rules of the platform's own."""

from __future__ import annotations

import base64
import dataclasses
import json
from functools import cache
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote_plus, unquote, urlencode, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from tongfu import ConfigError, InvalidParams, Notification, OrderInfo, OutcomeUnknown, SignatureError, Tongfu
from tongfu.errors import MalformedAnswer, TongfuError, WrongNotice
from tongfu.testing import FakeTransport, ProviderContract
from tongfu_alipay import AlipayAccount, answer, keys, notify, wire

APP, THEIRS, OTHER = (rsa.generate_private_key(65537, 2048) for _ in range(3))
APP_ID, SELLER = "2021000000000001", "2088101117955612"
ORDER = {
    "subject": "咖啡 & <co>",
    "openid": "2088101117955611",
    "out_trade_no": "A1001",
    "total_fee": 8888,
    "notify_url": "https://shop.example/notify",
}


def private(key: rsa.RSAPrivateKey) -> str:
    der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return base64.b64encode(der).decode()


def public(key: rsa.RSAPrivateKey) -> str:
    der = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


@cache
def account() -> AlipayAccount:
    return AlipayAccount(app_id=APP_ID, private_key=private(APP), alipay_public_key=public(THEIRS), seller_id=SELLER)


def form(signer: rsa.RSAPrivateKey = THEIRS, algorithm: str = "RSA2", **changes: str) -> bytes:
    fields = {
        "app_id": APP_ID,
        "seller_id": SELLER,
        "charset": "utf-8",
        "notify_id": "n1",
        "out_trade_no": "A1001",
        "trade_no": "2026112422001400000000000001",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "88.88",
        "buyer_pay_amount": "88.88",
        "gmt_payment": "2026-11-24 16:03:18",
        "subject": "咖啡+ & %41",
        **changes,
    }
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields) if fields[name])
    return urlencode({**fields, "sign": keys.sign(signer, text.encode(), algorithm), "sign_type": algorithm}).encode()


REFUNDED: Any = {"gmt_refund": "2026-11-24 17:00:00.123", "refund_fee": "8.88", "out_biz_no": "R1"}


class TestContract(ProviderContract):
    platform = "alipay"
    account = AlipayAccount(app_id=APP_ID, private_key=private(APP), alipay_public_key=public(THEIRS), seller_id=SELLER)
    other_account = AlipayAccount(app_id="2021000000000009", private_key=private(OTHER), alipay_public_key=public(APP))
    algorithms = ("RSA2", "RSA")
    samples = MappingProxyType(
        {
            "get_order_info": ORDER,
            "order_query": {"out_trade_no": "A1001"},
            "close_order": {"out_trade_no": "A1001"},
            "cancel_order": {"transaction_id": "2026112422001400000000000001"},
            "refund": {"out_trade_no": "A1001", "out_refund_no": "R1", "refund_fee": 888},
            "refund_query": {"out_trade_no": "A1001", "out_refund_no": "R1"},
            "download_bill": {"bill_date": "2026-11-23"},
            "download_fundflow": {"bill_date": "2026-11"},
        }
    )
    notices = MappingProxyType(
        {
            "verify_payment_notify": Notification({}, form()),
            "verify_refund_notify": Notification({}, form(**REFUNDED)),
        }
    )


async def verified(body: bytes, which: AlipayAccount | None = None) -> object:
    tf = Tongfu({"shop": which or account()}, transport=FakeTransport())
    return await tf.payment.verify_payment_notify("shop", Notification({}, body))


async def test_a_payment_is_paid_and_a_refund_at_the_same_address_is_not() -> None:
    tf = Tongfu({"shop": account()}, transport=FakeTransport())
    paid = await tf.payment.verify_payment_notify("shop", Notification({}, form()))
    back = await tf.payment.verify_payment_notify("shop", Notification({}, form(**REFUNDED)))
    told = await tf.payment.verify_refund_notify("shop", Notification({}, form(**REFUNDED)))

    assert (paid.paid, paid.total_fee, paid.time_end, paid.reply.body) == (True, 8888, "20261124160318", b"success")
    assert (back.paid, back.is_refund) == (False, True)
    assert (told.refunded, told.refund_fee, told.refund_fee_is_total, told.out_refund_no) == (True, 888, True, "R1")
    with pytest.raises(WrongNotice):
        await tf.payment.verify_refund_notify("shop", Notification({}, form(refund_fee="0.00", gmt_close="x")))


@pytest.mark.parametrize(
    "body",
    [
        form(signer=OTHER),
        form(algorithm="RSA"),
        form(app_id="2021000000000002"),
        form(seller_id="2088000000000000"),
        form().replace(b"sign_type=RSA2", b"sign_type=none"),
        form().partition(b"&sign=")[0],
        urlencode({**dict(parse_qsl(form().decode())), "sign": ""}).encode(),
    ],
    ids=["another key", "weaker algorithm", "app_id", "seller_id", "unknown algorithm", "no sign", "empty sign"],
)
async def test_a_forged_notification_is_refused(body: bytes) -> None:
    with pytest.raises(SignatureError):
        await verified(body)


@pytest.mark.parametrize(
    "body",
    [form() + b"&sign=AAAA", form() + b"&total_amount=0.01", form(charset="big5"), b'{"trade_status":"TRADE_SUCCESS"}'],
    ids=["sign twice", "field twice", "another charset", "JSON"],
)
async def test_what_is_no_form_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        await verified(body)


@given(st.binary(max_size=400))
def test_random_bytes_raise_only_our_errors(body: bytes) -> None:
    for read in (notify.parse, lambda text: answer.extract(text, "alipay.trade.query")):
        try:
            read(body)
        except TongfuError:
            continue


PIECES = (
    *("a", "b", "2", "B", "=", "&", "&x=", "&y=1", "+", "%", "%3D", "%3d", "%26", "%2B", "%2F", "%3A", "%25", "%00"),
    *("%81", "%E5%92%96", "咖", "charset=gbk&", "charset=%67bk&"),
)


@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join))
def test_a_form_is_read_as_the_standard_library_reads_it(text: str) -> None:
    try:
        fields, charset = notify.parse(text.encode())
    except MalformedAnswer:
        return

    # Escapes and bytes alike are in the form's charset.
    pairs = parse_qsl(text.encode().decode("latin-1"), True, True, encoding="latin-1", separator="&")
    assert {name: value.encode("latin-1").decode(charset) for name, value in pairs} == fields


@given(st.text(st.sampled_from('a%+"{}:,/=?& ~-._\n\x00*é咖😀') | st.characters(codec="utf-8")))
def test_values_are_quoted_as_the_standard_library_quotes_them(value: str) -> None:
    assert quote_plus(value) == wire.quoted(value)
    assert f"a={quote_plus(value)}" == wire.form({"a": value})


def test_the_keys_an_account_was_found_to_have_are_its_own_affair() -> None:
    used, fresh = (
        AlipayAccount(app_id=APP_ID, private_key=private(APP), alipay_public_key=public(THEIRS)) for _ in range(2)
    )
    used.signing_key()
    used.verifying_key()

    assert (used, hash(used), repr(used)) == (fresh, hash(fresh), repr(fresh))
    assert dataclasses.replace(used, private_key=private(OTHER)).signing_key() == keys.private_key(private(OTHER))
    with pytest.raises(ConfigError, match="the app's own public key"):
        dataclasses.replace(used, alipay_public_key=public(APP)).verifying_key()


async def test_the_commonest_mistake_is_named() -> None:
    mine = AlipayAccount(app_id=APP_ID, private_key=private(APP), alipay_public_key=public(APP))
    transport = FakeTransport()
    with pytest.raises(ConfigError, match="the app's own public key"):
        await Tongfu({"shop": mine}, transport=transport).payment.order_query("shop", out_trade_no="A1001")
    assert transport.requests == []


@pytest.mark.parametrize(
    "wrap", [lambda k: k, lambda k: f"-----BEGIN X-----\n{k[:64]}\r\n {k[64:]}\n-----END X-----\n"]
)
def test_keys_are_read_however_they_were_pasted(wrap: object) -> None:
    assert callable(wrap)
    assert keys.public_key(wrap(public(THEIRS))) == THEIRS.public_key()
    pkcs1 = APP.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    for text in (private(APP), base64.b64encode(pkcs1).decode()):
        assert keys.private_key(wrap(text)).private_numbers() == APP.private_numbers()
    assert keys.private_key(pkcs1).private_numbers() == APP.private_numbers()


def gateway(node: str, signer: rsa.RSAPrivateKey | None = THEIRS, method: str = "alipay_trade_refund") -> bytes:
    tail = f',"sign":"{keys.sign(signer, node.encode(), "RSA2")}"' if signer else ""
    return f'{{"{method}_response":{node}{tail}}}'.encode()


GOOD = '{"code":"10000","msg":"Success","out_trade_no":"A1001","trade_no":"T","refund_fee":"50.00","fund_change":"Y"}'


async def refund(*answers: bytes) -> object:
    tf = Tongfu({"shop": account()}, transport=FakeTransport(*answers))
    return await tf.payment.refund("shop", out_trade_no="A1001", out_refund_no="R2", refund_fee=2000)


async def test_this_refund_is_told_from_all_refunds() -> None:
    result = await refund(gateway(GOOD))

    assert (result.refund_fee, result.total_refund_fee, result.fund_change) == (2000, 5000, True)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "body",
    [
        gateway(GOOD, OTHER),
        gateway(GOOD, None),
        gateway(GOOD.replace("A1001", "A1002")),
        gateway('{"code":"40004","msg":"Business Failed","sub_code":"aop.ACQ.SYSTEM_ERROR"}'),
        gateway('{"code":"20000","msg":"Service Currently Unavailable","sub_code":"isp.unknow-error"}', None),
        gateway('{"code":"40004","msg":"x","sub_code":"AQC.SYSTEM_ERROR"}'),
        b"<html>502</html>",
        b"{}",
    ],
    ids=["forged", "unsigned", "another order", "aop", "20000", "AQC", "HTML", "empty"],
)
async def test_a_refund_whose_end_is_not_known_is_never_a_failure(body: bytes) -> None:
    with pytest.raises(OutcomeUnknown):
        await refund(body)


async def test_an_unsigned_refusal_of_the_gateway_is_a_refusal() -> None:
    node = '{"code":"40002","msg":"Invalid Arguments","sub_code":"isv.invalid-signature","sub_msg":"built: app_id=1"}'
    with pytest.raises(TongfuError, match=r"isv\.invalid-signature") as caught:
        await refund(gateway(node, None))

    assert caught.value.verified is False  # type: ignore[attr-defined]
    assert "built" not in str(caught.value)


async def order(**changes: object) -> OrderInfo:
    tf = Tongfu({"shop": account()}, transport=FakeTransport())
    return await tf.payment.get_order_info("shop", **{**ORDER, "openid": None, **changes})  # type: ignore[arg-type]


async def test_an_order_string_is_signed_before_it_is_encoded() -> None:
    payload = (await order(trade_type="APP")).payload
    params = dict(parse_qsl(payload, keep_blank_values=True))
    signature = params.pop("sign")
    text = "&".join(f"{name}={params[name]}" for name in sorted(params))

    assert keys.verifies(APP.public_key(), text.encode(), signature, "RSA2")
    assert '"total_amount":"88.88"' in params["biz_content"]


async def test_an_order_string_has_the_pairs_and_the_escapes_of_unicloud() -> None:
    payload = (await order(trade_type="APP", subject="a cup+")).payload
    names = [pair.partition("=")[0] for pair in payload.split("&")]
    content = json.loads(unquote(payload.rpartition("&biz_content=")[2]))

    assert [
        *("method", "charset", "version", "timestamp", "app_id", "sign_type", "notify_url"),
        *("format", "sign", "biz_content"),
    ] == names
    assert "+" not in payload
    assert "a cup+" == content["subject"]


async def test_a_page_form_is_escaped_and_a_url_is_signed() -> None:
    info = await order(trade_type="PAGE", return_url="https://shop.example/back?a=1&b=2")

    assert info.pay_url == info.payload
    assert parse_qs(urlsplit(info.payload).query)["method"] == ["alipay.trade.page.pay"]
    assert info.pay_form is not None
    assert "&notify_url=" not in info.pay_form
    assert "<co>" not in info.pay_form


async def test_bad_parameters_are_named_together() -> None:
    with pytest.raises(InvalidParams) as caught:
        await order(trade_type="APP", out_trade_no="A-1", total_fee=10**10 + 1, subject="", notify_url="shop")

    assert set(caught.value.problems) == {"out_trade_no", "total_fee", "subject", "notify_url"}
