"""call(): any method, and only what travels unchanged."""

from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tongfu import InvalidParams, OutcomeUnknown, TransportError
from tongfu.errors import PlatformRefused
from tongfu_alipay.openapi import gateway

METHOD = "alipay.trade.orderinfo.sync"
GOOD = '{"code":"10000","msg":"Success","Odd-Name":{"camelCase":"1.10","n":1.10}}'


async def test_the_answer_is_the_verified_node_as_it_came(mini: Any) -> None:
    alipay, _ = mini.open(mini.answer(METHOD, GOOD))

    assert {"code": "10000", "msg": "Success", "Odd-Name": {"camelCase": "1.10", "n": "1.10"}} == (
        await alipay.call(METHOD, {"trade_no": "1"})
    )


async def test_a_refusal_is_raised(mini: Any) -> None:
    alipay, _ = mini.open(mini.answer(METHOD, '{"code":"40004","msg":"m","sub_code":"X"}'))

    with pytest.raises(PlatformRefused, match="40004 X"):
        await alipay.call(METHOD, {"trade_no": "1"})


@pytest.mark.parametrize(("read_only", "sent"), [(True, 3), (False, 1), ("yes", 1), (1, 1)])
async def test_only_true_makes_a_call_read_only(mini: Any, read_only: Any, sent: int) -> None:
    alipay, transport = mini.open(*[TransportError("no answer")] * 3)
    with pytest.raises(TransportError) as caught:
        await alipay.call(METHOD, {}, read_only=read_only)

    assert (sent, sent == 1) == (len(transport.requests), isinstance(caught.value, OutcomeUnknown))


@pytest.mark.parametrize(
    "name",
    [
        *("app_id", "method", "format", "charset", "sign_type", "sign", "timestamp", "version"),
        *("encrypt_type", "app_cert_sn", "alipay_root_cert_sn"),
    ],
)
async def test_what_the_account_sets_cannot_be_given(mini: Any, name: str) -> None:
    alipay, transport = mini.open()
    with pytest.raises(InvalidParams) as caught:
        await alipay.call(METHOD, {}, **{name: "x"})

    assert ({name}, []) == (set(caught.value.problems), transport.requests)


@pytest.mark.parametrize("value", [b"file", 5, None, {"a": 1}, True, "\ud800"])
async def test_a_parameter_beside_the_content_is_text_and_no_file(mini: Any, value: Any) -> None:
    alipay, transport = mini.open()
    with pytest.raises(InvalidParams) as caught:
        await alipay.call("alipay.offline.material.image.upload", image_content=value)

    assert ({"image_content"}, []) == (set(caught.value.problems), transport.requests)


@pytest.mark.parametrize("name", ["a&sign", "a=b", "é", "", "1a", "a" * 129, "a\n"])
async def test_a_parameters_name_is_a_name(mini: Any, name: str) -> None:
    alipay, transport = mini.open()
    with pytest.raises(InvalidParams):
        await alipay.call(METHOD, {}, **{name: "x"})

    assert [] == transport.requests


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"total_amount": 0.01}, "biz_content.total_amount"),
        ({"a": {"b": [1, {"c": float("nan")}]}}, "biz_content.a.b[1].c"),
        ({"a": Decimal("0.01")}, "biz_content.a"),
        ({"a": b"x"}, "biz_content.a"),
        ({"a": {1: "x"}}, "biz_content.a"),
        ({"a": 10**5000}, "biz_content.a"),
        ({"a": -(2**63) - 1}, "biz_content.a"),
        ({"a": "\ud800"}, "biz_content.a"),
        ({"a": {"\ud800": 1}}, "biz_content.a"),
        ({"a": {1, 2}}, "biz_content.a"),
        ("{}", "biz_content"),
        ([1], "biz_content"),
    ],
)
async def test_what_json_would_change_or_refuse_is_named_by_its_place(mini: Any, content: Any, place: str) -> None:
    alipay, transport = mini.open()
    with pytest.raises(InvalidParams) as caught:
        await alipay.call(METHOD, content)

    assert ({place}, []) == (set(caught.value.problems), transport.requests)


async def test_a_content_within_itself_ends(mini: Any) -> None:
    alipay, _ = mini.open()
    endless: dict[str, Any] = {}
    endless["again"] = endless

    with pytest.raises(InvalidParams, match="deep"):
        await alipay.call(METHOD, endless)


async def test_any_mapping_travels_and_the_callers_is_not_touched(mini: Any) -> None:
    alipay, transport = mini.open(mini.answer(METHOD, GOOD))
    content = MappingProxyType({"list": (2**63 - 1, MappingProxyType({"a": "b"}))})
    await alipay.call(METHOD, content)

    assert (
        b"biz_content=%7B%22list%22%3A%5B9223372036854775807%2C%7B%22a%22%3A%22b%22%7D%5D%7D"
        == transport.requests[0].body
    )
    assert {"list": (2**63 - 1, {"a": "b"})} == content


@pytest.mark.parametrize("method", ["", "trade", "alipay..x", "alipay.a b", "alipay.a&x=1.y", "é.é", "a.b\n", 5, None])
async def test_a_method_is_a_method(mini: Any, method: Any) -> None:
    alipay, transport = mini.open()
    with pytest.raises(InvalidParams) as caught:
        await alipay.call(method, {})

    assert ({"method"}, []) == (set(caught.value.problems), transport.requests)


@pytest.mark.parametrize("method", ["alipay.trade.app.pay", "alipay.trade.page.pay", "alipay.trade.wap.pay"])
async def test_a_page_to_open_is_no_call(mini: Any, method: str) -> None:
    alipay, transport = mini.open()
    with pytest.raises(InvalidParams, match="get_order_info"):
        await alipay.call(method, {"out_trade_no": "A1"})

    assert [] == transport.requests


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=10,
)


@given(content=JSON)
def test_any_content_is_itself_in_the_call_or_an_error_of_ours(content: Any) -> None:
    try:
        call = gateway.call(METHOD, content, {}, read_only=False)
    except InvalidParams:
        return
    assert {"common": {}, "plain": False} | ({} if content is None else {"biz_content": content}) == call.fields
