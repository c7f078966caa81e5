"""Transfers to users and profit sharing."""

from __future__ import annotations

import json
from typing import Any

import pytest

BILLS = "/v3/fund-app/mch-transfer/transfer-bills"
SHARING = "/v3/profitsharing"
SHOP = "1900000110"


async def transfer(merchant: Any, out_bill_no: str = "T1", **more: Any) -> Any:
    asked = {
        "appid": merchant.appid,
        "out_bill_no": out_bill_no,
        "transfer_scene_id": "1000",
        "openid": "oUser",
        "transfer_amount": 1000,
        "transfer_remark": "奖励",
        "transfer_scene_report_infos": [{"info_type": "活动名称", "info_content": "新会员有礼"}],
    }
    return await merchant.post(BILLS, {**asked, **more}, serial=merchant.serial)


async def bill(merchant: Any, out_bill_no: str = "T1") -> Any:
    return (await merchant.get(f"{BILLS}/out-bill-no/{out_bill_no}", serial=merchant.serial)).told


async def test_a_transfer_waits_for_the_user_and_is_told_when_it_is_over(merchant: Any, hook: Any) -> None:
    made = (await transfer(merchant, notify_url=hook.url)).told
    await merchant.control("POST", "transfers/T1", state="TRANSFERING")
    moving = await bill(merchant)
    await merchant.emu.clock.advance(5)

    assert ("T1", "2026-01-14T11:04:05+08:00", "WAIT_USER_CONFIRM") == (
        made["out_bill_no"],
        made["create_time"],
        made["state"],
    )
    assert made["package_info"]
    ((headers, body),) = hook.got
    envelope = json.loads(body)
    notice = {
        "mch_id": merchant.mchid,
        "out_bill_no": "T1",
        "transfer_bill_no": made["transfer_bill_no"],
        "state": "SUCCESS",
        "transfer_amount": 1000,
        "openid": "oUser",
        "create_time": "2026-01-14T11:04:05+08:00",
        "update_time": "2026-01-14T11:04:10+08:00",
    }
    assert (merchant.serial, "MCHTRANSFER.BILL.FINISHED") == (
        merchant.signer(headers, body),
        envelope["event_type"],
    )
    assert notice == json.loads(merchant.opened(envelope["resource"]))
    told = notice | {"appid": merchant.appid, "transfer_remark": "奖励"}
    assert told | {"state": "TRANSFERING", "update_time": "2026-01-14T11:04:05+08:00"} == moving
    by_number = await merchant.get(f"{BILLS}/transfer-bill-no/{made['transfer_bill_no']}")
    assert told == await bill(merchant) == by_number.told


async def test_a_transfer_that_fails_says_why(merchant: Any) -> None:
    await transfer(merchant)
    await merchant.control("POST", "transfers/T1", state="FAIL", fail_reason="NAME_NOT_CORRECT")

    told = await bill(merchant)

    assert ("FAIL", "NAME_NOT_CORRECT") == (told["state"], told["fail_reason"])
    assert (400, "the transfer T1 is FAIL for good") == await merchant.control("POST", "transfers/T1")


async def test_a_transfer_is_taken_back_until_the_user_confirms_it(merchant: Any) -> None:
    await transfer(merchant)
    await transfer(merchant, "T2")
    await merchant.control("POST", "transfers/T2", state="SUCCESS")

    cancelled = await merchant.post(f"{BILLS}/out-bill-no/T1/cancel")
    too_late = await merchant.post(f"{BILLS}/out-bill-no/T2/cancel")
    await merchant.emu.clock.advance(5)

    assert ("CANCELING", "CANCELLED") == (cancelled.told["state"], (await bill(merchant))["state"])
    assert (400, "INVALID_REQUEST") == (too_late.status, too_late.told["code"])


async def test_the_same_transfer_again_is_the_same_one_and_another_is_refused(merchant: Any) -> None:
    first, second, other = [
        await transfer(merchant, transfer_amount=amount, user_name=merchant.hidden("张三"))
        for amount in (1000, 1000, 1001)
    ]

    assert first.told == second.told
    assert (400, "INVALID_REQUEST") == (other.status, other.told["code"])
    assert other.headers["Request-ID"].endswith("-268498688")


