"""
core/docs/seed_names.md tells where every name of uniCloud's plugin is; here it is held against both sides.

seed_names.json has the plugin's names, from the tables and samples of its 1.0.1 README: each API's parameters
and what its answer holds, a name in an object after that object's. It has nothing of ours.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from inspect import signature
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

import tongfu
from tongfu.model import Result, camel
from tongfu.testing import FakeTransport
from tongfu_alipay import AlipayAccount
from tongfu_weixin import WeixinAccount
from tongfu_weixin.api.customer_service_message import _OBJECTS
from tongfu_weixin.api.limits import picture
from tongfu_weixin.api.result import ApiItem, ApiResult

HOUSE = Path(__file__).parent
PAGE = (HOUSE.parents[1] / "core/docs/seed_names.md").read_text(encoding="utf-8")
SEED: Mapping[str, Mapping[str, Mapping[str, list[str]]]] = json.loads((HOUSE / "seed_names.json").read_text("utf-8"))
SECTIONS = {"WeChat": "weixin", "Alipay": "alipay", "Unified payment": "payment"}
ACCOUNTS = {"WeixinAccount": WeixinAccount, "AlipayAccount": AlipayAccount}
CODES = ("errCode", "errMsg")
NAME = re.compile(r"`([^`]+)`(?: → (?:`([^`]+)`|(nothing)))?")


@dataclass(frozen=True)
class Row:
    """One API: uniCloud's names to ours, None where there is none."""

    section: str
    theirs: str
    ours: str
    parameters: Mapping[str, str | None] = field(default_factory=dict)
    kind: str = ""
    answer: Mapping[str, str | None] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("ours", "also"),
    [
        ("weixin.auth.code2session", "weixin.auth.code2_session"),
        ("alipay.auth.code2session", "alipay.auth.code2_session"),
        ("weixin.wxacode.create_qrcode", "weixin.wxacode.create_qr_code"),
        ("weixin.img.scan_qrcode", "weixin.img.scan_qr_code"),
    ],
)
def test_a_name_whose_words_can_be_parted_in_two_ways_has_both(roots: Mapping[str, Any], ours: str, also: str) -> None:
    assert method(roots, ours) == method(roots, also)
    assert f"`{also.rpartition('.')[2]}`" in PAGE


def camels(path: str) -> str:
    return ".".join(map(camel, path.split(".")))


def names(cell: str) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for theirs, ours, nothing in NAME.findall(cell):
        if ours or nothing:
            found[theirs] = ours or None
        else:
            found[camels(theirs)] = theirs
    return found


def tables(page: str, heading: str) -> list[list[str]]:
    """The rows of the table under *heading*, cell by cell."""
    body = page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in body.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def rows(page: str) -> Iterator[Row]:
    for heading, section in SECTIONS.items():
        for theirs, ours, parameters, answer in tables(page, heading):
            kind, _, answered = answer.partition(":")
            yield Row(section, theirs[1:-1], ours[1:-1], names(parameters), kind.strip("`"), names(answered))


ROWS = list(rows(PAGE))


@pytest.fixture(scope="module")
def roots() -> dict[str, Any]:
    """What the second column begins with."""
    accounts: dict[str, Any] = {
        "weixin": WeixinAccount(app_id="wx0123456789abcdef"),
        "alipay": AlipayAccount(app_id="2021000000000000"),
    }
    tf = tongfu.Tongfu(accounts, transport=FakeTransport())
    weixin, alipay = tf.open("weixin"), tf.open("alipay")
    return {"weixin": weixin, "alipay": alipay, "payment": weixin.payment}


def method(roots: Mapping[str, Any], ours: str) -> Any:
    found: Any = None
    for at, name in enumerate(ours.split(".")):
        found = getattr(found, name, None) if at else roots.get(name)
    return found


def accepted(function: Any) -> set[str]:
    """The parameters, one by one where they are a TypedDict's."""
    found = set(signature(function).parameters)
    if found == {"params"}:
        (keywords,) = get_args(get_type_hints(function)["params"])
        return set(keywords.__annotations__)
    return found


def inside(name: str) -> set[str]:
    """What an object among the parameters can hold."""
    return set(_OBJECTS[name].fields) if name in _OBJECTS else {"content_type", "value"}


def bare(hint: Any) -> Any:
    """What a field holds, one by one, without None."""
    if get_origin(hint) in (Union, types.UnionType):
        (hint,) = (part for part in get_args(hint) if part is not type(None))
    return get_args(hint)[0] if get_origin(hint) is tuple else hint


def owner(kind: Any, path: str) -> type[Result] | None:
    """The class that has the last name of *path*, which begins in *kind*; None where a name is missing."""
    holder = None
    for name in path.split("."):
        if not is_dataclass(kind) or name not in {one.name for one in fields(kind)}:
            return None
        holder, kind = kind, bare(get_type_hints(kind)[name])
    return holder  # type: ignore[return-value]


