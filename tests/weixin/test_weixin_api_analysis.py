"""Ten questions about visits: their spans of days, and what comes back. Fixtures: conftest.py here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pytest

from tongfu import HttpResponse, InvalidParams, MalformedAnswer
from tongfu.errors import PlatformBusy, TransportError
from tongfu_weixin.api.analysis import (
    DAILY,
    DailySummary,
    DailySummaryList,
    Distribution,
    DistributionItem,
    Portrait,
    PortraitItem,
    Retained,
    Retention,
    UserPortrait,
    VisitDistribution,
    VisitPage,
    VisitPageList,
    VisitTrend,
    VisitTrendList,
    days,
)

DATACUBE = "https://api.weixin.qq.com/datacube/getweanalysisappid"
OK = {"errCode": 0, "errMsg": "ok"}
COUNTS = {"session_cnt": 142549, "visit_pv": 472351, "visit_uv": 55500, "visit_uv_new": 5464}
TREND = {**COUNTS, "stay_time_session": 0, "visit_depth": 1.9838}
CAMEL_TREND = {
    "sessionCnt": 142549,
    "visitPv": 472351,
    "visitUv": 55500,
    "visitUvNew": 5464,
    "stayTimeSession": 0.0,
    "visitDepth": 1.9838,
}
PAGE: dict[str, Any] = {
    "page_path": "pages/main/main.html",
    "page_visit_pv": 213429,
    "page_visit_uv": 55423,
    "page_staytime_pv": 8.139198,
    "entrypage_pv": 117922,
    "exitpage_pv": 61304,
    "page_share_pv": 180,
    "page_share_uv": 166,
}
CAMEL_PAGE = {
    "pagePath": "pages/main/main.html",
    "pageVisitPv": 213429,
    "pageVisitUv": 55423,
    "pageStaytimePv": 8.139198,
    "entrypagePv": 117922,
    "exitpagePv": 61304,
    "pageSharePv": 180,
    "pageShareUv": 166,
}
GUANGDONG = {"id": 31, "name": "广东省", "value": 215}
KINDS = ("province", "city", "genders", "platforms", "devices", "ages")


@dataclass(frozen=True)
class Asked:
    """One method: the end of its URL, the days it was asked for, what came, and what that is."""

    method: str
    endpoint: str
    span: tuple[str, str]
    answer: dict[str, Any]
    result: Any
    camel: dict[str, Any]


def retention(method: str, endpoint: str, span: tuple[str, str], ref_date: str) -> Asked:
    new, every = {"key": 0, "value": 5464}, {"key": 0, "value": 55500}
    return Asked(
        method,
        endpoint,
        span,
        {"ref_date": ref_date, "visit_uv_new": [new], "visit_uv": [every, {"key": 1, "value": 4}]},
        Retention(
            ref_date=ref_date,
            visit_uv_new=(Retained(key=0, value=5464),),
            visit_uv=(Retained(key=0, value=55500), Retained(key=1, value=4)),
        ),
        {"refDate": ref_date, "visitUvNew": [new], "visitUv": [every, {"key": 1, "value": 4}]},
    )


def trend(method: str, endpoint: str, span: tuple[str, str], ref_date: str) -> Asked:
    return Asked(
        method,
        endpoint,
        span,
        {"list": [{"ref_date": ref_date, **TREND}]},
        VisitTrendList(list=(VisitTrend(ref_date=ref_date, **COUNTS, stay_time_session=0.0, visit_depth=1.9838),)),
        {"list": [{"refDate": ref_date, **CAMEL_TREND}]},
    )


DAY, WEEK, MONTH = ("20170313", "20170313"), ("20170306", "20170312"), ("20170201", "20170228")
PEOPLE = {kind: [GUANGDONG] for kind in KINDS} | {"devices": [{"name": "OPPO R9", "value": 7}]}
ASKED = [
    retention("get_daily_retain", "dailyretaininfo", DAY, "20170313"),
    retention("get_weekly_retain", "weeklyretaininfo", WEEK, "20170306-20170312"),
    retention("get_monthly_retain", "monthlyretaininfo", MONTH, "201702"),
    Asked(
        "get_daily_summary",
        "dailysummarytrend",
        DAY,
        {"list": [{"ref_date": "20170313", "visit_total": 391, "share_pv": 572, "share_uv": 383}]},
        DailySummaryList(list=(DailySummary(ref_date="20170313", visit_total=391, share_pv=572, share_uv=383),)),
        {"list": [{"refDate": "20170313", "visitTotal": 391, "sharePv": 572, "shareUv": 383}]},
    ),
    trend("get_daily_visit_trend", "dailyvisittrend", DAY, "20170313"),
    trend("get_weekly_visit_trend", "weeklyvisittrend", WEEK, "20170306-20170312"),
    trend("get_monthly_visit_trend", "monthlyvisittrend", MONTH, "201702"),
    Asked(
        "get_user_portrait",
        "userportrait",
        ("20170611", "20170617"),
        {"ref_date": "20170611", "visit_uv_new": {"province": [GUANGDONG]}, "visit_uv": PEOPLE},
        UserPortrait(
            ref_date="20170611",
            visit_uv_new=Portrait(province=(PortraitItem(id=31, name="广东省", value=215),)),
            visit_uv=Portrait(
                **{kind: (PortraitItem(id=31, name="广东省", value=215),) for kind in KINDS if kind != "devices"},
                devices=(PortraitItem(name="OPPO R9", value=7),),
            ),
        ),
        {
            "refDate": "20170611",
            "visitUvNew": {kind: [GUANGDONG] if kind == "province" else [] for kind in KINDS},
            "visitUv": PEOPLE,
        },
    ),
    Asked(
        "get_visit_distribution",
        "visitdistribution",
        DAY,
        {
            "ref_date": "20170313",
            "list": [
                {
                    "index": "access_source_session_cnt",
                    "item_list": [{"key": 10, "value": 5}, {"key": 99, "value": 1, "access_source_visit_uv": 4}],
                },
                {"index": "access_depth_info", "item_list": []},
            ],
        },
        VisitDistribution(
            ref_date="20170313",
            list=(
                Distribution(
                    index="access_source_session_cnt",
                    item_list=(
                        DistributionItem(key=10, value=5),
                        DistributionItem(key=99, value=1, access_source_visit_uv=4),
                    ),
                ),
                Distribution(index="access_depth_info"),
            ),
        ),
        {
            "refDate": "20170313",
            "list": [
                {
                    "index": "access_source_session_cnt",
                    "itemList": [{"key": 10, "value": 5}, {"key": 99, "value": 1, "accessSourceVisitUv": 4}],
                },
                {"index": "access_depth_info", "itemList": []},
            ],
        },
    ),
    Asked(
        "get_visit_page",
        "visitpage",
        DAY,
        {"ref_date": "20170313", "list": [PAGE]},
        VisitPageList(ref_date="20170313", list=(VisitPage(**PAGE),)),
        {"refDate": "20170313", "list": [CAMEL_PAGE]},
    ),
]
by_method = pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.method)


def test_all_ten_are_here() -> None:
    assert 10 == len({asked.endpoint for asked in ASKED})


@by_method
async def test_a_question_and_its_answer(mini: Any, asked: Asked) -> None:
    mini.answers(asked.answer)
    begin, end = asked.span

    result = await getattr(mini.weixin.analysis, asked.method)(begin_date=begin, end_date=end)

    assert (
        "POST",
        f"{DATACUBE}{asked.endpoint}?access_token=TOKEN",
        f'{{"begin_date":"{begin}","end_date":"{end}"}}'.encode(),
    ) == mini.wire()
    assert asked.result == result
    assert {**OK, **asked.camel} == result.to_camel()
    assert asked.answer == result.raw


@by_method
async def test_a_token_of_the_call_goes_first(mini: Any, asked: Asked) -> None:
    mini.answers(asked.answer)
    begin, end = asked.span

    await getattr(mini.weixin.analysis, asked.method)(begin_date=begin, end_date=end, access_token="OTHER")

    assert f"{DATACUBE}{asked.endpoint}?access_token=OTHER" == mini.wire()[1]


@by_method
async def test_where_the_rule_says_the_end_it_may_be_left_out(mini: Any, asked: Asked) -> None:
    mini.answers(asked.answer)
    begin, end = asked.span
    ask = getattr(mini.weixin.analysis, asked.method)

    if asked.method == "get_user_portrait":
        with pytest.raises(InvalidParams, match="end_date: "):
            await ask(begin_date=begin, end_date=None)
        assert [] == mini.sent
    else:
        await ask(begin_date=date.fromisoformat(f"{begin[:4]}-{begin[4:6]}-{begin[6:]}"))
        assert f'{{"begin_date":"{begin}","end_date":"{end}"}}'.encode() == mini.wire()[2]


@pytest.mark.parametrize(
    ("method", "begin", "end"),
    [
        ("get_daily_retain", "20170312", "20170313"),  # what an earlier generation of the pages asked for
        ("get_daily_summary", "20170312", "20170313"),
        ("get_daily_visit_trend", "2017-03-12", date(2017, 3, 13)),
        ("get_user_portrait", "20170611", "20170611"),
        ("get_user_portrait", "20170611", "20170710"),
        ("get_monthly_retain", "20240201", "20240229"),
        ("get_weekly_retain", "20261116", "20261122"),  # the last full week at the clock's Tuesday
        ("get_visit_page", "20261123", "20261123"),
    ],
)
async def test_spans_that_the_rules_allow(mini: Any, method: str, begin: Any, end: Any) -> None:
    mini.answers(next(asked.answer for asked in ASKED if asked.method == method))

    await getattr(mini.weixin.analysis, method)(begin_date=begin, end_date=end)

    first, last = (str(day).replace("-", "") for day in (begin, end))
    assert f'{{"begin_date":"{first}","end_date":"{last}"}}'.encode() == mini.wire()[2]


@pytest.mark.parametrize(
    ("method", "begin", "end", "field"),
    [
        ("get_daily_retain", "20170313", "20170315", "end_date"),
        ("get_daily_summary", "20170313", "20170312", "end_date"),
        ("get_daily_visit_trend", "20261124", None, "begin_date"),  # today
        ("get_daily_visit_trend", "20261123", "20261124", "end_date"),
        ("get_visit_page", "20170312", "20170313", "end_date"),
        ("get_visit_distribution", "20170312", "20170313", "end_date"),
        ("get_weekly_retain", "20170307", "20170313", "begin_date"),  # a Tuesday
        ("get_weekly_visit_trend", "20170306", "20170311", "end_date"),
        ("get_weekly_visit_trend", "20261123", None, "end_date"),  # this week
        ("get_monthly_retain", "20170202", "20170228", "begin_date"),
        ("get_monthly_visit_trend", "20170201", "20170227", "end_date"),
        ("get_monthly_visit_trend", "20261101", None, "end_date"),  # this month
        ("get_user_portrait", "20170611", "20170618", "end_date"),
        ("get_user_portrait", "20261118", "20261124", "end_date"),
        ("get_daily_retain", "20170230", None, "begin_date"),
        ("get_daily_retain", "201703", None, "begin_date"),
        ("get_daily_retain", 20170313, None, "begin_date"),
        ("get_daily_retain", None, None, "begin_date"),
        ("get_daily_retain", "20170313", "", "end_date"),
        ("get_daily_retain", "20170313", datetime(2017, 3, 13, tzinfo=UTC), "end_date"),
        ("get_weekly_retain", date.max, None, "begin_date"),
    ],
)
async def test_spans_that_the_rules_refuse(mini: Any, method: str, begin: Any, end: Any, field: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        await getattr(mini.weixin.analysis, method)(begin_date=begin, end_date=end)
    assert ([field], f"analysis.{method}", []) == (list(caught.value.problems), caught.value.operation, mini.sent)


def test_yesterday_is_beijings() -> None:
    late = datetime(2026, 11, 24, 15, 59, 59, tzinfo=UTC)  # still the 24th there

    with pytest.raises(InvalidParams, match="2026-11-23, yesterday in Beijing"):
        days(DAILY, "x", "20261124", None, late)
    assert {"begin_date": "20261124", "end_date": "20261124"} == days(
        DAILY, "x", "20261124", None, late.replace(hour=16, minute=0)
    )


async def test_nothing_counted_is_an_empty_list(mini: Any) -> None:
    mini.answers({"list": []})

    result = await mini.weixin.analysis.get_daily_summary(begin_date="20170313")

    assert DailySummaryList(list=()) == result
    assert {**OK, "list": []} == result.to_camel()


async def test_a_stay_time_of_users_is_kept_where_it_comes(mini: Any) -> None:
    mini.answers({"list": [{"ref_date": 20170313, **TREND, "stay_time_uv": 12}], "new": 1})

    (day,) = (await mini.weixin.analysis.get_daily_visit_trend(begin_date="20170313")).list

    assert (12.0, "20170313", {**CAMEL_TREND, "refDate": "20170313", "stayTimeUv": 12.0}) == (
        day.stay_time_uv,
        day.ref_date,
        day.to_camel(),
    )


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("get_daily_retain", {}),
        ("get_daily_retain", {"ref_date": "20170313", "visit_uv_new": {"key": 0, "value": 1}, "visit_uv": []}),
        ("get_daily_retain", {"ref_date": "20170313", "visit_uv_new": [[0, 1]], "visit_uv": []}),
        ("get_daily_retain", {"ref_date": "20170313", "visit_uv_new": [{"key": 0, "value": 1.5}], "visit_uv": []}),
        ("get_daily_retain", {"ref_date": "20170313", "visit_uv_new": [{"key": True, "value": 1}], "visit_uv": []}),
        ("get_daily_summary", {"list": None}),
        ("get_daily_summary", {"list": [{"ref_date": "20170313"}]}),
        ("get_daily_visit_trend", {"list": [{"ref_date": "20170313", **TREND, "visit_depth": "deep"}]}),
        ("get_visit_page", {"ref_date": "20170313", "list": [{**PAGE, "page_path": {}}]}),
        ("get_visit_distribution", {"ref_date": "20170313", "list": [{"index": "x", "item_list": [5]}]}),
    ],
)
async def test_an_answer_of_other_types_is_not_used(mini: Any, method: str, answer: dict[str, Any]) -> None:
    mini.answers(answer)

    with pytest.raises(MalformedAnswer):
        await getattr(mini.weixin.analysis, method)(begin_date="20170313")


async def test_a_question_is_asked_again_after_a_gateway_error_and_then_given_up(mini: Any) -> None:
    mini.answers(*[HttpResponse(502, {"content-type": "text/html"}, b"<html>bad gateway")] * 3)

    with pytest.raises(TransportError, match="HTTP 502"):
        await mini.weixin.analysis.get_daily_summary(begin_date="20170313")
    assert 3 == len(mini.sent)


async def test_busy_is_said_so(mini: Any) -> None:
    mini.answers({"errcode": 61504, "errmsg": "system busy"})

    with pytest.raises(PlatformBusy):
        await mini.weixin.analysis.get_daily_visit_trend(begin_date="20170313")