async def test_the_name_is_read_and_comes_back_under_the_merchants_own_key(merchant: Any) -> None:
    await transfer(merchant, user_name=merchant.hidden("张三"))

    assert "张三" == merchant.revealed((await bill(merchant))["user_name"])


@pytest.mark.parametrize(
    ("more", "at"),
    [
        ({"transfer_amount": 200_000}, "/user_name"),
        ({"out_bill_no": "T-1"}, "/out_bill_no"),
        ({"out_bill_no": "T" * 33}, "/out_bill_no"),
        ({"transfer_remark": "x" * 33}, "/transfer_remark"),
        ({"transfer_amount": 0}, "/transfer_amount"),
        ({"user_name": "张三"}, "/user_name"),
    ],
)
async def test_a_transfer_that_is_not_as_documented_is_refused(merchant: Any, more: dict[str, Any], at: str) -> None:
    got = await transfer(merchant, **more)

    assert (400, "PARAM_ERROR", at) == (got.status, got.told["code"], got.told["detail"]["field"])


async def test_a_transfer_is_found_for_thirty_days(merchant: Any) -> None:
    await transfer(merchant)
    await merchant.emu.clock.advance(30 * 86400)
    found = (await merchant.get(f"{BILLS}/out-bill-no/T1")).status
    await merchant.emu.clock.advance(1)

    assert (200, 404) == (found, (await merchant.get(f"{BILLS}/out-bill-no/T1")).status)


async def test_what_is_no_transfer_or_no_state_is_told(merchant: Any) -> None:
    await transfer(merchant)

    assert 404 == (await merchant.control("POST", "transfers/T9"))[0]
    assert 400 == (await merchant.control("POST", "transfers/T1", state="DONE"))[0]
    assert ["T1"] == [one["out_bill_no"] for one in (await merchant.control("GET", "transfers"))["transfers"]]


@pytest.fixture
async def shared(merchant: Any) -> Any:
    """A merchant with a paid order that may be shared, and a receiver."""
    await merchant.order(settle_info={"profit_sharing": True})
    await merchant.emu.pay("A10001")
    added = await merchant.post(
        f"{SHARING}/receivers/add",
        {
            "appid": merchant.appid,
            "type": "MERCHANT_ID",
            "account": SHOP,
            "name": merchant.hidden("深圳公司"),
            "relation_type": "SUPPLIER",
        },
        serial=merchant.serial,
    )
    assert {"type": "MERCHANT_ID", "account": SHOP, "relation_type": "SUPPLIER"} == added.told
    return merchant


def number(merchant: Any) -> str:
    return str(merchant.emu.order("A10001").transaction_id)


async def share(merchant: Any, amount: int = 1000, out_order_no: str = "P1", **more: Any) -> Any:
    one = {"type": "MERCHANT_ID", "account": SHOP, "amount": amount, "description": "beans"}
    asked = {
        "appid": merchant.appid,
        "transaction_id": number(merchant),
        "out_order_no": out_order_no,
        "receivers": [one],
        "unfreeze_unsplit": False,
    }
    return await merchant.post(f"{SHARING}/orders", {**asked, **more}, serial=merchant.serial)


async def left(merchant: Any) -> int:
    got = await merchant.get(f"{SHARING}/transactions/{number(merchant)}/amounts")
    return int(got.told["unsplit_amount"])


async def test_a_share_is_pending_and_then_done(shared: Any) -> None:
    made = (await share(shared)).told
    await shared.emu.clock.advance(5)
    done = (await shared.get(f"{SHARING}/orders/P1?transaction_id={number(shared)}")).told

    detail = made["receivers"][0]["detail_id"]
    one = {
        "type": "MERCHANT_ID",
        "account": SHOP,
        "amount": 1000,
        "description": "beans",
        "detail_id": detail,
        "create_time": "2026-01-14T11:04:05+08:00",
    }
    told = {"transaction_id": number(shared), "out_order_no": "P1", "order_id": made["order_id"]}
    assert told | {"state": "PROCESSING", "receivers": [one | {"result": "PENDING"}]} == made
    finished = one | {"result": "SUCCESS", "finish_time": "2026-01-14T11:04:10+08:00"}
    assert told | {"state": "FINISHED", "receivers": [finished]} == done
    assert 7888 == await left(shared)


