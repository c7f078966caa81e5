"""Orders over APIv3, and those of v2 seen from there."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest

BASE = "/v3/pay/transactions"
PARTNER = "/v3/pay/partner/transactions"
H5 = {"payer_client_ip": "127.0.0.1", "h5_info": {"type": "Wap"}}


async def v2(merchant: Any, path: str, **fields: str) -> dict[str, str]:
    """One request of the older protocol."""
    fields = {"appid": merchant.appid, "mch_id": merchant.mchid, "nonce_str": "n", **fields}
    text = "".join(f"{name}={fields[name]}&" for name in sorted(fields)) + f"key={merchant.line['key']}"
    fields["sign"] = hashlib.new("md5", text.encode(), usedforsecurity=False).hexdigest().upper()
    body = "<xml>" + "".join(f"<{name}>{value}</{name}>" for name, value in fields.items()) + "</xml>"
    async with merchant.session.post(path, data=body.encode()) as response:
        return dict(re.findall(r"<(\w+)><!\[CDATA\[(.*?)]]>", await response.text()))


V2_ORDER = {
    "body": "tea",
    "out_trade_no": "B10001",
    "total_fee": "100",
    "spbill_create_ip": "127.0.0.1",
    "notify_url": "http://127.0.0.1:9/v2",
    "trade_type": "JSAPI",
    "openid": "oUser",
    "attach": "table 7",
}


@pytest.mark.parametrize(
    ("scene", "more", "told"),
    [
        ("jsapi", {}, r"\{'prepay_id': 'wx14110405[0-9a-f]{24}'\}"),
        ("app", {}, r"\{'prepay_id': 'wx14110405[0-9a-f]{24}'\}"),
        ("native", {}, r"\{'code_url': 'weixin://wxpay/bizpayurl\?pr=\w+'\}"),
        ("h5", {"scene_info": H5}, r"\{'h5_url': 'http://127.0.0.1:\d+/.*prepay_id=wx\w+'\}"),
    ],
)
async def test_each_scene_is_answered_with_what_its_client_needs(
    merchant: Any, scene: str, more: dict[str, Any], told: str
) -> None:
    assert re.fullmatch(told, str((await merchant.order(scene=scene, **more)).told))


async def test_an_order_is_queried_before_and_after_it_is_paid(merchant: Any) -> None:
    await merchant.order(attach="table 7")
    unpaid = await merchant.found()
    order = await merchant.emu.pay("A10001")
    paid = await merchant.found()
    by_id = await merchant.get(f"{BASE}/id/{order.transaction_id}?mchid={merchant.mchid}")

    about = {"mchid": merchant.mchid, "appid": merchant.appid, "out_trade_no": "A10001", "attach": "table 7"}
    amount = {"total": 8888, "currency": "CNY"}
    assert about | {"trade_state": "NOTPAY", "trade_state_desc": "订单未支付", "amount": amount} == unpaid
    assert paid == by_id.told
    assert (
        about
        | {
            "trade_state": "SUCCESS",
            "trade_state_desc": "支付成功",
            "transaction_id": order.transaction_id,
            "trade_type": "JSAPI",
            "bank_type": "OTHERS",
            "success_time": "2026-01-14T11:04:05+08:00",
            "payer": {"openid": "oUser"},
            "amount": {"total": 8888, "payer_total": 8888, "currency": "CNY", "payer_currency": "CNY"},
            "promotion_detail": [],
        }
        == paid
    )


@pytest.mark.parametrize(
    ("outcome", "state"),
    [("userpaying", "USERPAYING"), ("not_enough", "PAYERROR"), ("cancel", "NOTPAY"), ("expire", "CLOSED")],
)
async def test_the_buyers_part_shows_in_the_state(merchant: Any, outcome: str, state: str) -> None:
    await merchant.order()
    await merchant.emu.pay("A10001", outcome)

    assert state == (await merchant.found())["trade_state"]


async def test_a_number_with_reserved_characters_is_signed_as_it_is_sent(merchant: Any) -> None:
    await merchant.order("A|1*_-9")

    got = await merchant.get(f"{BASE}/out-trade-no/A%7C1%2A_-9?mchid={merchant.mchid}")

    assert "A|1*_-9" == got.told["out_trade_no"]


@pytest.mark.parametrize("path", ["id/4200000000000000000000000000", "out-trade-no/A19999"])
async def test_an_order_that_is_not_there_is_404(merchant: Any, path: str) -> None:
    got = await merchant.get(f"{BASE}/{path}?mchid={merchant.mchid}")

    assert (404, "ORDER_NOT_EXIST") == (got.status, got.told["code"])
    assert got.headers["Request-ID"].endswith("-268512771")


@pytest.mark.parametrize("query", ["", "?mchid=1900000001", "?sp_mchid={mchid}"])
async def test_a_query_names_the_merchant_that_signs_it(merchant: Any, query: str) -> None:
    await merchant.order()

    got = await merchant.get(f"{BASE}/out-trade-no/A10001{query.format(mchid=merchant.mchid)}")

    assert (400, "mchid") == (got.status, got.told["detail"]["field"])


async def test_closing_is_answered_by_nothing_and_once_only(merchant: Any) -> None:
    await merchant.order()
    path, who = f"{BASE}/out-trade-no/A10001/close", {"mchid": merchant.mchid}

    first, second = [await merchant.post(path, who) for _ in range(2)]

    assert (204, b"") == (first.status, first.body)
    assert "CLOSED" == (await merchant.found())["trade_state"]
    assert (400, "ORDER_CLOSED") == (second.status, second.told["code"])


async def test_a_paid_order_is_not_closed_and_not_ordered_again(merchant: Any) -> None:
    await merchant.order()
    await merchant.emu.pay("A10001")

    closed = await merchant.post(f"{BASE}/out-trade-no/A10001/close", {"mchid": merchant.mchid})
    again = await merchant.order()

    assert [(400, "ORDER_PAID")] * 2 == [(got.status, got.told["code"]) for got in (closed, again)]


async def test_the_same_order_again_is_the_same_order(merchant: Any) -> None:
    first = (await merchant.order()).told
    later = (await merchant.order(time_expire="2026-01-15T00:00:00+08:00")).told
    other = await merchant.order(amount={"total": 8889})
    scene = await merchant.order(scene="app")

    assert first == later
    assert [(403, "OUT_TRADE_NO_USED")] * 2 == [(got.status, got.told["code"]) for got in (other, scene)]
    assert other.headers["Request-ID"].endswith("-268498688")


async def test_a_prepay_id_is_good_for_two_hours_and_the_order_for_seven_days(merchant: Any) -> None:
    first = (await merchant.order()).told
    await merchant.emu.clock.advance(7199)
    second = (await merchant.order()).told
    await merchant.emu.clock.advance(1)
    third = (await merchant.order()).told
    await merchant.emu.clock.advance(7 * 86400 - 7201)
    state = (await merchant.found())["trade_state"]
    await merchant.emu.clock.advance(1)

    assert (first, True, "NOTPAY", "CLOSED") == (
        second,
        first != third,
        state,
        (await merchant.found())["trade_state"],
    )


@pytest.mark.parametrize(
    ("expires", "status"),
    [
        ("2026-01-14T11:05:05+08:00", 200),
        ("2026-01-14T03:05:05Z", 200),
        ("2026-01-14T11:05:04+08:00", 400),
        ("2026-04-14T11:04:05+08:00", 200),
        ("2026-04-14T11:04:06+08:00", 400),
        ("20260115000000", 400),
        ("2026-01-15T00:00:00", 400),
    ],
)
async def test_an_expiry_is_one_minute_to_ninety_days_ahead(merchant: Any, expires: str, status: int) -> None:
    assert status == (await merchant.order(time_expire=expires)).status


async def test_jsapi_needs_the_openid(merchant: Any) -> None:
    got = await merchant.order(payer={})

    assert (400, "/payer/openid") == (got.status, got.told["detail"]["field"])
    assert got.headers["Request-ID"].endswith("-268501013")


async def test_h5_needs_its_scene(merchant: Any) -> None:
    bare = await merchant.order(scene="h5")
    kind = await merchant.order(scene="h5", scene_info={**H5, "h5_info": {"type": "Desktop"}})

    assert ["/scene_info", "/scene_info/h5_info/type"] == [got.told["detail"]["field"] for got in (bare, kind)]


async def test_another_app_is_not_the_merchants(merchant: Any) -> None:
    got = await merchant.order(appid="wx0000000000000000")

    assert (400, "APPID_MCHID_NOT_MATCH") == (got.status, got.told["code"])
    assert got.headers["Request-ID"].endswith("-268445527")


async def test_an_order_of_v2_is_queried_over_v3(merchant: Any) -> None:
    made = await v2(merchant, "/pay/unifiedorder", **V2_ORDER)
    order = await merchant.emu.pay("B10001")

    told = await merchant.found("B10001")

    assert "SUCCESS" == made["result_code"]
    assert (order.transaction_id, "SUCCESS", "table 7", {"openid": "oUser"}, 100) == (
        told["transaction_id"],
        told["trade_state"],
        told["attach"],
        told["payer"],
        told["amount"]["payer_total"],
    )


async def test_an_order_of_v3_is_queried_over_v2(merchant: Any) -> None:
    await merchant.order(attach="table 7")
    order = await merchant.emu.pay("A10001")

    told = await v2(merchant, "/pay/orderquery", out_trade_no="A10001")

    assert (order.transaction_id, "SUCCESS", "table 7", "oUser", "8888", "JSAPI") == tuple(
        told[name] for name in ("transaction_id", "trade_state", "attach", "openid", "total_fee", "trade_type")
    )


async def test_a_number_is_one_order_on_both_protocols(merchant: Any) -> None:
    await v2(merchant, "/pay/unifiedorder", **V2_ORDER)
    await merchant.order()

    over_v3 = await merchant.order("B10001")
    over_v2 = await v2(merchant, "/pay/unifiedorder", **{**V2_ORDER, "out_trade_no": "A10001"})

    assert ("OUT_TRADE_NO_USED", "OUT_TRADE_NO_USED") == (over_v3.told["code"], over_v2["err_code"])


class TestServiceProvider:
    """Orders for a sub-merchant."""

    async def order(self, merchant: Any, number: str = "P10001", **more: Any) -> Any:
        asked = {
            "sp_appid": merchant.appid,
            "sp_mchid": merchant.mchid,
            "sub_mchid": "1900000999",
            "description": "tea",
            "out_trade_no": number,
            "notify_url": "http://127.0.0.1:9/notify",
            "amount": {"total": 100},
            "payer": {"sp_openid": "oProvider"},
        }
        asked = {name: value for name, value in {**asked, **more}.items() if value is not None}
        return await merchant.post(f"{PARTNER}/jsapi", asked)

    def query(self, merchant: Any) -> str:
        return f"sp_mchid={merchant.mchid}&sub_mchid=1900000999"

    async def test_its_order_is_made_paid_queried_and_closed_under_its_names(self, merchant: Any) -> None:
        await self.order(merchant)
        await merchant.emu.pay("P10001")
        told = (await merchant.get(f"{PARTNER}/out-trade-no/P10001?{self.query(merchant)}")).told
        await self.order(merchant, "P10002")
        who = {"sp_mchid": merchant.mchid, "sub_mchid": "1900000999"}
        closed = await merchant.post(f"{PARTNER}/out-trade-no/P10002/close", who)

        names = ("sp_appid", "sp_mchid", "sub_mchid", "payer", "trade_state")
        expected = (merchant.appid, merchant.mchid, "1900000999", {"sp_openid": "oProvider"}, "SUCCESS")
        assert expected == tuple(told[name] for name in names)
        assert "mchid" not in told
        assert 204 == closed.status

    async def test_a_sub_merchants_app_has_openids_of_its_own(self, merchant: Any) -> None:
        await self.order(merchant, sub_appid="wxsub", payer={"sub_openid": "oSub"})
        await merchant.emu.pay("P10001")

        told = (await merchant.get(f"{PARTNER}/out-trade-no/P10001?{self.query(merchant)}")).told

        assert ("wxsub", "oSub") == (told["sub_appid"], told["payer"]["sub_openid"])
        assert told["payer"]["sp_openid"] not in ("", "oSub")

    async def test_the_buyer_is_named_under_one_app_at_least(self, merchant: Any) -> None:
        none = await self.order(merchant, payer={})
        appless = await self.order(merchant, payer={"sub_openid": "oSub"})

        assert [(400, "/payer"), (400, "/sub_appid")] == [
            (got.status, got.told["detail"]["field"]) for got in (none, appless)
        ]

    async def test_nobody_sees_the_orders_of_another(self, merchant: Any) -> None:
        await self.order(merchant)
        await merchant.order()

        direct = await merchant.get(f"{BASE}/out-trade-no/P10001?mchid={merchant.mchid}")
        other = await merchant.get(f"{PARTNER}/out-trade-no/P10001?sp_mchid={merchant.mchid}&sub_mchid=1900000998")
        partner = await merchant.get(f"{PARTNER}/out-trade-no/A10001?{self.query(merchant)}")

        assert [404, 404, 404] == [got.status for got in (direct, other, partner)]

    async def test_its_orders_are_open_for_fifteen_days_at_most(self, merchant: Any) -> None:
        assert [200, 400] == [
            (await self.order(merchant, "P10001", time_expire="2026-01-29T11:04:05+08:00")).status,
            (await self.order(merchant, "P10002", time_expire="2026-01-29T11:04:06+08:00")).status,
        ]
