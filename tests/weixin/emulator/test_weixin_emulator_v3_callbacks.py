"""APIv3's callbacks: what they say, how they are signed, how often they come."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature

LADDER = [15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600]


async def pay(merchant: Any, hook: Any) -> None:
    await merchant.order(notify_url=hook.url)
    await merchant.emu.pay("A10001")


async def test_a_payment_is_told_as_the_query_tells_it(merchant: Any, hook: Any) -> None:
    await pay(merchant, hook)
    ((headers, body),) = hook.got
    envelope = json.loads(body)
    content = json.loads(merchant.opened(envelope["resource"]))

    assert merchant.serial == merchant.signer(headers, body)
    assert await merchant.found() == content
    del envelope["resource"]["ciphertext"], envelope["resource"]["nonce"]
    number = envelope.pop("id")
    assert {
        "create_time": "2026-01-14T11:04:05+08:00",
        "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS",
        "summary": "支付成功",
        "resource": {
            "original_type": "transaction",
            "algorithm": "AEAD_AES_256_GCM",
            "associated_data": "transaction",
        },
    } == envelope
    assert number
    assert "application/json" in headers["Content-Type"]


@pytest.mark.parametrize(
    ("status", "event"),
    [("SUCCESS", "REFUND.SUCCESS"), ("CLOSED", "REFUND.CLOSED"), ("ABNORMAL", "REFUND.ABNORMAL")],
)
async def test_a_refund_is_told_once_it_is_over(merchant: Any, hook: Any, status: str, event: str) -> None:
    await merchant.order()
    order = await merchant.emu.pay("A10001")
    await merchant.refund(notify_url=hook.url)
    await merchant.control("POST", "refunds/R1", status=status)
    await merchant.emu.settle()

    ((headers, body),) = hook.got
    envelope = json.loads(body)
    assert (merchant.serial, event, "refund") == (
        merchant.signer(headers, body),
        envelope["event_type"],
        envelope["resource"]["original_type"],
    )
    content = {
        "mchid": merchant.mchid,
        "refund_id": order.refunds[0].refund_id,
        "out_refund_no": "R1",
        "transaction_id": order.transaction_id,
        "out_trade_no": "A10001",
        "refund_status": status,
        "user_received_account": "用户零钱",
        "amount": {"total": 8888, "refund": 888, "payer_total": 8888, "payer_refund": 888},
    }
    done = {"success_time": "2026-01-14T11:04:05+08:00"} if status == "SUCCESS" else {}
    assert content | done == json.loads(merchant.opened(envelope["resource"]))


async def test_fifteen_more_attempts_follow_the_first(merchant: Any, hook: Any) -> None:
    hook.answers = [(500, "")] * 20
    await pay(merchant, hook)
    seen = [1]
    for seconds in LADDER:
        await merchant.emu.clock.advance(seconds - 1)
        seen.append(len(hook.got))
        await merchant.emu.clock.advance(1)
        seen.append(len(hook.got))
    await merchant.emu.clock.advance(30 * 86400)

    expected = [1] + [n for attempt in range(1, 16) for n in (attempt, attempt + 1)]
    assert (expected, 16) == (seen, len(hook.got))
    assert "given_up" == merchant.emu.notifications[0].state


async def test_each_attempt_is_the_same_message_signed_anew(merchant: Any, hook: Any) -> None:
    hook.answers = [(500, "")]
    await pay(merchant, hook)
    await merchant.emu.clock.advance(15)

    (first, body), (second, again) = hook.got
    assert body == again
    assert merchant.signer(first, body) == merchant.signer(second, again)
    assert 15 == int(second["Wechatpay-Timestamp"]) - int(first["Wechatpay-Timestamp"])
    assert first["Wechatpay-Nonce"] != second["Wechatpay-Nonce"]


@pytest.mark.parametrize(
    ("status", "text", "attempts"),
    [
        (200, "", 1),
        (204, "", 1),
        (200, '{"code":"SUCCESS","message":"成功"}', 1),
        (200, '{"code":"FAIL","message":"失败"}', 1),
        (201, "", 2),
        (302, "", 2),
        (400, '{"code":"FAIL","message":"失败"}', 2),
        (500, '{"code":"SUCCESS","message":"成功"}', 2),
    ],
)
async def test_the_status_alone_decides(merchant: Any, hook: Any, status: int, text: str, attempts: int) -> None:
    hook.answers = [(status, text)]
    await pay(merchant, hook)
    await merchant.emu.clock.advance(15)

    assert attempts == len(hook.got)


@pytest.mark.parametrize("corrupt", ["signature", "body"])
async def test_a_corrupt_redelivery_does_not_verify(merchant: Any, hook: Any, corrupt: str) -> None:
    await pay(merchant, hook)
    await merchant.emu.redeliver("notification-1", corrupt)

    (_, original), (headers, body) = hook.got
    with pytest.raises(InvalidSignature):
        merchant.signer(headers, body)
    assert (corrupt == "signature") == (original == body)


async def test_an_old_redelivery_verifies_and_is_too_old(merchant: Any, hook: Any) -> None:
    """A replay: its signature is right, its time is not."""
    await pay(merchant, hook)
    await merchant.emu.redeliver("notification-1", "timestamp")

    headers, body = hook.got[1]
    assert merchant.serial == merchant.signer(headers, body)
    assert 301 == merchant.now() - int(headers["Wechatpay-Timestamp"])


async def test_a_payment_stays_a_payment_where_a_refund_came_before_the_callback(merchant: Any, hook: Any) -> None:
    merchant.emu.fault("lose_notification")
    await pay(merchant, hook)
    await merchant.refund()
    await merchant.emu.clock.advance(15)

    content = json.loads(merchant.opened(json.loads(hook.got[0][1])["resource"]))
    assert ("SUCCESS", "REFUND") == (content["trade_state"], (await merchant.found())["trade_state"])
