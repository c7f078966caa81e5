"""
What strangers send to a notify_url and in an answer's place, threat by threat, and at random.

The list is the one every payment library should be held against; what is not here (serials, time
windows, SIGNTEST, form fields) does not exist in v2.
"""

from __future__ import annotations

import base64
import hmac
import logging
from dataclasses import replace
from functools import cache
from typing import Any, Final

import pytest

from tongfu import ConfigError, MalformedAnswer, Notification, SignatureError, Tongfu, TongfuError
from tongfu.call import NOTIFICATION_LIMIT
from tongfu.errors import NoticeMismatch, WrongNotice
from tongfu.testing import FakeTransport
from tongfu_weixin import WeixinAccount
from tongfu_weixin.emulator import codec

KEY: Final = "192006250b4c09247ec02edce69f6a2d"
IDS: Final = {"appid": "wxd930ea5d5a258f4f", "mch_id": "1900000109"}
OPENID: Final = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
PAID: Final = {
    "return_code": "SUCCESS",
    "result_code": "SUCCESS",
    **IDS,
    "nonce_str": "5K8264ILTKCH16CQ2502SI8ZNMTM67VS",
    "openid": OPENID,
    "out_trade_no": "A10011",
    "transaction_id": "4200000001202611240000000001",
    "total_fee": "100",
    "cash_fee": "100",
    "fee_type": "CNY",
    "time_end": "20261124160318",
}
BACK: Final = {
    "out_trade_no": "A10011",
    "out_refund_no": "R1",
    "refund_id": "5000",
    "refund_status": "SUCCESS",
    "total_fee": "100",
    "refund_fee": "60",
}
SHOP: Final = WeixinAccount(app_id=IDS["appid"], mch_id=IDS["mch_id"], key=KEY)


def message(key: str = KEY, algorithm: str = "MD5", **changes: str) -> bytes:
    fields = {**PAID, **changes}
    return codec.write({**fields, "sign": codec.sign(fields, key, algorithm)})


def envelope(req_info: str, **changes: str) -> bytes:
    return codec.write({"return_code": "SUCCESS", **IDS, "nonce_str": "n", "req_info": req_info, **changes})


def refund_notice(key: str = KEY, root: str = "root", **changes: str) -> bytes:
    return envelope(codec.seal(codec.write({**BACK, **changes}, root), key))


@cache
def facade(account: WeixinAccount) -> Tongfu:
    return Tongfu({"shop": account}, transport=FakeTransport())


async def verify(
    body: bytes, kind: str = "payment", *, account: WeixinAccount = SHOP, headers: Any = (), query: Any = ()
) -> Any:
    operation = getattr(facade(account).payment, f"verify_{kind}_notify")
    return await operation("shop", Notification(dict(headers), body, dict(query)))


async def test_only_the_raw_body_is_verified() -> None:
    with pytest.raises(TypeError, match="bytes as received"):
        Notification({}, message().decode())  # type: ignore[arg-type]
    assert (await verify(message())).paid


async def test_an_oversize_body_is_not_parsed() -> None:
    with pytest.raises(MalformedAnswer, match="larger"):
        Notification({}, message(attach="x" * NOTIFICATION_LIMIT))


@pytest.mark.parametrize("broken", [{"total_fee": "x"}, {"out_trade_no": ""}, {"transaction_id": ""}])
async def test_the_signature_is_checked_before_any_field_is_read(broken: dict[str, str]) -> None:
    with pytest.raises(MalformedAnswer):
        await verify(message(**broken))
    with pytest.raises(SignatureError):
        await verify(message(key="another key", **broken))


@pytest.mark.parametrize("sign_element", [b"", b"<sign></sign>", b"<sign> </sign>", b"<sign><![CDATA[]]></sign>"])
async def test_a_missing_or_empty_signature_is_refused(sign_element: bytes) -> None:
    with pytest.raises(SignatureError):
        await verify(codec.write(PAID).replace(b"</xml>", sign_element + b"</xml>"))


