"""Content checks and the API's own affairs. Fixtures: conftest.py here."""

from __future__ import annotations

from typing import Any

import pytest

from tongfu import ConfigError, InvalidParams, MalformedAnswer, OutcomeUnknown, PlatformRefused
from tongfu.errors import PermissionDenied, RateLimited, TransportError
from tongfu_weixin.api.openapi import (
    ApiQuota,
    CallbackCheck,
    IpList,
    Pinged,
    Quota,
    RateLimit,
    Resolved,
    RidInfo,
    RidRequest,
)
from tongfu_weixin.api.result import Done
from tongfu_weixin.api.security import Finding, MediaCheck, MsgSecCheck, Suggestion

HOST = "https://api.weixin.qq.com"
OK = {"errcode": 0, "errmsg": "ok"}
CAMEL = {"errCode": 0, "errMsg": "ok"}
TEXT = {"content": "hello world!", "scene": 2, "openid": "oABC"}
MEDIA = {"media_url": "https://shop.example/a.png", "media_type": 2, "scene": 1, "openid": "oABC"}
RISKY = {
    "result": {"suggest": "risky", "label": 20001},
    "detail": [
        {"strategy": "content_model", "errcode": 0, "suggest": "risky", "label": 20006, "prob": 90},
        {
            "strategy": "keyword",
            "errcode": 0,
            "suggest": "pass",
            "label": 20006,
            "level": 20,
            "keyword": "命中的关键词1",
        },
        {"strategy": "keyword", "errcode": 0},
    ],
}
RID = {
    "invoke_time": 1635156704,
    "cost_in_ms": 30,
    "request_url": "access_token=50_Im7xxxx",
    "request_body": "",
    "response_body": '{"errcode":45009,"errmsg":"reach max api daily quota limit rid: 617682e0-09059ac5-34a8e2ea"}',
    "client_ip": "113.xx.70.51",
}
DNS = [{"ip": "111.161.64.40", "real_operator": "UNICOM"}]
PING = [{"ip": "111.161.64.40", "from_operator": "UNICOM", "package_loss": "0%", "time": "23.079ms"}]

