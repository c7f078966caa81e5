"""Known answers: vectors.json holds what other people's code and Alipay's own gateway signed, each with its source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from tongfu.errors import MalformedAnswer
from tongfu_alipay import answer, keys, notify, wire

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
