"""Calls that are encrypted and signed beside TLS: the document's exchange, then what must not be believed."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from tongfu import ConfigError, InvalidParams, MalformedAnswer, SignatureError, TongfuError
from tongfu_weixin import WeixinAccount, api_keys, api_seal
from tongfu_weixin.account import SEAL_FIELDS

# 服务端 API 签名加密指南, its example getuserriskrank
APP_ID = "wxba6223c06417af7b"
URL = "https://api.weixin.qq.com/wxa/getuserriskrank"
AES_KEY = "otUpngOjU+nVQaWJIC3D/yMLV17RKaP6t4Ot9tbnzLY="
AES_SN = "fa05fe1e5bcc79b81ad5ad4b58acf787"
PARAMS = {"appid": APP_ID, "openid": "oEWzBfmdLqhFS2mTXCo2E4Y9gJAM", "scene": 0, "client_ip": "127.0.0.1"}
BODY = (
    b'{"iv":"fmW/zNxXlytUZBgj","data":"0IDVdrPtSPF/Oe2CTXCV2vVNPbVJdJlP2WaTMQnoYLh5iCrrSNfQFh25EnStDMf0hLlVNBCZQtf9NaV0'
    b"m4aRA4AAYIO7oR/Ge+4yY4EmZp5EVPB42xjScgMx5X3D4VdLCfynXIUKUtZHZvk1zmLVE3RauzJgiM1BB1CPmwcENo3MTJ0z8Vfkf5tMv54kOXob"
    b'DLlV5rfqKdAX7gM/rP82DgZdt9vvZX44ipdbHIjJvw83ZXAFtvftdVw2Qd8=","authtag":"5qeM/2vZv+6KtScN94IpMg=="}'
)
# The public half of the page's example key.
PUBLIC = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA3FoQOmOl5/CF5hF7ta4E
zCy2LaU3Eu2k9DBwQ73J82I53Sx9LAgM1DH3IsYohRRx/BESfbdDI2powvr6QYKV
IC+4Yavwg7gzhZRxWWmT1HruEADCZAgkUCu+9Il/9FPuitPSoIpBd07NqdkkRe82
NBOfrKTdhge/5zd457fl7J81Q5VTIxO8vvq7FSw7k6Jtv+eOjR6SZOWbbUO7f9r4
UuUkXmvdGv21qiqtaO1EMw4tUCELzY73M7NpCH3RorlommYX3P6q0VrkDHrCE0/Q
MhmHsF+46E+IRcJ3wtEj3p/mO1VoCpEhawC1U728ZUTwWNEii8hPEhcNAZTKaQMa
TQIDAQAB
-----END PUBLIC KEY-----
"""
REQUEST_SIGNATURE = (
    "wcSSWHZunjz9VKl9q+If9deiyECXDAELfAJNZ4+5T+NhFr8zfhkwdQtlgQ7nN5xs99R57La9UjBTRBGge2KYyshWtw7HIMPAqWNsnpHvx0b2f7s6"
    "Bt7OpfOQLlIfNgepgTVmUwrqW8/7A12szj7tCe/bRFilwnaX6N0w4duHlfL7ic7IIZXouvy9dLRAa5GtEk1eD/LPWRiKh0SvJ3znPY/pSiQW9zSk"
    "XVdj9UGGM8qcKLzPGJ7gSmt3ZOPkFapk9wqFmhJwQj//xN5+hUlr2UiNPMNSHve5Y2ADLsNHqk5t7RfAZ8nW9/8lzhVt4t+toy1FeehxCGIC8qgm"
    "jIl1hg=="
)
CERT_SN = "79ba700ea147819f640941bceb38b1d1"
CERT = """-----BEGIN CERTIFICATE-----
MIID0jCCArqgAwIBAgIUeE+Yy7vM/o+eHHsfM+1bGJJEZTQwDQYJKoZIhvcNAQEL
BQAwXjELMAkGA1UEBhMCQ04xEzARBgNVBAoTClRlbnBheS5jb20xHTAbBgNVBAsT
FFRlbnBheS5jb20gQ0EgQ2VudGVyMRswGQYDVQQDExJUZW5wYXkuY29tIFJvb3Qg
Q0EwHhcNMjIwOTA1MDgzOTIyWhcNMjcwOTA0MDgzOTIyWjBkMRswGQYDVQQDDBJ3
eGQ5MzBlYTVkNWEyNThmNGYxFTATBgNVBAoMDFRlbmNlbnQgSW5jLjEOMAwGA1UE
CwwFV3hnTXAxCzAJBgNVBAYMAkNOMREwDwYDVQQHDAhTaGVuWmhlbjCCASIwDQYJ
KoZIhvcNAQEBBQADggEPADCCAQoCggEBAM5D9qlkCmk1kr3FpF0e9pc3kGsvz5RA
0/YRny9xPKIyV2UVMDZvRQ+mDHsiQQFE6etg457KFYSxTDKtItbdl6hJQVGeAvg0
mqPYE9SkHRGTfL/AnXRbKBG2GC2OcaPSAprsLOersjay2me+9pF8VHybV8aox78A
NsU75G/OO3V1iEE0s5Pmglqk8DEiw9gB/dGJzsNfXwzvyJyiUP9ZujYexyjsS+/Z
GdSOUkqL/th+16yHj8alcdyga6YGfWEDyWkt/i/B28cwx4nzwk8xgrurifPaLuMk
0+9wJQLCfAn/f7zyHrC8PcD1XvvRt9VBNMBASXs3710ODyyVf2lkMgkCAwEAAaOB
gTB/MAkGA1UdEwQCMAAwCwYDVR0PBAQDAgTwMGUGA1UdHwReMFwwWqBYoFaGVGh0
dHA6Ly9ldmNhLml0cnVzLmNvbS5jbi9wdWJsaWMvaXRydXNjcmw/Q0E9MUJENDIy
MEU1MERCQzA0QjA2QUQzOTc1NDk4NDZDMDFDM0U4RUJEMjANBgkqhkiG9w0BAQsF
AAOCAQEAL2MK9tYu+ljLVBlSbfEeaKyF07TN+G31Ya5NBzeS1ZCx4joUEIyACWmG
fUkKNKiKV+EMzxeEhKRso1Qif3E7Ipl+PQBoQw6OSR/jFHciYurnGR9CLkL03Zo1
qw1Xetv9OipsvlpA0SOWc207e/XpGdm8C7FMXM6bzvVp8I/STTjC1vqjIZu9WavI
RgGM4jyAPz2XogUq0BNijef8BXbbav9fAsXjHSwn5BQv4iLms3fiLm/eoyQ6dZ2R
oTudrlcyr1bG4vwETLmHF+3yfVp9dpvJ+lyfiviwDwyfa8t2WlJm27DuF4vWoxir
mjgj9tDutIFqxLIovLyg3uiAYtSQ/Q==
-----END CERTIFICATE-----
"""
SIGNATURE = (
    "Ht0VfQkkEweJ4hU266C14Aj64H9AXfkwNi5zxUZETCvR2svU1ZYdosDhFX/voLj1TyszqKsVxAlENGt7PPZZ8RQX7jnA4SKhiPUhW4LTbyTenisH"
    "J+ohSfDjYnXavjQsBHspFS+BlPHuSSJ2xyQzw1+HuC6nid09ZL4FnGSYo4OI5MJrSb9xLzIVZMIDuUQchGKi/KaB1KzxECLEZcfjqbAgmxC7qOmu"
    "BLyO1WkHYDM95NJrHJWba5xv4wrwPru9yYTJSNRnlM+zrW5w9pOubC4Jtj3szTAEuOz9AcqUmgaAvMLNAIa8hfODLRe3n/cu4SgYlN/ZkNRU4QXV"
    "NbPGMg=="
)
ANSWER_HEADERS = {
    "Wechatmp-AppId": APP_ID,
    "Wechatmp-TimeStamp": "1635927956",
    "Wechatmp-Serial": CERT_SN,
    "Wechatmp-Signature": SIGNATURE,
}
ANSWER = (
    b'{"iv":"r2WDQt56rEAmMuoR","data":"HExs66Ik3el+iM4IpeQ7SMEN934FRLFYOd3EmeaIrpP4EPTHckoco6O+PaoRZRa3lqaPRZT7r52f7LUo'
    b"k6gLxc6cdR8C4vpIIfh4xfLC4L7FNy9GbuMK1hcoi8b7gkWJcwZMkuCFNEDmqn3T49oWzAQOrY4LZnnnykv6oUJotdAsnKvmoJkLK7hRh7M2B1d2"
    b'UnTnRuoIyarXc5Iojwoghx4BOvnV","authtag":"z2BFD8QctKXTuBlhICGOjQ=="}'
)
OPENED = {"errcode": 0, "errmsg": "getuserriskrank succ", "risk_rank": 0, "unoin_id": 2258658297}


