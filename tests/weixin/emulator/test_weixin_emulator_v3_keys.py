"""The platform's keys: certificates that rotate, merchants without, both kinds at once, and wrong signatures."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from tongfu.emulator import Emulator

CERTIFICATES = "/v3/certificates"
RECEIVERS = "/v3/profitsharing/receivers/add"


def receiver(merchant: Any, name: str) -> dict[str, str]:
    return {
        "appid": merchant.appid,
        "type": "MERCHANT_ID",
        "account": "1900000110",
        "name": name,
        "relation_type": "SUPPLIER",
    }


async def signs(merchant: Any) -> str:
    """Whose signature an answer bears where the request names none."""
    got = await merchant.get(CERTIFICATES)
    return str(merchant.signer(got.headers, got.body))


async def test_the_merchants_certificate_and_key_are_those_of_the_pfx(merchant: Any) -> None:
    file = pkcs12.load_pkcs12(base64.b64decode(merchant.line["pfx_base64"]), merchant.mchid.encode())

    assert file.cert is not None
    assert isinstance(file.key, rsa.RSAPrivateKey)
    assert f"{file.cert.certificate.serial_number:040X}" == merchant.line["cert_serial"]
    assert file.key.private_numbers() == merchant.key.private_numbers()


async def test_the_certificate_is_listed_under_the_api_v3_key(merchant: Any) -> None:
    got = await merchant.get(CERTIFICATES)
    (one,) = got.told["data"]
    certificate = x509.load_pem_x509_certificate(merchant.opened(one["encrypt_certificate"]))
    merchant.certificates[one["serial_no"]] = certificate

    assert one["serial_no"] == f"{certificate.serial_number:040X}" == merchant.signer(got.headers, got.body)
    assert one["serial_no"] != merchant.line["cert_serial"]
    assert ("certificate", "2026-01-13T11:04:05+08:00", "2031-01-12T11:04:05+08:00") == (
        one["encrypt_certificate"]["associated_data"],
        one["effective_time"],
        one["expire_time"],
    )
    assert certificate.not_valid_before_utc < datetime(2026, 1, 14, tzinfo=UTC) < certificate.not_valid_after_utc


@pytest.mark.parametrize(("kind", "status"), [("RSA", 200), ("ALL", 200), ("SM2", 404), ("DSA", 400)])
async def test_certificates_of_one_algorithm_are_there(merchant: Any, kind: str, status: int) -> None:
    assert status == (await merchant.get(f"{CERTIFICATES}?algorithm_type={kind}")).status


async def test_a_new_certificate_is_listed_beside_the_old_which_then_ends(merchant: Any) -> None:
    (old,) = await merchant.fetch_certificates()
    await merchant.control("POST", "v3", rotate={"effective_in": 3600, "old_ends_in": 7200})
    listed = await merchant.fetch_certificates()
    (new,) = set(listed) - {old}
    seen = [(await signs(merchant), len(await merchant.fetch_certificates()))]
    for seconds in (3599, 1, 3599, 1):
        await merchant.emu.clock.advance(seconds)
        seen.append((await signs(merchant), len(await merchant.fetch_certificates())))

    assert [old, new] == listed
    assert [(old, 2), (old, 2), (new, 2), (new, 2), (new, 1)] == seen


async def test_every_certificate_has_a_key_of_its_own(merchant: Any) -> None:
    for _ in range(3):
        await merchant.fetch_certificates()
        await merchant.control("POST", "v3", rotate=True)
    await merchant.fetch_certificates()

    keys = {certificate.public_key().public_numbers() for certificate in merchant.certificates.values()}
    assert 4 == len(keys - {merchant.public_key.public_numbers(), merchant.key.public_key().public_numbers()})


async def test_a_third_certificate_ends_the_first(merchant: Any) -> None:
    (first,) = await merchant.fetch_certificates()
    for _ in range(2):
        await merchant.control("POST", "v3", rotate=True)

    listed = await merchant.fetch_certificates()
    got = await merchant.get(CERTIFICATES, serial=first)

    assert (2, False, 400) == (len(listed), first in listed, got.status)


async def test_a_sensitive_field_is_under_the_key_that_the_header_names(merchant: Any) -> None:
    (old,) = await merchant.fetch_certificates()
    await merchant.control("POST", "v3", rotate=True)
    (_, new) = await merchant.fetch_certificates()

    statuses = {
        (hidden, told): (
            await merchant.post(RECEIVERS, receiver(merchant, merchant.hidden("深圳公司", hidden)), serial=told)
        ).status
        for hidden in ("", old, new)
        for told in (merchant.serial, old, new)
    }

    right = {("", merchant.serial), (old, old), (new, new)}
    assert {pair: 200 if pair in right else 400 for pair in statuses} == statuses


async def test_a_sensitive_field_needs_the_header_and_the_cipher(merchant: Any) -> None:
    hidden = merchant.hidden("深圳公司")
    headless = await merchant.post(RECEIVERS, receiver(merchant, hidden))
    plain = await merchant.post(RECEIVERS, receiver(merchant, "深圳公司"), serial=merchant.serial)

    assert ("平台证书序列号Wechatpay-Serial错误", "PARAM_ERROR") == (headless.told["message"], plain.told["code"])
    assert "/name" == plain.told["detail"]["field"]


async def test_a_new_merchant_has_no_certificates_and_public_key_signatures_always(merchant: Any) -> None:
    (certificate,) = await merchant.fetch_certificates()
    told = await merchant.control("POST", "v3", mode="public_key")
    got = await merchant.get(CERTIFICATES)
    named = await merchant.get(CERTIFICATES, serial=certificate)

    assert (404, "RESOURCE_NOT_EXISTS", merchant.serial) == (
        got.status,
        got.told["code"],
        merchant.signer(got.headers, got.body),
    )
    assert (400, []) == (named.status, told["certificates"])


async def test_a_merchant_without_a_public_key_cannot_name_it(merchant: Any) -> None:
    (certificate,) = await merchant.fetch_certificates()
    await merchant.control("POST", "v3", mode="certificate")

    got = await merchant.get(CERTIFICATES, serial=merchant.serial)

    assert (400, certificate) == (got.status, merchant.signer(got.headers, got.body))


async def callers(merchant: Any, hook: Any, count: int) -> list[str]:
    """Whose signatures the next callbacks bear."""
    del hook.got[:]
    for n in range(count):
        number = f"C{len(merchant.emu.orders()):05d}"
        await merchant.order(number, notify_url=hook.url)
        await merchant.emu.pay(number)
        assert len(hook.got) == n + 1
    return [merchant.signer(headers, body) for headers, body in hook.got]


@pytest.mark.parametrize(("share", "public"), [(0.0, 0), (0.1, 1), (0.2, 2), (0.5, 5), (1.0, 10)])
async def test_a_share_of_the_callbacks_is_signed_by_the_public_key(
    merchant: Any, hook: Any, share: float, public: int
) -> None:
    (certificate,) = await merchant.fetch_certificates()
    await merchant.control("POST", "v3", callbacks=share)

    signed = await callers(merchant, hook, 10)

    assert {certificate: 10 - public, merchant.serial: public} == {
        serial: signed.count(serial) for serial in (certificate, merchant.serial)
    }


async def test_a_gray_release_can_be_rolled_back(merchant: Any, hook: Any) -> None:
    (certificate,) = await merchant.fetch_certificates()
    seen = []
    for callbacks in ("public_key", "certificate"):
        await merchant.control("POST", "v3", callbacks=callbacks)
        seen += await callers(merchant, hook, 1)

    assert [merchant.serial, certificate] == seen


async def test_callbacks_are_signed_as_the_last_answer_was_unless_told_otherwise(merchant: Any, hook: Any) -> None:
    (certificate,) = await merchant.fetch_certificates()
    await merchant.order(notify_url=hook.url)
    await merchant.emu.pay("A10001")
    await merchant.refund(notify_url=hook.url)
    await merchant.found()
    await merchant.emu.clock.advance(5)

    assert [merchant.serial, certificate] == [merchant.signer(headers, body) for headers, body in hook.got]


async def test_probes_are_sent_as_often_as_was_asked(merchant: Any) -> None:
    await merchant.fetch_certificates()
    await merchant.control("POST", "v3", answer_probes=2)

    got = [await merchant.get(CERTIFICATES) for _ in range(3)]

    probes = [one.headers["Wechatpay-Signature"].startswith("WECHATPAY/SIGNTEST/") for one in got]
    assert [True, True, False] == probes
    for one in got[:2]:
        with pytest.raises(InvalidSignature):
            merchant.signer(one.headers, one.body)
    assert merchant.signer(got[2].headers, got[2].body)


async def test_a_callback_probe_is_followed_by_the_signed_one(merchant: Any, hook: Any) -> None:
    hook.answers = [(401, "")]
    await merchant.control("POST", "v3", probes=1)
    await merchant.order(notify_url=hook.url)
    await merchant.emu.pay("A10001")
    await merchant.emu.clock.advance(15)

    (probe, body), (real, again) = hook.got
    assert probe["Wechatpay-Signature"].startswith("WECHATPAY/SIGNTEST/")
    assert (merchant.serial, body) == (merchant.signer(real, again), again)


@pytest.mark.parametrize("fault", ["bad_signature", "no_signature", "unknown_serial", "signtest"])
async def test_a_fault_breaks_the_signature_of_an_answer_that_was_carried_out(merchant: Any, fault: str) -> None:
    merchant.emu.fault(fault, path="/v3/pay/*")
    got = await merchant.order()

    broken = {
        "bad_signature": InvalidSignature,
        "no_signature": KeyError,
        "unknown_serial": KeyError,
        "signtest": InvalidSignature,
    }
    with pytest.raises(broken[fault]):
        merchant.signer(got.headers, got.body)
    assert (200, "NOTPAY") == (got.status, (await merchant.found())["trade_state"])


@pytest.mark.parametrize(
    "wanted",
    [
        {"mode": "v2"},
        {"callbacks": 1.5},
        {"callbacks": True},
        {"callbacks": "none"},
        {"rotate": {"effective_in": -1}},
        {"rotate": {"effective_in": 2, "old_ends_in": 1}},
        {"rotate": "now"},
        {"probes": -1},
        {"answer_probes": "1"},
        {"certificates": []},
    ],
)
async def test_what_cannot_be_set_changes_nothing(merchant: Any, wanted: dict[str, Any]) -> None:
    before = await merchant.control("GET", "v3")

    refused = await merchant.control("POST", "v3", **{"mode": "public_key", "probes": 3, **wanted})

    assert (400, before) == (refused[0], await merchant.control("GET", "v3"))


async def test_a_reset_keeps_the_keys_and_forgets_the_rest(merchant: Any) -> None:
    before = await merchant.control("GET", "v3")
    await merchant.control("POST", "v3", mode="certificate", callbacks=0.5, rotate=True, probes=1, answer_probes=1)
    await merchant.control("POST", "v3/refusals", path="*", code="SYSTEM_ERROR", status=500)

    await merchant.emu.reset()

    assert before == await merchant.control("GET", "v3")
    assert 200 == (await merchant.get(CERTIFICATES)).status


async def test_the_first_certificate_is_there_again_after_a_reset(merchant: Any) -> None:
    await merchant.emu.clock.advance(30 * 86400)
    first = await merchant.fetch_certificates()
    for _ in range(3):
        await merchant.control("POST", "v3", rotate={"old_ends_in": 0})
    rotated = await merchant.fetch_certificates()

    await merchant.emu.reset()

    assert (1, first, first[0]) == (len(rotated), await merchant.fetch_certificates(), await signs(merchant))
    assert first != rotated


async def test_no_secret_is_in_an_exchange(merchant: Any, emu: Emulator) -> None:
    await merchant.get(CERTIFICATES, signed="nothing of it")
    await merchant.fetch_certificates()

    told = repr(emu.exchanges)
    assert [] == [name for name in ("api_v3_key", "private_key", "key", "secret") if merchant.line[name] in told]
