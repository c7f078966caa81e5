"""
A simulated log of visits, from which all the analysis figures are counted: so they agree with each other.

Each Beijing day is made from the seed and the date alone. People come new on some day and return on
later ones, less and less often; a visit is a session that enters by a source and walks through pages.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

LAUNCH: Final = date(2024, 1, 1)  # before it there is nothing
FAITHFUL: Final = 60  # days after which nobody returns
PAGES: Final = (
    "pages/index/index",
    "pages/goods/list",
    "pages/goods/detail",
    "pages/cart/cart",
    "pages/order/confirm",
    "pages/order/list",
    "pages/user/user",
    "pages/about/about",
)
_DRAWN: Final = (34, 18, 20, 8, 5, 6, 6, 3)  # how pages draw, per hundred
_SOURCES: Final = {1: 22, 2: 12, 3: 15, 4: 14, 5: 5, 7: 6, 10: 4, 15: 6, 18: 5, 29: 6, 35: 5}  # key: per hundred

Person = tuple[date, int]  # the day they came, and their number on it


@dataclass(frozen=True, slots=True)
class Visit:
    """One session. ``stays`` are whole seconds on each of ``pages``; ``shared`` are pages passed on."""

    person: Person
    source: int
    pages: tuple[str, ...]
    stays: tuple[int, ...]
    shared: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Traits:
    """What the portrait counts people by."""

    province: str
    city: str
    gender: str
    platform: str
    device: str
    age: str


_CITIES: Final = (
    ("广东省", "广州市", 16),
    ("广东省", "深圳市", 15),
    ("浙江省", "杭州市", 12),
    ("江苏省", "南京市", 10),
    ("北京市", "北京市", 14),
    ("上海市", "上海市", 14),
    ("四川省", "成都市", 10),
    ("湖北省", "武汉市", 9),
)
_PHONES: Final = {
    "iPhone": ("iPhone 15<iPhone15,4>", "iPhone 16<iPhone17,3>"),
    "Android": ("Xiaomi 14", "HUAWEI Mate 60", "vivo X100", "OPPO Find X7"),
    "其他": ("Windows PC",),
}


class Visits:
    """
    The log of one app.

    :param seed: the same seed gives the same log.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.day = lru_cache(maxsize=400)(self._day)
        self.came = lru_cache(maxsize=None)(self._came)
        self.traits = lru_cache(maxsize=20_000)(self._traits)

    def between(self, first: date, last: date) -> list[Visit]:
        """Every session from *first* to *last*, both included."""
        return [visit for day in days(first, last) for visit in self.day(day)]

    def people(self, first: date, last: date) -> set[Person]:
        """Who visited."""
        return {visit.person for visit in self.between(first, last)}

    def total(self, last: date) -> int:
        """How many people ever came, up to and with *last*."""
        return sum(self.came(day) for day in days(LAUNCH, last))

    def _came(self, day: date) -> int:
        """How many came for the first time on *day*."""
        if day < LAUNCH:
            return 0
        weekend = 1.3 if day.weekday() >= 5 else 1.0
        return int(self._chance("came", day).randrange(8, 20) * weekend)

    def _day(self, day: date) -> tuple[Visit, ...]:
        chance = self._chance("day", day)
        visits: list[Visit] = []
        for age in range(FAITHFUL, -1, -1):
            cohort = day - timedelta(days=age)
            again = 1.0 if age == 0 else 0.42 / age**0.75
            for number in range(self.came(cohort)):
                if chance.random() < again:
                    sessions = 1 + (chance.random() < 0.3) + (chance.random() < 0.1)
                    visits += [_visit(chance, (cohort, number)) for _ in range(sessions)]
        return tuple(visits)

    def _traits(self, person: Person) -> Traits:
        chance = self._chance(f"person {person[1]}", person[0])
        province, city, _ = chance.choices(_CITIES, [weight for *_, weight in _CITIES])[0]
        platform = chance.choices(tuple(_PHONES), (45, 52, 3))[0]
        return Traits(
            province,
            city,
            chance.choices(("未知", "男", "女"), (4, 43, 53))[0],
            platform,
            chance.choice(_PHONES[platform]),
            chance.choices(
                ("未知", "17岁以下", "18-24岁", "25-29岁", "30-39岁", "40-49岁", "50岁以上"), (3, 4, 24, 27, 25, 11, 6)
            )[0],
        )

    def _chance(self, what: str, day: date) -> random.Random:
        return random.Random(f"{self._seed} {what} {day.isoformat()}")  # noqa: S311 - a simulation, to be repeatable


def days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def _visit(chance: random.Random, person: Person) -> Visit:
    depth = min(12, 1 + int(chance.expovariate(0.45)))
    pages = (PAGES[0] if chance.random() < 0.6 else _drawn(chance), *(_drawn(chance) for _ in range(depth - 1)))
    stays = tuple(int(chance.expovariate(1 / 14)) for _ in pages)
    shared = tuple(page for page in pages if chance.random() < 0.02)
    source = chance.choices(tuple(_SOURCES), tuple(_SOURCES.values()))[0]
    return Visit(person, source, pages, stays, shared)


def _drawn(chance: random.Random) -> str:
    return chance.choices(PAGES, _DRAWN)[0]
