"""The emulated platform: its states and its codes, as the documents have them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tongfu.errors import (
    OrderClosed,
    OrderConflict,
    OrderNotFound,
    OrderPaid,
    PlatformRefused,
    RefundNotFound,
)

if TYPE_CHECKING:
    from tests.alipay.conftest import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOUR, DAY = 3600, 86400
LATE = ("NATIVE", "PAGE", "WAP", "APP")


async def refused(stage: Stage, asking: Any, sub_code: str) -> PlatformRefused:
    with pytest.raises(PlatformRefused) as caught:
        await asking
    assert (caught.value.code, caught.value.sub_code, caught.value.verified) == ("40004", f"ACQ.{sub_code}", True)
    return caught.value


async def coming(stage: Stage, scene: str, out_trade_no: str = "A1001", **changes: Any) -> Any:
    """An order in *scene*, whose buyer has come to the cashier."""
    info = await stage.order(out_trade_no, trade_type=scene, **changes)
    if scene == "NATIVE":
        await stage.emu.pay(out_trade_no, "userpaying")
    elif scene in LATE:
        await stage.come(info)
    return info


# --- when a trade exists -----------------------------------------------------------------------------


@pytest.mark.parametrize("scene", LATE)
async def test_there_is_no_trade_before_the_buyer_came(stage: Stage, scene: str) -> None:
    info = await stage.order(trade_type=scene)
    payment = stage.payment
    for asking in (
        payment.order_query("alipay", out_trade_no="A1001"),
        payment.close_order("alipay", out_trade_no="A1001"),
        payment.refund("alipay", out_trade_no="A1001", refund_fee=100),
        payment.refund_query("alipay", out_trade_no="A1001", out_refund_no="R1"),
    ):
        with pytest.raises(OrderNotFound):
            await asking
    cancelled = await payment.cancel_order("alipay", out_trade_no="A1001")
    assert (cancelled.action, cancelled.retry_flag, cancelled.out_trade_no) == (None, False, "A1001")

    # Cancelling what is not there does not keep the buyer from coming.
    if scene == "NATIVE":
        await stage.emu.pay("A1001", "userpaying")
    else:
        await stage.come(info)
    assert await stage.state() == "USERPAYING"
    await stage.emu.pay("A1001")
    assert await stage.state() == "SUCCESS"


async def test_a_trade_of_a_mini_program_is_there_at_once(stage: Stage) -> None:
    info = await stage.order()
    order = await stage.payment.order_query("alipay", transaction_id=info.payload)

    assert (order.trade_state, order.out_trade_no, order.total_fee) == ("USERPAYING", "A1001", 100)
    assert (order.cash_fee, order.time_end) == (None, None)


async def test_the_same_order_again_is_the_same_and_another_is_a_conflict(stage: Stage) -> None:
    first = await stage.order()
    assert (await stage.order()).payload == first.payload
    code = await stage.order("A1002", trade_type="NATIVE")
    assert (await stage.order("A1002", trade_type="NATIVE")).code_url == code.code_url

    for changes in (
        {"total_fee": 101},
        {"subject": "tea"},
        {"openid": "2088101117955613"},
        {"trade_type": "NATIVE"},
        {"time_expire": datetime(2026, 1, 3, tzinfo=UTC)},
    ):
        with pytest.raises(OrderConflict):
            await stage.order(**changes)
    assert [order.out_trade_no for order in stage.emu.orders()] == ["A1001", "A1002"]


async def test_a_number_that_is_used_up_says_how(stage: Stage) -> None:
    await stage.order("A1")
    await stage.emu.pay("A1")
    with pytest.raises(OrderPaid):
        await stage.order("A1")
    await stage.payment.refund("alipay", out_trade_no="A1", out_refund_no="R1", refund_fee=40)
    with pytest.raises(OrderPaid):
        await stage.order("A1")
    await stage.payment.refund("alipay", out_trade_no="A1", out_refund_no="R2", refund_fee=60)
    with pytest.raises(OrderClosed):
        await stage.order("A1")
    for number, end in (("A2", stage.payment.close_order), ("A3", stage.payment.cancel_order)):
        await stage.order(number)
        await end("alipay", out_trade_no=number)
        with pytest.raises(OrderClosed):
            await stage.order(number)


@pytest.mark.parametrize(
    ("content", "sub_code"),
    [
        ({"total_amount": "0.00"}, "INVALID_PARAMETER"),
        ({"total_amount": "0.001"}, "INVALID_PARAMETER"),
        ({"total_amount": "-1"}, "INVALID_PARAMETER"),
        ({"total_amount": "100000000.01"}, "TOTAL_FEE_EXCEED"),
        ({"out_trade_no": "A-1"}, "INVALID_PARAMETER"),
        ({"out_trade_no": "A" * 65}, "INVALID_PARAMETER"),
        ({"subject": ""}, "INVALID_PARAMETER"),
        ({"subject": "x" * 257}, "INVALID_PARAMETER"),
        ({"seller_id": "2088000000000000"}, "SELLER_NOT_EXIST"),
        ({"buyer_id": ""}, "INVALID_PARAMETER"),
        ({"buyer_id": "SELLER"}, "BUYER_SELLER_EQUAL"),
        ({"time_expire": "2026-01-02"}, "INVALID_PARAMETER"),
        ({"time_expire": "2026-01-02 11:04:05"}, "NOW_TIME_AFTER_EXPIRE_TIME_ERROR"),
        *[
            ({"timeout_express": text}, "INVALID_PARAMETER")
            for text in ("1.5h", "16d", "361h", "0m", "90", "2c", "m", "1s")
        ],
    ],
)
async def test_an_order_that_the_platform_refuses(stage: Stage, content: dict[str, Any], sub_code: str) -> None:
    good = {"out_trade_no": "A1001", "total_amount": "1.00", "subject": "coffee", "buyer_id": "2088101117955611"}
    seller = stage.emu.settings()["alipay"]["seller_id"]
    content = {name: seller if value == "SELLER" else value for name, value in content.items()}

    await refused(stage, stage.call("alipay.trade.create", {**good, **content}), sub_code)
    assert stage.emu.orders() == []


# --- when it ends ------------------------------------------------------------------------------------


async def test_time_expire_ends_an_order_to_the_second(stage: Stage) -> None:
    end = stage.emu.clock.now() + timedelta(minutes=10)
    await stage.order(time_expire=end, extra={"timeout_express": "1m"})
    await stage.emu.clock.advance(599)
    assert await stage.state() == "USERPAYING"
    await stage.emu.clock.advance(1)
    assert await stage.state() == "CLOSED"
    with pytest.raises(OrderClosed):
        await stage.order(time_expire=end, extra={"timeout_express": "1m"})
    with pytest.raises(ValueError, match="closed"):
        await stage.emu.pay("A1001")
    order = await stage.payment.order_query("alipay", out_trade_no="A1001")
    assert (order.time_end, order.cash_fee) == (None, None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1m", 60),
        ("90m", 90 * 60),
        ("2h", 2 * HOUR),
        ("15d", 15 * DAY),
        # It is 11:04:05 in Beijing; the day ends at midnight.
        ("1c", 12 * HOUR + 55 * 60 + 55),
    ],
)
async def test_timeout_express_runs_from_the_order(stage: Stage, text: str, seconds: int) -> None:
    await stage.order(extra={"timeout_express": text})
    await stage.emu.clock.advance(seconds - 1)
    assert await stage.state() == "USERPAYING"
    await stage.emu.clock.advance(1)
    assert await stage.state() == "CLOSED"


@pytest.mark.parametrize(
    ("scene", "seconds"), [("NATIVE", 3 * HOUR), ("PAGE", 15 * DAY), ("WAP", 15 * DAY), ("APP", 15 * DAY)]
)
async def test_each_scene_has_its_time(stage: Stage, scene: str, seconds: int) -> None:
    await coming(stage, scene)
    await stage.emu.clock.advance(seconds - 1)
    assert await stage.state() == "USERPAYING"
    await stage.emu.clock.advance(1)
    assert await stage.state() == "CLOSED"


async def test_an_app_or_wap_order_lasts_five_minutes_at_least(stage: Stage) -> None:
    for scene in ("APP", "WAP"):
        short = await stage.order(f"{scene}1", trade_type=scene, extra={"timeout_express": "4m"})
        with pytest.raises(AssertionError, match=r"ACQ\.INVALID_PARAMETER"):
            await stage.come(short)
        await stage.come(await stage.order(f"{scene}2", trade_type=scene, extra={"timeout_express": "5m"}))
    assert [order.out_trade_no for order in stage.emu.orders()] == ["APP2", "WAP2"]


async def test_a_qr_code_is_good_for_two_hours(stage: Stage) -> None:
    await stage.order("A1", trade_type="NATIVE")
    await coming(stage, "NATIVE", "A2")
    await stage.emu.clock.advance(2 * HOUR)
    with pytest.raises(ValueError, match="QR code"):
        await stage.emu.pay("A1")
    with pytest.raises(OrderNotFound):
        await stage.state("A1")
    await stage.emu.pay("A2")
    assert await stage.state("A2") == "SUCCESS"


async def test_only_a_waiting_order_is_closed(stage: Stage) -> None:
    await stage.order("A1")
    await stage.emu.pay("A1")
    await stage.order("A2")
    closed = await stage.payment.close_order("alipay", out_trade_no="A2")
    assert (closed.out_trade_no, bool(closed.transaction_id)) == ("A2", True)
    for number in ("A1", "A2"):
        await refused(stage, stage.payment.close_order("alipay", out_trade_no=number), "TRADE_STATUS_ERROR")
    assert (await stage.state("A1"), await stage.state("A2")) == ("SUCCESS", "CLOSED")


async def test_what_the_buyer_could_not_pay_stays_open(stage: Stage) -> None:
    await stage.order()
    for outcome in ("not_enough", "cancel", "userpaying"):
        await stage.emu.pay("A1001", outcome)
        assert await stage.state() == "USERPAYING"
    await stage.emu.pay("A1001", "expire")
    assert await stage.state() == "CLOSED"


# --- cancel ------------------------------------------------------------------------------------------


async def test_a_cancel_closes_what_is_unpaid_and_pays_back_what_is_paid(stage: Stage) -> None:
    await stage.order("A1")
    await stage.order("A2")
    await stage.emu.pay("A2")
    for _ in range(2):
        # The platform's advice after no answer is the same call again.
        assert (await stage.payment.cancel_order("alipay", out_trade_no="A1")).action == "close"
        assert (await stage.payment.cancel_order("alipay", out_trade_no="A2")).action == "refund"

    assert (await stage.state("A1"), await stage.state("A2")) == ("CLOSED", "CLOSED")
    assert [len(stage.emu.order(number).refunds) for number in ("A1", "A2")] == [0, 1]


async def test_what_is_refunded_or_old_is_not_cancelled(stage: Stage) -> None:
    for number, fee in (("A1", 40), ("A2", 100)):
        await stage.order(number)
        await stage.emu.pay(number)
        await stage.payment.refund("alipay", out_trade_no=number, out_refund_no="R1", refund_fee=fee)
        await refused(stage, stage.payment.cancel_order("alipay", out_trade_no=number), "REASON_TRADE_REFUND_FEE_ERR")
    await stage.order("A3", time_expire=stage.emu.clock.now() + timedelta(days=9))
    await stage.emu.clock.advance(DAY + 1)
    await refused(stage, stage.payment.cancel_order("alipay", out_trade_no="A3"), "TRADE_CANCEL_TIME_OUT")


# --- refunds -----------------------------------------------------------------------------------------


async def test_refunds_are_summed_and_each_is_made_once(stage: Stage) -> None:
    await stage.order()
    await refused(stage, stage.payment.refund("alipay", out_trade_no="A1001", refund_fee=100), "TRADE_STATUS_ERROR")
    await stage.emu.pay("A1001")
    seen = []
    for number, fee in (("R1", 30), ("R2", 20), ("R1", 30), ("R3", 50), ("R3", 50)):
        refund = await stage.payment.refund("alipay", out_trade_no="A1001", out_refund_no=number, refund_fee=fee)
        seen.append((refund.out_refund_no, refund.refund_fee, refund.total_refund_fee, refund.fund_change))
        await stage.emu.clock.advance(3)

    assert seen == [
        ("R1", 30, 30, True),
        ("R2", 20, 50, True),
        ("R1", 30, 50, False),
        ("R3", 50, 100, True),
        ("R3", 50, 100, False),
    ]
    assert [refund.refund_fee for refund in stage.emu.order("A1001").refunds] == [30, 20, 50]
    assert await stage.state() == "CLOSED"


async def test_refunds_have_limits(stage: Stage) -> None:
    await stage.order()
    await stage.emu.pay("A1001")

    def refund(number: str, fee: int) -> Any:
        return stage.payment.refund("alipay", out_trade_no="A1001", out_refund_no=number, refund_fee=fee)

    await refused(stage, refund("R1", 101), "REASON_TRADE_REFUND_FEE_ERR")
    await refund("R1", 60)
    await refused(stage, refund("R2", 41), "REASON_TRADE_REFUND_FEE_ERR")
    assert type(await refused(stage, refund("R1", 40), "DISCORDANT_REPEAT_REQUEST")) is OrderConflict
    raw = {"out_trade_no": "A1001", "refund_amount": "0.40"}
    await refused(stage, stage.call("alipay.trade.refund", raw), "REFUND_AMT_NOT_EQUAL_TOTAL")
    for amount in ("0", "0.001", "", "x", "0.00"):
        wrong = {**raw, "out_request_no": "R4", "refund_amount": amount}
        await refused(stage, stage.call("alipay.trade.refund", wrong), "INVALID_PARAMETER")
    await stage.emu.clock.advance(366 * DAY)
    assert await stage.state() == "FINISHED"
    await refused(stage, refund("R3", 40), "TRADE_HAS_FINISHED")
    assert len(stage.emu.order("A1001").refunds) == 1


async def test_a_whole_refund_without_a_number_has_the_orders(stage: Stage) -> None:
    await stage.order()
    await stage.emu.pay("A1001")
    node = await stage.call("alipay.trade.refund", {"out_trade_no": "A1001", "refund_amount": "1.00"})
    assert (node["fund_change"], node["refund_fee"]) == ("Y", "1.00")

    told = await stage.payment.refund_query("alipay", out_trade_no="A1001")
    assert (told.out_refund_no, told.refund_fee, told.refund_status) == ("A1001", 100, "SUCCESS")


async def test_a_refund_is_found_by_its_number_alone(stage: Stage) -> None:
    await stage.order()
    await stage.emu.pay("A1001")
    await stage.payment.refund("alipay", out_trade_no="A1001", out_refund_no="R1", refund_fee=30, refund_desc="late")
    found = await stage.payment.refund_query("alipay", out_trade_no="A1001", out_refund_no="R1")
    assert (found.total_fee, found.refund_fee, found.refund_desc) == (100, 30, "late")
    assert [item.amount for item in found.refund_detail_item_list] == [30]

    query = {"out_trade_no": "A1001", "out_request_no": "R2"}
    node = await stage.call("alipay.trade.fastpay.refund.query", query, read_only=True)
    # The number comes back although there is no such refund: it proves nothing.
    assert (node["out_request_no"], "refund_amount" in node, "refund_status" in node) == ("R2", False, False)
    with pytest.raises(RefundNotFound):
        await stage.payment.refund_query("alipay", out_trade_no="A1001", out_refund_no="R2")
    bare = {"out_trade_no": "A1001"}
    await refused(stage, stage.call("alipay.trade.fastpay.refund.query", bare, read_only=True), "INVALID_PARAMETER")
