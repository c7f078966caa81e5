"""alipay-wire.md A.9, F; traps G.38-44. Certificates are made here; the platform's public ones are in vectors.json."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tongfu import (
    ConfigError,
    MalformedAnswer,
    Notification,
    OutcomeUnknown,
    PlatformRefused,
    SignatureError,
    Tongfu,
)
from tongfu.testing import FakeTransport
from tongfu_alipay import AlipayAccount, certificates

NOW = datetime(2026, 11, 24, 8, 3, 18, tzinfo=UTC)
VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text("utf-8"))
# alipay-wire.md F
ROOT_SN = "687b59193f3f462dd5336e5abf83c5d8_02941eef3187dddf3d3b83462e1dfcf6"
QUERY = "alipay.trade.query"
DOWNLOAD = "alipay.open.app.alipaycert.download"
NODE = (
    '{"code":"10000","msg":"Success","out_trade_no":"A1001","trade_no":"1","trade_status":"TRADE_SUCCESS",'
    '"total_amount":"0.01"}'
)


def other_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def client(account: AlipayAccount, *answers: Any) -> tuple[Any, FakeTransport]:
    transport = FakeTransport(*answers)
    return Tongfu({"alipay": account}, transport=transport, clock=lambda: NOW), transport


def downloaded(pem: str) -> str:
    content = base64.b64encode(pem.encode()).decode()
    return json.dumps({"code": "10000", "msg": "Success", "alipay_cert_content": content})


async def query(tf: Any) -> Any:
    return await tf.payment.order_query("alipay", out_trade_no="A1001")


# --- numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(VECTORS["certs"]))
@pytest.mark.parametrize("form", ["LF", "CRLF", "blank lines", "one line", "path"])
def test_a_certificates_number_is_the_published_one(name: str, form: str, tmp_path: Path) -> None:
    pem, number = VECTORS["certs"][name]["pem"], VECTORS["certs"][name]["sn"]
    text: Any = {
        "LF": pem.replace("\r\n", "\n"),
        "CRLF": pem.replace("\r\n", "\n").replace("\n", "\r\n"),
        "blank lines": pem.replace("-----END", "\n\n-----END").replace("-----BEGIN", "\n\n-----BEGIN"),
        "one line": pem.replace("\r", "").replace("\n", "\\n"),
        "path": tmp_path / "some.crt",
    }[form]
    if form == "path":
        text.write_text(pem)
    found = certificates.read("cert", text)

    assert number == ("_".join(each.sn for each in found) if name == "root_bundle" else found[0].sn)


# Of certificates that other SDKs publish with their tests: what matters of them is the issuer and the serial number.
SANDBOX = (
    "CN=Ant Financial Certification Authority Class 2 R1 test,OU=Certification Authority test,O=Ant Financial test,C=CN"
)
PRODUCTION = "CN=Ant Financial Certification Authority Class 1 R1,OU=Certification Authority,O=Ant Financial,C=CN"


@pytest.mark.parametrize(
    ("issuer", "serial", "number"),
    [
        (SANDBOX, 0x2023060972B6026E1019B73FE588B642, "f5476a255774929671073404f7af2b90"),
        (SANDBOX, 0x20230609834AC2C96820A8BC5CC95483, "b09baa7d1d5b198c713b230c5a6ec8e7"),
        (SANDBOX, 0x20230607CAA8B2E6DD943115CD903930, "e90dd23a37c5c7b616e003970817ff82"),
        (SANDBOX, 0x2023060769B99529DC18B16AC12FD695, "6f1e366a31d9575cd546914add04f4af"),
        (PRODUCTION, 0x20210904848B4CCD7DE520D44C572A83, "e1b085ae86cbbba54fe9dc6cdf82b65a"),
    ],
)
def test_a_number_is_made_of_issuer_and_serial(issuer: str, serial: int, number: str) -> None:
    assert certificates.sn(issuer, serial) == number


@pytest.mark.filterwarnings("error")
def test_the_public_roots_are_counted_by_their_signature_algorithm() -> None:
    """Also where the elliptic one of them cannot be parsed, and without a warning where it can."""
    found = certificates.read("alipay_root_cert", VECTORS["certs"]["root_bundle"]["pem"])

    assert certificates.root_sn(found) == ROOT_SN
    assert [each.x509.serial_number for each in found] == [
        2292228364100439313,
        95790491425698859646659490580052089075020051350,
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x30",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x82\x01\x00\x30\x80",
        "MIIBIjANBgkq",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----",
        "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
        "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----",
        b"-----BEGIN CERTIFICATE-----" + b"A" * (1 << 17),
        Path("/nowhere/app.crt"),
    ],
)
def test_what_is_no_certificate_is_a_config_error_that_names_the_field(text: Any) -> None:
    with pytest.raises(ConfigError, match=r"^app_cert: "):
        certificates.read("app_cert", text)


@pytest.mark.parametrize("cut", range(0, 700, 7))
def test_a_certificate_cut_anywhere_is_a_config_error(cut: int, authority: Any) -> None:
    der = authority.app.public_bytes(serialization.Encoding.DER)
    with pytest.raises(ConfigError):
        certificates.read("app_cert", der[:cut] or b"x")


def test_sm2_is_refused_in_words(authority: Any, shop: Any) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    elliptic = made.not_valid_before(NOW).not_valid_after(NOW + timedelta(1)).sign(key, hashes.SHA256())

    with pytest.raises(ConfigError, match=r"^alipay_root_cert: .*SM2"):
        authority.account(alipay_root_cert=authority.pem(elliptic)).certificates()
    with pytest.raises(ConfigError, match="SM2 is not supported"):
        shop.account(sign_type="SM2")


# --- requests --------------------------------------------------------------------------------------


async def test_every_request_names_the_apps_certificate_and_the_roots(authority: Any, shop: Any) -> None:
    tf, transport = client(authority.account(), authority.answer(NODE, QUERY))
    assert (await query(tf)).trade_state == "SUCCESS"

    asked = shop.asked(transport.requests[0])
    assert (asked["app_cert_sn"], asked["alipay_root_cert_sn"]) == (
        authority.number(authority.app),
        authority.number(authority.root[0]),
    )
    assert "app_cert_sn=" in transport.requests[0].url


async def test_orders_that_the_client_sends_name_them_too(authority: Any, shop: Any) -> None:
    tf, transport = client(authority.account())
    order: dict[str, Any] = {
        "out_trade_no": "A1001",
        "subject": "tea",
        "total_fee": 1,
        "notify_url": "https://s.example/n",
    }
    app = await tf.payment.get_order_info("alipay", trade_type="APP", **order)
    page = await tf.payment.get_order_info("alipay", trade_type="PAGE", **order)

    assert f"app_cert_sn={authority.number(authority.app)}" in app.payload
    assert f"alipay_root_cert_sn={authority.number(authority.root[0])}" in page.pay_url
    assert transport.requests == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"app_cert": None}, "certificate mode needs .*; app_cert missing"),
        ({"alipay_cert": None, "alipay_root_cert": b""}, "alipay_cert and alipay_root_cert missing"),
        ({"app_cert": "alipay_cert"}, "app_cert: not the certificate of this private_key"),
        ({"alipay_cert": "app_cert"}, "alipay_cert: this is the app's own"),
        ({"alipay_root_cert": "gibberish" * 30}, "^alipay_root_cert: neither PEM nor DER"),
    ],
)
async def test_files_that_cannot_work_are_refused_before_anything_is_sent(
    authority: Any, change: dict[str, Any], words: str
) -> None:
    files = authority.files()
    tf, transport = client(authority.account(**{name: files.get(value, value) for name, value in change.items()}))
    with pytest.raises(ConfigError, match=words):
        await query(tf)

    assert transport.requests == []


# --- answers ---------------------------------------------------------------------------------------


async def test_a_certificate_file_may_hold_two_while_the_platform_changes(authority: Any) -> None:
    key = other_key()
    second = authority.make(authority.alipay_name, key, authority.below)[0]
    account = authority.account(alipay_cert=authority.pem(authority.alipay, authority.below[0], second))
    tf, transport = client(
        account, authority.answer(NODE, QUERY), authority.answer(NODE, QUERY, authority.number(second), signer=key)
    )

    assert [(await query(tf)).trade_state for _ in range(2)] == ["SUCCESS", "SUCCESS"]
    assert len(transport.requests) == 2


async def test_the_number_chooses_the_key_and_no_other_will_do(authority: Any) -> None:
    key = other_key()
    second = authority.make(authority.alipay_name, key, authority.below)[0]
    account = authority.account(alipay_cert=authority.pem(authority.alipay, second))
    tf, _ = client(account, *[authority.answer(NODE, QUERY, authority.number(second))] * 3)
    with pytest.raises(SignatureError):
        await query(tf)


async def test_an_answer_that_names_no_certificate_is_verified_with_the_accounts_own(authority: Any) -> None:
    tf, _ = client(authority.account(), authority.answer(NODE, QUERY, ""))

    assert (await query(tf)).trade_state == "SUCCESS"


async def test_an_app_that_moves_to_certificates_still_reads_what_its_public_key_signed(
    authority: Any, shop: Any
) -> None:
    key = other_key()
    theirs = authority.make(authority.alipay_name, key, authority.below)[0]
    account = authority.account(alipay_cert=authority.pem(theirs), alipay_public_key=shop.account().alipay_public_key)
    tf, _ = client(
        account, authority.answer(NODE, QUERY, ""), authority.answer(NODE, QUERY, authority.number(theirs), signer=key)
    )

    assert [(await query(tf)).trade_state for _ in range(2)] == ["SUCCESS", "SUCCESS"]


@pytest.mark.parametrize("number", ["x" * 32, "0" * 31, "A" * 32, "../" * 10])
async def test_what_is_no_number_is_not_looked_for(authority: Any, number: str) -> None:
    tf, transport = client(authority.account(), authority.answer(NODE, QUERY, number))
    with pytest.raises(SignatureError, match="alipay_cert_sn is none"):
        await query(tf)

    assert len(transport.requests) == 1


@pytest.mark.parametrize("twice", ['"alipay_cert_sn":"1"', '"sign":"1"'])
async def test_an_answer_that_names_two_is_malformed(authority: Any, twice: str) -> None:
    body = authority.answer(NODE, QUERY)[:-1] + f",{twice}}}".encode()
    tf, _ = client(authority.account(), body)
    with pytest.raises(MalformedAnswer, match="more than one"):
        await query(tf)


# --- a certificate that changed --------------------------------------------------------------------


@pytest.fixture
def renewed(authority: Any) -> tuple[rsa.RSAPrivateKey, x509.Certificate, str]:
    key = other_key()
    made = authority.make(authority.alipay_name, key, authority.below)[0]
    return key, made, authority.number(made)


async def test_a_new_certificate_is_fetched_once_and_the_answer_read_with_it(
    authority: Any, shop: Any, renewed: Any
) -> None:
    key, made, number = renewed
    refund = (
        '{"code":"10000","msg":"Success","out_trade_no":"A1001","trade_no":"1","refund_fee":"0.01","fund_change":"Y"}'
    )
    chain = authority.pem(made, authority.below[0])
    tf, transport = client(
        authority.account(),
        authority.answer(refund, "alipay.trade.refund", number, signer=key),
        authority.answer(downloaded(authority.pem(authority.alipay)), DOWNLOAD, number, signer=key),
        authority.answer(downloaded(chain), DOWNLOAD, number, signer=key),
        authority.answer(NODE, QUERY, number, signer=key),
    )
    done = await tf.payment.refund("alipay", out_trade_no="A1001", out_refund_no="R1", refund_fee=1)
    assert (done.fund_change, (await query(tf)).trade_state) == (True, "SUCCESS")

    asked = [shop.asked(request) for request in transport.requests]
    assert [each["method"] for each in asked] == ["alipay.trade.refund", DOWNLOAD, DOWNLOAD, QUERY]
    assert [json.loads(each["biz_content"])["alipay_cert_sn"] for each in asked[1:3]] == [
        authority.number(authority.alipay),
        number,
    ]


async def test_a_notification_under_the_new_certificate_is_read(authority: Any, shop: Any, renewed: Any) -> None:
    key, made, number = renewed
    tf, transport = client(
        authority.account(),
        authority.answer(NODE, DOWNLOAD, number, signer=key),
        authority.answer(downloaded(authority.pem(made, authority.below[0])), DOWNLOAD, number, signer=key),
    )
    fields = {**shop.sealed(shop.fields(), signer=key), "alipay_cert_sn": number}
    for _ in range(2):
        notice = await tf.payment.verify_payment_notify("alipay", form(fields))
        assert notice.paid
    assert len(transport.requests) == 2


def form(fields: dict[str, str]) -> Notification:
    return Notification({}, urlencode(fields).encode())


@pytest.mark.parametrize("counted", [True, False], ids=["counted in", "left out"])
async def test_a_notifications_number_may_be_signed_or_not(authority: Any, shop: Any, counted: bool) -> None:
    number = {"alipay_cert_sn": authority.number(authority.alipay)}
    fields = shop.sealed({**shop.fields(), **(number if counted else {})})
    tf, _ = client(authority.account())

    assert (await tf.payment.verify_payment_notify("alipay", form({**fields, **number}))).paid


async def test_ten_thousand_made_up_numbers_cause_one_fetch(authority: Any, shop: Any) -> None:
    tf, transport = client(authority.account(), authority.answer(NODE, DOWNLOAD))
    for each in range(10_000):
        fields = {**shop.fields(), "sign_type": "RSA2", "sign": "AAAA", "alipay_cert_sn": f"{each:032x}"}
        with pytest.raises(SignatureError):
            await tf.payment.verify_payment_notify("alipay", form(fields))

    assert len(transport.requests) == 1


async def test_made_up_numbers_do_not_hold_up_the_answers_to_our_own_calls(
    authority: Any, shop: Any, renewed: Any
) -> None:
    key, made, number = renewed
    tf, _ = client(
        authority.account(),
        authority.answer(NODE, DOWNLOAD),
        authority.answer(NODE, QUERY, number, signer=key),
        authority.answer(NODE, DOWNLOAD, number, signer=key),
        authority.answer(downloaded(authority.pem(made, authority.below[0])), DOWNLOAD, number, signer=key),
    )
    for each in range(50):
        fields = {**shop.fields(), "sign_type": "RSA2", "sign": "AAAA", "alipay_cert_sn": f"{each:032x}"}
        with pytest.raises(SignatureError):
            await tf.payment.verify_payment_notify("alipay", form(fields))

    assert (await query(tf)).trade_state == "SUCCESS"


async def test_what_names_no_certificate_and_fits_none_causes_one_fetch_too(authority: Any, shop: Any) -> None:
    tf, transport = client(authority.account(), authority.answer(NODE, DOWNLOAD))
    for each in range(20):
        forged = shop.sealed(shop.fields(out_trade_no=f"A{each}"), signer=shop.stranger)
        with pytest.raises(SignatureError):
            await tf.payment.verify_payment_notify("alipay", form(forged))
    with pytest.raises(SignatureError):
        await tf.payment.verify_payment_notify("alipay", form({**shop.fields(), "sign_type": "RSA2"}))

    assert len(transport.requests) == 1


def forgeries(authority: Any, shop: Any) -> dict[str, tuple[rsa.RSAPrivateKey, str]]:
    """Each a key that signs, and what the download would bring for it."""
    key = other_key()
    root = authority.make("Some Certification Authority R1", other_key(), ca=True)
    below = authority.make("Some Certification Authority Class 2 R1", other_key(), root, ca=True)
    app = authority.make("2088000000000001-2021000000000009", key, authority.below)
    past, future = NOW - timedelta(days=1), NOW + timedelta(days=1)
    old = authority.make("Some Certification Authority Class 2 R1", other_key(), authority.root, ca=True, end=past)

    def leaf(issuer: Any, **changes: Any) -> x509.Certificate:
        made: x509.Certificate = authority.make(authority.alipay_name, key, issuer, **changes)[0]
        return made

    short = rsa.generate_private_key(65537, 1024)
    return {
        "a short key": (short, authority.pem(authority.make(authority.alipay_name, short, authority.below)[0])),
        "a foreign root": (key, authority.pem(leaf(below), below[0])),
        "a foreign root that it brings along": (key, authority.pem(leaf(below), below[0], root[0])),
        "signed by itself": (key, authority.pem(leaf(None))),
        "expired": (key, authority.pem(leaf(authority.below, end=past))),
        "not begun": (key, authority.pem(leaf(authority.below, start=future))),
        "an expired authority": (key, authority.pem(leaf(old), old[0])),
        "another merchant's app": (key, authority.pem(app[0])),
        "issued by an app": (key, authority.pem(leaf(app), app[0], authority.below[0])),
        "an authority": (key, authority.pem(leaf(authority.below, ca=True))),
        "the app's own key": (
            shop.app,
            authority.pem(authority.make(authority.alipay_name, shop.app, authority.below)[0]),
        ),
    }


@pytest.mark.parametrize(
    "forgery",
    [
        *("a foreign root", "a foreign root that it brings along", "signed by itself", "expired", "not begun"),
        *(
            "a short key",
            "an expired authority",
            "another merchant's app",
            "issued by an app",
            "an authority",
            "the app's own key",
        ),
    ],
)
async def test_a_certificate_that_nobody_vouches_for_is_not_believed(authority: Any, shop: Any, forgery: str) -> None:
    key, pem = forgeries(authority, shop)[forgery]
    number = certificates.parse(pem.encode())[0].sn
    tf, _ = client(
        authority.account(),
        authority.answer(NODE, "alipay.trade.refund", number, signer=key),
        authority.answer(NODE, DOWNLOAD, number, signer=key),
        authority.answer(downloaded(pem), DOWNLOAD, number, signer=key),
    )
    with pytest.raises(OutcomeUnknown) as caught:
        await tf.payment.refund("alipay", out_trade_no="A1001", out_refund_no="R1", refund_fee=1)

    assert isinstance(caught.value, SignatureError)
    assert "not believed" in str(caught.value.__cause__) or "downloaded" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    "content",
    [
        '{"code":"10000","msg":"Success"}',
        '{"code":"10000","msg":"Success","alipay_cert_content":""}',
        '{"code":"10000","msg":"Success","alipay_cert_content":"####"}',
        '{"code":"10000","msg":"Success","alipay_cert_content":["x"]}',
        '{"code":"40004","msg":"Business Failed","sub_code":"CERT_NOT_EXIST","sub_msg":"x"}',
    ],
)
async def test_a_download_without_a_certificate_leaves_the_answer_unverified(
    authority: Any, renewed: Any, content: str
) -> None:
    key, _, number = renewed
    tf, _ = client(
        authority.account(),
        *[authority.answer(NODE, QUERY, number, signer=key)],
        authority.answer(NODE, DOWNLOAD, number, signer=key),
        authority.answer(content, DOWNLOAD, number, signer=key),
    )
    with pytest.raises(SignatureError, match="not known"):
        await query(tf)


async def test_the_download_must_be_signed_with_what_it_brings(authority: Any, renewed: Any) -> None:
    key, made, number = renewed
    chain = downloaded(authority.pem(made, authority.below[0]))
    for second in (
        authority.answer(chain, DOWNLOAD, number, signer=other_key()),
        authority.answer(chain, DOWNLOAD, number, sign=False),
        authority.answer(chain, DOWNLOAD, "0" * 32, signer=key),
        authority.answer(downloaded(authority.pem(authority.alipay)), DOWNLOAD, number, signer=key),
    ):
        tf, _ = client(
            authority.account(),
            authority.answer(NODE, QUERY, number, signer=key),
            authority.answer(NODE, DOWNLOAD, number, signer=key),
            second,
        )
        with pytest.raises(SignatureError):
            await query(tf)


async def test_a_download_that_the_gateway_refuses_unsigned_says_so(authority: Any, renewed: Any) -> None:
    key, _, number = renewed
    refusal = '{"code":"40006","msg":"x","sub_code":"isv.insufficient-isv-permissions","sub_msg":"x"}'
    tf, _ = client(
        authority.account(),
        authority.answer(NODE, QUERY, number, signer=key),
        authority.answer(refusal, DOWNLOAD, "", sign=False),
    )
    with pytest.raises(SignatureError, match="insufficient-isv-permissions") as caught:
        await query(tf)
    assert isinstance(caught.value.__cause__, PlatformRefused)


async def test_the_sandboxs_authority_which_is_none_by_its_own_word_counts_where_the_account_has_it(
    authority: Any,
) -> None:
    """The sandbox's "Class 2 R1 test" lacks the extension that says it may issue (vectors.json)."""
    below = authority.make("Some Certification Authority Class 2 R1 test", other_key(), authority.root)
    key, old_key = other_key(), other_key()
    old = authority.make(authority.alipay_name, old_key, below)[0]
    new = authority.make(authority.alipay_name, key, below)[0]
    for known, outcome in ((True, "SUCCESS"), (False, "refused")):
        account = authority.account(alipay_cert=authority.pem(old, *([below[0]] if known else [])))
        number = authority.number(new)
        tf, _ = client(
            account,
            authority.answer(NODE, QUERY, number, signer=key),
            authority.answer(NODE, DOWNLOAD, number, signer=key),
            authority.answer(downloaded(authority.pem(new, below[0])), DOWNLOAD, number, signer=key),
        )
        try:
            assert (await query(tf)).trade_state == outcome
        except SignatureError:
            assert outcome == "refused"


