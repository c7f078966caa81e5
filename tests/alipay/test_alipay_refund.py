"""Query, close, cancel, refund and refund query: the exact question, and every answer the documents know."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tongfu import InvalidParams, MalformedAnswer, OutcomeUnknown
from tongfu.errors import RefundNotFound
from tongfu.model import Cancelled, Closed, FundBill, Order, Refund, RefundRoyalty, RefundState

if TYPE_CHECKING:
    from tests.alipay.conftest import Shop

METHODS = {
    "order_query": "alipay.trade.query",
    "close_order": "alipay.trade.close",
    "cancel_order": "alipay.trade.cancel",
    "refund": "alipay.trade.refund",
    "refund_query": "alipay.trade.fastpay.refund.query",
}
BY_NUMBER: dict[str, Any] = {"out_trade_no": "A1001"}
BY_TRADE: dict[str, Any] = {"transaction_id": "2026T1"}


async def ask(shop: Shop, operation: str, node: dict[str, Any], **params: Any) -> tuple[dict[str, Any], Any]:
    """What was asked as biz_content, and what came of it."""
    text = json.dumps({"code": "10000", "msg": "Success", **node}, ensure_ascii=False)
    tf, transport = shop.tongfu(shop.answer(text, METHODS[operation]))
    answer = await getattr(tf.payment, operation)("shop", **params)
    sent = shop.asked(transport.requests[0])
    assert sent["method"] == METHODS[operation]
    assert "notify_url" not in sent
    return json.loads(sent["biz_content"]), answer


@pytest.mark.parametrize("operation", ["order_query", "close_order", "cancel_order"])
async def test_a_trade_is_named_by_one_of_its_numbers(shop: Shop, operation: str) -> None:
    node = {"out_trade_no": "A1001", "trade_no": "2026T1", "trade_status": "WAIT_BUYER_PAY"}
    assert (await ask(shop, operation, node, **BY_NUMBER))[0] == {"out_trade_no": "A1001"}
    assert (await ask(shop, operation, node, **BY_TRADE, extra={"org_pid": "2088"}))[0] == {
        "trade_no": "2026T1",
        "org_pid": "2088",
    }
    for wrong in ({}, {**BY_NUMBER, **BY_TRADE}, {**BY_NUMBER, "extra": {"trade_no": "T2"}}):
        tf, transport = shop.tongfu()
        with pytest.raises(InvalidParams):
            await getattr(tf.payment, operation)("shop", **wrong)
        assert transport.requests == []


@pytest.mark.parametrize("operation", METHODS)
@pytest.mark.parametrize("other", [{"out_trade_no": "A1002"}, {"trade_no": "2026T2"}])
async def test_an_answer_about_another_trade_is_not_taken(shop: Shop, operation: str, other: dict[str, Any]) -> None:
    params = BY_NUMBER if "out_trade_no" in other else BY_TRADE
    more = {"refund_fee": 1} if operation == "refund" else {}
    node = {"trade_status": "TRADE_SUCCESS", "fund_change": "Y", "refund_amount": "0.01", **other}
    with pytest.raises(MalformedAnswer):
        await ask(shop, operation, node, **params, **more)


async def test_every_field_of_an_order_is_read(shop: Shop) -> None:
    node = {
        "out_trade_no": "A1001",
        "trade_no": "2026T1",
        "buyer_logon_id": "abc***@x.com",
        "buyer_user_id": "2088101117955611",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "88.88",
        "buyer_pay_amount": "80.29",
        "settle_amount": "88.87",
        "trans_currency": "CNY",
        "pay_currency": "USD",
        "send_pay_date": "2026-11-24 16:03:18",
        "fund_bill_list": [
            {
                "fund_channel": "BANKCARD",
                "bank_code": "CEB",
                "amount": "80",
                "real_amount": "0.29",
                "fund_type": "DEBIT_CARD",
            },
            {"fund_channel": "PCREDIT", "amount": 8.57},
        ],
        "new_field": {"a": [1]},
    }
    _, order = await ask(shop, "order_query", node, **BY_NUMBER)

    assert order == Order(
        trade_state="SUCCESS",
        out_trade_no="A1001",
        transaction_id="2026T1",
        total_fee=8888,
        cash_fee=8029,
        settlement_total_fee=8887,
        fee_type="CNY",
        cash_fee_type="USD",
        time_end="20261124160318",
        openid="2088101117955611",
        fund_bill_list=(
            FundBill(fund_channel="BANKCARD", bank_code="CEB", amount=8000, real_amount=29, fund_type="DEBIT_CARD"),
            FundBill(fund_channel="PCREDIT", amount=857),
        ),
    )
    assert order.paid
    assert order.raw["new_field"] == {"a": [1]}
    assert order.to_camel() == {
        "outTradeNo": "A1001",
        "transactionId": "2026T1",
        "tradeState": "SUCCESS",
        "totalFee": 8888,
        "settlementTotalFee": 8887,
        "cashFee": 8029,
    }


@pytest.mark.parametrize(
    ("status", "state", "paid"),
    [
        ("WAIT_BUYER_PAY", "USERPAYING", False),
        ("TRADE_CLOSED", "CLOSED", False),
        ("TRADE_SUCCESS", "SUCCESS", True),
        ("TRADE_FINISHED", "FINISHED", True),
        ("TRADE_NEW_STATE", "TRADE_NEW_STATE", False),
    ],
)
async def test_states_are_the_seeds_words(shop: Shop, status: str, state: str, paid: bool) -> None:
    _, order = await ask(shop, "order_query", {"trade_status": status, "buyer_open_id": "o1"}, **BY_NUMBER)

    assert (order.trade_state, order.paid, order.openid) == (state, paid, "o1")


async def test_a_closed_order_has_both_numbers(shop: Shop) -> None:
    _, closed = await ask(shop, "close_order", {"out_trade_no": "A1001", "trade_no": "2026T1"}, **BY_NUMBER)

    assert closed == Closed(out_trade_no="A1001", transaction_id="2026T1")
    assert closed.to_camel() == {"outTradeNo": "A1001", "transactionId": "2026T1"}


@pytest.mark.parametrize(
    ("node", "action", "retry"),
    [
        ({"retry_flag": "N", "action": "close"}, "close", False),
        ({"retry_flag": "N", "action": "refund"}, "refund", False),
        ({"retry_flag": "Y"}, None, True),
        ({"retry_flag": "N", "action": ""}, None, False),
        ({}, None, None),
    ],
)
async def test_a_cancel_says_what_it_did_and_whether_to_repeat(
    shop: Shop, node: dict[str, Any], action: str | None, retry: bool | None
) -> None:
    _, cancelled = await ask(shop, "cancel_order", node, **BY_NUMBER)

    assert cancelled == Cancelled(out_trade_no="A1001", action=action, retry_flag=retry)


# --- refunds ---------------------------------------------------------------------------------------


async def test_the_whole_question_of_a_refund(shop: Shop) -> None:
    content, refund = await ask(
        shop,
        "refund",
        {"out_trade_no": "A1001", "trade_no": "2026T1", "fund_change": "Y", "refund_fee": "8.88"},
        **BY_NUMBER,
        out_refund_no="R-1",
        total_fee=8888,
        refund_fee=888,
        refund_fee_type="CNY",
        refund_desc="退款 &",
        extra={"query_options": ["refund_detail_item_list"]},
    )

    assert content == {
        "out_trade_no": "A1001",
        "out_request_no": "R-1",
        "refund_amount": "8.88",
        "refund_currency": "CNY",
        "refund_reason": "退款 &",
        "query_options": ["refund_detail_item_list"],
    }
    assert refund == Refund(
        refund_fee=888,
        total_refund_fee=888,
        out_trade_no="A1001",
        transaction_id="2026T1",
        out_refund_no="R-1",
        fund_change=True,
    )


@pytest.mark.parametrize(("params", "number"), [(BY_NUMBER, "A1001"), (BY_TRADE, "2026T1")])
async def test_a_refund_always_has_a_number_and_says_which(shop: Shop, params: dict[str, Any], number: str) -> None:
    content, refund = await ask(shop, "refund", {"fund_change": "Y"}, **params, refund_fee=8888)
    assert (content["out_request_no"], refund.out_refund_no) == (number, number)

    content, told = await ask(shop, "refund_query", {"refund_amount": "88.88"}, **params)
    assert (content["out_request_no"], told.out_refund_no) == (number, number)


async def test_a_part_that_is_known_to_be_a_part_needs_a_number_of_its_own(shop: Shop) -> None:
    """A second refund of the same part under the order's number would be taken for the first, and move nothing."""
    tf, transport = shop.tongfu()
    with pytest.raises(InvalidParams) as caught:
        await tf.payment.refund("shop", out_trade_no="A1001", total_fee=8888, refund_fee=888)
    assert set(caught.value.problems) == {"out_refund_no"}
    assert transport.requests == []

    content, _ = await ask(shop, "refund", {}, **BY_NUMBER, total_fee=8888, refund_fee=8888)
    assert content["out_request_no"] == "A1001"


