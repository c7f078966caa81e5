"""One app's settings: gateways, keys in every form, and the mistakes that the error names."""

from __future__ import annotations

import base64
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tongfu import ConfigError, Tongfu
from tongfu.testing import FakeTransport
from tongfu_alipay import AlipayAccount

if TYPE_CHECKING:
    from tests.alipay.conftest import Shop

PRODUCTION = "https://openapi.alipay.com/gateway.do"
SANDBOX = "https://openapi-sandbox.dl.alipaydev.com/gateway.do"
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
PKCS8, PKCS1 = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo
PLAIN = serialization.NoEncryption()


@pytest.mark.parametrize(
    ("settings", "gateway"),
    [
        ({}, PRODUCTION),
        ({"sandbox": True}, SANDBOX),
        ({"gateway": "https://own.example/gateway.do"}, "https://own.example/gateway.do"),
        ({"gateway": "http://127.0.0.1:1/gateway.do", "sandbox": True}, "http://127.0.0.1:1/gateway.do"),
    ],
)
async def test_where_the_gateway_is(shop: Shop, settings: dict[str, Any], gateway: str) -> None:
    body = shop.answer('{"code":"10000","trade_status":"WAIT_BUYER_PAY"}', "alipay.trade.query")
    tf, transport = shop.tongfu(body, **settings)
    await tf.payment.order_query("shop", out_trade_no="A1001")
    page = await tf.payment.get_order_info(
        "shop", out_trade_no="A1", subject="x", total_fee=1, notify_url="https://s.example/n", trade_type="PAGE"
    )

    assert transport.requests[0].url.partition("?")[0] == gateway
    assert page.payload.partition("?")[0] == gateway


def test_the_sandboxs_credentials_are_not_productions(shop: Shop) -> None:
    scopes = [shop.account(**each).scope for each in ({}, {"sandbox": True}, {"gateway": "https://own.example/g"})]

    assert len(set(scopes)) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"app_id": ""},
        {"app_id": 2021},
        {"sign_type": "rsa2"},
        {"sign_type": "MD5"},
        {"key_type": "PEM"},
        {"timeout": 0},
        {"timeout": True},
        {"timeout": float("nan")},
        {"gateway": "openapi.alipay.com"},
        {"gateway": "https://own.example/gateway.do?charset=gbk"},
        {"gateway": "ftp://own.example/"},
        {"gateway": "https://"},
        {"gateway": "https://own.example/g#x"},
        {"gateway": "https://own.example/g\r\nx"},
        {"gateway": "https://user:pass@own.example/gateway.do"},
        {"app_id": "2021/https://own.example/g"},
        {"app_id": "2021\r\nx"},
    ],
)
def test_a_setting_that_cannot_be_right_is_refused_at_once(shop: Shop, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        shop.account(**wrong)


def private_forms(key: rsa.RSAPrivateKey, folder: Path) -> list[Any]:
    forms: list[Any] = []
    for number, kind in enumerate((PKCS8, PKCS1)):
        der, pem = key.private_bytes(DER, kind, PLAIN), key.private_bytes(PEM, kind, PLAIN)
        bare = base64.b64encode(der).decode()
        path = folder / f"{number}.pem"
        path.write_bytes(pem)
        forms += [der, pem, pem.decode(), bare, bare.encode(), path, str(path)]
        forms += [f" {bare[:100]} \r\n{bare[100:]}\t\n", pem.decode().replace("\n", "\r\n")]
        # As an environment variable or twice escaped JSON has it.
        forms.append(pem.decode().replace("\n", r"\n"))
        # The wrong header, as people put it around what the tool gave them.
        forms.append(f"-----BEGIN RSA PRIVATE KEY-----\n{bare}\n-----END RSA PRIVATE KEY-----")
    return forms


async def test_keys_in_every_form_that_people_paste(shop: Shop, tmp_path: Path) -> None:
    pem = shop.alipay.public_key().public_bytes(PEM, SPKI)
    der = shop.alipay.public_key().public_bytes(DER, SPKI)
    publics: list[Any] = [pem, pem.decode(), der, base64.b64encode(der).decode(), base64.encodebytes(der).decode()]
    body = shop.answer('{"code":"10000","trade_status":"WAIT_BUYER_PAY"}', "alipay.trade.query")
    for form in private_forms(shop.app, tmp_path):
        for key_type in ("PKCS8", "PKCS1"):
            tf, transport = shop.tongfu(body, private_key=form, key_type=key_type)
            await tf.payment.order_query("shop", out_trade_no="A1001")
            shop.asked(transport.requests[0])
    for form in publics:
        tf, _ = shop.tongfu(body, alipay_public_key=form)
        await tf.payment.order_query("shop", out_trade_no="A1001")


async def test_the_apps_own_public_key_is_named_as_the_mistake_in_every_form(shop: Shop, tmp_path: Path) -> None:
    pem = shop.app.public_key().public_bytes(PEM, SPKI)
    path = tmp_path / "own.pem"
    path.write_bytes(pem)
    for own in (shop.own_public_key(), pem, path, shop.app.public_key().public_bytes(DER, SPKI)):
        for form in private_forms(shop.app, tmp_path)[:3]:
            tf, transport = shop.tongfu(alipay_public_key=own, private_key=form)
            with pytest.raises(ConfigError, match="the app's own public key"):
                await tf.payment.order_query("shop", out_trade_no="A1001")
            assert transport.requests == []


async def test_what_is_no_key_is_named_and_not_shown(shop: Shop) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    curve = base64.b64encode(other.private_bytes(DER, PKCS8, PLAIN)).decode()
    locked = shop.app.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"x"))
    for name, wrong in (
        ("private_key", None),
        ("private_key", "x" * 300),
        ("private_key", "MIIE" + "A" * 400),
        ("private_key", curve),
        ("private_key", locked),
        ("private_key", shop.own_public_key()),
        ("private_key", "no/such/file.pem"),
        ("private_key", "签名" * 200),
        ("alipay_public_key", None),
        ("alipay_public_key", "MIIB" + "B" * 400),
        ("alipay_public_key", shop.account().private_key),
    ):
        tf, transport = shop.tongfu(**{name: wrong})
        with pytest.raises(ConfigError, match=name) as caught:
            await tf.payment.order_query("shop", out_trade_no="A1001")
        assert transport.requests == []
        shown = f"{caught.value} {caught.value!r} {caught.value.__cause__}"
        assert wrong is None or str(wrong)[:40] not in shown


