"""The ten analysis endpoints: dates checked as their pages say, figures counted from the visit log."""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Final

from tongfu.emulator.half import Route

from .app import App
from .visits import LAUNCH, Person, Visit, Visits
from .wire import BEIJING, Endpoint, Refused, Request

COUNTED: Final = timedelta(hours=8)  # past midnight in Beijing: then yesterday's figures are there
DAY_KEYS: Final = (*range(8), 14, 30)
STAYS: Final = (2, 5, 10, 20, 30, 50, 100)  # the last second of each class but the eighth

Span = tuple[date, date]


class Datacube:
    """Counts when it is asked; nothing is stored."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.visits = Visits(app.world.random.getrandbits(64))

    def reset(self) -> None:
        """The log is made from the seed: there is nothing to forget."""

    def controls(self) -> Iterable[Route]:
        return ()

    def endpoints(self) -> Iterable[Endpoint]:
        ways: list[tuple[str, Callable[[Request], Mapping[str, Any]]]] = [
            ("dailyretaininfo", lambda request: self.retain(_one_day(request), DAY_KEYS, _day_after)),
            ("weeklyretaininfo", lambda request: self.retain(_week(request), range(5), _week_after)),
            ("monthlyretaininfo", lambda request: self.retain(_month(request), range(2), _month_after)),
            ("dailysummarytrend", lambda request: self.summary(_one_day(request))),
            ("dailyvisittrend", lambda request: self.trend(_one_day(request))),
            ("weeklyvisittrend", lambda request: self.trend(_week(request))),
            ("monthlyvisittrend", lambda request: self.trend(_month(request))),
            ("userportrait", lambda request: self.portrait(_portrait_span(request))),
            ("visitdistribution", lambda request: self.distribution(_one_day(request))),
            ("visitpage", lambda request: self.pages(_one_day(request))),
        ]
        for name, act in ways:
            yield Endpoint("POST", f"/datacube/getweanalysisappid{name}", act, daily=5000)

    def _counted(self, span: Span) -> bool:
        """Whether every day of *span* is over and its figures are there."""
        newest = (self._app.now().astimezone(BEIJING) - COUNTED).date() - timedelta(days=1)
        return span[0] >= LAUNCH and span[1] <= newest

    def retain(self, span: Span, keys: Iterable[int], after: Callable[[Span, int], Span]) -> Mapping[str, Any]:
        told: dict[str, Any] = {"ref_date": _ref(span), "visit_uv_new": [], "visit_uv": []}
        if not self._counted(span):
            return told
        people = self.visits.people(*span)
        new = _new(people, span)
        for key in keys:
            later = after(span, key)
            if self._counted(later):
                back = self.visits.people(*later)
                told["visit_uv_new"].append({"key": key, "value": len(new & back)})
                told["visit_uv"].append({"key": key, "value": len(people & back)})
        return told

    def summary(self, span: Span) -> Mapping[str, Any]:
        if not self._counted(span):
            return {"list": []}
        shares = [(visit.person, len(visit.shared)) for visit in self.visits.between(*span) if visit.shared]
        told = {
            "ref_date": _ref(span),
            "visit_total": self.visits.total(span[1]),
            "share_pv": sum(count for _, count in shares),
            "share_uv": len({person for person, _ in shares}),
        }
        return {"list": [told]}

    def trend(self, span: Span) -> Mapping[str, Any]:
        if not self._counted(span):
            return {"list": []}
        visits = self.visits.between(*span)
        people = {visit.person for visit in visits}
        stay, views = sum(sum(visit.stays) for visit in visits), sum(len(visit.pages) for visit in visits)
        told = {
            "ref_date": _ref(span),
            "session_cnt": len(visits),
            "visit_pv": views,
            "visit_uv": len(people),
            "visit_uv_new": len(_new(people, span)),
            "stay_time_uv": _mean(stay, len(people)),
            "stay_time_session": _mean(stay, len(visits)),
            "visit_depth": _mean(views, len(visits)),
        }
        return {"list": [told]}

    def portrait(self, span: Span) -> Mapping[str, Any]:
        people = self.visits.people(*span) if self._counted(span) else set()
        first, last = span
        return {
            "ref_date": f"{first:%Y%m%d}" + (f"-{last:%Y%m%d}" if last != first else ""),
            "visit_uv_new": self._drawn(_new(people, span)),
            "visit_uv": self._drawn(people),
        }

    def _drawn(self, people: set[Person]) -> dict[str, list[dict[str, Any]]]:
        traits = [self.visits.traits(person) for person in people]
        by = {
            "province": Counter(trait.province for trait in traits),
            "city": Counter(trait.city for trait in traits),
            "genders": Counter(trait.gender for trait in traits),
            "platforms": Counter(trait.platform for trait in traits),
            "devices": Counter(trait.device for trait in traits),
            "ages": Counter(trait.age for trait in traits),
        }
        return {
            name: [
                ({} if name == "devices" else {"id": IDS[name][which]}) | {"name": which, "value": value}
                for which, value in sorted(counter.items(), key=lambda pair: (-pair[1], pair[0]))
            ]
            for name, counter in by.items()
        }

    def distribution(self, span: Span) -> Mapping[str, Any]:
        if not self._counted(span):
            return {"ref_date": _ref(span), "list": []}
        visits = self.visits.between(*span)
        by = {
            "access_source_session_cnt": Counter(visit.source for visit in visits),
            "access_staytime_info": Counter(_stay_class(visit) for visit in visits),
            "access_depth_info": Counter(_depth_class(visit) for visit in visits),
        }
        told = [
            {"index": index, "item_list": [{"key": key, "value": counter[key]} for key in sorted(counter)]}
            for index, counter in by.items()
        ]
        return {"ref_date": _ref(span), "list": told}

    def pages(self, span: Span) -> Mapping[str, Any]:
        visits = self.visits.between(*span) if self._counted(span) else []
        views = Counter(page for visit in visits for page in visit.pages)
        seen = Counter(page for _, page in {(visit.person, page) for visit in visits for page in visit.pages})
        stays: Counter[str] = Counter()
        for visit in visits:
            for page, stay in zip(visit.pages, visit.stays, strict=True):
                stays[page] += stay
        entries, exits = Counter(visit.pages[0] for visit in visits), Counter(visit.pages[-1] for visit in visits)
        shares = Counter(page for visit in visits for page in visit.shared)
        sharers = Counter(page for _, page in {(visit.person, page) for visit in visits for page in visit.shared})
        told = [
            {
                "page_path": page,
                "page_visit_pv": count,
                "page_visit_uv": seen[page],
                "page_staytime_pv": _mean(stays[page], count),
                "entrypage_pv": entries[page],
                "exitpage_pv": exits[page],
                "page_share_pv": shares[page],
                "page_share_uv": sharers[page],
            }
            for page, count in sorted(views.items(), key=lambda pair: (-pair[1], pair[0]))[:200]
        ]
        return {"ref_date": _ref(span), "list": told}


IDS: Final[Mapping[str, Mapping[str, int]]] = {
    "province": {"北京市": 1, "上海市": 2, "江苏省": 10, "浙江省": 11, "湖北省": 17, "四川省": 23, "广东省": 31},
    "city": {
        "北京市": 1,
        "上海市": 2,
        "南京市": 25,
        "杭州市": 571,
        "武汉市": 27,
        "成都市": 28,
        "广州市": 20,
        "深圳市": 755,
    },
    "genders": {"未知": 0, "男": 1, "女": 2},
    "platforms": {"iPhone": 1, "Android": 2, "其他": 3},
    "ages": {"未知": 0, "17岁以下": 1, "18-24岁": 2, "25-29岁": 3, "30-39岁": 4, "40-49岁": 5, "50岁以上": 6},
}


def _new(people: set[Person], span: Span) -> set[Person]:
    return {person for person in people if span[0] <= person[0] <= span[1]}


def _mean(total: int, count: int) -> float:
    return round(total / count, 4) if count else 0.0


def _stay_class(visit: Visit) -> int:
    stay = sum(visit.stays)
    return next((key for key, last in enumerate(STAYS, 1) if stay <= last), 8)


def _depth_class(visit: Visit) -> int:
    depth = len(visit.pages)
    return depth if depth <= 5 else 6 if depth <= 10 else 7


# --- dates ------------------------------------------------------------------------------------------


def _span(request: Request) -> Span:
    """:raises Refused: 61500 not two dates as yyyymmdd."""
    found = []
    for name in ("begin_date", "end_date"):
        text = request.data.get(name)
        if not isinstance(text, str) or re.fullmatch(r"\d{8}", text, re.ASCII) is None:
            raise Refused(61500, explain=f"{name} is a date as yyyymmdd")
        try:
            found.append(date(int(text[:4]), int(text[4:6]), int(text[6:])))
        except ValueError:
            raise Refused(61500, explain=f"{name} is no date of the calendar") from None
    return found[0], found[1]


def _one_day(request: Request) -> Span:
    first, last = _span(request)
    if first != last:
        raise Refused(61501, explain="begin_date and end_date are the same day")
    return first, last


def _week(request: Request) -> Span:
    first, last = _span(request)
    if first.weekday() != 0 or last != first + timedelta(days=6):
        raise Refused(61501, explain="from a Monday to the Sunday after it")
    return first, last


def _month(request: Request) -> Span:
    first, last = _span(request)
    if first.day != 1 or last != _month_end(first):
        raise Refused(61501, explain="from the first to the last day of a month")
    return first, last


def _portrait_span(request: Request) -> Span:
    first, last = _span(request)
    if (last - first).days not in (0, 6, 29):
        raise Refused(61501, explain="end_date is 0, 6 or 29 days after begin_date")
    return first, last


def _month_end(first: date) -> date:
    return first.replace(day=calendar.monthrange(first.year, first.month)[1])


def _day_after(span: Span, key: int) -> Span:
    return span[0] + timedelta(days=key), span[1] + timedelta(days=key)


def _week_after(span: Span, key: int) -> Span:
    return _day_after(span, 7 * key)


def _month_after(span: Span, key: int) -> Span:
    first = span[0]
    for _ in range(key):
        first = _month_end(first) + timedelta(days=1)
    return first, _month_end(first)


def _ref(span: Span) -> str:
    """One day, a month, or a range."""
    first, last = span
    if first == last:
        return f"{first:%Y%m%d}"
    if first.day == 1 and last == _month_end(first):
        return f"{first:%Y%m}"
    return f"{first:%Y%m%d}-{last:%Y%m%d}"
