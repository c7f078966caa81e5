"""
Who visits the mini program: retention, trends, portrait, distribution, pages.

Days are Beijing's; yesterday's figures come at about eight in the morning. A day is a ``date``,
``20170313`` or ``2017-03-13``. ``ref_date`` of a result is as the platform wrote it: a day, a span or a month.

Source: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/data-analysis/visit-retain/getDailyRetain.html
and its neighbours
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from typing import Any, Final, TypeVar

from tongfu.call import Call, Context
from tongfu.errors import InvalidParams
from tongfu.fields import Day, as_date

from .result import ApiItem, ApiResult, reads
from .send import Namespace

R = TypeVar("R", bound=ApiResult)
BEIJING: Final = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Retained(ApiItem):
    """How many users were there *key* days, weeks or months later; *key* 0 is the period itself."""

    key: int
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention(ApiResult):
    """Of the new users (``visit_uv_new``) and of all (``visit_uv``), who came again. Later keys come with time."""

    ref_date: str
    visit_uv_new: tuple[Retained, ...]
    visit_uv: tuple[Retained, ...]
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DailySummary(ApiItem):
    """``visit_total`` is all users so far; the others are that day's shares and sharers."""

    ref_date: str
    visit_total: int
    share_pv: int
    share_uv: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DailySummaryList(ApiResult):
    """The summary of a day; empty where nothing was counted."""

    list: tuple[DailySummary, ...]
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitTrend(ApiItem):
    """One period's visits. Stay times are seconds; ``stay_time_uv`` is left out by some answers."""

    ref_date: str
    session_cnt: int
    visit_pv: int
    visit_uv: int
    visit_uv_new: int
    stay_time_uv: float | None = None
    stay_time_session: float
    visit_depth: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitTrendList(ApiResult):
    """The trend of one period; empty where nothing was counted."""

    list: tuple[VisitTrend, ...]
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PortraitItem(ApiItem):
    """How many users are of one kind. ``devices`` have no id."""

    id: int | None = None
    name: str
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Portrait(ApiItem):
    """Users by where, who and with what they are."""

    province: tuple[PortraitItem, ...] = ()
    city: tuple[PortraitItem, ...] = ()
    genders: tuple[PortraitItem, ...] = ()
    platforms: tuple[PortraitItem, ...] = ()
    devices: tuple[PortraitItem, ...] = ()
    ages: tuple[PortraitItem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPortrait(ApiResult):
    """The new users (``visit_uv_new``) and all (``visit_uv``) of one, seven or thirty days."""

    ref_date: str
    visit_uv_new: Portrait
    visit_uv: Portrait
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DistributionItem(ApiItem):
    """
    *value* visits of one kind. What *key* means depends on the distribution's ``index``.

    Stay: 1 to 8 are 0–2, 3–5, 6–10, 11–20, 20–30, 30–50, 50–100 and more than 100 seconds. Depth: 1 to 5 are
    pages, 6 is 6–10, 7 more. Sources: the platform's page lists them; new ones are added.
    """

    key: int
    value: int
    access_source_visit_uv: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution(ApiItem):
    """``index``: ``access_source_session_cnt``, ``access_staytime_info`` or ``access_depth_info``."""

    index: str
    item_list: tuple[DistributionItem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitDistribution(ApiResult):
    """A day's visits by source, length of stay and depth."""

    ref_date: str
    list: tuple[Distribution, ...]
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitPage(ApiItem):
    """One page. ``page_staytime_pv`` is seconds a visit; ``entrypage_pv`` and ``exitpage_pv`` began and ended here."""

    page_path: str
    page_visit_pv: int
    page_visit_uv: int
    page_staytime_pv: float
    entrypage_pv: int
    exitpage_pv: int
    page_share_pv: int
    page_share_uv: int


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitPageList(ApiResult):
    """The 200 pages that were visited most."""

    ref_date: str
    list: tuple[VisitPage, ...]
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Span:
    """Which last days go with a first one; none where nothing may begin on it."""

    begins: str
    lasts: Callable[[date], tuple[date, ...]]
    implied: bool = True


def _after(*days: int) -> Callable[[date], tuple[date, ...]]:
    return lambda begin: tuple(begin + timedelta(days=count) for count in days)


def _sunday(begin: date) -> tuple[date, ...]:
    return (begin + timedelta(days=6),) if begin.weekday() == calendar.MONDAY else ()


def _month_end(begin: date) -> tuple[date, ...]:
    return (begin.replace(day=calendar.monthrange(begin.year, begin.month)[1]),) if begin.day == 1 else ()


# Today's pages want one day; an earlier generation wanted begin_date to be the day before. Both are let through.
DAILY: Final = Span("any day", _after(0, 1))
ONE_DAY: Final = Span("any day", _after(0))
WEEK: Final = Span("a Monday", _sunday)
MONTH: Final = Span("the first of a month", _month_end)
PORTRAIT: Final = Span("any day", _after(0, 6, 29), implied=False)


def days(span: Span, operation: str, begin_date: Any, end_date: Any, now: datetime) -> dict[str, str]:
    """
    The two days as they travel; a missing end_date is filled in where begin_date says it.

    :raises InvalidParams: no days, not a span of this kind, or not over yet in Beijing at *now*.
    """
    begin, end = as_date(begin_date), as_date(end_date)
    wanted = f"expected {Day.expected}"
    problems: dict[str, str] = {}
    if begin is None:
        problems["begin_date"] = wanted
    if end is None and (end_date is not None or not span.implied):
        problems["end_date"] = wanted
    if begin is None or problems:
        raise InvalidParams("weixin", operation, problems)
    yesterday = now.astimezone(BEIJING).date() - timedelta(days=1)
    too_late = f"expected {yesterday}, yesterday in Beijing, or before"
    if begin > yesterday:
        raise InvalidParams("weixin", operation, {"begin_date": too_late})
    lasts = span.lasts(begin)
    if not lasts:
        raise InvalidParams("weixin", operation, {"begin_date": f"expected {span.begins}"})
    end = end or lasts[0]
    if end not in lasts:
        raise InvalidParams("weixin", operation, {"end_date": f"expected {' or '.join(map(str, lasts))}"})
    if end > yesterday:
        raise InvalidParams("weixin", operation, {"end_date": too_late})
    return {"begin_date": begin.isoformat().replace("-", ""), "end_date": end.isoformat().replace("-", "")}


Days = date | str


class Analysis(Namespace):
    """``weixin.analysis``. ``end_date`` may be left out where the rule on it leaves no choice, or says so."""

    async def _ask(
        self,
        name: str,
        endpoint: str,
        span: Span,
        kind: type[R],
        begin_date: Days,
        end_date: Days | None,
        token: str | None,
    ) -> R:
        operation = f"analysis.{name}"

        def begin(ctx: Context) -> Call[R]:
            return self._call(
                operation,
                "POST",
                f"/datacube/getweanalysisappid{endpoint}",
                reads(kind),
                json=days(span, operation, begin_date, end_date, ctx.now),
                access_token=token,
                read_only=True,
            )

        return await self._caller.run(operation, begin)

    async def get_daily_retain(
        self, *, begin_date: Days, end_date: Days | None = None, access_token: str | None = None
    ) -> Retention:
        """Who came again after a day: keys 0 to 7, 14 and 30 are days later."""
        return await self._ask(
            "get_daily_retain", "dailyretaininfo", DAILY, Retention, begin_date, end_date, access_token
        )

    async def get_weekly_retain(
        self, *, begin_date: Days, end_date: Days | None = None, access_token: str | None = None
    ) -> Retention:
        """Who came again after a week, Monday to Sunday: keys 0 to 4 are weeks later."""
        return await self._ask(
            "get_weekly_retain", "weeklyretaininfo", WEEK, Retention, begin_date, end_date, access_token
        )

    async def get_monthly_retain(
        self, *, begin_date: Days, end_date: Days | None = None, access_token: str | None = None
    ) -> Retention:
        """Who came again after a month, first to last day: keys 0 and 1 are months later."""
        return await self._ask(
            "get_monthly_retain", "monthlyretaininfo", MONTH, Retention, begin_date, end_date, access_token
        )

    async def get_daily_summary(
        self, *, begin_date: Days, end_date: Days | None = None, access_token: str | None = None
    ) -> DailySummaryList:
        """A day's users so far, shares and sharers."""
        return await self._ask(
            "get_daily_summary", "dailysummarytrend", DAILY, DailySummaryList, begin_date, end_date, access_token
        )

    async def get_daily_visit_trend(
        self, *, begin_date: Days, end_date: Days | None = None, access_token: str | None = None
    ) -> VisitTrendList:
        """A day's visits, visitors, lengths of stay and depth."""
        return await self._ask(
            "get_daily_visit_trend", "dailyvisittrend", DAILY, VisitTrendList, begin_date, end_date, access_token
        )

    async def get_weekly_visit_trend(
        self, *, begin_date: Days, end_date: Days | None = None, access_token: str | None = None
    ) -> VisitTrendList:
        """The same of a week, Monday to Sunday; who came twice counts once."""
        return await self._ask(
            "get_weekly_visit_trend", "weeklyvisittrend", WEEK, VisitTrendList, begin_date, end_date, access_token
        )

    async def get_monthly_visit_trend(
        self, *, begin_date: Days, end_date: Days | None = None, access_token: str | None = None
    ) -> VisitTrendList:
        """The same of a month, first to last day; the newest is the last full month."""
        return await self._ask(
            "get_monthly_visit_trend", "monthlyvisittrend", MONTH, VisitTrendList, begin_date, end_date, access_token
        )

    async def get_user_portrait(
        self, *, begin_date: Days, end_date: Days, access_token: str | None = None
    ) -> UserPortrait:
        """Who the users of one, seven or thirty days are: ``end_date`` is ``begin_date`` or 6 or 29 days later."""
        return await self._ask(
            "get_user_portrait", "userportrait", PORTRAIT, UserPortrait, begin_date, end_date, access_token
        )

    async def get_visit_distribution(
        self, *, begin_date: Days, end_date: Days | None = None, access_token: str | None = None
    ) -> VisitDistribution:
        """A day's visits by source, length of stay and depth."""
        return await self._ask(
            "get_visit_distribution",
            "visitdistribution",
            ONE_DAY,
            VisitDistribution,
            begin_date,
            end_date,
            access_token,
        )

    async def get_visit_page(
        self, *, begin_date: Days, end_date: Days | None = None, access_token: str | None = None
    ) -> VisitPageList:
        """A day's 200 most visited pages."""
        return await self._ask(
            "get_visit_page", "visitpage", ONE_DAY, VisitPageList, begin_date, end_date, access_token
        )
