"""Subscribe messages, content security and links, by section A10."""

from __future__ import annotations

from typing import Any

import pytest

SEND = "/cgi-bin/message/subscribe/send"
CHECK = "/wxa/msg_sec_check"


async def template(shop: Any, tid: int = 1221, kids: tuple[int, ...] = (1, 2, 3)) -> str:
    told = (await shop.post("/wxaapi/newtmpl/addtemplate", {"tid": str(tid), "kidList": list(kids)})).told
    return str(told["priTmplId"])


def message(template_id: str, **changed: str) -> dict[str, Any]:
    values = {"amount1": "￥15.00元", "time2": "2026年1月14日 15:01", "thing3": "一杯咖啡"} | changed
    data = {name: {"value": value} for name, value in values.items()}
    return {"touser": "o1", "template_id": template_id, "data": data}


async def test_a_message_needs_a_subscription_each(shop: Any) -> None:
    chosen = await template(shop)
    await shop.login()
    before = (await shop.post(SEND, message(chosen))).errcode
    await shop.control("POST", "subscribe", openid="o1", template_id=chosen, times=2)
    answers = [await shop.post(SEND, message(chosen) | {"page": "pages/index/index?a=1"}) for _ in range(3)]
    kept = (await shop.control("GET", "messages"))["messages"]

    assert (43101, [0, 0, 43101]) == (before, [answer.errcode for answer in answers])
    assert answers[0].told["msgid"] > 1 << 60
    assert [("subscribe", "o1", message(chosen) | {"page": "pages/index/index?a=1"})] * 2 == [
        (each["kind"], each["touser"], each["message"]) for each in kept
    ]


@pytest.mark.parametrize(
    ("tid", "kid", "rule", "good", "bad"),
    [
        (1221, 3, "thing", ["字" * 20], ["字" * 21, "", "a\nb"]),
        (1221, 4, "number", ["1" * 32, "-1.5"], ["1" * 33, "1a"]),
        (2906, 3, "letter", ["a" * 32], ["a" * 33, "a1"]),
        (1037, 1, "character_string", ["A1-_" * 8], ["A" * 33, "中"]),
        (1037, 3, "time", ["15:01", "2019年10月1日 15:01", "15:01~16:02"], ["25:01", "15:61", "now"]),
        (2906, 1, "date", ["2019年10月1日"], ["2019-10-01", "today"]),
        (1221, 1, "amount", ["￥100", "$1234567890", "15.5元"], ["12345678901", "abc"]),
        (1221, 5, "phone_number", ["+86-0766-66888866"], ["1" * 18, "phone"]),
        (2906, 2, "car_number", ["粤A8Z888挂"], ["粤A8Z8888挂"]),
        (1037, 5, "name", ["王" * 10, "J" * 20], ["王" * 11, "J" * 21]),
        (1037, 4, "phrase", ["配送中"], ["正在派送中间", "ok"]),
    ],
)
async def test_values_keep_to_the_rule_of_their_key(
    shop: Any, tid: int, kid: int, rule: str, good: list[str], bad: list[str]
) -> None:
    kids = tuple({kid, 1 if kid != 1 else 2})
    chosen = await template(shop, tid, kids)
    listed = (await shop.get("/wxaapi/newtmpl/gettemplate")).told["data"]
    keywords = (await shop.get("/wxaapi/newtmpl/getpubtemplatekeywords", tid=str(tid))).told["data"]
    other = next(each for each in keywords if each["kid"] in kids and each["kid"] != kid)
    await shop.control("POST", "subscribe", openid="o1", template_id=chosen, times=20)

    async def sent(value: str) -> int:
        data = {f"{rule}{kid}": {"value": value}, f"{other['rule']}{other['kid']}": {"value": other["example"]}}
        return int((await shop.post(SEND, {"touser": "o1", "template_id": chosen, "data": data})).errcode)

    assert f"{{{{{rule}{kid}.DATA}}}}" in listed[0]["content"]
    assert [0] * len(good) == [await sent(value) for value in good]
    assert [47003] * len(bad) == [await sent(value) for value in bad]


