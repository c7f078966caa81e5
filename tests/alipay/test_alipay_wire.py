"""What travels to the gateway and back: amounts, time, and places of parameters."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tongfu import InvalidParams, MalformedAnswer, Tongfu
from tongfu.testing import FakeTransport

if TYPE_CHECKING:
    from tests.alipay.conftest import Shop

QUERY = "alipay.trade.query"
REFUND = "alipay.trade.refund"
MOST = 10**10
FEN = st.integers(1, MOST) | st.sampled_from([1, 10, 29, 57, 99, 100, 101, 1999, MOST - 1, MOST])


def run(shop: Shop, operation: str, *answers: Any, **params: Any) -> tuple[Any, FakeTransport]:
    async def ask() -> tuple[Any, FakeTransport]:
        tf, transport = shop.tongfu(*answers)
        return await getattr(tf.payment, operation)("shop", **params), transport

    return asyncio.run(ask())


def trade(shop: Shop, **fields: Any) -> bytes:
    node = {"code": "10000", "msg": "Success", "out_trade_no": "A1001", "trade_no": "T1", **fields}
    return shop.answer(json.dumps(node, ensure_ascii=False), QUERY)


# --- amounts -----------------------------------------------------------------------------------------


@given(fen=FEN)
@settings(max_examples=60)
def test_every_fen_is_exact_as_yuan_on_the_wire(shop: Shop, fen: int) -> None:
    expected = str(Decimal(fen).scaleb(-2))
    order, _ = run(
        shop,
        "get_order_info",
        out_trade_no="A1001",
        total_fee=fen,
        subject="tea",
        notify_url="https://shop.example/n",
        trade_type="APP",
    )
    _, transport = run(
        shop,
        "refund",
        shop.answer(f'{{"code":"10000","refund_fee":"{expected}"}}', REFUND),
        out_trade_no="A1001",
        refund_fee=fen,
    )

    for params in (dict(parse_qsl(order.payload)), shop.asked(transport.requests[0])):
        content = json.loads(params["biz_content"])
        amount = content.get("total_amount", content.get("refund_amount"))
        assert amount == expected
        assert Decimal(amount) * 100 == fen


@given(fen=FEN)
@settings(max_examples=60)
def test_every_yuan_is_exact_as_fen_in_an_answer(shop: Shop, fen: int) -> None:
    yuan = str(Decimal(fen).scaleb(-2))
    bill = {"fund_channel": "BANKCARD", "amount": yuan, "real_amount": yuan}
    # As text, and as the number that some answers hold: neither passes through a float.
    for body in (
        trade(shop, trade_status="TRADE_SUCCESS", total_amount=yuan, buyer_pay_amount=yuan, fund_bill_list=[bill]),
        shop.answer(
            f'{{"code":"10000","out_trade_no":"A1001","trade_status":"TRADE_SUCCESS","total_amount":{yuan},'
            f'"buyer_pay_amount":{yuan},"fund_bill_list":[{{"amount":{yuan},"real_amount":{yuan}}}]}}',
            QUERY,
        ),
    ):
        order, _ = run(shop, "order_query", body, out_trade_no="A1001")
        assert (order.total_fee, order.cash_fee) == (fen, fen)
        assert [(each.amount, each.real_amount) for each in order.fund_bill_list] == [(fen, fen)]


@pytest.mark.parametrize(
    "amount",
    [
        "0.001",
        "88.885",
        "1e2",
        "NaN",
        "Infinity",
        " 1.00",
        "1.00 ",
        "1,000.00",
        "¥1.00",
        "٣.00",
        ".5",
        "1.",
        True,
        [1],
        {},
    ],
)
def test_an_amount_that_is_no_yuan_is_refused(shop: Shop, amount: Any) -> None:
    with pytest.raises(MalformedAnswer):
        run(shop, "order_query", trade(shop, trade_status="TRADE_SUCCESS", total_amount=amount), out_trade_no="A1001")


@pytest.mark.parametrize("number", ["88.880000000000000001", "88.885", "8888e-2", "1e2", "99999999999999999"])
def test_a_number_that_a_float_would_make_good_is_refused(shop: Shop, number: str) -> None:
    node = f'{{"code":"10000","out_trade_no":"A1001","trade_status":"TRADE_SUCCESS","total_amount":{number}}}'
    with pytest.raises(MalformedAnswer):
        run(shop, "order_query", shop.answer(node, QUERY), out_trade_no="A1001")


@pytest.mark.parametrize("fee", [0, -1, MOST + 1, 0.29, "29", Decimal(29), True, None])
def test_a_fee_that_is_no_fen_never_leaves(shop: Shop, fee: Any) -> None:
    for operation, more in (("refund", {"refund_fee": fee}), ("get_order_info", {"total_fee": fee, "subject": "tea"})):
        with pytest.raises(InvalidParams):
            run(shop, operation, out_trade_no="A1001", **more)


# --- time --------------------------------------------------------------------------------------------

SCRIPT = """
import sys, time
from datetime import datetime, timedelta, timezone
from tongfu_alipay.wire import beijing
assert time.localtime(0).tm_hour == int(sys.argv[1]), "the zone did not take"
print(beijing(datetime(2026, 1, 2, 20, 4, 5, tzinfo=timezone.utc)))
print(beijing(datetime(2026, 7, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=-4)))))
"""


@pytest.mark.parametrize(("zone", "hour"), [("UTC0", 0), ("XXX+5", 19), ("XXX-14", 14)])
def test_time_is_beijing_time_whatever_the_hosts_zone(zone: str, hour: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(hour)],
        env={**os.environ, "TZ": zone},
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout.splitlines() == ["2026-01-03 04:04:05", "2026-07-02 15:04:05"]


async def test_the_timestamp_and_time_expire_are_beijing_time(shop: Shop) -> None:
    now = datetime(2026, 12, 31, 16, 0, 0, tzinfo=UTC)
    transport = FakeTransport(shop.answer('{"code":"10000","qr_code":"https://qr"}', "alipay.trade.precreate"))
    tf = Tongfu({"shop": shop.account()}, transport=transport, clock=lambda: now)
    await tf.payment.get_order_info(
        "shop",
        out_trade_no="A1001",
        total_fee=1,
        subject="tea",
        notify_url="https://shop.example/n",
        trade_type="NATIVE",
        time_expire=datetime(2027, 1, 1, 2, 30, tzinfo=timezone(timedelta(hours=9))),
    )

    params = shop.asked(transport.requests[0])
    assert params["timestamp"] == "2027-01-01 00:00:00"
    assert json.loads(params["biz_content"])["time_expire"] == "2027-01-01 01:30:00"


# --- where parameters stand --------------------------------------------------------------------------


async def test_common_parameters_are_in_the_query_and_the_rest_in_the_body(shop: Shop) -> None:
    tf, transport = shop.tongfu(
        shop.answer('{"code":"10000"}', "alipay.some.method"),
        shop.answer('{"access_token":"t"}', "alipay.system.oauth.token"),
        app_auth_token="202611BB",
    )
    alipay: Any = tf.open("shop")
    await alipay.call("alipay.some.method", {"a": "茶 & +"}, notify_url="https://shop.example/n", auth_token="u")
    await alipay.call("alipay.system.oauth.token", grant_type="authorization_code", code="the code")

    some, token = transport.requests
    assert dict(parse_qsl(some.body.decode())) == {"biz_content": '{"a":"茶 & +"}'}
    assert set(dict(parse_qsl(urlsplit(some.url).query))) == {
        *("app_id", "method", "format", "charset", "sign_type", "timestamp", "version", "sign"),
        *("notify_url", "auth_token", "app_auth_token"),
    }
    # A login code must not end in the access logs of whoever is between.
    assert dict(parse_qsl(token.body.decode())) == {"grant_type": "authorization_code", "code": "the code"}
    assert "code" not in dict(parse_qsl(urlsplit(token.url).query))
    for request in transport.requests:
        assert "charset=utf-8" in urlsplit(request.url).query.split("&")
        assert shop.asked(request)["charset"] == "utf-8"
        assert request.headers["content-type"] == "application/x-www-form-urlencoded;charset=utf-8"


@pytest.mark.parametrize(
    ("content", "common"),
    [
        (None, {"sign": "forged"}),
        (None, {"charset": "gbk"}),
        (None, {"sign_type": "RSA"}),
        (None, {"app_id": "2021000000000009"}),
        (None, {"timestamp": "2026-01-02 03:04:05"}),
        (None, {"notify_url": 5}),
        (None, {"notify_url": "\ud800"}),
        (None, {"a&b": "1"}),
        ({"total_amount": 0.3}, {}),
        ({"total_amount": Decimal("0.30")}, {}),
        ({"subject": "\ud800"}, {}),
        ([], {}),
    ],
)
async def test_a_raw_call_that_would_be_signed_wrongly_never_leaves(
    shop: Shop, content: Any, common: dict[str, Any]
) -> None:
    tf, transport = shop.tongfu()
    alipay: Any = tf.open("shop")
    with pytest.raises(InvalidParams):
        await alipay.call("alipay.some.method", content, **common)

    assert transport.requests == []


async def test_extra_that_no_bytes_can_write_never_leaves(shop: Shop) -> None:
    tf, transport = shop.tongfu()
    with pytest.raises(InvalidParams):
        await tf.payment.order_query("shop", out_trade_no="A1001", extra={"org_pid": "\udfff"})

    assert transport.requests == []
