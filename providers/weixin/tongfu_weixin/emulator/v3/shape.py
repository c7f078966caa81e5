"""What a request's JSON may look like: types, lengths, values; unknown members and nulls are refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .wire import UNKNOWN_FIELD, wrong


@dataclass(frozen=True, slots=True)
class Text:
    """A string of at most *most* characters."""

    most: int
    needed: bool = False
    least: int = 0
    pattern: str = ""
    among: tuple[str, ...] = ()
    number: str = ""  # of the Request-ID that refuses it


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer of JSON; 1.0 and "1" are none."""

    least: int = 0
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Members:
    """An object of these members and no others."""

    of: Mapping[str, Shape]
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    of: Shape
    most: int
    needed: bool = False


Shape = Text | Whole | Flag | Members | Items


def check(shape: Shape, value: Any, at: str = "") -> None:
    """:raises Refused: naming the member by its JSON pointer."""
    match shape:
        case Text():
            _text(shape, value, at)
        case Whole():
            if type(value) is not int:
                raise wrong(at, "不是整数")
            if value < shape.least:
                raise wrong(at, f"小于{shape.least}", number="268435464")
        case Flag():
            if type(value) is not bool:
                raise wrong(at, "不是布尔值")
        case Members():
            _members(shape, value, at)
        case Items():
            if not isinstance(value, list):
                raise wrong(at, "不是数组")
            if not 1 <= len(value) <= shape.most:
                raise wrong(at, f"应有1到{shape.most}项")
            for n, item in enumerate(value):
                check(shape.of, item, f"{at}/{n}")


def _text(shape: Text, value: Any, at: str) -> None:
    if not isinstance(value, str):
        raise wrong(at, "不是字符串", number=shape.number)
    if len(value) > shape.most or len(value) < max(shape.least, shape.needed):
        raise wrong(at, f"长度应为{max(shape.least, shape.needed)}到{shape.most}个字符", number=shape.number)
    if value and shape.among and value not in shape.among:
        raise wrong(at, f"应为{'、'.join(shape.among)}之一")
    if value and shape.pattern and re.fullmatch(shape.pattern, value, re.ASCII) is None:
        raise wrong(at, "格式错误")


def _members(shape: Members, value: Any, at: str) -> None:
    if not isinstance(value, dict):
        raise wrong(at or "/", "不是对象")
    for name in value:
        if name not in shape.of:
            raise wrong(f"{at}/{name}", "是未知字段", number=UNKNOWN_FIELD)
    for name, member in shape.of.items():
        if name in value:
            check(member, value[name], f"{at}/{name}")
        elif member.needed:
            number = member.number if isinstance(member, Text) else ""
            raise wrong(f"{at}/{name}", "缺失", number=number)
