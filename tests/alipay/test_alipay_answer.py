"""Answers: the raw node, who signed it, and what can be read in two ways."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tongfu import MalformedAnswer, OutcomeUnknown, SignatureError
from tongfu.call import HttpResponse
from tongfu.errors import PlatformRefused, TongfuError, TransportError
from tongfu.testing import FakeTransport
from tongfu_alipay import answer, wire

if TYPE_CHECKING:
    from tests.alipay.conftest import Shop

QUERY = "alipay.trade.query"
REFUND = "alipay.trade.refund"


def run(shop: Shop, operation: str, *answers: Any, **params: Any) -> tuple[Any, FakeTransport]:
    async def ask() -> tuple[Any, FakeTransport]:
        tf, transport = shop.tongfu(*answers)
        return await getattr(tf.payment, operation)("shop", **params), transport

    return asyncio.run(ask())


def trade(shop: Shop, **fields: Any) -> bytes:
    node = {"code": "10000", "msg": "Success", "out_trade_no": "A1001", "trade_no": "T1", **fields}
    return shop.answer(json.dumps(node, ensure_ascii=False), QUERY)


NODE = (
    r'{"code":"10000","out_trade_no":"A1001","trade_status":"WAIT_BUYER_PAY","passback_params":"a\/b \"sign\":\"x\"}"}'
)


async def ask(shop: Shop, body: bytes, **account: Any) -> Any:
    tf, _ = shop.tongfu(*[body] * 3, **account)
    return await tf.payment.order_query("shop", out_trade_no="A1001")


async def test_a_node_signed_as_it_stands_or_before_its_slashes_were_escaped_is_good(shop: Shop) -> None:
    for signed in (NODE, NODE.replace("\\/", "/")):
        assert (await ask(shop, shop.answer(NODE, QUERY, signed=signed))).trade_state == "USERPAYING"

    # Only that one rewriting is known, and only where there is such a slash.
    for wrong in (NODE.replace(" ", ""), NODE.replace("\\/", "//"), json.dumps(json.loads(NODE))):
        with pytest.raises(SignatureError):
            await ask(shop, shop.answer(NODE, QUERY, signed=wrong))


async def test_neither_order_nor_blanks_matter(shop: Shop) -> None:
    sign = shop.sign(NODE.encode())
    for body in (
        f'{{"sign":"{sign}","alipay_trade_query_response":{NODE}}}',
        f' {{ "alipay_trade_query_response" :\r\n{NODE}\t,\n"sign" : "{sign}" }} \n',
        f'{{"alipay_cert_sn":"x","alipay_trade_query_response":{NODE},"other":{{"sign":"y"}},"sign":"{sign}"}}',
    ):
        assert (await ask(shop, body.encode())).trade_state == "USERPAYING"


PAID = NODE.replace("WAIT_BUYER_PAY", "TRADE_SUCCESS")


@pytest.mark.parametrize(
    "body",
    [
        '{"alipay_trade_query_response":PAID,"alipay_trade_query_response":NODE,"sign":"SIGN"}',
        '{"alipay_trade_query_response":NODE,"alipay_trade_query_response":PAID,"sign":"SIGN"}',
        r'{"alipay_trade_query_response":NODE,"alipay_trade_query_respons\u0065":PAID,"sign":"SIGN"}',
        '{"error_response":PAID,"alipay_trade_query_response":NODE,"sign":"SIGN"}',
        '{"alipay_trade_query_response":NODE,"sign":"SIGN","sign":"SIGN"}',
        '{"alipay_trade_query_response":NODE,"sign":"SIGN","sign":""}',
        r'{"alipay_trade_query_response":NODE,"sign":"SIGN","\u0073ign":"SIGN"}',
        '{"alipay_trade_query_response":NODE,"sign":["SIGN"]}',
        '{"alipay_trade_query_response":NODE,"sign":null}',
        '{"alipay_trade_refund_response":NODE,"sign":"SIGN"}',
        '{"a":{"alipay_trade_query_response":NODE,"sign":"SIGN"}}',
        '[{"alipay_trade_query_response":NODE,"sign":"SIGN"}]',
        '{"alipay_trade_query_response":NODE,"sign":"SIGN"}{}',
        '{"alipay_trade_query_response":NODE,"sign":"SIGN",}',
        '{"alipay_trade_query_response":NODE "sign":"SIGN"}',
        '\ufeff{"alipay_trade_query_response":NODE,"sign":"SIGN"}',
    ],
)
async def test_what_can_be_read_in_two_ways_is_not_read(shop: Shop, body: str) -> None:
    filled = body.replace("NODE", NODE).replace("PAID", PAID).replace("SIGN", shop.sign(NODE.encode()))
    with pytest.raises(MalformedAnswer):
        await ask(shop, filled.encode())


@pytest.mark.parametrize(
    "body",
    [
        '{"alipay_trade_query_response":PAID,"sign":"SIGN"}',
        '{"alipay_trade_query_response":PAID}',
        '{"alipay_trade_query_response":PAID,"sign":""}',
        '{"alipay_trade_query_response":PAID,"Sign":"SIGN"}',
        '{"alipay_trade_query_response":PAID,"sign":"SIGN "}',
        '{"alipay_trade_query_response":PAID,"sign":"签名"}',
        '{"alipay_trade_query_response":PAID,"sign":"AAAA"}',
        '{"alipay_trade_query_response":PAID,"data":NODE,"sign":"SIGN"}',
        r'{"alipay_trade_query_response":{"code":"10000","trade_status":"TRADE_SUCCESS","x":NODE},"sign":"SIGN"}',
    ],
)
async def test_what_the_platform_did_not_sign_is_refused(shop: Shop, body: str) -> None:
    filled = body.replace("NODE", NODE).replace("PAID", PAID).replace("SIGN", shop.sign(NODE.encode()))
    with pytest.raises(SignatureError):
        await ask(shop, filled.encode())


async def test_the_algorithm_is_the_accounts_and_not_the_answers(shop: Shop) -> None:
    weak = shop.answer(NODE, QUERY, algorithm="RSA")
    told = weak[:-1] + b',"sign_type":"RSA"}'
    for body in (weak, told, shop.answer(NODE, QUERY, signer=shop.stranger), shop.answer(NODE, QUERY, signer=shop.app)):
        with pytest.raises(SignatureError):
            await ask(shop, body)

    assert (await ask(shop, weak, sign_type="RSA")).trade_state == "USERPAYING"
    with pytest.raises(SignatureError):
        await ask(shop, shop.answer(NODE, QUERY), sign_type="RSA")


async def test_an_answer_in_gbk_or_of_another_place_is_not_read(shop: Shop) -> None:
    gbk = shop.answer(NODE.replace("a\\/b", "咖啡"), QUERY).decode().encode("gbk")
    with pytest.raises(MalformedAnswer):
        await ask(shop, gbk)
    for node in ('"bm90IG91cnM="', "[]", "5", "null"):
        with pytest.raises(MalformedAnswer):
            await ask(shop, shop.answer(node, QUERY))


@pytest.mark.parametrize(
    "node",
    [
        '{"code":"10000","out_trade_no":"A1001","trade_status":["TRADE_SUCCESS"]}',
        '{"code":"10000","out_trade_no":"A1001","trade_status":{"a":1}}',
        '{"code":"10000","out_trade_no":"A1001","trade_status":true}',
        '{"code":"10000","out_trade_no":"A1001","trade_status":""}',
        '{"code":"10000","out_trade_no":"A1001"}',
        '{"code":"10000","out_trade_no":["A1001"],"trade_status":"TRADE_SUCCESS"}',
        '{"code":"10000","out_trade_no":"A1001","trade_status":"TRADE_SUCCESS","fund_bill_list":"[]"}',
        '{"code":"10000","out_trade_no":"A1001","trade_status":"TRADE_SUCCESS","fund_bill_list":[5]}',
        '{"code":"10000","out_trade_no":"A1001","trade_status":"TRADE_SUCCESS","send_pay_date":"yesterday"}',
        '{"code":"10000","out_trade_no":"A1001","trade_status":"TRADE_SUCCESS","send_pay_date":"٢٠٢٦-11-24 16:03:18"}',
    ],
)
async def test_a_signed_answer_of_the_wrong_shape_is_no_order(shop: Shop, node: str) -> None:
    with pytest.raises(MalformedAnswer):
        await ask(shop, shop.answer(node, QUERY))


@pytest.mark.parametrize("status", ["TRADE_PENDING", "SUCCESS", "FINISHED", "REFUND", "trade_success"])
async def test_a_state_that_is_not_known_is_never_paid(shop: Shop, status: str) -> None:
    order = await ask(shop, trade(shop, trade_status=status))

    assert not order.paid
    assert order.trade_state in (status, "UNKNOWN")
    assert order.trade_state not in ("SUCCESS", "FINISHED", "REFUND")


async def test_an_empty_number_in_an_answer_is_no_other_trade(shop: Shop) -> None:
    closed = shop.answer('{"code":"10000","out_trade_no":"","trade_no":null}', "alipay.trade.close")
    tf, _ = shop.tongfu(closed, closed)
    assert (await tf.payment.close_order("shop", out_trade_no="A1001")).out_trade_no == "A1001"
    assert (await tf.payment.close_order("shop", transaction_id="T1")).transaction_id == "T1"


async def test_an_http_error_is_nobodys_answer(shop: Shop) -> None:
    good = shop.answer(NODE, QUERY)
    tf, transport = shop.tongfu(*[HttpResponse(502, {}, good)] * 3)
    with pytest.raises(TransportError):
        await tf.payment.order_query("shop", out_trade_no="A1001")
    assert len(transport.requests) == 3

    tf, transport = shop.tongfu(HttpResponse(404, {}, shop.answer('{"code":"10000"}', REFUND)))
    with pytest.raises(OutcomeUnknown):
        await tf.payment.refund("shop", out_trade_no="A1001", refund_fee=1)
    assert len(transport.requests) == 1


async def test_the_trace_id_is_kept_in_the_error(shop: Shop) -> None:
    body = shop.answer('{"code":"40004","sub_code":"ACQ.TRADE_NOT_EXIST"}', QUERY)
    tf, _ = shop.tongfu(HttpResponse(200, {"trace_id": "0be1", "content-type": "text/html"}, body))
    with pytest.raises(PlatformRefused, match="0be1"):
        await tf.payment.order_query("shop", out_trade_no="A1001")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(
    [
        "code",
        "sub_code",
        "msg",
        "out_trade_no",
        "trade_no",
        "trade_status",
        "total_amount",
        "fund_bill_list",
        "refund_fee",
    ]
)


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
@settings(max_examples=60)
def test_random_bytes_are_no_answer(shop: Shop, body: bytes) -> None:
    with pytest.raises(TongfuError):
        run(shop, "close_order", body, out_trade_no="A1001")


@given(st.dictionaries(NAMES, JSON_VALUES, max_size=6).map(lambda node: {"code": "10000", **node}))
@settings(max_examples=60)
def test_random_signed_answers_raise_only_our_errors(shop: Shop, node: dict[str, Any]) -> None:
    text = json.dumps(node).replace("NaN", '"NaN"').replace("Infinity", '"Infinity"')
    text = text.replace('-"Infinity"', '"-Infinity"')
    for operation, method, more in (
        ("order_query", QUERY, {}),
        ("refund", REFUND, {"refund_fee": 1}),
        ("refund_query", "alipay.trade.fastpay.refund.query", {}),
        ("cancel_order", "alipay.trade.cancel", {}),
    ):
        body = shop.answer(text, method)
        try:
            run(shop, operation, *[body] * 3, out_trade_no="A1001", **more)
        except TongfuError:
            continue
        assert node.get("code") == "10000"


@given(st.text(max_size=40), st.text(alphabet='{}[]":,\\ns \t', max_size=60))
@settings(max_examples=60)
def test_the_span_is_the_nodes_text_to_the_character(key: str, value: str) -> None:
    node = json.dumps({key: value, "n": {"sign": value}}, ensure_ascii=False)
    body = json.dumps({"before": value})[:-1] + f' ,"alipay_trade_query_response" : {node} , "sign":"s"}}'
    cut = answer.extract(body.encode("utf-8", "surrogatepass"), QUERY)

    assert (cut.span, cut.sign) == (node, "s")


def test_empty_values_are_left_out_of_what_is_signed_and_zero_is_not() -> None:
    assert wire.text({"b": "0", "a": "", "sign": "x", "B": "@v", "sign_type": "RSA2"}) == b"B=@v&b=0&sign_type=RSA2"
