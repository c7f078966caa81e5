"""Combined orders, complaints and uploads through ``weixin.pay.call`` and ``upload``, in both key modes."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tongfu import InvalidParams, Notification, OutcomeUnknown, PlatformRefused, SignatureError, Tongfu
from tongfu.emulator import Emulator
from tongfu.errors import OrderConflict, OrderNotFound
from tongfu_weixin import WeixinAccount

MERCHANT = ("app_id", "mch_id", "api_v3_key", "private_key", "cert_serial", "base_url")
MODES = {"certificate": MERCHANT, "public_key": (*MERCHANT, "public_key_id", "public_key")}
COMBINE = "/v3/combine-transactions"
COMPLAINTS = "/v3/merchant-service/complaints-v2"
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) + b"\r\n--almost a boundary\r\n"


@pytest.fixture(params=MODES)
async def weixin(emu: Emulator, request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    line = emu.settings()["weixin"]
    account = WeixinAccount(**{name: line[name] for name in MODES[request.param]})
    async with Tongfu({"weixin": account}, clock=emu.clock) as tf:
        yield tf.open(account)


def combined(weixin: Any, notify_url: str = "https://shop.example/n", **changes: Any) -> dict[str, Any]:
    account = weixin._account
    subs = [
        {
            "mchid": account.mch_id,
            "attach": f"shelf {number}",
            "amount": {"total_amount": 100 * number, "currency": "CNY"},
            "out_trade_no": f"C1001_{number}",
            "description": "咖啡",
        }
        for number in (1, 2)
    ]
    return {
        "combine_appid": account.app_id,
        "combine_mchid": account.mch_id,
        "combine_out_trade_no": "C1001_all",
        "sub_orders": subs,
        "combine_payer_info": {"openid": "oUser"},
        "notify_url": notify_url,
        **changes,
    }


async def test_orders_are_paid_together_and_refunded_apart(
    weixin: Any, emu: Emulator, merchant: Any, hook: Any
) -> None:
    asked = combined(weixin, hook.url)
    made = await weixin.pay.call("POST", f"{COMBINE}/jsapi", json=asked)
    assert made["prepay_id"].startswith("wx")
    assert made == await weixin.pay.call("POST", f"{COMBINE}/jsapi", json=asked)
    paid = await merchant.control("POST", "combined/C1001_all", outcome="success")
    assert [sub["trade_state"] for sub in paid["sub_orders"]] == ["SUCCESS", "SUCCESS"]

    await emu.settle()
    ((headers, body),) = hook.got
    event = await weixin.pay.event(Notification(dict(headers), body))
    assert (event.event_type, event.content["combine_out_trade_no"]) == ("TRANSACTION.SUCCESS", "C1001_all")
    assert [sub["amount"]["total_amount"] for sub in event.content["sub_orders"]] == [100, 200]
    with pytest.raises(SignatureError):
        await weixin.pay.event(Notification(dict(headers), body.replace(b"SUCCESS", b"SUCCESs", 1)))

    order = await weixin.payment.order_query(out_trade_no="C1001_2")
    assert (order.trade_state, order.total_fee) == ("SUCCESS", 200)
    await weixin.payment.refund(out_trade_no="C1001_2", out_refund_no="R1", total_fee=200, refund_fee=50)
    found = await weixin.pay.call("GET", f"{COMBINE}/out-trade-no/C1001_all")
    assert [sub["trade_state"] for sub in found["sub_orders"]] == ["SUCCESS", "REFUND"]


async def test_orders_that_nobody_paid_are_closed_together(weixin: Any, merchant: Any) -> None:
    asked = combined(weixin)
    await weixin.pay.call("POST", f"{COMBINE}/native", json={**asked, "combine_payer_info": None})
    subs = [{name: sub[name] for name in ("mchid", "out_trade_no")} for sub in asked["sub_orders"]]
    closing = {"combine_appid": asked["combine_appid"], "sub_orders": subs}
    path = f"{COMBINE}/out-trade-no/C1001_all/close"
    assert await weixin.pay.call("POST", path, json=closing) == {}
    found = await weixin.pay.call("GET", f"{COMBINE}/out-trade-no/C1001_all")
    assert [sub["trade_state"] for sub in found["sub_orders"]] == ["CLOSED", "CLOSED"]
    status, _ = await merchant.control("POST", "combined/C1001_all")
    assert status == 400


async def test_a_number_that_is_used_otherwise_is_refused(weixin: Any) -> None:
    await weixin.pay.call("POST", f"{COMBINE}/jsapi", json=combined(weixin))
    for changes in ({"notify_url": "https://shop.example/other"}, {"combine_out_trade_no": "C1002_all"}):
        with pytest.raises(OrderConflict):
            await weixin.pay.call("POST", f"{COMBINE}/jsapi", json=combined(weixin, **changes))
    with pytest.raises(OrderNotFound):
        await weixin.pay.call("GET", f"{COMBINE}/out-trade-no/C9999_all")


async def test_a_complaint_is_heard_of_answered_and_settled(
    weixin: Any, emu: Emulator, merchant: Any, hook: Any
) -> None:
    address = "/v3/merchant-service/complaint-notifications"
    told = await weixin.pay.call("POST", address, json={"url": hook.url})
    assert told == {"mchid": weixin._account.mch_id, "url": hook.url}
    await weixin.pay.call("POST", f"{COMBINE}/jsapi", json=combined(weixin))
    filed = await merchant.control(
        "POST", "complaints", out_trade_no="C1001_1", complaint_detail="没收到", payer_phone="13812345678"
    )
    await emu.settle()
    ((headers, body),) = hook.got
    event = await weixin.pay.event(Notification(dict(headers), body))
    assert (event.event_type, event.content) == (
        "COMPLAINT.CREATE",
        {"complaint_id": filed["complaint_id"], "action_type": "CREATE_COMPLAINT"},
    )

    path = f"{COMPLAINTS}/{filed['complaint_id']}"
    found = await weixin.pay.call("GET", path)
    assert (found["complaint_state"], found["complaint_order_info"][0]["out_trade_no"]) == ("PENDING", "C1001_1")
    assert weixin.pay.decrypt(found["payer_phone"]) == "13812345678"
    ours = {"complainted_mchid": weixin._account.mch_id}
    with pytest.raises(PlatformRefused):
        await weixin.pay.call("POST", f"{path}/complete", json=ours)
    assert await weixin.pay.call("POST", f"{path}/response", json={**ours, "response_content": "今天补发"}) == {}
    assert await weixin.pay.call("POST", f"{path}/complete", json=ours) == {}
    history = await weixin.pay.call("GET", f"{path}/negotiation-historys", query={"limit": "50", "offset": "0"})
    assert [entry["operate_type"] for entry in history["data"]] == [
        "MERCHANT_CONFIRM_COMPLETE",
        "MERCHANT_RESPONSE",
        "USER_CREATE_COMPLAINT",
    ]
    day = found["complaint_time"][:10]
    listed = await weixin.pay.call("GET", COMPLAINTS, query={"begin_date": day, "end_date": day, "limit": "5"})
    assert (listed["total_count"], listed["data"][0]["complaint_state"]) == (1, "PROCESSED")
    assert await weixin.pay.call("DELETE", address) == {}
    with pytest.raises(PlatformRefused):
        await weixin.pay.call("GET", address)


async def test_a_file_is_uploaded_with_its_description_signed(weixin: Any, emu: Emulator) -> None:
    told = await weixin.pay.upload("/v3/merchant/media/upload", filename="receipt.png", content=PICTURE)
    assert told["media_id"].startswith("DzE-")

    (exchange,) = [each for each in emu.exchanges if each.path == "/v3/merchant/media/upload"]
    assert exchange.verdict == "valid"


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"filename": 'a".png'}, {"filename"}),
        ({"filename": "a\r\nx: y.png"}, {"filename"}),
        ({"filename": "../a.png"}, {"filename"}),
        ({"filename": "noending"}, {"filename"}),
        ({"content": b""}, {"content"}),
        ({"content": "text"}, {"content"}),
        ({"content": bytes((10 << 20) + 1)}, {"content"}),
        ({"meta": {"sha256": "0"}}, {"meta"}),
        ({"meta": []}, {"meta"}),
        ({"path": "/v3/../x", "filename": ""}, {"path", "filename"}),
    ],
)
async def test_what_cannot_be_uploaded_is_not(weixin: Any, emu: Emulator, given: Any, names: set[str]) -> None:
    wanted = {"path": "/v3/merchant/media/upload", "filename": "a.png", "content": PICTURE, **given}
    with pytest.raises(InvalidParams) as caught:
        await weixin.pay.upload(wanted.pop("path"), **wanted)

    assert set(caught.value.problems) == names
    assert emu.exchanges == []


async def test_a_refused_upload_says_why_and_one_without_an_answer_is_open(weixin: Any, emu: Emulator) -> None:
    path = "/v3/merchant/media/upload"
    with pytest.raises(PlatformRefused, match="filename"):
        await weixin.pay.upload(path, filename="a.gif", content=PICTURE)
    emu.fault("bad_signature", path=path)
    with pytest.raises(OutcomeUnknown):
        await weixin.pay.upload(path, filename="a.png", content=PICTURE)


async def test_the_bytes_of_an_upload(emu: Emulator) -> None:
    """What is signed is the JSON part alone; the file follows it as it is."""
    from tongfu.testing import FakeTransport

    line = emu.settings()["weixin"]
    account = WeixinAccount(**{name: line[name] for name in MODES["public_key"]})
    transport = FakeTransport(OutcomeUnknown("weixin", "x", "stop"))
    async with Tongfu({"weixin": account}, transport=transport, nonce=lambda: "N" * 32) as tf:
        with pytest.raises(OutcomeUnknown):
            await tf.open(account).pay.upload("/v3/merchant/media/upload", filename="a.png", content=b"\x00\xff\r\n")
    (request,) = transport.requests
    digest = hashlib.sha256(b"\x00\xff\r\n").hexdigest()
    assert request.headers["content-type"] == f"multipart/form-data; boundary={'N' * 32}"
    assert (
        request.body
        == (
            f'--{"N" * 32}\r\nContent-Disposition: form-data; name="meta"\r\nContent-Type: application/json\r\n\r\n'
            f'{{"filename":"a.png","sha256":"{digest}"}}\r\n'
            f'--{"N" * 32}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode()
        + b"\x00\xff\r\n"
        + f"\r\n--{'N' * 32}--\r\n".encode()
    )
