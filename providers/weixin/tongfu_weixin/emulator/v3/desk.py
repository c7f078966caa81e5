"""
The endpoints: every request through the gate, every answer signed.

Source: https://pay.weixin.qq.com/doc/v3/merchant/4012365342 and the pages of each endpoint
"""

from __future__ import annotations

import gzip
import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.asymmetric import rsa

from tongfu.emulator.half import Answer, Asked, Delivery, EmulatedOrder, EmulatedRefund, Route
from tongfu_weixin.emulator import bills, orders, refunds
from tongfu_weixin.emulator.api.envelope import sibling
from tongfu_weixin.emulator.checks import Refusal

from . import told
from .seal import Gate, PlatformKey, certified, document, headers, resource, when

if TYPE_CHECKING:
    from tongfu_weixin.emulator.half import WeixinHalf
    from tongfu_weixin.emulator.orders import Owner

LADDER: Final = (15.0, 15.0, 30.0, 180.0, 600.0, 1200.0, *[1800.0] * 3, 3600.0, *[10800.0] * 3, *[21600.0] * 2)
FILE_LIFE: Final = timedelta(minutes=5)
SCENES: Final = {"jsapi": "JSAPI", "app": "APP", "native": "NATIVE", "h5": "MWEB"}
NO_BILL: Final = {"20002": "NO_STATEMENT_EXIST", "20003": "STATEMENT_CREATING", "NO_BILL_EXIST": "NO_STATEMENT_EXIST"}
Act = Callable[[Mapping[str, Any], Mapping[str, str], "Owner"], Mapping[str, Any] | None]


