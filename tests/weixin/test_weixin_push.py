"""The message push: the documented messages, then everything that comes to a public URL."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import MultiDict

from tongfu import ConfigError, InvalidParams, MalformedAnswer, Notification, SignatureError, TongfuError
from tongfu_weixin import WeixinAccount, push_crypto, push_text
from tongfu_weixin.push import MessagePush, PushMessage

# 消息推送.md: Token AAAAA, an EncodingAESKey of 43 A
TOKEN = "AAAAA"
AES_KEY = "A" * 43
APP_ID = "wxba5fad812f8e6fb9"
PLAIN = {
    "ToUserName": "gh_97417a04a28d",
    "FromUserName": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY",
    "CreateTime": 1714037059,
    "MsgType": "event",
    "Event": "debug_demo",
    "debug_str": "hello world",
}
PLAIN_QUERY = {
    "signature": "899cf89e464efb63f54ddac96b0a0a235f53aa78",
    "timestamp": "1714037059",
    "nonce": "486452656",
}
ENCRYPT = (
    "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR"
    "8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km3"
    "2IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04="
)
SECURE = {"ToUserName": "gh_97417a04a28d", "Encrypt": ENCRYPT}
SECURE_QUERY = {
    "signature": "6c5c811b55cc85e0e1b54100749188c20beb3f5d",
    "timestamp": "1714112445",
    "nonce": "415670741",
    "openid": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY",
    "encrypt_type": "aes",
    "msg_signature": "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3",
}
INSIDE = (
    b'{"ToUserName":"gh_97417a04a28d","FromUserName":"o9AgO5Kd5ggOC-bXrbNODIiE3bGY","CreateTime":1714112445,'
    b'"MsgType":"event","Event":"debug_demo","debug_str":"hello world"}'
)


def at(timestamp: int | str) -> datetime:
    return datetime.fromtimestamp(int(timestamp), UTC)


def push(now: int | str = 1714112445, random: bytes = b"707722b803182950", **changes: Any) -> MessagePush:
    fields = {"app_id": APP_ID, "push_token": TOKEN, "push_aes_key": AES_KEY, **changes}
    return MessagePush(WeixinAccount(**fields), clock=lambda: at(now), random=lambda size: random)


def plain_push(now: int | str = 1714037059, **changes: Any) -> MessagePush:
    return push(now, **{"push_aes_key": "", **changes})


def posted(body: bytes | Mapping[str, Any], query: Mapping[str, Any]) -> Notification:
    return Notification({}, body if isinstance(body, bytes) else json.dumps(body).encode(), query)


def signed(body: bytes, timestamp: int | str = 1714037059, nonce: str = "1") -> Notification:
    signature = push_crypto.signature(TOKEN, str(timestamp), nonce)
    return posted(body, {"signature": signature, "timestamp": str(timestamp), "nonce": nonce})


def sealed(message: bytes, app_id: str = APP_ID, **more: Any) -> Notification:
    """An encrypted push of *message*."""
    return sealed_as(push_crypto.encrypt(push_crypto.aes_key(AES_KEY), message, app_id, b"r" * 16), **more)


def sealed_as(encrypt: str, **more: Any) -> Notification:
    signature = push_crypto.signature(TOKEN, "1714112445", "1", encrypt)
    query = {"msg_signature": signature, "timestamp": "1714112445", "nonce": "1", "encrypt_type": "aes"}
    return posted({"Encrypt": encrypt, **more}, query)


# --- what the document shows --------------------------------------------------------------------


def test_the_consoles_url_check_gets_its_echostr() -> None:
    query = {
        "signature": "f464b24fc39322e44b38aa78f5edd27bd1441696",
        "echostr": "4375120948345356249",
        "timestamp": "1714036504",
        "nonce": "1514711492",
    }
    reply = push(1714036504).check_url(Notification({}, b"", query))

    assert (200, b"4375120948345356249") == (reply.status, reply.body)
    assert {"content-type": "text/plain; charset=utf-8"} == reply.headers


def test_the_plain_message_is_read() -> None:
    message = plain_push().read(posted(PLAIN, PLAIN_QUERY))

    assert (
        PushMessage(
            to_user_name="gh_97417a04a28d",
            from_user_name="o9AgO5Kd5ggOC-bXrbNODIiE3bGY",
            create_time=1714037059,
            msg_type="event",
            event="debug_demo",
            kind="json",
            encrypted=False,
            nonce="486452656",
            raw=PLAIN,
        )
        == message
    )
    assert PLAIN == message.raw
    assert {message: 1}


def test_the_secure_message_is_read() -> None:
    message = push().read(posted(SECURE, SECURE_QUERY))

    assert json.loads(INSIDE) == message.raw
    assert (True, 1714112445, "debug_demo") == (message.encrypted, message.create_time, message.event)
    assert INSIDE == push_crypto.decrypt(push_crypto.aes_key(AES_KEY), ENCRYPT, APP_ID)


def test_the_secure_message_comes_as_xml_too() -> None:
    body = f"<xml><ToUserName>gh_97417a04a28d</ToUserName><Encrypt><![CDATA[{ENCRYPT}]]></Encrypt></xml>".encode()

    assert json.loads(INSIDE) == push().read(posted(body, SECURE_QUERY)).raw


def test_the_reply_is_the_documented_one() -> None:
    message = push().read(posted(SECURE, SECURE_QUERY))
    reply = push(1713424427).reply(message, {"demo_resp": "good luck"})

    assert reply.body == (
        b'{"Encrypt":"ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ==",'
        b'"MsgSignature":"1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1","TimeStamp":1713424427,"Nonce":"415670741"}'
    )
    assert {"content-type": "application/json; charset=utf-8"} == reply.headers


def test_an_xml_reply_is_the_documented_one() -> None:
    message = push().read(
        sealed(b"<xml><ToUserName>gh</ToUserName><CreateTime>1</CreateTime><MsgType>a</MsgType></xml>")
    )
    reply = push(1713424427).reply(message, {"demo_resp": "good luck"})
    fields = push_text.parse(reply.body)[1]

    assert ["Encrypt", "MsgSignature", "TimeStamp", "Nonce"] == list(fields)
    assert ("1713424427", "1") == (fields["TimeStamp"], fields["Nonce"])
    assert fields["MsgSignature"] == push_crypto.signature(TOKEN, "1713424427", "1", fields["Encrypt"])
    assert b"<xml><demo_resp>good luck</demo_resp></xml>" == push_crypto.decrypt(
        push_crypto.aes_key(AES_KEY), fields["Encrypt"], APP_ID
    )


def test_in_compat_mode_the_encrypted_part_is_read_and_not_the_plain_one() -> None:
    for mode in ("", "compat"):
        message = push(push_mode=mode).read(posted({**PLAIN, "debug_str": "forged", **SECURE}, SECURE_QUERY))

        assert ("hello world", True) == (message.raw["debug_str"], message.encrypted)


def test_only_compat_mode_reads_a_plain_message_although_there_is_a_key() -> None:
    assert PLAIN == push(1714037059, push_mode="compat").read(posted(PLAIN, PLAIN_QUERY)).raw
    for mode in ("", "secure"):
        with pytest.raises(SignatureError, match="not encrypted"):
            push(1714037059, push_mode=mode).read(posted(PLAIN, PLAIN_QUERY))


def test_without_a_key_a_compat_message_is_read_plain_and_a_secure_one_says_what_is_missing() -> None:
    query = {**PLAIN_QUERY, "msg_signature": "0" * 40, "encrypt_type": "aes"}

    assert "hello world" == plain_push().read(posted({**PLAIN, "Encrypt": ENCRYPT}, query)).raw["debug_str"]
    with pytest.raises(ConfigError, match="push_aes_key"):
        plain_push(1714112445).read(posted(SECURE, SECURE_QUERY))


def test_success_is_plain_in_every_mode() -> None:
    assert b"success" == push().success().body == plain_push().success().body


# --- what is in a message -----------------------------------------------------------------------

TEXT_XML = """<xml>
  <ToUserName><![CDATA[gh_1]]></ToUserName>
  <FromUserName><![CDATA[oABC]]></FromUserName>
  <CreateTime>1714037059</CreateTime>
  <MsgType><![CDATA[text]]></MsgType>
  <Content><![CDATA[1 < 2 & "二"]]></Content>
  <MsgId>18446744073709551615</MsgId>
