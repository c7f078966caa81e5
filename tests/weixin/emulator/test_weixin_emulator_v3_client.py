"""Our own client on APIv3's transfers and profit sharing, in both key modes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from tongfu import Notification, OutcomeUnknown, Tongfu
from tongfu.emulator import Emulator
from tongfu.errors import NotEnough, RateLimited
from tongfu_weixin import WeixinAccount
from tongfu_weixin.client import Weixin

MERCHANT = ("app_id", "mch_id", "api_v3_key", "private_key", "cert_serial", "base_url")
MODES = {"certificate": MERCHANT, "public_key": (*MERCHANT, "public_key_id", "public_key")}
SHOP = "1900000110"
REPORT = [{"info_type": "活动名称", "info_content": "新会员有礼"}]


@pytest.fixture(params=MODES)
async def weixin(emu: Emulator, request: pytest.FixtureRequest) -> AsyncIterator[Weixin]:
    line = emu.settings()["weixin"]
    account = WeixinAccount(**{name: line[name] for name in MODES[request.param]})
    async with Tongfu({"weixin": account}, clock=emu.clock) as tf:
        yield tf.open(account)


async def pay_out(weixin: Any, out_bill_no: str, **more: Any) -> Any:
    return await weixin.pay.transfer.create(
        out_bill_no=out_bill_no,
        transfer_scene_id="1000",
        openid="oUser",
        transfer_amount=200_000,
        transfer_remark="奖励",
        transfer_scene_report_infos=REPORT,
        user_name="张三",
        **more,
    )


async def test_a_transfer_is_made_heard_of_and_taken_back(weixin: Any, emu: Emulator, merchant: Any, hook: Any) -> None:
    made = await pay_out(weixin, "T1", notify_url=hook.url)
    await merchant.control("POST", "transfers/T1", state="SUCCESS")
    await emu.settle()
    ((headers, body),) = hook.got
    notice, again = [
        weixin.pay.transfer.notice(await weixin.pay.event(Notification(dict(headers), body))) for _ in range(2)
    ]
    assert (notice, notice.repeated, again.repeated) == (again, False, True)
    await pay_out(weixin, "T2")
    cancelled = await weixin.pay.transfer.cancel(out_bill_no="T2")
    await emu.clock.advance(5)

    found = [await weixin.pay.transfer.query(out_bill_no=number) for number in ("T1", "T2")]
    assert ("WAIT_USER_CONFIRM", "T1", "SUCCESS") == (made.state, notice.out_bill_no, notice.state)
    assert ("CANCELING", ["SUCCESS", "CANCELLED"]) == (cancelled.state, [one.state for one in found])
    same = await weixin.pay.transfer.query(transfer_bill_no=made.transfer_bill_no)
    assert replace(found[0], user_name=None) == replace(same, user_name=None)
    assert ["张三"] * 2 == [weixin.pay.decrypt(one.user_name) for one in (found[0], same)]


async def test_what_an_order_earned_is_shared(weixin: Any, emu: Emulator) -> None:
    await weixin.payment.get_order_info(
        openid="oUser",
        body="coffee",
        out_trade_no="A10011",
        total_fee=100,
        notify_url="http://127.0.0.1:9/notify",
        extra={"settle_info": {"profit_sharing": True}},
    )
    number = (await emu.pay("A10011")).transaction_id
    sharing = weixin.pay.profit_sharing
    await sharing.add_receiver(type="MERCHANT_ID", account=SHOP, name="深圳公司", relation_type="SUPPLIER")
    share = {"type": "MERCHANT_ID", "account": SHOP, "amount": 30, "description": "beans", "name": "深圳公司"}
    made = await sharing.create(transaction_id=number, out_order_no="P1", receivers=[share], unfreeze_unsplit=False)
    with pytest.raises(NotEnough):
        await sharing.create(
            transaction_id=number,
            out_order_no="P2",
            receivers=[{**share, "amount": 71}],
            unfreeze_unsplit=False,
        )
    await emu.clock.advance(5)
    done = await sharing.query(out_order_no="P1", transaction_id=number)
    await sharing.create_return(
        out_return_no="B1", return_mchid=SHOP, amount=10, description="broken", out_order_no="P1"
    )
    await emu.clock.advance(5)
    back = await sharing.query_return(out_return_no="B1", out_order_no="P1")
    left = await sharing.amounts(transaction_id=number)
    rest = await sharing.unfreeze(transaction_id=number, out_order_no="P3", description="done")

    assert ("PROCESSING", "PENDING") == (made.state, made.receivers[0].result)
    assert ("FINISHED", "SUCCESS", 30) == (done.state, done.receivers[0].result, done.receivers[0].amount)
    assert ("SUCCESS", 10, 70, 70) == (back.result, back.amount, left.unsplit_amount, rest.receivers[0].amount)


@pytest.mark.parametrize("fault", ["bad_signature", "no_signature", "unknown_serial", "signtest"])
async def test_an_answer_that_cannot_be_believed_leaves_a_transfer_open(weixin: Any, emu: Emulator, fault: str) -> None:
    emu.fault(fault, path="/v3/fund-app/*")

    with pytest.raises(OutcomeUnknown):
        await pay_out(weixin, "T1")

    assert "WAIT_USER_CONFIRM" == (await weixin.pay.transfer.query(out_bill_no="T1")).state


async def test_a_limit_on_a_query_says_slow_down(weixin: Any, merchant: Any) -> None:
    wanted = {"path": "/v3/fund-app/*", "status": 429, "code": "FREQUENCY_LIMITED", "times": 20}
    await merchant.control("POST", "v3/refusals", **wanted)

    with pytest.raises(RateLimited) as caught:
        await weixin.pay.transfer.query(out_bill_no="T1")

    assert caught.value.request_id.endswith("-268447840")
