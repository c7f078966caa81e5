"""Whatever comes, APIv3 answers in the platform's words and never with the emulator's own failure."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from tongfu.emulator import Answer, Asked, Emulator, Route

START = datetime(2026, 1, 14, 3, 4, 5, tzinfo=UTC)
NAMES = re.findall(
    r"\w+",
    """
    appid mchid sp_appid sp_mchid sub_appid sub_mchid description out_trade_no time_expire attach notify_url goods_tag
    amount total currency payer openid sp_openid sub_openid detail goods_detail scene_info payer_client_ip h5_info type
    settle_info profit_sharing transaction_id out_refund_no reason funds_account refund from account bill_date bill_type
    tar_type account_type token algorithm_type out_bill_no transfer_scene_id transfer_amount transfer_remark user_name
    receivers name relation_type custom_relation out_order_no unfreeze_unsplit out_return_no return_mchid order_id
    bank_type bank_account real_name info_type info_content transfer_scene_report_infos
    """,
)
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)  # half surrogate pairs as well
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT | st.sampled_from(["1", "A10001", "CNY"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=12,
)
BODIES = st.one_of(
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=12).map(lambda value: json.dumps(value).encode()),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=200),
)
QUERIES = st.dictionaries(st.sampled_from(NAMES), st.text(max_size=20) | st.just("2026-01-14"), max_size=6)


RIGHT: dict[str, dict[str, Any]] = {
    "/v3/pay/transactions/h5": {
        "description": "tea",
        "out_trade_no": "A10001",
        "time_expire": "2026-01-15T00:00:00+08:00",
        "notify_url": "https://shop.example/notify",
        "amount": {"total": 1, "currency": "CNY"},
        "detail": {"goods_detail": [{"merchant_goods_id": "1", "quantity": 1, "unit_price": 1}]},
        "scene_info": {"payer_client_ip": "127.0.0.1", "h5_info": {"type": "Wap"}},
        "settle_info": {"profit_sharing": True},
    },
    "/v3/refund/domestic/refunds": {
        "out_trade_no": "A10001",
        "out_refund_no": "R1",
        "amount": {"refund": 2, "total": 2, "currency": "CNY", "from": [{"account": "AVAILABLE", "amount": 2}]},
    },
    "/v3/fund-app/mch-transfer/transfer-bills": {
        "out_bill_no": "T1",
        "transfer_scene_id": "1000",
        "openid": "oUser",
        "transfer_amount": 1,
        "transfer_remark": "a prize",
        "transfer_scene_report_infos": [{"info_type": "1", "info_content": "2"}],
    },
    "/v3/profitsharing/orders": {
        "transaction_id": "4200",
        "out_order_no": "P1",
        "receivers": [{"type": "MERCHANT_ID", "account": "1", "amount": 1, "description": "x", "name": "QQ=="}],
        "unfreeze_unsplit": False,
    },
}


class Merchant:
    """Signs for the handlers of an emulator that has ended: they do no I/O."""

    def __init__(self, routes: list[Route], line: dict[str, str]) -> None:
        self.routes, self.line = routes, line
        key = serialization.load_pem_private_key(line["private_key"].encode(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        self.key, self.nonces = key, itertools.count()

    def ask(self, route: Route, name: str, query: str, body: bytes, serial: str) -> Answer:
        path = re.sub(r"\{\w+}", quote(name, safe=""), route.path)
        names = dict.fromkeys(re.findall(r"\{(\w+)}", route.path), name)
        stamp, nonce = int(START.timestamp()), next(self.nonces)
        url = path + (f"?{query}" if query else "")
        payload = f"{route.method}\n{url}\n{stamp}\n{nonce}\n".encode() + body + b"\n"
        signature = base64.b64encode(self.key.sign(payload, padding.PKCS1v15(), hashes.SHA256())).decode()
        head = (
            f'WECHATPAY2-SHA256-RSA2048 mchid="{self.line["mch_id"]}",nonce_str="{nonce}",timestamp="{stamp}",'
            f'serial_no="{self.line["cert_serial"]}",signature="{signature}"'
        )
        headers = {"authorization": head, "accept": "*/*", "user-agent": "m", "content-type": "application/json"}
        return route.handle(Asked(route.method, path, query, headers | {"wechatpay-serial": serial}, body), names)


@pytest.fixture(scope="module")
def merchant() -> Merchant:
    async def begin() -> Merchant:
        async with Emulator(platforms=["weixin"], start=START, frozen=True) as emu:
            routes = [route for route in emu.routes() if route.path.startswith("/v3/")]
            return Merchant(routes, emu.settings()["weixin"])

    return asyncio.run(begin())


def known(told: Answer) -> bool:
    """A success, or a refusal in the platform's words."""
    if told.status in (200, 204):
        return True
    return 400 <= told.status < 500 and {"code", "message"} <= json.loads(told.body).keys()


