"""Refunds and bills over APIv3."""

from __future__ import annotations

import gzip
import hashlib
from typing import Any

import pytest

REFUNDS = "/v3/refund/domestic/refunds"
DAY = "2026-01-14"
NEXT_AT_TEN = 22 * 3600 + 55 * 60 + 55  # seconds from 11:04:05


@pytest.fixture
async def paid(merchant: Any) -> Any:
    """A merchant with one paid order of 8888 fen."""
    await merchant.order(attach="table 7")
    await merchant.emu.pay("A10001")
    return merchant


async def state(merchant: Any, number: str = "R1") -> Any:
    return (await merchant.get(f"{REFUNDS}/{number}")).told


async def test_a_refund_is_accepted_and_done_five_seconds_later(paid: Any) -> None:
    order = paid.emu.order("A10001")
    accepted = await paid.refund()
    await paid.emu.clock.advance(5)

    amount = {
        "total": 8888,
        "refund": 888,
        "payer_total": 8888,
        "payer_refund": 888,
        "settlement_refund": 888,
        "settlement_total": 8888,
        "discount_refund": 0,
        "currency": "CNY",
        "from": [],
    }
    told = {
        "refund_id": order.refunds[0].refund_id,
        "out_refund_no": "R1",
        "transaction_id": order.transaction_id,
        "out_trade_no": "A10001",
        "channel": "ORIGINAL",
        "user_received_account": "用户零钱",
        "create_time": "2026-01-14T11:04:05+08:00",
        "status": "PROCESSING",
        "funds_account": "UNSETTLED",
        "amount": amount,
        "promotion_detail": [],
    }
    assert (200, told) == (accepted.status, accepted.told)
    assert told | {"status": "SUCCESS", "success_time": "2026-01-14T11:04:10+08:00"} == await state(paid)
    assert "REFUND" == (await paid.found())["trade_state"]


async def test_the_same_refund_again_gives_nothing_twice(paid: Any) -> None:
    first, second = await paid.refund(), await paid.refund()
    other = await paid.refund(fee=889)

    assert (first.told, 888) == (second.told, paid.emu.order("A10001").refunded_fee)
    assert (400, "INVALID_REQUEST") == (other.status, other.told["code"])


async def test_no_more_is_refunded_than_was_paid(paid: Any) -> None:
    whole = [(await paid.refund(number, fee)).status for number, fee in (("R1", 8000), ("R2", 888), ("R3", 1))]

    assert [200, 200, 400] == whole


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"out_trade_no": "A19999"}, (404, "RESOURCE_NOT_EXISTS")),
        ({"out_trade_no": ""}, (400, "PARAM_ERROR")),
        ({"transaction_id": "4200000000", "out_trade_no": ""}, (404, "RESOURCE_NOT_EXISTS")),
        ({"amount": {"refund": 1, "total": 8887, "currency": "CNY"}}, (400, "INVALID_REQUEST")),
        ({"amount": {"refund": 1, "total": 8888}}, (400, "PARAM_ERROR")),
        ({"funds_account": "AVAILABLE"}, (403, "NOT_ENOUGH")),
        ({"reason": "x" * 81}, (400, "PARAM_ERROR")),
        ({"sub_mchid": "1900000999"}, (404, "RESOURCE_NOT_EXISTS")),
        (
            {
                "amount": {
                    "refund": 2,
                    "total": 8888,
                    "currency": "CNY",
                    "from": [{"account": "AVAILABLE", "amount": 1}],
                }
            },
            (400, "PARAM_ERROR"),
        ),
    ],
)
async def test_a_refund_that_cannot_be_is_refused(paid: Any, more: dict[str, Any], expected: tuple[int, str]) -> None:
    got = await paid.refund(**more)

    assert expected == (got.status, got.told["code"])
    assert [] == paid.emu.order("A10001").refunds


async def test_an_unpaid_order_is_not_refunded(merchant: Any) -> None:
    await merchant.order()

    got = await merchant.refund()

    assert (400, "INVALID_REQUEST") == (got.status, got.told["code"])


async def test_a_refund_that_is_not_there_is_404(paid: Any) -> None:
    got = await paid.get(f"{REFUNDS}/R9")

    assert (404, "RESOURCE_NOT_EXISTS") == (got.status, got.told["code"])


async def test_a_closed_refund_leaves_the_money_with_the_merchant(paid: Any) -> None:
    await paid.refund(fee=8888)
    told = await paid.control("POST", "refunds/R1", status="CLOSED")
    await paid.emu.clock.advance(60)

    assert ("CLOSED", "CLOSED", "SUCCESS") == (
        told["status"],
        (await state(paid))["status"],
        (await paid.found())["trade_state"],
    )
    assert 200 == (await paid.refund("R2", 8888)).status