def at(timestamp: int) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)


# Throw-away keys, made before hypothesis looks at the time.
KEYS = {"app": rsa.generate_private_key(65537, 2048), "platform": rsa.generate_private_key(65537, 2048)}


def private_pem(made: Any) -> bytes:
    return made.private_bytes(  # type: ignore[no-any-return]
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public(made: Any, encoding: serialization.Encoding = serialization.Encoding.PEM) -> bytes:
    return made.public_key().public_bytes(  # type: ignore[no-any-return]
        encoding, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def account(**changes: Any) -> WeixinAccount:
    fields: dict[str, Any] = {
        "app_id": APP_ID,
        "api_aes_key": AES_KEY,
        "api_aes_key_sn": AES_SN,
        "api_private_key": private_pem(KEYS["app"]),
        "api_platform_cert": CERT,
        "api_platform_cert_sn": CERT_SN,
    }
    return WeixinAccount(**{**fields, **changes})


def opened(
    headers: Mapping[str, str] = ANSWER_HEADERS, body: bytes = ANSWER, now: int = 1635927956, **changes: Any
) -> Any:
    return api_seal.open_sealed(account(**changes), changes.pop("url", URL), headers, body, at(now))


def answered(real: Any, timestamp: int = 1635927956, **changes: Any) -> tuple[dict[str, str], bytes]:
    """What the platform would answer, signed with a throw-away key of ours; *changes* are to the body."""
    plain = real if isinstance(real, bytes) else json.dumps(real).encode()
    aad = f"{URL}|{APP_ID}|{timestamp}|{AES_SN}".encode()
    both = AESGCM(base64.b64decode(AES_KEY)).encrypt(b"i" * 12, plain, aad)
    text = [base64.b64encode(part).decode() for part in (b"i" * 12, both[:-16], both[-16:])]
    body = json.dumps({**dict(zip(("iv", "data", "authtag"), text, strict=True)), **changes}).encode()
    return {
        "wechatmp-appid": APP_ID,
        "wechatmp-timestamp": str(timestamp),
        "wechatmp-serial": CERT_SN,
        "wechatmp-signature": signed(f"{URL}\n{APP_ID}\n{timestamp}\n".encode() + body),
    }, body


def signed(payload: bytes, salt: int = 32) -> str:
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
    return base64.b64encode(KEYS["platform"].sign(payload, pss, hashes.SHA256())).decode()


def ours(headers: Mapping[str, str], body: bytes) -> Any:
    return opened(headers, body, api_platform_cert=public(KEYS["platform"]))


HEAD = {"_n": "n", "_appid": APP_ID, "_timestamp": 1635927956}


# --- the document's exchange --------------------------------------------------------------------


def test_the_request_is_the_documented_one() -> None:
    body, headers = api_seal.seal(
        account(), URL, PARAMS, at(1635927954), "o89QaPVsRu1yppIZzvSZc4", iv=base64.b64decode("fmW/zNxXlytUZBgj")
    )
    signature = headers.pop("Wechatmp-Signature")

    assert body == BODY
    assert 324 == len(body)
    assert {
        "content-type": "application/json",
        "Wechatmp-AppId": APP_ID,
        "Wechatmp-TimeStamp": "1635927954",
    } == headers
    KEYS["app"].public_key().verify(
        base64.b64decode(signature),
        f"{URL}\n{APP_ID}\n1635927954\n".encode() + BODY,
        padding.PSS(padding.MGF1(hashes.SHA256()), 32),
        hashes.SHA256(),
    )


def test_the_documents_request_signature_is_over_what_we_sign() -> None:
    api_keys.platform_key(PUBLIC).verify(
        base64.b64decode(REQUEST_SIGNATURE),
        api_seal._signed(account(), URL, 1635927954, BODY),
        padding.PSS(padding.MGF1(hashes.SHA256()), 32),
        hashes.SHA256(),
    )


def test_the_documents_answer_is_verified_and_opened() -> None:
    assert OPENED == opened()


def test_an_answer_is_verified_with_the_old_certificate_while_it_is_replaced() -> None:
    headers = {
        **ANSWER_HEADERS,
        "Wechatmp-Serial": "2171af9cdf1d7404423852e7e183d852",
        "Wechatmp-Signature": "AAAA",
        "Wechatmp-Serial-Deprecated": CERT_SN,
        "Wechatmp-Signature-Deprecated": SIGNATURE,
    }

    assert OPENED == opened(headers)


def test_headers_are_found_in_any_case() -> None:
    assert OPENED == opened({name.lower(): value for name, value in ANSWER_HEADERS.items()})
    assert OPENED == opened({name.upper(): value for name, value in ANSWER_HEADERS.items()})


def test_text_is_sealed_raw_and_each_seal_has_an_iv_of_its_own() -> None:
    sealed = [api_seal.seal(account(), URL, {"content": "你好"}, at(1635927954), "n")[0] for _ in range(2)]
    outer = json.loads(sealed[0])
    iv, data, tag = (base64.b64decode(outer[name]) for name in ("iv", "data", "authtag"))
    aad = f"{URL}|{APP_ID}|1635927954|{AES_SN}".encode()

    assert sealed[0] != sealed[1]
    assert '{"_n":"n","_appid":"wxba6223c06417af7b","_timestamp":1635927954,"content":"你好"}'.encode() == AESGCM(
        base64.b64decode(AES_KEY)
    ).decrypt(iv, data + tag, aad)


# --- what must not be believed --------------------------------------------------------------------


@pytest.mark.parametrize("name", ANSWER_HEADERS)
@pytest.mark.parametrize("value", [None, "", "x", "1635927956, 1635927956", "七"])
def test_each_header_is_needed_and_checked(name: str, value: str | None) -> None:
    headers = {**ANSWER_HEADERS, name: value}
    with pytest.raises(SignatureError):
        opened({key: text for key, text in headers.items() if text is not None})


@pytest.mark.parametrize("off", [-300, 300])
def test_an_answer_of_the_last_five_minutes_is_believed(off: int) -> None:
    assert OPENED == opened(now=1635927956 + off)


@pytest.mark.parametrize("off", [-301, 301])
def test_an_older_answer_and_one_of_the_future_are_not(off: int) -> None:
    with pytest.raises(SignatureError, match="TimeStamp"):
        opened(now=1635927956 + off)


@pytest.mark.parametrize(
    "changes",
    [
        {"app_id": "wxba6223c06417af7c"},
        {"api_platform_cert_sn": "784F98CBBBCCFE8F9E1C7B1F33ED5B1892446534"},
        {"api_platform_cert": public(rsa.generate_private_key(65537, 2048))},
        {"api_aes_key": base64.b64encode(b"k" * 32).decode()},
        {"api_aes_key_sn": "fa05fe1e5bcc79b81ad5ad4b58acf788"},
    ],
)
def test_an_answer_to_another_account_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SignatureError):
        opened(**changes)


def test_an_answer_of_another_call_is_refused() -> None:
    for other in ("https://api.weixin.qq.com/wxa/msg_sec_check", "http://api.weixin.qq.com/wxa/getuserriskrank"):
        with pytest.raises(SignatureError):
            api_seal.open_sealed(account(), other, ANSWER_HEADERS, ANSWER, at(1635927956))


@given(st.integers(0, len(ANSWER) - 1), st.integers(1, 255))
def test_a_changed_byte_is_noticed(where: int, by: int) -> None:
    changed = bytearray(ANSWER)
    changed[where] ^= by
    with pytest.raises(SignatureError, match="not signed"):
        opened(body=bytes(changed))


@pytest.mark.parametrize("salt", [0, 20, 222])
def test_the_salt_is_32_bytes(salt: int) -> None:
    headers, body = answered({**HEAD, "errcode": 0})
    payload = f"{URL}\n{APP_ID}\n1635927956\n".encode() + body

    assert {"errcode": 0} == ours(headers, body)
    with pytest.raises(SignatureError):
        ours({**headers, "wechatmp-signature": signed(payload, salt)}, body)


@pytest.mark.parametrize(
    "changes",
    [
        {"_appid": "wx0"},
        {"_appid": None},
        {"_timestamp": 1635927955},
        {"_timestamp": "1635927956"},
    ],
)
def test_what_is_inside_must_be_what_the_headers_say(changes: dict[str, Any]) -> None:
    with pytest.raises(SignatureError, match="_appid or _timestamp"):
        ours(*answered({**HEAD, **changes}))


@pytest.mark.parametrize("real", [b"", b"[]", b"\xff", b'{"a":1,"a":1}', {**HEAD, "_n": None}])
def test_a_signed_answer_of_another_form_is_malformed(real: Any) -> None:
    with pytest.raises(MalformedAnswer):
        ours(*answered(real))


@pytest.mark.parametrize(
    "changes",
    [{"iv": None}, {"iv": 1}, {"iv": "AAAA"}, {"data": "!"}, {"data": ["a"]}, {"authtag": "AAAA"}, {"authtag": "七"}],
)
def test_a_signed_envelope_of_another_form_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswer):
        ours(*answered(HEAD, **changes))


