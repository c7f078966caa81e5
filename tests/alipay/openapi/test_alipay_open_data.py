"""Data that the client got encrypted: verified, then decrypted, and nothing of it used before."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given
from hypothesis import strategies as st

from tongfu import Tongfu
from tongfu.errors import (
    ConfigError,
    MalformedAnswer,
    PermissionDenied,
    PlatformBusy,
    PlatformRefused,
    SignatureError,
    TongfuError,
)
from tongfu.testing import FakeTransport
from tongfu_alipay import AlipayAccount
from tongfu_alipay.open_data import PhoneNumber

FILE = json.loads((Path(__file__).parents[1] / "vectors.json").read_text(encoding="utf-8"))
VECTOR = next(vector for vector in FILE["vectors"] if vector["kind"] == "phone")
PLAIN = '{"code":"10000","msg":"Success","mobile":"13800000000"}'


async def test_the_known_answer_is_read() -> None:
    account = AlipayAccount(
        app_id="2021000000000001",
        alipay_public_key=FILE["keys"][VECTOR["key"]],
        encrypt_key=VECTOR["aes_key"],
    )
    alipay = Tongfu({"app": account}, transport=FakeTransport()).open(account)

    assert PhoneNumber(mobile="13800000000") == await alipay.get_phone_number(VECTOR["payload"])
    assert json.loads(VECTOR["plain"]) == await alipay.decrypt(VECTOR["payload"])


async def test_text_bytes_and_a_mapping_are_the_same(mini: Any) -> None:
    alipay, transport = mini.open(encrypt_key=mini.encrypt_key)
    text = mini.client_data(PLAIN)

    for payload in (text, text.encode(), json.loads(text), f" {text}\n"):
        number = await alipay.get_phone_number(payload)
        assert (PhoneNumber(mobile="13800000000"), json.loads(PLAIN)) == (number, number.raw)
    assert {"mobile": "13800000000"} == number.to_camel()
    assert "PhoneNumber()" == repr(number)
    assert [] == transport.requests


async def test_a_user_without_a_number_has_none(mini: Any) -> None:
    alipay, _ = mini.open(encrypt_key=mini.encrypt_key)

    for plain in ('{"code":"10000","mobile":""}', '{"code":"10000"}'):
        assert PhoneNumber() == await alipay.get_phone_number(mini.client_data(plain))


async def test_other_data_is_decrypted_as_it_is(mini: Any) -> None:
    alipay, _ = mini.open(encrypt_key=mini.encrypt_key)
    data = mini.client_data('{"count":"5","ratio":1.10,"countDate":"2018-12-19"}')

    assert {"count": "5", "ratio": "1.10", "countDate": "2018-12-19"} == await alipay.decrypt(data)
    with pytest.raises(MalformedAnswer, match="no phone number"):
        await alipay.get_phone_number(data)


async def test_no_signature_is_no_data_and_nothing_turns_that_off(mini: Any) -> None:
    alipay, _ = mini.open(encrypt_key=mini.encrypt_key)

    for sign in (None, ""):
        with pytest.raises(SignatureError):
            await alipay.get_phone_number(mini.client_data(PLAIN, sign=sign))


def flipped(sign: str) -> str:
    return sign[:100] + ("B" if sign[100] == "A" else "A") + sign[101:]


async def test_a_wrong_signature_is_no_data(mini: Any) -> None:
    alipay, _ = mini.open(encrypt_key=mini.encrypt_key)
    content = mini.encrypted(PLAIN.encode())
    whole = json.loads(mini.client_data(PLAIN))

    for document in (
        {"response": content, "sign": mini.sign(f'"{content}"', mini.stranger)},
        {"response": content, "sign": mini.sign(content)},  # without the quotes
        {"response": content, "sign": flipped(whole["sign"])},
        {"response": mini.encrypted(PLAIN.replace("0", "1").encode()), "sign": whole["sign"]},
        {"response": content, "sign": "é"},
        {**whole, "sign_type": "RSA", "response": content[:-4]},
    ):
        with pytest.raises(SignatureError):
            await alipay.get_phone_number(document)


async def test_a_signature_of_sha1_is_refused_whatever_the_message_and_the_account_say(mini: Any) -> None:
    alipay, _ = mini.open(sign_type="RSA", encrypt_key=mini.encrypt_key)
    content = mini.encrypted(PLAIN.encode())
    weak = base64.b64encode(mini.alipay.sign(f'"{content}"'.encode(), padding.PKCS1v15(), hashes.SHA1())).decode()

    with pytest.raises(SignatureError):
        await alipay.get_phone_number({"response": content, "sign": weak, "sign_type": "RSA"})
    assert "13800000000" == (await alipay.get_phone_number(mini.client_data(PLAIN))).mobile


@pytest.mark.parametrize(
    ("code", "sub_code", "kind"),
    [
        ("40001", "isv.missing-encrypt-key", PlatformRefused),
        ("40006", "isv.insufficient-isv-permissions", PermissionDenied),
        ("40003", "isv.invalid-auth-relations", PlatformRefused),
        ("20000", "aop.unknow-error", PlatformBusy),
    ],
)
@pytest.mark.parametrize("signed", [True, False])
async def test_an_error_in_the_clear_is_a_refusal(
    mini: Any, code: str, sub_code: str, kind: type[PlatformRefused], signed: bool
) -> None:
    # Such an error comes because there is no content key, so none is needed to read it.
    alipay, _ = mini.open(encrypt_key="")
    text = json.dumps({"code": code, "msg": "m", "subCode": sub_code, "subMsg": "they say"})
    with pytest.raises(PlatformRefused) as caught:
        await alipay.get_phone_number({"response": text, **({"sign": mini.sign(text)} if signed else {})})

    error = caught.value
    assert (kind, code, sub_code, signed) == (type(error), error.code, error.sub_code, error.verified)
    assert signed == ("they say" in str(error))
    assert "they say" == error.raw["subMsg"]


async def test_an_error_that_says_who_signed_it_must_be_signed_so(mini: Any) -> None:
    alipay, _ = mini.open(encrypt_key=mini.encrypt_key)
    text = '{"code":"40003","msg":"m","subCode":"isv.invalid-auth-relations"}'

    with pytest.raises(SignatureError):
        await alipay.get_phone_number({"response": text, "sign": mini.sign(text, mini.stranger)})


async def test_an_encrypted_error_is_a_refusal_too(mini: Any) -> None:
    alipay, _ = mini.open(encrypt_key=mini.encrypt_key)
    plain = '{"code":"40006","msg":"m","subCode":"isv.insufficient-isv-permissions"}'

    with pytest.raises(PermissionDenied) as caught:
        await alipay.decrypt(mini.client_data(plain))
    assert caught.value.verified


async def test_success_in_the_clear_is_believed_by_nobody(mini: Any) -> None:
    alipay, _ = mini.open(encrypt_key=mini.encrypt_key)

    signed = {"response": PLAIN, "sign": mini.sign(PLAIN)}
    for payload in ({"response": PLAIN}, signed, {"response": json.loads(PLAIN)}):
        with pytest.raises(SignatureError):
            await alipay.get_phone_number(payload)


async def test_a_missing_or_wrong_content_key_is_told(mini: Any) -> None:
    data = mini.client_data(PLAIN)
    alipay, _ = mini.open(encrypt_key="")
    with pytest.raises(ConfigError, match="encrypt_key"):
        await alipay.get_phone_number(data)

    alipay, _ = mini.open(encrypt_key="aa4BtZ4tspm2wnXLb1ThQA==")
    with pytest.raises(MalformedAnswer, match="cannot be decrypted"):
        await alipay.get_phone_number(data)


@pytest.mark.parametrize(
    "plain",
    [b"no JSON", b"[]", b'"text"', b"\xff", b"", b'{"code":"10000","mobile":5}', b'{"mobile":"1"}', b'{"code":NaN}'],
)
async def test_authentic_nonsense_is_malformed(mini: Any, plain: bytes) -> None:
    alipay, _ = mini.open(encrypt_key=mini.encrypt_key)
    content = mini.encrypted(plain)

    with pytest.raises(MalformedAnswer):
        await alipay.get_phone_number({"response": content, "sign": mini.sign(f'"{content}"')})


async def test_authentic_bad_padding_is_malformed(mini: Any) -> None:
    alipay, _ = mini.open(encrypt_key=mini.encrypt_key)
    content = mini.encrypted(PLAIN.encode().ljust(64, b"\x00"), pad=False)

    with pytest.raises(MalformedAnswer, match="cannot be decrypted"):
        await alipay.get_phone_number({"response": content, "sign": mini.sign(f'"{content}"')})


@pytest.mark.parametrize(
    "payload",
    [
        None,
        5,
        [],
        "",
        "[]",
        b"\xff",
        "{}",
        '{"response":5,"sign":"a"}',
        '{"response":"a","sign":5}',
        '{"response":"a","response":"b","sign":"c"}',
        '{"response":"a","sign":"b","encrypt_type":"RC4"}',
        '{"response":"\\ud800","sign":"a"}',
        '{"response":"{","sign":""}',
        '{"response":"{}"}',
        '{"response":{"code":"40003; drop","subCode":"x"}}',
        '{"response":"{\\"code\\":\\"40003\\",\\"subCode\\":\\"a b\\\\n\\"}"}',
        '{"response":' + "[" * 20000 + '"sign":""}',
        "x" * 65537,
        {"response": "x" * 65537, "sign": "a"},
    ],
)
async def test_what_is_no_such_data_is_malformed(mini: Any, payload: Any) -> None:
    alipay, _ = mini.open(encrypt_key=mini.encrypt_key)

    with pytest.raises(MalformedAnswer):
        await alipay.decrypt(payload)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)
DOCUMENT = st.dictionaries(
    st.sampled_from(["response", "sign", "sign_type", "encrypt_type", "charset"]),
    st.sampled_from(["", "AES", "RSA2", "{}", '{"code":"40003"}', "AAAA"]) | ANYTHING,
)


@given(payload=st.text() | st.binary() | DOCUMENT | DOCUMENT.map(json.dumps))
async def test_any_input_raises_only_our_errors(mini: Any, payload: Any) -> None:
    alipay, _ = mini.open(encrypt_key=mini.encrypt_key)

    with pytest.raises(TongfuError):
        await alipay.get_phone_number(payload)


@given(plain=st.binary(max_size=80) | ANYTHING.map(lambda value: json.dumps(value).encode()))
async def test_any_authentic_content_gives_a_document_or_an_error_of_ours(mini: Any, plain: bytes) -> None:
    alipay, _ = mini.open(encrypt_key=mini.encrypt_key)
    content = mini.encrypted(plain)
    try:
        document = await alipay.decrypt({"response": content, "sign": mini.sign(f'"{content}"')})
    except TongfuError:
        return
    assert isinstance(document, dict)
