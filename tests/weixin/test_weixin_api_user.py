"""Sessions that were begun, and phone numbers. Fixtures: conftest.py here."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from tongfu import InvalidParams, MalformedAnswer, OutcomeUnknown, PlatformRefused
from tongfu.errors import CodeRejected, RateLimited, TransportError
from tongfu_weixin.api.phonenumber import PhoneInfo, UserPhoneNumber, Watermark
from tongfu_weixin.api.result import Done
from tongfu_weixin.api.session import EncryptedDataCheck, EncryptKey, EncryptKeys, PluginOpenpid, ResetSession
from tongfu_weixin.errors import SessionEnded

HOST = "https://api.weixin.qq.com"
OK = {"errcode": 0, "errmsg": "ok"}
CAMEL = {"errCode": 0, "errMsg": "ok"}
# Vector D3: the key is the text as it is, the message is empty.
SESSION_KEY = "o0q0otL8aEzpcZL/FT9WsQ=="
SIGNED = "openid=oABC&signature=46e043c5525c2d817c44be603d30837a808a1d930d038f6fdc3e62a201fed128&sig_method=hmac_sha256"
USER = {"openid": "oABC", "session_key": SESSION_KEY}
PHONE = {
    "phoneNumber": "13580006666",
    "purePhoneNumber": "13580006666",
    "countryCode": "86",
    "watermark": {"timestamp": 1637744274, "appid": "wxba5fad812f8e6fb9"},
}
KEY = {
    "encrypt_key": "VI6BpyrK9XH4i4AIGe86tg==",
    "version": 10,
    "expire_in": 3597,
    "iv": "6003f73ec441c386",
    "create_time": 1616572301,
}
KEY_CAMEL = {
    "encryptKey": "VI6BpyrK9XH4i4AIGe86tg==",
    "version": 10,
    "expireIn": 3597,
    "iv": "6003f73ec441c386",
    "createTime": 1616572301,
}

# namespace and method, positional and keyword arguments, method, path with query, body, answer, result, document
EXCHANGES: list[tuple[str, tuple[Any, ...], dict[str, Any], str, str, str, dict[str, Any], Any, dict[str, Any]]] = [
    (
        "phonenumber.get_phone_number",
        ("e31968a7f94cc5ee25fafc2aef2773f0bb8c3937b22520eb8ee345274d00c144",),
        {},
        "POST",
        "/wxa/business/getuserphonenumber?access_token=TOKEN",
        '{"code":"e31968a7f94cc5ee25fafc2aef2773f0bb8c3937b22520eb8ee345274d00c144"}',
        {**OK, "phone_info": PHONE},
        UserPhoneNumber(
            phone_info=PhoneInfo(
                phone_number="13580006666",
                pure_phone_number="13580006666",
                country_code="86",
                watermark=Watermark(timestamp=1637744274, appid="wxba5fad812f8e6fb9"),
            )
        ),
        {**CAMEL, "phoneInfo": PHONE},
    ),
    (
        "auth.check_session",
        (),
        USER,
        "GET",
        f"/wxa/checksession?access_token=TOKEN&{SIGNED}",
        "",
        OK,
        Done(),
        CAMEL,
    ),
    (
        "auth.reset_session_key",
        (),
        USER,
        "GET",
        f"/wxa/resetusersessionkey?access_token=TOKEN&{SIGNED}",
        "",
        {**OK, "openid": "oABC", "session_key": "tiihtNczf5v6AKRyjwEUhQ=="},
        ResetSession(openid="oABC", session_key="tiihtNczf5v6AKRyjwEUhQ=="),
        {**CAMEL, "openid": "oABC", "sessionKey": "tiihtNczf5v6AKRyjwEUhQ=="},
    ),
    (
        "auth.get_plugin_openpid",
        ("CODE",),
        {},
        "POST",
        "/wxa/getpluginopenpid?access_token=TOKEN",
        '{"code":"CODE"}',
        {**OK, "openpid": "oPID"},
        PluginOpenpid(openpid="oPID"),
        {**CAMEL, "openpid": "oPID"},
    ),
    (
        "auth.check_encrypted_data",
        ("CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZM",),
        {},
        "POST",
        "/wxa/business/checkencryptedmsg?access_token=TOKEN",
        '{"encrypted_msg_hash":"' + hashlib.sha256(b"CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZM").hexdigest() + '"}',
        {**OK, "vaild": True, "create_time": 1629121902},
        EncryptedDataCheck(valid=True, create_time=1629121902),
        {**CAMEL, "valid": True, "createTime": 1629121902},
    ),
    (
        "auth.get_user_encrypt_key",
        (),
        USER,
        "POST",
        f"/wxa/business/getuserencryptkey?access_token=TOKEN&{SIGNED}",
        "",
        {**OK, "key_info_list": [KEY]},
        EncryptKeys(key_info_list=(EncryptKey(**KEY),)),  # type: ignore[arg-type]
        {**CAMEL, "keyInfoList": [KEY_CAMEL]},
    ),
    (
        "auth.get_user_encrypt_key",
        (),
        {**USER, "method": "GET"},
        "GET",
        f"/wxa/business/getuserencryptkey?access_token=TOKEN&{SIGNED}",
        "",
        {**OK, "key_info_list": []},
        EncryptKeys(key_info_list=()),
        {**CAMEL, "keyInfoList": []},
    ),
]


def method(mini: Any, name: str) -> Any:
    namespace, _, one = name.partition(".")
    return getattr(getattr(mini.weixin, namespace), one)


@pytest.mark.parametrize(("name", "args", "kwargs", "verb", "path", "body", "answer", "result", "document"), EXCHANGES)
async def test_a_call_goes_out_as_documented_and_its_answer_is_read(
    mini: Any,
    name: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    verb: str,
    path: str,
    body: str,
    answer: dict[str, Any],
    result: Any,
    document: dict[str, Any],
) -> None:
    mini.answers(answer)

    answered = await method(mini, name)(*args, **kwargs)

    assert (verb, HOST + path, body.encode()) == mini.wire()
    assert (result, document, answer) == (answered, answered.to_camel(), answered.raw)


async def test_a_phone_code_can_be_bound_to_a_user(mini: Any) -> None:
    mini.answers({**OK, "phone_info": PHONE})

    await mini.weixin.phonenumber.get_phone_number("CODE", "oABC")

    assert b'{"code":"CODE","openid":"oABC"}' == mini.wire()[2]


async def test_no_repr_has_a_number_a_key_or_a_user(mini: Any) -> None:
    mini.answers({**OK, "phone_info": PHONE}, {**OK, "openid": "oABC", "session_key": "K"}, {**OK, "openpid": "oPID"})
    mini.answers({**OK, "key_info_list": [KEY]})
    weixin = mini.weixin

    assert (
        "UserPhoneNumber(phone_info=PhoneInfo(country_code='86', "
        "watermark=Watermark(timestamp=1637744274, appid='wxba5fad812f8e6fb9')))"
    ) == repr(await weixin.phonenumber.get_phone_number("CODE"))
    assert "ResetSession()" == repr(await weixin.auth.reset_session_key(**USER))
    assert "PluginOpenpid()" == repr(await weixin.auth.get_plugin_openpid("CODE"))
    assert "EncryptKeys(key_info_list=(EncryptKey(version=10, expire_in=3597, create_time=1616572301),))" == repr(
        await weixin.auth.get_user_encrypt_key(**USER)
    )


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "fields"),
    [
        ("phonenumber.get_phone_number", ("",), {}, {"code"}),
        ("phonenumber.get_phone_number", (None,), {}, {"code"}),
        ("phonenumber.get_phone_number", ("c", "x" * 129), {}, {"openid"}),
        ("auth.check_session", (), {"openid": "", "session_key": "a b"}, {"openid", "session_key"}),
        ("auth.check_session", (), {"openid": "o", "session_key": "键"}, {"session_key"}),
        ("auth.reset_session_key", (), {"openid": "o", "session_key": None}, {"session_key"}),
        ("auth.get_plugin_openpid", ("x" * 513,), {}, {"code"}),
        ("auth.check_encrypted_data", ("",), {}, {"encrypted_data"}),
        ("auth.check_encrypted_data", (b"bytes",), {}, {"encrypted_data"}),
        ("auth.check_encrypted_data", ("not base64!",), {}, {"encrypted_data"}),
        ("auth.get_user_encrypt_key", (), {**USER, "method": "PUT"}, {"method"}),
    ],
)
async def test_what_the_platform_would_refuse_is_not_sent(
    mini: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], fields: set[str]
) -> None:
    with pytest.raises(InvalidParams) as caught:
        await method(mini, name)(*args, **kwargs)
    assert (fields, []) == (set(caught.value.problems), mini.sent)
    assert "not base64!" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "args", "kwargs"),
    [
        ("phonenumber.get_phone_number", ("CODE",), {}),
        ("auth.get_plugin_openpid", ("CODE",), {}),
        ("auth.reset_session_key", (), USER),
    ],
)
async def test_what_uses_a_code_or_a_key_up_is_never_sent_twice(
    mini: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    mini.answers(TransportError("gone"))

    with pytest.raises(OutcomeUnknown):
        await method(mini, name)(*args, **kwargs)
    assert 1 == len(mini.sent)


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "answer"),
    [
        ("auth.check_session", (), USER, OK),
        ("auth.check_encrypted_data", ("QUJD",), {}, {**OK, "vaild": False}),
        ("auth.get_user_encrypt_key", (), USER, {**OK, "key_info_list": []}),
    ],
)
async def test_a_question_is_asked_again(
    mini: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], answer: dict[str, Any]
) -> None:
    mini.answers(TransportError("gone"), answer)

    await method(mini, name)(*args, **kwargs)

    assert 2 == len(mini.sent)


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "code", "kind"),
    [
        ("auth.check_session", (), USER, 87009, SessionEnded),
        ("auth.reset_session_key", (), USER, 87007, SessionEnded),
        ("auth.reset_session_key", (), USER, 45011, RateLimited),
        ("auth.get_user_encrypt_key", (), USER, 87008, PlatformRefused),
        ("auth.check_encrypted_data", ("QUJD",), {}, 1, PlatformRefused),
        ("phonenumber.get_phone_number", ("CODE",), {}, 40029, CodeRejected),
        ("phonenumber.get_phone_number", ("CODE",), {}, 40013, PlatformRefused),  # the code is another app's
        ("auth.get_plugin_openpid", ("CODE",), {}, 1003, PlatformRefused),
    ],
)
async def test_a_refusal_says_who_must_act(
    mini: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], code: int, kind: type[PlatformRefused]
) -> None:
    mini.answers({"errcode": code, "errmsg": "no"})

    with pytest.raises(PlatformRefused) as caught:
        await method(mini, name)(*args, **kwargs)
    assert (kind, str(code)) == (type(caught.value), caught.value.code)
    assert SESSION_KEY not in str(caught.value) + repr(caught.value)


@pytest.mark.parametrize(
    ("name", "args", "kwargs", "answer"),
    [
        ("phonenumber.get_phone_number", ("CODE",), {}, {}),
        ("phonenumber.get_phone_number", ("CODE",), {}, {"phone_info": []}),
        ("phonenumber.get_phone_number", ("CODE",), {}, {"phone_info": {**PHONE, "phoneNumber": {"a": 1}}}),
        ("phonenumber.get_phone_number", ("CODE",), {}, {"phone_info": {**PHONE, "watermark": "x"}}),
        ("auth.reset_session_key", (), USER, {"openid": "oABC"}),
        ("auth.get_plugin_openpid", ("CODE",), {}, {"openpid": None}),
        ("auth.check_encrypted_data", ("QUJD",), {}, {"vaild": "true"}),
        ("auth.check_encrypted_data", ("QUJD",), {}, {"vaild": 1}),
        ("auth.get_user_encrypt_key", (), USER, {"key_info_list": [{**KEY, "version": 1.5}]}),
    ],
)
async def test_an_answer_of_another_shape_is_malformed(
    mini: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], answer: dict[str, Any]
) -> None:
    mini.answers({**OK, **answer})

    with pytest.raises(MalformedAnswer) as caught:
        await method(mini, name)(*args, **kwargs)
    assert "13580006666" not in str(caught.value)