def test_a_signed_envelope_with_another_tag_is_refused() -> None:
    with pytest.raises(SignatureError, match="api_aes_key_sn"):
        ours(*answered(HEAD, authtag=base64.b64encode(b"t" * 16).decode()))


@given(st.dictionaries(st.sampled_from([*ANSWER_HEADERS]), st.text()), st.binary())
def test_nothing_that_comes_raises_anything_else(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(TongfuError):
        opened({**ANSWER_HEADERS, **headers}, body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*HEAD, "errcode"]), json_values), st.booleans())
def test_no_signed_structure_raises_anything_else(changes: dict[str, Any], outside: bool) -> None:
    headers, body = answered(HEAD, **changes) if outside else answered({**HEAD, **changes})
    try:
        ours(headers, body)
    except TongfuError:
        return


# --- refusals that are not sealed -------------------------------------------------------------------


def test_an_unsigned_refusal_is_known_as_one_and_an_unsigned_success_is_not() -> None:
    refused = b'{"errcode":40234,"errmsg":"invalid signature"}'

    assert {"errcode": 40234, "errmsg": "invalid signature"} == api_seal.plain_refusal({}, refused)
    for body in (b'{"errcode":0}', b'{"risk_rank":0}', b'{"errcode":"40234"}', b'{"errcode":true}', b"", b"<html>"):
        assert api_seal.plain_refusal({}, body) is None
    assert api_seal.plain_refusal({"wechatmp-signature": "x"}, refused) is None


