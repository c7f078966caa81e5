"""Subscribe messages and their templates. Fixtures: conftest.py here."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongfu import InvalidParams, MalformedAnswer, OutcomeUnknown, PlatformRefused
from tongfu.errors import PermissionDenied, RateLimited, TransportError
from tongfu_weixin.api.result import Done
from tongfu_weixin.api.subscribe_data import template_data
from tongfu_weixin.api.subscribe_message import (
    AddedTemplate,
    Categories,
    Category,
    Keyword,
    KeywordEnumValues,
    Keywords,
    SubscribeSent,
    Template,
    Templates,
    TemplateTitle,
    TemplateTitles,
)
from tongfu_weixin.errors import NotSubscribed

HOST = "https://api.weixin.qq.com"
OK = {"errcode": 0, "errmsg": "ok"}
CAMEL = {"errCode": 0, "errMsg": "ok"}
TITLE = {"tid": 99, "title": "付款成功通知", "type": 2}
MEETING = {
    "priTmplId": "9Aw5ZV1j9xdWTFEkqCpZ7mIBbSC34khK55OtzUPl0rU",
    "title": "报名结果通知",
    "content": "会议时间:{{date2.DATA}}\n会议地点:{{thing1.DATA}}\n",
    "example": "会议时间:2016年8月8日\n会议地点:TIT会议室\n",
    "type": 2,
}
ROOMS = {"keywordCode": "enum_string2.DATA", "enumValueList": ["客厅", "餐厅"]}
SENT = {"touser": "oABC", "template_id": "TEMPLATE_ID", "data": {"thing1": "coffee"}}

# name of the method, its arguments, method, path with query, body, answer, result, document
EXCHANGES: list[tuple[str, dict[str, Any], str, str, str, dict[str, Any], Any, dict[str, Any]]] = [
    (
        "add_template",
        {"tid": "401", "kid_list": [1, 2], "scene_desc": "测试数据"},
        "POST",
        "/wxaapi/newtmpl/addtemplate?access_token=TOKEN",
        '{"tid":"401","kidList":[1,2],"sceneDesc":"测试数据"}',
        {**OK, "priTmplId": "9Aw5ZV1j9xdWTFEkqCpZ7jWySL7aGN6rQom4gXINfJs"},
        AddedTemplate(pri_tmpl_id="9Aw5ZV1j9xdWTFEkqCpZ7jWySL7aGN6rQom4gXINfJs"),
        {**CAMEL, "priTmplId": "9Aw5ZV1j9xdWTFEkqCpZ7jWySL7aGN6rQom4gXINfJs"},
    ),
    (
        "add_template",
        {"tid": 10000001, "kid_list": ()},
        "POST",
        "/wxaapi/newtmpl/addtemplate?access_token=TOKEN",
        '{"tid":"10000001","kidList":[]}',
        {**OK, "priTmplId": "P"},
        AddedTemplate(pri_tmpl_id="P"),
        {**CAMEL, "priTmplId": "P"},
    ),
    (
        "delete_template",
        {"pri_tmpl_id": "wDYzYZVxobJivW9oMpSCpuvACOfJXQIoKUm0PY397Tc"},
        "POST",
        "/wxaapi/newtmpl/deltemplate?access_token=TOKEN",
        '{"priTmplId":"wDYzYZVxobJivW9oMpSCpuvACOfJXQIoKUm0PY397Tc"}',
        OK,
        Done(),
        CAMEL,
    ),
    (
        "get_category",
        {},
        "GET",
        "/wxaapi/newtmpl/getcategory?access_token=TOKEN",
        "",
        {**OK, "data": [{"id": 616, "name": "公交"}]},
        Categories(data=(Category(id=616, name="公交"),)),
        {**CAMEL, "data": [{"id": 616, "name": "公交"}]},
    ),
    (
        "get_pub_template_key_words_by_id",
        {"tid": 99},
        "GET",
        "/wxaapi/newtmpl/getpubtemplatekeywords?access_token=TOKEN&tid=99",
        "",
        {**OK, "data": [{"kid": 1, "name": "物品名称", "example": "名称", "rule": "thing"}]},
        Keywords(data=(Keyword(kid=1, name="物品名称", example="名称", rule="thing"),)),
        {**CAMEL, "data": [{"kid": 1, "name": "物品名称", "example": "名称", "rule": "thing"}]},
    ),
    (
        "get_pub_template_title_list",
        {"ids": "2,616", "start": 0, "limit": 1},
        "GET",
        "/wxaapi/newtmpl/getpubtemplatetitles?access_token=TOKEN&ids=2%2C616&start=0&limit=1",
        "",
        {**OK, "count": 55, "data": [{**TITLE, "categoryId": "616"}]},
        TemplateTitles(count=55, data=(TemplateTitle(tid=99, title="付款成功通知", type=2, category_id=616),)),
        {**CAMEL, "count": 55, "data": [{**TITLE, "categoryId": 616}]},
    ),
    (
        "get_pub_template_title_list",
        {"ids": (2, 616)},
        "GET",
        "/wxaapi/newtmpl/getpubtemplatetitles?access_token=TOKEN&ids=2%2C616&start=0&limit=30",
        "",
        {**OK, "count": 0, "data": []},
        TemplateTitles(count=0, data=()),
        {**CAMEL, "count": 0, "data": []},
    ),
    (
        "get_template_list",
        {},
        "GET",
        "/wxaapi/newtmpl/gettemplate?access_token=TOKEN",
        "",
        {**OK, "data": [MEETING, {**MEETING, "type": 3, "keywordEnumValueList": [ROOMS]}]},
        Templates(
            data=(
                Template(
                    pri_tmpl_id="9Aw5ZV1j9xdWTFEkqCpZ7mIBbSC34khK55OtzUPl0rU",
                    title="报名结果通知",
                    content="会议时间:{{date2.DATA}}\n会议地点:{{thing1.DATA}}\n",
                    example="会议时间:2016年8月8日\n会议地点:TIT会议室\n",
                    type=2,
                ),
                Template(
                    pri_tmpl_id="9Aw5ZV1j9xdWTFEkqCpZ7mIBbSC34khK55OtzUPl0rU",
                    title="报名结果通知",
                    content="会议时间:{{date2.DATA}}\n会议地点:{{thing1.DATA}}\n",
                    example="会议时间:2016年8月8日\n会议地点:TIT会议室\n",
                    type=3,
                    keyword_enum_value_list=(
                        KeywordEnumValues(keyword_code="enum_string2.DATA", enum_value_list=("客厅", "餐厅")),
                    ),
                ),
            )
        ),
        {
            **CAMEL,
            "data": [
                {**MEETING, "keywordEnumValueList": []},
                {**MEETING, "type": 3, "keywordEnumValueList": [ROOMS]},
            ],
        },
    ),
    (
        "send",
        {
            "touser": "oABC",
            "template_id": "TEMPLATE_ID",
            "page": "index?foo=bar",
            "miniprogram_state": "developer",
            "lang": "zh_CN",
            "data": {"phrase3": {"value": "审核通过"}, "name1": "订阅", "date2": {"value": "2019-12-25 09:42"}},
        },
        "POST",
        "/cgi-bin/message/subscribe/send?access_token=TOKEN",
        '{"touser":"oABC","template_id":"TEMPLATE_ID","page":"index?foo=bar","miniprogram_state":"developer",'
        '"lang":"zh_CN","data":{"phrase3":{"value":"审核通过"},"name1":{"value":"订阅"},'
        '"date2":{"value":"2019-12-25 09:42"}}}',
        OK,
        SubscribeSent(),
        CAMEL,
    ),
    (
        "send",
        {"touser": "oABC", "template_id": "T", "data": {"character_string01": "A-1", "thingName_x": "会议"}},
        "POST",
        "/cgi-bin/message/subscribe/send?access_token=TOKEN",
        '{"touser":"oABC","template_id":"T","data":{"character_string01":{"value":"A-1"},"thingName_x":{"value":"会议"}}}',
        {**OK, "msgid": 4294967296000000001},
        SubscribeSent(msgid=4294967296000000001),
        {**CAMEL, "msgid": 4294967296000000001},
    ),
]


@pytest.mark.parametrize(("name", "arguments", "method", "path", "body", "answer", "result", "document"), EXCHANGES)
async def test_a_call_goes_out_as_documented_and_its_answer_is_read(
    mini: Any,
    name: str,
    arguments: dict[str, Any],
    method: str,
    path: str,
    body: str,
    answer: dict[str, Any],
    result: Any,
    document: dict[str, Any],
) -> None:
    mini.answers(answer)
    before = copy.deepcopy(arguments)

    answered = await getattr(mini.weixin.subscribe_message, name)(**arguments)

    assert (method, HOST + path, body.encode()) == mini.wire()
    assert (result, document, answer) == (answered, answered.to_camel(), answered.raw)
    assert before == arguments


@pytest.mark.parametrize(
    ("name", "arguments", "fields"),
    [
        ("add_template", {"tid": "", "kid_list": [1, 2]}, {"tid"}),
        ("add_template", {"tid": "4x", "kid_list": [1]}, {"tid"}),
        ("add_template", {"tid": "401", "kid_list": [1]}, {"kid_list"}),
        ("add_template", {"tid": "401", "kid_list": []}, {"kid_list"}),
        ("add_template", {"tid": "401", "kid_list": [1, 2, 3, 4, 5, 6]}, {"kid_list"}),
        ("add_template", {"tid": "401", "kid_list": ["1", "2"]}, {"kid_list"}),
        ("add_template", {"tid": "10000001", "kid_list": [1, 2]}, {"kid_list"}),
        ("add_template", {"tid": 20000000, "kid_list": []}, {"kid_list"}),
        ("add_template", {"tid": "401", "kid_list": [1, 2], "scene_desc": "字" * 16}, {"scene_desc"}),
        ("delete_template", {"pri_tmpl_id": ""}, {"pri_tmpl_id"}),
        ("get_pub_template_key_words_by_id", {"tid": True}, {"tid"}),
        ("get_pub_template_title_list", {"ids": ""}, {"ids"}),
        ("get_pub_template_title_list", {"ids": []}, {"ids"}),
        ("get_pub_template_title_list", {"ids": 616}, {"ids"}),
        ("get_pub_template_title_list", {"ids": "2, 616"}, {"ids"}),
        ("get_pub_template_title_list", {"ids": [2, "616"]}, {"ids"}),
        ("get_pub_template_title_list", {"ids": "2", "start": -1, "limit": 31}, {"start", "limit"}),
        ("get_pub_template_title_list", {"ids": "2", "limit": 0}, {"limit"}),
        ("send", {**SENT, "touser": "", "template_id": None}, {"touser", "template_id"}),
        ("send", {**SENT, "miniprogram_state": "release"}, {"miniprogram_state"}),
        ("send", {**SENT, "lang": "en"}, {"lang"}),
        ("send", {**SENT, "page": "p" * 1025}, {"page"}),
        ("send", {**SENT, "data": None}, {"data"}),
        ("send", {**SENT, "data": {}}, {"data"}),
        ("send", {**SENT, "data": "coffee"}, {"data"}),
        (
            "send",
            {**SENT, "data": {"thing1": "x" * 21, "number2": "x", "thing3": "x"}},
            {"data.thing1", "data.number2"},
        ),
        ("send", {**SENT, "data": {7: "x"}}, {"data.7"}),
        ("send", {**SENT, "data": {"thing1": 7}}, {"data.thing1"}),
        ("send", {**SENT, "data": {"thing1": {"value": ""}}}, {"data.thing1"}),
        ("send", {**SENT, "data": {"thing1": {"value": "x", "color": "#f00"}}}, {"data.thing1"}),
        ("send", {**SENT, "data": {"keyword1": "two\nlines"}}, {"data.keyword1"}),
        ("send", {**SENT, "data": {"keyword1": "half \ud83d"}}, {"data.keyword1"}),
    ],
)
async def test_what_the_platform_would_refuse_is_not_sent(
    mini: Any, name: str, arguments: dict[str, Any], fields: set[str]
) -> None:
    with pytest.raises(InvalidParams) as caught:
        await getattr(mini.weixin.subscribe_message, name)(**arguments)
    assert (fields, []) == (set(caught.value.problems), mini.sent)


@pytest.mark.parametrize(
    ("kind", "held", "broken"),
    [
        ("thing", ["二" * 20, "a 1 !", "🍵" * 20], ["x" * 21, "a\tb"]),
        (
            "number",
            ["339208499", "1" * 32, "1.5", "1" * 30 + ".25"],
            ["1" * 33, "1" * 31 + ".25", "-1", "1.", "一", "１"],
        ),
        ("letter", ["a" * 32, "aZ"], ["a" * 33, "a1", "é"]),
        ("symbol", ["!@#$%", "：", "￥"], ["!@#$%^", "a", "中", "1"]),
        ("character_string", ["A-1#" * 8, "x"], ["A" * 33, "单号1"]),
        (
            "time",
            [
                "15:01",
                "15:01:59",
                "2019年10月1日 15:01",
                "2019-10-01 15:01",
                "15:01~16:30",
                "2019年10月1日 15:01~16:30",
            ],
            ["24:00", "15:60", "3pm", "2019年10月1日", "15:01~16:30~17:00"],
        ),
        (
            "date",
            [
                "2019年10月1日",
                "2019年10月",
                "10月1日",
                "2018-01-01",
                "2018/01/01",
                "2018.01.01",
                "2018-01",
                "01-01",
                "2019年10月1日 15:01",
                "2018-01-01~2018-01-03",
                "2019年10月1日 15:01~2019年10月1日 16:00",
            ],
            ["tomorrow", "2019", "15:01", "20190101"],
        ),
        (
            "amount",
            ["￥100", "¥12.50", "$1", "100元", "￥" + "9" * 10 + "元"],
            ["9" * 11, "￥￥1", "一百元", "-1", "1.", "￥"],
        ),
        ("phone_number", ["+86-0766-66888866", "13800138000"], ["1" * 18, "电话", "1x"]),
        ("car_number", ["粤A8Z888挂", "粤A12345", "A1"], ["粤A8Z8888挂", "粤A粤1", "粤-1"]),
        ("name", ["字" * 10, "a" * 20, "O'Neil", "李a"], ["字" * 11, "a" * 21, "李" + "a" * 10]),
        ("phrase", ["配送中", "审核已通过"], ["审核已经通过", "ok", "配送 中", "配送！"]),
        ("enum_string", ["客厅", "anything, however long it may be"], [""]),
        ("keyword", ["x" * 200], [""]),
    ],
)
def test_each_kind_of_keyword_has_its_limit(kind: str, held: list[str], broken: list[str]) -> None:
    for value in held:
        assert {f"{kind}01": {"value": value}} == template_data("send", {f"{kind}01": value})
    for value in broken:
        with pytest.raises(InvalidParams) as caught:
            template_data("send", {f"{kind}2": {"value": value}})
        assert {f"data.{kind}2"} == set(caught.value.problems)


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40))
def test_a_thing_is_taken_as_it_is_if_and_only_if_it_has_at_most_20_characters(value: str) -> None:
    if len(value) <= 20:
        assert {"thing1": {"value": value}} == template_data("send", {"thing1": value})
    else:
        with pytest.raises(InvalidParams):
            template_data("send", {"thing1": value})


@given(st.decimals(min_value=0, max_value=9_999_999_999, places=2), st.sampled_from(["", "￥", "$"]))
def test_every_amount_of_ten_digits_is_an_amount(amount: Any, sign: str) -> None:
    value = f"{sign}{amount:f}"

    assert {"amount1": {"value": value}} == template_data("send", {"amount1": value})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda more: st.lists(more) | st.dictionaries(st.text(max_size=4), more),
)


@given(JSON | st.dictionaries(st.sampled_from(["thing1", "date2", "amount3", "name4", "x"]), JSON | st.text()))
def test_whatever_data_is_it_is_taken_or_refused_by_name(data: Any) -> None:
    problems: dict[str, str] = {}
    travels: dict[str, Any] = {}
    try:
        travels = template_data("send", data)
    except InvalidParams as exc:
        problems = exc.problems

    assert bool(problems) != bool(travels)
    assert all(name == "data" or name.startswith("data.") for name in problems)
    assert not travels or list(data) == list(travels)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("send", SENT),
        ("add_template", {"tid": 1, "kid_list": [1, 2]}),
        ("delete_template", {"pri_tmpl_id": "P"}),
    ],
)
async def test_what_changes_something_is_never_sent_twice(mini: Any, name: str, arguments: dict[str, Any]) -> None:
    mini.answers(TransportError("gone"))

    with pytest.raises(OutcomeUnknown):
        await getattr(mini.weixin.subscribe_message, name)(**arguments)
    assert 1 == len(mini.sent)


async def test_a_question_is_asked_again(mini: Any) -> None:
    mini.answers(TransportError("gone"), {**OK, "data": []})

    assert Categories(data=()) == await mini.weixin.subscribe_message.get_category()
    assert 2 == len(mini.sent)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (43101, NotSubscribed),
        (43107, PermissionDenied),
        (43108, RateLimited),
        (45168, PlatformRefused),
        (40037, PlatformRefused),
        (47003, PlatformRefused),
    ],
)
async def test_a_refusal_says_what_to_do(mini: Any, code: int, kind: type[PlatformRefused]) -> None:
    mini.answers({"errcode": code, "errmsg": "no rid: 61725984-6126f6f9-040f19c4"})

    with pytest.raises(PlatformRefused) as caught:
        await mini.weixin.subscribe_message.send(**SENT)
    assert (kind, str(code), "61725984-6126f6f9-040f19c4", 1) == (
        type(caught.value),
        caught.value.code,
        caught.value.request_id,
        len(mini.sent),
    )
    assert "oABC" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "arguments", "answer"),
    [
        ("add_template", {"tid": 1, "kid_list": [1, 2]}, {}),
        ("add_template", {"tid": 1, "kid_list": [1, 2]}, {"priTmplId": ["P"]}),
        ("get_category", {}, {}),
        ("get_category", {}, {"data": {"id": 616, "name": "公交"}}),
        ("get_category", {}, {"data": [{"id": "x", "name": "公交"}]}),
        ("get_pub_template_key_words_by_id", {"tid": 1}, {"data": [{"kid": 1, "name": "n", "example": "e"}]}),
        ("get_pub_template_title_list", {"ids": "2"}, {"data": []}),
        ("get_pub_template_title_list", {"ids": "2"}, {"count": 1, "data": [{**TITLE, "categoryId": None}]}),
        ("get_template_list", {}, {"data": [None]}),
        ("get_template_list", {}, {"data": [{**MEETING, "keywordEnumValueList": [{"keywordCode": "x"}]}]}),
        ("send", SENT, {"msgid": "one"}),
    ],
)
async def test_an_answer_of_another_shape_is_malformed(
    mini: Any, name: str, arguments: dict[str, Any], answer: dict[str, Any]
) -> None:
    mini.answers({**OK, **answer})

    with pytest.raises(MalformedAnswer):
        await getattr(mini.weixin.subscribe_message, name)(**arguments)


async def test_a_token_of_the_call_goes_before_the_accounts(mini: Any) -> None:
    mini.answers(OK)

    await mini.weixin.subscribe_message.send(**SENT, access_token="OTHER")

    assert f"{HOST}/cgi-bin/message/subscribe/send?access_token=OTHER" == mini.wire()[1]