@pytest.mark.parametrize(("said", "total"), [("8.88", 888), ("18.88", 1888), ("88.88", 8888), (None, None)])
async def test_this_refund_is_told_from_the_sum(shop: Shop, said: str | None, total: int | None) -> None:
    node = {} if said is None else {"refund_fee": said}
    _, refund = await ask(shop, "refund", node, **BY_NUMBER, out_refund_no="R2", refund_fee=888)

    assert (refund.refund_fee, refund.total_refund_fee) == (888, total)
    assert refund.to_camel()["refundFee"] == 888


@pytest.mark.parametrize(("said", "changed"), [("Y", True), ("N", False), (None, None), ("", None)])
async def test_no_change_of_funds_is_no_failure(shop: Shop, said: str | None, changed: bool | None) -> None:
    node = {} if said is None else {"fund_change": said}
    _, refund = await ask(shop, "refund", node, **BY_NUMBER, out_refund_no="R1", refund_fee=888)

    assert refund.fund_change is changed


async def test_numbers_of_the_indirect_mode_are_read_and_never_made_up(shop: Shop) -> None:
    node = {"refund_settlement_id": "S1", "present_refund_buyer_amount": "8.00"}
    _, refund = await ask(shop, "refund", node, **BY_NUMBER, out_refund_no="R1", refund_fee=888)
    assert (refund.refund_id, refund.cash_refund_fee) == ("S1", 800)

    _, refund = await ask(shop, "refund", {}, **BY_NUMBER, out_refund_no="R1", refund_fee=888)
    assert (refund.refund_id, refund.cash_refund_fee) == (None, None)


