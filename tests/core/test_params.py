from __future__ import annotations

import dataclasses
import inspect
import typing
from typing import Any

import pytest

from tongfu import params
from tongfu.payments import PARAMS, AccountPayments, Payments

PAIRS = [
    (params.OrderKeywords, params.OrderParams),
    (params.OrderKeyKeywords, params.OrderKey),
    (params.RefundKeywords, params.RefundParams),
    (params.RefundKeyKeywords, params.RefundKey),
    (params.BillKeywords, params.BillParams),
    (params.FundflowKeywords, params.FundflowParams),
]


@pytest.mark.parametrize(("keywords", "kind"), PAIRS)
def test_the_keywords_are_the_hooks_params(keywords: Any, kind: Any) -> None:
    """Names, types and what is required are the same on both sides of the facade."""
    hints = typing.get_type_hints(kind)
    required = {field.name for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING}

    assert typing.get_type_hints(keywords) == hints
    marked = typing.get_type_hints(keywords, include_extras=True)
    assert {name for name, hint in marked.items() if typing.get_origin(hint) is typing.Required} == required


@pytest.mark.parametrize("facade", [Payments, AccountPayments])
@pytest.mark.parametrize("operation", PARAMS)
def test_a_method_is_typed_with_its_operations_keywords(facade: Any, operation: str) -> None:
    hint = inspect.signature(getattr(facade, operation)).parameters["params"].annotation
    (keywords,) = [keywords for keywords, kind in PAIRS if kind is PARAMS[operation]]

    assert hint == f"Unpack[{keywords.__name__}]"


@pytest.mark.parametrize("kind", [kind for _, kind in PAIRS])
def test_params_are_frozen_slotted_and_show_no_buyer(kind: Any) -> None:
    required = {field.name: 1 for field in dataclasses.fields(kind) if field.default is dataclasses.MISSING}
    hidden = {name: "o-buyer" for name in ("openid", "extra") if name in kind.__slots__}
    made = kind(**required, **hidden)

    assert not hasattr(made, "__dict__")
    assert "o-buyer" not in repr(made)
    with pytest.raises(dataclasses.FrozenInstanceError):
        made.extra = {}
