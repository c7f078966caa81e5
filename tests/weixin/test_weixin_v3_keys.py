"""Which key verifies what: public key, certificates, both (wechat-wire C2 to C4; traps E-C4 to E-C8, E-C10)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from tongfu import ConfigError, Credential, HttpResponse, MalformedAnswer, OutcomeUnknown, SignatureError
from tongfu.credentials import MemoryStore
from tongfu.errors import CredentialRejected, TransportError, UnverifiedOutcome
from tongfu_weixin import WeixinAccount, api_keys
from tongfu_weixin.pay_v3 import certificates, keys

OLD = "0A1B2C3D4E5F60718293A4B5C6D7E8F901234567"  # begins with a zero, which some SDKs lost
NEW = "5F60718293A4B5C6D7E8F9012345670A1B2C3D4E"
PUBLIC = "PUB_KEY_ID_0000000000000024101100397200000006"


def urls(wechatpay: Any) -> list[str]:
    return [request.url.removeprefix("https://api.mch.weixin.qq.com") for request in wechatpay.transport.requests]


@pytest.fixture
def certified(wechatpay: Any) -> Any:
    """In certificate mode; nothing is fetched yet."""
    wechatpay.serial = OLD
    return wechatpay.open(wechatpay.account())


@pytest.fixture
def keyed(wechatpay: Any) -> Any:
    """In public-key mode."""
    return wechatpay.open(wechatpay.account(**wechatpay.public_key_mode))


# --- public-key mode -------------------------------------------------------------------------------


async def test_the_public_key_alone_is_enough(keyed: Any, wechatpay: Any) -> None:
    """E-C6: a new merchant has no certificates, and none are asked for."""
    wechatpay.transport.answer(wechatpay.answer({"a": 1}))

    assert await keyed.pay.call("GET", "/v3/x") == {"a": 1}
    assert urls(wechatpay) == ["/v3/x"]
    assert wechatpay.transport.requests[0].headers["wechatpay-serial"] == PUBLIC


async def test_another_public_keys_id_is_refused_without_a_fetch(keyed: Any, wechatpay: Any) -> None:
    """E-C5: an id is no hex serial."""
    wechatpay.transport.answer(wechatpay.answer({}, serial="PUB_KEY_ID_0000000000000024101100397200000007"))

    with pytest.raises(SignatureError, match="public_key_id"):
        await keyed.pay.call("GET", "/v3/x")
    assert urls(wechatpay) == ["/v3/x"]


# --- certificate mode ------------------------------------------------------------------------------


async def test_certificates_come_before_the_first_call_and_are_kept(certified: Any, wechatpay: Any) -> None:
    """So that no refund is sent whose answer cannot be verified."""
    wechatpay.transport.answer(wechatpay.certificates(OLD), wechatpay.answer({"a": 1}), wechatpay.answer({"a": 2}))

    assert [await certified.pay.call("POST", "/v3/x", json={}) for _ in range(2)] == [{"a": 1}, {"a": 2}]
    assert urls(wechatpay) == ["/v3/certificates", "/v3/x", "/v3/x"]
    assert ["wechatpay-serial" in request.headers for request in wechatpay.transport.requests] == [False] * 3


@pytest.mark.parametrize("written", [OLD, OLD.lower(), OLD.lstrip("0"), f"000{OLD}"])
async def test_a_serial_is_compared_in_one_case_without_leading_zeros(
    certified: Any, wechatpay: Any, written: str
) -> None:
    """E-C7."""
    wechatpay.transport.answer(wechatpay.certificates(OLD), wechatpay.answer({"a": 1}, serial=written, key=OLD))

    assert await certified.pay.call("GET", "/v3/x") == {"a": 1}


async def test_certificates_are_kept_ten_hours(certified: Any, wechatpay: Any) -> None:
    wechatpay.transport.answer(wechatpay.certificates(OLD), wechatpay.answer({}))
    await certified.pay.call("GET", "/v3/x")
    wechatpay.now += timedelta(hours=10)
    wechatpay.transport.answer(wechatpay.certificates(OLD), wechatpay.answer({}))
    await certified.pay.call("GET", "/v3/x")

    assert urls(wechatpay) == ["/v3/certificates", "/v3/x"] * 2


async def test_two_apps_of_one_merchant_share_them_and_two_merchants_do_not(wechatpay: Any) -> None:
    scopes = [
        wechatpay.account(**fields).scope_of(certificates.KIND)
        for fields in ({}, {"app_id": "wxother"}, {"mch_id": "1900007292"}, {"base_url": "http://127.0.0.1:1"})
    ]

    assert scopes == ["1900007291", "1900007291", "1900007292", "1900007291/http://127.0.0.1:1"]


async def test_the_kept_credential_is_json_by_serial(certified: Any, wechatpay: Any) -> None:
    store = MemoryStore()
    weixin = wechatpay.open(wechatpay.account(), credential_store=store)
    wechatpay.transport.answer(wechatpay.certificates(OLD, NEW), wechatpay.answer({}))
    await weixin.pay.call("GET", "/v3/x")
    kept = await store.get(f"weixin:1900007291:{certificates.KIND}")

    assert kept is not None
    assert kept.expires_at == wechatpay.now + timedelta(hours=10)
    assert {serial: sorted(one) for serial, one in json.loads(kept.value).items()} == {
        OLD.lstrip("0"): ["effective_time", "expire_time", "pem"],
        NEW: ["effective_time", "expire_time", "pem"],
    }


# --- rotation and migration ------------------------------------------------------------------------


async def test_an_unknown_serial_is_looked_for_and_the_same_answer_read_again(certified: Any, wechatpay: Any) -> None:
    wechatpay.transport.answer(wechatpay.certificates(OLD), wechatpay.answer({}))
    await certified.pay.call("GET", "/v3/x")
    wechatpay.now += timedelta(minutes=1)
    wechatpay.transport.answer(wechatpay.answer({"a": 1}, serial=NEW), wechatpay.certificates(OLD, NEW))

    assert await certified.pay.call("POST", "/v3/x", json={}) == {"a": 1}
    assert urls(wechatpay) == ["/v3/certificates", "/v3/x", "/v3/x", "/v3/certificates"]


async def test_while_two_certificates_serve_either_signs(certified: Any, wechatpay: Any) -> None:
    wechatpay.transport.answer(wechatpay.certificates(OLD, NEW))
    for serial in (OLD, NEW, OLD):
        wechatpay.transport.answer(wechatpay.answer({"by": serial}, serial=serial))
        assert await certified.pay.call("GET", "/v3/x") == {"by": serial}
    assert urls(wechatpay).count("/v3/certificates") == 1


async def test_while_a_merchant_moves_to_the_public_key_either_signs(keyed: Any, wechatpay: Any) -> None:
    """E-C5. The list of certificates is then signed with the public key."""
    wechatpay.transport.answer(
        wechatpay.answer({"by": OLD}, serial=OLD),
        wechatpay.certificates(OLD, serial=PUBLIC),
        wechatpay.answer({"by": PUBLIC}),
        wechatpay.answer({"by": OLD}, serial=OLD),
    )

    assert [await keyed.pay.call("GET", "/v3/x") for _ in range(3)] == [{"by": OLD}, {"by": PUBLIC}, {"by": OLD}]
    assert urls(wechatpay) == ["/v3/x", "/v3/certificates", "/v3/x", "/v3/x"]


async def test_sensitive_fields_go_to_the_newest_certificate_in_effect(wechatpay: Any) -> None:
    account = wechatpay.account()
    shown = {
        serial: certificates._described(wechatpay.certificate(serial, begins=begins, days=days).encode())[1]
        for serial, begins, days in (("A1", -900, 800), ("B2", -800, 1900), ("C3", -20, 1900), ("D4", 10, 1900))
    }
    held = Credential(json.dumps(shown))
    ctx: Any = type("Context", (), {"credentials": {certificates.KIND: held}, "now": wechatpay.now})

    assert certificates.newest(account, ctx).serial == "C3"


async def test_a_sensitive_call_names_its_certificate(certified: Any, wechatpay: Any) -> None:
    wechatpay.transport.answer(wechatpay.certificates(OLD), wechatpay.answer({}))
    await certified.pay.call("POST", "/v3/x", json={"name": "a"}, sensitive=("name",))

    assert wechatpay.transport.requests[1].headers["wechatpay-serial"].zfill(40) == OLD


async def test_an_expired_certificate_signs_nothing(certified: Any, wechatpay: Any) -> None:
    shown = dict([certificates._described(wechatpay.certificate(OLD, begins=-900, days=899).encode())])
    store = MemoryStore()
    await store.put(f"weixin:1900007291:{certificates.KIND}", Credential(json.dumps(shown)))
    weixin = wechatpay.open(wechatpay.account(**wechatpay.public_key_mode), credential_store=store)
    wechatpay.transport.answer(wechatpay.answer({}, serial=OLD))

    with pytest.raises(SignatureError, match="expired"):
        await weixin.pay.call("GET", "/v3/x")


# --- the bootstrap ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"key": "0" * 32}, SignatureError),  # encrypted with another APIv3 key
        ({"serial": NEW}, SignatureError),  # signed by none of those it contains
        ({"timestamp": 1}, SignatureError),
    ],
)
async def test_a_list_of_certificates_that_proves_nothing_is_refused(
    certified: Any, wechatpay: Any, how: Any, error: type[Exception]
) -> None:
    wechatpay.transport.answer(wechatpay.certificates(OLD, **how))

    with pytest.raises(error):
        await certified.pay.call("POST", "/v3/x", json={})
    assert urls(wechatpay) == ["/v3/certificates"]


async def test_a_list_signed_by_a_stranger_is_refused(certified: Any, wechatpay: Any) -> None:
    answer = wechatpay.certificates(OLD)
    forged = HttpResponse(200, wechatpay.sign(answer.body, serial=OLD, key="stranger"), answer.body)
    wechatpay.transport.answer(forged)

    with pytest.raises(SignatureError):
        await certified.pay.call("GET", "/v3/x")


async def test_an_unsigned_list_is_refused(certified: Any, wechatpay: Any) -> None:
    wechatpay.transport.answer(HttpResponse(200, {}, wechatpay.certificates(OLD).body))

    with pytest.raises(SignatureError):
        await certified.pay.call("GET", "/v3/x")


@pytest.mark.parametrize(
    "data",
    [None, [], {}, [1], [{}], [{"serial_no": OLD}], [{"serial_no": OLD, "encrypt_certificate": "x"}]],
)
async def test_a_list_of_another_form_is_refused(certified: Any, wechatpay: Any, data: Any) -> None:
    wechatpay.transport.answer(wechatpay.answer({"data": data}))

    with pytest.raises(MalformedAnswer):
        await certified.pay.call("GET", "/v3/x")


async def test_a_certificate_under_anothers_serial_is_refused(certified: Any, wechatpay: Any) -> None:
    sealed = wechatpay.seal(wechatpay.certificate(NEW).encode(), wechatpay.api_v3_key, "certificate")
    wechatpay.transport.answer(wechatpay.answer({"data": [{"serial_no": OLD, "encrypt_certificate": sealed}]}))

    with pytest.raises(MalformedAnswer, match="not its own"):
        await certified.pay.call("GET", "/v3/x")


@pytest.mark.parametrize("pem", [b"", b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
async def test_what_is_no_certificate_is_refused(certified: Any, wechatpay: Any, pem: bytes) -> None:
    sealed = wechatpay.seal(pem, wechatpay.api_v3_key, "certificate")
    wechatpay.transport.answer(wechatpay.answer({"data": [{"serial_no": OLD, "encrypt_certificate": sealed}]}))

    with pytest.raises(MalformedAnswer):
        await certified.pay.call("GET", "/v3/x")


async def test_a_merchant_without_certificates_is_told_of_public_key_mode_once(certified: Any, wechatpay: Any) -> None:
    """E-C6: and nothing but the question is sent, however often."""
    refusal = wechatpay.answer({"code": "RESOURCE_NOT_EXISTS", "message": "无可用的平台证书"}, 404, serial=PUBLIC)
    wechatpay.transport.answer(refusal)

    for _ in range(3):
        with pytest.raises(ConfigError, match="public-key mode, so give public_key_id and public_key"):
            await certified.pay.call("POST", "/v3/x", json={})
    assert urls(wechatpay) == ["/v3/certificates"]


async def test_a_certificates_message_to_a_merchant_without_any_says_so(keyed: Any, wechatpay: Any) -> None:
    refusal = wechatpay.answer({"code": "RESOURCE_NOT_EXISTS", "message": "无可用的平台证书"}, 404)
    wechatpay.transport.answer(wechatpay.answer({}, serial=OLD), refusal)

    with pytest.raises(SignatureError, match="public-key mode"):
        await keyed.pay.call("GET", "/v3/x")


async def test_a_refused_key_is_named_before_anything_is_sent(certified: Any, wechatpay: Any) -> None:
    wechatpay.transport.answer(wechatpay.answer({"code": "SIGN_ERROR", "message": "m"}, 401))

    with pytest.raises(CredentialRejected, match="private_key"):
        await certified.pay.call("POST", "/v3/x", json={})
    assert urls(wechatpay) == ["/v3/certificates"]


async def test_certificates_need_the_api_v3_key(wechatpay: Any) -> None:
    for given, said in (("", "api_v3_key"), ("short", "32 characters")):
        with pytest.raises(ConfigError, match=said):
            await wechatpay.open(wechatpay.account(api_v3_key=given, protocol="v3")).pay.call("POST", "/v3/x", json={})
    assert wechatpay.transport.requests == []


async def test_certificates_that_do_not_come_leave_a_sent_call_unknown(keyed: Any, wechatpay: Any) -> None:
    wechatpay.transport.answer(wechatpay.answer({}, serial=OLD), *[TransportError("no route", sent=False)] * 3)

    with pytest.raises(OutcomeUnknown) as caught:
        await keyed.pay.call("POST", "/v3/x", json={})
    assert caught.value.sent


# --- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"wechatpay-signature": None},
        {"wechatpay-signature": ""},
        {"wechatpay-serial": None},
        {"wechatpay-serial": ""},
        {"wechatpay-nonce": None},
        {"wechatpay-timestamp": None},
        {"wechatpay-timestamp": "1795492800, 1795492800"},
        {"wechatpay-timestamp": "１７９５４９２８００"},
        {"wechatpay-timestamp": "1795492800.0"},
        {"wechatpay-timestamp": "-1795492800"},
        {"wechatpay-timestamp": "9" * 400},
        {"wechatpay-nonce": "the-nonce, the-nonce"},
        {"wechatpay-nonce": "the-nonce\n"},
        {"wechatpay-serial": f"{PUBLIC}, {PUBLIC}"},
        {"wechatpay-serial": "0"},
        {"wechatpay-serial": "xyz"},
        {"wechatpay-serial": "PUB_KEY_ID_"},
        {"wechatpay-signature-type": "WECHATPAY2-SM2-WITH-SM3"},
        {"wechatpay-signature-type": "none"},
        {"wechatpay-signature": "WECHATPAY/SIGNTEST/dGhlIHNpZ25hdHVyZQ=="},
        {"wechatpay-signature": "AAAA"},
        {"wechatpay-signature": "é"},
        {"wechatpay-signature": "!!!!"},
    ],
    ids=str,
)
async def test_what_is_not_signed_as_documented_is_refused_and_nothing_fetched(
    keyed: Any, wechatpay: Any, changes: dict[str, str | None]
) -> None:
    """E-C4 among them: a probe is no base64."""
    answer = wechatpay.answer({})
    headers = {name: value for name, value in {**answer.headers, **changes}.items() if value is not None}
    wechatpay.transport.answer(*[HttpResponse(200, headers, answer.body)] * 2)

    with pytest.raises(SignatureError):
        await keyed.pay.call("GET", "/v3/x")
    with pytest.raises(UnverifiedOutcome):
        await keyed.pay.call("POST", "/v3/x", json={})
    assert urls(wechatpay) == ["/v3/x"] * 2


async def test_the_signature_type_may_be_absent(keyed: Any, wechatpay: Any) -> None:
    answer = wechatpay.answer({"a": 1})
    headers = {name: value for name, value in answer.headers.items() if name != "wechatpay-signature-type"}
    wechatpay.transport.answer(HttpResponse(200, headers, answer.body))

    assert await keyed.pay.call("GET", "/v3/x") == {"a": 1}


@pytest.mark.parametrize(("seconds", "good"), [(-300, False), (-299, True), (299, True), (300, False)])
async def test_five_minutes_either_way(keyed: Any, wechatpay: Any, seconds: int, good: bool) -> None:
    """E-C8."""
    made = int(wechatpay.now.timestamp()) + seconds
    wechatpay.transport.answer(wechatpay.answer({"a": 1}, timestamp=made))

    if good:
        assert await keyed.pay.call("GET", "/v3/x") == {"a": 1}
    else:
        with pytest.raises(SignatureError, match="clock"):
            await keyed.pay.call("GET", "/v3/x")


@pytest.mark.parametrize("change", [lambda body: body + b" ", lambda body: body[:-1], lambda body: b""])
async def test_the_raw_bytes_are_verified(keyed: Any, wechatpay: Any, change: Any) -> None:
    answer = wechatpay.answer({"a": 1})
    wechatpay.transport.answer(HttpResponse(200, answer.headers, change(answer.body)))

    with pytest.raises(SignatureError):
        await keyed.pay.call("GET", "/v3/x")


# --- keys in every form ----------------------------------------------------------------------------


def test_the_private_key_is_taken_in_any_form_and_parsed_once(wechatpay: Any, tmp_path: Any) -> None:
    key = wechatpay.key("merchant")
    pkcs8, pkcs1 = (
        key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())
        for form in (serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL)
    )
    pem = wechatpay.pem(key)
    path = tmp_path / "apiclient_key.pem"
    path.write_text(pem)
    bare = "".join(pem.splitlines()[1:-1])

    for form in (pem, pem.encode(), bare, pkcs8, pkcs1, path, str(path)):
        parsed = keys.merchant_key(wechatpay.account(private_key=form))
        assert parsed.private_numbers() == key.private_numbers()
        assert keys.merchant_key(wechatpay.account(private_key=form)) is parsed


def test_an_account_looks_its_key_up_once(wechatpay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    account = wechatpay.account()
    first = keys.merchant_key(account)
    monkeypatch.setattr(api_keys, "private_key", None)

    assert keys.merchant_key(account) is first


def test_what_was_parsed_is_no_part_of_the_account(wechatpay: Any) -> None:
    one, other = wechatpay.account(), wechatpay.account()
    keys.cipher(one)
    keys.merchant_key(one)

    assert (one, repr(one), hash(one)) == (other, repr(other), hash(other))
    assert "parsed" not in repr(one)
    assert isinstance(one, WeixinAccount)