@pytest.mark.parametrize("order", ["authentic first", "authentic last"])
async def test_a_second_signature_is_refused(order: str) -> None:
    other = b"<sign>" + b"0" * 32 + b"</sign>"
    body = message()
    doubled = (
        body.replace(b"</xml>", other + b"</xml>")
        if order == "authentic first"
        else body.replace(b"<xml>", b"<xml>" + other)
    )
    with pytest.raises(MalformedAnswer, match="twice"):
        await verify(doubled)


@pytest.mark.parametrize("name", ["total_fee", "out_trade_no", "mch_id", "sign_type"])
async def test_a_field_that_comes_twice_is_refused(name: str) -> None:
    body = message(sign_type="MD5")
    with pytest.raises(MalformedAnswer, match="twice"):
        await verify(body.replace(b"<xml>", f"<xml><{name}>1</{name}>".encode()))


@pytest.mark.parametrize("word", ["NONE", "md5", "HMAC_SHA256", "RSA", "SHA256", "MD5,HMAC-SHA256"])
async def test_a_message_cannot_choose_an_algorithm_that_v2_does_not_have(word: str) -> None:
    for algorithm in ("MD5", "HMAC-SHA256"):
        with pytest.raises(SignatureError):
            await verify(message(sign_type=word, algorithm=algorithm))


@pytest.mark.parametrize(("named", "used"), [("MD5", "HMAC-SHA256"), ("HMAC-SHA256", "MD5")])
async def test_a_message_cannot_name_one_algorithm_and_use_the_other(named: str, used: str) -> None:
    assert (await verify(message(sign_type=used, algorithm=used))).paid
    with pytest.raises(SignatureError):
        await verify(message(sign_type=named, algorithm=used))


@pytest.mark.parametrize("account", [SHOP, replace(SHOP, sign_type="HMAC-SHA256")])
async def test_an_order_of_either_algorithm_is_verified_without_a_sign_type(account: WeixinAccount) -> None:
    """What HMAC orders are told often names no sign_type; the length of the signature does."""
    for algorithm in ("MD5", "HMAC-SHA256"):
        assert (await verify(message(algorithm=algorithm), account=account)).paid


@pytest.mark.parametrize(
    "changes",
    [
        {"appid": "wx0000000000000000"},
        {"mch_id": "1900000110"},
        {"mch_id": ""},
        {"appid": ""},
        {"sub_mch_id": "1900000777"},
    ],
)
async def test_another_merchants_payment_is_refused_although_the_key_is_ours(changes: dict[str, str]) -> None:
    with pytest.raises(SignatureError):
        await verify(message(**changes))


async def test_a_merchant_may_be_named_as_its_own_sub_merchant() -> None:
    assert (await verify(message(sub_mch_id=IDS["mch_id"]))).paid


@pytest.mark.parametrize(
    "changes", [{}, {"sub_mch_id": "1900000888"}, {"sub_mch_id": "1900000777", "sub_appid": "wx8"}]
)
async def test_another_sub_merchants_payment_is_refused(changes: dict[str, str]) -> None:
    ours = WeixinAccount(app_id=IDS["appid"], mch_id=IDS["mch_id"], key=KEY, sub_mch_id="1900000777", sub_app_id="wx7")
    assert (await verify(message(sub_mch_id="1900000777", sub_appid="wx7"), account=ours)).paid
    with pytest.raises(SignatureError):
        await verify(message(**changes), account=ours)
    with pytest.raises(SignatureError):
        await verify(envelope(codec.seal(codec.write(BACK, "root"), KEY), **changes), "refund", account=ours)


async def test_another_amount_or_currency_is_a_mismatch() -> None:
    for changes in ({"total_fee": "1"}, {"fee_type": "JPY"}, {"out_trade_no": "A10012"}):
        notice = await verify(message(**changes))
        with pytest.raises(NoticeMismatch):
            notice.expect(out_trade_no="A10011", total_fee=100)