async def test_a_message_that_is_wrong_otherwise_is_told_apart(shop: Any) -> None:
    chosen = await template(shop)
    await shop.control("POST", "subscribe", openid="o1", template_id=chosen, times=9)
    right = message(chosen)
    wrong = [
        right | {"touser": "nobody"},
        right | {"template_id": "none"},
        right | {"data": {"thing3": {"value": "a"}}},
        right | {"data": right["data"] | {"thing9": {"value": "a"}}},
        right | {"data": right["data"] | {"thing3": {"value": 1}}},
        right | {"data": []},
        right | {"miniprogram_state": "release"},
        right | {"lang": "zh"},
        message(chosen, thing3="代开发票"),
    ]

    assert [40003, 40037, 47003, 47003, 47003, 47001, 40097, 40097, 45168] == [
        (await shop.post(SEND, body)).errcode for body in wrong
    ]


async def test_templates_are_chosen_from_the_library_and_dropped(shop: Any) -> None:
    (category, _) = (await shop.get("/wxaapi/newtmpl/getcategory")).told["data"]
    titles = (
        await shop.get("/wxaapi/newtmpl/getpubtemplatetitles", ids=str(category["id"]), start="0", limit="1")
    ).told
    chosen = await template(shop, titles["data"][0]["tid"], (2, 1))
    drop = [(await shop.post("/wxaapi/newtmpl/deltemplate", {"priTmplId": chosen})).errcode for _ in range(2)]

    assert (2, ["tid", "title", "type", "categoryId"]) == (titles["count"], list(titles["data"][0]))
    assert [0, 40037] == drop
    assert [] == (await shop.get("/wxaapi/newtmpl/gettemplate")).told["data"]
    assert (404, f"the app has no template {chosen}: POST /wxaapi/newtmpl/addtemplate first") == await shop.control(
        "POST", "subscribe", openid="o1", template_id=chosen
    )


# --- content security ---------------------------------------------------------------------------------


def checked(content: str, /, **changed: Any) -> dict[str, Any]:
    return {"content": content, "version": 2, "scene": 2, "openid": "o1"} | changed


async def test_risky_text_is_a_result_and_no_error(shop: Any) -> None:
    await shop.login()
    told = [(await shop.post(CHECK, checked(content))).told for content in ("早上好", "低价代开发票", "全网最便宜")]

    assert [
        {"suggest": "pass", "label": 100},
        {"suggest": "risky", "label": 10001},
        {"suggest": "review", "label": 10001},
    ] == [each["result"] for each in told]
    assert [0, 0, 0] == [each["errcode"] for each in told]
    assert [None, "代开发票", "最便宜"] == [each["detail"][1].get("keyword") for each in told]
    assert len({each["trace_id"] for each in told}) == 3


@pytest.mark.parametrize(
    ("changed", "errcode"),
    [
        ({"content": ""}, 40097),
        ({"content": "字" * 2500}, 0),
        ({"content": "字" * 2501}, 40097),
        ({"version": "2"}, 47001),
        ({"version": 1}, 40097),
        ({"scene": 5}, 40129),
        ({"openid": "nobody"}, 40003),
    ],
)
async def test_a_check_names_what_is_wrong(shop: Any, changed: Any, errcode: int) -> None:
    await shop.login()

    assert errcode == (await shop.post(CHECK, checked("a", **changed))).errcode


async def test_the_user_was_in_the_app_within_two_hours(shop: Any) -> None:
    await shop.login()
    await shop.emu.clock.advance(7200)
    shop.token = ""
    just = (await shop.post(CHECK, checked("a"))).errcode
    await shop.emu.clock.advance(1)

    assert (0, 61010) == (just, (await shop.post(CHECK, checked("a"))).errcode)


