"""WeChat Pay as the platform does it: the ledger, the buyer, v2's endpoints and notifications. v3 has its own desk."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tongfu.emulator.half import Answer, Asked, Delivery, EmulatedOrder, EmulatedRefund, Route, World
from tongfu_weixin.account import WeixinAccount

from . import bills, checks, codec, orders, refunds
from .api import Api
from .checks import Fields, Refusal
from .orders import Owner
from .v3 import V3

BEIJING: Final = timezone(timedelta(hours=8))
LADDER: Final = (15.0, 15.0, 30.0, 180.0, 600.0, 1200.0, *[1800.0] * 3, 3600.0, *[10800.0] * 3, *[21600.0] * 2)
XML: Final = {"content-type": "text/xml; charset=utf-8"}
REFUND_TIME: Final = 5.0  # seconds of the emulator's clock until an accepted refund is done
SANDBOX: Final = "/sandboxnew"
Act = Callable[["WeixinHalf", Fields, Owner], Fields]
Bill = Callable[["WeixinHalf", Fields, Owner], bytes]


def emulate(world: World) -> WeixinHalf:
    """What the entry point of the group ``tongfu.emulators`` names."""
    return WeixinHalf(world)


class WeixinHalf:
    """One app, one merchant."""

    platform = "weixin"

    def __init__(self, world: World) -> None:
        self.world = world
        chance = world.random
        self.app_id = f"wx{chance.getrandbits(64):016x}"
        self.secret = secrets.token_hex(16)
        self.mch_id = str(1900000000 + chance.randrange(10**6))
        self.key = secrets.token_hex(16)
        self.sandbox_key = secrets.token_hex(16)
        self.api_v3_key = secrets.token_hex(16)
        self.public_key_id = f"PUB_KEY_ID_0{self.mch_id}{chance.randrange(10**20):020d}"
        with ThreadPoolExecutor(2) as pool:
            made = [pool.submit(rsa.generate_private_key, 65537, 2048) for _ in range(2)]
            merchant, platform = (each.result() for each in made)
        # As the platform issues them: the file is the certificate and the key in one.
        self.pfx, self.certificate = world.client_certificate(self.mch_id, self.mch_id.encode(), merchant)
        self.cert_serial = f"{x509.load_der_x509_certificate(self.certificate).serial_number:040X}"
        pem = serialization.Encoding.PEM
        self.private_key = merchant.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        self.public_key = (
            platform.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
        )
        self.api = Api(world, self.app_id, self.secret, self.mch_id, merchant, platform)
        self.v3 = V3(self, merchant, platform)

    def reset(self) -> None:
        self.api.reset()
        self.v3.reset()

    def settings(self) -> Mapping[str, Any]:
        return {
            "app_id": self.app_id,
            "secret": self.secret,
            "mch_id": self.mch_id,
            "key": self.key,
            "pfx_base64": base64.b64encode(self.pfx).decode(),
            "api_v3_key": self.api_v3_key,
            "private_key": self.private_key,
            "cert_serial": self.cert_serial,
            "public_key_id": self.public_key_id,
            "public_key": self.public_key,
            "base_url": self.world.origin,
            "api_base_url": self.world.origin,
            **self.api.settings(),
        }

    def account(self) -> WeixinAccount:
        """
        On the https origin, so that refunds need the client certificate as they do in earnest.

        It has the keys of both protocols: APIv2 by default, APIv3 with ``protocol="v3"``.
        """
        return WeixinAccount(
            app_id=self.app_id,
            secret=self.secret,
            mch_id=self.mch_id,
            key=self.key,
            pfx=self.pfx,
            api_v3_key=self.api_v3_key,
            private_key=self.private_key,
            cert_serial=self.cert_serial,
            public_key_id=self.public_key_id,
            public_key=self.public_key,
            base_url=self.world.https_origin,
            api_base_url=self.world.https_origin,
            ca_pem=self.world.ca_pem,
            push_token=self.api.push.token,
            push_aes_key=self.api.push.aes_key,
        )

    def routes(self) -> Iterable[Route]:
        v2: list[tuple[str, Act]] = [
            ("/pay/unifiedorder", orders.unified_order),
            ("/pay/orderquery", orders.order_query),
            ("/pay/closeorder", orders.close_order),
            ("/pay/refundquery", refunds.refund_query),
        ]
        for path, act in v2:
            yield Route("POST", path, self._v2(act))
            yield Route("POST", SANDBOX + path, self._v2(act, sandbox=True))
        yield Route("POST", "/secapi/pay/refund", self._v2(refunds.refund), needs_client_cert=True)
        yield Route("POST", "/pay/downloadbill", self._bill(bills.trade_bill))
        yield Route("POST", "/pay/downloadfundflow", self._bill(bills.fundflow, "HMAC-SHA256"), needs_client_cert=True)
        # The documentation has the first path, several SDKs make the second.
        for path in ("/pay/refund", "/secapi/pay/refund"):
            yield Route("POST", SANDBOX + path, self._v2(refunds.refund, sandbox=True))
        yield Route("POST", SANDBOX + "/pay/downloadbill", self._bill(bills.trade_bill, sandbox=True))
        yield Route("POST", SANDBOX + "/pay/getsignkey", self._sign_key)
        yield from self.v3.routes()
        yield from self.api.routes()

    # --- requests ----------------------------------------------------------------------------

    def _v2(self, act: Act, *, sandbox: bool = False) -> Callable[[Asked, Mapping[str, str]], Answer]:
        def handle(asked: Asked, _: Mapping[str, str]) -> Answer:
            fields, algorithm, refusal = self._checked(asked, sandbox=sandbox)
            if refusal is not None:
                return refusal
            base = {"return_code": "SUCCESS", "return_msg": "OK", "appid": self.app_id, "mch_id": self.mch_id}
            base |= {name: fields[name] for name in ("sub_appid", "sub_mch_id") if fields.get(name)}
            owner = (sandbox, fields.get("sub_mch_id", ""))
            try:
                checks.partner(fields)
                told = base | {"result_code": "SUCCESS"} | act(self, fields, owner)
            except Refusal as exc:
                told = base | {"result_code": "FAIL", "err_code": exc.code, "err_code_des": exc.description}
            body = self.signed(told, algorithm, owner)
            return Answer(200, dict(XML), body, out_trade_no=fields.get("out_trade_no", ""))

        return handle

    def _bill(
        self, make: Bill, only: str | None = None, *, sandbox: bool = False
    ) -> Callable[[Asked, Mapping[str, str]], Answer]:
        def handle(asked: Asked, _: Mapping[str, str]) -> Answer:
            fields, algorithm, refusal = self._checked(asked, sandbox=sandbox)
            if refusal is not None:
                return refusal
            if only is not None and algorithm != only:
                return _failed("签名错误", explain=f"this bill takes {only} only", verdict="invalid")
            try:
                body = make(self, fields, (sandbox, fields.get("sub_mch_id", "")))
                return Answer(200, {"content-type": "text/plain"}, body)
            except bills.NoBill as exc:
                return Answer(200, dict(XML), codec.write(exc.told))

        return handle

    def _sign_key(self, asked: Asked, _: Mapping[str, str]) -> Answer:
        """The sandbox's key, for whoever signs with the real one. This answer is not signed."""
        fields, _algorithm, refusal = self._checked(asked)
        if refusal is not None:
            return refusal
        told = {"return_code": "SUCCESS", "mch_id": fields["mch_id"], "sandbox_signkey": self.sandbox_key}
        return Answer(200, dict(XML), codec.write(told))

    def _checked(self, asked: Asked, *, sandbox: bool = False) -> tuple[Fields, str, Answer | None]:
        """Whoever fails here gets an answer without a signature."""
        if not asked.body:
            return {}, "MD5", _failed("post数据为空", explain="the body is empty", verdict="missing")
        try:
            fields = codec.read(asked.body)
        except codec.BadRequest as exc:
            return {}, "MD5", _failed("XML格式错误", explain=str(exc), verdict="missing")
        algorithm = fields.get("sign_type") or "MD5"
        if algorithm not in codec.HEX:
            return fields, "MD5", _failed("签名类型错误", explain="sign_type is MD5 or HMAC-SHA256", verdict="invalid")
        claimed, expected = fields.get("sign", ""), codec.sign(fields, self._key((sandbox, "")), algorithm)
        if not secrets.compare_digest(claimed.encode(), expected.encode()):
            shown = codec.to_sign(fields, "*" * 8)
            whose = "the sandbox's key" if sandbox else "the merchant's key"
            explain = f"{algorithm} under {whose} of {shown}; {codec.difference(expected, claimed)}"
            verdict = "invalid" if claimed else "missing"
            return fields, algorithm, _failed("签名错误", explain=explain, verdict=verdict)
        return fields, algorithm, self._stranger(asked, fields)

    def _stranger(self, asked: Asked, fields: Fields) -> Answer | None:
        asks_key = asked.path.endswith("/getsignkey")
        if fields.get("mch_id") != self.mch_id or not (asks_key or fields.get("appid") == self.app_id):
            return _failed("appid和mch_id不匹配", explain="another app or merchant", verdict="valid")
        if not fields.get("nonce_str") or len(fields["nonce_str"]) > 32:
            return _failed("nonce_str参数长度有误", explain="1 to 32 characters", verdict="valid")
        if asked.client_certificate not in (None, self.certificate):
            explain = "the client certificate is not the one of this merchant's pfx"
            return _failed("证书校验失败，请求使用了未上传的证书", explain=explain, verdict="valid")
        return None

    def _key(self, owner: Owner) -> str:
        sandbox, _ = owner
        return self.sandbox_key if sandbox else self.key

    def signed(self, fields: Fields, algorithm: str, owner: Owner) -> bytes:
        told = {**fields, "nonce_str": secrets.token_hex(16)}
        told["sign"] = codec.sign(told, self._key(owner), algorithm)
        return codec.write(told)

    def sabotage(self, fault: str, answer: Answer) -> Answer:
        for other in (self.v3, self.api):
            if (sealed := other.sabotage(fault, answer)) is not None:
                return sealed
        try:
            fields = codec.read(answer.body)
        except codec.BadRequest:
            return answer
        if fault == "no_signature":
            fields.pop("sign", None)
        elif fault == "bad_signature" and fields.get("sign"):
            fields["sign"] = ("1" if fields["sign"][0] == "0" else "0") + fields["sign"][1:]
        return Answer(answer.status, answer.headers, codec.write(fields), out_trade_no=answer.out_trade_no)

    # --- the buyer ------------------------------------------------------------------------------

    def pay(self, order: EmulatedOrder, outcome: str) -> None:
        if order.state not in ("open", "userpaying"):
            raise ValueError(f"the order {order.out_trade_no} is {order.state} and takes no payment")
        if outcome == "success":
            order.state = "paid"
            order.paid = self.world.clock.now()
            order.transaction_id = f"4200{self.world.random.randrange(10**24):024d}"
            order.openid = order.openid or f"o{secrets.token_hex(13)}"
            self._notify(order)
        elif outcome == "userpaying":
            order.state = "userpaying"
        elif outcome == "expire":
            order.state, order.closed = "closed", self.world.clock.now()
        elif outcome in ("not_enough", "cancel"):
            order.state = "open"
            order.wire["payerror"] = outcome == "not_enough"
        else:
            raise ValueError(f"no outcome {outcome}; there are success, not_enough, cancel, userpaying, expire")

    def _notify(self, order: EmulatedOrder) -> None:
        if order.notify_url:
            self.world.deliver(self.delivery(order, "payment", self.v3.named() if "v3" in order.wire else {}))

    def delivery(self, order: EmulatedOrder, kind: str, wire: Mapping[str, Any]) -> Delivery:
        """The notification of the payment, or of the refund that *wire* names."""
        if "v3" in wire:
            return self.v3.delivery(order, kind, wire)
        if kind == "refund":
            refund = next(each for each in order.refunds if each.out_refund_no == wire["out_refund_no"])
            return self._delivery(kind, order, refund.notify_url, lambda: self._refund_notice(order, refund), wire)

        def make() -> tuple[dict[str, str], bytes]:
            return dict(XML), self.signed(self._notice(order), order.wire["sign_type"], orders.owner_of(order))

        return self._delivery(kind, order, order.notify_url, make, wire)

    def resume(self, order: EmulatedOrder) -> None:
        for refund in order.refunds:
            self.refunded_later(order, refund)

    def _notice(self, order: EmulatedOrder) -> Fields:
        told = {"return_code": "SUCCESS", "result_code": "SUCCESS", "appid": self.app_id, "mch_id": self.mch_id}
        return told | orders.paid_fields(order)

    def refunded_later(self, order: EmulatedOrder, refund: EmulatedRefund) -> None:
        lasted = (self.world.clock.now() - refund.created).total_seconds()
        self._refunded_in(REFUND_TIME - lasted, order, refund)

    def _refunded_in(self, seconds: float, order: EmulatedOrder, refund: EmulatedRefund) -> None:
        def done() -> None:
            if refund.state == "processing":
                self.refund_ends(order, refund, "success")

        self.world.clock.at(seconds, done)

    def refund_tried(self, order: EmulatedOrder, refund: EmulatedRefund) -> None:
        """An abnormal refund goes on."""
        refund.state = "processing"
        self._refunded_in(REFUND_TIME, order, refund)

    def refund_ends(self, order: EmulatedOrder, refund: EmulatedRefund, state: str) -> None:
        """The refund is success, failed or abnormal now, and the merchant is notified."""
        refund.state = state
        if state == "success":
            refund.done = self.world.clock.now()
        if state == "failed" and order.state == "refunded":
            order.state = "paid"
        if refund.notify_url:
            wire = self.v3.named() | {"state": state} if "v3" in refund.wire else {}
            self.world.deliver(self.delivery(order, "refund", {**wire, "out_refund_no": refund.out_refund_no}))

    def _refund_notice(self, order: EmulatedOrder, refund: EmulatedRefund) -> tuple[dict[str, str], bytes]:
        asked = order.wire["asked"]
        plain = {
            "transaction_id": order.transaction_id,
            "out_trade_no": order.out_trade_no,
            "refund_id": refund.refund_id,
            "out_refund_no": refund.out_refund_no,
            "total_fee": str(order.total_fee),
            "settlement_total_fee": str(order.total_fee),
            "refund_fee": str(refund.refund_fee),
            "settlement_refund_fee": str(refund.refund_fee),
            "refund_status": refunds.STATES[refund.state],
            "success_time": beijing(refund.done) if refund.done else "",
            "refund_recv_accout": "用户零钱",
            "refund_account": refunds.UNSETTLED,
            "refund_request_source": "API",
        }
        envelope = {
            "return_code": "SUCCESS",
            "appid": self.app_id,
            "mch_id": self.mch_id,
            "nonce_str": secrets.token_hex(16),
            "req_info": codec.seal(codec.write(plain, "root"), self._key(orders.owner_of(order))),
        }
        envelope |= {name: asked[name] for name in ("sub_appid", "sub_mch_id") if asked.get(name)}
        return dict(XML), codec.write(envelope)

    def _delivery(
        self,
        kind: str,
        order: EmulatedOrder,
        url: str,
        make: Callable[[], tuple[dict[str, str], bytes]],
        wire: Mapping[str, Any],
    ) -> Delivery:
        def corrupt(how: str) -> tuple[dict[str, str], bytes]:
            headers, body = make()
            fields = codec.read(body)
            if "req_info" in fields:
                fields["req_info"] = codec.seal(b"<root></root>" * 9, "another key")
            elif how == "signature":
                fields["sign"] = fields["sign"][:-1] + ("0" if fields["sign"][-1] != "0" else "1")
            elif how == "timestamp":
                fields["time_end"] = "20010101000000"
            else:
                fields["total_fee"] = str(int(fields["total_fee"]) + 1)
            return headers, codec.write(fields)

        def accepted(status: int, body: bytes) -> bool:
            try:
                return status == 200 and codec.read(body).get("return_code") == "SUCCESS"
            except codec.BadRequest:
                return False

        return Delivery(self.platform, kind, order.out_trade_no, url, make, corrupt, accepted, LADDER, dict(wire))


def beijing(moment: datetime) -> str:
    return moment.astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def _failed(message: str, *, explain: str, verdict: str) -> Answer:
    """The request was not taken: unsigned, return_code FAIL."""
    told = {"return_code": "FAIL", "return_msg": message}
    return Answer(200, dict(XML), codec.write(told), explain=explain, verdict=verdict)