# namespace and method, arguments, method, path with query, body, answer, result, document
EXCHANGES: list[tuple[str, dict[str, Any], str, str, str, dict[str, Any], Any, dict[str, Any]]] = [
    (
        "security.msg_sec_check",
        TEXT,
        "POST",
        "/wxa/msg_sec_check?access_token=TOKEN",
        '{"version":2,"content":"hello world!","scene":2,"openid":"oABC"}',
        {**OK, **RISKY, "trace_id": "60ae120f-371d5872-7941a05b"},
        MsgSecCheck(
            result=Suggestion(suggest="risky", label=20001),
            detail=(
                Finding(strategy="content_model", errcode=0, suggest="risky", label=20006, prob=90),
                Finding(strategy="keyword", errcode=0, suggest="pass", label=20006, level=20, keyword="命中的关键词1"),
                Finding(strategy="keyword", errcode=0),
            ),
            trace_id="60ae120f-371d5872-7941a05b",
        ),
        {**CAMEL, **RISKY, "traceId": "60ae120f-371d5872-7941a05b"},
    ),
    (
        "security.msg_sec_check",
        {
            "content": "签名",
            "scene": 1,
            "openid": "oABC",
            "title": "标题",
            "nickname": "昵称",
            "signature": "个性签名",
        },
        "POST",
        "/wxa/msg_sec_check?access_token=TOKEN",
        '{"version":2,"content":"签名","scene":1,"openid":"oABC","title":"标题","nickname":"昵称","signature":"个性签名"}',
        {**OK, "result": {"suggest": "pass", "label": 100}},
        MsgSecCheck(result=Suggestion(suggest="pass", label=100)),
        {**CAMEL, "result": {"suggest": "pass", "label": 100}, "detail": []},
    ),
    (
        "security.media_check_async",
        MEDIA,
        "POST",
        "/wxa/media_check_async?access_token=TOKEN",
        '{"version":2,"media_url":"https://shop.example/a.png","media_type":2,"scene":1,"openid":"oABC"}',
        {**OK, "trace_id": "967e945cd8a3e458f3c74dcb886068e9"},
        MediaCheck(trace_id="967e945cd8a3e458f3c74dcb886068e9"),
        {**CAMEL, "traceId": "967e945cd8a3e458f3c74dcb886068e9"},
    ),
    (
        "openapi.clear_quota",
        {},
        "POST",
        "/cgi-bin/clear_quota?access_token=TOKEN",
        '{"appid":"wxba5fad812f8e6fb9"}',
        OK,
        Done(),
        CAMEL,
    ),
    (
        "openapi.clear_quota_by_app_secret",
        {},
        "POST",
        "/cgi-bin/clear_quota/v2?appid=wxba5fad812f8e6fb9&appsecret=5f2d8c0b9a7e4d31",
        "",
        OK,
        Done(),
        CAMEL,
    ),
    (
        "openapi.get_api_quota",
        {"cgi_path": "/wxa/gettemplatedraftlist"},
        "POST",
        "/cgi-bin/openapi/quota/get?access_token=TOKEN",
        '{"cgi_path":"/wxa/gettemplatedraftlist"}',
        {
            **OK,
            "quota": {"daily_limit": 5000000, "used": 1, "remain": 4999999},
            "rate_limit": {"call_count": 1000, "refresh_second": 60},
        },
        ApiQuota(
            quota=Quota(daily_limit=5000000, used=1, remain=4999999),
            rate_limit=RateLimit(call_count=1000, refresh_second=60),
        ),
        {
            **CAMEL,
            "quota": {"dailyLimit": 5000000, "used": 1, "remain": 4999999},
            "rateLimit": {"callCount": 1000, "refreshSecond": 60},
        },
    ),
    (
        "openapi.get_rid_info",
        {"rid": "61725984-6126f6f9-040f19c4"},
        "POST",
        "/cgi-bin/openapi/rid/get?access_token=TOKEN",
        '{"rid":"61725984-6126f6f9-040f19c4"}',
        {**OK, "request": RID},
        RidInfo(request=RidRequest(**RID)),  # type: ignore[arg-type]
        {
            **CAMEL,
            "request": {
                "invokeTime": 1635156704,
                "costInMs": 30,
                "requestUrl": "access_token=50_Im7xxxx",
                "requestBody": "",
                "responseBody": RID["response_body"],
                "clientIp": "113.xx.70.51",
            },
        },
    ),
    (
        "openapi.callback_check",
        {},
        "POST",
        "/cgi-bin/callback/check?access_token=TOKEN",
        '{"action":"all","check_operator":"DEFAULT"}',
        {"dns": DNS, "ping": PING},
        CallbackCheck(
            dns=(Resolved(ip="111.161.64.40", real_operator="UNICOM"),),
            ping=(Pinged(ip="111.161.64.40", from_operator="UNICOM", package_loss="0%", time="23.079ms"),),
        ),
        {
            **CAMEL,
            "dns": [{"ip": "111.161.64.40", "realOperator": "UNICOM"}],
            "ping": [{"ip": "111.161.64.40", "fromOperator": "UNICOM", "packageLoss": "0%", "time": "23.079ms"}],
        },
    ),
    (
        "openapi.callback_check",
        {"action": "dns", "check_operator": "CAP"},
        "POST",
        "/cgi-bin/callback/check?access_token=TOKEN",
        '{"action":"dns","check_operator":"CAP"}',
        {"dns": []},
        CallbackCheck(),
        {**CAMEL, "dns": [], "ping": []},
    ),
    (
        "openapi.get_api_domain_ip",
        {},
        "GET",
        "/cgi-bin/get_api_domain_ip?access_token=TOKEN",
        "",
        {"ip_list": ["101.89.47.18", "101.91.34.103"]},
        IpList(ip_list=("101.89.47.18", "101.91.34.103")),
        {**CAMEL, "ipList": ["101.89.47.18", "101.91.34.103"]},
    ),
    (
        "openapi.get_callback_ip",
        {},
        "GET",
        "/cgi-bin/getcallbackip?access_token=TOKEN",
        "",
        {"ip_list": ["127.0.0.1"]},
        IpList(ip_list=("127.0.0.1",)),
        {**CAMEL, "ipList": ["127.0.0.1"]},
    ),
]


