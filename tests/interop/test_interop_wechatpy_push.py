"""wechatpy and we read each other's message pushes, and open the same user data."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from wechatpy import parse_message
from wechatpy.crypto import WeChatCrypto, WeChatWxaCrypto
from wechatpy.exceptions import InvalidAppIdException, InvalidSignatureException
from wechatpy.replies import TextReply, TransferCustomerServiceReply
from wechatpy.utils import check_signature, check_wxa_signature

from tongfu import Notification, SignatureError
from tongfu_weixin import WeixinAccount, push_crypto, push_text, session
from tongfu_weixin.push import MessagePush

# wechatpy 1.8 is older than some of what its dependencies deprecate.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

TOKEN = "push4token"
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
APP_ID = "wx0123456789abcdef"
NOW = 1714112445
NONCE = "415670741"
FIELDS: dict[str, Any] = {
    "ToUserName": "gh_97417a04a28d",
    "FromUserName": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY",
    "CreateTime": NOW,
    "MsgType": "text",
    "Content": '你好 <b> & "二" ]]> 😀',
    "MsgId": 24525478532961234,
}


def push(**changes: Any) -> MessagePush:
    fields = {"app_id": APP_ID, "push_token": TOKEN, "push_aes_key": AES_KEY, **changes}
    return MessagePush(WeixinAccount(**fields), clock=lambda: datetime.fromtimestamp(NOW, UTC))


def theirs(app_id: str = APP_ID, token: str = TOKEN) -> WeChatCrypto:
    return WeChatCrypto(token, AES_KEY, app_id)


def sent_by_them(message: bytes, app_id: str = APP_ID) -> Notification:
    """wechatpy's encryption in the place of the platform's."""
    xml = theirs(app_id).encrypt_message(message.decode(), NONCE, str(NOW))
    query = {"timestamp": str(NOW), "nonce": NONCE, "msg_signature": push_text.parse(xml.encode())[1]["MsgSignature"]}
    return Notification({}, xml.encode(), dict(parse_qsl(urlencode(query))))


@pytest.mark.parametrize("kind", ["xml", "json"])
def test_what_wechatpy_encrypts_we_read(kind: str) -> None:
    message = push().read(sent_by_them(push_text.build(kind, FIELDS)))

    assert (kind, True, 24525478532961234) == (message.kind, message.encrypted, message.msg_id)
    assert FIELDS["Content"] == message.raw["Content"]


def test_what_wechatpy_encrypts_for_another_app_we_refuse() -> None:
    with pytest.raises(SignatureError, match="another app"):
        push().read(sent_by_them(push_text.build("xml", FIELDS), "wx0123456789abcdee"))


def test_what_we_encrypt_wechatpy_reads() -> None:
    message = push().read(sent_by_them(push_text.build("xml", FIELDS)))
    reply = push().reply(message, {"MsgType": "text", "Content": FIELDS["Content"]})
    signature = push_text.parse(reply.body)[1]["MsgSignature"]
    text = theirs().decrypt_message(reply.body, signature, str(NOW), NONCE)

    assert {"MsgType": "text", "Content": FIELDS["Content"]} == push_text.parse(text.encode())[1]
    with pytest.raises(InvalidSignatureException):
        theirs(token="another4token").decrypt_message(reply.body, signature, str(NOW), NONCE)
    with pytest.raises(InvalidAppIdException):
        theirs("wx0123456789abcdee").decrypt_message(reply.body, signature, str(NOW), NONCE)


def test_a_json_reply_is_read_by_wechatpy() -> None:
    message = push().read(sent_by_them(push_text.build("json", FIELDS)))
    reply = json.loads(push().reply(message, {"demo_resp": "good luck"}).body)
    text = theirs().decrypt_message(reply, reply["MsgSignature"], str(reply["TimeStamp"]), reply["Nonce"])

    assert {"demo_resp": "good luck"} == json.loads(text)


@pytest.mark.parametrize("size", range(64))
def test_messages_of_every_size_pass_both_ways(size: int) -> None:
    key = push_crypto.aes_key(AES_KEY)
    message = "m" * size
    encrypted = push_crypto.encrypt(key, message.encode(), APP_ID, b"r" * 16)
    signature = push_crypto.signature(TOKEN, str(NOW), NONCE, encrypted)
    made = push_text.parse(theirs().encrypt_message(message, NONCE, str(NOW)).encode())[1]

    assert message == theirs().decrypt_message({"Encrypt": encrypted}, signature, str(NOW), NONCE)
    assert message.encode() == push_crypto.decrypt(key, made["Encrypt"], APP_ID)
    assert made["MsgSignature"] == push_crypto.signature(TOKEN, str(NOW), NONCE, made["Encrypt"])


def test_wechatpy_parses_our_plain_xml() -> None:
    parsed = parse_message(push_text.build("xml", FIELDS))

    assert ("text", FIELDS["Content"], FIELDS["MsgId"]) == (parsed.type, parsed.content, parsed.id)
    assert (FIELDS["FromUserName"], FIELDS["ToUserName"]) == (parsed.source, parsed.target)


def test_we_parse_wechatpys_plain_xml() -> None:
    reply = TextReply(source="gh_1", target="o1", time=NOW, content='你好 <b> & "二" 😀')

    assert (
        "xml",
        {
            "ToUserName": "o1",
            "FromUserName": "gh_1",
            "CreateTime": str(NOW),
            "MsgType": "text",
            "Content": '你好 <b> & "二" 😀',
        },
    ) == push_text.parse(reply.render().encode())


def test_our_hand_over_says_what_wechatpys_says() -> None:
    plain = push(push_aes_key="")
    query = {"timestamp": str(NOW), "nonce": NONCE, "signature": push_crypto.signature(TOKEN, str(NOW), NONCE)}
    message = plain.read(Notification({}, push_text.build("xml", FIELDS), query))
    their = TransferCustomerServiceReply(message=parse_message(push_text.build("xml", FIELDS)), time=NOW).render()

    assert push_text.parse(their.encode()) == push_text.parse(plain.transfer_customer_service(message).body)


def test_both_check_a_plain_signature_alike() -> None:
    signature = push_crypto.signature(TOKEN, str(NOW), NONCE)
    check_signature(TOKEN, signature, str(NOW), NONCE)
    with pytest.raises(InvalidSignatureException):
        check_signature(TOKEN, signature, str(NOW), NONCE + "1")
    with pytest.raises(SignatureError):
        push(push_aes_key="").read(
            Notification({}, b"{}", {"timestamp": str(NOW), "nonce": NONCE + "1", "signature": signature})
        )


def test_user_data_opens_and_is_signed_alike() -> None:
    key, iv = "lyY4HPQbaOYzZdG+JcYK9w==", "Cds8j3VYoGvnTp1BrjXdJg=="
    data = (
        "Kf3TdPbzEmhWMuPKtlKxIWDkijhn402w1bxoHL4kLdcKr6jT1jNcIhvDJfjXmJcgDWLjmBiIGJ5acUuSvxLws3WgAkERmtTuiCG10CKLsJiR"
        "+AXVk7B2TUQzsq88YVilDz/YAN3647REE7glGmeBPfvUmdbfDzhL9BzvEiuRhABuCYyTMz4iaM8hFjbLB1caaeoOlykYAFMWC5pZi9P8uw=="
    )
    app_id = "wxdaa2ab9ef87b5497"
    raw_data = '{"nickName":"二"}'
    signature = hashlib.sha1((raw_data + key).encode()).hexdigest()

    assert WeChatWxaCrypto(key, iv, app_id).decrypt_message(data) == session.decrypt(data, iv, key, app_id=app_id)
    check_wxa_signature(key, raw_data, signature)
    session.check_raw_data(raw_data, signature, key)
    with pytest.raises(InvalidSignatureException):
        check_wxa_signature(key, raw_data + " ", signature)
    with pytest.raises(SignatureError):
        session.check_raw_data(raw_data + " ", signature, key)
