"""With "API 安全" on, what is sent is sealed, and only what is sealed is believed."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tongfu import ConfigError, HttpRequest, HttpResponse, PlatformRefused, SignatureError
from tongfu.errors import UnverifiedOutcome
from tongfu_weixin.api.wire import File

APP_ID = "wxba5fad812f8e6fb9"
KEY = bytes(range(32))
PLATFORM = rsa.generate_private_key(65537, 2048)
MERCHANT = rsa.generate_private_key(65537, 2048)
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
NOW = 1795492800  # noon of 2026-11-24 in Beijing, as in conftest.py


def pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


ON = {
    "api_aes_key": base64.b64encode(KEY).decode(),
    "api_aes_key_sn": "aes-sn",
    "api_private_key": pem(MERCHANT),
    "api_platform_cert": PLATFORM.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode(),
    "api_platform_cert_sn": "cert-sn",
}


def opened(request: HttpRequest) -> Any:
    """The request as the platform reads it, its signature checked."""
    url = request.url.partition("?")[0]
    outer = json.loads(request.body)
    MERCHANT.public_key().verify(
        base64.b64decode(request.headers["Wechatmp-Signature"]),
        f"{url}\n{APP_ID}\n{NOW}\n".encode() + request.body,
        PSS,
        hashes.SHA256(),
    )
    iv, data, tag = (base64.b64decode(outer[name]) for name in ("iv", "data", "authtag"))
    return json.loads(AESGCM(KEY).decrypt(iv, data + tag, f"{url}|{APP_ID}|{NOW}|aes-sn".encode()))


def answered(url: str, fields: Mapping[str, Any]) -> HttpResponse:
    """A sealed answer of the platform's."""
    real = json.dumps({**fields, "_n": "n", "_appid": APP_ID, "_timestamp": NOW}).encode()
    sealed = AESGCM(KEY).encrypt(bytes(12), real, f"{url}|{APP_ID}|{NOW}|aes-sn".encode())
    parts = {"iv": bytes(12), "data": sealed[:-16], "authtag": sealed[-16:]}
    body = json.dumps({name: base64.b64encode(part).decode() for name, part in parts.items()}).encode()
    signature = PLATFORM.sign(f"{url}\n{APP_ID}\n{NOW}\n".encode() + body, PSS, hashes.SHA256())
    headers = {
        "wechatmp-appid": APP_ID,
        "wechatmp-timestamp": str(NOW),
        "wechatmp-serial": "cert-sn",
        "wechatmp-signature": base64.b64encode(signature).decode(),
    }
    return HttpResponse(200, headers, body)


async def test_a_supported_call_is_sealed_both_ways(mini_program: Any) -> None:
    mini = mini_program(**ON)
    url = "https://api.weixin.qq.com/wxa/getuserriskrank"
    mini.answers(answered(url, {"errcode": 0, "risk_rank": 0}))

    answer = await mini.weixin.call("POST", "/wxa/getuserriskrank", json={"openid": "o"}, query={"scene": "0"})

    (request,) = mini.sent
    assert {"errcode": 0, "risk_rank": 0} == answer
    assert ("POST", f"{url}?access_token=TOKEN", "") == (request.method, request.url, request.backup_url)
    assert {
        "_n": "0123456789abcdef0123456789abcdef",
        "_appid": APP_ID,
        "_timestamp": NOW,
        "scene": "0",
        "openid": "o",
    } == opened(request)


async def test_a_plain_success_is_not_believed(mini_program: Any) -> None:
    mini = mini_program(**ON)
    mini.answers({"errcode": 0, "risk_rank": 0})

    with pytest.raises(UnverifiedOutcome):
        await mini.weixin.call("POST", "/wxa/getuserriskrank", json={})


async def test_a_plain_refusal_is_a_refusal(mini_program: Any) -> None:
    mini = mini_program(**ON)
    mini.answers({"errcode": 40234, "errmsg": "invalid signature"})

    with pytest.raises(PlatformRefused) as caught:
        await mini.weixin.call("POST", "/wxa/getuserriskrank", json={})
    assert ("40234", False) == (caught.value.code, caught.value.verified)


async def test_a_sealed_refusal_is_one_too(mini_program: Any) -> None:
    mini = mini_program(**ON)
    mini.answers(answered("https://api.weixin.qq.com/wxa/getuserriskrank", {"errcode": 40003, "errmsg": "no"}))

    with pytest.raises(PlatformRefused, match="40003"):
        await mini.weixin.call("POST", "/wxa/getuserriskrank", json={})


async def test_what_does_not_support_it_stays_plain(mini_program: Any) -> None:
    mini = mini_program(**ON)
    mini.answers({"a": 1}, {"a": 1}, {"a": 1})

    await mini.weixin.call("POST", "/wxa/generatescheme", json={"a": 1})
    await mini.weixin.call("POST", "/wxa/getuserriskrank", file=File("media", b"x", "image/png"))
    await mini.weixin.call("POST", "/wxa/getuserriskrank", json={"a": 1}, sealed=False)

    assert [b'{"a":1}', b"--tongfu01", b'{"a":1}'] == [request.body[:10] for request in mini.sent]


async def test_a_call_may_ask_to_be_sealed(mini_program: Any) -> None:
    mini = mini_program(**ON)
    mini.answers(answered("https://api.weixin.qq.com/wxa/new", {"a": 1}))

    assert {"a": 1} == await mini.weixin.call("GET", "/wxa/new", query={"q": "1"}, sealed=True)
    assert "1" == opened(mini.sent[0])["q"]


@pytest.mark.parametrize("missing", sorted(ON))
async def test_half_a_switch_is_a_wrong_account(mini_program: Any, missing: str) -> None:
    mini = mini_program(**{**ON, missing: ""})

    with pytest.raises(ConfigError, match=missing):
        await mini.weixin.call("GET", "/x")
    assert [] == mini.sent


async def test_another_urls_answer_is_refused(mini_program: Any) -> None:
    mini = mini_program(**ON)
    mini.answers(answered("https://api.weixin.qq.com/wxa/other", {"a": 1}))

    with pytest.raises(SignatureError):
        await mini.weixin.call("POST", "/wxa/getuserriskrank", json={}, read_only=True)