async def test_a_key_too_short_for_its_algorithm_is_refused(shop: Shop) -> None:
    short = rsa.generate_private_key(65537, 1024)
    private = short.private_bytes(PEM, PKCS8, PLAIN)
    public = short.public_key().public_bytes(PEM, SPKI)
    for wrong in ({"private_key": private}, {"alipay_public_key": public}):
        tf, transport = shop.tongfu(**wrong)
        with pytest.raises(ConfigError, match=f"{next(iter(wrong))}.*2048"):
            await tf.payment.order_query("shop", out_trade_no="A1001")
        assert transport.requests == []

    node = '{"code":"10000","trade_status":"WAIT_BUYER_PAY"}'
    body = shop.answer(node, "alipay.trade.query", signer=short, algorithm="RSA")
    app = rsa.generate_private_key(65537, 1024).private_bytes(PEM, PKCS8, PLAIN)
    old = shop.account(private_key=app, alipay_public_key=public, sign_type="RSA")
    tf = Tongfu({"shop": old}, transport=FakeTransport(body))
    assert (await tf.payment.order_query("shop", out_trade_no="A1001")).trade_state == "USERPAYING"


def test_no_secret_shows_and_nothing_is_pickled(shop: Shop) -> None:
    account = shop.account(app_auth_token="202611BBsecret", encrypt_key="aes-secret-key")
    for secret in (str(account.private_key), str(account.alipay_public_key), "202611BBsecret", "aes-secret-key"):
        assert secret not in f"{account!r} {account}"
    with pytest.raises(TypeError):
        pickle.dumps(account)


def test_plain_data_makes_the_same_account(shop: Shop) -> None:
    settings: dict[str, Any] = {
        "platform": "alipay",
        "app_id": shop.app_id,
        "private_key": shop.account().private_key,
        "alipay_public_key": shop.account().alipay_public_key,
        "seller_id": shop.seller_id,
    }
    built = Tongfu.from_config({"shop": settings}).open("shop")
    assert built is not None
    for wrong in ({"appId": "x"}, {"app_id": None}, {"mch_id": "1900000109"}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            Tongfu.from_config({"shop": {**settings, **wrong}})
    assert AlipayAccount.platform == "alipay"
