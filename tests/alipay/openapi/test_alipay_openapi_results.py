"""What the methods beside login answer, refuse and accept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import MappingProxyType
from typing import Any

import pytest

from tongfu import InvalidParams, OutcomeUnknown, TransportError
from tongfu.errors import (
    CredentialRejected,
    MalformedAnswer,
    PermissionDenied,
    PlatformBusy,
    PlatformRefused,
    SignatureError,
)
from tongfu_alipay import Alipay
from tongfu_alipay.openapi import ContentRisk, QrcodeCreated, TemplatemessageSent, User

SHARE = "alipay.user.info.share"
SEND = "alipay.open.app.mini.templatemessage.send"
CREATE = "alipay.open.app.qrcode.create"
DETECT = "alipay.security.risk.content.detect"
MESSAGE: Any = {
    "to_user_id": "2088102122458832",
    "form_id": "f",
    "user_template_id": "T",
    "page": "pages/index",
    "data": {"keyword1": {"value": "v"}},
}
QRCODE: Any = {"url_param": "pages/index", "query_param": "x=1", "describe": "d"}

ASK: dict[str, Callable[[Alipay], Awaitable[Any]]] = {
    SHARE: lambda alipay: alipay.user_info.share("t"),
    SEND: lambda alipay: alipay.templatemessage.send(**MESSAGE),
    CREATE: lambda alipay: alipay.qrcode.create(**QRCODE),
    DETECT: lambda alipay: alipay.risk_content.detect("text"),
}
RESENT = {SHARE, DETECT}


def good(more: str = "") -> str:
    return f'{{"code":"10000","msg":"Success"{more}}}'


def refusal(code: str, sub_code: str) -> str:
    return f'{{"code":"{code}","msg":"m","sub_code":"{sub_code}","sub_msg":"s"}}'


async def test_a_profile_has_what_the_user_shares_and_nothing_else(mini: Any) -> None:
    shared = ',"open_id":"o","user_id":"2088","avatar":"https:\\/\\/a.example\\/1","nick_name":"小二","gender":"F"'
    shared += ',"city":"","user_type":"2","user_status":"T","is_certified":"T","something_new":1'
    alipay, _ = mini.open(mini.answer(SHARE, good(shared)))

    user = await alipay.user_info.share("t")
    assert (
        User(
            openid="o",
            open_id="o",
            user_id="2088",
            avatar="https://a.example/1",
            nick_name="小二",
            gender="F",
            user_type="2",
            user_status="T",
            is_certified="T",
        )
        == user
    )
    assert "User(is_certified='T', user_type='2', user_status='T')" == repr(user)
    assert {
        "openid": "o",
        "avatar": "https://a.example/1",
        "nickName": "小二",
        "gender": "F",
        "isCertified": "T",
        "userType": "2",
        "userStatus": "T",
    } == user.to_camel()
    assert 1 == user.raw["something_new"]


async def test_a_given_token_beats_the_accounts_and_none_at_all_is_named(mini: Any) -> None:
    alipay, transport = mini.open(mini.answer(SHARE, good(',"user_id":"2088"')), access_token="own")
    await alipay.user_info.share("given")
    assert "auth_token=given&" in transport.requests[0].url

    alipay, transport = mini.open()
    with pytest.raises(InvalidParams) as caught:
        await alipay.user_info.share()
    assert ({"access_token"}, []) == (set(caught.value.problems), transport.requests)


@pytest.mark.parametrize("profile", ["", ',"user_id":""', ',"user_id":"2088","nick_name":["a"]'])
async def test_a_profile_of_nobody_or_of_another_shape_is_malformed(mini: Any, profile: str) -> None:
    alipay, _ = mini.open(mini.answer(SHARE, good(profile)))

    with pytest.raises(MalformedAnswer):
        await alipay.user_info.share("t")


async def test_a_sent_message_says_no_more(mini: Any) -> None:
    alipay, _ = mini.open(mini.answer(SEND, good()))

    sent = await alipay.templatemessage.send(**MESSAGE)
    assert (TemplatemessageSent(), {}) == (sent, sent.to_camel())


async def test_a_callers_keywords_may_be_any_mapping_and_stay_as_they_are(mini: Any) -> None:
    alipay, transport = mini.open(mini.answer(SEND, good()))
    data = MappingProxyType({"keyword1": MappingProxyType({"value": "v"})})
    await alipay.templatemessage.send(**{**MESSAGE, "data": data})

    assert b"%7B%5C%22keyword1%5C%22%3A%7B%5C%22value%5C%22%3A%5C%22v%5C%22%7D%7D" in transport.requests[0].body
    assert {"keyword1": {"value": "v"}} == data


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"to_open_id": "o"}, {"to_user_id", "to_open_id"}),
        ({"to_user_id": None}, {"to_user_id", "to_open_id"}),
        ({"user_template_id": ""}, {"user_template_id"}),
        ({"page": "", "data": {}}, {"page", "data"}),
        ({"page": "\ud800"}, {"page"}),
        ({"data": {"keyword1": "v"}}, {"data"}),
        ({"data": {"keyword1": {"color": "red"}}}, {"data"}),
        ({"data": {"keyword1": {"value": 5}}}, {"data"}),
        ({"data": {5: {"value": "v"}}}, {"data"}),
        ({"data": {"keyword1": {"value": "\udfff"}}}, {"data"}),
        ({"data": '{"keyword1":{"value":"v"}}'}, {"data"}),
    ],
)
async def test_a_message_that_cannot_be_is_not_sent(mini: Any, changes: dict[str, Any], named: set[str]) -> None:
    alipay, transport = mini.open()
    with pytest.raises(InvalidParams) as caught:
        await alipay.templatemessage.send(**{**MESSAGE, **changes})

    assert (named, []) == (set(caught.value.problems), transport.requests)


async def test_a_code_is_a_square_and_two_circles(mini: Any) -> None:
    urls = ',"qr_code_url":"https:\\/\\/q.example\\/1","qr_code_url_circle_blue":"https:\\/\\/q.example\\/2"'
    alipay, _ = mini.open(mini.answer(CREATE, good(urls)), mini.answer(CREATE, good()))

    made = await alipay.qrcode.create(**QRCODE)
    assert QrcodeCreated(qr_code_url="https://q.example/1", qr_code_url_circle_blue="https://q.example/2") == made
    assert {"qrCodeUrl": "https://q.example/1", "qrCodeUrlCircleBlue": "https://q.example/2"} == made.to_camel()
    with pytest.raises(MalformedAnswer):
        await alipay.qrcode.create(**QRCODE)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"url_param": ""}, {"url_param"}),
        ({"url_param": "x" * 257, "query_param": "", "describe": "d" * 33}, {"url_param", "query_param", "describe"}),
        ({"color": "00BFFF"}, {"color"}),
        ({"color": "0x00BFFG", "size": "xl"}, {"color", "size"}),
        ({"describe": "\ud800"}, {"describe"}),
    ],
)
async def test_a_code_that_cannot_be_is_not_asked_for(mini: Any, changes: dict[str, Any], named: set[str]) -> None:
    alipay, transport = mini.open()
    with pytest.raises(InvalidParams) as caught:
        await alipay.qrcode.create(**{**QRCODE, **changes})

    assert (named, []) == (set(caught.value.problems), transport.requests)


@pytest.mark.parametrize(
    ("found", "risk", "passed"),
    [
        (',"action":"PASSED","unique_id":"u"', ContentRisk(action="PASSED", unique_id="u"), True),
        (',"action":"REJECTED","keywords":["a","b"]', ContentRisk(action="REJECTED", keywords=("a", "b")), False),
        (',"action":"REVIEW","keywords":[]', ContentRisk(action="REVIEW"), False),
        (',"action":"passed"', ContentRisk(action="passed"), False),
    ],
)
async def test_only_passed_has_passed(mini: Any, found: str, risk: ContentRisk, passed: bool) -> None:
    alipay, _ = mini.open(mini.answer(DETECT, good(found)))

    got = await alipay.risk_content.detect("text")
    assert (risk, passed) == (got, got.passed)


async def test_a_rejected_texts_document_lists_its_words(mini: Any) -> None:
    alipay, _ = mini.open(mini.answer(DETECT, good(',"action":"REJECTED","keywords":["a"],"unique_id":"u"')))

    assert {"action": "REJECTED", "keywords": ["a"], "uniqueId": "u"} == (
        await alipay.risk_content.detect("text")
    ).to_camel()


@pytest.mark.parametrize("found", ["", ',"action":""', ',"action":"PASSED","keywords":"a"', ',"action":["PASSED"]'])
async def test_a_judgement_of_another_shape_is_malformed(mini: Any, found: str) -> None:
    alipay, _ = mini.open(mini.answer(DETECT, good(found)))

    with pytest.raises(MalformedAnswer):
        await alipay.risk_content.detect("text")


@pytest.mark.parametrize("content", ["", "é" * 32769, "\ud800", 5, None])
async def test_a_text_that_cannot_be_judged_is_not_sent(mini: Any, content: Any) -> None:
    alipay, transport = mini.open()
    with pytest.raises(InvalidParams, match="content"):
        await alipay.risk_content.detect(content)

    assert [] == transport.requests


@pytest.mark.parametrize("method", ASK)
async def test_only_what_reads_is_sent_again(mini: Any, method: str) -> None:
    alipay, transport = mini.open(*[TransportError("no answer")] * 3)
    with pytest.raises(TransportError) as caught:
        await ASK[method](alipay)

    assert (3 if method in RESENT else 1) == len(transport.requests)
    assert (method not in RESENT) == isinstance(caught.value, OutcomeUnknown)


@pytest.mark.parametrize("method", ASK)
async def test_an_answer_that_alipay_did_not_sign_is_refused(mini: Any, method: str) -> None:
    more = ',"user_id":"2088","qr_code_url":"q","action":"PASSED"'
    for body in (mini.answer(method, good(more), signer=mini.stranger), mini.answer(method, good(more), sign=False)):
        alipay, _ = mini.open(body)
        with pytest.raises(SignatureError):
            await ASK[method](alipay)


@pytest.mark.parametrize(
    ("method", "code", "sub_code", "kind"),
    [
        (SHARE, "20001", "aop.invalid-auth-token", CredentialRejected),
        (SHARE, "20001", "aop.auth-token-time-out", CredentialRejected),
        (SHARE, "40006", "isv.insufficient-user-permissions", PermissionDenied),
        (SHARE, "20000", "isp.unknow-error", PlatformBusy),
        *[
            (SEND, "40004", sub_code, PlatformRefused)
            for sub_code in (
                *("USER_TEMPLATE_ILLEGAL", "TEMPLATE_ILLEGAL", "USER_TEMPLATE_LACK_KEYWORD", "FORM_ID_INVALID"),
                *("MESSAGE_TEMPLATE_KEYWORD_ILLEGAL", "USER_KEYWORD_LENGTH_ERROR", "USER_TEMPLATE_STATUS_ILLEGAL"),
                *("FORM_ID_OVER_TIME", "FORM_ID_SEND_LIMIT", "FORM_ID_NOT_MATCH_APPID", "TRADE_NO_NOT_MATCH_USERID"),
                *("PAGE_OVER_LIMIT", "DATA_SENSITIVE", "DATA_IS_EMPTY", "DATA_CONTENT_FORMAT_ERROR"),
                *("BIZ_CONTENT_FORMAT_ERROR", "USER_ID_INVALID", "NO_BIND_PUBLIC_APP", "MESSAGE_SEND_AUTH_ERROR"),
                *("APP_TYPE_ERROR", "MSG_SEND_ERROR", "MSG_SINGLE_SD_OVER", "MSG_UNSUBSCRIBED", "MSG_REJECTED"),
                *("MSG_UNAUTHORIZED", "MSG_CONTENT_NOT_INTERESTED", "MSG_TEMPLATE_ID_VALID", "APP_NO_AVAIABLE"),
                *("NO_RECENT_VISIT_RECORD", "NO_PLACE_ORDER_RECORD", "ILLEGAL_ARGUMENT_PARAMS"),
            )
        ],
        (CREATE, "40004", "INVALID_PARAMETER", PlatformRefused),
        (CREATE, "40004", "QRCODE_DESC_CHECK_INVALID", PlatformRefused),
        (CREATE, "40004", "HM_BG_COLOR_INVALID", PlatformRefused),
        (CREATE, "40004", "SYSTEM_ERROR", OutcomeUnknown),
        (DETECT, "40006", "isv.insufficient-isv-permissions", PermissionDenied),
        (DETECT, "40004", "SYSTEM_ERROR", PlatformBusy),
    ],
)
async def test_a_refusal_is_raised_with_its_codes(mini: Any, method: str, code: str, sub_code: str, kind: Any) -> None:
    alipay, _ = mini.open(mini.answer(method, refusal(code, sub_code)))
    caught: Any
    with pytest.raises((PlatformRefused, OutcomeUnknown)) as caught:
        await ASK[method](alipay)

    assert (kind, code, sub_code) == (type(caught.value), caught.value.code, caught.value.sub_code)
