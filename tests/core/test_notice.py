from __future__ import annotations

from typing import Any

import pytest

from tongfu import PaymentNotice, RefundNotice, Reply
from tongfu.errors import MalformedAnswer, NoticeMismatch

REPLY = Reply(200, {"Content-Type": "text/plain"}, b"success")


def paid(**changes: Any) -> PaymentNotice:
    fields = {"paid": True, "out_trade_no": "A1", "trade_state": "SUCCESS", "total_fee": 100, "reply": REPLY}
    return PaymentNotice(**{**fields, **changes})


def refunded(**changes: Any) -> RefundNotice:
    return RefundNotice(**{"refunded": True, "out_trade_no": "A1", "total_fee": 100, "reply": REPLY, **changes})


@pytest.mark.parametrize("fee_type", [None, "", "CNY"])
def test_the_expected_payment_passes(fee_type: str | None) -> None:
    paid(fee_type=fee_type).expect(out_trade_no="A1", total_fee=100)


def test_a_payment_in_another_currency_may_be_expected() -> None:
    paid(fee_type="HKD").expect(out_trade_no="A1", total_fee=100, fee_type="HKD")


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"out_trade_no": "A2"}, ("out_trade_no",)),
        ({"total_fee": 1}, ("total_fee",)),
        ({"total_fee": None}, ("total_fee",)),
        ({"fee_type": "JPY"}, ("fee_type",)),
        ({"out_trade_no": "A2", "total_fee": 101, "fee_type": "JPY"}, ("out_trade_no", "total_fee", "fee_type")),
    ],
)
def test_another_payment_is_refused_by_name(changes: dict[str, Any], fields: tuple[str, ...]) -> None:
    with pytest.raises(NoticeMismatch) as caught:
        paid(**changes).expect(out_trade_no="A1", total_fee=100)

    assert caught.value.fields == fields
    assert caught.value.out_trade_no == changes.get("out_trade_no", "A1")
    assert isinstance(caught.value, MalformedAnswer)


def test_the_expected_refund_passes() -> None:
    refunded().expect(out_trade_no="A1", total_fee=100)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"out_trade_no": "A2"}, ("out_trade_no",)),
        ({"total_fee": None}, ("total_fee",)),
        ({"out_trade_no": "A2", "total_fee": 1}, ("out_trade_no", "total_fee")),
    ],
)
def test_a_refund_of_another_order_is_refused_by_name(changes: dict[str, Any], fields: tuple[str, ...]) -> None:
    with pytest.raises(NoticeMismatch) as caught:
        refunded(**changes).expect(out_trade_no="A1", total_fee=100)
    assert caught.value.fields == fields


def test_a_refund_never_pays_an_order() -> None:
    assert refunded().paid is False
    with pytest.raises(TypeError):
        refunded(paid=True)