async def test_what_alipay_would_ignore_is_refused(shop: Shop) -> None:
    tf, transport = shop.tongfu()
    ignored: dict[str, dict[str, Any]] = {
        "notify_url": {"notify_url": "https://shop.example/n"},
        "refund_fee": {"total_fee": 887},
        "out_refund_no": {"out_refund_no": "R" * 65},
        "refund_desc": {"refund_desc": "x" * 257},
    }
    for name, wrong in ignored.items():
        with pytest.raises(InvalidParams) as caught:
            await tf.payment.refund(
                "shop", **{"out_trade_no": "A1001", "refund_fee": 888, "out_refund_no": "R1", **wrong}
            )
        assert set(caught.value.problems) == {name}
    for wrong in ({"refund_id": "50000"}, {"offset": 10}):
        with pytest.raises(InvalidParams):
            await tf.payment.refund_query("shop", **{"out_trade_no": "A1001", **wrong})  # type: ignore[arg-type]
    assert transport.requests == []


async def test_every_field_of_a_refunds_state_is_read(shop: Shop) -> None:
    content, state = await ask(
        shop,
        "refund_query",
        {
            "out_trade_no": "A1001",
            "trade_no": "2026T1",
            "out_request_no": "R1",
            "refund_reason": "late",
            "total_amount": "88.88",
            "refund_amount": "8.29",
            "refund_status": "REFUND_SUCCESS",
            "refund_royaltys": [
                {"refund_amount": "0.29", "royalty_type": "transfer", "result_code": "SUCCESS", "trans_out": "2088a"}
            ],
            "refund_detail_item_list": [{"fund_channel": "BANKCARD", "amount": "8.29", "fund_type": "CREDIT_CARD"}],
        },
        **BY_NUMBER,
        out_refund_no="R1",
    )

    assert content == {
        "out_trade_no": "A1001",
        "out_request_no": "R1",
        "query_options": ["refund_detail_item_list"],
    }
    assert state == RefundState(
        out_trade_no="A1001",
        transaction_id="2026T1",
        out_refund_no="R1",
        total_fee=8888,
        refund_fee=829,
        refund_desc="late",
        refund_status="SUCCESS",
        refund_royaltys=(
            RefundRoyalty(refund_amount=29, royalty_type="transfer", result_code="SUCCESS", trans_out="2088a"),
        ),
        refund_detail_item_list=(FundBill(fund_channel="BANKCARD", amount=829, fund_type="CREDIT_CARD"),),
    )


