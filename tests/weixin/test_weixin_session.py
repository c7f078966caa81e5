"""User data and signatures of a session: the documented vectors, then everything a client may get wrong."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from tongfu import InvalidParams, MalformedAnswer, SignatureError, TongfuError
from tongfu_weixin import session
from tongfu_weixin.errors import StaleSessionKey

# developers.weixin.qq.com/miniprogram/dev/framework/open-ability/signature.html, its demo
APP_ID = "wx4f4bc4dec97d474b"
KEY = "tiihtNczf5v6AKRyjwEUhQ=="
IV = "r7BXXKkLb8qrSNn05n0qiA=="
DATA = (
    "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4lGOET"
    "KUQz6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXw"
    "u0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UI"
    "eorGj5Ef7b1pJAYB6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJdNiKdYmYV"
    "oKlaRv85IfVunYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOyuxINew=="
)
USER = {
    "openId": "oGZUI0egBJY1zhBYw2KhdUfwVJJE",
    "nickName": "Band",
    "gender": 1,
    "language": "zh_CN",
    "city": "Guangzhou",
    "province": "Guangdong",
    "country": "CN",
    "avatarUrl": "http://wx.qlogo.cn/mmopen/vi_32/aSKcBBPpibyKNicHNTMM0qJVh8Kjgiak2AHWr8MHM4WgMEm7GFhsf8OYrySdbvAMvTsw3mo"
    "8ibKicsnfN5pRjl1p8HQ/0",
    "unionId": "ocMvos6NjeKLIBqg5Mr9QjxrP1FA",
    "watermark": {"timestamp": 1477314187, "appid": APP_ID},
}
MADE = datetime.fromtimestamp(1477314187, UTC)
# wechatpy's tests
PHONE_APP = "wxdaa2ab9ef87b5497"
PHONE = (
    "Kf3TdPbzEmhWMuPKtlKxIWDkijhn402w1bxoHL4kLdcKr6jT1jNcIhvDJfjXmJcgDWLjmBiIGJ5acUuSvxLws3WgAkERmtTuiCG10CKLsJiR+AXV"
    "k7B2TUQzsq88YVilDz/YAN3647REE7glGmeBPfvUmdbfDzhL9BzvEiuRhABuCYyTMz4iaM8hFjbLB1caaeoOlykYAFMWC5pZi9P8uw==",
    "Cds8j3VYoGvnTp1BrjXdJg==",
    "lyY4HPQbaOYzZdG+JcYK9w==",
)
RAW_DATA = (
    '{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN",'
    '"avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpuj'
    'xyzYsrztuuICqIM5ibXQ/0"}'
)
RAW_KEY = "HyVFkGl5F5OQWJZZaNzBBg=="
RAW_SIGNATURE = "75e81ceda165f4ffa64f4068af58c64b8f54b88c"


def sealed(plain: bytes, *, pad: bytes | None = None) -> str:
    """What WeChat would make of *plain* under the demo's key and iv; *pad* in the place of the right padding."""
    if pad is None:
        size = 16 - len(plain) % 16
        pad = bytes([size]) * size
    encryptor = Cipher(algorithms.AES(base64.b64decode(KEY)), modes.CBC(base64.b64decode(IV))).encryptor()
    return base64.b64encode(encryptor.update(plain + pad) + encryptor.finalize()).decode()


def opened(data: Any, **changes: Any) -> Any:
    return session.decrypt(data, changes.pop("iv", IV), changes.pop("key", KEY), **{"app_id": APP_ID, **changes})


def test_the_documents_demo_decrypts() -> None:
    assert USER == opened(DATA)


def test_the_demos_user_is_typed_and_keeps_the_wires_camel_case() -> None:
    user = session.decrypt_user(DATA, IV, KEY, app_id=APP_ID)

    assert {name: value for name, value in USER.items() if name != "watermark"} == user.to_camel()
    assert (1477314187, USER) == (user.timestamp, user.raw)


