from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from tongfu import Bill, Cancelled, Closed, Order, OrderInfo, PaymentNotice, Refund, RefundNotice, RefundState, Reply
from tongfu.bills import Spool
from tongfu.model import (
    TRADE_STATES,
    Coupon,
    FundBill,
    RefundedCoupon,
    RefundItem,
    RefundRoyalty,
    Result,
    camel,
    trade_state,
)

# The documented answers of uniCloud's openapi.payment, field by field. Its table of refundRoyaltysItem
# describes Alipay's refund_detail_item_list by mistake; FundBill has those fields.
DOCUMENTED: dict[type[Any], str] = {
    Order: "appId mchId outTradeNo transactionId tradeState totalFee settlementTotalFee cashFee",
    Closed: "appId mchId outTradeNo transactionId",
    Cancelled: "outTradeNo transactionId",
    Refund: "outTradeNo transactionId outRefundNo refundId refundFee cashRefundFee",
    RefundState: "outTradeNo transactionId totalFee refundId refundFee refundDesc refundList refundRoyaltys",
    RefundItem: "outRefundNo refundId refundChannel refundFee settlementRefundFee refundStatus couponRefundFee "
    "couponRefundCount refundAccount refundRecvAccout refundSuccessTime couponList",
    RefundedCoupon: "couponType couponRefundId couponRefundFee",
    FundBill: "fundChannel bankCode amount realAmount fundType",
    RefundRoyalty: "refundAmount royaltyType resultCode transOut transIn",
    Bill: "content",
    PaymentNotice: "totalFee cashFee feeType outTradeNo transactionId timeEnd openid",
    RefundNotice: "totalFee refundFee settlementTotalFee settlementRefundFee outTradeNo transactionId refundId "
    "outRefundNo refundStatus refundAccount refundRecvAccout",
    Coupon: "couponId couponType couponFee",
}
# What the ten operations answer; the rest of the above are parts of them.
ANSWERS = (OrderInfo, Order, Closed, Cancelled, Refund, RefundState, Bill, PaymentNotice, RefundNotice)
REPLY = Reply(200, {}, b"ok")


def filled(kind: type[Any]) -> Any:
    """An instance whose every field holds a value of its own."""
    values = {field.name: f"<{field.name}>" for field in dataclasses.fields(kind)}
    return kind(**values)


@pytest.mark.parametrize("kind", DOCUMENTED, ids=lambda kind: kind.__name__)
def test_to_camel_is_the_documented_answer(kind: type[Any]) -> None:
    documented = DOCUMENTED[kind].split()
    snake = {camel(field.name): f"<{field.name}>" for field in dataclasses.fields(kind)}

    assert filled(kind).to_camel() == {name: snake[name] for name in documented}
    assert list(filled(kind).to_camel()) == [camel(name) for name in kind.seed_fields]


@pytest.mark.parametrize("payload", [{"timeStamp": "1", "package": "prepay_id=1"}, "app_id=1&sign=2"])
def test_an_order_infos_document_is_its_payload(payload: Any) -> None:
    assert OrderInfo(payload=payload, out_trade_no="A1", trade_type="JSAPI").to_camel() is payload


def test_what_is_none_is_left_out_and_what_is_zero_is_not() -> None:
    assert Order(trade_state="NOTPAY", out_trade_no="A1", cash_fee=0).to_camel() == {
        "outTradeNo": "A1",
        "tradeState": "NOTPAY",
        "cashFee": 0,
    }


def test_lists_are_documents_too() -> None:
    coupon = RefundedCoupon(coupon_type="CASH", coupon_refund_id="900", coupon_refund_fee=5)
    state = RefundState(
        out_trade_no="A1",
        refund_list=(RefundItem(refund_fee=60, coupon_list=(coupon,)),),
        refund_royaltys=(RefundRoyalty(refund_amount=5),),
    )

    assert state.to_camel() == {
        "outTradeNo": "A1",
        "refundList": [
            {"refundFee": 60, "couponList": [{"couponType": "CASH", "couponRefundId": "900", "couponRefundFee": 5}]}
        ],
        "refundRoyaltys": [{"refundAmount": 5}],
    }