class V3:
    """WeChat Pay's v3 desk: two certificates at the most, one public key, and the gate."""

    def __init__(self, half: WeixinHalf, merchant: rsa.RSAPrivateKey, platform: rsa.RSAPrivateKey) -> None:
        self._half, self._platform = half, platform
        self._gate = Gate(half.world, half.mch_id, half.cert_serial, merchant.public_key())
        self._public = PlatformKey(half.public_key_id, platform)
        self._certificates: list[PlatformKey] = []
        self._files: dict[str, tuple[datetime, bytes]] = {}
        self.callbacks = ""  # as the merchant's last request asked for its answer
        self.probes = 0
        self._asked_for = self._public

    def reset(self) -> None:
        self._files.clear()
        self.callbacks, self.probes = "", 0

    @property
    def certificates(self) -> list[PlatformKey]:
        """Made when first asked for; the last one signs."""
        if not self._certificates:
            self._certificates.append(certified(sibling(self._platform), self._half.world.clock.now()))
        return self._certificates

    def routes(self) -> Iterable[Route]:
        for base, number in (("/v3/pay/transactions", "mchid"), ("/v3/pay/partner/transactions", "sp_mchid")):
            for path, scene in SCENES.items():
                yield self._route("POST", f"{base}/{path}", self._order(scene), number)
            yield self._route("GET", f"{base}/id/{{transaction_id}}", self._query, number)
            yield self._route("GET", f"{base}/out-trade-no/{{out_trade_no}}", self._query, number)
            yield self._route("POST", f"{base}/out-trade-no/{{out_trade_no}}/close", self._close, number)
        yield self._route("POST", "/v3/refund/domestic/refunds", self._refund)
        yield self._route("GET", "/v3/refund/domestic/refunds/{out_refund_no}", self._refund_query)
        yield Route("GET", "/v3/bill/tradebill", self._bill(bills.trade_bill))
        yield Route("GET", "/v3/bill/fundflowbill", self._bill(bills.fundflow))
        yield Route("GET", "/v3/billdownload/file", self._file)
        yield self._route("GET", "/v3/certificates", self._listed)
        yield Route("POST", "/_emulator/weixin/v3", self._control)

    # --- in and out --------------------------------------------------------------------------------

    def _route(self, method: str, path: str, act: Act, number: str = "") -> Route:
        def handle(asked: Asked, names: Mapping[str, str]) -> Answer:
            refusal = self._gate.refusal(asked)
            if refusal is not None:
                return self._signed(asked, refusal)
            try:
                fields = self._fields(asked)
                if number and fields.get(number) != self._half.mch_id:
                    raise Refusal("MCH_NOT_EXISTS" if number in fields else "PARAM_ERROR", f"{number}与签名商户不一致")
                answer = act(fields, names, (False, str(fields.get("sub_mchid") or "")))
            except Refusal as exc:
                return self._signed(asked, _refused(exc.code, exc.description))
            body = b"" if answer is None else document(answer)
            number_of = str(names.get("out_trade_no") or fields.get("out_trade_no") or "")
            return self._signed(asked, Answer(204 if answer is None else 200, {}, body, out_trade_no=number_of))

        return Route(method, path, handle)

    def _fields(self, asked: Asked) -> Mapping[str, Any]:
        if asked.method == "GET":
            return {name: values[-1] for name, values in parse_qs(asked.query, keep_blank_values=True).items()}
        try:
            fields = json.loads(asked.body)
        except ValueError:
            fields = None
        if not isinstance(fields, dict):
            raise Refusal("PARAM_ERROR", "请求体不是JSON对象")
        return fields

    def _signed(self, asked: Asked, answer: Answer) -> Answer:
        wanted = asked.headers.get("wechatpay-serial", "")
        key = self._asked_for = self._public if wanted.startswith("PUB_KEY_ID_") else self.certificates[-1]
        now = self._half.world.clock.now()
        answer.headers |= headers(key, answer.body, now) | {"Request-ID": f"08{secrets.token_hex(12).upper()}-0"}
        return answer

    def sabotage(self, fault: str, answer: Answer) -> Answer | None:
        """Break the signature of an answer of this protocol; None for any other answer."""
        signature = answer.headers.get("Wechatpay-Signature")
        if signature is None:
            return None
        broken = dict(answer.headers)
        if fault == "no_signature":
            del broken["Wechatpay-Signature"]
        elif fault == "unknown_serial":
            broken["Wechatpay-Serial"] = secrets.token_hex(20).upper()
        else:
            broken["Wechatpay-Signature"] = _flipped(signature)
        return Answer(answer.status, broken, answer.body, out_trade_no=answer.out_trade_no)

    def _control(self, asked: Asked, _: Mapping[str, str]) -> Answer:
        """
        ``callbacks``: ``public_key`` or ``certificate`` signs them; by default what signed the last answer.

        ``rotate``: true makes a new platform certificate, and a third ends the first. ``probes``: how many of the next
        callbacks carry a signature that is to be refused.
        """
        try:
            wanted = json.loads(asked.body or b"{}")
        except ValueError:
            wanted = None
        if not isinstance(wanted, dict) or wanted.get("callbacks", "certificate") not in ("public_key", "certificate"):
            return Answer(
                400, {"content-type": "application/json"}, b'{"error":"callbacks: public_key or certificate"}'
            )
        self.callbacks = wanted.get("callbacks", self.callbacks)
        self.probes = int(wanted.get("probes", self.probes))
        if wanted.get("rotate"):
            self.certificates.append(certified(sibling(self._platform), self._half.world.clock.now()))
            del self.certificates[:-2]
        serials = [one.serial for one in self.certificates]
        body = document({"callbacks": self.callbacks, "probes": self.probes, "certificates": serials})
        return Answer(200, {"content-type": "application/json"}, body)

    # --- what the endpoints do ---------------------------------------------------------------------

    def _order(self, scene: str) -> Act:
        def act(asked: Mapping[str, Any], _: Mapping[str, str], owner: Owner) -> Mapping[str, Any]:
            if self._half.app_id not in (asked.get("appid"), asked.get("sp_appid")):
                raise Refusal("APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配")
            fields = told.order_fields(asked, scene)
            made = orders.unified_order(self._half, fields, owner)
            order = self._half.world.order(self._half.platform, fields["out_trade_no"])
            if order is not None:
                order.wire["v3"] = True
            if scene == "NATIVE":
                return {"code_url": made["code_url"]}
            return {"h5_url": made["mweb_url"]} if scene == "MWEB" else {"prepay_id": made["prepay_id"]}

        return act

    def _query(self, _: Mapping[str, Any], names: Mapping[str, str], owner: Owner) -> Mapping[str, Any]:
        fields = dict(names)
        state = orders.order_query(self._half, fields, owner)["trade_state"]
        return told.transaction(orders.find(self._half, fields, owner), self._half.mch_id, state)

    def _close(self, _: Mapping[str, Any], names: Mapping[str, str], owner: Owner) -> None:
        orders.close_order(self._half, dict(names), owner)

    def _refund(self, asked: Mapping[str, Any], _: Mapping[str, str], owner: Owner) -> Mapping[str, Any]:
        fields = told.refund_fields(asked)
        refunds.refund(self._half, fields, owner)
        order, refund = self._made(fields["out_refund_no"], owner)
        refund.wire["v3"] = True
        return told.refunded(order, refund)

    def _refund_query(self, _: Mapping[str, Any], names: Mapping[str, str], owner: Owner) -> Mapping[str, Any]:
        return told.refunded(*self._made(names["out_refund_no"], owner))

    def _made(self, number: str, owner: Owner) -> tuple[EmulatedOrder, EmulatedRefund]:
        for order in orders.orders_of(self._half, owner):
            for refund in order.refunds:
                if refund.out_refund_no == number:
                    return order, refund
        raise Refusal("REFUNDNOTEXIST", "退款单不存在")

    def _listed(self, *_: object) -> Mapping[str, Any]:
        key = self._half.api_v3_key
        return {
            "data": [
                {
                    "serial_no": one.serial,
                    "effective_time": when(one.begins or self._half.world.clock.now()),
                    "expire_time": when(one.ends or self._half.world.clock.now()),
                    "encrypt_certificate": resource(key, one.certificate, "certificate"),
                }
                for one in self.certificates
            ]
        }

    def _bill(
        self, make: Callable[[WeixinHalf, dict[str, str], Owner], bytes]
    ) -> Callable[[Asked, Mapping[str, str]], Answer]:
        def handle(asked: Asked, _: Mapping[str, str]) -> Answer:
            refusal = self._gate.refusal(asked)
            if refusal is not None:
                return self._signed(asked, refusal)
            fields = {name: str(value) for name, value in self._fields(asked).items()}
            packed = fields.pop("tar_type", "") == "GZIP"
            fields["bill_date"] = fields.get("bill_date", "").replace("-", "")
            if "account_type" in fields:
                fields["account_type"] = fields["account_type"].capitalize()
            try:
                content = make(self._half, fields, (False, fields.get("sub_mchid", "")))
            except bills.NoBill as exc:
                code = exc.told.get("error_code") or exc.told.get("err_code") or ""
                body = {"code": NO_BILL.get(code, "PARAM_ERROR"), "message": exc.told.get("return_msg", "")}
                return self._signed(asked, Answer(400, {}, document(body)))
            token = secrets.token_urlsafe(24)
            file = gzip.compress(content, mtime=0) if packed else content
            self._files[token] = (self._half.world.clock.now() + FILE_LIFE, file)
            origin = self._half.world.https_origin if asked.https else self._half.world.origin
            url = f"{origin}/v3/billdownload/file?token={token}" + ("&tartype=gzip" if packed else "")
            digest = hashlib.sha1(content, usedforsecurity=False).hexdigest()
            answer = {"hash_type": "SHA1", "hash_value": digest, "download_url": url}
            return self._signed(asked, Answer(200, {}, document(answer)))

        return handle

    def _file(self, asked: Asked, _: Mapping[str, str]) -> Answer:
        """The file itself, unsigned; asking for it has to be signed all the same."""
        refusal = self._gate.refusal(asked)
        if refusal is not None:
            return self._signed(asked, refusal)
        ends, content = self._files.get(str(self._fields(asked).get("token")), (None, b""))
        if ends is None or self._half.world.clock.now() > ends:
            body = document({"code": "PARAM_ERROR", "message": "token已过期"})
            return self._signed(asked, Answer(400, {}, body))
        return Answer(200, {"content-type": "application/octet-stream"}, content)

    def _caller_key(self) -> PlatformKey:
        """Whose signature callbacks bear: a merchant who has only certificates gets theirs."""
        chosen = {"public_key": self._public, "certificate": self.certificates[-1]}
        return chosen.get(self.callbacks, self._asked_for)

    # --- callbacks -----------------------------------------------------------------------------------

    def named(self) -> dict[str, str]:
        """What makes a callback the same one each time it is sent."""
        return {"v3": secrets.token_hex(16), "created": when(self._half.world.clock.now())}

    def delivery(self, order: EmulatedOrder, kind: str, wire: Mapping[str, Any]) -> Delivery:
        """The callback of the payment, or of the refund that *wire* names; ``named`` is in *wire*."""
        if kind == "payment":
            url, event, original = order.notify_url, "TRANSACTION.SUCCESS", "transaction"
            content = told.transaction(order, self._half.mch_id, "SUCCESS")
        else:
            refund = next(each for each in order.refunds if each.out_refund_no == wire["out_refund_no"])
            url, event, original = refund.notify_url, "REFUND.SUCCESS", "refund"
            sub = order.wire["asked"].get("sub_mch_id")
            whose = {"sp_mchid": self._half.mch_id, "sub_mchid": sub} if sub else {"mchid": self._half.mch_id}
            content = {**whose, **told.refunded(order, refund, status="refund_status")}

        def make() -> tuple[dict[str, str], bytes]:
            body = document(
                {
                    "id": wire["v3"],
                    "create_time": wire["created"],
                    "resource_type": "encrypt-resource",
                    "event_type": event,
                    "summary": "支付成功" if kind == "payment" else "退款成功",
                    "resource": {
                        "original_type": original,
                        **resource(self._half.api_v3_key, document(content), original),
                    },
                }
            )
            head = headers(self._caller_key(), body, self._half.world.clock.now())
            if self.probes > 0:
                self.probes -= 1
                head["Wechatpay-Signature"] = "WECHATPAY/SIGNTEST/" + head["Wechatpay-Signature"][19:]
            return head, body

        def corrupt(how: str) -> tuple[dict[str, str], bytes]:
            head, body = make()
            if how == "signature":
                head["Wechatpay-Signature"] = _flipped(head["Wechatpay-Signature"])
            elif how == "timestamp":
                head["Wechatpay-Timestamp"] = str(int(head["Wechatpay-Timestamp"]) - 3600)
            else:
                body = body.replace(b'"summary":"', b'"summary":"!', 1)
            return head, body

        def accepted(status: int, _: bytes) -> bool:
            return status in (200, 204)

        number = order.out_trade_no
        return Delivery(self._half.platform, kind, number, url, make, corrupt, accepted, LADDER, dict(wire))


def _refused(code: str, message: str) -> Answer:
    status, name = told.REFUSALS.get(code, (400, "INVALID_REQUEST"))
    return Answer(status, {}, document({"code": name, "message": message}))


def _flipped(signature: str) -> str:
    return ("B" if signature[0] == "A" else "A") + signature[1:]
