"""Message pushes, by section A12: what arrives at the app's own server, in each mode and format."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from defusedxml import ElementTree


def sha1(*values: str) -> str:
    return hashlib.sha1("".join(sorted(values)).encode()).hexdigest()


def opened(shop: Any, encrypted: str) -> bytes:
    """The message; the appid after it is ours, the padding 1 to 32 bytes."""
    key = base64.b64decode(shop.line["push_aes_key"] + "=")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    plain = decryptor.update(base64.b64decode(encrypted)) + decryptor.finalize()
    assert 1 <= plain[-1] <= 32
    assert plain.endswith(bytes([plain[-1]]) * plain[-1])
    plain = plain[: -plain[-1]]
    length = int.from_bytes(plain[16:20], "big")
    assert plain[20 + length :].decode() == shop.line["app_id"]
    return plain[20 : 20 + length]


def sealed(shop: Any, message: bytes, stamp: str, nonce: str) -> dict[str, Any]:
    """An encrypted reply, the padding made by hand to blocks of 32."""
    key = base64.b64decode(shop.line["push_aes_key"] + "=")
    plain = b"0123456789abcdef" + len(message).to_bytes(4, "big") + message + shop.line["app_id"].encode()
    pad = 32 - len(plain) % 32
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    encrypt = base64.b64encode(encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()).decode()
    signature = sha1(shop.line["push_token"], stamp, nonce, encrypt)
    return {"Encrypt": encrypt, "MsgSignature": signature, "TimeStamp": int(stamp), "Nonce": nonce}


def fields(body: bytes, content_type: str) -> dict[str, Any]:
    if content_type == "application/json":
        read: dict[str, Any] = json.loads(body)
        return read
    return {child.tag: child.text for child in ElementTree.fromstring(body)}


async def push(shop: Any, callback: Any, **body: Any) -> Any:
    kept = await shop.control("POST", "push", url=callback.url, **body)
    await shop.emu.settle()
    return kept


def test_the_token_and_the_key_have_the_consoles_form(shop: Any) -> None:
    token, key = shop.line["push_token"], shop.line["push_aes_key"]

    assert token.isalnum()
    assert 3 <= len(token) <= 32
    assert (43, 32) == (len(key), len(base64.b64decode(key + "=")))


@pytest.mark.parametrize("form", ["json", "xml"])
async def test_a_plain_push_is_the_message_and_signs_three_values(shop: Any, callback: Any, form: str) -> None:
    message = {"FromUserName": "o1", "MsgType": "text", "Content": "a<b&c]]>中"}
    await push(shop, callback, mode="plain", format=form, message=message)
    ((query, body, content_type),) = callback.got
    told = fields(body, content_type)

    assert {"signature", "timestamp", "nonce"} == set(query)
    assert sha1(shop.line["push_token"], query["timestamp"], query["nonce"]) == query["signature"]
    assert ("o1", "text", "a<b&c]]>中") == (told["FromUserName"], told["MsgType"], told["Content"])
    assert told["ToUserName"].startswith("gh_")
    assert int(told["MsgId"]) > 1 << 53  # no double holds it
    assert {"json": "application/json", "xml": "text/xml"}[form] == content_type
    assert ("1768359845", 1768359845) == (query["timestamp"], int(told["CreateTime"]))


@pytest.mark.parametrize("form", ["json", "xml"])
async def test_a_secure_push_is_encrypted_and_signs_four_values(shop: Any, callback: Any, form: str) -> None:
    message = {"FromUserName": "o1", "MsgType": "event", "Event": "debug_demo", "debug_str": "hello world"}
    await push(shop, callback, mode="secure", format=form, message=message)
    ((query, body, content_type),) = callback.got
    outer = fields(body, content_type)
    told = fields(opened(shop, outer["Encrypt"]), content_type)
    three = (shop.line["push_token"], query["timestamp"], query["nonce"])

    assert {"ToUserName", "Encrypt"} == set(outer)
    assert ("aes", "o1") == (query["encrypt_type"], query["openid"])
    assert [sha1(*three), sha1(*three, outer["Encrypt"])] == [query["signature"], query["msg_signature"]]
    assert message | {"ToUserName": outer["ToUserName"], "CreateTime": told["CreateTime"]} == told


async def test_a_compat_push_has_both(shop: Any, callback: Any) -> None:
    await push(shop, callback, mode="compat", message={"FromUserName": "o1", "Content": "hi"})
    ((query, body, _),) = callback.got
    outer = json.loads(body)
    encrypt = outer.pop("Encrypt")

    assert outer == json.loads(opened(shop, encrypt))
    assert sha1(shop.line["push_token"], query["timestamp"], query["nonce"], encrypt) == query["msg_signature"]


async def test_a_push_without_an_answer_comes_three_times_more_and_is_the_same(shop: Any, callback: Any) -> None:
    callback.answers = [(500, "")] * 9
    await push(shop, callback, message={"Content": "hi"})
    for _ in range(5):
        await shop.emu.clock.advance(5)
    (sent,) = shop.emu.notifications

    assert (4, "given_up") == (len(callback.got), sent.state)
    assert [callback.got[0]] * 4 == callback.got


@pytest.mark.parametrize("answer", ["success", ""])
async def test_success_or_nothing_ends_it(shop: Any, callback: Any, answer: str) -> None:
    callback.answers = [(500, "success"), (200, answer)]
    await push(shop, callback, message={"Content": "hi"})
    await shop.emu.clock.advance(60)

    assert (2, "accepted") == (len(callback.got), shop.emu.notifications[0].state)


async def test_an_encrypted_reply_is_read_and_one_that_is_not_signed_is_no_answer(shop: Any, callback: Any) -> None:
    reply = {"ToUserName": "o1", "MsgType": "transfer_customer_service"}
    right = sealed(shop, json.dumps(reply).encode(), "1768359845", "n1")
    callback.answers = [(200, json.dumps(reply)), (200, json.dumps(right | {"Nonce": "n2"})), (200, json.dumps(right))]
    await push(shop, callback, mode="secure", message={"Content": "hi"})
    await shop.emu.clock.advance(10)
    (sent,) = (await shop.control("GET", "push"))["sent"]

    assert [
        {"status": 200, "refused": "an encrypted reply has Encrypt"},
        {"status": 200, "refused": "MsgSignature is wrong"},
        {"status": 200, "reply": reply},
    ] == sent["replies"]


async def test_a_plain_reply_may_be_xml(shop: Any, callback: Any) -> None:
    callback.answers = [(200, "<xml><MsgType><![CDATA[transfer_customer_service]]></MsgType></xml>")]
    await push(shop, callback, mode="plain", format="xml", message={"Content": "hi"})
    (sent,) = (await shop.control("GET", "push"))["sent"]

    assert [{"status": 200, "reply": {"MsgType": "transfer_customer_service"}}] == sent["replies"]


async def test_a_push_can_be_broken_on_purpose(shop: Any, callback: Any) -> None:
    token = shop.line["push_token"]
    await push(shop, callback, mode="secure", message={"Content": "hi"}, corrupt="signature")
    await push(shop, callback, mode="secure", message={"Content": "hi"}, corrupt="body")
    await push(shop, callback, mode="plain", message={"Content": "hi"}, corrupt="body")
    signature, body, plain = callback.got
    checks = []
    for query, raw, _ in (signature, body):
        three = (token, query["timestamp"], query["nonce"])
        checks.append(
            (sha1(*three) == query["signature"], query["msg_signature"] == sha1(*three, json.loads(raw)["Encrypt"]))
        )

    assert [(False, False), (True, False)] == checks
    with pytest.raises(json.JSONDecodeError):
        json.loads(plain[1])


async def test_a_user_who_writes_is_pushed_once_there_is_an_address(shop: Any, callback: Any) -> None:
    quiet = await shop.control("POST", "user_message", openid="o1", text="在吗")
    await shop.control("POST", "push", url=callback.url, mode="plain")
    loud = await shop.control("POST", "user_message", openid="o1", text="在吗")
    entered = await shop.control("POST", "user_message", openid="o1", session_from="detail")
    await shop.emu.settle()

    assert [False, True, True] == [each["pushed"] for each in (quiet, loud, entered)]
    assert [loud["message"], entered["message"]] == [json.loads(body) for _, body, _ in callback.got]
    assert ("user_enter_tempsession", "detail") == (entered["message"]["Event"], entered["message"]["SessionFrom"])
    assert "MsgId" not in entered["message"]


async def test_a_checked_medium_is_told_by_a_push(shop: Any, callback: Any) -> None:
    await shop.control("POST", "push", url=callback.url, mode="plain")
    await shop.login()
    told = []
    for label, url in (
        (20002, "https://a.example/bad"),
        (100, "https://a.example/good"),
        (-1008, "https://a.example/"),
    ):
        await shop.control("POST", "media_verdict", media_url=url, label=label)
        body = {"media_url": url, "media_type": 2, "version": 2, "scene": 1, "openid": "o1"}
        told.append((await shop.post("/wxa/media_check_async", body)).told["trace_id"])
    before = len(callback.got)
    await shop.emu.clock.advance(60)
    events = {event["trace_id"]: event for event in (json.loads(body) for _, body, _ in callback.got)}

    assert (0, set(told)) == (before, set(events))
    assert {("event", "wxa_media_check", shop.line["app_id"], 2)} == {
        (event["MsgType"], event["Event"], event["appid"], event["version"]) for event in events.values()
    }
    assert [{"suggest": "risky", "label": 20002}, {"suggest": "pass", "label": 100}, None] == [
        events[trace].get("result") for trace in told
    ]
    assert [0, 0, -1008] == [events[trace]["errcode"] for trace in told]


async def test_the_query_that_checks_a_url_is_signed(shop: Any) -> None:
    check = (await shop.control("GET", "push"))["check"]

    assert sha1(shop.line["push_token"], check["timestamp"], check["nonce"]) == check["signature"]
    assert check["echostr"].isdigit()


@pytest.mark.parametrize(
    "body",
    [
        {"url": "ftp://a"},
        {"url": "http://a", "mode": "open"},
        {"url": "http://a", "format": "yaml"},
        {"url": "http://a", "corrupt": "all", "message": {}},
        {"url": "http://a", "message": "hi"},
        {"url": "http://a", "else": 1},
        {},
    ],
)
async def test_a_wrong_control_request_is_refused(shop: Any, body: Any) -> None:
    assert (await shop.control("POST", "push", **body))[0] == 400
