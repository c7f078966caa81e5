"""URL schemes, URL links and short links. Fixtures: conftest.py here; it is 2026-11-24 04:00 UTC there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from tongfu import InvalidParams, MalformedAnswer, OutcomeUnknown, PlatformRefused
from tongfu.errors import PermissionDenied, RateLimited, TransportError
from tongfu_weixin.api.shortlink import ShortLink
from tongfu_weixin.api.urllink import UrlLink, UrlLinkQuery
from tongfu_weixin.api.urlscheme import LinkInfo, QuotaInfo, Scheme, SchemeQuery

HOST = "https://api.weixin.qq.com"
OK = {"errcode": 0, "errmsg": "ok"}
CAMEL = {"errCode": 0, "errMsg": "ok"}
NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
SECONDS = 1795492800
INFO = {
    "appid": "appid",
    "path": "",
    "query": "a=hello",
    "create_time": 611928113,
    "expire_time": 0,
    "env_version": "release",
}
INFO_CAMEL = {
    "appid": "appid",
    "path": "",
    "query": "a=hello",
    "createTime": 611928113,
    "expireTime": 0,
    "envVersion": "release",
}
SCHEME = {**OK, "openlink": "weixin://dl/business/?t=XTSkBZlzqmn"}
URL_LINK = {**OK, "url_link": "https://wxaurl.cn/BQZRrcFCPvg"}
PAGE = "/pages/publishHomework/publishHomework"

# namespace and method, arguments, path, body, answer, result, document
EXCHANGES: list[tuple[str, dict[str, Any], str, str, dict[str, Any], Any, dict[str, Any]]] = [
    (
        "urlscheme.generate",
        {
            "jump_wxa": {"path": PAGE, "query": "", "env_version": "release"},
            "is_expire": True,
            "expire_type": 1,
            "expire_interval": 1,
        },
        "/wxa/generatescheme",
        f'{{"jump_wxa":{{"path":"{PAGE}","query":"","env_version":"release"}},'
        '"is_expire":true,"expire_type":1,"expire_interval":1}',
        SCHEME,
        Scheme(openlink="weixin://dl/business/?t=XTSkBZlzqmn"),
        {**CAMEL, "openlink": "weixin://dl/business/?t=XTSkBZlzqmn"},
    ),
    (
        "urlscheme.query",
        {"scheme": "weixin://dl/business/?t=XTSkBZlzqmn&cq=a%3Dhello", "query_type": 0},
        "/wxa/queryscheme",
        '{"scheme":"weixin://dl/business/?t=XTSkBZlzqmn&cq=a%3Dhello","query_type":0}',
        {**OK, "scheme_info": INFO},
        SchemeQuery(scheme_info=LinkInfo(**INFO)),  # type: ignore[arg-type]
        {**CAMEL, "schemeInfo": INFO_CAMEL},
    ),
    (
        "urlscheme.query",
        {"scheme": "weixin://dl/business/?t=XTSkBZlzqmn", "query_type": 1},
        "/wxa/queryscheme",
        '{"scheme":"weixin://dl/business/?t=XTSkBZlzqmn","query_type":1}',
        {**OK, "quota_info": {"remain_visit_quota": 3000000}},
        SchemeQuery(quota_info=QuotaInfo(remain_visit_quota=3000000)),
        {**CAMEL, "quotaInfo": {"remainVisitQuota": 3000000}},
    ),
    (
        "urllink.generate",
        {
            "path": PAGE,
            "query": "",
            "expire_type": 1,
            "expire_interval": 1,
            "env_version": "release",
            "cloud_base": {"env": "xxx", "domain": "xxx.xx", "path": "/jump-wxa.html", "query": "a=1&b=2"},
        },
        "/wxa/generate_urllink",
        f'{{"path":"{PAGE}","query":"","env_version":"release","expire_type":1,"expire_interval":1,'
        '"cloud_base":{"env":"xxx","domain":"xxx.xx","path":"/jump-wxa.html","query":"a=1&b=2"}}',
        URL_LINK,
        UrlLink(url_link="https://wxaurl.cn/BQZRrcFCPvg"),
        {**CAMEL, "urlLink": "https://wxaurl.cn/BQZRrcFCPvg"},
    ),
    (
        "urllink.generate",
        {"cloud_base": {"env": "e", "resourceAppid": "wx1"}},
        "/wxa/generate_urllink",
        '{"cloud_base":{"env":"e","resource_appid":"wx1"}}',
        URL_LINK,
        UrlLink(url_link="https://wxaurl.cn/BQZRrcFCPvg"),
        {**CAMEL, "urlLink": "https://wxaurl.cn/BQZRrcFCPvg"},
    ),
    (
        "urllink.query",
        {"url_link": "https://wxaurl.cn/BQZRrcFCPvg?cq=a%3Dhello"},
        "/wxa/query_urllink",
        '{"url_link":"https://wxaurl.cn/BQZRrcFCPvg?cq=a%3Dhello"}',
        {**OK, "url_link_info": {**INFO, "cloud_base": {"env": ""}}},
        UrlLinkQuery(url_link_info=LinkInfo(**INFO)),  # type: ignore[arg-type]
        {**CAMEL, "urlLinkInfo": INFO_CAMEL},
    ),
    (
        "urllink.query",
        {"url_link": "https://wxaurl.cn/BQZRrcFCPvg", "query_type": 1},
        "/wxa/query_urllink",
        '{"url_link":"https://wxaurl.cn/BQZRrcFCPvg","query_type":1}',
        {**OK, "quota_info": {"remain_visit_quota": 1}},
        UrlLinkQuery(quota_info=QuotaInfo(remain_visit_quota=1)),
        {**CAMEL, "quotaInfo": {"remainVisitQuota": 1}},
    ),
    (
        "shortlink.generate",
        {
            "page_url": "pages/publishHomework/publishHomework?query1=q1",
            "page_title": "Homework title",
            "is_permanent": False,
        },
        "/wxa/genwxashortlink",
        '{"page_url":"pages/publishHomework/publishHomework?query1=q1","page_title":"Homework title",'
        '"is_permanent":false}',
        {**OK, "link": "#小程序://Homework/ABC"},
        ShortLink(link="#小程序://Homework/ABC"),
        {**CAMEL, "link": "#小程序://Homework/ABC"},
    ),
]


def method(mini: Any, name: str) -> Any:
    namespace, _, one = name.partition(".")
    return getattr(getattr(mini.weixin, namespace), one)


@pytest.mark.parametrize(("name", "arguments", "path", "body", "answer", "result", "document"), EXCHANGES)
async def test_a_call_goes_out_as_documented_and_its_answer_is_read(
    mini: Any,
    name: str,
    arguments: dict[str, Any],
    path: str,
    body: str,
    answer: dict[str, Any],
    result: Any,
    document: dict[str, Any],
) -> None:
    mini.answers(answer)

    answered = await method(mini, name)(**arguments)

    assert ("POST", f"{HOST}{path}?access_token=TOKEN", body.encode()) == mini.wire()
    assert (result, document, answer) == (answered, answered.to_camel(), answered.raw)


@pytest.mark.parametrize(("name", "answer"), [("urlscheme.generate", SCHEME), ("urllink.generate", URL_LINK)])
@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        ({}, ""),
        ({"expire_interval": 30}, '"expire_type":1,"expire_interval":30'),
        ({"expire_time": SECONDS + 60}, f'"expire_type":0,"expire_time":{SECONDS + 60}'),
        ({"expire_time": SECONDS + 30 * 86400}, f'"expire_type":0,"expire_time":{SECONDS + 30 * 86400}'),
        (
            {"expire_type": 0, "expire_time": NOW + timedelta(hours=1)},
            f'"expire_type":0,"expire_time":{SECONDS + 3600}',
        ),
        (
            {"expire_time": datetime(2026, 11, 24, 13, 0, tzinfo=timezone(timedelta(hours=8)))},
            f'"expire_type":0,"expire_time":{SECONDS + 3600}',
        ),
    ],
)
async def test_a_link_lives_until_a_moment_or_for_some_days(
    mini: Any, name: str, answer: dict[str, Any], arguments: dict[str, Any], fields: str
) -> None:
    mini.answers(answer)

    await method(mini, name)(**arguments)

    assert f"{{{fields}}}".encode() == mini.wire()[2]


@pytest.mark.parametrize("name", ["urlscheme.generate", "urllink.generate"])
@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        ({"expire_interval": 0}, {"expire_interval"}),
        ({"expire_interval": 31}, {"expire_interval"}),
        ({"expire_interval": True}, {"expire_interval"}),
        ({"expire_time": SECONDS + 59}, {"expire_time"}),
        ({"expire_time": SECONDS + 30 * 86400 + 1}, {"expire_time"}),
        ({"expire_time": SECONDS - 1}, {"expire_time"}),
        ({"expire_time": SECONDS + 3600.0}, {"expire_time"}),
        ({"expire_time": NOW.replace(tzinfo=None) + timedelta(hours=1)}, {"expire_time"}),
        ({"expire_time": SECONDS + 3600, "expire_interval": 1}, {"expire_time", "expire_interval"}),
        ({"expire_type": 0, "expire_interval": 1}, {"expire_time"}),
        ({"expire_type": 1, "expire_time": SECONDS + 3600}, {"expire_interval"}),
        ({"expire_type": 2}, {"expire_type"}),
    ],
)
async def test_no_link_lives_shorter_or_longer(
    mini: Any, name: str, arguments: dict[str, Any], fields: set[str]
) -> None:
    with pytest.raises(InvalidParams) as caught:
        await method(mini, name)(**arguments)
    assert (fields, []) == (set(caught.value.problems), mini.sent)


@pytest.mark.parametrize(
    ("name", "arguments", "fields"),
    [
        ("urlscheme.generate", {"jump_wxa": "pages/index"}, {"jump_wxa"}),
        ("urlscheme.generate", {"jump_wxa": {"path": "a?b=1"}}, {"jump_wxa.path"}),
        ("urlscheme.generate", {"jump_wxa": {"query": "?a=1"}}, {"jump_wxa.query"}),
        ("urlscheme.generate", {"jump_wxa": {"query": "a=中"}}, {"jump_wxa.query"}),
        ("urlscheme.generate", {"jump_wxa": {"query": "a" * 1025}}, {"jump_wxa.query"}),
        (
            "urlscheme.generate",
            {"jump_wxa": {"env_version": "beta", "page": "x"}},
            {"jump_wxa.env_version"} | {"jump_wxa.page"},
        ),
        ("urlscheme.generate", {"is_expire": 1}, {"is_expire"}),
        ("urlscheme.query", {"scheme": "https://wxaurl.cn/x"}, {"scheme"}),
        ("urlscheme.query", {"scheme": "weixin://dl/business/?t=x", "query_type": 2}, {"query_type"}),
        (
            "urllink.generate",
            {"path": "a#b", "query": "?a=1", "env_version": "Release"},
            {"path", "query", "env_version"},
        ),
        ("urllink.generate", {"cloud_base": {"domain": "x"}}, {"cloud_base.env"}),
        ("urllink.query", {"url_link": "weixin://dl/business/?t=x"}, {"url_link"}),
        ("shortlink.generate", {"page_url": ""}, {"page_url"}),
        ("shortlink.generate", {"page_url": "p" * 1025}, {"page_url"}),
        ("shortlink.generate", {"page_url": "p", "page_title": "字" * 21}, {"page_title"}),
        ("shortlink.generate", {"page_url": "p", "is_permanent": "yes"}, {"is_permanent"}),
    ],
)
async def test_what_the_platform_would_refuse_is_not_sent(
    mini: Any, name: str, arguments: dict[str, Any], fields: set[str]
) -> None:
    with pytest.raises(InvalidParams) as caught:
        await method(mini, name)(**arguments)
    assert (fields, []) == (set(caught.value.problems), mini.sent)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("urlscheme.generate", {}), ("urllink.generate", {}), ("shortlink.generate", {"page_url": "p"})],
)
async def test_a_link_is_made_once(mini: Any, name: str, arguments: dict[str, Any]) -> None:
    mini.answers(TransportError("gone"))

    with pytest.raises(OutcomeUnknown):
        await method(mini, name)(**arguments)
    assert 1 == len(mini.sent)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("urlscheme.query", {"scheme": "weixin://x"}), ("urllink.query", {"url_link": "https://wxaurl.cn/x"})],
)
async def test_a_question_is_asked_again(mini: Any, name: str, arguments: dict[str, Any]) -> None:
    mini.answers(TransportError("gone"), OK)

    answered = await method(mini, name)(**arguments)

    assert (CAMEL, 2) == (answered.to_camel(), len(mini.sent))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (44990, RateLimited),
        (44993, RateLimited),
        (85406, RateLimited),
        (85407, PermissionDenied),
        (85408, PermissionDenied),
        (85079, PlatformRefused),
        (40013, PlatformRefused),  # here: generating is banned, not a wrong app_id
    ],
)
async def test_a_refusal_says_who_must_act(mini: Any, code: int, kind: type[PlatformRefused]) -> None:
    mini.answers({"errcode": code, "errmsg": "no"})

    with pytest.raises(PlatformRefused) as caught:
        await mini.weixin.urlscheme.generate()
    assert kind is type(caught.value)


@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("urlscheme.generate", {}, {}),
        ("urlscheme.generate", {}, {"openlink": {"a": 1}}),
        ("urlscheme.query", {"scheme": "weixin://x"}, {"scheme_info": {**INFO, "expire_time": "never"}}),
        ("urlscheme.query", {"scheme": "weixin://x"}, {"quota_info": {}}),
        ("urllink.generate", {}, {"url_link": None}),
        ("urllink.query", {"url_link": "https://wxaurl.cn/x"}, {"url_link_info": "x"}),
        ("shortlink.generate", {"page_url": "p"}, {"link": ["x"]}),
    ],
)
async def test_an_answer_of_another_shape_is_malformed(
    mini: Any, name: str, arguments: dict[str, Any], answer: dict[str, Any]
) -> None:
    mini.answers({**OK, **answer})

    with pytest.raises(MalformedAnswer):
        await method(mini, name)(**arguments)