# --- what the account must have -----------------------------------------------------------------


def test_it_is_on_with_all_five_fields_off_with_none_and_wrong_with_some() -> None:
    assert api_seal.is_on(account())
    assert not api_seal.is_on(WeixinAccount(app_id=APP_ID))
    for name in SEAL_FIELDS:
        with pytest.raises(ConfigError, match=name):
            api_seal.is_on(account(**{name: ""}))


def test_without_its_fields_nothing_is_sealed_or_opened() -> None:
    bare = WeixinAccount(app_id=APP_ID)
    with pytest.raises(ConfigError, match="api_aes_key, api_aes_key_sn, api_private_key"):
        api_seal.seal(bare, URL, {}, at(1), "n")
    with pytest.raises(ConfigError, match="api_platform_cert, api_platform_cert_sn"):
        api_seal.open_sealed(bare, URL, ANSWER_HEADERS, ANSWER, at(1635927956))


@pytest.mark.parametrize("value", ["AAAA", "七", "not base64", base64.b64encode(b"k" * 16).decode()])
def test_a_symmetric_key_of_the_wrong_form_is_named(value: str) -> None:
    with pytest.raises(ConfigError, match=r"^api_aes_key:"):
        api_seal.seal(account(api_aes_key=value), URL, {}, at(1635927954), "n")