@pytest.mark.parametrize("changes", [{"result_code": "FAIL"}, {"return_code": "FAIL"}, {"result_code": "success"}])
async def test_only_success_is_paid_however_well_it_is_signed(changes: dict[str, str]) -> None:
    notice = await verify(message(**changes))

    assert (notice.paid, notice.trade_state) == (False, "PAYERROR")


@pytest.mark.parametrize("status", ["CHANGE", "REFUNDCLOSE", "PROCESSING", "success", "X"])
async def test_only_success_is_refunded(status: str) -> None:
    notice = await verify(refund_notice(refund_status=status), "refund")

    assert (notice.refunded, notice.refund_status, notice.paid) == (False, status, False)


async def test_without_a_key_nothing_is_verified() -> None:
    keyless = WeixinAccount(app_id=IDS["appid"], mch_id=IDS["mch_id"])
    for body, kind in ((message(key=""), "payment"), (refund_notice(key=""), "refund")):
        with pytest.raises(ConfigError, match="key"):
            await verify(body, kind, account=keyless)


XXE = '<?xml version="1.0"?><!DOCTYPE xml [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
LAUGHS = '<!DOCTYPE xml [<!ENTITY a "ha"><!ENTITY b "' + "&a;" * 50 + '"><!ENTITY c "' + "&b;" * 50 + '">]>'


@pytest.mark.parametrize("prologue", [XXE, LAUGHS, "<!DOCTYPE xml>", '<!DOCTYPE xml SYSTEM "http://evil.example/x">'])
@pytest.mark.parametrize("root", ["xml", "root"])
async def test_a_document_type_is_refused_before_it_does_anything(prologue: str, root: str) -> None:
    """In the clear, and inside an encrypted refund, where only a leaked key could put it."""
    document = f"{prologue}<{root}><a>&x;&c;</a></{root}>".encode()
    if root == "xml":
        with pytest.raises(MalformedAnswer):
            await verify(document)
        with pytest.raises(MalformedAnswer):
            await verify(document, "refund")
    else:
        with pytest.raises(SignatureError):
            await verify(envelope(codec.seal(document, KEY)), "refund")


@pytest.mark.parametrize(
    "extra",
    [b"<?evil x?>", b"<a b='c'/>", b"<a><total_fee>1</total_fee></a>", b"text", b"</xml><xml>", b"\0", b"&x;", b"&#0;"],
)
async def test_what_a_flat_document_does_not_have_is_refused(extra: bytes) -> None:
    with pytest.raises(MalformedAnswer):
        await verify(message().replace(b"<xml>", b"<xml>" + extra))


@pytest.mark.parametrize("charset", ["GBK", "GB18030", "UTF-16", "UTF-16LE", "UTF-16BE", "utf-32"])
async def test_another_charset_is_not_believed(charset: str) -> None:
    """The bytes are UTF-8 whatever a declaration or a header says."""
    declared = f'<?xml version="1.0" encoding="{charset}"?>'.encode() + message(attach="茶")
    notice = await verify(declared, headers={"Content-Type": f"text/xml; charset={charset}"})
    assert (notice.paid, notice.attach) == (True, "茶")
    with pytest.raises(TongfuError):
        await verify(message(attach="茶").decode().encode(charset))


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-HTTP-Method-Override": "GET"},
        {"sign": "0" * 32, "Wechatpay-Signature": "x", "Content-Length": "1"},
    ],
)
async def test_headers_and_query_decide_nothing(headers: dict[str, str]) -> None:
    query = {"sign": "0" * 32, "total_fee": "1", "result_code": "FAIL"}
    assert await verify(message(), headers=headers, query=query) == await verify(message())
    with pytest.raises(SignatureError):
        await verify(message(key="another key"), headers=headers, query={"sign": codec.sign(PAID, KEY, "MD5")})