def test_a_phone_number_decrypts() -> None:
    phone = session.decrypt_phone(*PHONE, app_id=PHONE_APP)

    assert {
        "phoneNumber": "18017448610",
        "purePhoneNumber": "18017448610",
        "countryCode": "86",
    } == phone.to_camel()
    assert 1558787160 == phone.timestamp
    assert "18017448610" not in repr(phone)


def test_a_share_decrypts() -> None:
    plain = {"openGId": "tGu-cWuTo3DQJ4cX7I1WB6Wo6ZGI", "watermark": {"timestamp": 1477314187, "appid": APP_ID}}
    share = session.decrypt_share(sealed(json.dumps(plain).encode()), IV, KEY, app_id=APP_ID)

    assert {"openGId": "tGu-cWuTo3DQJ4cX7I1WB6Wo6ZGI"} == share.to_camel()


@pytest.mark.parametrize("read", [session.decrypt_phone, session.decrypt_share])
def test_another_payload_than_the_one_asked_for_is_malformed(read: Callable[..., Any]) -> None:
    with pytest.raises(MalformedAnswer, match=r"has no (phoneNumber|openGId)"):
        read(DATA, IV, KEY, app_id=APP_ID)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b'{"foo":"bar"}', "654571f79995b2ce1e149e53c0a33dc39c0a74090db514261454e8dbe432aa0b"),
        (b"", "46e043c5525c2d817c44be603d30837a808a1d930d038f6fdc3e62a201fed128"),
    ],
)
def test_the_sessions_signature_is_the_documented_one(message: bytes, expected: str) -> None:
    assert expected == session.signature_of("o0q0otL8aEzpcZL/FT9WsQ==", message)


def test_checksession_signs_nothing() -> None:
    key = "o0q0otL8aEzpcZL/FT9WsQ=="

    assert session.signature_of(key, b"") == session.signature_of(key)


def test_the_documents_raw_data_is_signed() -> None:
    session.check_raw_data(RAW_DATA, RAW_SIGNATURE, RAW_KEY)