@pytest.mark.parametrize(
    ("node", "status"),
    [
        ({"refund_status": "REFUND_SUCCESS"}, "SUCCESS"),
        ({"refund_amount": "8.88"}, "SUCCESS"),
        ({"refund_amount": "8.88", "refund_status": ""}, "SUCCESS"),
        ({"refund_status": "REFUND_PROCESSING"}, "PROCESSING"),
        ({"refund_status": "REFUND_FAIL", "refund_amount": "8.88"}, "REFUNDCLOSE"),
    ],
)
async def test_a_refund_is_done_by_its_status_or_its_amount(shop: Shop, node: dict[str, Any], status: str) -> None:
    _, state = await ask(shop, "refund_query", node, **BY_NUMBER, out_refund_no="R1")

    assert state.refund_status == status


@pytest.mark.parametrize("status", ["SUCCESS", "REFUND_NEW", "refund_success"])
async def test_a_status_that_is_not_known_is_no_success(shop: Shop, status: str) -> None:
    _, state = await ask(shop, "refund_query", {"refund_status": status}, **BY_NUMBER, out_refund_no="R1")

    assert state.refund_status != "SUCCESS"


@pytest.mark.parametrize(
    "node",
    [
        {},
        {"out_trade_no": "A1001", "trade_no": "2026T1", "out_request_no": "R1"},
        {"out_request_no": "R1", "total_amount": "88.88", "refund_amount": "0.00"},
        {"out_request_no": "R1", "refund_amount": "", "refund_status": ""},
    ],
)
async def test_an_echo_of_the_number_is_no_refund(shop: Shop, node: dict[str, Any]) -> None:
    with pytest.raises(RefundNotFound):
        await ask(shop, "refund_query", node, **BY_NUMBER, out_refund_no="R1")


async def test_another_refunds_answer_is_not_taken(shop: Shop) -> None:
    node = {"out_request_no": "R2", "refund_status": "REFUND_SUCCESS", "refund_amount": "8.88"}
    with pytest.raises(MalformedAnswer):
        await ask(shop, "refund_query", node, **BY_NUMBER, out_refund_no="R1")


@pytest.mark.parametrize("operation", ["close_order", "cancel_order", "refund"])
async def test_an_answer_that_cannot_be_read_leaves_the_outcome_open(shop: Shop, operation: str) -> None:
    more = {"refund_fee": 1} if operation == "refund" else {}
    for node in ({"out_trade_no": [1]}, {"out_trade_no": "A1001", "trade_no": {"a": 1}}):
        with pytest.raises(OutcomeUnknown):
            await ask(shop, operation, node, **BY_NUMBER, **more)
