"""Known answers of APIv3: WeChat's documents and official SDKs. Those made for this project say so."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tongfu import Context
from tongfu.engine import BoundSigner
from tongfu.errors import SignatureError
from tongfu.registry import load_provider
from tongfu_weixin import WeixinAccount
from tongfu_weixin.pay_v3 import sensitive, sign, wire
from tongfu_weixin.pay_v3.call import build

MERCHANT = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAptpm+qvIDCh/9wjU26SQ
CK26ogYkBhDrYxnAaw2JbbBsp1oDbHKk+1r381NeBUG2HEFAuU+Fr72u5ot3yKdz
oF/FajAzQNKnm569/D3upKoi8mYBaST15Uig8j8qoUW1U217LL0jEHlSnHV3lcaD
TXqDpTRR4Bfz9IqOgJgFZ8/oTfEomSrjrLYef81Eyxr7ZIMQXEKKEK7V4UXKS0+/
fDsiG/cXidhzt8UbTL9vqXqxM2+IDImyO+FAc/tkBG55LmzxPto1Nq0WbnZzRM/w
Tzrd0I/8NlevxtFbphg4evlHjFNI7+GrqR87ViEwuAJJ9Je5QQjct5YJfFRWiZ5C
MQIDAQAB
-----END PUBLIC KEY-----"""
PLATFORM = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAwXNI6sdlknHBnK8Fu2U6
Cwor9qY747jP8KAfeBMeveEt1TqaHkLfaSD07trZLhGpfs8/AHqjhgSMO1O10YQW
OrrJ4hjIWPKqxbgrYMkBQc+mwdiWp4W3ByCqxBRagCveCXRWCmuJYovl9H/bsDI0
iGbpVtEOghJtfciisYSgxcLufUDTRkvwxjIBK1pCRjk33jJ5YTBWTHMRtMAOcFLN
F6hdEYdX8SPsgHHeLZ5Lv2T/686w1xtgCHef/sd4uSfWmyzsalQdHG/e4IyYmrhx
+O3VBoNDzE3nx23bFeV/RVNCG7cV6VhmYokJNHa/erIPkEmEFID6A5wQOXuxUkmJ
WwIDAQAB
-----END PUBLIC KEY-----"""
PLATFORM_ID = "PUB_KEY_ID_0000000000000024101100397200000006"
D11_BODY = {
    "appid": "wxd678efh567hg6787",
    "mchid": "1900007291",
    "description": "Image形象店-深圳腾大-QQ公仔",
    "out_trade_no": "1217752501201407033233368018",
    "notify_url": "https://www.weixin.qq.com/wxpay/pay.php",
    "amount": {"total": 100, "currency": "CNY"},
    "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
}
D11_SIGNATURE = (
    "jnks4dlrPw3ZX+ozVvSK39oa0t7OMBsg83BHAwd8BRdUFiVaQNTLTvci+wURgP1OQBbKYhFGvt7iqYpDSTQkp7Uq1sltaQKyncCy"
    "rA1g88m5bsKERQfPyT0ahSwKTYJ1CAn9QiJuSJRq1QsQs07eehbU/k9BCS51jTyc1Jpsi2H77HF9f/BnjXAOP3/sPObg6V5Ee4Ez"
    "wLox684hhuMuIwHo7D8KFk3LIHOKDcNI4It1aCXydFWNpNK+SG86VUDe5kwoDpw4Ulqfu9z8OFDGbDs9TCxEv8iqQzbpxOlEVoOe"
    "2kalSYM5kApQb3nZcxdUtoE0liJGW3RGUNE0t4v01A=="
)
D11B_SIGNATURE = (
    "cVvdVujlEmASmAYpcmKXmIrlQualKxd87f8XZtnTeLCw3V7kZ1ST6YwX0kSLsqJeecZqmKJfd6ieRl/hRLZUodxXU1NzoTz1OXNh"
    "6TzBfcxU8xRNFbmPiEHwMJM7Jo52TYGk71MaCbvkPlUpUL6WhpmAgfC7jg/3IcA/UILbby4Nro0Nbq0An/DYEEp8vZMaags/5ed5"
    "2JpGqxEOcTLIuqihy+Amy5z+t8m3a93YTRNDRi0W5b332UQBtrWRSwJOMU96Nof7hJC2MM71Y1bHB8YP8kBKaoDW7vEoNsEMVzky"
    "p0pyjUHFWc6yaRVHE054z79S2koj3jSRbCiY+CaJzg=="
)
D12_SIGNATURE = (
    "mI35pfNEQV6777ke/1T+LJLQDNTm7yeoUJH+j/adPGhmCCi0PbgkvYQTRcXH0uibcLVtvFLdGLpmoYO9FV6lBBsTAjuhh5YOvQi0"
    "e2g3e0yytitiNET9FEuqM0pjnKfRW4K6LIZDdbWJv9KhZUx3DrJa5TL7OJ7VdADVivxVySIlPVKjGwuCXzuXSJes0UcILgWQUMyh"
    "a5/3nYofuHtS7r+KYyMuxD+oJ9VM1Qdxk4UIG59CP5Y3wtYIFybyF3bdu1caHTRRX+DLyMXyYA/IrTmiW01c4RPjpHBX5Dk1sZyY"
    "1zVsWNsvMHr2e1NTWtBxKJ+qk5N61J7caYoepHFaxw=="
)
D13_SIGNATURE = (
    "gXx9KhTP6IooKV1SuG3OCGlBIgZbKtubCZvnau6khw1iffvNT28IzLbKmztq2xA/RCNbZa1XOsoiuVmAEeTZQicWfhv4P+O4oBRI"
    "rx0X9f3cnWFkMBU9alTWs0nyQ1N9fcILOTe0f4kxOhVh+/Xhn5hOiUK7Sz3XA1mcpa3R2NCWf/e+0ow/RDf15iTymOHgDrEkT/ge"
    "dg/3E0iXfDX3mFicSZhrHESZDOTXcl9RzELREBUFznd/o2NQM99WcL86m23HY0cTy+QGWU4QDmNrbQ9ihmLW71qPb0Cx/d7EQvw/"
    "Kyx0A6s64ZQp3hHdcmiRcLnjVXrKCk7LShaCK+lS3Q=="
)
D14_HEADERS = {
    "wechatpay-serial": PLATFORM_ID,
    "wechatpay-timestamp": "1722850421",
    "wechatpay-nonce": "d824f2e086d3c1df967785d13fcd22ef",
    "wechatpay-signature": (
        "mfI1CPqvBrgcXfgXMFjdNIhBf27ACE2YyeWsWV9ZI7T7RU0vHvbQpu9Z32ogzc+k8ZC5n3kz7h70eWKjgqNdKQF0eRp8mVKlmfzM"
        "LBVHbssB9jEZEDXThOX1XFqX7s7ymia1hoHQxQagPGzkdWxtlZPZ4ZPvr1RiqkgAu6Is8MZgXXrRoBKqjmSdrP1N7uxzJ/cjfSii"
        "s9FiLjuADoqmQ1P7p2N876YPAol7Rn0+GswwAwxldbdLrmVSjfytfSBJFqTMHn4itojgxSWWN1byuckQt8hSTEv/Lg97QoeGniYP"
        "17T80pJeQyL3b+295FPHSO2AtvCgyIbKMZ0BALilAA=="
    ),
}
D14_BODY = b'{"code_url":"weixin://wxpay/bizpayurl?pr=JyC91EIz1"}'
D14B_EMPTY = (
    "O2T6nIhV7mK/MESxdqrFFx4L/L/vopEc5cm1qe7snMJMMEL8sAtL7GfzS+oMLk5cdLCJAteRFLfviiT/JGuSJGa6g7JCKzFviLwq"
    "+8htR5vFn8ft0a8mDYIm/GvIZ+u5G9RJwsiCTQSE+O+8pgbxpP9vSS/25TOE3fEnnNP98TsSy/mcVvXmbglq8rITJ9SrJtAfKLh2"
    "1fohbCwKw7LpLjRoQ+iIRHpsue5NUsdZaOKEp1XsMKONr+Ww7iTgmbhNT84HvYyiZNSbhFiM1YrhusDzY7AQO9svoY7Szk6a5qpH"
    "/z6Web7Hsp1/m0CR5P7nBTuDZXOaZMHRz8iiVNhOuw=="
)
D14B_EVENT = (
    "jeKz0/r+xOLekz1lmzzLaW/NC/Qd197VkgPLZH1J78YI7fVNZLtmvdKnQKohr13hFOsK/kTDtcRsgMRbIARb45HOkz9IgoNiyEsY"
    "ZE8FcP+V0KU3sbw4KtKMgO5cqqAiM1EkVabReV0AAoK4oYOh1p0RMy85uNfJLhzM/jMFDkhHvIpBfG7JrixvjWkSz0Lyapw7KjvL"
    "pPCjbh3qGnRfVE+GeMeAduDJWd+0UK5t/Qh3ONYojnoHkSEaQD2/s1mtLUSTwjswqDf0iPa3OIiKxbHPITNG4FXKZMl/s62MbiNR"
    "b/G+LPWXfVB5xWhkKTQmPLVf9x7ybZURkzd0oCmCsQ=="
)
D9B = (
    "0x3UFXNO8Lrx69UitbC1zwU4v4bLM2/2BkU2jIB8SFO9oAwjWwFAI7bwLFXg1aOtsop0c7SE/Pi40xAoZfc5/yoy8BYzt2yQLk6E"
    "HiEDhX4GfYQnscrbYzc+E4VGMa26kDwS2ffeFImhESpgviWHrq/Qhvm/bt+in3nNz1XPtoO/3iQthNFbJstVzPh2QfZncMXLZwtE"
    "I/F9m5W7bnClpTajy+9IlItegmoFoYfLqyuIc9nH/5XJZyHnnxEuB1LkZTTok+sy5yF54K8JlRMIzlYX51s8iBbwcmuFx9SjOzvW"
    "/bWwkWsXe7e5MTk="
)
NONCE = "593BEC0C930BF1AFEB40B4A08C8FB242"


class Recorder:
    """A signer that keeps what it is to sign: the published vectors come without their private key."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def sign(self, payload: bytes, algorithm: str) -> str:
        self.payloads.append(payload)
        return algorithm

    def check(self, payload: bytes, signature: str, algorithm: str) -> None:
        raise AssertionError("a request verifies nothing")

    def acting_as(self, account: Any) -> Recorder:
        return self


