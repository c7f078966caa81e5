from __future__ import annotations

from typing import Any

import pytest

from tongfu import InvalidParams, Notification
from tongfu.params import OrderParams, RefundParams
from tongfu.payments import PARAMS, AccountPayments, Payments, read
from tongfu.provider import OPERATIONS

UNKNOWN = "unknown; the platform's own parameters go through extra={…} under their names on the wire"


def test_good_keywords_become_the_hooks_params() -> None:
    seen: list[Any] = []
    keywords = {"refund_fee": 60, "out_trade_no": "A1", "extra": {"a": "b"}}
    before = dict(keywords)

    def begin(params: object) -> str:
        seen.append(params)
        return "step"

    assert read("toy", "refund", keywords, begin) == "step"
    assert seen == [RefundParams(refund_fee=60, out_trade_no="A1", extra={"a": "b"})]
    assert keywords == before


def test_all_that_is_wrong_is_said_at_once() -> None:
    """The kernel's problems and the provider's together, in one error."""
    seen: list[Any] = []

    def begin(params: object) -> None:
        seen.append(params)
        raise InvalidParams("toy", "get_order_info", {"body": "too long", "total_fee": "expected less"})

    keywords = {"total_fee": 1.5, "outTradeNo": "A1", "body": "x" * 200, "notify_url": None}
    before = dict(keywords)
    with pytest.raises(InvalidParams) as caught:
        read("toy", "get_order_info", keywords, begin)

    assert caught.value.problems == {
        "body": "too long",
        "total_fee": "expected an int of fen, at least 1, not float",
        "outTradeNo": UNKNOWN,
        "out_trade_no": "missing",
        "notify_url": "missing",
    }
    assert (caught.value.platform, caught.value.operation) == ("toy", "get_order_info")
    assert keywords == before
    assert seen == [OrderParams(out_trade_no=None, total_fee=1.5, notify_url=None, body="x" * 200)]  # type: ignore[arg-type] # what the caller passed


@pytest.mark.parametrize(
    ("fee", "shown"), [(0, "0"), (-5, "-5"), (1.0, "float"), ("60", "str"), (True, "bool"), (60.9, "float")]
)
@pytest.mark.parametrize("name", ["refund_fee", "total_fee"])
def test_a_fee_is_a_positive_int(name: str, fee: object, shown: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        read("toy", "refund", {"refund_fee": 1, name: fee}, lambda params: None)

    assert caught.value.problems == {name: f"expected an int of fen, at least 1, not {shown}"}


@pytest.mark.parametrize("failure", [TypeError("None"), KeyError("x"), AttributeError("strip"), RuntimeError()])
def test_a_provider_that_stumbles_over_refused_params_hides_no_problem(failure: Exception) -> None:
    def begin(params: object) -> None:
        raise failure

    with pytest.raises(InvalidParams) as caught:
        read("toy", "refund", {"refund_fee": "60"}, begin)
    assert list(caught.value.problems) == ["refund_fee"]


def test_refused_params_never_reach_a_step() -> None:
    """What the provider answers for params that are refused is thrown away."""
    with pytest.raises(InvalidParams, match="refund_fee: missing"):
        read("toy", "refund", {}, lambda params: "a signed request")


def test_each_operation_but_the_notifications_has_params() -> None:
    assert set(PARAMS) == {name for name in OPERATIONS if not name.endswith("_notify")}


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_each_method_asks_for_its_own_operation(operation: str) -> None:
    asked: list[Any] = []
    notify = Notification({}, b"")

    async def by_name(account: str, operation: str, params: object) -> str:
        asked.append((account, operation, params))
        return "answer"

    async def bound(operation: str, params: object) -> str:
        return await by_name("bound", operation, params)

    arguments: Any = (notify,) if operation.endswith("_notify") else ()
    keywords: Any = {} if arguments else {"extra": {"a": 1}}
    params = notify if arguments else {"extra": {"a": 1}}

    assert await getattr(Payments(by_name), operation)("shop", *arguments, **keywords) == "answer"
    assert await getattr(AccountPayments(bound), operation)(*arguments, **keywords) == "answer"
    assert asked == [("shop", operation, params), ("bound", operation, params)]
