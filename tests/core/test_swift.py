from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from typing import Any

import pytest

from tongfu.swift import swift


@dataclasses.dataclass(frozen=True, slots=True)
class Plain:
    first: int
    second: str = dataclasses.field(default="two", repr=False)
    third: dict[str, int] = dataclasses.field(default_factory=dict, compare=False)
    fourth: int = dataclasses.field(default=4, kw_only=True)
    fifth: int = dataclasses.field(kw_only=True)


@swift
@dataclasses.dataclass(frozen=True, slots=True)
class Swift:
    first: int
    second: str = dataclasses.field(default="two", repr=False)
    third: dict[str, int] = dataclasses.field(default_factory=dict, compare=False)
    fourth: int = dataclasses.field(default=4, kw_only=True)
    fifth: int = dataclasses.field(kw_only=True)


@swift
@dataclasses.dataclass(frozen=True, slots=True)
class Checked:
    first: int

    def __post_init__(self) -> None:
        if self.first < 0:
            raise ValueError("negative")


@pytest.mark.parametrize(
    ("given", "named"),
    [((1,), {"fifth": 5}), ((1, "b", {"c": 3}), {"fourth": 0, "fifth": 5}), ((), {"first": None, "fifth": 5})],
)
def test_it_is_made_as_dataclasses_makes_it(given: tuple[Any, ...], named: dict[str, Any]) -> None:
    plain, made = Plain(*given, **named), Swift(*given, **named)

    assert dataclasses.asdict(plain) == dataclasses.asdict(made)
    assert repr(plain) == repr(made).replace("Swift", "Plain")
    assert made == Swift(*given, **named)
    assert made == copy.copy(made) == pickle.loads(pickle.dumps(made))
    assert made != dataclasses.replace(made, fourth=9)


@pytest.mark.parametrize(
    ("given", "named"),
    [((), {}), ((1,), {}), ((1, "b", {}, 4), {"fifth": 5}), ((1,), {"fifth": 5, "sixth": 6}), ((1,), {"first": 1})],
)
def test_it_refuses_what_dataclasses_refuses(given: tuple[Any, ...], named: dict[str, Any]) -> None:
    for kind in (Plain, Swift):
        with pytest.raises(TypeError):
            kind(*given, **named)


def test_its_parameters_have_the_same_names_kinds_and_defaults_or_none() -> None:
    plain, made = (
        [(name, each.kind, each.default is each.empty) for name, each in inspect.signature(kind).parameters.items()]
        for kind in (Plain, Swift)
    )

    assert plain == made


def test_no_two_share_what_a_factory_made() -> None:
    assert Swift(1, fifth=5).third is not Swift(1, fifth=5).third


def test_it_stays_frozen_and_slotted() -> None:
    made: Any = Swift(1, fifth=5)

    with pytest.raises(dataclasses.FrozenInstanceError):
        made.first = 2
    assert not hasattr(made, "__dict__")


def test_what_it_checks_after_itself_is_checked() -> None:
    with pytest.raises(ValueError, match="negative"):
        Checked(-1)