SMALL = rsa.generate_private_key(65537, 1024)
CURVE = ec.generate_private_key(ec.SECP256R1())


@pytest.mark.parametrize(
    "value",
    [
        "no/such/file",
        "x" * 400,
        b"0junk",
        Path("no such file"),
        private_pem(SMALL),
        private_pem(CURVE),
        public(KEYS["app"]),
    ],
)
def test_a_private_key_of_the_wrong_form_is_named(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"^api_private_key:") as caught:
        api_seal.seal(account(api_private_key=value), URL, {}, at(1635927954), "n")

    assert "MII" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["no/such/file", "x" * 400, b"0junk", public(SMALL), public(CURVE), private_pem(SMALL)]
)
def test_a_platform_certificate_of_the_wrong_form_is_named(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"^api_platform_cert:"):
        opened(api_platform_cert=value)


def test_keys_come_in_every_form(tmp_path: Path) -> None:
    made = KEYS["app"]
    pem = private_pem(made)
    der = base64.b64decode(b"".join(pem.splitlines()[1:-1]))
    path = tmp_path / "key.pem"
    path.write_bytes(pem)
    pkcs1 = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    escaped = pem.decode().replace("\n", r"\n")
    for form in (pem, pem.decode(), der, base64.b64encode(der).decode(), path, str(path), pkcs1, escaped):
        assert made.private_numbers() == api_keys.private_key(form).private_numbers()

    certified = api_keys.platform_key(CERT)
    numbers = certified.public_numbers()
    cert = re.sub(r"-----.*-----|\s", "", CERT)
    spki = certified.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    for each in (CERT.encode(), cert, base64.b64decode(cert), spki, base64.b64encode(spki)):
        assert numbers == api_keys.platform_key(each).public_numbers()