def in_the_document(holder: type[Result], name: str) -> bool:
    """Whether ``to_camel()`` gives it."""
    return issubclass(holder, ApiItem) or name in holder.seed_fields


def problems(row: Row, roots: Mapping[str, Any]) -> list[str]:
    """What the page says of the API that is not so."""
    if row.ours in ACCOUNTS:
        has = {one.name for one in fields(ACCOUNTS[row.ours])}
        return [f"no {ours}" for ours in row.parameters.values() if ours not in has]
    function = method(roots, row.ours)
    if function is None:
        return [f"no {row.ours}"]
    found = []
    takes = accepted(function)
    for ours in row.parameters.values():
        top, _, below = str(ours).partition(".")
        if top not in takes or (below and below not in inside(top)):
            found.append(f"no parameter {ours}")
    kind = get_type_hints(function)["return"]
    if kind.__name__ != row.kind:
        found.append(f"answers {kind.__name__}")
    for theirs, ours in row.answer.items():
        if ours is None:
            continue
        holder = owner(kind, ours)
        if holder is None:
            found.append(f"no {ours} in {kind.__name__}")
        elif camels(ours) == theirs and not in_the_document(holder, ours.rpartition(".")[2]):
            found.append(f"to_camel() leaves {ours} out")
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.section}:{row.theirs}")
def test_what_the_page_says_of_a_name_is_so(row: Row, roots: dict[str, Any]) -> None:
    assert [] == problems(row, roots)


def test_every_name_of_the_seed_is_on_the_page_and_no_other() -> None:
    expected = {
        (section, api): (set(told["parameters"]), set(told["answer"]) - {*CODES})
        for section, apis in SEED.items()
        for api, told in apis.items()
    }

    assert expected == {(row.section, row.theirs): (set(row.parameters), set(row.answer)) for row in ROWS}
    assert len(ROWS) == len(expected)


def test_every_name_that_differs_has_its_reason_and_no_other_has() -> None:
    told = set()
    for theirs, ours, why in tables(PAGE, "Names that differ"):
        assert why
        name, _, api = theirs.partition(" of ")
        told.add((name.strip("`"), api.strip("`"), ours.strip("`")))
    differ = {
        (theirs, row.theirs, ours or "nothing")
        for row in ROWS
        for theirs, ours in [*row.parameters.items(), *row.answer.items()]
        if ours is None or camels(ours) != theirs
    }
    for row in ROWS:
        ours = row.ours.removeprefix(f"{row.section}.") if row.section != "payment" else row.ours
        if camels(ours) != row.theirs:
            differ.add((row.theirs, "", ours))

    assert differ == told


def test_an_answer_with_codes_has_them_in_its_document(roots: dict[str, Any]) -> None:
    with_codes = {
        (section, api)
        for section, apis in SEED.items()
        for api, told in apis.items()
        if {*CODES} <= set(told["answer"])
    }

    assert with_codes
    assert with_codes == {
        (row.section, row.theirs)
        for row in ROWS
        if row.section == "weixin"
        and row.ours not in ACCOUNTS
        and issubclass(get_type_hints(method(roots, row.ours))["return"], ApiResult)
    }


def test_a_picture_has_its_type_and_value_under_either_name() -> None:
    png = b"\x89PNG\r\n\x1a\n"

    snake = picture("op", "img", {"content_type": "image/png", "value": png}, kinds=("image/png",), most=99)
    theirs = picture("op", "img", {"contentType": "image/png", "value": png}, kinds=("image/png",), most=99)

    assert snake == theirs


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (Row("weixin", "x", "weixin.auth.get_nothing"), ["no weixin.auth.get_nothing"]),
        (Row("weixin", "initWeixin", "WeixinAccount", {"x": "x"}), ["no x"]),
        (Row("weixin", "x", "weixin.img.ai_crop", {"x": "x"}, "Crops"), ["no parameter x"]),
        (Row("weixin", "x", "weixin.img.ai_crop", {"img.x": "img.x"}, "Crops"), ["no parameter img.x"]),
        (Row("payment", "x", "payment.refund", {"x": "x"}, "Refund"), ["no parameter x"]),
        (Row("payment", "x", "payment.refund", {}, "Order"), ["answers Refund"]),
        (Row("payment", "x", "payment.refund", {}, "Refund", {"fee": "fee"}), ["no fee in Refund"]),
        (
            Row("payment", "x", "payment.refund", {}, "Refund", {"fundChange": "fund_change"}),
            ["to_camel() leaves fund_change out"],
        ),
        (
            Row("payment", "x", "payment.refund_query", {}, "RefundState", {"a": "refund_list.coupon_list.x"}),
            ["no refund_list.coupon_list.x in RefundState"],
        ),
    ],
)
def test_what_is_not_so_is_found(row: Row, found: list[str], roots: dict[str, Any]) -> None:
    assert found == problems(row, roots)


def test_a_cell_is_read_name_by_name() -> None:
    assert {"aB.cD": "a_b.c_d", "x": "y", "z": None} == names("`a_b.c_d`, `x` → `y`, `z` → nothing")
