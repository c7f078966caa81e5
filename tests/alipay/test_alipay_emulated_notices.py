"""What the emulated platform tells the merchant, when, and how often."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tongfu import Notification
from tongfu.errors import SignatureError

if TYPE_CHECKING:
    from tests.alipay.conftest import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOUR, DAY = 3600, 86400
LATE = ("NATIVE", "PAGE", "WAP", "APP")


async def coming(stage: Stage, scene: str, out_trade_no: str = "A1001", **changes: Any) -> Any:
    """An order in *scene*, whose buyer has come to the cashier."""
    info = await stage.order(out_trade_no, trade_type=scene, **changes)
    if scene == "NATIVE":
        await stage.emu.pay(out_trade_no, "userpaying")
    elif scene in LATE:
        await stage.come(info)
    return info


async def verified(stage: Stage, at: int) -> Any:
    """The notification of that place, read as a refund if it is one."""
    notify = Notification({}, stage.merchant.bodies[at])
    notice = await stage.payment.verify_payment_notify("alipay", notify)
    if notice.is_refund:
        return await stage.payment.verify_refund_notify("alipay", notify)
    return notice


async def test_a_payment_and_its_refunds_come_to_one_address(stage: Stage) -> None:
    await stage.order(extra={"passback_params": "a%3D1"})
    await stage.emu.pay("A1001")
    for number, fee in (("R1", 30), ("R2", 70)):
        await stage.payment.refund("alipay", out_trade_no="A1001", out_refund_no=number, refund_fee=fee)
        await stage.emu.settle()
    paid, first, second = [await verified(stage, at) for at in range(3)]

    assert (paid.paid, paid.total_fee, paid.cash_fee, paid.attach) == (True, 100, 100, "a%3D1")
    assert (paid.time_end, paid.openid) == ("20260102110405", "2088101117955611")
    assert (first.out_refund_no, first.refund_fee, second.out_refund_no, second.refund_fee) == ("R1", 30, "R2", 100)
    assert [form["trade_status"] for form in stage.merchant.forms] == ["TRADE_SUCCESS", "TRADE_SUCCESS", "TRADE_CLOSED"]
    assert len({form["notify_id"] for form in stage.merchant.forms}) == 3


async def test_an_open_id_comes_back_as_an_open_id(stage: Stage) -> None:
    await stage.order(extra={"buyer_open_id": "007hqF5M"})
    await stage.emu.pay("A1001")
    order = await stage.payment.order_query("alipay", out_trade_no="A1001")

    assert (order.openid, order.raw["buyer_open_id"], "buyer_user_id" in order.raw) == ("007hqF5M", "007hqF5M", False)
    form = stage.merchant.forms[0]
    assert (form["buyer_open_id"], "buyer_id" in form) == ("007hqF5M", False)
    assert (await verified(stage, 0)).openid == "007hqF5M"


@pytest.mark.parametrize("scene", ["JSAPI", "NATIVE", "PAGE", "APP", "WAP"])
@pytest.mark.parametrize("end", ["close", "cancel", "expire", "time"])
async def test_app_and_wap_orders_hear_of_their_end(stage: Stage, scene: str, end: str) -> None:
    buyer = {"openid": "2088101117955611"} if scene == "JSAPI" else {}
    await coming(stage, scene, time_expire=stage.emu.clock.now() + timedelta(hours=1), **buyer)
    if end == "close":
        await stage.payment.close_order("alipay", out_trade_no="A1001")
    elif end == "cancel":
        await stage.payment.cancel_order("alipay", out_trade_no="A1001")
    elif end == "expire":
        await stage.emu.pay("A1001", "expire")
    else:
        await stage.emu.clock.advance(2 * HOUR)
    await stage.emu.settle()
    assert await stage.state() == "CLOSED"
    if scene not in ("APP", "WAP"):
        assert stage.merchant.forms == []
        return

    (form,) = stage.merchant.forms
    assert (form["trade_status"], form["refund_fee"], "gmt_close" in form) == ("TRADE_CLOSED", "0.00", True)
    assert {"gmt_payment", "buyer_pay_amount", "receipt_amount", "fund_bill_list"} & form.keys() == set()
    if end == "time":
        assert form["gmt_close"] == "2026-01-02 12:04:05"
    notice = await verified(stage, 0)
    assert (notice.paid, notice.is_refund, notice.trade_state, notice.cash_fee) == (False, False, "CLOSED", None)


@pytest.mark.parametrize("scene", ["NATIVE", "APP"])
async def test_the_end_of_refunds_is_told_to_app_and_wap(stage: Stage, scene: str) -> None:
    await coming(stage, scene)
    await stage.emu.pay("A1001")
    await stage.emu.clock.advance(366 * DAY)

    told = [form["trade_status"] for form in stage.merchant.forms]
    assert told == (["TRADE_SUCCESS", "TRADE_FINISHED"] if scene == "APP" else ["TRADE_SUCCESS"])
    last = await verified(stage, -1)
    assert (last.paid, last.total_fee) == (True, 100)


async def test_the_ladder_is_climbed_to_its_end(stage: Stage) -> None:
    stage.merchant.answers = [(200, "fail"), (500, "success"), (200, "success\n"), (302, ""), *[(200, "failure")] * 9]
    await stage.order()
    await stage.emu.pay("A1001")
    ladder = [4 * 60, 10 * 60, 10 * 60, HOUR, 2 * HOUR, 6 * HOUR, 15 * HOUR]
    for attempts, seconds in enumerate(ladder, 1):
        await stage.emu.clock.advance(seconds - 1)
        assert len(stage.merchant.bodies) == attempts
        await stage.emu.clock.advance(1)
        assert len(stage.merchant.bodies) == attempts + 1
    await stage.emu.clock.advance(90 * DAY)
    (sent,) = stage.emu.notifications

    assert (sent.state, len(stage.merchant.bodies)) == ("given_up", 8)
    assert len(set(stage.merchant.bodies)) == 1
    assert (await verified(stage, 7)).paid


async def test_success_ends_the_ladder(stage: Stage) -> None:
    stage.merchant.answers = [(200, "fail"), (200, "success")]
    await stage.order()
    await stage.emu.pay("A1001")
    await stage.emu.clock.advance(90 * DAY)

    assert (stage.emu.notifications[0].state, len(stage.merchant.bodies)) == ("accepted", 2)


@pytest.mark.parametrize("corrupt", ["signature", "body", "timestamp"])
async def test_a_corrupted_notification_is_refused(stage: Stage, corrupt: Any) -> None:
    await stage.order()
    await stage.emu.pay("A1001")
    await stage.emu.redeliver(stage.emu.notifications[0].id, corrupt)

    assert stage.merchant.bodies[0] != stage.merchant.bodies[1]
    assert (await verified(stage, 0)).paid
    with pytest.raises(SignatureError):
        await verified(stage, 1)
