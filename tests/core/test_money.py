from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongfu import MalformedAnswer
from tongfu.money import fen_from_text, fen_from_yuan, yuan_from_fen

FEN = st.integers(-(10**15), 10**15)


@given(FEN)
def test_yuan_are_what_decimal_says(fen: int) -> None:
    assert yuan_from_fen(fen) == str((Decimal(fen) / 100).quantize(Decimal("0.01")))


@given(FEN, st.integers(0, 5))
def test_fen_come_back_from_yuan(fen: int, zeros: int) -> None:
    assert fen_from_yuan(yuan_from_fen(fen) + "0" * zeros) == fen


def test_the_first_hundred_thousand_fen_come_back() -> None:
    assert [fen_from_yuan(yuan_from_fen(fen)) for fen in range(100_000)] == list(range(100_000))


@given(st.decimals("-1e9", "1e9", places=4))
def test_yuan_are_read_exactly_or_not_at_all(yuan: Decimal) -> None:
    exact = yuan * 100
    if exact == exact.to_integral_value():
        assert fen_from_yuan(f"{yuan:f}") == int(exact)
    else:
        with pytest.raises(MalformedAnswer):
            fen_from_yuan(f"{yuan:f}")


@pytest.mark.parametrize(
    ("text", "fen"), [("0.29", 29), ("0.290", 29), ("1", 100), ("1.5", 150), ("-0.35", -35), ("-0.00", 0)]
)
def test_yuan_as_platforms_write_them(text: str, fen: int) -> None:
    assert fen_from_yuan(text) == fen


@pytest.mark.parametrize(
    "text",
    ["", ".5", "1.", "0.001", "1e2", "+1", " 1", "1\n", "1,000", "１", "NaN", "--1", "1" * 16, None, 1, b"1"],
)
def test_what_is_no_amount_of_yuan_is_refused(text: Any) -> None:
    with pytest.raises(MalformedAnswer):
        fen_from_yuan(text)


@pytest.mark.parametrize("fen", [0.35, "35", True, None, Decimal(35)])
def test_only_an_int_is_fen(fen: Any) -> None:
    with pytest.raises(TypeError, match=f"an int, not {type(fen).__name__}"):
        yuan_from_fen(fen)


@pytest.mark.parametrize(("text", "fen"), [("0", 0), ("60", 60), ("-60", -60), ("007", 7)])
def test_fen_on_a_wire_are_an_integer(text: str, fen: int) -> None:
    assert fen_from_text(text) == fen


@pytest.mark.parametrize("text", ["", "60.0", "6e1", "+6", " 6", "6\n", "٦", "1" * 19, None, 60, True])
def test_what_is_no_integer_of_fen_is_refused(text: Any) -> None:
    with pytest.raises(MalformedAnswer):
        fen_from_text(text)