</xml>""".encode()


def test_a_text_message_in_xml_keeps_its_64_bit_id() -> None:
    message = plain_push().read(signed(TEXT_XML))

    assert (18446744073709551615, None) == (message.msg_id, message.event)
    assert '1 < 2 & "二"' == message.raw["Content"]
    assert "gh_1/18446744073709551615" == message.dedupe_key
    assert {
        "toUserName": "gh_1",
        "fromUserName": "oABC",
        "createTime": 1714037059,
        "msgType": "text",
        "content": '1 < 2 & "二"',
        "msgId": "18446744073709551615",
    } == message.to_camel()


def test_xml_and_json_of_one_message_are_one_message() -> None:
    fields = {
        "ToUserName": "gh_1",
        "FromUserName": "oABC",
        "CreateTime": 1714037059,
        "MsgType": "text",
        "Content": '1 < 2 & "二"',
        "MsgId": 18446744073709551615,
    }
    by_json, by_xml = plain_push().read(signed(json.dumps(fields).encode())), plain_push().read(signed(TEXT_XML))

    assert by_json.to_camel() == by_xml.to_camel()
    assert by_json.dedupe_key == by_xml.dedupe_key


def test_an_event_is_told_apart_by_who_when_and_what() -> None:
    keys = {
        plain_push().read(signed(json.dumps({**PLAIN, **changes}).encode())).dedupe_key
        for changes in (
            {},
            {"CreateTime": 1714037060},
            {"FromUserName": "o2"},
            {"Event": "user_enter_tempsession"},
            {"ToUserName": "gh_2"},
            {"trace_id": "t1"},
            {"trace_id": "t2"},
        )
    }

    assert 7 == len(keys)
    assert "gh_97417a04a28d/o9AgO5Kd5ggOC-bXrbNODIiE3bGY/1714037059/debug_demo" in keys


@pytest.mark.parametrize("msg_id", [0, "0", "", None])
def test_no_msg_id_is_no_number(msg_id: Any) -> None:
    fields = {**PLAIN, "MsgId": msg_id} if msg_id is not None else PLAIN

    message = plain_push().read(signed(json.dumps(fields).encode()))

    assert None is message.msg_id
    assert "gh_97417a04a28d/o9AgO5Kd5ggOC-bXrbNODIiE3bGY/1714037059/debug_demo" == message.dedupe_key


def test_the_content_checks_event_is_read_deep_in_both_texts() -> None:
    event = {
        **PLAIN,
        "Event": "wxa_media_check",
        "appid": "wx1",
        "trace_id": "967e945cd8a3e458f3c74dcb886068e9",
        "version": 2,
        "detail": [{"strategy": "content_model", "errcode": 0, "prob": 90}, {"strategy": "keyword"}],
        "errcode": 0,
        "result": {"suggest": "risky", "label": 20002},
    }
    xml = push_text.build("xml", event)
    by_json = plain_push().read(signed(json.dumps(event).encode()))
    by_xml = plain_push().read(signed(xml))

    assert event == by_json.raw
    assert [{"strategy": "content_model", "errcode": "0", "prob": "90"}, {"strategy": "keyword"}] == by_xml.raw[
        "detail"
    ]
    assert {"suggest": "risky", "label": "20002"} == by_xml.raw["result"]
    assert "967e945cd8a3e458f3c74dcb886068e9" == by_json.to_camel()["traceId"]
    assert by_json.dedupe_key == by_xml.dedupe_key


def test_a_messages_repr_hides_the_user_and_what_was_said() -> None:
    shown = repr(plain_push().read(signed(TEXT_XML)))

    assert "oABC" not in shown
    assert "二" not in shown


@pytest.mark.parametrize(
    "changes",
    [
        {"ToUserName": ""},
        {"ToUserName": 1},
        {"FromUserName": ["o1"]},
        {"MsgType": None},
        {"CreateTime": None},
        {"CreateTime": "now"},
        {"CreateTime": True},
        {"CreateTime": 1.5},
        {"CreateTime": -1},
        {"MsgId": 1 << 64},
        {"MsgId": "９"},
        {"MsgId": "9" * 5000},
        {"Event": {}},
    ],
)
def test_a_field_of_the_wrong_form_is_malformed(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswer):
        plain_push().read(signed(json.dumps({**PLAIN, **changes}).encode()))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"ToUserName=gh",
        b"[]",
        b"\xff\xfe{\x00}\x00",
        b'{"ToUserName":"a","ToUserName":"b"}',
        b'{"a":NaN}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' + b"[" * 64 + b"]" * 64 + b"}",
        b"<xml></xml>",
        b"<xml>text</xml>",
        b"<xml><a>1</a>",
        b"<root><a>1</a></root>",
        b'<xml><a b="1">1</a></xml>',
        b"<xml>between<a>1</a></xml>",
        b"<!DOCTYPE xml><xml><a>1</a></xml>",
        b"<xml>" + b"<a>" * 20 + b"</a>" * 20 + b"</xml>",
        b"<xml>" + b"<a/>" * 6000 + b"</xml>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><xml><a>&a;</a></xml>',
        b"<xml><a>\xff</a></xml>",
        b"<xml><a>\xed\xa0\x80</a></xml>",
        '<?xml version="1.0" encoding="utf-16"?><xml><a>1</a></xml>'.encode("utf-16"),
        b"<xml><?php 1 ?><a>1</a></xml>",
    ],
)
def test_what_is_neither_safe_xml_nor_safe_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        push_text.parse(body)
    with pytest.raises(MalformedAnswer):
        plain_push().read(signed(body))


@pytest.mark.parametrize("says", ["utf-16", "nonsense", "GBK"])
def test_xml_is_utf_8_whatever_it_says(says: str) -> None:
    assert ("xml", {"a": "二"}) == push_text.parse(
        f'<?xml version="1.0" encoding="{says}"?><xml><a>二</a></xml>'.encode()
    )


@pytest.mark.parametrize("name", ["ToUserName", "FromUserName", "CreateTime", "MsgType", "MsgId"])
def test_an_element_of_the_envelope_comes_once(name: str) -> None:
    with pytest.raises(MalformedAnswer, match=name):
        plain_push().read(signed(TEXT_XML.replace(b"</xml>", f"<{name}>1</{name}></xml>".encode())))


def test_encrypt_comes_once() -> None:
    body = f"<xml><Encrypt>{ENCRYPT}</Encrypt><Encrypt>{ENCRYPT}</Encrypt></xml>".encode()
    with pytest.raises(MalformedAnswer, match="Encrypt"):
        push().read(posted(body, SECURE_QUERY))


# --- who sent it --------------------------------------------------------------------------------


def test_the_wrong_token_is_refused_in_every_mode() -> None:
    for ours, message, query in ((plain_push, PLAIN, PLAIN_QUERY), (push, SECURE, SECURE_QUERY)):
        with pytest.raises(SignatureError, match="push_token"):
            ours(push_token="AAAAB").read(posted(message, query))


@pytest.mark.parametrize("token", ["", None, "AA", "A" * 33, "A A", "七七七", 12345])
def test_an_account_without_a_proper_token_verifies_nothing(token: Any) -> None:
    with pytest.raises(ConfigError, match="push_token"):
        push(push_token=token).read(posted(SECURE, SECURE_QUERY))


@pytest.mark.parametrize("key", ["A" * 42, "A" * 44, "A" * 42 + "=", "七" * 43, b"A" * 43])
def test_a_key_of_the_wrong_form_is_named(key: Any) -> None:
    with pytest.raises(ConfigError, match="push_aes_key"):
        push(push_aes_key=key).read(posted(SECURE, SECURE_QUERY))


@pytest.mark.parametrize(
    "changes", [{"push_mode": "secret"}, {"push_mode": "plain"}, {"push_mode": "secure", "push_aes_key": ""}]
)
def test_a_mode_that_does_not_fit_the_key_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="push_mode"):
        push(**changes)


@pytest.mark.parametrize("name", ["msg_signature", "timestamp", "nonce"])
@pytest.mark.parametrize("value", ["", None, "0", ["x"], "七" * 40, "\ud800"])
def test_an_encrypted_message_needs_each_part_of_its_signature(name: str, value: Any) -> None:
    with pytest.raises(SignatureError):
        push().read(posted(SECURE, {**SECURE_QUERY, name: value}))
    with pytest.raises(SignatureError):
        push().read(posted(SECURE, {key: text for key, text in SECURE_QUERY.items() if key != name}))


@pytest.mark.parametrize("name", ["signature", "timestamp", "nonce"])
@pytest.mark.parametrize("value", ["", None, "0", ["x"]])
def test_a_plain_message_needs_each_part_of_its_signature(name: str, value: Any) -> None:
    with pytest.raises(SignatureError):
        plain_push().read(posted(PLAIN, {**PLAIN_QUERY, name: value}))


def test_the_two_signatures_are_never_mixed() -> None:
    """The one of three values says nothing about an encrypted body, and the one of four nothing about a plain one."""
    three, four = SECURE_QUERY["signature"], SECURE_QUERY["msg_signature"]
    swapped = {**SECURE_QUERY, "signature": four, "msg_signature": three}
    with pytest.raises(SignatureError, match="msg_signature"):
        push().read(posted(SECURE, swapped))
    with pytest.raises(SignatureError, match="'s signature"):
        plain_push(1714112445).read(posted(PLAIN, swapped))
    without = {name: value for name, value in SECURE_QUERY.items() if name != "msg_signature"}
    with pytest.raises(SignatureError, match="no msg_signature"):
        push().read(posted(SECURE, without))


@pytest.mark.parametrize("name", ["msg_signature", "timestamp", "nonce"])
def test_a_parameter_that_comes_twice_is_refused(name: str) -> None:
    twice = MultiDict(SECURE_QUERY)
    twice.add(name, SECURE_QUERY[name])
    with pytest.raises(SignatureError, match=name):
        push().read(posted(SECURE, twice))


def test_digits_do_not_wander_between_timestamp_and_nonce() -> None:
    wandered = {**PLAIN_QUERY, "timestamp": "17140370594", "nonce": "86452656"}
    assert push_crypto.signature(TOKEN, "1714037059", "486452656") == PLAIN_QUERY["signature"]
    with pytest.raises(SignatureError):
        plain_push().read(posted(PLAIN, wandered), max_age=None)


@pytest.mark.parametrize("off", [-300, 300])
def test_a_message_of_the_last_five_minutes_is_read(off: int) -> None:
    assert push(1714112445 + off).read(posted(SECURE, SECURE_QUERY)).encrypted


@pytest.mark.parametrize("off", [-301, 301])
def test_an_older_message_is_refused_unless_the_caller_says_otherwise(off: int) -> None:
    with pytest.raises(SignatureError, match="timestamp"):
        push(1714112445 + off).read(posted(SECURE, SECURE_QUERY))

    with pytest.raises(SignatureError, match="timestamp"):
        push(1714112445 + off).read(posted(SECURE, SECURE_QUERY), max_age=float("nan"))
    assert push(1714112445 + off).read(posted(SECURE, SECURE_QUERY), max_age=None).encrypted
    assert push(1714112445 + off).read(posted(SECURE, SECURE_QUERY), max_age=301).encrypted


@pytest.mark.parametrize("echostr", ["a b", "<b>\n", "二", "a" * 257])
def test_an_echostr_that_the_console_does_not_make_is_not_sent_back(echostr: str) -> None:
    with pytest.raises(MalformedAnswer, match="echostr"):
        push(1714037059).check_url(Notification({}, b"", {**PLAIN_QUERY, "echostr": echostr}))


def test_a_url_check_without_echostr_is_none() -> None:
    with pytest.raises(SignatureError, match="echostr"):
        push(1714037059).check_url(Notification({}, b"", PLAIN_QUERY))


def test_a_url_check_that_is_not_signed_is_refused() -> None:
    query = {**PLAIN_QUERY, "signature": "0" * 40, "echostr": "1"}
    with pytest.raises(SignatureError):
        push(1714037059).check_url(Notification({}, b"", query))


# --- what is encrypted --------------------------------------------------------------------------


def test_a_message_for_another_app_is_refused() -> None:
    with pytest.raises(SignatureError, match="another app"):
        push().read(sealed(INSIDE, app_id="wxba5fad812f8e6fb8"))


def raw_encrypt(plain: bytes) -> str:
    key = push_crypto.aes_key(AES_KEY)
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


HEAD = b"r" * 16
BAD = {
    "empty": "",
    "no base64": "!" * 44,
    "no whole blocks": base64.b64encode(b"x" * 31).decode(),
    "another key": push_crypto.encrypt(b"k" * 32, INSIDE, APP_ID, HEAD),
    "padding of 0": raw_encrypt(HEAD + b"\0" * 16),
    "padding of 33": raw_encrypt(HEAD + b"\x21" * 48),
    "padding of unlike bytes": raw_encrypt(HEAD + b"\x01" * 14 + b"\x02\x03"),
    "nothing but padding": raw_encrypt(b"\x20" * 32),
    "no length": raw_encrypt(HEAD + b"ab" + b"\x0e" * 14),
    "a length beyond the end": raw_encrypt(HEAD + b"\0\0\0\xff" + b"a" * 11 + b"\x01"),
    "a length of 4 GiB": raw_encrypt(HEAD + b"\xff\xff\xff\xff" + b"a" * 11 + b"\x01"),
}


@pytest.mark.parametrize("encrypt", BAD.values(), ids=BAD)
def test_whatever_does_not_decrypt_is_one_error(encrypt: str) -> None:
    with pytest.raises(SignatureError) as caught:
        push().read(sealed_as(encrypt))

    assert "weixin: the message was not encrypted with this account's push_aes_key; use nothing of it" == str(
        caught.value
    )


def test_an_encrypted_message_that_is_no_message_is_malformed() -> None:
    for inside in (b"", b"hello", b"{}", b'{"ToUserName":"a","MsgType":"b"}'):
        with pytest.raises(MalformedAnswer):
            push().read(sealed(inside))


def test_encrypt_is_a_text() -> None:
    with pytest.raises(MalformedAnswer, match="Encrypt"):
        push().read(posted({"Encrypt": [ENCRYPT]}, SECURE_QUERY))


@pytest.mark.parametrize("size", range(40))
def test_a_message_of_every_size_decrypts(size: int) -> None:
    key = push_crypto.aes_key(AES_KEY)
    encrypted = push_crypto.encrypt(key, b"m" * size, APP_ID, HEAD)

    assert 0 == len(base64.b64decode(encrypted)) % 32
    assert b"m" * size == push_crypto.decrypt(key, encrypted, APP_ID)


def test_the_spare_bits_of_the_last_character_are_ignored() -> None:
    assert push_crypto.aes_key("A" * 42 + "A") == push_crypto.aes_key("A" * 42 + "B")


def test_randomness_is_new_for_each_reply_and_16_bytes() -> None:
    ours = MessagePush(
        WeixinAccount(app_id=APP_ID, push_token=TOKEN, push_aes_key=AES_KEY), clock=lambda: at(1714112445)
    )
    message = ours.read(posted(SECURE, SECURE_QUERY))

    assert 20 == len({ours.reply(message, {"a": 1}).body for _ in range(20)})
    with pytest.raises(ValueError, match="16"):
        push_crypto.encrypt(b"k" * 32, b"", APP_ID, b"short")


# --- from a socket ------------------------------------------------------------------------------


async def test_an_aiohttp_handler_reads_and_answers_and_sees_parameters_that_come_twice() -> None:
    async def handler(request: web.BaseRequest) -> web.Response:
        try:
            message = push().read(await Notification.from_request(request))
        except TongfuError as exc:
            return web.Response(status=400, text=type(exc).__name__)
        reply = push(1713424427).reply(message, {"demo_resp": "good luck"})
        return web.Response(status=reply.status, headers=reply.headers, body=reply.body)

    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/push?{urlencode(SECURE_QUERY)}"
    async with aiohttp.ClientSession() as client:
        async with client.post(url, json=SECURE) as response:
            answer = (response.status, response.content_type, (await response.json())["MsgSignature"])
        async with client.post(f"{url}&nonce=415670741", json=SECURE) as response:
            twice = (response.status, await response.text())
    await runner.cleanup()

    assert (200, "application/json", "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1") == answer
    assert (400, "SignatureError") == twice


# --- replies ------------------------------------------------------------------------------------


def test_the_hand_over_turns_sender_and_receiver_in_the_messages_text() -> None:
    by_xml = plain_push().read(signed(TEXT_XML))
    by_json = plain_push().read(signed(json.dumps({**PLAIN, "MsgType": "text"}).encode()))

    assert (
        b"<xml><ToUserName>oABC</ToUserName><FromUserName>gh_1</FromUserName><CreateTime>1714037060</CreateTime>"
        b"<MsgType>transfer_customer_service</MsgType></xml>"
    ) == plain_push(1714037060).transfer_customer_service(by_xml).body
    assert (
        b'{"ToUserName":"o9AgO5Kd5ggOC-bXrbNODIiE3bGY","FromUserName":"gh_97417a04a28d","CreateTime":1714037060,'
        b'"MsgType":"transfer_customer_service"}'
    ) == plain_push(1714037060).transfer_customer_service(by_json).body


def test_a_hand_over_of_an_encrypted_message_is_encrypted() -> None:
    message = push().read(sealed(INSIDE.replace(b'"event"', b'"text"')))
    fields = json.loads(push().transfer_customer_service(message).body)

    assert ["Encrypt", "MsgSignature", "TimeStamp", "Nonce"] == list(fields)
    assert (
        "transfer_customer_service"
        == json.loads(push_crypto.decrypt(push_crypto.aes_key(AES_KEY), fields["Encrypt"], APP_ID))["MsgType"]
    )


def test_a_reply_is_written_raw_in_utf_8_and_escaped() -> None:
    by_xml = plain_push().read(signed(TEXT_XML))
    by_json = plain_push().read(signed(json.dumps(PLAIN).encode()))
    fields = {"Content": "二 <&> ]]>", "Image": {"MediaId": "m"}, "Articles": [{"Title": "a"}, {"Title": "b"}]}

    assert (
        "<xml><Content>二 &lt;&amp;&gt; ]]&gt;</Content><Image><MediaId>m</MediaId></Image>"
        "<Articles><Title>a</Title></Articles><Articles><Title>b</Title></Articles></xml>"
    ).encode() == plain_push().reply(by_xml, fields).body
    assert (
        '{"Content":"二 <&> ]]>","Image":{"MediaId":"m"},"Articles":[{"Title":"a"},{"Title":"b"}]}'.encode()
        == plain_push().reply(by_json, fields).body
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"a": b"bytes"},
        {"a": 1.5},
        {"a": None},
        {"a": "\0"},
        {"a": "\ud800"},
        {"a><b": "1"},
        {"": "1"},
        {"七": "1"},
        {"a": [["1"]]},
        {"a": True},
    ],
)
def test_what_xml_cannot_say_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidParams):
        plain_push().reply(plain_push().read(signed(TEXT_XML)), fields)


@pytest.mark.parametrize("fields", [{"a": b"bytes"}, {"a": float("nan")}, {"a": "\ud800"}, {("a",): 1}])
def test_what_json_cannot_say_is_refused(fields: Any) -> None:
    with pytest.raises(InvalidParams):
        plain_push().reply(plain_push().read(signed(json.dumps(PLAIN).encode())), fields)


@pytest.mark.parametrize("fields", [["a"], None, "success", 5])
def test_a_reply_is_a_mapping(fields: Any) -> None:
    for body in (TEXT_XML, json.dumps(PLAIN).encode()):
        with pytest.raises(InvalidParams, match="expected a mapping"):
            plain_push().reply(plain_push().read(signed(body)), fields)


def test_a_structure_within_itself_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["a"] = endless
    for body in (TEXT_XML, json.dumps(PLAIN).encode()):
        with pytest.raises(InvalidParams):
            plain_push().reply(plain_push().read(signed(body)), endless)


# --- anything at all ----------------------------------------------------------------------------

queries = st.dictionaries(
    st.sampled_from(["signature", "msg_signature", "timestamp", "nonce", "echostr", "encrypt_type"]),
    st.text() | st.from_regex(r"1[0-9]{9}", fullmatch=True) | st.lists(st.text()) | st.none() | st.integers(),
)


@given(st.binary() | st.just(json.dumps(SECURE).encode()), queries)
def test_nothing_that_comes_raises_anything_else(body: bytes, query: Any) -> None:
    for ours in (push(), plain_push(), push(push_mode="compat")):
        with pytest.raises(TongfuError):
            ours.read(posted(body, query))
        with pytest.raises(TongfuError):
            ours.check_url(posted(body, query))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from([*PLAIN, "MsgId", "Encrypt", "trace_id"]) | st.text(max_size=5)


def read_whole(ours: MessagePush, notification: Notification) -> None:
    try:
        message = ours.read(notification)
        assert isinstance(message.dedupe_key, str)
        message.to_camel()
        ours.transfer_customer_service(message)
    except TongfuError:
        return


@given(st.dictionaries(names, json_values, max_size=6))
def test_no_signed_structure_raises_anything_else(changes: dict[str, Any]) -> None:
    body = json.dumps({**PLAIN, **changes}).encode()
    read_whole(plain_push(), signed(body))
    read_whole(push(), sealed(body))
    read_whole(push(), sealed_as("A", **{str(name): value for name, value in changes.items() if name != "Encrypt"}))


@given(st.sampled_from([TEXT_XML, INSIDE]), st.data())
def test_no_changed_byte_raises_anything_else(body: bytes, data: st.DataObject) -> None:
    changed = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    read_whole(plain_push(), signed(bytes(changed)))
    read_whole(push(), sealed(bytes(changed)))


@given(st.data())
def test_no_tampered_ciphertext_is_read(data: st.DataObject) -> None:
    where = data.draw(st.integers(0, len(ENCRYPT) - 1))
    letter = data.draw(st.sampled_from("ABCxyz019+/=").filter(lambda one: one != ENCRYPT[where]))
    tampered = {**SECURE, "Encrypt": ENCRYPT[:where] + letter + ENCRYPT[where + 1 :]}
    with pytest.raises(SignatureError, match="msg_signature"):
        push().read(posted(tampered, SECURE_QUERY))


@example({"a": "\r\n\r &#13; \t", "b": "]]>"})
@given(st.dictionaries(st.from_regex(r"[A-Za-z_]\w{0,9}", fullmatch=True).filter(str.isascii), st.text(), max_size=5))
def test_what_is_built_is_parsed(fields: dict[str, str]) -> None:
    for kind in ("xml", "json"):
        try:
            body = push_text.build(kind, fields)
        except InvalidParams:
            continue

        if fields or kind == "json":
            assert (kind, fields) == push_text.parse(body)


@given(st.binary(max_size=300), st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32))
def test_what_is_encrypted_decrypts(message: bytes, random: bytes, key: bytes) -> None:
    assert message == push_crypto.decrypt(key, push_crypto.encrypt(key, message, APP_ID, random), APP_ID)


def test_the_clock_has_a_zone_of_its_own() -> None:
    """Whatever the zone of the clock, it is the same moment."""
    account = WeixinAccount(app_id=APP_ID, push_token=TOKEN, push_aes_key=AES_KEY)
    shanghai = datetime.fromtimestamp(1714112445, UTC).astimezone() + timedelta(seconds=1)

    assert MessagePush(account, clock=lambda: shanghai).read(posted(SECURE, SECURE_QUERY)).encrypted
