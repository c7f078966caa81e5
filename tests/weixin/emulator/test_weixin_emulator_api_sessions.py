"""Login, session keys, encrypted data, phone numbers and union ids, by sections A1, A4, A9 and A11."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

import tongfu


def signed(session_key: str) -> dict[str, str]:
    """D3: the session_key as it stands is the key, over the empty message."""
    return {
        "signature": hmac.new(session_key.encode(), b"", hashlib.sha256).hexdigest(),
        "sig_method": "hmac_sha256",
    }


def decrypted(data: dict[str, str], session_key: str) -> Any:
    key, iv = base64.b64decode(session_key), base64.b64decode(data["iv"])
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    plain = decryptor.update(base64.b64decode(data["encryptedData"])) + decryptor.finalize()
    return json.loads(plain[: -plain[-1]])


async def test_a_login_code_is_good_once_and_for_five_minutes(shop: Any) -> None:
    code = (await shop.control("POST", "login", openid="o1"))["code"]
    got = await shop.session(code)
    again = await shop.session(code)
    late = (await shop.control("POST", "login", openid="o1"))["code"]
    await shop.emu.clock.advance(300)

    assert {"session_key": got.told["session_key"], "openid": "o1"} == got.told
    assert len(base64.b64decode(got.told["session_key"], validate=True)) == 16
    assert got.headers["content-type"] == "text/plain"
    assert [40163, 40029, 40029] == [
        again.errcode,
        (await shop.session(late)).errcode,
        (await shop.session("unheard-of")).errcode,
    ]


@pytest.mark.parametrize(
    ("changed", "errcode"), [({"secret": "wrong"}, 40125), ({"appid": "wx0"}, 40013), ({"grant_type": "code"}, 40002)]
)
async def test_a_login_with_wrong_credentials_does_not_use_the_code_up(
    shop: Any, changed: dict[str, str], errcode: int
) -> None:
    code = (await shop.control("POST", "login", openid="o1"))["code"]

    assert [errcode, 0] == [(await shop.session(code, **changed)).errcode, (await shop.session(code)).errcode]


async def test_the_unionid_comes_where_the_app_is_bound(shop: Any) -> None:
    code = (await shop.control("POST", "login", openid="o1", unionid="u1"))["code"]

    assert (await shop.session(code)).told["unionid"] == "u1"


async def test_one_user_may_log_in_a_hundred_times_a_minute(shop: Any) -> None:
    codes = []
    for _ in range(101):
        code = (await shop.control("POST", "login", openid="o1"))["code"]
        codes.append((await shop.session(code)).errcode)
    await shop.emu.clock.advance(60)
    codes.append((await shop.session(code)).errcode)

    assert [*[0] * 100, 45011, 0] == codes


async def test_a_session_key_is_good_until_the_next_login_or_a_reset(shop: Any) -> None:
    first = await shop.login()
    second = await shop.login()
    checks = [(await shop.get("/wxa/checksession", openid="o1", **signed(key))).errcode for key in (first, second)]
    reset = (await shop.get("/wxa/resetusersessionkey", openid="o1", **signed(second))).told
    third = reset["session_key"]
    after = [(await shop.get("/wxa/checksession", openid="o1", **signed(key))).errcode for key in (second, third)]

    assert ([87009, 0], [87009, 0]) == (checks, after)
    assert {"errcode": 0, "errmsg": "ok", "openid": "o1", "session_key": third} == reset


async def test_a_key_that_was_decoded_before_it_signed_is_refused(shop: Any) -> None:
    key = await shop.login()
    wrong = hmac.new(base64.b64decode(key), b"", hashlib.sha256).hexdigest()
    got = await shop.get("/wxa/checksession", openid="o1", signature=wrong, sig_method="hmac_sha256")

    assert got.errcode == 87009
    assert "session_key as text" in got.headers["X-Emulator-Explain"]


async def test_session_calls_name_what_is_wrong(shop: Any) -> None:
    key = await shop.login()
    md5 = signed(key) | {"sig_method": "md5"}
    path = "/wxa/resetusersessionkey"

    assert [87008, 87007, 40097] == [
        (await shop.get(path, openid="o1", **md5)).errcode,
        (await shop.get(path, openid="o2", **signed(key))).errcode,
        (await shop.get(path, openid="o1", sig_method="hmac_sha256")).errcode,
    ]


async def test_userinfo_is_encrypted_under_the_session_key_and_its_raw_data_signed(shop: Any) -> None:
    key = await shop.login()
    data = await shop.control("POST", "user_data", openid="o1", kind="userinfo", data={"nickName": "小明"})
    plain = decrypted(data, key)

    assert {"appid": shop.line["app_id"], "timestamp": 1768359845} == plain["watermark"]
    assert ("o1", "小明") == (plain["openId"], plain["nickName"])
    assert json.loads(data["rawData"])["nickName"] == "小明"
    assert hashlib.sha1((data["rawData"] + key).encode()).hexdigest() == data["signature"]


async def test_phone_and_share_data_have_their_own_fields(shop: Any) -> None:
    key = await shop.login()
    phone = decrypted(await shop.control("POST", "user_data", openid="o1", kind="phone"), key)
    share = decrypted(await shop.control("POST", "user_data", openid="o1", kind="share", appid="wxother"), key)

    assert {
        "phoneNumber": "13800138000",
        "purePhoneNumber": "13800138000",
        "countryCode": "86",
        "watermark": {"timestamp": 1768359845, "appid": shop.line["app_id"]},
    } == phone
    assert {"openGId", "watermark"} == set(share)
    assert share["watermark"]["appid"] == "wxother"


async def test_there_is_no_user_data_without_a_session(shop: Any) -> None:
    assert (404, "o9 has no session: log in and exchange the code first") == await shop.control(
        "POST", "user_data", openid="o9"
    )


async def test_encrypted_data_is_known_by_its_hash_for_three_days(shop: Any) -> None:
    await shop.login()
    data = await shop.control("POST", "user_data", openid="o1", kind="phone")
    digest = hashlib.sha256(data["encryptedData"].encode()).hexdigest()
    path = "/wxa/business/checkencryptedmsg"
    known = (await shop.post(path, {"encrypted_msg_hash": digest})).told
    foreign = (await shop.post(path, {"encrypted_msg_hash": "0" * 64})).told
    await shop.emu.clock.advance(3 * 86400 + 1)
    shop.token = ""

    assert {"errcode": 0, "errmsg": "ok", "vaild": True, "create_time": 1768359845} == known
    assert (1, False) == (foreign["errcode"], foreign["vaild"])
    assert (await shop.post(path, {"encrypted_msg_hash": digest})).errcode == 1


async def test_a_phone_code_is_good_once_and_for_its_own_user(shop: Any) -> None:
    path = "/wxa/business/getuserphonenumber"
    code = (await shop.control("POST", "phone_code", openid="o1", phone_number="55512345", country_code="1"))["code"]
    foreign = (await shop.post(path, {"code": code, "openid": "o2"})).errcode
    got = (await shop.post(path, {"code": code, "openid": "o1"})).told
    login = (await shop.control("POST", "login", openid="o1"))["code"]

    assert {
        "phoneNumber": "+155512345",
        "purePhoneNumber": "55512345",
        "countryCode": "1",
        "watermark": {"timestamp": 1768359845, "appid": shop.line["app_id"]},
    } == got["phone_info"]
    assert [40029, 40029, 40029] == [
        foreign,
        (await shop.post(path, {"code": code})).errcode,
        (await shop.post(path, {"code": login})).errcode,  # of wx.login: another code
    ]


async def test_a_plugin_user_has_one_openpid(shop: Any) -> None:
    path = "/wxa/getpluginopenpid"
    codes = [(await shop.control("POST", "plugin_code", openid="o1"))["code"] for _ in range(2)]
    first, second = [(await shop.post(path, {"code": code})).told for code in codes]

    assert first == second
    assert first["openpid"].startswith("G")
    assert (await shop.post(path, {"code": codes[0]})).errcode == 1003


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_encrypt_keys_live_an_hour_and_the_last_three_are_told(shop: Any, method: str) -> None:
    key = await shop.login()
    query = {"openid": "o1", **signed(key)}
    told = []
    for _ in range(5):
        query["access_token"] = await shop.a_token()
        told.append((await shop.ask(method, "/wxa/business/getuserencryptkey", query=query)).told["key_info_list"])
        await shop.emu.clock.advance(3600)
        shop.token = ""

    assert {"encrypt_key", "version", "expire_in", "iv", "create_time"} == set(told[0][0])
    assert [[1], [2, 1], [3, 2, 1], [4, 3, 2], [5, 4, 3]] == [[key["version"] for key in keys] for keys in told]
    assert [3600, 0] == [key["expire_in"] for key in told[1]]


async def test_the_union_id_of_a_payer_is_told_for_five_minutes(shop: Any) -> None:
    emu = shop.emu
    async with tongfu.Tongfu(emu.accounts(), clock=emu.clock) as facade:
        await facade.payment.get_order_info(
            "weixin",
            openid="opayer",
            body="coffee",
            out_trade_no="A10011",
            total_fee=100,
            notify_url="http://127.0.0.1:9/",
        )
    path = "/wxa/getpaidunionid"
    by_number = {"mch_id": shop.line["mch_id"], "out_trade_no": "A10011"}
    unpaid = (await shop.get(path, openid="opayer", **by_number)).errcode
    order = await emu.pay("A10011")
    first = (await shop.get(path, openid="opayer", **by_number)).told
    second = (await shop.get(path, openid="opayer", transaction_id=order.transaction_id)).told
    await shop.login("o1")
    others = [
        (await shop.get(path, openid="nobody", **by_number)).errcode,
        (await shop.get(path, openid="o1", **by_number)).errcode,
        (await shop.get(path, openid="opayer", **by_number | {"mch_id": "1"})).errcode,
        (await shop.get(path, openid="opayer")).errcode,
    ]
    await emu.clock.advance(301)

    assert first == second
    assert {"unionid": first["unionid"], "errcode": 0, "errmsg": "ok"} == first
    assert (89300, [40003, 89300, 89300, 89300]) == (unpaid, others)
    assert (await shop.get(path, openid="opayer", **by_number)).errcode == 89300
