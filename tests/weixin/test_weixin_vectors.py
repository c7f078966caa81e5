"""Known answers of WeChat Pay v2: pay.weixin.qq.com wiki chapter 4_3, its mini-program page, wechatpy's tests."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tongfu import Context, Notification, RefundNotice
from tongfu.engine import BoundSigner
from tongfu.registry import load_provider
from tongfu_weixin import WeixinAccount
from tongfu_weixin.pay_v2 import notify, order, sign, xml

DOC_KEY = "192006250b4c09247ec02edce69f6a2d"
D1 = {
    "appid": "wxd930ea5d5a258f4f",
    "mch_id": "10000100",
    "device_info": "1000",
    "body": "test",
    "nonce_str": "ibuaiVcKdpRxkhJA",
}
D1B = {
    "appid": "wxd930ea5d5a258f4f",
    "body": "腾讯充值中心-QQ会员充值",
    "attach": "",
    "total_fee": "0",
    "mch_id": "10000100",
    "nonce_str": "ibuaiVcKdpRxkhJA",
    "sign": "ZZZ",
}
D2 = {
    "appId": "wxd678efh567hg6787",
    "nonceStr": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
    "package": "prepay_id=wx2017033010242291fcfe0db70013231072",
    "signType": "MD5",
    "timeStamp": "1490840662",
}
D2C = {
    "appid": "wxd930ea5d5a258f4f",
    "partnerid": "1900000109",
    "prepayid": "1101000000140415649af9fc314aa427",
    "package": "Sign=WXPay",
    "noncestr": "1101000000140429eb40476f8896f4c9",
    "timestamp": "1398746574",
}
PAGE_KEY = "qazwsxedcrfvtgbyhnujmikolp111111"


def account(key: str, **more: Any) -> WeixinAccount:
    return WeixinAccount(app_id="wxd930ea5d5a258f4f", mch_id="10000100", key=key, **more)


@pytest.mark.parametrize(
    ("fields", "key", "algorithm", "expected"),
    [
        (D1, DOC_KEY, "MD5", "9A0A8659F005D6984697E2CA0A9CF3B7"),
        (D1, DOC_KEY, "HMAC-SHA256", "6A9AE1657590FD6257D693A078E1C3E4BB6BA4DC30B23E0EE2496E54170DACD6"),
        (D1B, DOC_KEY, "MD5", "CF14BA3A10B568EA9BFA00124C18C14B"),
        (D1B, DOC_KEY, "HMAC-SHA256", "726D84489E9AF82C13F50E901551658727F5718B44870749CFEC6F919574060A"),
        (D2, PAGE_KEY, "MD5", "22D9B4E54AB1950F51E0649E8810ACD6"),
        (
            {**D2, "signType": "HMAC-SHA256"},
            PAGE_KEY,
            "HMAC-SHA256",
            "FB9D1EFB5C509131BBFF729F88A99CA2DE9B724D06D3B3262832A53083862BC0",
        ),
        (D2C, DOC_KEY, "MD5", "5D072367671D5598B65829D2EB113643"),
        (D2C, DOC_KEY, "HMAC-SHA256", "374E2638C45C1244FC555DBA2F186EE8FD0124DDB8AB2B4E915B5C81E054ACCA"),
    ],
)
def test_a_signature_is_the_documented_one(fields: dict[str, str], key: str, algorithm: str, expected: str) -> None:
    assert sign.signature(account(key), sign.text(fields), algorithm) == expected
    assert sign.matches(account(key), sign.text(fields), expected, algorithm)
    assert not sign.matches(account(key), sign.text({**fields, "x": "1"}), expected, algorithm)


def test_the_clients_parameters_are_the_seeds() -> None:
    """Recomputed from the original: key ``k1``, the mini program's and the app's set."""
    ours = WeixinAccount(app_id="wx1", mch_id="11", key="k1")
    ctx = context(ours, "1795419065", "epksoucb6s")

    assert order.client_params(ours, "P", ctx) == {
        "appId": "wx1",
        "nonceStr": "epksoucb6s",
        "package": "prepay_id=P",
        "timeStamp": "1795419065",
        "signType": "MD5",
        "paySign": "D5E50A3A0C6968C615B4CE349B97340F",
    }


def context(ours: WeixinAccount, at: str, nonce: str) -> Context:
    moment = datetime.fromtimestamp(int(at), UTC)
    return Context(moment, nonce, BoundSigner(load_provider("weixin"), ours))


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "22D9B4E54AB1950F51E0649E8810ACD6"),
        ("HMAC-SHA256", "FB9D1EFB5C509131BBFF729F88A99CA2DE9B724D06D3B3262832A53083862BC0"),
    ],
)
def test_a_mini_programs_payload_is_the_documented_one(algorithm: str, expected: str) -> None:
    ours = WeixinAccount(app_id=D2["appId"], mch_id="10000100", key=PAGE_KEY, sign_type=algorithm)
    ctx = context(ours, D2["timeStamp"], D2["nonceStr"])

    assert order.client_params(ours, D2["package"].removeprefix("prepay_id="), ctx) == {
        **D2,
        "signType": algorithm,
        "paySign": expected,
    }


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "5D072367671D5598B65829D2EB113643"),
        ("HMAC-SHA256", "374E2638C45C1244FC555DBA2F186EE8FD0124DDB8AB2B4E915B5C81E054ACCA"),
    ],
)
def test_an_apps_payload_is_the_known_one(algorithm: str, expected: str) -> None:
    ours = WeixinAccount(app_id=D2C["appid"], mch_id=D2C["partnerid"], key=DOC_KEY, sign_type=algorithm)
    ctx = context(ours, D2C["timestamp"], D2C["noncestr"])

    assert order.app_params(ours, D2C["prepayid"], ctx) == {**D2C, "sign": expected}


def test_a_fund_flows_request_signs_as_the_seed_does() -> None:
    fields = {
        "account_type": "Basic",
        "appid": "wx1",
        "bill_date": "20200202",
        "mch_id": "m1",
        "nonce_str": "kkem8fv39l8",
        "sign_type": "HMAC-SHA256",
    }

    assert sign.signature(account("k1"), sign.text(fields), "HMAC-SHA256") == (
        "373F665144D546BBDDD43984C3B31513C71DF46A338EDFE8E3D6F684054CF123"
    )


def test_the_apps_parameters_sign_as_the_seed_does() -> None:
    fields = {
        "appid": "wx1",
        "noncestr": "5rvtlc2gm1g",
        "package": "Sign=WXPay",
        "partnerid": "m1",
        "prepayid": "P",
        "timestamp": "1795419065",
    }

    assert sign.signature(account("k1"), sign.text(fields), "MD5") == "77DB67E50F0FF39608C902BBFF29F386"


REQ_INFO_SHORT = (
    "c4VF9Oes6x9KEr2vYaWe++jv5OWbCsPkXQSberqwB9xh+0zXFTMapSdRFZEpBHHuCOeRviScBFhcSYhJrpVI1EdQE4SkdQbZy5t9gvFuCziVsdOh"
    "qJUWo+o6yEz3plLobO4ncOLXoF2wfZtP7t09gg=="
)


def test_req_info_decrypts_under_the_keys_md5() -> None:
    assert notify._opened("OF4Ne3znh8KqL0V4NqmALQa0uXMYKcEk", REQ_INFO_SHORT) == {
        "out_refund_no": "R1",
        "refund_status": "SUCCESS",
    }


# wechatpy, tests/test_crypto.py
REQ_INFO_LONG = (
    "51A27s9LxbaEv52nBOrqa0FCs3HVIM31Wc3BpNqSCP5MQlS8HL1Vl7mZ21043B7PZy7adtOZGtZv44lGl0U8JXlVFL4Ltxsw6+pACjZBB0Qi1LUD"
    "jFlP2IyTxYX4eC57kxnCphDdIyRkU67kOWW/HN/efggTUlaPJkoL5kVe9Y1MZF55IHR4lwGI7WtVLtxATX1tkAVZF+/ri0WlPXo9+GkqeB2/id6O"
    "zw09Tqp8C/TKbmKBpRhTCRU2TzfQoLa6fjbgETFHJ795aEMyUZPQYbbsz6U9Rj9lUzEh8+Oc8KYTXa9zVk+nnFr82+yjffb3d36ylTe0y/VmYf90"
    "rf9cbiJQdM00zZ8Qa99SlMTs2wjOO4Mi4Btlg1PebsLF8TkqbSZkRJDGs61UunUB8Km1b/VeBxXuv4D3H7DiVZ9Fj7lq2j07zFDpxxlhhen7kZvM"
    "WWO3lrfFpA9c4eFOqfF9SxcU9nBmHfDD1g/dsrMl6+a71xQHJ/gn80fZOefUBv92ggqutsuJ4gd4OqkmO0XUs8e4XQyLpra+LvpmahsU5lBIZuQc"
    "Mq3FHrqe8hXTfp3+3qym2wGfvPI75jx41VZwmBQy9izB1Id+A5lUeXC5QJy+ryDu/dWkhB+aMjkElaI/Epmcc/IEPaI73W6Hc58hNednOM536rPn"
    "n+GDc98PdGszpLTjmaZSu8dtqwPaym66yRqFQowzFoBbooik57iHUFBCeWya7XcXYL9WKhRF3uIZM+Kfv9/Zs2pF+w9/EJpltuzPpT1GP2VTMSHz"
    "45zwphFlS2lX8wHyZ+k9n2dptzQqpOCPedt5iQAmAe1oNQMxNdPDH9g68x9UzWD1kfK/dPO+3NPAh0XG+io4x15fIknNf7JLjpAuWicMMzCdwC4h"
    "hqeYOzQ+pC9f2xJXi5YViNKIZY69oO8eoHYRitLZrHLgx3oB2zimmqX6BI+DMklKAzAqqgGmbFxcVTvxZB6cMCx+H7TTWXnjAG+6A3SrCcxg0l5+"
    "UB93pkAYR7SVJ+VaZoiBqlqnZvb7IM17n9XaaFntlzvbbFCIa7OnOQb5Lvw="
)


def test_a_whole_refunds_req_info_is_read() -> None:
    ours = account("OF4Ne3znh8KqL0V4NqmALQa0uXMYKcEk")
    body = xml.build({"return_code": "SUCCESS", "appid": ours.app_id, "mch_id": ours.mch_id, "req_info": REQ_INFO_LONG})
    notice = notify.refund(ours, Notification({}, body), context(ours, "0", "n"))

    assert isinstance(notice, RefundNotice)
    assert (notice.refunded, notice.refund_status, notice.out_refund_no) == (True, "SUCCESS", "1234")
    assert (notice.refund_recv_accout, notice.success_time) == ("招商银行信用卡8915", "2020-01-04 18:34:24")


def test_the_keys_md5_keeps_its_leading_zero() -> None:
    key, digest = "00000000000000000000000000000017", b"02c35341e477bcc3ad9cec298c18d9a1"
    plain = b"<root><refund_status>CHANGE</refund_status></root>"
    pad = 16 - len(plain) % 16
    encryptor = Cipher(algorithms.AES(digest), modes.ECB()).encryptor()
    sealed = encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()

    assert notify._opened(key, base64.b64encode(sealed).decode()) == {"refund_status": "CHANGE"}


def test_xml_comes_back_as_it_went() -> None:
    fields = {"a": "1 < 2 & 3 > 2 ]]>", "b": "中文", "c": "", "d": ' "quoted" '}

    assert xml.parse(xml.build(fields)) == fields