@pytest.mark.parametrize(
    ("raw_data", "signature", "key"),
    [
        (RAW_DATA.replace("Band", "Bond"), RAW_SIGNATURE, RAW_KEY),
        (RAW_DATA + " ", RAW_SIGNATURE, RAW_KEY),
        (RAW_DATA, RAW_SIGNATURE[:-1] + "d", RAW_KEY),
        (RAW_DATA, "", RAW_KEY),
        (RAW_DATA, RAW_SIGNATURE.upper(), RAW_KEY),
        (RAW_DATA, "七" * 40, RAW_KEY),
        (RAW_DATA, RAW_SIGNATURE, KEY),
    ],
)
def test_raw_data_that_is_not_signed_is_refused(raw_data: str, signature: str, key: str) -> None:
    with pytest.raises(SignatureError, match="rawData"):
        session.check_raw_data(raw_data, signature, key)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ((RAW_DATA, RAW_SIGNATURE, ""), "session_key"),
        ((RAW_DATA, RAW_SIGNATURE, None), "session_key"),
        ((json.loads(RAW_DATA), RAW_SIGNATURE, RAW_KEY), "raw_data"),
        (("\ud83d", RAW_SIGNATURE, RAW_KEY), "raw_data"),
        (("x" * (session.DATA_LIMIT + 1), RAW_SIGNATURE, RAW_KEY), "raw_data"),
        ((RAW_DATA, None, RAW_KEY), "signature"),
    ],
)
def test_wrong_arguments_of_raw_data_are_named(arguments: tuple[Any, Any, Any], field: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        session.check_raw_data(*arguments)

    assert [field] == list(caught.value.problems)


@pytest.mark.parametrize(("key", "message"), [("", b""), ("七", b""), (KEY, "")])
def test_an_empty_session_key_signs_nothing(key: str, message: Any) -> None:
    with pytest.raises(InvalidParams):
        session.signature_of(key, message)


GOOD = b'{"watermark":{"appid":"wx4f4bc4dec97d474b"}} '
GOOD += b" " * (15 - len(GOOD) % 16)  # what is left after whichever bytes were cut off is good JSON


def test_good_padding_is_good() -> None:
    assert {"watermark": {"appid": APP_ID}} == opened(sealed(GOOD, pad=b"\x01"))


STALE: dict[str, tuple[str, dict[str, Any]]] = {
    "another session's key": (DATA, {"key": RAW_KEY}),
    "another iv": (DATA, {"iv": "Cds8j3VYoGvnTp1BrjXdJg=="}),
    "a block too few": (base64.b64encode(base64.b64decode(DATA)[:-16]).decode(), {}),
    "no whole blocks": (base64.b64encode(base64.b64decode(DATA)[:-1]).decode(), {}),
    "padding of 0": (sealed(GOOD, pad=b"\0"), {}),
    "padding of 17": (sealed(GOOD, pad=b"\x11" * 17), {}),
    "padding of unlike bytes": (sealed(GOOD[:-1], pad=b"\x01\x02"), {}),
    "no JSON": (sealed(b"what"), {}),
    "no object": (sealed(b"[]"), {}),
    "a name twice": (sealed(b'{"a":1,"a":2}'), {}),
    "no UTF-8": (sealed(b'{"a":"\xff"}'), {}),
    "NaN": (sealed(b'{"a":NaN}'), {}),
    "overflow": (sealed(b'{"a":1e999}'), {}),
    "half a character": (sealed(rb'{"a":"\ud83d"}'), {}),
    "too deep": (sealed(b'{"a":' + b"[" * 30_000), {}),
}


@pytest.mark.parametrize(("data", "changes"), STALE.values(), ids=STALE)
def test_whatever_does_not_decrypt_is_one_error(data: str, changes: dict[str, Any]) -> None:
    with pytest.raises(StaleSessionKey) as caught:
        opened(data, **changes)

    assert str(StaleSessionKey()) == str(caught.value)
    assert "wx.login" in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_was_decrypted_hangs_on_no_error() -> None:
    with pytest.raises(StaleSessionKey) as caught:
        opened(sealed(b'{"phoneNumber":"13800138000'))
    error: BaseException | None = caught.value
    while error is not None:
        assert "13800138000" not in f"{error!r} {vars(error)}"
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(("depth", "is_read"), [(63, True), (64, False), (800, False)])
def test_decrypted_data_is_not_nested_without_end(depth: int, is_read: bool) -> None:
    within = b"[" * depth + b"]" * depth
    data = sealed(f'{{"watermark":{{"appid":"{APP_ID}"}},"x":'.encode() + within + b"}")

    if is_read:
        assert {"watermark", "x"} == set(opened(data))
        return
    with pytest.raises(StaleSessionKey):
        opened(data)


def test_a_stale_key_is_a_signature_error_and_pickles() -> None:
    again = pickle.loads(pickle.dumps(StaleSessionKey()))

    assert isinstance(again, SignatureError)
    assert str(StaleSessionKey()) == str(again)


@pytest.mark.parametrize(
    ("data", "app_id"),
    [
        (DATA, "wx4f4bc4dec97d474c"),
        (sealed(b'{"openId":"o1"}'), APP_ID),
        (sealed(b'{"watermark":null}'), APP_ID),
        (sealed(b'{"watermark":["wx4f4bc4dec97d474b"]}'), APP_ID),
        (sealed(b'{"watermark":{"appid":null}}'), APP_ID),
    ],
)
def test_data_without_this_apps_watermark_is_refused(data: str, app_id: str) -> None:
    with pytest.raises(SignatureError, match="watermark") as caught:
        opened(data, app_id=app_id)

    assert not isinstance(caught.value, StaleSessionKey)


@pytest.mark.parametrize("late", [-300, 0, 60])
def test_data_of_the_last_minute_is_fresh(late: int) -> None:
    assert USER == opened(DATA, now=MADE + timedelta(seconds=late), max_age=60)


@pytest.mark.parametrize("late", [-301, 61])
def test_older_data_and_data_of_the_future_are_refused(late: int) -> None:
    with pytest.raises(SignatureError, match="older than 60 seconds"):
        opened(DATA, now=MADE + timedelta(seconds=late), max_age=60)


@pytest.mark.parametrize("timestamp", ["", ',"timestamp":"1"', ',"timestamp":true', ',"timestamp":1' + "0" * 400])
def test_freshness_needs_a_timestamp(timestamp: str) -> None:
    data = sealed(f'{{"watermark":{{"appid":"{APP_ID}"{timestamp}}}}}'.encode())
    with pytest.raises(MalformedAnswer, match="no timestamp"):
        opened(data, now=MADE, max_age=60)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"data": 1}, "encrypted_data"),
        ({"data": ""}, "encrypted_data"),
        ({"data": "not base64!"}, "encrypted_data"),
        ({"data": "七七七七"}, "encrypted_data"),
        ({"data": "A" * (session.DATA_LIMIT + 4)}, "encrypted_data"),
        ({"iv": None}, "iv"),
        ({"iv": "AAAA"}, "iv"),
        ({"key": b"bytes"}, "session_key"),
        ({"key": KEY + "="}, "session_key"),
        ({"key": "AAAA"}, "session_key"),
        ({"app_id": ""}, "app_id"),
        ({"max_age": 60}, "now"),
        ({"max_age": 60, "now": MADE.replace(tzinfo=None)}, "now"),
        ({"max_age": 0, "now": MADE}, "max_age"),
        ({"max_age": float("nan"), "now": MADE}, "max_age"),
        ({"max_age": "60", "now": MADE}, "max_age"),
    ],
)
def test_a_wrong_argument_is_named_and_not_repeated(changes: dict[str, Any], field: str) -> None:
    data = changes.pop("data", DATA)
    with pytest.raises(InvalidParams) as caught:
        opened(data, **changes)

    assert [field] == list(caught.value.problems)
    assert KEY not in str(caught.value)