def test_a_key_is_parsed_once() -> None:
    pem = private_pem(KEYS["app"])

    assert api_keys.private_key(pem) is api_keys.private_key(bytes(pem))
    assert api_keys.platform_key(CERT) is api_keys.platform_key(str(CERT))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"params": {"access_token": "t"}}, "access_token"),
        ({"params": {"_n": "n"}}, "_n"),
        ({"params": {"a": b"bytes"}}, "params"),
        ({"params": {"a": float("inf")}}, "params"),
        ({"params": {"a": "\ud800"}}, "params"),
        ({"url_path": URL + "?access_token=t"}, "url_path"),
        ({"url_path": "/wxa/getuserriskrank"}, "url_path"),
        ({"url_path": "https://x/a|b"}, "url_path"),
        ({"iv": b"short"}, "iv"),
    ],
)
def test_what_cannot_be_sealed_is_named_and_not_repeated(changes: dict[str, Any], field: str) -> None:
    arguments: dict[str, Any] = {"url_path": URL, "params": {}, "now": at(1635927954), "nonce": "n", **changes}
    with pytest.raises(InvalidParams) as caught:
        api_seal.seal(account(), **arguments)

    assert [field] == list(caught.value.problems)


def test_sealable_paths_are_paths() -> None:
    """Of the pages read, those of checksession, subscribe/send and the links do not bear the badge."""
    assert all(re.fullmatch(r"(/[a-z_-]+)+", path) for path in api_seal.SEALABLE)
    assert "/wxa/getuserriskrank" in api_seal.SEALABLE
    assert not {"/wxa/checksession", "/cgi-bin/message/subscribe/send", "/wxa/generatescheme"} & api_seal.SEALABLE
