"""WeChat Pay v3 next to the bare RSA and AES-GCM. Read the ratios, not the microseconds."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tongfu import Context, HttpResponse, Notification
from tongfu.engine import BoundSigner, random_nonce, utc_now
from tongfu.registry import load_provider
from tongfu_weixin import WeixinAccount
from tongfu_weixin.pay_v3.call import build

OURS = rsa.generate_private_key(65537, 2048)
THEIRS = rsa.generate_private_key(65537, 2048)
KEY = THEIRS.public_key()
KEY_ID = "PUB_KEY_ID_0000000000000024101100397200000006"
API_V3_KEY = "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb"
AEAD = AESGCM(API_V3_KEY.encode())
NOW = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
ORDER = {
    "appid": "wx2421b1c4370ec43b",
    "mchid": "1900007291",
    "description": "coffee",
    "out_trade_no": "A1001",
    "notify_url": "https://shop.example/notify/weixin",
    "amount": {"total": 100, "currency": "CNY"},
    "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
}
PAID = {
    "mchid": "1900007291",
    "appid": "wx2421b1c4370ec43b",
    "out_trade_no": "A1001",
    "transaction_id": "4200000001202611240000000001",
    "trade_type": "JSAPI",
    "trade_state": "SUCCESS",
    "trade_state_desc": "支付成功",
    "bank_type": "CMC",
    "attach": "",
    "success_time": "2026-11-24T12:00:00+08:00",
    "payer": {"openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},
    "amount": {"total": 100, "payer_total": 100, "currency": "CNY", "payer_currency": "CNY"},
}


def raw_sign(payload: bytes) -> str:
    return base64.b64encode(OURS.sign(payload, padding.PKCS1v15(), hashes.SHA256())).decode()


def signed(body: bytes) -> dict[str, str]:
    timestamp = str(int(NOW.timestamp()))
    payload = f"{timestamp}\nthe-nonce\n".encode() + body + b"\n"
    return {
        "wechatpay-timestamp": timestamp,
        "wechatpay-nonce": "the-nonce",
        "wechatpay-serial": KEY_ID,
        "wechatpay-signature": base64.b64encode(THEIRS.sign(payload, padding.PKCS1v15(), hashes.SHA256())).decode(),
    }


SEALED = AEAD.encrypt(b"0123456789ab", json.dumps(PAID, ensure_ascii=False).encode(), b"transaction")
ENVELOPE = json.dumps(
    {
        "id": "EV-2018022511223320873",
        "create_time": "2026-11-24T12:00:00+08:00",
        "resource_type": "encrypt-resource",
        "event_type": "TRANSACTION.SUCCESS",
        "summary": "支付成功",
        "resource": {
            "original_type": "transaction",
            "algorithm": "AEAD_AES_256_GCM",
            "ciphertext": base64.b64encode(SEALED).decode(),
            "associated_data": "transaction",
            "nonce": "0123456789ab",
        },
    },
    ensure_ascii=False,
).encode()
HEADERS = signed(ENVELOPE)
ANSWER = b'{"prepay_id":"wx26112209580621e9b071c00d9e093b0000"}'
ANSWERED = HttpResponse(200, signed(ANSWER), ANSWER)


def raw_verify(headers: dict[str, str], body: bytes) -> bool:
    payload = f"{headers['wechatpay-timestamp']}\n{headers['wechatpay-nonce']}\n".encode() + body + b"\n"
    KEY.verify(base64.b64decode(headers["wechatpay-signature"]), payload, padding.PKCS1v15(), hashes.SHA256())
    return True


def account() -> WeixinAccount:
    return WeixinAccount(
        app_id="wx2421b1c4370ec43b",
        mch_id="1900007291",
        api_v3_key=API_V3_KEY,
        private_key=OURS.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        cert_serial="408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB",
        public_key_id=KEY_ID,
        public_key=KEY.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
    )


@pytest.mark.benchmark(group="weixin v3 request: from a document to bytes with their Authorization")
@pytest.mark.parametrize("who", ["raw_rsa_sign", "raw_json_and_rsa_sign", "tongfu"])
def test_request(benchmark: Any, who: str) -> None:
    body = json.dumps(ORDER, ensure_ascii=False, separators=(",", ":")).encode()
    payload = b"POST\n/v3/pay/transactions/jsapi\n1795492800\n0123456789abcdef0123456789abcdef\n" + body + b"\n"
    if who == "raw_rsa_sign":
        benchmark(lambda: raw_sign(payload))
    elif who == "raw_json_and_rsa_sign":

        def by_hand() -> str:
            nonce, timestamp = random_nonce(), int(utc_now().timestamp())
            written = json.dumps(ORDER, ensure_ascii=False, separators=(",", ":")).encode()
            head = f"POST\n/v3/pay/transactions/jsapi\n{timestamp}\n{nonce}\n".encode()
            signature = raw_sign(head + written + b"\n")
            return (
                f'WECHATPAY2-SHA256-RSA2048 mchid="1900007291",nonce_str="{nonce}",timestamp="{timestamp}",'
                f'serial_no="408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB",signature="{signature}"'
            )

        benchmark(by_hand)
    else:
        ours, provider = account(), load_provider("weixin")
        signer = BoundSigner(provider, ours)
        call = build("bench", "POST", "/v3/pay/transactions/jsapi", lambda fields, ctx: fields, json=ORDER)
        request = benchmark(lambda: provider.encode(ours, call, Context(utc_now(), random_nonce(), signer)))
        assert request.body == body


@pytest.mark.benchmark(group="weixin v3 answer: from bytes to verified fields")
@pytest.mark.parametrize("who", ["raw_rsa_verify_and_json", "tongfu"])
def test_answer(benchmark: Any, who: str) -> None:
    if who == "raw_rsa_verify_and_json":
        benchmark(lambda: (raw_verify(dict(ANSWERED.headers), ANSWER), json.loads(ANSWER)))
    else:
        ours, provider = account(), load_provider("weixin")
        ctx = Context(NOW, "n", BoundSigner(provider, ours))
        call = build("bench", "POST", "/v3/pay/transactions/jsapi", lambda fields, ctx: fields, json=ORDER)
        assert benchmark(lambda: provider.decode(ours, call, ANSWERED, ctx)) == json.loads(ANSWER)


@pytest.mark.benchmark(group="weixin v3 notification: from the request to a verified, decrypted notice")
@pytest.mark.parametrize("who", ["raw_rsa_verify_and_gcm", "raw_with_json", "tongfu"])
def test_notification(benchmark: Any, who: str) -> None:
    if who == "raw_rsa_verify_and_gcm":
        benchmark(lambda: (raw_verify(HEADERS, ENVELOPE), AEAD.decrypt(b"0123456789ab", SEALED, b"transaction")))
    elif who == "raw_with_json":

        def by_hand() -> Any:
            raw_verify(HEADERS, ENVELOPE)
            resource = json.loads(ENVELOPE)["resource"]
            sealed = base64.b64decode(resource["ciphertext"])
            return json.loads(AEAD.decrypt(resource["nonce"].encode(), sealed, resource["associated_data"].encode()))

        assert benchmark(by_hand) == PAID
    else:
        ours, provider = account(), load_provider("weixin")
        ctx = Context(NOW, "n", BoundSigner(provider, ours))
        notice: Any = benchmark(
            lambda: provider.begin("verify_payment_notify", ours, Notification(HEADERS, ENVELOPE), ctx)
        )
        assert notice.paid
