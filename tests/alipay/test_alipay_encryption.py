"""alipay-wire.md A.7: biz_content encrypted, then signed; answers verified, then decrypted."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tongfu import (
    ConfigError,
    InvalidParams,
    MalformedAnswer,
    OutcomeUnknown,
    PlatformRefused,
    SignatureError,
)
from tongfu.errors import OrderNotFound

KEY = "aYA0GP8JEW+D7/UFaskCWA=="
OTHER = "aa4BtZ4tspm2wnXLb1ThQA=="
QUERY = "alipay.trade.query"
NODE = '{"code":"10000","msg":"Success","out_trade_no":"A1001","trade_status":"TRADE_SUCCESS","total_amount":"0.01"}'
MISSING = '{"code":"40004","msg":"Business Failed","sub_code":"ACQ.TRADE_NOT_EXIST","sub_msg":"x"}'


def sealed(text: str, key: str = KEY) -> str:
    content = text.encode()
    missing = 16 - len(content) % 16
    encryptor = Cipher(algorithms.AES(base64.b64decode(key)), modes.CBC(bytes(16))).encryptor()
    return base64.b64encode(encryptor.update(content + bytes([missing] * missing)) + encryptor.finalize()).decode()


def opened(text: str) -> str:
    decryptor = Cipher(algorithms.AES(base64.b64decode(KEY)), modes.CBC(bytes(16))).decryptor()
    padded = decryptor.update(base64.b64decode(text)) + decryptor.finalize()
    return padded[: -padded[-1]].decode()


def answer(shop: Any, text: str, *, key: str = KEY, **more: Any) -> bytes:
    body: bytes = shop.answer(f'"{sealed(text, key)}"', QUERY, **more)
    return body


async def query(tf: Any) -> Any:
    return await tf.payment.order_query("shop", out_trade_no="A1001")


async def test_what_is_asked_travels_encrypted_and_the_ciphertext_is_what_is_signed(shop: Any) -> None:
    tf, transport = shop.tongfu(answer(shop, NODE), encrypt_key=KEY)
    order = await query(tf)
    assert (order.trade_state, order.total_fee) == ("SUCCESS", 1)

    asked = shop.asked(transport.requests[0])
    assert asked["encrypt_type"] == "AES"
    assert json.loads(opened(asked["biz_content"])) == {"out_trade_no": "A1001"}
    assert set(parse_qs(transport.requests[0].body.decode())) == {"biz_content", "encrypt_type"}


async def test_an_encrypted_refusal_is_the_refusal(shop: Any) -> None:
    tf, _ = shop.tongfu(answer(shop, MISSING), encrypt_key=KEY)
    with pytest.raises(OrderNotFound) as caught:
        await query(tf)

    assert caught.value.verified


async def test_a_plain_answer_is_read_as_it_is_authentic_all_the_same(shop: Any) -> None:
    tf, _ = shop.tongfu(shop.answer(NODE, QUERY), encrypt_key=KEY)

    assert (await query(tf)).trade_state == "SUCCESS"


async def test_a_wrong_key_is_refused_by_the_gateway_in_the_clear(shop: Any) -> None:
    node = '{"code":"40003","msg":"Insufficient Conditions","sub_code":"isv.decryption-error-unknown","sub_msg":"x"}'
    tf, _ = shop.tongfu(shop.answer(node, QUERY), encrypt_key=KEY)
    with pytest.raises(PlatformRefused, match="encrypt_key is not the one in the console"):
        await query(tf)


async def test_nothing_encrypted_is_used_before_its_signature_is_checked(shop: Any) -> None:
    for body, error in (
        (answer(shop, NODE, signer=shop.stranger), SignatureError),
        (answer(shop, NODE, signed=sealed(NODE)), SignatureError),  # the quotes are signed too
        (answer(shop, NODE, sign=False), SignatureError),
        (answer(shop, NODE, key=OTHER), MalformedAnswer),
        (shop.answer('"####"', QUERY), MalformedAnswer),
        (shop.answer('""', QUERY), MalformedAnswer),
        (answer(shop, '["x"]'), MalformedAnswer),
        (answer(shop, NODE + "x"), MalformedAnswer),
        (answer(shop, '{"code":NaN}'), MalformedAnswer),
        (answer(shop, "[" * 100_000), MalformedAnswer),
    ):
        tf, _ = shop.tongfu(body, encrypt_key=KEY)
        with pytest.raises(error):
            await query(tf)


async def test_an_unsigned_encrypted_refusal_is_no_more_than_that(shop: Any) -> None:
    """The gateway encrypts even what it does not sign, as where our signature is wrong (smartwalle/alipay#242)."""
    node = '{"code":"40002","msg":"Invalid Arguments","sub_code":"isv.invalid-signature","sub_msg":"x"}'
    tf, _ = shop.tongfu(answer(shop, node, sign=False), encrypt_key=KEY)
    with pytest.raises(PlatformRefused) as caught:
        await query(tf)

    assert (caught.value.sub_code, caught.value.verified) == ("isv.invalid-signature", False)


async def test_without_a_key_an_encrypted_answer_is_malformed(shop: Any) -> None:
    tf, _ = shop.tongfu(answer(shop, NODE))
    with pytest.raises(MalformedAnswer, match="no encrypt_key"):
        await query(tf)


async def test_an_encrypted_answer_to_a_refund_that_cannot_be_read_leaves_its_outcome_open(shop: Any) -> None:
    tf, transport = shop.tongfu(shop.answer(f'"{sealed(NODE, OTHER)}"', "alipay.trade.refund"), encrypt_key=KEY)
    with pytest.raises(OutcomeUnknown):
        await tf.payment.refund("shop", out_trade_no="A1001", out_refund_no="R1", refund_fee=1)

    assert len(transport.requests) == 1


async def test_a_call_may_be_made_in_the_clear(shop: Any) -> None:
    tf, transport = shop.tongfu(shop.answer(NODE, QUERY), answer(shop, NODE), encrypt_key=KEY)
    alipay = tf.open("shop")
    await alipay.call(QUERY, {"out_trade_no": "A1001"}, encrypt_type="")
    await alipay.call(QUERY, {"out_trade_no": "A1001"}, encrypt_type="AES")
    plain, encrypted = (shop.asked(request) for request in transport.requests)

    assert (plain["biz_content"], "encrypt_type" in plain) == ('{"out_trade_no":"A1001"}', False)
    assert encrypted["encrypt_type"] == "AES"
    for name, words in (("DES", "expected AES"), ("AES", "no encrypt_key")):
        tf, transport = shop.tongfu()
        with pytest.raises(InvalidParams, match=words):
            await tf.open("shop").call(QUERY, {}, encrypt_type=name)
        assert transport.requests == []


async def test_what_has_no_biz_content_is_not_encrypted(shop: Any) -> None:
    """The gateway refuses encrypt_type there."""
    node = '{"access_token":"t","user_id":"2088101117955611","expires_in":1,"re_expires_in":1,"refresh_token":"r"}'
    tf, transport = shop.tongfu(shop.answer(node, "alipay.system.oauth.token"), encrypt_key=KEY)
    await tf.open("shop").auth.code2session("c0de")

    assert "encrypt_type" not in shop.asked(transport.requests[0])


async def test_orders_that_the_client_sends_stay_readable_for_it(shop: Any) -> None:
    tf, _ = shop.tongfu(encrypt_key=KEY)
    info = await tf.payment.get_order_info(
        "shop", trade_type="APP", out_trade_no="A1001", subject="tea", total_fee=1, notify_url="https://s.example/n"
    )

    assert "encrypt_type" not in info.payload


async def test_a_key_that_is_none_is_refused_before_anything_is_sent(shop: Any) -> None:
    tf, transport = shop.tongfu(encrypt_key="c2hvcnQ=")
    with pytest.raises(ConfigError, match=r"^encrypt_key"):
        await query(tf)

    assert transport.requests == []
