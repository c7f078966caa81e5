"""Known answers: vectors.json holds what other people's code and Alipay's own gateway signed, each with its source."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tongfu.call import Call, Context, HttpResponse
from tongfu.errors import MalformedAnswer, SignatureError
from tongfu_alipay import AlipayAccount, aes, answer, certificates, keys, notify, rest, wire

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text(encoding="utf-8"))


def of_kind(*kinds: str) -> list[Any]:
    found = [vector for vector in VECTORS["vectors"] if vector["kind"] in kinds]
    assert found
    return [pytest.param(vector, id=vector["id"]) for vector in found]


def key_of(vector: dict[str, Any]) -> rsa.RSAPublicKey:
    name = vector["key"]
    if not name.startswith("cert:"):
        return keys.public_key(VECTORS["keys"][name])
    pem = VECTORS["certs"][name.removeprefix("cert:")]["pem"]
    leaf = pem[: pem.index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
    key = x509.load_pem_x509_certificate(leaf.encode()).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    return key


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in VECTORS["extract"]])
def test_the_node_is_cut_out_as_it_came(case: dict[str, Any]) -> None:
    if case["expect"] is None:
        with pytest.raises(MalformedAnswer):
            answer.extract(case["body"].encode(), case["method"])
    else:
        assert answer.extract(case["body"].encode(), case["method"]).span == case["expect"]


@pytest.mark.parametrize("vector", of_kind("v2-response"))
def test_a_signed_answer_verifies_over_its_raw_node(vector: dict[str, Any]) -> None:
    cut = answer.extract(vector["body"].encode(), vector["method"])

    assert cut.span == vector["signed"]
    assert keys.verifies(key_of(vector), cut.span.encode(), cut.sign, "RSA2")
    assert not keys.verifies(key_of(vector), cut.span.encode() + b" ", cut.sign, "RSA2")


@pytest.mark.parametrize("vector", of_kind("v2-response-inner"))
def test_a_node_from_production_verifies(vector: dict[str, Any]) -> None:
    assert keys.verifies(key_of(vector), vector["signed"].encode(), vector["sign"], "RSA2")


@pytest.mark.parametrize("vector", of_kind("notify"))
def test_a_notification_verifies_by_one_of_the_two_rules(vector: dict[str, Any]) -> None:
    form = {**vector["params"], "sign": vector["sign"]}
    algorithm = form.get("sign_type", "RSA2")

    good = [
        text for text in notify._texts(form) if keys.verifies(key_of(vector), text.encode(), vector["sign"], algorithm)
    ]
    assert len(good) == 1
    assert ("sign_type=" in good[0]) == bool(vector["valid_v2"])


@pytest.mark.parametrize("vector", of_kind("notify-form"))
def test_a_form_is_decoded_once(vector: dict[str, Any]) -> None:
    form, _ = notify.parse(vector["form"].encode())

    assert next(notify._texts(form)) == vector["signed"]
    assert keys.verifies(key_of(vector), vector["signed"].encode(), form["sign"], "RSA2")


PLAIN = [case for case in of_kind("request", "order-string") if "aes_key" not in case.values[0]]


@pytest.mark.parametrize("vector", PLAIN)
def test_what_is_signed_is_what_the_platform_builds(vector: dict[str, Any]) -> None:
    assert wire.text(vector["params"]).decode() == vector["signed"]
    assert keys.verifies(key_of(vector), wire.text(vector["params"]), vector["sign"], vector.get("alg", "RSA2"))


@pytest.mark.parametrize("vector", of_kind("order-string"))
def test_an_order_string_is_encoded_after_it_is_signed(vector: dict[str, Any]) -> None:
    given = {**vector["params"], "sign": vector["sign"]}

    assert sorted(wire.form({k: v for k, v in given.items() if v}).split("&")) == sorted(
        vector["order_string"].split("&")
    )


NUMBERS = [pytest.param(name, id=name) for name in sorted(VECTORS["certs"])]


@pytest.mark.parametrize("name", NUMBERS)
def test_a_certificates_number_is_the_published_one(name: str) -> None:
    found = certificates.parse(VECTORS["certs"][name]["pem"].encode())

    assert VECTORS["certs"][name]["sn"] == ("_".join(each.sn for each in found) if "root" in name else found[0].sn)


@pytest.mark.parametrize("vector", of_kind("aes"))
def test_content_is_encrypted_as_the_platform_does(vector: dict[str, Any]) -> None:
    key, plain, encrypted = vector["aes_key"], vector["plain"], vector["cipher"]

    assert aes.decrypt(key, encrypted).decode() == plain
    assert aes.encrypt(key, plain.encode()) == encrypted


ENCRYPTED = [case for case in of_kind("request", "v2-response") if "aes_key" in case.values[0]]


@pytest.mark.parametrize("vector", ENCRYPTED)
def test_the_ciphertext_is_what_is_signed(vector: dict[str, Any]) -> None:
    if vector["kind"] == "request":
        assert wire.text(vector["params"]).decode() == vector["signed"]
        assert keys.verifies(key_of(vector), wire.text(vector["params"]), vector["sign"], "RSA2")
        assert json.loads(aes.decrypt(vector["aes_key"], vector["params"]["biz_content"]))
    else:
        cut = answer.extract(vector["body"].encode(), vector["method"])
        assert keys.verifies(key_of(vector), cut.span.encode(), cut.sign, "RSA2")
        assert aes.decrypt(vector["aes_key"], cut.node).decode() == vector["plain"]


class Published:
    """Signs as the vector says: its private key is not published with it, and one of our own verifies nothing."""

    def __init__(self, vector: dict[str, Any]) -> None:
        self.vector = vector

    def sign(self, payload: bytes, algorithm: str) -> str:
        assert payload.decode() == self.vector["signed"]
        assert keys.verifies(key_of(self.vector), payload, self.vector["sign"], algorithm)
        return str(self.vector["sign"])

    def check(self, payload: bytes, signature: str, algorithm: str) -> None:
        assert payload.decode() == self.vector["signed"]
        if not keys.verifies(key_of(self.vector), payload, signature, algorithm):
            raise SignatureError("not its")

    def acting_as(self, account: Any) -> Any:
        return self


@pytest.mark.parametrize("vector", of_kind("v3-request"))
def test_a_rest_request_is_signed_as_published(vector: dict[str, Any]) -> None:
    now = datetime.fromtimestamp(1704164645.678, UTC)
    nonce = vector["signed"].split("nonce=")[1].partition(",")[0]
    account = AlipayAccount(
        app_id="2021000000000001",
        private_key=rsa_text(),
        alipay_public_key=VECTORS["keys"]["node_app_public"],
        protocol="v3",
        app_auth_token=vector["app_auth_token"] or "",
    )
    path, _, query = vector["url"].partition("?")
    fields = dict(parse_qsl(query)) if query else json.loads(vector["body"])
    call: Call[Any] = Call("x", path.removeprefix("/v3/").replace("/", "."), {"biz_content": fields}, lambda a, c: a)
    request = rest.encode(account, call, Context(now, nonce, Published(vector)))

    assert (request.method, request.url, request.body.decode()) == (
        vector["method"],
        f"https://openapi.alipay.com{vector['url']}",
        vector["body"],
    )
    assert request.headers["authorization"] == vector["authorization"]
    assert request.headers.get("alipay-app-auth-token") == vector["app_auth_token"]


@pytest.mark.parametrize("vector", of_kind("v3-response"))
def test_a_rest_answer_is_verified_as_published(vector: dict[str, Any]) -> None:
    account = AlipayAccount(
        app_id="2021000000000001", private_key=rsa_text(), alipay_public_key=VECTORS["keys"][vector["key"]]
    )
    headers = {f"alipay-{name}": vector[name] for name in ("timestamp", "nonce")}
    call: Call[Any] = Call("x", "alipay.trade.query", {}, lambda a, c: a)
    ctx = Context(datetime.now(UTC), "n", Published(vector))

    response = HttpResponse(200, {**headers, "alipay-signature": vector["sign"]}, vector["body"].encode())
    assert rest.decode(account, call, response, ctx) == json.loads(vector["body"])
    with pytest.raises(SignatureError):
        rest.decode(account, call, HttpResponse(200, headers, vector["body"].encode()), ctx)


def rsa_text() -> bytes:
    """A private key that signs nothing here; an account wants one."""
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def test_every_vector_is_used() -> None:
    used = {"v2-response", "v2-response-inner", "notify", "notify-form", "request", "order-string", "aes", "phone"}

    assert {vector["kind"] for vector in VECTORS["vectors"]} == used | {"v3-request", "v3-response"}