async def test_no_more_is_shared_than_is_left(shared: Any) -> None:
    await shared.refund(fee=888)
    whole = await share(shared, 8000)
    more = await share(shared, 1, "P2")

    assert (200, 403, "NOT_ENOUGH") == (whole.status, more.status, more.told["code"])


async def test_the_same_sharing_again_shares_nothing_twice(shared: Any) -> None:
    first, second, other = await share(shared), await share(shared), await share(shared, 1001)

    assert (first.told, 7888) == (second.told, await left(shared))
    assert (400, "INVALID_REQUEST") == (other.status, other.told["code"])


async def test_what_is_unfrozen_is_the_sellers(shared: Any) -> None:
    await share(shared)
    unfreeze = {"transaction_id": number(shared), "out_order_no": "P2", "description": "done"}
    told = (await shared.post(f"{SHARING}/orders/unfreeze", unfreeze)).told
    after = await share(shared, 1, "P3")

    (rest,) = told["receivers"]
    assert (shared.mchid, 7888, "done") == (rest["account"], rest["amount"], rest["description"])
    assert (0, 400) == (await left(shared), after.status)


async def test_a_share_comes_back_up_to_what_was_given(shared: Any) -> None:
    await share(shared)
    back = {"out_order_no": "P1", "return_mchid": SHOP, "amount": 600, "description": "broken"}
    first = await shared.post(f"{SHARING}/return-orders", {**back, "out_return_no": "B1"})
    again = await shared.post(f"{SHARING}/return-orders", {**back, "out_return_no": "B1"})
    more = await shared.post(f"{SHARING}/return-orders", {**back, "out_return_no": "B2"})
    await shared.emu.clock.advance(5)
    told = (await shared.get(f"{SHARING}/return-orders/B1?out_order_no=P1")).told

    assert first.told == again.told
    assert ("PROCESSING", 403) == (first.told["result"], more.status)
    assert first.told | {"result": "SUCCESS", "finish_time": "2026-01-14T11:04:10+08:00"} == told


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"transaction_id": "4200"}, 404),
        ({"receivers": [{"type": "MERCHANT_ID", "account": "1900000111", "amount": 1, "description": "x"}]}, 400),
        ({"receivers": []}, 400),
        ({"unfreeze_unsplit": "true"}, 400),
        ({"appid": "wx0"}, 400),
    ],
)
async def test_a_sharing_that_cannot_be_is_refused(shared: Any, more: dict[str, Any], status: int) -> None:
    assert status == (await share(shared, **more)).status
    assert 8888 == await left(shared)


@pytest.mark.parametrize(("name", "status"), [("深圳公司", 200), ("上海公司", 400)])
async def test_a_name_that_is_told_must_be_the_receivers(shared: Any, name: str, status: int) -> None:
    one = {"type": "MERCHANT_ID", "account": SHOP, "amount": 1, "description": "x", "name": shared.hidden(name)}

    assert status == (await share(shared, receivers=[one])).status


async def test_a_receiver_that_was_deleted_gets_nothing(shared: Any) -> None:
    who = {"appid": shared.appid, "type": "MERCHANT_ID", "account": SHOP}
    statuses = [(await shared.post(f"{SHARING}/receivers/delete", who)).status for _ in range(2)]

    assert ([200, 400], 400) == (statuses, (await share(shared)).status)


async def test_an_order_that_was_not_made_for_sharing_is_not_shared(merchant: Any) -> None:
    await merchant.order()
    await merchant.emu.pay("A10001")

    got = await merchant.get(f"{SHARING}/transactions/{number(merchant)}/amounts")

    assert (403, "NO_AUTH") == (got.status, got.told["code"])