anything = st.none() | st.integers() | st.text() | st.binary() | st.lists(st.text())
texts = st.binary(max_size=200).map(lambda raw: base64.b64encode(raw).decode())


@given(data=anything | texts, iv=anything | texts | st.just(IV), key=anything | texts | st.just(KEY))
def test_nothing_a_client_sends_raises_anything_else(data: Any, iv: Any, key: Any) -> None:
    with pytest.raises(TongfuError):
        opened(data, iv=iv, key=key)


@given(st.data())
def test_no_changed_byte_raises_anything_else(data: st.DataObject) -> None:
    changed = bytearray(base64.b64decode(DATA))
    where = data.draw(st.integers(0, len(changed) - 1))
    changed[where] ^= data.draw(st.integers(1, 255))
    try:
        found = opened(base64.b64encode(changed).decode())
    except TongfuError:
        return

    # CBC is not authenticated: a byte of the text may change. The watermark never does.
    assert APP_ID == found["watermark"]["appid"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(json_values, st.sampled_from([session.decrypt_phone, session.decrypt_user, session.decrypt_share]))
def test_no_decrypted_structure_raises_anything_else(value: Any, read: Callable[..., Any]) -> None:
    names = ("phoneNumber", "purePhoneNumber", "countryCode", "openId", "openGId", "nickName", "gender")
    plain = {**dict.fromkeys(names, value), "watermark": {"appid": APP_ID, "timestamp": value}}
    try:
        read(sealed(json.dumps(plain).encode()), IV, KEY, app_id=APP_ID, now=MADE, max_age=60)
    except TongfuError:
        return


@given(st.dictionaries(st.text(), st.text() | st.integers(), max_size=5))
def test_what_was_encrypted_decrypts(fields: dict[str, Any]) -> None:
    plain = {**fields, "watermark": {"appid": APP_ID, "timestamp": 1}}

    assert plain == opened(sealed(json.dumps(plain, ensure_ascii=False).encode()))