def method(mini: Any, name: str) -> Any:
    namespace, _, one = name.partition(".")
    return getattr(getattr(mini.weixin, namespace), one)


@pytest.mark.parametrize(("name", "arguments", "verb", "path", "body", "answer", "result", "document"), EXCHANGES)
async def test_a_call_goes_out_as_documented_and_its_answer_is_read(
    mini: Any,
    name: str,
    arguments: dict[str, Any],
    verb: str,
    path: str,
    body: str,
    answer: dict[str, Any],
    result: Any,
    document: dict[str, Any],
) -> None:
    mini.answers(answer)

    answered = await method(mini, name)(**arguments)

    assert (verb, HOST + path, body.encode()) == mini.wire()
    assert (result, document, answer) == (answered, answered.to_camel(), answered.raw)


@pytest.mark.parametrize("suggest", ["pass", "review", "risky", "PASS", "unheard-of"])
async def test_only_pass_has_passed(mini: Any, suggest: str) -> None:
    mini.answers({**OK, "result": {"suggest": suggest, "label": 100}})

    assert (suggest == "pass") is (await mini.weixin.security.msg_sec_check(**TEXT)).passed


async def test_clearing_with_the_secret_needs_a_secret_and_no_token(mini_program: Any) -> None:
    with pytest.raises(ConfigError, match="clear_quota_by_app_secret needs secret"):
        await mini_program(secret="").weixin.openapi.clear_quota_by_app_secret()
    mini = mini_program(access_token="")
    mini.answers(OK)

    await mini.weixin.openapi.clear_quota_by_app_secret()

    assert 1 == len(mini.sent)


async def test_what_a_call_sent_is_in_no_repr(mini: Any) -> None:
    mini.answers({**OK, "request": RID})

    assert ("RidInfo(request=RidRequest(invoke_time=1635156704, cost_in_ms=30, client_ip='113.xx.70.51'))") == repr(
        await mini.weixin.openapi.get_rid_info(rid="61725984-6126f6f9-040f19c4")
    )


@pytest.mark.parametrize(
    ("name", "arguments", "fields"),
    [
        ("security.msg_sec_check", {**TEXT, "content": ""}, {"content"}),
        ("security.msg_sec_check", {**TEXT, "content": "字" * 2501}, {"content"}),
        ("security.msg_sec_check", {**TEXT, "scene": 0, "openid": None}, {"scene", "openid"}),
        ("security.msg_sec_check", {**TEXT, "scene": 5}, {"scene"}),
        ("security.msg_sec_check", {**TEXT, "scene": "2"}, {"scene"}),
        ("security.msg_sec_check", {**TEXT, "signature": "x"}, {"signature"}),
        ("security.media_check_async", {**MEDIA, "media_url": "file:///etc/passwd"}, {"media_url"}),
        ("security.media_check_async", {**MEDIA, "media_type": 3, "scene": 5}, {"media_type", "scene"}),
        ("openapi.get_api_quota", {"cgi_path": "wxa/getwxacode"}, {"cgi_path"}),
        ("openapi.get_api_quota", {"cgi_path": "https://api.weixin.qq.com/wxa/getwxacode"}, {"cgi_path"}),
        ("openapi.get_api_quota", {"cgi_path": "/wxa/getwxacode?x=1"}, {"cgi_path"}),
        ("openapi.get_rid_info", {"rid": "rid: 1"}, {"rid"}),
        ("openapi.callback_check", {"action": "DNS", "check_operator": "default"}, {"action", "check_operator"}),
    ],
)
async def test_what_the_platform_would_refuse_is_not_sent(
    mini: Any, name: str, arguments: dict[str, Any], fields: set[str]
) -> None:
    with pytest.raises(InvalidParams) as caught:
        await method(mini, name)(**arguments)
    assert (fields, []) == (set(caught.value.problems), mini.sent)