@pytest.mark.parametrize("kind", [*DOCUMENTED, OrderInfo], ids=lambda kind: kind.__name__)
def test_results_are_frozen_slotted_and_show_neither_buyer_nor_wire(kind: type[Any]) -> None:
    result = filled(kind)
    shown = repr(result)

    assert not hasattr(result, "__dict__")
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(result, dataclasses.fields(kind)[0].name, "changed")
    hidden = (
        "raw",
        "openid",
        "payload",
        "prepay_id",
        "code_url",
        "mweb_url",
        "pay_url",
        "pay_form",
        "reply",
        "content",
    )
    assert [name for name in hidden if f"<{name}>" in shown] == []
    assert pickle.loads(pickle.dumps(result)) == result


def test_every_result_is_here() -> None:
    def below(kind: type[Any]) -> set[type[Any]]:
        return {kind} | {lower for child in kind.__subclasses__() for lower in below(child)}

    ours = {kind for kind in below(Result) if kind.__module__ in ("tongfu.model", "tongfu.notice")}
    assert {kind.__name__ for kind in ours} == {"Result", "OrderInfo", *(kind.__name__ for kind in DOCUMENTED)}


WORDS = {"TRADE_SUCCESS": "SUCCESS", "WAIT_BUYER_PAY": "USERPAYING"}


@pytest.mark.parametrize(
    ("wire", "state"),
    [
        ("TRADE_SUCCESS", "SUCCESS"),
        ("WAIT_BUYER_PAY", "USERPAYING"),
        ("TRADE_PENDING", "TRADE_PENDING"),
        ("trade_success", "trade_success"),
        ("", "UNKNOWN"),
        *((known, "UNKNOWN") for known in sorted(TRADE_STATES)),
    ],
)
def test_only_a_documented_state_is_translated(wire: str, state: str) -> None:
    """An unknown one stays visible, but never reads as one of ours."""
    assert trade_state(wire, WORDS) == state


@pytest.mark.parametrize("state", [*sorted(TRADE_STATES), "UNKNOWN", "TRADE_SUCCESS", "success", ""])
def test_only_success_and_finished_are_paid(state: str) -> None:
    assert Order(trade_state=state).paid is (state in ("SUCCESS", "FINISHED"))


@pytest.mark.parametrize(
    ("snake", "expected"), [("out_trade_no", "outTradeNo"), ("content", "content"), ("app_id", "appId")]
)
def test_camel_joins_words(snake: str, expected: str) -> None:
    assert camel(snake) == expected


def test_equal_answers_are_equal_whatever_their_wire() -> None:
    assert Order(trade_state="SUCCESS", raw={"a": 1}) == Order(trade_state="SUCCESS", raw={"a": 2})
    assert Order(trade_state="SUCCESS") != Order(trade_state="NOTPAY")


@pytest.mark.parametrize("answer", ANSWERS)
def test_every_answer_keeps_the_wires_fields_and_neither_shows_nor_compares_them(answer: type[Any]) -> None:
    raw = next(field for field in dataclasses.fields(answer) if field.name == "raw")

    assert (False, False) == (raw.repr, raw.compare)
    assert raw.default_factory is dict


TABLE = "a,b\r\n`1,`2\u2028\x85\n"


@pytest.mark.parametrize("bill", [Bill(content=TABLE), Bill.stored(Spool.of(TABLE.encode()))], ids=["text", "file"])
def test_a_bill_reads_the_same_wherever_its_text_lies(bill: Bill) -> None:
    assert bill.content == TABLE
    assert list(bill.lines()) == ["a,b\r\n", "`1,`2\u2028\x85\n"]
    assert list(bill.lines()) == list(bill.lines())
    assert bill == Bill(content=TABLE)
    assert hash(bill) == hash(Bill(content=TABLE))
    assert pickle.loads(pickle.dumps(bill)) == bill
    assert copy.copy(bill) == dataclasses.replace(bill) == bill
    assert bill.to_camel() == {"content": TABLE}
    assert repr(bill) == "Bill()"
    assert [field.name for field in dataclasses.fields(bill)] == ["content", "summary", "raw"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        bill.content = "forged"  # type: ignore[misc]