def account(**fields: Any) -> WeixinAccount:
    return WeixinAccount(
        **{
            "app_id": "wx2421b1c4370ec43b",
            "mch_id": "1900007291",
            "private_key": "never parsed here",
            "cert_serial": "408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB",
            "public_key": PLATFORM,
            "public_key_id": PLATFORM_ID,
            **fields,
        }
    )


def signed_by_the_merchant(payload: bytes, signature: str) -> None:
    key: Any = serialization.load_pem_public_key(MERCHANT.encode())
    key.verify(base64.b64decode(signature), payload, padding.PKCS1v15(), hashes.SHA256())


def encoded(method: str, path: str, **fields: Any) -> tuple[Any, bytes]:
    recorder = Recorder()
    ctx = Context(datetime.fromtimestamp(1554208460, UTC), NONCE, recorder)
    request = wire.encode(account(), build("vector", method, path, lambda answer, ctx: answer, **fields), ctx)
    (payload,) = recorder.payloads
    return request, payload


def test_d11_the_body_that_is_sent_has_the_documents_signature() -> None:
    request, payload = encoded("POST", "/v3/pay/transactions/jsapi", json=D11_BODY)

    signed_by_the_merchant(payload, D11_SIGNATURE)
    assert request.body == json.dumps(D11_BODY, ensure_ascii=False, separators=(",", ":")).encode()
    assert request.headers["authorization"] == (
        'WECHATPAY2-SHA256-RSA2048 mchid="1900007291",nonce_str="593BEC0C930BF1AFEB40B4A08C8FB242",'
        'timestamp="1554208460",serial_no="408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB",'
        'signature="WECHATPAY2-SHA256-RSA2048"'
    )