# --- links --------------------------------------------------------------------------------------------


async def test_a_scheme_leads_to_its_page_until_it_expires(shop: Any) -> None:
    jump = {"path": "pages/cart/cart", "query": "a=1&b=中"}
    told = (await shop.post("/wxa/generatescheme", {"jump_wxa": jump, "expire_time": 1768359845 + 60})).told
    link = told["openlink"]
    there = await shop.control("POST", "open_link", link=link)
    info = (await shop.post("/wxa/queryscheme", {"scheme": link})).told
    quota = (await shop.post("/wxa/queryscheme", {"scheme": link, "query_type": 1})).told
    await shop.emu.clock.advance(60)

    assert link.startswith("weixin://dl/business/?t=")
    assert jump | {"env_version": "release"} == there
    assert {
        "appid": shop.line["app_id"],
        **jump,
        "create_time": 1768359845,
        "expire_time": 1768359905,
        "env_version": "release",
    } == info["scheme_info"]
    assert {"remain_visit_quota": 2_999_999} == quota["quota_info"]
    assert (400, "the link expired at 2026-01-14T03:05:05+00:00") == await shop.control("POST", "open_link", link=link)


async def test_a_url_link_expires_after_days(shop: Any) -> None:
    body = {"path": "", "expire_type": 1, "expire_interval": 30, "env_version": "trial"}
    link = (await shop.post("/wxa/generate_urllink", body)).told["url_link"]
    info = (await shop.post("/wxa/query_urllink", {"url_link": link})).told["url_link_info"]

    assert link.startswith("https://wxaurl.cn/")
    assert ("trial", 1768359845 + 30 * 86400) == (info["env_version"], info["expire_time"])
    assert (await shop.post("/wxa/queryscheme", {"scheme": link})).errcode == 40097


@pytest.mark.parametrize(
    ("body", "errcode"),
    [
        ({"expire_time": 1768359845 + 59}, 85401),
        ({"expire_time": 1768359845 + 30 * 86400}, 0),
        ({"expire_time": 1768359845 + 30 * 86400 + 1}, 85401),
        ({"expire_type": 1, "expire_interval": 31}, 85401),
        ({"expire_type": 1}, 85401),
        ({"expire_type": 2}, 40097),
        ({"path": "pages/none"}, 40165),
        ({"path": "pages/none", "env_version": "develop"}, 0),
        ({"path": "pages/index/index?a=1"}, 40165),
        ({"query": "?a=1"}, 40212),
        ({"query": "a" * 1024}, 0),
        ({"query": "a" * 1025}, 40212),
        ({"env_version": "beta"}, 85402),
        ({"cloud_base": {"path": "/a"}}, 85088),
    ],
)
async def test_a_link_keeps_to_the_rules(shop: Any, body: Any, errcode: int) -> None:
    assert errcode == (await shop.post("/wxa/generate_urllink", body)).errcode


async def test_a_short_link_lasts_if_it_is_permanent(shop: Any) -> None:
    page = {"page_url": "pages/goods/detail?id=1", "page_title": "标题"}
    links = [
        (await shop.post("/wxa/genwxashortlink", page | {"is_permanent": lasts})).told["link"]
        for lasts in (False, True)
    ]
    await shop.emu.clock.advance(30 * 86400)
    shop.token = ""
    opened = [await shop.control("POST", "open_link", link=link) for link in links]
    wrong = [page | {"page_title": "字" * 21}, page | {"page_url": ""}, page | {"page_url": "a" * 1025}]

    assert links[0].startswith("#小程序://标题/")
    assert opened[0][0] == 400
    assert {"path": "pages/goods/detail", "query": "id=1", "env_version": "release"} == opened[1]
    assert [40225, 40066, 40066] == [(await shop.post("/wxa/genwxashortlink", body)).errcode for body in wrong]
