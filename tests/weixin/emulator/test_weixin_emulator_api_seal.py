"""The second encryption and signature, by section A13."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PATH = "/wxa/generatescheme"
STAMP = 1768359845
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), salt_length=32)


def sealed(shop: Any, fields: dict[str, Any], url: str, stamp: int = STAMP) -> tuple[bytes, dict[str, str]]:
    """A request as the app's server sends it: body and headers."""
    line = shop.line
    plain = json.dumps({"_n": "0123456789abcdefghijkl", "_appid": line["app_id"], "_timestamp": stamp, **fields})
    iv = b"twelve bytes"
    aad = f"{url}|{line['app_id']}|{stamp}|{line['api_aes_key_sn']}"
    out = AESGCM(base64.b64decode(line["api_aes_key"])).encrypt(iv, plain.encode(), aad.encode())
    parts = {"iv": iv, "data": out[:-16], "authtag": out[-16:]}
    body = json.dumps({name: base64.b64encode(part).decode() for name, part in parts.items()}).encode()
    key = serialization.load_pem_private_key(line["api_private_key"].encode(), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    signature = key.sign(f"{url}\n{line['app_id']}\n{stamp}\n".encode() + body, PSS, hashes.SHA256())
    return body, {
        "Wechatmp-AppId": line["app_id"],
        "Wechatmp-TimeStamp": str(stamp),
        "Wechatmp-Signature": base64.b64encode(signature).decode(),
    }


async def send(shop: Any, body: bytes, headers: dict[str, str], path: str = PATH) -> Any:
    query = {"access_token": await shop.a_token()}
    return await shop.ask("POST", path, query=query, data=body, headers=headers)


def opened(shop: Any, got: Any, url: str) -> dict[str, Any]:
    """The answer, once its signature is verified under the platform's certificate."""
    line, stamp = shop.line, got.headers["Wechatmp-TimeStamp"]
    key = x509.load_pem_x509_certificate(line["api_platform_cert"].encode()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    payload = f"{url}\n{line['app_id']}\n{stamp}\n".encode() + got.body
    key.verify(base64.b64decode(got.headers["Wechatmp-Signature"]), payload, PSS, hashes.SHA256())
    parts = {name: base64.b64decode(part) for name, part in got.told.items()}
    aad = f"{url}|{line['app_id']}|{stamp}|{line['api_aes_key_sn']}"
    gcm = AESGCM(base64.b64decode(line["api_aes_key"]))
    plain: dict[str, Any] = json.loads(gcm.decrypt(parts["iv"], parts["data"] + parts["authtag"], aad.encode()))
    assert str(plain["_timestamp"]) == stamp
    return plain


async def test_a_sealed_request_in_real_time_is_answered_in_it(shop: Any) -> None:
    url, real = shop.emu.url + PATH, int(time.time())
    got = await send(shop, *sealed(shop, {"jump_wxa": {"path": "pages/index/index"}}, url, real))

    assert abs(opened(shop, got, url)["_timestamp"] - real) <= 5


@pytest.mark.parametrize("host", ["here", "https://api.weixin.qq.com"])
async def test_a_sealed_request_has_a_sealed_answer(shop: Any, host: str) -> None:
    url = (shop.emu.url if host == "here" else host) + PATH
    got = await send(shop, *sealed(shop, {"jump_wxa": {"path": "pages/index/index"}}, url))
    plain = opened(shop, got, url)

    assert (shop.line["app_id"], shop.line["app_id"]) == (plain["_appid"], got.headers["Wechatmp-AppId"])
    assert plain["openlink"].startswith("weixin://dl/business/?t=")
    assert (plain["errcode"], got.headers["Wechatmp-Serial"]) == (0, shop.line["api_platform_cert_sn"])
    assert shop.emu.exchanges[-1].verdict == "valid"


async def test_the_serial_is_the_consoles_and_not_the_certificates(shop: Any) -> None:
    certificate = x509.load_pem_x509_certificate(shop.line["api_platform_cert"].encode())

    assert f"{certificate.serial_number:x}" != shop.line["api_platform_cert_sn"].lower()


async def test_a_business_error_within_is_sealed_as_well(shop: Any) -> None:
    url = shop.emu.url + PATH
    got = await send(shop, *sealed(shop, {"jump_wxa": {"env_version": "beta"}}, url))

    assert opened(shop, got, url)["errcode"] == 85402


async def test_the_parameters_of_a_get_travel_in_a_post(shop: Any) -> None:
    key = await shop.login()
    url = shop.emu.url + "/wxa/checksession"
    signature = hmac.new(key.encode(), b"", hashlib.sha256).hexdigest()
    fields = {"openid": "o1", "signature": signature, "sig_method": "hmac_sha256"}
    got = await send(shop, *sealed(shop, fields, url), path="/wxa/checksession")

    assert opened(shop, got, url)["errcode"] == 0


@pytest.mark.parametrize(
    ("drop", "errcode"),
    [("Wechatmp-TimeStamp", 40231), ("Wechatmp-Signature", 40232), ("Wechatmp-AppId", 40233)],
)
async def test_a_missing_header_is_named(shop: Any, drop: str, errcode: int) -> None:
    body, headers = sealed(shop, {}, shop.emu.url + PATH)
    del headers[drop]
    got = await send(shop, body, headers)

    assert (errcode, "invalid") == (got.errcode, shop.emu.exchanges[-1].verdict)
    assert "Wechatmp-Signature" not in got.headers


async def test_what_is_wrong_with_a_seal_is_told_apart(shop: Any) -> None:
    url = shop.emu.url + PATH
    body, headers = sealed(shop, {}, url)
    elsewhere = sealed(shop, {}, "https://evil.example" + PATH)
    codes = [
        (await send(shop, body, headers | {"Wechatmp-AppId": "wx0"})).errcode,
        (await send(shop, body, headers | {"Wechatmp-Signature": "AAAA"})).errcode,
        (await send(shop, body, headers | {"Wechatmp-Signature": "%"})).errcode,
        (await send(shop, body + b" ", headers)).errcode,
        (await send(shop, *elsewhere)).errcode,
        (await send(shop, *sealed(shop, {}, url, STAMP - 301))).errcode,
        (await send(shop, *sealed(shop, {}, url, STAMP + 301))).errcode,
        (await send(shop, *sealed(shop, {}, url, STAMP - 300))).errcode,
        (await send(shop, *sealed(shop, {"_appid": "wx0"}, url))).errcode,
        (await send(shop, *sealed(shop, {"_timestamp": STAMP - 1}, url))).errcode,
    ]

    assert [40236, 40234, 40234, 40234, 40234, 40240, 40240, 0, 40235, 40235] == codes


async def test_another_symmetric_key_is_a_wrong_encryption(shop: Any) -> None:
    url, own = shop.emu.url + PATH, shop.line
    shop.line = own | {"api_aes_key": base64.b64encode(bytes(32)).decode()}
    request = sealed(shop, {}, url)
    shop.line = own

    assert (await send(shop, *request)).errcode == 40235


async def test_the_pay_keys_do_not_sign_for_the_api(shop: Any) -> None:
    url, own = shop.emu.url + PATH, shop.line
    shop.line = own | {"api_private_key": own["private_key"]}
    request = sealed(shop, {}, url)
    shop.line = own

    assert (await send(shop, *request)).errcode == 40234


@pytest.mark.parametrize("fault", ["bad_signature", "no_signature", "unknown_serial"])
async def test_the_signature_of_an_answer_can_be_broken(shop: Any, fault: str) -> None:
    url = shop.emu.url + PATH
    shop.emu.fault(fault, path=PATH)
    got = await send(shop, *sealed(shop, {}, url))

    if fault == "bad_signature":
        with pytest.raises(InvalidSignature):
            opened(shop, got, url)
    elif fault == "no_signature":
        assert "Wechatmp-Signature" not in got.headers
    else:
        assert got.headers["Wechatmp-Serial"] != shop.line["api_platform_cert_sn"]


async def test_a_plain_request_has_a_plain_answer(shop: Any) -> None:
    got = await shop.post(PATH, {})

    assert (0, "unsigned") == (got.errcode, shop.emu.exchanges[-1].verdict)
    assert "Wechatmp-Signature" not in got.headers