async def test_a_gateway_that_signs_without_certificates_is_told_of(authority: Any, renewed: Any) -> None:
    key, _, number = renewed
    tf, _ = client(
        authority.account(), authority.answer(NODE, QUERY, number, signer=key), authority.answer(NODE, DOWNLOAD, "")
    )
    with pytest.raises(SignatureError, match="is the app in certificate mode"):
        await query(tf)


def test_no_secret_and_no_certificate_shows(authority: Any) -> None:
    account = authority.account()
    account.certificates()

    assert "BEGIN" not in repr(account)


@pytest.mark.parametrize(
    ("more", "attempts"), [({}, 2 * 3), ({"body": ""}, 4 * 3), ({"body": "", "alipay_cert_sn": ""}, 4 * 3)]
)
async def test_the_attempts_to_verify_are_few_and_in_a_fixed_order(
    authority: Any, shop: Any, monkeypatch: pytest.MonkeyPatch, more: dict[str, str], attempts: int
) -> None:
    """Two certificates and a public key, over at most eight texts: first as nearly every notification is signed."""
    second = authority.make(authority.alipay_name, other_key(), authority.below)[0]
    account = authority.account(
        alipay_cert=authority.pem(authority.alipay, second), alipay_public_key=shop.account().alipay_public_key
    )
    tried: list[tuple[str, bytes]] = []

    def watched(key: rsa.RSAPublicKey, payload: bytes, signature: str, algorithm: str) -> bool:
        tried.append((algorithm, payload))
        return False

    monkeypatch.setattr("tongfu_alipay.keys.verifies", watched)
    tf, _ = client(account, authority.answer(NODE, DOWNLOAD))
    fields = shop.sealed({**shop.fields(), **more})
    with pytest.raises(SignatureError):
        await tf.payment.verify_payment_notify("alipay", form(fields))

    first = "&".join(f"{name}={value}" for name, value in sorted(shop.fields().items()))
    notices = [payload for _, payload in tried if payload.startswith(b"app_id=")]
    assert (len(notices), notices[0].decode(), {algorithm for algorithm, _ in tried}) == (attempts, first, {"RSA2"})
