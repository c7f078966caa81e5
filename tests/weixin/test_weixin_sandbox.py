"""The sandbox's key is fetched once, signed for with the real key, and used for everything else."""

from __future__ import annotations

from tongfu import HttpRequest, HttpResponse, Tongfu
from tongfu.testing import FakeTransport
from tongfu_weixin import WeixinAccount
from tongfu_weixin.emulator import codec

REAL, SANDBOX = "r" * 32, "s" * 32
IDS = {"appid": "wx1", "mch_id": "1900000109"}


def platform(request: HttpRequest) -> HttpResponse:
    fields = codec.read(request.body)
    key = REAL if request.url.endswith("/sandboxnew/pay/getsignkey") else SANDBOX
    assert fields["sign"] == codec.sign(fields, key, "MD5")
    if key == REAL:
        return HttpResponse(200, {}, codec.write({"return_code": "SUCCESS", "sandbox_signkey": SANDBOX}))
    told = {"return_code": "SUCCESS", "result_code": "SUCCESS", **IDS, "nonce_str": "n", "trade_state": "NOTPAY"}
    return HttpResponse(200, {}, codec.write({**told, "sign": codec.sign(told, SANDBOX, "MD5")}))


async def test_one_key_serves_many_calls() -> None:
    transport = FakeTransport(platform, platform, platform)
    account = WeixinAccount(app_id="wx1", mch_id=IDS["mch_id"], key=REAL, sandbox=True)
    async with Tongfu({"shop": account}, transport=transport) as tf:
        for _ in range(2):
            assert (await tf.payment.order_query("shop", out_trade_no="A10011")).trade_state == "NOTPAY"

    assert [request.url.partition(".com")[2] for request in transport.requests] == [
        "/sandboxnew/pay/getsignkey",
        "/sandboxnew/pay/orderquery",
        "/sandboxnew/pay/orderquery",
    ]
