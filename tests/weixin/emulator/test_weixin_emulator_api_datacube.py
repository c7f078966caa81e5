"""The ten analysis endpoints, by section A5: shapes, dates, and figures that agree with each other."""

from __future__ import annotations

from typing import Any

import pytest

NAMES = {
    "dailyretaininfo": ("20260105", "20260105"),
    "weeklyretaininfo": ("20251208", "20251214"),
    "monthlyretaininfo": ("20251101", "20251130"),
    "dailysummarytrend": ("20260105", "20260105"),
    "dailyvisittrend": ("20260105", "20260105"),
    "weeklyvisittrend": ("20260105", "20260111"),
    "monthlyvisittrend": ("20251201", "20251231"),
    "userportrait": ("20260105", "20260111"),
    "visitdistribution": ("20260105", "20260105"),
    "visitpage": ("20260105", "20260105"),
}


async def asked(shop: Any, name: str, begin: str, end: str) -> Any:
    return await shop.post(f"/datacube/getweanalysisappid{name}", {"begin_date": begin, "end_date": end})


async def told(shop: Any, name: str, begin: str | None = None, end: str | None = None) -> Any:
    first, last = NAMES[name]
    return (await asked(shop, name, begin or first, end or begin or last)).told


def keyed(pairs: list[dict[str, int]]) -> dict[int, int]:
    assert all(set(pair) == {"key", "value"} for pair in pairs)
    return {pair["key"]: pair["value"] for pair in pairs}


@pytest.mark.parametrize("name", NAMES)
async def test_success_has_no_errcode(shop: Any, name: str) -> None:
    assert "errcode" not in await told(shop, name)


async def test_retention_starts_with_the_people_of_the_period_itself(shop: Any) -> None:
    for span, retain, trend in (
        (("20251208", "20251208"), "dailyretaininfo", "dailyvisittrend"),
        (("20251208", "20251214"), "weeklyretaininfo", "weeklyvisittrend"),
        (("20251101", "20251130"), "monthlyretaininfo", "monthlyvisittrend"),
    ):
        kept, (visited,) = await told(shop, retain, *span), (await told(shop, trend, *span))["list"]
        new, everybody = keyed(kept["visit_uv_new"]), keyed(kept["visit_uv"])

        assert kept["ref_date"] == visited["ref_date"]
        assert (visited["visit_uv_new"], visited["visit_uv"]) == (new[0], everybody[0])
        assert all(new[key] <= everybody[key] <= everybody[0] for key in everybody)
        assert new[1] <= new[0]


async def test_retention_has_the_documented_keys_as_far_as_they_are_reached(shop: Any) -> None:
    day = await told(shop, "dailyretaininfo", "20251208")
    recent = await told(shop, "dailyretaininfo", "20260105")
    week = await told(shop, "weeklyretaininfo")
    month = await told(shop, "monthlyretaininfo")

    assert [*range(8), 14, 30] == list(keyed(day["visit_uv"]))
    assert [*range(8)] == list(keyed(recent["visit_uv_new"]))
    assert [*range(5)] == list(keyed(week["visit_uv"]))
    assert [0, 1] == list(keyed(month["visit_uv_new"]))
    assert ["20251208", "20251208-20251214", "202511"] == [day["ref_date"], week["ref_date"], month["ref_date"]]


async def test_the_figures_of_a_day_agree(shop: Any) -> None:
    (trend,) = (await told(shop, "dailyvisittrend"))["list"]
    (summary,) = (await told(shop, "dailysummarytrend"))["list"]
    (before,) = (await told(shop, "dailysummarytrend", "20260104"))["list"]
    spread = {each["index"]: keyed(each["item_list"]) for each in (await told(shop, "visitdistribution"))["list"]}
    pages = (await told(shop, "visitpage"))["list"]
    portrait = await told(shop, "userportrait", "20260105")

    assert {"access_source_session_cnt", "access_staytime_info", "access_depth_info"} == set(spread)
    assert {trend["session_cnt"]} == {sum(counts.values()) for counts in spread.values()}
    assert set(spread["access_staytime_info"]) <= set(range(1, 9))
    assert set(spread["access_depth_info"]) <= set(range(1, 8))
    assert [trend["visit_pv"], trend["session_cnt"], trend["session_cnt"], summary["share_pv"]] == [
        sum(page[name] for page in pages) for name in ("page_visit_pv", "entrypage_pv", "exitpage_pv", "page_share_pv")
    ]
    assert before["visit_total"] + trend["visit_uv_new"] == summary["visit_total"]
    for which in ("visit_uv", "visit_uv_new"):
        assert {trend[which]} == {
            sum(each["value"] for each in portrait[which][name])
            for name in ("province", "city", "genders", "platforms", "devices", "ages")
        }


