from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import ValidationError, fields, validate

from tongfu import ConfigError, InvalidParams
from tongfu.fields import (
    AccountSchema,
    Checked,
    Day,
    Fee,
    Moment,
    OneOf,
    ParamsSchema,
    Text,
    Url,
    Whole,
    WireFields,
    as_date,
    exactly_one,
)

HOLDS: list[tuple[Checked, list[Any]]] = [
    (Text(3), ["a", "abc", "中文字"]),
    (Text(3, least=3), ["abc"]),
    (Text(3, in_bytes=True), ["中", "abc"]),
    (Text(9, pattern="[a-z]+"), ["abc"]),
    (Fee(), [1, 10**10]),
    (Fee(100), [100]),
    (Whole(0, 9), [0, 9]),
    (OneOf(["A", "B"]), ["A", "B"]),
    (Url(query=False), ["https://shop.example/notify", "http://[::1]:8080/x"]),
    (Url(query=True), ["https://shop.example/?a=1"]),
    (Day(), [date(2014, 6, 3), "20140603", "2014-06-03"]),
    (Moment(), [datetime(2026, 1, 2, tzinfo=UTC)]),
    (WireFields(["sign"], flat=True), [{}, {"attach": "a", "n": 1}, MappingProxyType({"a": "b"})]),
    (WireFields(["sign"], flat=False), [{"a": {"b": [1, "c", True, None, ()]}}, {"a": True}]),
]
BREAKS: list[tuple[Checked, list[Any]]] = [
    (Text(3), ["", "abcd", 1, b"abc", ["a"]]),
    (Text(3, least=3), ["ab"]),
    (Text(3, in_bytes=True), ["中a", "\ud800"]),
    (Text(9, pattern="[a-z]+"), ["abC", "abc\n", "a c"]),
    (Fee(), [0, -1, 10**10 + 1, 1.0, 60.9, True, "60", Decimal(60)]),
    (Fee(100), [101]),
    (Whole(0, 9), [-1, 10, 1.0, True, "1"]),
    (OneOf(["A", "B"]), ["", "a", "AB", 1, ["A"]]),
    (
        Url(query=False),
        [
            "https://shop.example/?a=1",
            "https://shop.example/#a",
            "ftp://shop.example/",
            "/notify",
            "https://",
            "https://shop.example/a b",
            "https://shop.example/中",
            "https://shop.example:0/",
            "https://shop.example:99999/",
            "https://[::1/",
            "https://shop.example/\n",
            "https://shop.example/" + "x" * 256,
            b"https://shop.example/",
        ],
    ),
    (
        Day(),
        [datetime(2014, 6, 3, tzinfo=UTC), "2014063", "20140631", "2014-0603", "2014/06/03", "２0140603", 2014],
    ),
    (Moment(), [datetime(2026, 1, 2), date(2026, 1, 2), "2026-01-02T00:00:00Z", 0]),  # noqa: DTZ001 - the breaking case
    (
        WireFields(["sign"], flat=True),
        [{"sign": "x"}, {"": "x"}, {1: "x"}, {"a": 1.5}, {"a": True}, {"a": []}, "a"],
    ),
    (
        WireFields(["sign"], flat=False),
        [
            {"sign": "x"},
            {"a": 1.5},
            {"a": {"b": [1.5]}},
            {"a": None},
            {"a": {1: "b"}},
            {"a": b"x"},
            {"a": {"b": object()}},
        ],
    ),
]


def name(value: object) -> str:
    return type(value).__name__ if isinstance(value, Checked) else repr(value)[:30]


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, values in HOLDS for v in values], ids=name)
def test_a_field_takes_a_good_value_as_it_is(field: Checked, value: Any) -> None:
    assert field.accepts(value)
    assert field.deserialize(value) is value


@pytest.mark.parametrize(("field", "value"), [(f, v) for f, values in BREAKS for v in values], ids=name)
def test_a_field_says_what_it_expected(field: Checked, value: Any) -> None:
    assert not field.accepts(value)
    with pytest.raises(ValidationError) as caught:
        field.deserialize(value)
    assert caught.value.messages == [f"expected {field.expected}"]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (Text(32, least=6, alphabet="letters and digits"), "a str of 6 to 32 characters of letters and digits"),
        (Text(5, least=5), "a str of 5 characters"),
        (Text(127, in_bytes=True), "a str of 1 to 127 bytes of UTF-8"),
        (Fee(100), "an int of fen, 1 to 100"),
        (Whole(0, 9), "an int of 0 to 9"),
        (OneOf(["A", "B"]), "one of A, B"),
        (Url(query=False), "an absolute http(s) URL of at most 256 characters without a query"),
        (WireFields(["sign", "appid"], flat=True), "a mapping of wire names to str or int, none of appid, sign"),
    ],
    ids=name,
)
def test_expectations_name_the_limit(field: Checked, expected: str) -> None:
    assert field.expected == expected


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("20140603", date(2014, 6, 3)),
        ("2014-06-03", date(2014, 6, 3)),
        (date(2014, 6, 3), date(2014, 6, 3)),
        ("x", None),
    ],
)
def test_a_day_is_read(value: Any, day: date | None) -> None:
    assert as_date(value) == day


