"""Content encryption: known answers first, then everything that is not one."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongfu.errors import ConfigError, MalformedAnswer
from tongfu_alipay import aes

VECTORS = json.loads(Path(__file__).with_name("vectors.json").read_text(encoding="utf-8"))["vectors"]
KEY = "aa4BtZ4tspm2wnXLb1ThQA=="
OTHER = "aYA0GP8JEW+D7/UFaskCWA=="


def vectors() -> list[Any]:
    found = [vector for vector in VECTORS if vector["kind"] == "aes"]
    assert len(found) >= 2
    return [pytest.param(vector, id=vector["id"]) for vector in found]


def of_id(name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(vector for vector in VECTORS if vector["id"] == name)
    return found


@pytest.mark.parametrize("vector", vectors())
def test_other_peoples_ciphertexts_are_ours(vector: dict[str, str]) -> None:
    assert vector["cipher"] == aes.encrypt(vector["aes_key"], vector["plain"].encode())
    assert vector["plain"].encode() == aes.decrypt(vector["aes_key"], vector["cipher"])


def test_an_encrypted_answer_of_the_gateway_is_read() -> None:
    vector = of_id("resp-encrypted-derived")

    assert vector["plain"].encode() == aes.decrypt(vector["aes_key"], json.loads(vector["signed"]))


def test_an_encrypted_request_is_read() -> None:
    vector = of_id("request-encrypted-derived")
    cipher = vector["params"]["biz_content"]

    assert cipher == aes.encrypt(vector["aes_key"], aes.decrypt(vector["aes_key"], cipher))


@given(plain=st.binary(max_size=100))
def test_what_is_encrypted_comes_back(plain: bytes) -> None:
    text = aes.encrypt(KEY, plain)

    assert len(plain) // 16 * 16 + 16 == len(base64.b64decode(text))
    assert plain == aes.decrypt(KEY, text)


def test_a_key_may_have_been_pasted_with_blanks() -> None:
    assert aes.encrypt(KEY, b"x") == aes.encrypt(f" {KEY[:10]}\r\n{KEY[10:]} ", b"x")


def raw(padded: bytes) -> str:
    """*padded* encrypted as it is, without padding of its own."""
    whole = base64.b64decode(aes.encrypt(KEY, padded))
    return base64.b64encode(whole[: len(padded)]).decode()


@pytest.mark.parametrize(
    "text",
    [
        raw(b"x" * 15 + b"\x00"),
        raw(b"x" * 15 + b"\x11"),
        raw(b"x" * 13 + b"\x01\x02\x03"),
        raw(b"x" * 14 + b"\x03\x02"),
        raw(b"x" * 15 + b"\x3e"),
        aes.encrypt(OTHER, b"x"),
        "",
        "AAAA",
        "A",
        "*" * 24,
        aes.encrypt(KEY, b"x").replace("=", ""),
        aes.encrypt(KEY, b"x") + "\n",
        "é",
        "\ud800",
    ],
)
def test_whatever_is_wrong_the_message_is_one(text: str) -> None:
    with pytest.raises(MalformedAnswer) as caught:
        aes.decrypt(KEY, text)

    assert "alipay: the content cannot be decrypted with the account's encrypt_key" == str(caught.value)
    assert (None, True) == (caught.value.__cause__, caught.value.__suppress_context__)


@pytest.mark.parametrize("key", ["", "AAAA", "not base64", base64.b64encode(b"k" * 32).decode(), "é", None, b"x"])
def test_a_key_that_is_none_is_named(key: Any) -> None:
    for use in (lambda: aes.encrypt(key, b"x"), lambda: aes.decrypt(key, "x")):
        with pytest.raises(ConfigError, match=r"^encrypt_key: "):
            use()


@given(text=st.text(max_size=100) | st.binary(max_size=100).map(lambda content: base64.b64encode(content).decode()))
def test_any_text_decrypts_or_is_malformed(text: str) -> None:
    try:
        plain = aes.decrypt(KEY, text)
    except MalformedAnswer:
        return
    assert text == aes.encrypt(KEY, plain)
