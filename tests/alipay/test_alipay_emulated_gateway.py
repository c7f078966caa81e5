"""The emulated gateway: what it refuses before any method is looked at, and what it explains."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, urlencode

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from tongfu.emulator import Asked
from tongfu_alipay.emulator.gateway import Refusal, read

if TYPE_CHECKING:
    from tests.alipay.conftest import Shop, Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")


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


async def test_the_byte_where_a_signature_goes_wrong_is_told(shop: Shop, stage: Stage) -> None:
    good = signed(shop, stage)
    for place in (0, 40):
        other = "A" if good["sign"][place] != "A" else "B"
        broken = good["sign"][:place] + other + good["sign"][place + 1 :]
        *_, explain = await gateway(stage, {**good, "sign": broken})

        assert f"; sign differs from the expected one from byte {place} on: the text, the charset" in explain


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
@settings(max_examples=100)
async def test_random_requests_are_refused_and_break_nothing(shop: Shop, query: bytes, body: bytes) -> None:
    asked = Asked("POST", "/gateway.do", query.decode("latin-1"), {}, body)
    with pytest.raises(Refusal) as caught:
        read(asked, shop.app_id, shop.app)

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