def test_d11b_a_query_is_signed_with_its_path_and_an_empty_line() -> None:
    path = "/v3/pay/transactions/out-trade-no/1217752501201407033233368018"
    request, payload = encoded("GET", path, query={"mchid": "1900007291"})

    signed_by_the_merchant(payload, D11B_SIGNATURE)
    assert request.url == f"https://api.mch.weixin.qq.com{path}?mchid=1900007291"


@pytest.mark.parametrize(
    ("last", "signature"),
    [
        ("prepay_id=wx201410272009395522657a690389285100", D12_SIGNATURE),
        ("wx201410272009395522657a690389285100", D13_SIGNATURE),
    ],
    ids=["d12", "d13"],
)
def test_d12_d13_client_parameters_are_four_lines(last: str, signature: str) -> None:
    """Through our own verification, with the merchant's public key in the platform's place."""
    payload = f"wx2421b1c4370ec43b\n1554208460\n{NONCE}\n{last}\n".encode()
    merchant = account(public_key=MERCHANT, private_key=None)

    assert sign.matches(merchant, payload, signature, f"{sign.ALGORITHM}:{PLATFORM_ID}")
    assert not sign.matches(merchant, payload[:-1], signature, f"{sign.ALGORITHM}:{PLATFORM_ID}")


def authentic(headers: dict[str, str], body: bytes, public_key: str = PLATFORM) -> None:
    shop = account(public_key=public_key, private_key=None)
    signer = BoundSigner(load_provider("weixin"), shop)
    sign.authentic(shop, headers, body, Context(datetime.fromtimestamp(1722850421, UTC), "n", signer))