@pytest.mark.parametrize(
    ("req_info", "kind"),
    [
        ("", MalformedAnswer),
        ("签名", MalformedAnswer),
        ("====", MalformedAnswer),
        ("AAAA", MalformedAnswer),
        (base64.b64encode(bytes(15)).decode(), MalformedAnswer),
        (base64.b64encode(bytes(16)).decode(), SignatureError),
        (base64.b64encode(bytes(1600)).decode(), SignatureError),
        (codec.seal(b"<root>", KEY), SignatureError),
        (codec.seal(b"", KEY), SignatureError),
        (codec.seal(codec.write(BACK, "root"), KEY.upper()), SignatureError),
        (codec.seal(codec.write(BACK, "xml"), KEY), SignatureError),
        (codec.seal(codec.write(BACK, "root") + b"<root/>", KEY), SignatureError),
    ],
)
async def test_junk_in_req_info_is_refused(req_info: str, kind: type[TongfuError]) -> None:
    with pytest.raises(TongfuError) as caught:
        await verify(envelope(req_info), "refund")

    assert type(caught.value) is kind


async def test_what_is_wrong_inside_req_info_is_not_told_apart() -> None:
    """Padding or content: an attacker who asks again and again learns nothing."""
    plain = codec.write(BACK, "root")
    padding, content = codec.seal(plain, "another key"), codec.seal(plain[:-3], KEY)
    texts = set()
    for req_info in (padding, content):
        with pytest.raises(SignatureError) as caught:
            await verify(envelope(req_info), "refund")
        texts.add(str(caught.value))

    assert len(texts) == 1


async def test_an_unsigned_failure_proves_nothing() -> None:
    for kind in ("payment", "refund"):
        with pytest.raises(MalformedAnswer):
            await verify(codec.write({"return_code": "FAIL", "return_msg": "签名失败"}), kind)


async def test_payments_and_refunds_are_not_mixed_up() -> None:
    with pytest.raises(WrongNotice):
        await verify(refund_notice())
    with pytest.raises(WrongNotice):
        await verify(message(), "refund")
    with pytest.raises(WrongNotice):
        await verify(message(req_info="x"))


async def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    genuine = hmac.compare_digest

    def recorded(expected: str, claimed: str) -> bool:
        compared.append((len(expected), len(claimed)))
        return genuine(expected, claimed)

    monkeypatch.setattr(hmac, "compare_digest", recorded)
    await verify(message())
    with pytest.raises(SignatureError):
        await verify(message(key="another key", algorithm="HMAC-SHA256"))

    assert compared == [(32, 32), (64, 64)]


async def test_no_secret_and_no_buyer_shows_in_an_error_or_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    shown = [repr(await verify(message())), repr(await verify(refund_notice(), "refund"))]
    for body in (
        message(key="another key"),
        message(mch_id="1900000110"),
        message(total_fee=OPENID),
        message().replace(b"<xml>", b"<xml><sign>1</sign>"),
        message() + b"x",
    ):
        with pytest.raises(TongfuError) as caught:
            await verify(body)
        shown += [str(caught.value), repr(caught.value)]
    shown += [record.getMessage() for record in caplog.records]
    secrets = [KEY, OPENID, codec.sign(PAID, KEY, "MD5"), codec.sign(PAID, "another key", "MD5")]

    assert [secret for secret in secrets if any(secret in text for text in shown)] == []


async def test_a_unicloud_event_is_read_as_it_came() -> None:
    tf = Tongfu({"shop": SHOP}, transport=FakeTransport())
    coded = {"body": base64.b64encode(message()).decode(), "isBase64Encoded": True, "httpMethod": "POST"}
    plain = {"body": message().decode(), "isBase64Encoded": False, "headers": {"content-type": "text/xml"}}
    for event in (coded, plain):
        notice = await tf.payment.verify_payment_notify("shop", Notification.from_unicloud_event(event))
        assert notice.paid