async def test_means_are_those_of_the_sums(shop: Any) -> None:
    (trend,) = (await told(shop, "dailyvisittrend"))["list"]
    pages = (await told(shop, "visitpage"))["list"]
    stay = sum(page["page_staytime_pv"] * page["page_visit_pv"] for page in pages)

    assert pytest.approx(trend["visit_pv"] / trend["session_cnt"], abs=1e-4) == trend["visit_depth"]
    assert pytest.approx(stay / trend["session_cnt"], abs=0.05) == trend["stay_time_session"]
    assert pytest.approx(stay / trend["visit_uv"], abs=0.05) == trend["stay_time_uv"]


async def test_a_weeks_people_are_fewer_than_its_days_added_and_its_new_people_are_as_many(shop: Any) -> None:
    days = [(await told(shop, "dailyvisittrend", f"202601{day:02}"))["list"][0] for day in range(5, 12)]
    (week,) = (await told(shop, "weeklyvisittrend"))["list"]

    for name in ("session_cnt", "visit_pv", "visit_uv_new"):
        assert sum(day[name] for day in days) == week[name]
    assert max(day["visit_uv"] for day in days) < week["visit_uv"] < sum(day["visit_uv"] for day in days)


async def test_portrait_items_are_named_and_devices_have_no_id(shop: Any) -> None:
    portrait = await told(shop, "userportrait")
    people = portrait["visit_uv"]

    assert portrait["ref_date"] == "20260105-20260111"
    assert {"id", "name", "value"} == set(people["province"][0])
    assert {"name", "value"} == set(people["devices"][0])
    assert {31: "广东省"} == {each["id"]: each["name"] for each in people["province"] if each["id"] == 31}


async def test_the_pages_are_in_the_order_of_their_views(shop: Any) -> None:
    views = [page["page_visit_pv"] for page in (await told(shop, "visitpage"))["list"]]

    assert sorted(views, reverse=True) == views


@pytest.mark.parametrize(
    ("name", "begin", "end", "errcode"),
    [
        ("dailyretaininfo", "20260104", "20260105", 61501),
        ("dailyvisittrend", "20260105", "20260104", 61501),
        ("weeklyretaininfo", "20260106", "20260112", 61501),
        ("weeklyvisittrend", "20260105", "20260105", 61501),
        ("monthlyretaininfo", "20251101", "20251129", 61501),
        ("monthlyvisittrend", "20251102", "20251130", 61501),
        ("userportrait", "20260105", "20260110", 61501),
        ("visitpage", "2026-01-05", "2026-01-05", 61500),
        ("visitpage", "20260230", "20260230", 61500),
    ],
)
async def test_the_dates_are_checked(shop: Any, name: str, begin: str, end: str, errcode: int) -> None:
    assert errcode == (await asked(shop, name, begin, end)).errcode


@pytest.mark.parametrize("span", ["0", "6", "29"])
async def test_a_portrait_takes_one_seven_or_thirty_days(shop: Any, span: str) -> None:
    first = {"0": "20260113", "6": "20260107", "29": "20251215"}[span]

    assert (await asked(shop, "userportrait", first, "20260113")).told["visit_uv"]["genders"] != []


async def test_today_and_the_future_are_absent_and_yesterday_until_eight_in_beijing(shop: Any) -> None:
    today = await told(shop, "dailyvisittrend", "20260114")
    retained = await told(shop, "dailyretaininfo", "20260114")
    yesterday = await told(shop, "dailyvisittrend", "20260113")
    await shop.emu.clock.advance(20 * 3600 + 55 * 60)  # 07:59:05 of the 15th in Beijing
    shop.token = ""
    early = await told(shop, "dailyvisittrend", "20260114")
    await shop.emu.clock.advance(60)
    later = await told(shop, "dailyvisittrend", "20260114")

    assert ({"list": []}, {"list": []}) == (today, early)
    assert {"ref_date": "20260114", "visit_uv_new": [], "visit_uv": []} == retained
    assert ["20260113", "20260114"] == [yesterday["list"][0]["ref_date"], later["list"][0]["ref_date"]]


async def test_the_same_question_has_the_same_answer_also_after_a_reset(shop: Any) -> None:
    first = [await told(shop, name) for name in NAMES]
    await shop.emu.reset()
    shop.token = ""

    assert first == [await told(shop, name) for name in NAMES]