def test_d14_the_documents_answer_is_authentic() -> None:
    authentic(D14_HEADERS, D14_BODY)


@pytest.mark.parametrize("body", [b"", D14_BODY[:-1], D14_BODY + b"\n", D14_BODY.replace(b"EIz1", b"EIz2")])
def test_d14_with_another_body_is_not(body: bytes) -> None:
    with pytest.raises(SignatureError):
        authentic(D14_HEADERS, body)


@pytest.mark.parametrize(("body", "signature"), [(b"", D14B_EMPTY), (b'{"id":"EV-1"}', D14B_EVENT)])
def test_d14b_an_empty_body_and_an_event(body: bytes, signature: str) -> None:
    """Made for this project, with the document's merchant key."""
    authentic({**D14_HEADERS, "wechatpay-signature": signature}, body, MERCHANT)


def opened(key: str, nonce: str, associated_data: str | None, ciphertext: str) -> bytes:
    shop = account(api_v3_key=key)
    if len(key) == 16:  # the official Go SDK's test key; a real one has 32 characters, and ours are checked
        shop.parsed["api_v3_key"] = AESGCM(key.encode())
    sealed = {"algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "ciphertext": ciphertext}
    if associated_data is not None:
        sealed["associated_data"] = associated_data
    return sensitive.opened(shop, sealed)


def test_d8_the_go_sdks_cipher() -> None:
    assert b"Hello World" == opened(
        "testAPIv3Key0000",
        "wCq51qZv4Yfg",
        "Dl56FrqWQJF1t9LtC3vEUsniZKvbqdR8",
        "FsdXzxryWfKwvLJKf8LG/ToRPTRh8RN9wROC",
    )


def test_d9_the_java_sdks_cipher() -> None:
    assert b"message" == opened(
        "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb", "uluk4a9R25RW", "associatedData", "ulwSiIajGClcvcOYvOQ7+l+0PAbzzwI="
    )


def test_d9b_a_transaction() -> None:
    """Made for this project."""
    assert json.loads(opened("a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb", "abcdefghijkl", "transaction", D9B)) == {
        "mchid": "1900007291",
        "appid": "wx2421b1c4370ec43b",
        "out_trade_no": "T1",
        "transaction_id": "4200000000202601010000000001",
        "trade_state": "SUCCESS",
        "amount": {"total": 1, "payer_total": 1, "currency": "CNY", "payer_currency": "CNY"},
    }


@pytest.mark.parametrize("associated_data", ["", None])
def test_d9b_no_associated_data_is_an_empty_one(associated_data: str | None) -> None:
    """Made for this project."""
    assert b'{"ok":1}' == opened(
        "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb", "abcdefghijkl", associated_data, "0x3WHTkdpeVGrlXDljkabI6HYzO7UMR2"
    )
