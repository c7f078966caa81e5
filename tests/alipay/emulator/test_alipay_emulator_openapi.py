"""Whole ways through the emulator: whoever logs in, is refused, is written to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest

from tongfu import OutcomeUnknown, Tongfu
from tongfu.emulator import Emulator
from tongfu.errors import (
    CodeRejected,
    CredentialRejected,
    PermissionDenied,
    PlatformBusy,
    PlatformRefused,
    SignatureError,
)
from tongfu_alipay import Alipay, AlipayAccount

Control = Callable[..., Awaitable[dict[str, Any]]]
DAY = 24 * 3600
MESSAGE: Any = {
    "form_id": "f1",
    "user_template_id": "T",
    "page": "pages/index",
    "data": {"keyword1": {"value": "取餐/1001"}},
}


@pytest.fixture
async def emu() -> AsyncIterator[Emulator]:
    async with Emulator(platforms=["alipay"], frozen=True) as emulator:
        yield emulator


@pytest.fixture
async def tf(emu: Emulator) -> AsyncIterator[Tongfu]:
    async with Tongfu(emu.accounts(), clock=emu.clock) as facade:
        yield facade


@pytest.fixture
def alipay(tf: Tongfu) -> Alipay:
    opened: Alipay = tf.open("alipay")
    return opened


@pytest.fixture
async def control(emu: Emulator) -> AsyncIterator[Control]:
    async with aiohttp.ClientSession() as session:

        async def ask(path: str, status: int = 200, **body: Any) -> dict[str, Any]:
            async with session.post(f"{emu.url}/_emulator/alipay/{path}", json=body) as answer:
                told: dict[str, Any] = await answer.json()
                assert status == answer.status, told
                return told

        yield ask


async def test_a_code_is_a_session_once(alipay: Alipay, control: Control) -> None:
    code = (await control("login"))["code"]
    session = await alipay.auth.code2session(code)

    assert (session.openid, 1296000, 2592000) == (session.open_id, session.expires_in, session.re_expires_in)
    assert str(session.user_id).startswith("2088")
    with pytest.raises(CodeRejected) as caught:
        await alipay.auth.code2session(code)
    assert ("40002", "isv.code-invalid", True) == (caught.value.code, caught.value.sub_code, caught.value.verified)


async def test_a_new_app_sees_an_open_id_and_an_old_one_a_user_id(alipay: Alipay, control: Control) -> None:
    for given in ({"open_id": "o1"}, {"user_id": "2088102150477652"}, {"open_id": "o1", "user_id": "2088102150477652"}):
        session = await alipay.auth.code2session((await control("login", **given))["code"])

        assert (given.get("open_id"), given.get("user_id")) == (session.open_id, session.user_id)
        assert (given.get("open_id") or given.get("user_id")) == session.openid


async def test_the_facades_openid_names_either_of_them(alipay: Alipay, control: Control) -> None:
    old = await alipay.auth.code2session((await control("login", openid="2088102150477652"))["code"])
    new = await alipay.auth.code2session((await control("login", openid="o1"))["code"])
    refused = await control("login", status=400, openid="o1", open_id="o2")

    assert (None, "2088102150477652", "2088102150477652") == (old.open_id, old.user_id, old.openid)
    assert ("o1", None, "o1") == (new.open_id, new.user_id, new.openid)
    assert {"error": "openid is a user_id or an open_id, and given alone"} == refused


async def test_a_code_dies_by_the_emulators_clock(emu: Emulator, alipay: Alipay, control: Control) -> None:
    short, long = [(await control("login", **body))["code"] for body in ({}, {"code_expires_in": DAY})]
    await emu.clock.advance(180)
    with pytest.raises(CodeRejected):
        await alipay.auth.code2session(short)

    await emu.clock.advance(DAY - 181)
    assert (await alipay.auth.code2session(long)).openid


async def test_a_code_whose_answer_was_lost_is_used_up(emu: Emulator, alipay: Alipay, control: Control) -> None:
    code = (await control("login"))["code"]
    emu.fault("truncate", path="/gateway.do")
    with pytest.raises(OutcomeUnknown):
        await alipay.auth.code2session(code)

    with pytest.raises(CodeRejected):
        await alipay.auth.code2session(code)


async def test_a_code_is_used_up_by_a_call_that_failed(alipay: Alipay, control: Control) -> None:
    code = (await control("login"))["code"]
    with pytest.raises(PlatformRefused, match=r"isv\.grant-type-invalid"):
        await alipay.call("alipay.system.oauth.token", grant_type="password", code=code)

    with pytest.raises(CodeRejected):
        await alipay.auth.code2session(code)


async def test_refreshing_kills_the_old_tokens_and_moves_no_deadline(
    emu: Emulator, alipay: Alipay, control: Control
) -> None:
    first = await alipay.auth.code2session((await control("login"))["code"])
    await emu.clock.advance(10 * DAY)
    second = await alipay.auth.refresh(first.refresh_token or "")

    assert (first.openid, first.user_id, 15 * DAY, 20 * DAY) == (
        second.openid,
        second.user_id,
        second.expires_in,
        second.re_expires_in,
    )
    assert first.openid == (await alipay.user_info.share(second.access_token)).openid
    for ask in (alipay.user_info.share(first.access_token), alipay.auth.refresh(first.refresh_token or "")):
        with pytest.raises(CredentialRejected):
            await ask

    await emu.clock.advance(20 * DAY)
    with pytest.raises(CredentialRejected, match="auth-token-time-out"):
        await alipay.user_info.share(second.access_token)
    with pytest.raises(CredentialRejected, match="refresh-token-time-out"):
        await alipay.auth.refresh(second.refresh_token or "")


async def test_each_dead_token_is_told_apart(alipay: Alipay, control: Control) -> None:
    session = await alipay.auth.code2session((await control("login"))["code"])
    await alipay.auth.refresh(session.refresh_token or "")

    for token, sub_code in ((session.refresh_token or "", "refreshed-token-invalid"), ("x", "refresh-token-invalid")):
        with pytest.raises(CredentialRejected) as caught:
            await alipay.auth.refresh(token)
        assert f"isv.{sub_code}" == caught.value.sub_code


async def test_a_profile_needs_the_users_consent(alipay: Alipay, control: Control) -> None:
    shared = await alipay.auth.code2session((await control("login"))["code"])
    silent = await alipay.auth.code2session((await control("login", scope="auth_base"))["code"])

    user = await alipay.user_info.share(shared.access_token)
    assert (shared.openid, "F", "浙江省") == (user.openid, user.gender, user.province)
    with pytest.raises(PermissionDenied, match="insufficient-user-permissions"):
        await alipay.user_info.share(silent.access_token)
    with pytest.raises(CredentialRejected, match="invalid-auth-token"):
        await alipay.user_info.share("x")


async def test_a_forged_session_is_not_believed(emu: Emulator, alipay: Alipay, control: Control) -> None:
    for fault in ("bad_signature", "no_signature"):
        code = (await control("login"))["code"]
        emu.fault(fault, path="/gateway.do")
        with pytest.raises(SignatureError):
            await alipay.auth.code2session(code)


async def test_a_login_that_cannot_be_is_told_so(control: Control) -> None:
    bodies: list[dict[str, Any]] = [
        {"user_id": "1"},
        {"user_id": 2088102150477652},
        {"open_id": ""},
        {"scope": "all"},
        {"code_expires_in": 179},
        {"code_expires_in": DAY + 1},
        {"code_expires_in": True},
        {"openid": ""},
        {"opened": "x"},
    ]
    for body in bodies:
        assert next(iter(body)) in (await control("login", 400, **body))["error"]


async def test_a_merchants_token_opens_its_calls(emu: Emulator, alipay: Alipay, control: Control) -> None:
    code = (await control("authorize"))["app_auth_code"]
    token = await alipay.auth.get_app_auth_token(code)
    assert (31536000, 32140800, 1) == (token.expires_in, token.re_expires_in, len(token.tokens))
    assert (token.auth_app_id, token.app_auth_token) == (token.tokens[0].auth_app_id, token.tokens[0].app_auth_token)
    with pytest.raises(CodeRejected):
        await alipay.auth.get_app_auth_token(code)

    content = {"content": "text"}
    detect = "alipay.security.risk.content.detect"
    assert "PASSED" == (await alipay.call(detect, content, app_auth_token=token.app_auth_token))["action"]
    with pytest.raises(CredentialRejected, match="invalid-app-auth-token"):
        await alipay.call(detect, content, app_auth_token="x")

    fresh = await alipay.auth.refresh_app_auth_token(token.app_refresh_token or "")
    for dead in (
        alipay.call(detect, content, app_auth_token=token.app_auth_token),
        alipay.auth.refresh_app_auth_token(token.app_refresh_token or ""),
    ):
        with pytest.raises(CredentialRejected):
            await dead
    await emu.clock.advance(31536000)
    with pytest.raises(CredentialRejected, match="app-auth-token-time-out"):
        await alipay.call(detect, content, app_auth_token=fresh.app_auth_token)


async def test_messages_are_kept_as_they_were_sent(emu: Emulator, alipay: Alipay) -> None:
    await alipay.templatemessage.send(to_user_id="2088102122458832", **MESSAGE)
    async with aiohttp.ClientSession() as session, session.get(f"{emu.url}/_emulator/alipay/messages") as answer:
        kept = await answer.json()

    assert {
        "messages": [
            {"to_user_id": "2088102122458832", "sent": kept["messages"][0]["sent"], **MESSAGE},
        ]
    } == kept


async def test_a_form_is_answered_once(alipay: Alipay) -> None:
    await alipay.templatemessage.send(to_open_id="o1", **MESSAGE)

    with pytest.raises(PlatformRefused, match="FORM_ID_SEND_LIMIT"):
        await alipay.templatemessage.send(to_open_id="o1", **MESSAGE)


async def test_a_trades_message_goes_to_its_buyer(tf: Tongfu, alipay: Alipay) -> None:
    info = await tf.payment.get_order_info(
        "alipay",
        openid="2088102146225135",
        subject="tea",
        out_trade_no="A1",
        total_fee=100,
        notify_url="http://127.0.0.1:9/n",
    )
    by_trade = {**MESSAGE, "form_id": info.transaction_id}
    with pytest.raises(PlatformRefused, match="TRADE_NO_NOT_MATCH_USERID"):
        await alipay.templatemessage.send(to_user_id="2088102122458832", **by_trade)

    for _ in range(2):
        await alipay.templatemessage.send(to_user_id="2088102146225135", **by_trade)


async def refused(alipay: Alipay, method: str, content: dict[str, Any]) -> str:
    with pytest.raises(PlatformRefused) as caught:
        await alipay.call(method, content)
    return caught.value.sub_code


async def test_a_wrong_message_is_refused_by_its_code(alipay: Alipay) -> None:
    good = {"to_user_id": "u", "user_template_id": "T", "page": "p"}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"user_template_id": "T"}, "USER_ID_INVALID"),
        ({"to_user_id": "u"}, "USER_TEMPLATE_ILLEGAL"),
        (good, "DATA_IS_EMPTY"),
        ({**good, "data": "{"}, "DATA_CONTENT_FORMAT_ERROR"),
        ({**good, "data": {"k": {"value": "v"}}}, "DATA_CONTENT_FORMAT_ERROR"),
        ({**good, "data": '{"k":"v"}'}, "DATA_CONTENT_FORMAT_ERROR"),
    ]
    for content, sub_code in wrong:
        assert sub_code == await refused(alipay, "alipay.open.app.mini.templatemessage.send", content)


async def test_a_codes_urls_are_pictures(emu: Emulator, alipay: Alipay) -> None:
    made = await alipay.qrcode.create(
        url_param="pages/index", query_param="x=1&y=2", describe="店", color="0x00BFFF", size="s"
    )
    async with aiohttp.ClientSession() as session:
        for url in (made.qr_code_url, made.qr_code_url_circle_blue, made.qr_code_url_circle_white):
            async with session.get(str(url)) as answer:
                assert (200, "image/png", b"\x89PNG\r\n\x1a\n") == (
                    answer.status,
                    answer.content_type,
                    (await answer.read())[:8],
                )
        async with session.get(f"{emu.url}/qrcode/other") as answer:
            assert 404 == answer.status


async def test_a_wrong_code_is_refused_by_its_code(alipay: Alipay) -> None:
    for changes, sub_code in (
        ({"url_param": ""}, "INVALID_PARAMETER"),
        ({"size": "xl"}, "INVALID_PARAMETER"),
        ({"describe": "d" * 33}, "QRCODE_DESC_CHECK_INVALID"),
        ({"color": "blue"}, "HM_BG_COLOR_INVALID"),
    ):
        content = {"url_param": "p", "query_param": "x=1", "describe": "d", **changes}
        assert sub_code == await refused(alipay, "alipay.open.app.qrcode.create", content)


async def test_forbidden_words_are_named(alipay: Alipay) -> None:
    clean, dirty = await alipay.risk_content.detect('喝"茶"'), await alipay.risk_content.detect("这是违禁词, Forbidden")

    assert (True, ()) == (clean.passed, clean.keywords)
    assert (False, "REJECTED", ("违禁词", "forbidden")) == (dirty.passed, dirty.action, dirty.keywords)


async def test_a_phone_number_comes_encrypted_and_signed(alipay: Alipay, control: Control) -> None:
    given = (await control("phone_number", mobile="13800000000"))["response"]
    assert "13800000000" not in given
    assert "13800000000" == (await alipay.get_phone_number(given)).mobile

    made = await alipay.get_phone_number((await control("phone_number"))["response"])
    assert len(str(made.mobile)) == 11
    with pytest.raises(SignatureError):
        await alipay.get_phone_number((await control("phone_number", sign=False))["response"])


async def test_an_error_comes_in_the_clear(alipay: Alipay, control: Control) -> None:
    for error, kind in (
        ("isv.missing-encrypt-key", PlatformRefused),
        ("isv.insufficient-isv-permissions", PermissionDenied),
        ("isv.invalid-auth-relations", PlatformRefused),
        ("aop.unknow-error", PlatformBusy),
    ):
        for sign in (True, False):
            with pytest.raises(PlatformRefused) as caught:
                await alipay.get_phone_number((await control("phone_number", error=error, sign=sign))["response"])
            assert (kind, error, sign) == (type(caught.value), caught.value.sub_code, caught.value.verified)


async def test_unknown_errors_and_types_are_told(control: Control) -> None:
    assert "isv.missing-encrypt-key" in (await control("phone_number", 400, error="x"))["error"]
    assert "sign is of type bool" == (await control("phone_number", 400, sign="no"))["error"]


async def test_reset_forgets_users_and_messages_but_no_key(emu: Emulator, alipay: Alipay, control: Control) -> None:
    code = (await control("login"))["code"]
    await alipay.templatemessage.send(to_open_id="o1", **MESSAGE)
    await emu.reset()

    with pytest.raises(CodeRejected):
        await alipay.auth.code2session(code)
    await alipay.templatemessage.send(to_open_id="o1", **MESSAGE)


async def test_the_control_routes_are_documented(emu: Emulator) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"{emu.url}/_emulator/openapi.json") as answer:
        paths = (await answer.json())["paths"]

    assert {
        "agreement": {"post": "A user signs the agreement whose page he opened, or ends it: sign, unsign"},
        "app_pay": {"post": "The buyer's app opens the cashier with the signed order string."},
        "authorize": {"post": "The merchant lets the app act for it: the code for alipay.open.auth.token.app"},
        "certificates": {
            "post": "Alipay's certificate changes, its notifications name it or not, its download is forged: "
            "certificate mode"
        },
        "funds": {
            "post": "The seller's balance (fen), and what becomes of the next transfer: SUCCESS, DEALING, FAIL, "
            "SYSTEM_ERROR"
        },
        "login": {"post": "A user of the mini-program logs in: the code for alipay.system.oauth.token"},
        "message": {"post": "A message to the app's gateway at url: its msg_method and its biz_content"},
        "messages": {"get": "Every template message that was sent, oldest first"},
        "page_return": {"post": "The address that the buyer's browser goes on to from the page of an order"},
        "payment_code": {
            "post": "A buyer shows a payment code: success, userpaying, not_enough, expired, system_error, lost"
        },
        "phone_number": {"post": "What my.getPhoneNumber gives the client for its server, as text: response"},
    } == {
        path.rpartition("/")[2]: {method: described["summary"] for method, described in methods.items()}
        for path, methods in paths.items()
        if path.startswith("/_emulator/alipay/")
    }


async def test_an_account_of_plain_settings_decrypts_too(emu: Emulator, control: Control) -> None:
    line = emu.settings()["alipay"]
    names = ("app_id", "private_key", "alipay_public_key", "gateway", "encrypt_key")
    account = AlipayAccount(**{name: line[name] for name in names})
    async with Tongfu({"plain": account}) as tf:
        given = (await control("phone_number", mobile="13800000000"))["response"]
        assert "13800000000" == (await tf.open(account).get_phone_number(given)).mobile