class RefundSchema(ParamsSchema):
    rules = (exactly_one("out_trade_no", "transaction_id"),)
    refund_fee = Fee(required=True)
    out_trade_no = Text(8, least=2)
    transaction_id = Text(8)
    notify_url = Url(query=False)
    offset = Whole(0, 50)
    bill_date = Day()
    extra = WireFields(["sign"], flat=True)


SCHEMA = RefundSchema()
NAMES = tuple(SCHEMA.fields)


def params(**values: Any) -> Any:
    return SimpleNamespace(**{**dict.fromkeys(NAMES), **values})


def test_good_params_pass() -> None:
    SCHEMA.check("toy", "refund", params(refund_fee=1, out_trade_no="A1", extra={"a": "b"}))


def test_every_bad_param_is_named_at_once() -> None:
    with pytest.raises(InvalidParams) as caught:
        SCHEMA.check("toy", "refund", params(notify_url="/x", offset=51, bill_date="today"))

    assert caught.value.problems == {
        "out_trade_no": "expected exactly one of out_trade_no and transaction_id, not 0",
        "transaction_id": "expected exactly one of out_trade_no and transaction_id, not 0",
        "notify_url": "expected an absolute http(s) URL of at most 256 characters without a query",
        "offset": "expected an int of 0 to 50",
        "bill_date": "expected a date, '20140603' or '2014-06-03'",
        "refund_fee": "missing; expected an int of fen, 1 to 10000000000",
    }


def test_both_of_one_is_a_problem() -> None:
    with pytest.raises(InvalidParams) as caught:
        SCHEMA.check("toy", "refund", params(refund_fee=1, out_trade_no="A1", transaction_id="T1"))

    assert list(caught.value.problems) == ["out_trade_no", "transaction_id"]
    assert "not 2" in caught.value.problems["out_trade_no"]


ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 60), st.floats(), st.text(max_size=9), st.dates(), st.binary(max_size=2),
    st.sampled_from(["https://a.example/", "20140603", "20140632"]),
    st.dictionaries(st.sampled_from(["sign", "a", ""]), st.one_of(st.text(max_size=2), st.integers(), st.floats())),
)  # fmt: skip


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, ANYTHING)))
def test_the_compiled_checks_judge_as_marshmallow_does(values: dict[str, Any]) -> None:
    given_values = {name: value for name, value in values.items() if value is not None}
    bad = set(SCHEMA.validate(given_values))
    if sum(values[name] is not None for name in ("out_trade_no", "transaction_id")) != 1:
        bad |= {"out_trade_no", "transaction_id"}
    try:
        SCHEMA.check("toy", "refund", params(**values))
    except InvalidParams as exc:
        named = set(exc.problems)
    else:
        named = set()

    assert named == bad


def test_a_field_the_compiled_checks_do_not_know_is_refused() -> None:
    class Foreign(ParamsSchema):
        fee = fields.Integer()
        other = Text(3)

    class Validated(ParamsSchema):
        fee = Fee(validate=validate.Range(max=5))
        other = Text(3)

    with pytest.raises(TypeError, match=r"Foreign has a field that is not a tongfu\.fields\.Checked"):
        Foreign()
    with pytest.raises(TypeError, match="Validated has a field with validate="):
        Validated()


def test_a_schema_may_have_one_field() -> None:
    class One(ParamsSchema):
        fee = Fee(required=True)

    One().check("toy", "refund", SimpleNamespace(fee=1))
    with pytest.raises(InvalidParams, match="fee: missing"):
        One().check("toy", "refund", SimpleNamespace(fee=None))


@dataclass(frozen=True)
class Account:
    app_id: str
    key: str = ""
    sandbox: bool = False


class Settings(AccountSchema):
    account = Account
    app_id = fields.Str(required=True)
    key = fields.Str()
    sandbox = fields.Bool()


def test_plain_settings_make_an_account() -> None:
    assert Settings().build("shop", {"app_id": "wx1", "sandbox": "true"}) == Account("wx1", "", True)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"app_id": "wx1", "kee": "s3cret"}, ["kee: Unknown field."]),
        ({"key": "s3cret"}, ["app_id: Missing data for required field."]),
        ({"app_id": "wx1", "key": ["s3cret"], "sandbox": "s3cret"}, ["key: Not a valid", "sandbox: Not a valid"]),
        ({"app_id": None, "ap_id": "s3cret"}, ["app_id: Field may not be null.", "ap_id: Unknown field."]),
    ],
)
def test_bad_settings_are_named_and_never_repeated(settings: dict[str, Any], named: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        Settings().build("shop", settings)

    text = str(caught.value)
    assert text.startswith("shop: ")
    assert text.endswith("The keys are: app_id, key, sandbox")
    assert [problem for problem in named if problem not in text] == []
    assert "s3cret" not in text
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_rule_reads_the_params_it_names() -> None:
    rule: Callable[[Any], Any] = exactly_one("a", "b", "c")

    assert rule(SimpleNamespace(a=None, b=0, c=None)) == {}
    assert set(rule(SimpleNamespace(a=1, b=2, c=None))) == {"a", "b", "c"}
