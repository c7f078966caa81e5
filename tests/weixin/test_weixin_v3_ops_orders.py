"""An APIv3 order: the body and path of each scene, what the client gets, what is refused. C7, C11, D11-D13."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from tongfu import InvalidParams, MalformedAnswer
from tongfu.call import Call, Context
from tongfu.model import OrderInfo
from tongfu.params import OrderKey, OrderParams
from tongfu_weixin import WeixinAccount
from tongfu_weixin.pay_v3 import order, query

NOW: Final = datetime(2018, 4, 2, 12, 34, 20, tzinfo=UTC)  # 1522672460
DOC_NONCE: Final = "593BEC0C930BF1AFEB40B4A08C8FB242"
DOC_PREPAY: Final = "wx201410272009395522657a690389285100"
D10: Final = b"""-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAptpm+qvIDCh/9wjU26SQ
CK26ogYkBhDrYxnAaw2JbbBsp1oDbHKk+1r381NeBUG2HEFAuU+Fr72u5ot3yKdz
oF/FajAzQNKnm569/D3upKoi8mYBaST15Uig8j8qoUW1U217LL0jEHlSnHV3lcaD
TXqDpTRR4Bfz9IqOgJgFZ8/oTfEomSrjrLYef81Eyxr7ZIMQXEKKEK7V4UXKS0+/
fDsiG/cXidhzt8UbTL9vqXqxM2+IDImyO+FAc/tkBG55LmzxPto1Nq0WbnZzRM/w
Tzrd0I/8NlevxtFbphg4evlHjFNI7+GrqR87ViEwuAJJ9Je5QQjct5YJfFRWiZ5C
MQIDAQAB
-----END PUBLIC KEY-----
"""
D11_BODY: Final = (
    '{"appid":"wxd678efh567hg6787","mchid":"1900007291","description":"Image形象店-深圳腾大-QQ公仔",'
    '"out_trade_no":"1217752501201407033233368018","notify_url":"https://www.weixin.qq.com/wxpay/pay.php",'
    '"amount":{"total":100,"currency":"CNY"},"payer":{"openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}}'
)
D12: Final = (
    "mI35pfNEQV6777ke/1T+LJLQDNTm7yeoUJH+j/adPGhmCCi0PbgkvYQTRcXH0uibcLVtvFLdGLpmoYO9FV6lBBsTAjuhh5YOvQi0e2g3e0yytit"
    "iNET9FEuqM0pjnKfRW4K6LIZDdbWJv9KhZUx3DrJa5TL7OJ7VdADVivxVySIlPVKjGwuCXzuXSJes0UcILgWQUMyha5/3nYofuHtS7r+KYyMuxD"
    "+oJ9VM1Qdxk4UIG59CP5Y3wtYIFybyF3bdu1caHTRRX+DLyMXyYA/IrTmiW01c4RPjpHBX5Dk1sZyY1zVsWNsvMHr2e1NTWtBxKJ+qk5N61J7ca"
    "YoepHFaxw=="
)
D13: Final = (
    "gXx9KhTP6IooKV1SuG3OCGlBIgZbKtubCZvnau6khw1iffvNT28IzLbKmztq2xA/RCNbZa1XOsoiuVmAEeTZQicWfhv4P+O4oBRIrx0X9f3cnWF"
    "kMBU9alTWs0nyQ1N9fcILOTe0f4kxOhVh+/Xhn5hOiUK7Sz3XA1mcpa3R2NCWf/e+0ow/RDf15iTymOHgDrEkT/gedg/3E0iXfDX3mFicSZhrHE"
    "SZDOTXcl9RzELREBUFznd/o2NQM99WcL86m23HY0cTy+QGWU4QDmNrbQ9ihmLW71qPb0Cx/d7EQvw/Kyx0A6s64ZQp3hHdcmiRcLnjVXrKCk7LS"
    "haCK+lS3Q=="
)
DIRECT: Final = {"appid": "wx2421b1c4370ec43b", "mchid": "1900007291"}
PARTNER: Final = {"sp_appid": "wx2421b1c4370ec43b", "sp_mchid": "1900007291", "sub_mchid": "1900000109"}
COMMON: Final = {
    "description": "tea",
    "out_trade_no": "A10011",
    "notify_url": "https://shop.example/notify",
    "amount": {"total": 100, "currency": "CNY"},
}


@dataclass
class Pen:
    """Signs with a word and keeps what it was given."""

    signed: list[tuple[bytes, str]] = field(default_factory=list)

    def sign(self, payload: bytes, algorithm: str) -> str:
        self.signed.append((payload, algorithm))
        return f"signature {len(self.signed)}"

    def check(self, payload: bytes, signature: str, algorithm: str) -> None:
        raise AssertionError("an operation checks nothing: the wire has done so")

    def acting_as(self, account: Any) -> Pen:
        raise AssertionError("nobody else signs")


def ctx(pen: Pen | None = None, now: datetime = NOW) -> Context:
    return Context(now, DOC_NONCE, pen or Pen())


def account(**more: Any) -> WeixinAccount:
    return WeixinAccount(**{"app_id": "wx2421b1c4370ec43b", "mch_id": "1900007291", **more})


def partner(**more: Any) -> WeixinAccount:
    return account(sub_mch_id="1900000109", **more)


def params(**more: Any) -> OrderParams:
    told = {"body": "tea", "out_trade_no": "A10011", "total_fee": 100, "notify_url": "https://shop.example/notify"}
    return OrderParams(**{**told, **more})


def begun(ours: WeixinAccount | None = None, **more: Any) -> Call[OrderInfo]:
    return order.get_order_info(ours or account(), params(**more), ctx())


def request(call: Call[Any]) -> tuple[str, str, Any, Any]:
    assert (call.wire, call.needs_client_cert, call.credentials) == ("v3", False, ())
    assert (call.fields["sensitive"], call.fields["file"]) == ((), None)
    return call.method, call.endpoint, call.fields["query"], call.fields["json"]


def ended(call: Call[OrderInfo], answer: Mapping[str, Any], pen: Pen | None = None) -> OrderInfo:
    info = call.finish(answer, ctx(pen))
    assert isinstance(info, OrderInfo)
    return info


def problems(ours: WeixinAccount | None = None, **more: Any) -> dict[str, str]:
    with pytest.raises(InvalidParams) as caught:
        begun(ours, **more)
    return dict(caught.value.problems)


def test_the_documented_order_is_the_documented_body_to_the_byte() -> None:
    call = order.get_order_info(
        account(app_id="wxd678efh567hg6787"),
        OrderParams(
            body="Image形象店-深圳腾大-QQ公仔",
            out_trade_no="1217752501201407033233368018",
            notify_url="https://www.weixin.qq.com/wxpay/pay.php",
            total_fee=100,
            openid="oUpF8uMuAJO_M2pxb1Q9zNjWeS6o",
        ),
        ctx(),
    )

    method, path, asked, document = request(call)
    assert (method, path, asked, call.read_only) == ("POST", "/v3/pay/transactions/jsapi", None, False)
    assert json.dumps(document, ensure_ascii=False, separators=(",", ":")) == D11_BODY


@pytest.mark.parametrize(
    ("told", "path", "added"),
    [
        ({"openid": "o1"}, "jsapi", {"payer": {"openid": "o1"}}),
        (
            {"openid": "o1", "spbill_create_ip": "203.0.113.7"},
            "jsapi",
            {"payer": {"openid": "o1"}, "scene_info": {"payer_client_ip": "203.0.113.7"}},
        ),
        ({"client_type": "app-plus"}, "app", {}),
        ({"client_type": "app", "openid": "o1"}, "app", {}),
        ({"trade_type": "NATIVE"}, "native", {}),
        (
            {"trade_type": "H5", "spbill_create_ip": "2001:db8::7"},
            "h5",
            {
                "scene_info": {
                    "payer_client_ip": "2001:db8::7",
                    "h5_info": {"type": "Wap", "app_name": "tea", "app_url": "https://shop.example"},
                }
            },
        ),
        (
            {"trade_type": "MWEB", "spbill_create_ip": "203.0.113.7", "return_url": "https://m.shop.example/done?n=1"},
            "h5",
            {
                "scene_info": {
                    "payer_client_ip": "203.0.113.7",
                    "h5_info": {"type": "Wap", "app_name": "tea", "app_url": "https://m.shop.example"},
                }
            },
        ),
    ],
)
def test_each_scene_has_its_path_and_its_body(told: dict[str, Any], path: str, added: dict[str, Any]) -> None:
    expected = ("POST", f"/v3/pay/transactions/{path}", None, {**DIRECT, **COMMON, **added})

    assert request(begun(**told)) == expected


@pytest.mark.parametrize(
    ("ours", "told", "expected"),
    [
        (partner(), {"openid": "o1"}, {**PARTNER, **COMMON, "payer": {"sp_openid": "o1"}}),
        (
            partner(sub_app_id="wxsub"),
            {"openid": "o1"},
            {**PARTNER, "sub_appid": "wxsub", **COMMON, "payer": {"sub_openid": "o1"}},
        ),
        (
            partner(sub_app_id="wxsub"),
            {"openid": "o1", "extra": {"payer": {"sub_openid": "o2"}}},
            {**PARTNER, "sub_appid": "wxsub", **COMMON, "payer": {"sp_openid": "o1", "sub_openid": "o2"}},
        ),
        (
            partner(),
            {"extra": {"payer": {"sub_openid": "o2"}, "settle_info": {"profit_sharing": True}}},
            {**PARTNER, **COMMON, "payer": {"sub_openid": "o2"}, "settle_info": {"profit_sharing": True}},
        ),
    ],
)
def test_a_service_provider_orders_for_its_sub_merchant(
    ours: WeixinAccount, told: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert request(begun(ours, **told)) == ("POST", "/v3/pay/partner/transactions/jsapi", None, expected)


def test_extra_is_merged_into_our_objects_and_changes_no_mapping_of_the_callers() -> None:
    extra = {
        "attach": "a",
        "amount": {"currency": "HKD"},
        "scene_info": {"device_id": "D1", "h5_info": {"type": "iOS", "bundle_id": "b"}},
        "detail": {"goods_detail": [{"merchant_goods_id": "g", "quantity": 1, "unit_price": 100}]},
    }
    before = json.dumps(extra)
    *_, document = request(begun(trade_type="H5", spbill_create_ip="203.0.113.7", extra=extra))

    assert document == {
        **DIRECT,
        **COMMON,
        "amount": {"total": 100, "currency": "HKD"},
        "scene_info": {
            "payer_client_ip": "203.0.113.7",
            "h5_info": {"type": "iOS", "app_name": "tea", "app_url": "https://shop.example", "bundle_id": "b"},
            "device_id": "D1",
        },
        "attach": "a",
        "detail": extra["detail"],
    }
    assert json.dumps(extra) == before


@pytest.mark.parametrize(
    "extra",
    [
        {"mchid": "1"},
        {"sp_mchid": "1"},
        {"sub_mchid": "1"},
        {"appid": "wx"},
        {"out_trade_no": "A10012"},
        {"description": "x"},
        {"notify_url": "https://other.example"},
        {"time_expire": "2018-06-08T10:34:56+08:00"},
        {"amount": {"total": 1}},
        {"amount": 1},
        {"payer": {"openid": "o2"}},
        {"payer": "o2"},
        {"scene_info": {"payer_client_ip": "203.0.113.8"}},
        {"scene_info": '{"h5_info":{}}'},
        {"attach": None},
        {"detail": {"cost_price": None}},
        {"detail": {"cost_price": 0.1}},
    ],
)
def test_extra_sets_nothing_that_is_ours_and_sends_no_null_and_no_float(extra: dict[str, Any]) -> None:
    assert list(problems(openid="o1", extra=extra)) == ["extra"]


def test_extra_puts_no_text_where_we_have_an_object() -> None:
    wrong = problems(trade_type="H5", spbill_create_ip="203.0.113.7", extra={"scene_info": {"h5_info": "Wap"}})

    assert wrong == {"extra": "expected a mapping at scene_info.h5_info"}


def test_time_expire_is_beijing_time_with_its_offset_whatever_zone_it_came_in() -> None:
    moment = NOW + timedelta(minutes=5)
    for zone in (UTC, timezone(timedelta(hours=-7)), timezone(timedelta(hours=8))):
        *_, document = request(begun(openid="o1", time_expire=moment.astimezone(zone).replace(microsecond=5)))

        assert document["time_expire"] == "2018-04-02T20:39:20+08:00"


@pytest.mark.parametrize(
    ("ours", "least", "most", "days"),
    [
        (account(), timedelta(minutes=1), timedelta(days=90), 90),
        (partner(), timedelta(minutes=1), timedelta(days=15), 15),
    ],
)
def test_time_expire_is_neither_too_near_nor_too_far(
    ours: WeixinAccount, least: timedelta, most: timedelta, days: int
) -> None:
    for good in (least, most):
        begun(ours, openid="o1", time_expire=NOW + good)
    for bad in (least - timedelta(seconds=1), most + timedelta(seconds=1)):
        expected = {"time_expire": f"expected a moment 1 minute to {days} days from now"}
        assert problems(ours, openid="o1", time_expire=NOW + bad) == expected


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("out_trade_no", "A1-_|*" + "9" * 26, "A10012 "),
        ("out_trade_no", "A10011", "A1001"),
        ("out_trade_no", "9" * 32, "9" * 33),
        ("total_fee", 1, 0),
        ("body", "商" * 42 + "x", "商" * 42 + "xx"),
        ("body", "茶 ☕\uffff", "tea \U0001f375"),
        ("body", "tea\n", "tea \ud83c"),
        ("notify_url", "https://s.example/" + "n" * 237, "https://s.example/" + "n" * 238),
        ("notify_url", "http://s.example/n", "https://s.example/n?a=1"),
        ("notify_url", "http://s.example/n", "https://s.example/n#a"),
        ("openid", "o" * 128, "o" * 129),
        ("openid", "o", "o\udf75"),
        ("spbill_create_ip", "203.0.113.7", "shop"),
        ("trade_type", "JSAPI", "MICROPAY"),
        ("client_type", "mp-weixin", "mp-alipay"),
    ],
)
def test_every_limit_holds_and_its_error_has_our_name(name: str, good: Any, bad: Any) -> None:
    begun(**{"openid": "o1", name: good})

    assert list(problems(**{"openid": "o1", name: bad})) == [name]


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({}, "openid"),
        ({"extra": {"payer": {}}}, "openid"),
        ({"trade_type": "H5"}, "spbill_create_ip"),
        ({"trade_type": "H5", "spbill_create_ip": "127.0.0.1"}, "spbill_create_ip"),
        ({"trade_type": "H5", "spbill_create_ip": "0.0.0.0"}, "spbill_create_ip"),
    ],
)
def test_what_a_scene_needs_is_asked_for_by_our_name(told: dict[str, Any], name: str) -> None:
    assert list(problems(**told)) == [name]


def test_a_mini_program_gets_the_five_parameters_and_the_documented_text_is_signed() -> None:
    pen = Pen()
    told = Context(datetime.fromtimestamp(1554208460, UTC), DOC_NONCE, pen)
    info = begun(openid="o1").finish({"prepay_id": DOC_PREPAY}, told)

    assert info == OrderInfo(
        payload={
            "appId": "wx2421b1c4370ec43b",
            "nonceStr": DOC_NONCE,
            "package": f"prepay_id={DOC_PREPAY}",
            "timeStamp": "1554208460",
            "signType": "RSA",
            "paySign": "signature 1",
        },
        out_trade_no="A10011",
        trade_type="JSAPI",
        prepay_id=DOC_PREPAY,
    )
    assert vouched(pen, D12)
    assert not vouched(pen, D13)


def test_an_app_gets_lower_case_names_and_the_bare_prepay_id_is_signed() -> None:
    """E-C3: neither ``Sign=WXPay`` nor ``prepay_id=…``."""
    pen = Pen()
    told = Context(datetime.fromtimestamp(1554208460, UTC), DOC_NONCE, pen)
    info = begun(client_type="app").finish({"prepay_id": DOC_PREPAY}, told)

    assert isinstance(info, OrderInfo)
    assert info.payload == {
        "appid": "wx2421b1c4370ec43b",
        "noncestr": DOC_NONCE,
        "package": "Sign=WXPay",
        "partnerid": "1900007291",
        "prepayid": DOC_PREPAY,
        "timestamp": "1554208460",
        "sign": "signature 1",
    }
    assert vouched(pen, D13)
    assert not vouched(pen, D12)


def vouched(pen: Pen, signature: str) -> bool:
    """Whether the documentation's signature is over the very bytes that were to be signed."""
    ((payload, algorithm),) = pen.signed
    assert algorithm == "WECHATPAY2-SHA256-RSA2048"
    key = load_pem_public_key(D10)
    assert isinstance(key, rsa.RSAPublicKey)
    try:
        key.verify(base64.b64decode(signature), payload, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


@pytest.mark.parametrize(("client", "app", "last"), [("mp-weixin", "appId", "prepay_id=wx1"), ("app", "appid", "wx1")])
def test_a_sub_merchants_own_app_pays_under_its_own_id(client: str, app: str, last: str) -> None:
    pen = Pen()
    info = ended(begun(partner(sub_app_id="wxsub"), client_type=client, openid="o1"), {"prepay_id": "wx1"}, pen)

    assert (info.payload[app], info.payload.get("partnerid", "1900000109")) == ("wxsub", "1900000109")
    assert pen.signed == [
        (f"wxsub\n1522672460\n{DOC_NONCE}\n{last}\n".encode(), "WECHATPAY2-SHA256-RSA2048"),
    ]


def test_the_pages_and_codes_need_no_signature() -> None:
    pen = Pen()
    code = "weixin://wxpay/bizpayurl?pr=JyC91EIz1"
    page = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx1&package=2"
    native = ended(begun(trade_type="NATIVE"), {"code_url": code}, pen)
    h5 = ended(begun(trade_type="H5", spbill_create_ip="203.0.113.7"), {"h5_url": page}, pen)
    back = "https://shop.example/done?n=1&m=茶".replace("茶", "%E8%8C%B6")
    returning = begun(trade_type="H5", spbill_create_ip="203.0.113.7", return_url=back)

    assert native == OrderInfo(
        payload={"codeUrl": code}, out_trade_no="A10011", trade_type="NATIVE", prepay_id=None, code_url=code
    )
    assert h5 == OrderInfo(payload={"mwebUrl": page}, out_trade_no="A10011", trade_type="H5", mweb_url=page)
    assert ended(returning, {"h5_url": page}).payload == {
        "mwebUrl": page + "&redirect_url=https%3A%2F%2Fshop.example%2Fdone%3Fn%3D1%26m%3D%25E8%258C%25B6"
    }
    assert pen.signed == []


@pytest.mark.parametrize(
    ("told", "answer"),
    [
        ({"openid": "o1"}, {}),
        ({"openid": "o1"}, {"prepay_id": ""}),
        ({"openid": "o1"}, {"prepay_id": 5}),
        ({"client_type": "app"}, {"code_url": "weixin://"}),
        ({"trade_type": "NATIVE"}, {"prepay_id": "wx1"}),
        ({"trade_type": "H5", "spbill_create_ip": "203.0.113.7"}, {"code_url": "weixin://"}),
    ],
)
def test_an_answer_without_its_one_field_is_no_order(told: dict[str, Any], answer: dict[str, Any]) -> None:
    with pytest.raises(MalformedAnswer):
        begun(**told).finish(answer, ctx())


@pytest.mark.parametrize(
    ("ours", "key", "path", "asked"),
    [
        (
            account(),
            {"out_trade_no": "A1|*_-9"},
            "/v3/pay/transactions/out-trade-no/A1%7C%2A_-9",
            {"mchid": "1900007291"},
        ),
        (account(), {"transaction_id": "4200001"}, "/v3/pay/transactions/id/4200001", {"mchid": "1900007291"}),
        (
            partner(),
            {"out_trade_no": "A10011"},
            "/v3/pay/partner/transactions/out-trade-no/A10011",
            {"sp_mchid": "1900007291", "sub_mchid": "1900000109"},
        ),
        (
            partner(),
            {"transaction_id": "4200001", "extra": {"more": 1}},
            "/v3/pay/partner/transactions/id/4200001",
            {"sp_mchid": "1900007291", "sub_mchid": "1900000109", "more": "1"},
        ),
    ],
)
def test_an_order_is_asked_for_by_either_number(
    ours: WeixinAccount, key: dict[str, Any], path: str, asked: dict[str, str]
) -> None:
    call = query.order_query(ours, OrderKey(**key), ctx())

    assert (*request(call), call.read_only) == ("GET", path, asked, None, True)
    assert list(call.fields["query"]) == list(asked)


@pytest.mark.parametrize(
    ("ours", "path", "body"),
    [
        (account(), "/v3/pay/transactions/out-trade-no/A1%7C%2A/close", {"mchid": "1900007291"}),
        (
            partner(sub_app_id="wxsub"),
            "/v3/pay/partner/transactions/out-trade-no/A1%7C%2A/close",
            {"sp_mchid": "1900007291", "sub_mchid": "1900000109"},
        ),
    ],
)
def test_an_order_is_closed_by_its_own_number(ours: WeixinAccount, path: str, body: dict[str, str]) -> None:
    call = query.close_order(ours, OrderKey(out_trade_no="A1|*"), ctx())

    assert (*request(call), call.read_only) == ("POST", path, None, body, False)


@pytest.mark.parametrize(
    ("operation", "key", "names"),
    [
        ("order_query", {}, {"out_trade_no", "transaction_id"}),
        ("order_query", {"out_trade_no": "A1", "transaction_id": "4"}, {"out_trade_no", "transaction_id"}),
        ("order_query", {"transaction_id": "4/../5"}, {"transaction_id"}),
        ("order_query", {"out_trade_no": "A1", "extra": {"mchid": "2"}}, {"extra"}),
        ("close_order", {"transaction_id": "4"}, {"out_trade_no", "transaction_id"}),
        ("close_order", {"out_trade_no": "A1", "transaction_id": "4"}, {"transaction_id"}),
        ("close_order", {"out_trade_no": "A1", "extra": {"mchid": "2"}}, {"extra"}),
    ],
)
def test_an_order_has_one_number_and_it_is_in_its_alphabet(
    operation: str, key: dict[str, Any], names: set[str]
) -> None:
    with pytest.raises(InvalidParams) as caught:
        getattr(query, operation)(account(), OrderKey(**key), ctx())

    assert set(caught.value.problems) == names
