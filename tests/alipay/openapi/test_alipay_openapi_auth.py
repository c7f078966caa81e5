"""Logging in: what comes back, and every way in which nothing does."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongfu import InvalidParams, OutcomeUnknown, TransportError
from tongfu.call import HttpResponse
from tongfu.errors import (
    CodeRejected,
    ConfigError,
    CredentialRejected,
    MalformedAnswer,
    PermissionDenied,
    PlatformRefused,
    RateLimited,
    SignatureError,
    TongfuError,
)
from tongfu_alipay.openapi import AppAuthToken, Session, auth

TOKEN = "alipay.system.oauth.token"
APP_TOKEN = "alipay.open.auth.token.app"
NODE = (
    '{"access_token":"20120823ac6ff","alipay_user_id":"20881","auth_start":"2026-11-24 16:03:18","expires_in":"3600",'
    '"open_id":"074a1CcTG1","re_expires_in":7200,"refresh_token":"20120823ac6rr","union_id":"on1","user_id":"2088102150477652"}'
)


async def test_a_login_keeps_both_ids_and_counts_in_seconds(mini: Any) -> None:
    alipay, _ = mini.open(mini.answer(TOKEN, NODE))

    session = await alipay.auth.code2session("c")
    assert session == Session(
        openid="074a1CcTG1",
        open_id="074a1CcTG1",
        user_id="2088102150477652",
        union_id="on1",
        access_token="20120823ac6ff",
        expires_in=3600,
        refresh_token="20120823ac6rr",
        re_expires_in=7200,
        auth_start="2026-11-24 16:03:18",
    )
    assert session.raw["alipay_user_id"] == "20881"


async def test_the_seeds_document_is_the_openid_and_no_token(mini: Any) -> None:
    alipay, _ = mini.open(mini.answer(TOKEN, NODE), mini.answer(TOKEN, NODE))

    assert {"openid": "074a1CcTG1"} == (await alipay.auth.code2session("c")).to_camel()
    assert {"openid": "074a1CcTG1"} == (await alipay.auth.get_openid("c")).to_camel()


async def test_an_old_apps_openid_is_the_user_id(mini: Any) -> None:
    alipay, _ = mini.open(mini.answer(TOKEN, '{"user_id":"2088102150477652","access_token":"t"}'))

    assert Session(openid="2088102150477652", user_id="2088102150477652", access_token="t") == (
        await alipay.auth.code2session("c")
    )


async def test_no_id_and_no_token_stand_in_a_sessions_repr(mini: Any) -> None:
    alipay, _ = mini.open(mini.answer(TOKEN, NODE))

    assert "Session(expires_in=3600, re_expires_in=7200, auth_start='2026-11-24 16:03:18')" == repr(
        await alipay.auth.code2session("c")
    )


def refusal(code: str, sub_code: str) -> str:
    return f'{{"code":"{code}","msg":"m","sub_code":"{sub_code}","sub_msg":"s"}}'


@pytest.mark.parametrize("name", ["error_response", ""])
@pytest.mark.parametrize("sign", [True, False])
@pytest.mark.parametrize(
    ("code", "sub_code", "kind"),
    [
        ("40002", "isv.code-invalid", CodeRejected),
        ("40002", "isv.grant-type-invalid", PlatformRefused),
        ("40002", "isv.refresh-token-invalid", CredentialRejected),
        ("40002", "isv.refresh-token-time-out", CredentialRejected),
        ("40002", "isv.refreshed-token-invalid", CredentialRejected),
        ("40002", "isv.unmatched-app-id", CredentialRejected),
        ("40002", "isv.invalid-app-id", CredentialRejected),
        ("40006", "isv.insufficient-isv-permissions", PermissionDenied),
        ("40001", "isv.missing-app-id", PlatformRefused),
    ],
)
async def test_a_refused_login_is_its_own_error_wherever_it_stands(
    mini: Any, name: str, sign: bool, code: str, sub_code: str, kind: type[PlatformRefused]
) -> None:
    alipay, _ = mini.open(mini.answer(TOKEN, refusal(code, sub_code), name=name, sign=sign))
    with pytest.raises(PlatformRefused) as caught:
        await alipay.auth.code2session("secret-code")

    assert kind is type(caught.value)
    assert (code, sub_code, sign) == (caught.value.code, caught.value.sub_code, caught.value.verified)
    assert "secret-code" not in str(caught.value)
    assert str(caught.value) == str(pickle.loads(pickle.dumps(caught.value)))


@pytest.mark.parametrize(
    ("code", "sub_code", "kind"),
    [
        ("20001", "aop.invalid-app-auth-token", CredentialRejected),
        ("20001", "aop.app-auth-token-time-out", CredentialRejected),
        ("20001", "aop.invalid-app-auth-token-no-api", PermissionDenied),
        ("20001", "aop.no-product-reg-by-partner", PermissionDenied),
        ("40005", "isv.app-call-limited", RateLimited),
    ],
)
async def test_a_signed_refusal_of_the_gateway_is_final(
    mini: Any, code: str, sub_code: str, kind: type[PlatformRefused]
) -> None:
    alipay, _ = mini.open(mini.answer(TOKEN, refusal(code, sub_code)))
    with pytest.raises(PlatformRefused) as caught:
        await alipay.auth.code2session("c")

    assert kind is type(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        TransportError("no answer"),
        HttpResponse(502, {}, b"<html>502</html>"),
        b"",
        b"<html>",
    ],
    ids=["timeout", "502", "empty", "HTML"],
)
async def test_a_code_whose_answer_is_lost_may_be_used_up_and_is_not_sent_again(mini: Any, answer: Any) -> None:
    alipay, transport = mini.open(answer)
    with pytest.raises(OutcomeUnknown):
        await alipay.auth.code2session("c")

    assert 1 == len(transport.requests)


@pytest.mark.parametrize("ask", ["refresh", "get_app_auth_token", "refresh_app_auth_token"])
async def test_no_token_call_is_sent_again(mini: Any, ask: str) -> None:
    alipay, transport = mini.open(TransportError("no answer"))
    with pytest.raises(OutcomeUnknown):
        await getattr(alipay.auth, ask)("t")

    assert 1 == len(transport.requests)


async def test_a_platform_that_knows_not_leaves_the_code_in_doubt(mini: Any) -> None:
    alipay, _ = mini.open(mini.answer(TOKEN, refusal("20000", "isp.unknow-error"), name="error_response"))
    with pytest.raises(OutcomeUnknown) as caught:
        await alipay.auth.code2session("c")

    assert ("20000", "isp.unknow-error") == (caught.value.code, caught.value.sub_code)


@pytest.mark.parametrize("forged", ["stranger", "unsigned", "another node"])
async def test_a_session_that_alipay_did_not_sign_is_believed_by_nobody(mini: Any, forged: str) -> None:
    body = {
        "stranger": mini.answer(TOKEN, NODE, signer=mini.stranger),
        "unsigned": mini.answer(TOKEN, NODE, sign=False),
        "another node": mini.answer(TOKEN, NODE).replace(b"20120823ac6ff", b"20120823ac6fg"),
    }[forged]
    alipay, _ = mini.open(body)

    with pytest.raises(SignatureError):
        await alipay.auth.code2session("c")


@pytest.mark.parametrize(
    "node",
    [
        '{"access_token":"t"}',
        '{"user_id":"","open_id":"","access_token":"t"}',
        '{"user_id":["2088"],"access_token":"t"}',
        '{"user_id":"2088","access_token":{"a":1}}',
        '{"user_id":"2088","access_token":""}',
        '{"user_id":"2088","access_token":"t","expires_in":"3600.5"}',
        '{"user_id":"2088","access_token":"t","expires_in":-1}',
        '{"user_id":"2088","access_token":"t","expires_in":true}',
        '{"user_id":"2088","access_token":"t","re_expires_in":"soon"}',
        '{"user_id":"2088","access_token":"t","expires_in":"３６００"}',
    ],
)
async def test_a_signed_session_of_another_shape_is_malformed(mini: Any, node: str) -> None:
    alipay, _ = mini.open(mini.answer(TOKEN, node))

    with pytest.raises(MalformedAnswer):
        await alipay.auth.code2session("c")


async def test_only_the_login_succeeds_without_a_code(mini: Any) -> None:
    alipay, _ = mini.open(mini.answer("alipay.user.info.share", NODE))

    with pytest.raises(TongfuError, match="alipay refused"):
        await alipay.user_info.share("t")


@pytest.mark.parametrize("code", ["", "a b", "a\n", "é", "\ud800", "x" * 513, None, 5, b"c"])
@pytest.mark.parametrize("ask", ["code2session", "refresh", "get_app_auth_token", "refresh_app_auth_token"])
async def test_what_cannot_be_a_code_is_not_sent(mini: Any, ask: str, code: Any) -> None:
    alipay, transport = mini.open()
    with pytest.raises(InvalidParams) as caught:
        await getattr(alipay.auth, ask)(code)

    assert {"refresh_token" if "refresh" in ask else "code"} == set(caught.value.problems)
    assert [] == transport.requests


@given(code=st.text())
def test_any_text_from_a_client_makes_a_call_or_an_error_of_ours(code: str) -> None:
    good = code.isascii() and code.isprintable() and 1 <= len(code) <= 512 and " " not in code
    try:
        sent = auth.code2session(code).fields
    except InvalidParams:
        sent = None
    assert ({"common": {"grant_type": "authorization_code", "code": code}} if good else None) == sent


async def test_a_login_needs_both_keys_and_names_the_one_that_lacks(mini: Any) -> None:
    for field in ("private_key", "alipay_public_key"):
        alipay, transport = mini.open(**{field: None})
        with pytest.raises(ConfigError, match=field):
            await alipay.auth.code2session("c")
        assert [] == transport.requests


async def test_a_refreshed_session_is_a_session(mini: Any) -> None:
    alipay, _ = mini.open(mini.answer(TOKEN, NODE))

    assert "20120823ac6ff" == (await alipay.auth.refresh("r")).access_token


ONE = (
    '"app_auth_token":"201708BB28","app_refresh_token":"201708BB10","auth_app_id":"2013121100055554",'
    '"expires_in":31536000,"re_expires_in":32140800,"user_id":"2088011177545623"'
)


def merchant(**changes: Any) -> AppAuthToken:
    keywords: dict[str, Any] = {
        "auth_app_id": "2013121100055554",
        "app_auth_token": "201708BB28",
        "app_refresh_token": "201708BB10",
        "user_id": "2088011177545623",
        "expires_in": 31536000,
        "re_expires_in": 32140800,
    }
    return AppAuthToken(**{**keywords, **changes})


@pytest.mark.parametrize(
    ("node", "tokens"),
    [
        (f'{{"code":"10000","msg":"Success",{ONE}}}', ()),
        (f'{{"code":"10000","msg":"Success","tokens":[{{{ONE}}}]}}', (merchant(),)),
        (f'{{"code":"10000","msg":"Success",{ONE},"tokens":[{{{ONE}}},{{{ONE}}}]}}', (merchant(), merchant())),
    ],
)
async def test_a_merchants_token_is_found_alone_and_in_a_list(mini: Any, node: str, tokens: Any) -> None:
    alipay, _ = mini.open(mini.answer(APP_TOKEN, node))

    got = await alipay.auth.get_app_auth_token("c")
    assert merchant(tokens=tokens) == got
    assert "201708BB" not in repr(got)
    assert "201708BB" not in str(got.to_camel())
    assert "2013121100055554" == got.to_camel()["authAppId"]


async def test_a_token_for_no_app_is_malformed(mini: Any) -> None:
    alipay, _ = mini.open(mini.answer(APP_TOKEN, '{"code":"10000","msg":"Success","app_auth_token":"a","tokens":{}}'))

    with pytest.raises(MalformedAnswer):
        await alipay.auth.get_app_auth_token("c")
