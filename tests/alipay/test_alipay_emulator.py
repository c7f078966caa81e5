"""The emulated platform: its states, its codes and its notifications, as the documents have them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, urlencode

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from tongfu import Notification
from tongfu.emulator import Asked
from tongfu.errors import (
    OrderClosed,
    OrderConflict,
    OrderNotFound,
    OrderPaid,
    PlatformRefused,
    RefundNotFound,
    SignatureError,
)
from tongfu_alipay.emulator.gateway import Refusal, read

if TYPE_CHECKING:
    from tests.alipay.conftest import Shop, Stage

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


# --- when a trade exists ---------------------------------------------------------------------------


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


# --- when it ends ----------------------------------------------------------------------------------


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


# --- cancel ----------------------------------------------------------------------------------------


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


# --- refunds ---------------------------------------------------------------------------------------


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


# --- notifications ---------------------------------------------------------------------------------


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


# --- the gateway -----------------------------------------------------------------------------------


def signed(shop: Shop, stage: Stage, **changes: str | None) -> dict[str, str]:
    """A query's parameters, signed by the app; None leaves one out."""
    line = stage.emu.settings()["alipay"]
    key = load_der_private_key(base64.b64decode(line["private_key"]), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    given: dict[str, str | None] = {
        "app_id": line["app_id"],
        "method": "alipay.trade.query",
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "timestamp": "2026-01-02 11:04:05",
        "version": "1.0",
        "biz_content": '{"out_trade_no":"A1001"}',
        **changes,
    }
    params = {name: value for name, value in given.items() if value is not None}
    text = "&".join(f"{name}={params[name]}" for name in sorted(params) if params[name])
    return {**params, "sign": shop.sign(text.encode(), key)}


async def gateway(
    stage: Stage, params: dict[str, str], *, body: tuple[str, ...] = ("biz_content",), method: str = "POST"
) -> tuple[str, dict[str, Any], bool, str]:
    """The answer's node by name, whether it is signed, and what the emulator explains."""
    query = {name: value for name, value in params.items() if name not in body}
    async with (
        aiohttp.ClientSession() as client,
        client.request(
            method,
            f"{stage.emu.url}/gateway.do?{urlencode(query)}",
            data=urlencode({name: params[name] for name in body if name in params}),
            headers={"content-type": "application/x-www-form-urlencoded;charset=utf-8"},
        ) as response,
    ):
        assert response.status == 200
        document = json.loads(await response.read())
        (name,) = set(document) - {"sign"}
        return name, document[name], "sign" in document, response.headers.get("x-emulator-explain", "")


async def test_parameters_may_stand_in_the_body_but_for_charset(shop: Shop, stage: Stage) -> None:
    await stage.order()
    params = signed(shop, stage)
    rest = tuple(name for name in params if name != "charset")
    for body, method in (((), "GET"), (("biz_content",), "POST"), (rest, "POST")):
        name, node, is_signed, _ = await gateway(stage, params, body=body, method=method)
        assert (name, node["code"], is_signed) == ("alipay_trade_query_response", "10000", True)

    _, node, is_signed, explain = await gateway(stage, params, body=tuple(params))
    assert (node["sub_code"], is_signed) == ("isv.invalid-signature", False)
    assert "charset参数放在了URL查询字符串" in node["sub_msg"]
    assert "charset" in explain


@pytest.mark.parametrize(
    ("changes", "code", "sub_code"),
    [
        ({"app_id": None}, "40001", "isv.missing-app-id"),
        ({"method": None}, "40001", "isv.missing-method"),
        ({"sign_type": None}, "40001", "isv.missing-signature-type"),
        ({"timestamp": ""}, "40001", "isv.missing-timestamp"),
        ({"version": None}, "40001", "isv.missing-version"),
        ({"app_id": "2021000000000009"}, "40002", "isv.invalid-app-id"),
        ({"sign_type": "MD5"}, "40002", "isv.invalid-signature-type"),
        ({"charset": "latin-1"}, "40002", "isv.invalid-charset"),
        ({"timestamp": "2026-01-02T11:04:05"}, "40002", "isv.invalid-timestamp"),
        ({"timestamp": "2026-13-02 11:04:05"}, "40002", "isv.invalid-timestamp"),
        ({"format": "XML"}, "40002", "isv.invalid-format"),
        ({"method": "alipay.no.such"}, "40002", "isv.invalid-method"),
    ],
)
async def test_the_gateway_itself_refuses_unsigned(
    shop: Shop, stage: Stage, changes: dict[str, str | None], code: str, sub_code: str
) -> None:
    _, node, is_signed, _ = await gateway(stage, signed(shop, stage, **changes))

    assert (node["code"], node["sub_code"], is_signed) == (code, sub_code, False)


async def test_a_wrong_signature_is_explained(shop: Shop, stage: Stage) -> None:
    good = signed(shop, stage)
    for wrong in (
        {**good, "sign": good["sign"][:-8] + "AAAAAAA="},
        {**good, "sign": "x"},
        {**good, "biz_content": '{"out_trade_no": "A1001"}'},
        {**good, "sign_type": "RSA"},
        {**good, "extra": "1"},
    ):
        _, node, is_signed, explain = await gateway(stage, wrong)
        assert (node["code"], node["sub_code"], is_signed) == ("40002", "isv.invalid-signature", False)
        assert "app_id=" in explain

    _, node, is_signed, _ = await gateway(stage, {name: value for name, value in good.items() if name != "sign"})
    assert (node["sub_code"], is_signed) == ("isv.missing-signature", False)


async def test_the_usual_mistakes_are_told_by_name(shop: Shop, stage: Stage) -> None:
    line = stage.emu.settings()["alipay"]
    key = load_der_private_key(base64.b64decode(line["private_key"]), None)
    assert isinstance(key, rsa.RSAPrivateKey)
    good = {name: value for name, value in signed(shop, stage, notify_url="").items() if name != "sign"}

    def joined(params: dict[str, str]) -> str:
        return "&".join(f"{name}={params[name]}" for name in sorted(params))

    filled = {name: value for name, value in good.items() if value}
    right = joined(filled)
    mistakes = {
        "without sign_type": joined({name: value for name, value in filled.items() if name != "sign_type"}),
        "with the empty values": joined(good),
        "as by quote_plus": joined({name: quote_plus(value) for name, value in filled.items()}),
        "as by quote,": joined({name: quote(value, safe="") for name, value in filled.items()}),
        "without biz_content": joined({name: value for name, value in filled.items() if name != "biz_content"}),
    }
    for words, text in mistakes.items():
        place = next(at for at, pair in enumerate(zip(right, text, strict=False)) if pair[0] != pair[1])
        *_, explain = await gateway(stage, {**good, "sign": shop.sign(text.encode(), key)})
        assert words in explain
        assert f"byte {place} on" in explain

    *_, explain = await gateway(stage, {**good, "sign": shop.sign(right.encode(), key, "RSA")})
    assert "signed by RSA, and sign_type says RSA2" in explain
    *_, explain = await gateway(stage, {**good, "sign": shop.sign(right.encode(), shop.stranger)})
    assert "the key was another" in explain


@pytest.mark.parametrize("content", ["", "{}", "[]", "{", '"x"', "null", '{"out_trade_no":[1]}', '{"out_trade_no":""}'])
async def test_content_that_names_no_trade_is_refused_and_signed(shop: Shop, stage: Stage, content: str) -> None:
    name, node, is_signed, _ = await gateway(stage, signed(shop, stage, biz_content=content))

    assert (name, node["code"] in ("40002", "40004"), is_signed) == ("alipay_trade_query_response", True, True)


@pytest.mark.parametrize("depth", [2_000, 200_000])
async def test_content_nested_without_end_is_refused(shop: Shop, stage: Stage, depth: int) -> None:
    content = '{"out_trade_no":' + "[" * depth
    _, node, is_signed, _ = await gateway(stage, signed(shop, stage, biz_content=content))

    assert (node["sub_code"], is_signed) == ("isv.invalid-parameter", True)


@given(st.binary(max_size=200), st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
async def test_random_requests_are_refused_and_break_nothing(shop: Shop, query: bytes, body: bytes) -> None:
    asked = Asked("POST", "/gateway.do", query.decode("latin-1"), {}, body)
    with pytest.raises(Refusal) as caught:
        read(asked, shop.app_id, shop.app.public_key())

    assert not caught.value.signed


async def test_the_order_string_of_another_method_opens_no_cashier(shop: Shop, stage: Stage) -> None:
    content = '{"out_trade_no":"A1001","total_amount":"1.00","subject":"x","buyer_id":"2088101117955611"}'
    wanted = {"alipay.trade.app.pay": True, "alipay.trade.create": False, "alipay.trade.page.pay": False}
    for method, good in wanted.items():
        string = urlencode(signed(shop, stage, method=method, biz_content=content))
        async with (
            aiohttp.ClientSession() as buyer,
            buyer.post(stage.emu.url + "/_emulator/alipay/app_pay", json={"order_string": string}) as opened,
        ):
            assert (opened.status == 200) == good, method
    for junk in (b"", b"[]", b"{}", b'{"order_string":5}', b"\xff"):
        async with (
            aiohttp.ClientSession() as buyer,
            buyer.post(stage.emu.url + "/_emulator/alipay/app_pay", data=junk) as opened,
        ):
            assert opened.status == 400
