"""A sub-merchant's fund flow: one file, under a key that comes under the service provider's."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tongfu import HttpResponse, MalformedAnswer, SignatureError
from tongfu.errors import BillUnavailable, InvalidParams, TongfuError

SUB = "1900000109"
KEY, NONCE = "a8607ef79034c49ca8607ef79034c49c", "a8607ef79034c49c"
BILL = "记账时间,资金流水单号\n" + "`2026-11-23 12:00:00,`19\n" * 20_000  # of many chunks
URL = "https://api.mch.weixin.qq.com/v3/billdownload/file?token=6XIv5TUPto&tartype=gzip"


def sealed(text: bytes, key: str = KEY, nonce: str = NONCE) -> bytes:
    return AESGCM(key.encode()).encrypt(nonce.encode(), text, None)


@pytest.fixture
def part(wechatpay: Any) -> Callable[..., dict[str, Any]]:
    def part(text: str = BILL, key: str = KEY, **changed: Any) -> dict[str, Any]:
        sha1 = hashes.SHA1()
        oaep = padding.OAEP(padding.MGF1(sha1), sha1, None)
        hidden = wechatpay.key("merchant").public_key().encrypt(key.encode(), oaep)
        return {
            "bill_sequence": 1,
            "download_url": URL,
            "encrypt_key": base64.b64encode(hidden).decode(),
            "hash_type": "SHA1",
            "hash_value": hashlib.sha1(text.encode()).hexdigest(),
            "nonce": NONCE,
            **changed,
        }

    return part


@pytest.fixture
def fetch(wechatpay: Any) -> Callable[..., Any]:
    weixin = wechatpay.open(wechatpay.account(**wechatpay.public_key_mode, sub_mch_id=SUB))

    async def fetch(files: list[Any], body: bytes = b"", **asked: Any) -> Any:
        told = {"download_bill_count": len(files), "download_bill_list": files}
        wechatpay.transport.answer(wechatpay.answer(told))
        wechatpay.transport.answer(HttpResponse(200, {}, body))
        return await weixin.payment.download_fundflow(bill_date="20261123", **asked)

    return fetch


@pytest.mark.parametrize("packed", [False, True])
async def test_it_is_decrypted_unpacked_and_its_hash_checked(
    fetch: Any, part: Any, wechatpay: Any, packed: bool
) -> None:
    file = sealed(gzip.compress(BILL.encode()) if packed else BILL.encode())
    bill = await fetch([part()], file, account_type="Operation", tar_type="GZIP" if packed else None)

    asked, got = (urlsplit(request.url) for request in wechatpay.transport.requests)
    query = {name: value for name, (value,) in parse_qs(asked.query).items()}
    assert bill.content == BILL
    assert asked.path == "/v3/bill/sub-merchant-fundflowbill"
    assert query == {
        "bill_date": "2026-11-23",
        "account_type": "OPERATION",
        "algorithm": "AEAD_AES_256_GCM",
        "sub_mchid": SUB,
        **({"tar_type": "GZIP"} if packed else {}),
    }
    assert got.geturl() == URL


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (sealed(BILL.encode())[:-1], SignatureError),
        (sealed(BILL.encode()) + b"\0", SignatureError),
        (sealed(BILL.encode(), key=KEY[::-1]), SignatureError),
        (sealed(BILL.encode(), nonce=NONCE[::-1]), SignatureError),
        (sealed(BILL.encode() + b"x"), SignatureError),
        (BILL.encode(), SignatureError),
        (sealed(b""), SignatureError),
        (b"", MalformedAnswer),
        (b"\0" * 15, MalformedAnswer),
    ],
    ids=["cut", "longer", "other key", "other nonce", "other bill", "in the clear", "nothing", "empty", "no tag"],
)
async def test_another_file_is_refused(fetch: Any, part: Any, body: bytes, error: type[TongfuError]) -> None:
    with pytest.raises(error):
        await fetch([part()], body)


@pytest.mark.parametrize(
    "changed",
    [
        {"encrypt_key": None},
        {"encrypt_key": ""},
        {"encrypt_key": "AAAA"},
        {"key": KEY[:16]},
        {"key": KEY + "x"},
        {"nonce": None},
        {"nonce": "1234567"},
        {"nonce": "1" * 65},
        {"nonce": 7},
        {"hash_type": "MD5"},
        {"hash_value": None},
        {"download_url": "https://evil.example/file"},
    ],
)
async def test_what_does_not_tell_how_to_open_it_is_malformed(
    fetch: Any, part: Any, wechatpay: Any, changed: dict[str, Any]
) -> None:
    with pytest.raises(MalformedAnswer):
        await fetch([part(**changed)], sealed(BILL.encode()))

    assert len(wechatpay.transport.requests) == 1


async def test_no_file_is_no_bill(fetch: Any) -> None:
    with pytest.raises(BillUnavailable):
        await fetch([])


async def test_two_files_are_not_taken_for_one(fetch: Any, part: Any) -> None:
    with pytest.raises(MalformedAnswer, match="2 files"):
        await fetch([part(), part(bill_sequence=2)])


async def test_the_cipher_is_not_the_callers_to_choose(fetch: Any, part: Any, wechatpay: Any) -> None:
    with pytest.raises(InvalidParams, match="algorithm"):
        await fetch([part()], extra={"algorithm": "SM4_GCM"})

    assert wechatpay.transport.requests == []


async def test_the_key_shows_nowhere(fetch: Any, part: Any) -> None:
    with pytest.raises(SignatureError) as caught:
        await fetch([part()], sealed(b"another"))

    assert KEY not in repr(caught.value) + str(caught.value.__cause__) + str(caught.value.__context__)