async def test_an_abnormal_refund_goes_to_a_bank_card(paid: Any) -> None:
    made = (await paid.refund()).told
    await paid.control("POST", "refunds/R1", status="ABNORMAL")
    path = f"{REFUNDS}/{made['refund_id']}/apply-abnormal-refund"
    card = {"out_refund_no": "R1", "type": "USER_BANK_CARD", "bank_type": "ICBC_DEBIT"}
    sealed = {"bank_account": paid.hidden("6222001"), "real_name": paid.hidden("张三")}
    abnormal = (await state(paid))["status"]
    lacking = await paid.post(path, card, serial=paid.serial)
    plain = await paid.post(path, {**card, "bank_account": "6222001", "real_name": "张三"}, serial=paid.serial)
    again = await paid.post(path, {**card, **sealed}, serial=paid.serial)
    await paid.emu.clock.advance(5)

    assert ("ABNORMAL", 400, 400, "PROCESSING", "SUCCESS") == (
        abnormal,
        lacking.status,
        plain.status,
        again.told["status"],
        (await state(paid))["status"],
    )


async def test_a_refund_that_is_over_is_not_ended_again(paid: Any) -> None:
    await paid.refund()
    await paid.emu.clock.advance(5)

    assert (400, "the refund R1 is over: success") == await paid.control("POST", "refunds/R1", status="CLOSED")
    assert (404, "there is no refund R9") == await paid.control("POST", "refunds/R9")


async def download(merchant: Any, url: str, **how: Any) -> Any:
    origin = merchant.emu.url
    assert url.startswith(f"{origin}/v3/billdownload/file?token=")
    return await merchant.get(url.removeprefix(origin), headers={"Accept": "*/*"}, **how)


@pytest.mark.parametrize("packed", [False, True])
async def test_a_bill_is_the_days_orders_under_the_digest_that_was_told(paid: Any, packed: bool) -> None:
    await paid.emu.clock.advance(NEXT_AT_TEN)
    told = (await paid.get(f"/v3/bill/tradebill?bill_date={DAY}" + "&tar_type=GZIP" * packed)).told

    got = await download(paid, told["download_url"])

    content = gzip.decompress(got.body) if packed else got.body
    assert ("SHA1", hashlib.sha1(content, usedforsecurity=False).hexdigest()) == (
        told["hash_type"],
        told["hash_value"],
    )
    assert b"`A10001," in content
    assert [] == [name for name in got.headers if name.lower().startswith(("wechatpay-", "request-id"))]


async def test_the_fund_flow_has_what_came_in(paid: Any) -> None:
    await paid.emu.clock.advance(NEXT_AT_TEN)
    told = (await paid.get(f"/v3/bill/fundflowbill?bill_date={DAY}&account_type=BASIC")).told

    content = (await download(paid, told["download_url"])).body.decode()

    assert "`收入,`88.88,`88.88," in content


async def test_a_file_is_there_for_five_minutes(paid: Any) -> None:
    await paid.emu.clock.advance(NEXT_AT_TEN)
    url = (await paid.get(f"/v3/bill/tradebill?bill_date={DAY}")).told["download_url"]
    await paid.emu.clock.advance(300)
    then = (await download(paid, url)).status
    await paid.emu.clock.advance(1)

    assert (200, 400) == (then, (await download(paid, url)).status)


async def test_the_download_is_signed_with_its_whole_query(paid: Any) -> None:
    await paid.emu.clock.advance(NEXT_AT_TEN)
    url = (await paid.get(f"/v3/bill/tradebill?bill_date={DAY}")).told["download_url"]

    got = await download(paid, url, signed="GET\n/v3/billdownload/file\n{stamp}\n{nonce}\n\n")

    assert (401, "SIGN_ERROR") == (got.status, got.told["code"])


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("bill_date=2026-01-13", "NO_STATEMENT_EXIST"),
        ("bill_date=2026-01-15", "STATEMENT_CREATING"),
        ("bill_date=2025-10-01", "PARAM_ERROR"),
        ("bill_date=20260114", "PARAM_ERROR"),
        ("bill_date=2026-02-30", "PARAM_ERROR"),
        ("bill_type=ALL", "PARAM_ERROR"),
        ("bill_date=2026-01-14&bill_type=BIG", "PARAM_ERROR"),
        ("bill_date=2026-01-14&bill_type=REFUND", "NO_STATEMENT_EXIST"),
        ("bill_date=2026-01-14&tar_type=ZIP", "PARAM_ERROR"),
        ("bill_date=2026-01-14&bill_date=2026-01-14", "PARAM_ERROR"),
        ("bill_date=2026-01-14&sub_mchid=1900000999", "NO_STATEMENT_EXIST"),
    ],
)
async def test_a_bill_that_cannot_be_had_says_why(paid: Any, query: str, code: str) -> None:
    await paid.emu.clock.advance(NEXT_AT_TEN)

    got = await paid.get(f"/v3/bill/tradebill?{query}")

    assert (400, code) == (got.status, got.told["code"])


async def test_a_bill_is_made_at_ten_in_the_morning(paid: Any) -> None:
    await paid.emu.clock.advance(NEXT_AT_TEN - 1)
    before = await paid.get(f"/v3/bill/tradebill?bill_date={DAY}")
    await paid.emu.clock.advance(1)
    after = await paid.get(f"/v3/bill/tradebill?bill_date={DAY}")

    assert ("STATEMENT_CREATING", 200) == (before.told["code"], after.status)
