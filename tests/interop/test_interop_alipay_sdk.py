"""python-alipay-sdk, an SDK of other hands, completes a payment on our emulator; each verifies what the other signs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
import pytest
from aiohttp import web
from alipay import AliPay, DCAliPay
from cryptography.hazmat.primitives import serialization

from tongfu import Notification, SignatureError, Tongfu
from tongfu.emulator import Emulator
from tongfu_alipay import AlipayAccount, keys

# python-alipay-sdk uses what Python deprecates.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Merchant:
    """Keeps what the emulator sends and accepts it."""

    def __init__(self) -> None:
        self.forms: list[dict[str, str]] = []
        self.url = ""

    async def receive(self, request: web.Request) -> web.Response:
        self.forms.append(dict(parse_qsl((await request.read()).decode(), keep_blank_values=True)))
        return web.Response(text="success")


@pytest.fixture
async def emu() -> AsyncIterator[Emulator]:
    async with Emulator(platforms=["alipay"]) as emulator:
        yield emulator


@pytest.fixture
async def merchant() -> AsyncIterator[Merchant]:
    merchant = Merchant()
    app = web.Application()
    app.router.add_post("/notify", merchant.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    merchant.url = f"http://127.0.0.1:{runner.addresses[0][1]}/notify"
    yield merchant
    await runner.cleanup()


def sdk(emu: Emulator, notify_url: str) -> AliPay:
    line = emu.settings()["alipay"]
    pem = serialization.Encoding.PEM
    private = keys.private_key(line["private_key"]).private_bytes(
        pem, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = keys.public_key(line["alipay_public_key"]).public_bytes(
        pem, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    client = AliPay(
        appid=line["app_id"],
        app_notify_url=notify_url,
        app_private_key_string=private.decode(),
        alipay_public_key_string=public.decode(),
        sign_type="RSA2",
    )
    client._gateway = line["gateway"]
    return client


def certified_sdk(emu: Emulator, notify_url: str) -> DCAliPay:
    """The same in certificate mode."""
    line = emu.settings()["alipay"]
    private = keys.private_key(line["private_key"]).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    client = DCAliPay(
        appid=line["app_id"],
        app_notify_url=notify_url,
        app_private_key_string=private.decode(),
        app_public_key_cert_string=line["app_cert"],
        alipay_public_key_cert_string=line["alipay_cert"],
        alipay_root_cert_string=line["alipay_root_cert"],
        sign_type="RSA2",
    )
    client._gateway = line["gateway"]
    return client


async def run(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """The SDK blocks; the emulator lives in this loop."""
    return await asyncio.to_thread(call, *args, **kwargs)


@pytest.mark.parametrize("sdk", [sdk, certified_sdk], ids=["key mode", "certificate mode"])
async def test_a_whole_payment(emu: Emulator, merchant: Merchant, sdk: Callable[[Emulator, str], AliPay]) -> None:
    client = sdk(emu, merchant.url)
    made = await run(
        client.api_alipay_trade_create,
        subject="咖啡/茶",
        out_trade_no="A1001",
        total_amount="88.88",
        buyer_id="2088101117955611",
    )
    assert made["code"] == "10000"
    assert (await run(client.api_alipay_trade_query, out_trade_no="A1001"))["trade_status"] == "WAIT_BUYER_PAY"

    await emu.pay("A1001")
    form = dict(merchant.forms[0])
    sign = form.pop("sign")
    assert client.verify(dict(form), sign)
    assert not client.verify({**form, "total_amount": "0.01"}, sign)

    back = await run(client.api_alipay_trade_refund, refund_amount="8.88", out_trade_no="A1001", out_request_no="R1")
    assert (back["fund_change"], back["refund_fee"]) == ("Y", "8.88")
    again = await run(client.api_alipay_trade_refund, refund_amount="8.88", out_trade_no="A1001", out_request_no="R1")
    assert (again["fund_change"], again["refund_fee"]) == ("N", "8.88")
    told = await run(client.api_alipay_trade_fastpay_refund_query, "R1", out_trade_no="A1001")
    assert (told["refund_status"], told["refund_amount"]) == ("REFUND_SUCCESS", "8.88")
    await emu.settle()
    form = dict(merchant.forms[-1])
    sign = form.pop("sign")
    assert client.verify(form, sign)
    assert (form["refund_fee"], form["out_biz_no"]) == ("8.88", "R1")


@pytest.mark.parametrize("sdk", [sdk, certified_sdk], ids=["key mode", "certificate mode"])
async def test_close_cancel_and_precreate(
    emu: Emulator, merchant: Merchant, sdk: Callable[[Emulator, str], AliPay]
) -> None:
    client = sdk(emu, merchant.url)
    code = await run(client.api_alipay_trade_precreate, subject="tea", out_trade_no="A1002", total_amount="0.01")
    assert code["qr_code"].startswith("https://")
    assert (await run(client.api_alipay_trade_query, out_trade_no="A1002"))["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    await emu.pay("A1002", "userpaying")
    assert (await run(client.api_alipay_trade_close, out_trade_no="A1002"))["code"] == "10000"
    assert (await run(client.api_alipay_trade_cancel, out_trade_no="A1002"))["action"] == "close"


@pytest.mark.parametrize("sdk", [sdk, certified_sdk], ids=["key mode", "certificate mode"])
async def test_an_order_string_and_a_page_open_the_cashier(
    emu: Emulator, merchant: Merchant, sdk: Callable[[Emulator, str], AliPay]
) -> None:
    client = sdk(emu, merchant.url)
    string = client.api_alipay_trade_app_pay(subject="a b&c+d", out_trade_no="A1003", total_amount="0.57")
    page = client.api_alipay_trade_page_pay(subject="a b&c+d", out_trade_no="A1004", total_amount="0.57")
    async with aiohttp.ClientSession() as session:
        opened = await session.post(emu.url + "/_emulator/alipay/app_pay", json={"order_string": string})
        assert (opened.status, await opened.json()) == (200, {"out_trade_no": "A1003"})
        shown = await session.get(f"{emu.url}/gateway.do?{page}")
        assert "A1004" in await shown.text()
    for number in ("A1003", "A1004"):
        await emu.pay(number)
        assert (await run(client.api_alipay_trade_query, out_trade_no=number))["trade_status"] == "TRADE_SUCCESS"


async def test_we_verify_what_the_sdk_signs(emu: Emulator) -> None:
    """The SDK, holding the platform's key, signs a notification of its own making."""
    half = emu._halves["alipay"]
    platform_key = half.identity.alipay_key.private_bytes(  # type: ignore[attr-defined]  # the emulated platform's own
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    line = emu.settings()["alipay"]
    signer = sdk(emu, "")
    signer._app_private_key_string = platform_key.decode()
    signer._load_key()
    fields = {
        "app_id": line["app_id"],
        "seller_id": line["seller_id"],
        "charset": "utf-8",
        "out_trade_no": "A1001",
        "trade_no": "T1",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "88.88",
        "subject": "咖啡 +&=",
    }
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields))
    form = {**fields, "sign_type": "RSA2", "sign": signer._sign(text)}
    async with Tongfu(emu.accounts()) as tf:
        good = await tf.payment.verify_payment_notify("alipay", Notification({}, urlencode(form).encode()))
        assert (good.paid, good.total_fee) == (True, 8888)
        forged = urlencode({**form, "total_amount": "0.01"}).encode()
        with pytest.raises(SignatureError):
            await tf.payment.verify_payment_notify("alipay", Notification({}, forged))


async def test_its_certificate_numbers_are_ours(emu: Emulator) -> None:
    client, line = certified_sdk(emu, ""), emu.settings()["alipay"]
    names = ("app_id", "private_key", "app_cert", "alipay_cert", "alipay_root_cert")
    own = AlipayAccount(**{name: line[name] for name in names}).certificates()

    assert (client.app_cert_sn, client.alipay_root_cert_sn) == (own.app_cert_sn, own.alipay_root_cert_sn)


async def test_it_transfers_in_certificate_mode_only(emu: Emulator) -> None:
    client = certified_sdk(emu, "")
    payee = {"identity_type": "ALIPAY_USER_ID", "identity": "2088101117955611"}
    sent = await run(client.api_alipay_fund_trans_uni_transfer, "T1", trans_amount="10.29", order_title="工资", **payee)

    assert (sent["code"], sent["status"], sent["amount"]) == ("10000", "SUCCESS", "10.29")