async def test_a_text_of_2500_characters_is_sent(mini: Any) -> None:
    mini.answers({**OK, "result": {"suggest": "pass", "label": 100}})

    await mini.weixin.security.msg_sec_check(**{**TEXT, "content": "字" * 2500})

    assert ("字" * 2500).encode() in mini.wire()[2]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("security.media_check_async", MEDIA),
        ("openapi.clear_quota", {}),
        ("openapi.clear_quota_by_app_secret", {}),
    ],
)
async def test_what_counts_is_done_once(mini: Any, name: str, arguments: dict[str, Any]) -> None:
    mini.answers(TransportError("gone"))

    with pytest.raises(OutcomeUnknown) as caught:
        await method(mini, name)(**arguments)
    assert 1 == len(mini.sent)
    assert "5f2d8c0b9a7e4d31" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("security.msg_sec_check", TEXT, {**OK, "result": {"suggest": "pass", "label": 100}}),
        ("openapi.get_api_quota", {"cgi_path": "/wxa/x"}, {**OK, "quota": {"daily_limit": 1, "used": 1, "remain": 0}}),
        ("openapi.get_rid_info", {"rid": "1-2"}, {**OK, "request": RID}),
        ("openapi.callback_check", {}, {}),
        ("openapi.get_api_domain_ip", {}, {"ip_list": []}),
        ("openapi.get_callback_ip", {}, {"ip_list": []}),
    ],
)
async def test_a_question_is_asked_again(
    mini: Any, name: str, arguments: dict[str, Any], answer: dict[str, Any]
) -> None:
    mini.answers(TransportError("gone"), answer)

    await method(mini, name)(**arguments)

    assert 2 == len(mini.sent)


@pytest.mark.parametrize(
    ("name", "arguments", "code", "kind"),
    [
        ("security.msg_sec_check", TEXT, 61010, PlatformRefused),
        ("security.msg_sec_check", TEXT, 44991, RateLimited),
        ("security.media_check_async", MEDIA, 87020, RateLimited),
        ("openapi.clear_quota", {}, 48006, RateLimited),
        ("openapi.get_api_quota", {"cgi_path": "/sns/userinfo"}, 76022, PermissionDenied),
        ("openapi.get_rid_info", {"rid": "1-2"}, 76001, PlatformRefused),
    ],
)
async def test_a_refusal_says_who_must_act(
    mini: Any, name: str, arguments: dict[str, Any], code: int, kind: type[PlatformRefused]
) -> None:
    mini.answers({"errcode": code, "errmsg": "no"})

    with pytest.raises(PlatformRefused) as caught:
        await method(mini, name)(**arguments)
    assert kind is type(caught.value)


@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("security.msg_sec_check", TEXT, {}),
        ("security.msg_sec_check", TEXT, {"result": {"suggest": "pass"}}),
        ("security.msg_sec_check", TEXT, {"result": {"suggest": ["pass"], "label": 100}}),
        ("security.msg_sec_check", TEXT, {"result": {"suggest": "pass", "label": 100}, "detail": {}}),
        ("security.media_check_async", MEDIA, {"trace_id": None}),
        ("openapi.get_api_quota", {"cgi_path": "/wxa/x"}, {"quota": []}),
        ("openapi.get_rid_info", {"rid": "1-2"}, {"request": {**RID, "cost_in_ms": "fast"}}),
        ("openapi.callback_check", {}, {"dns": "none"}),
        ("openapi.get_callback_ip", {}, {"ip_list": [{"ip": "127.0.0.1"}]}),
    ],
)
async def test_an_answer_of_another_shape_is_malformed(
    mini: Any, name: str, arguments: dict[str, Any], answer: dict[str, Any]
) -> None:
    mini.answers({**OK, **answer})

    with pytest.raises(MalformedAnswer):
        await method(mini, name)(**arguments)
