"""When no answer comes, or one that nobody can trust: said once, sent once, and found out by asking."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tongfu import OutcomeUnknown, SignatureError, Tongfu, TransportError
from tongfu.errors import MalformedAnswer, PlatformRefused

if TYPE_CHECKING:
    from tests.alipay.conftest import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

COMMITTED = ("timeout_after_commit", "bad_signature", "no_signature", "truncate")
FAULTS = (*COMMITTED, "reset", "status:502", "timeout_before")
OPERATIONS = ("get_order_info", "close_order", "cancel_order", "refund")
PARAMS: dict[str, dict[str, Any]] = {
    "get_order_info": {
        "out_trade_no": "A1001",
        "subject": "coffee",
        "total_fee": 100,
        "notify_url": "https://shop.example/n",
        "openid": "2088101117955611",
    },
    "close_order": {"out_trade_no": "A1001"},
    "cancel_order": {"out_trade_no": "A1001"},
    "refund": {"out_trade_no": "A1001", "out_refund_no": "R1", "refund_fee": 60},
    "order_query": {"out_trade_no": "A1001"},
    "refund_query": {"out_trade_no": "A1001", "out_refund_no": "R1"},
}


async def prepared(stage: Stage, operation: str) -> None:
    """The order as *operation* wants to find it."""
    if operation != "get_order_info":
        await stage.order(notify_url="https://shop.example/n")
    if operation in ("cancel_order", "refund", "refund_query"):
        stage.emu.order("A1001").notify_url = ""
        await stage.emu.pay("A1001")
    if operation == "refund_query":
        await stage.payment.refund("alipay", **PARAMS["refund"])


async def asked(stage: Stage, operation: str, fault: str, times: int = 1) -> int:
    """Ask with the fault in the way; the answer is how many requests reached the platform."""
    before = len(stage.emu.exchanges)
    stage.emu.fault(fault, path="/gateway.do", times=times)
    # Only where no answer comes is all of it waited for.
    timeout = 0.4 if fault.startswith("timeout") else 2.0
    account: Any = replace(stage.emu.accounts()["alipay"], timeout=timeout)  # type: ignore[type-var]  # a dataclass
    try:
        async with Tongfu({"alipay": account}, clock=stage.emu.clock) as tf:
            await getattr(tf.payment, operation)("alipay", **PARAMS[operation])
    finally:
        sent = len(stage.emu.exchanges) - before
        stage.emu.clear_faults()
    return sent


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_what_moves_money_is_sent_once_and_its_outcome_is_open(stage: Stage, operation: str, fault: str) -> None:
    await prepared(stage, operation)
    before = len(stage.emu.exchanges)
    with pytest.raises(OutcomeUnknown) as caught:
        await asked(stage, operation, fault, times=9)

    assert caught.value.operation == operation
    assert len(stage.emu.exchanges) - before == 1
    assert isinstance(caught.value, SignatureError) == (fault in ("bad_signature", "no_signature"))
    assert not isinstance(caught.value, PlatformRefused)
    if fault not in COMMITTED:
        return

    # It was done, as the platform knows; the same call again does it no second time.
    order = stage.emu.order("A1001")
    states = {"get_order_info": "open", "close_order": "closed", "cancel_order": "refunded", "refund": "paid"}
    refunds = {"cancel_order": [100], "refund": [60]}
    assert order.state == states[operation]
    assert [refund.refund_fee for refund in order.refunds] == refunds.get(operation, [])
    ask = getattr(stage.payment, operation)
    if operation == "close_order":
        with pytest.raises(PlatformRefused, match="Query the order"):
            await ask("alipay", **PARAMS[operation])
        assert await stage.state() == "CLOSED"
        return
    again = await ask("alipay", **PARAMS[operation])
    if operation == "get_order_info":
        assert again.payload == order.transaction_id
    elif operation == "cancel_order":
        assert (again.action, len(order.refunds)) == ("refund", 1)
    else:
        assert (again.fund_change, again.total_refund_fee, len(order.refunds)) == (False, 60, 1)
        told = await stage.payment.refund_query("alipay", out_trade_no="A1001", out_refund_no="R1")
        assert (told.refund_status, told.refund_fee) == ("SUCCESS", 60)


@pytest.mark.parametrize("operation", ["order_query", "refund_query"])
@pytest.mark.parametrize("fault", ["reset", "status:502"])
async def test_a_question_is_asked_again(stage: Stage, operation: str, fault: str) -> None:
    await prepared(stage, operation)
    assert await asked(stage, operation, fault, times=2) == 3

    with pytest.raises(TransportError) as caught:
        await asked(stage, operation, fault, times=9)
    assert not isinstance(caught.value, OutcomeUnknown)


@pytest.mark.parametrize("operation", ["order_query", "refund_query"])
@pytest.mark.parametrize("fault", ["bad_signature", "no_signature"])
async def test_an_answer_that_is_not_signed_is_not_asked_for_again(stage: Stage, operation: str, fault: str) -> None:
    await prepared(stage, operation)
    before = len(stage.emu.exchanges)
    with pytest.raises((SignatureError, MalformedAnswer)) as caught:
        await asked(stage, operation, fault, times=9)

    assert not isinstance(caught.value, OutcomeUnknown)
    assert len(stage.emu.exchanges) - before == 1