@settings(max_examples=300)
@given(data=st.data(), body=BODIES, query=QUERIES, name=st.text("AR1|*-_", min_size=1, max_size=8))
def test_no_request_that_is_signed_rightly_breaks_an_endpoint(
    merchant: Merchant, data: st.DataObject, body: bytes, query: dict[str, str], name: str
) -> None:
    route = data.draw(st.sampled_from(merchant.routes))
    serial = data.draw(st.sampled_from(["", merchant.line["public_key_id"]]))

    assert known(merchant.ask(route, name, urlencode(query), body if route.method == "POST" else b"", serial))


@settings(max_examples=300)
@given(data=st.data(), value=VALUES)
def test_no_value_in_an_else_right_body_breaks_an_endpoint(merchant: Merchant, data: st.DataObject, value: Any) -> None:
    path = data.draw(st.sampled_from(sorted(RIGHT)))
    body = json.loads(json.dumps({**RIGHT[path], "appid": merchant.line["app_id"]}))
    parents = [body, *(member for member in body.values() if isinstance(member, dict))]
    parents += [item for member in body.values() if isinstance(member, list) for item in member]
    parent = data.draw(st.sampled_from(parents))
    parent[data.draw(st.sampled_from(sorted(parent)))] = value
    if path.startswith("/v3/pay/"):
        body.setdefault("mchid", merchant.line["mch_id"])
    if path.startswith("/v3/refund"):
        del body["appid"]
    route = next(route for route in merchant.routes if (route.method, route.path) == ("POST", path))

    assert known(merchant.ask(route, "", "", json.dumps(body).encode(), merchant.line["public_key_id"]))


CHANGES: list[Callable[[str, str], str]] = [
    lambda head, text: text,
    lambda head, text: head + text,
    lambda head, text: head.replace("nonce_str=", f'nonce_str="{text}",x='),
    lambda head, text: re.sub('timestamp="[^"]*"', lambda _: f'timestamp="{text}"', head),
    lambda head, text: re.sub('signature="[^"]*"', lambda _: f'signature="{text}"', head),
]


@settings(max_examples=200)
@given(text=ANY_TEXT, change=st.sampled_from(CHANGES), path=ANY_TEXT, body=st.binary(max_size=100))
def test_no_authorization_breaks_the_gate(
    merchant: Merchant, text: str, change: Callable[[str, str], str], path: str, body: bytes
) -> None:
    def surrogates(any_text: str) -> str:
        """As aiohttp gives what came: bytes, and surrogates where they are no UTF-8."""
        return any_text.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")

    head = (
        f'WECHATPAY2-SHA256-RSA2048 mchid="{merchant.line["mch_id"]}",nonce_str="n",'
        f'timestamp="{int(START.timestamp())}",serial_no="{merchant.line["cert_serial"]}",signature="QQ=="'
    )
    headers = {"authorization": change(head, surrogates(text)), "accept": "*/*", "user-agent": "m"}
    asked = Asked("POST", "/v3/" + surrogates(path), "", headers, body)

    told = next(route for route in merchant.routes if route.method == "POST").handle(asked, {})

    assert 401 == told.status
    assert "SIGN_ERROR" == json.loads(told.body)["code"]
    assert told.explain.encode()
