"""The control routes of APIv3: who signs with which key, refusals, the user's part of transfers, refunds that fail."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from tongfu.emulator.half import Answer, Asked, Route

from . import refunds
from .combined import Combined
from .complaints import Complaints
from .gate import Gate, Ordered
from .keys import MODES, STAMPS, Keys
from .transfers import Transfers
from .wire import document

if TYPE_CHECKING:
    from tongfu_weixin.emulator.half import WeixinHalf

BASE: Final = "/_emulator/weixin"
OUTCOMES: Final = {"SUCCESS": "success", "CLOSED": "failed", "ABNORMAL": "abnormal"}
LONGEST: Final = 10 * 365 * 86400.0  # seconds
Body = Mapping[str, Any]


class Control:
    def __init__(
        self, half: WeixinHalf, gate: Gate, transfers: Transfers, combined: Combined, complaints: Complaints
    ) -> None:
        self._half, self._gate, self._transfers = half, gate, transfers
        self._combined, self._complaints = combined, complaints

    @property
    def _keys(self) -> Keys:
        return self._gate.keys

    def routes(self) -> Iterable[Route]:
        yield Route("GET", f"{BASE}/v3", self.state)
        yield Route("POST", f"{BASE}/v3", self.keys)
        yield Route("POST", f"{BASE}/v3/refusals", self.refuse)
        yield Route("DELETE", f"{BASE}/v3/refusals", self.forgive)
        yield Route("GET", f"{BASE}/transfers", self.transfers)
        yield Route("POST", f"{BASE}/transfers/{{out_bill_no}}", self.transfer)
        yield Route("POST", f"{BASE}/refunds/{{out_refund_no}}", self.refund)
        yield Route("POST", f"{BASE}/combined/{{combine_out_trade_no}}", self.combined)
        yield Route("POST", f"{BASE}/complaints", self.complaint)

    def state(self, _: Asked, __: Mapping[str, str]) -> Answer:
        """The keys of APIv3: their serials, which signs, and the probes that wait."""
        keys = self._keys
        return _told(
            {
                "mode": keys.mode,
                "callbacks": keys.callbacks,
                "stamps": keys.stamps,
                "probes": keys.callback_probes,
                "answer_probes": keys.answer_probes,
                "public_key_id": keys.public.serial,
                "certificates": [one.serial for one in keys.certificates] if keys.mode != "public_key" else [],
                "signs": keys.signer("").serial,
            }
        )

    def keys(self, asked: Asked, names: Mapping[str, str]) -> Answer:
        """
        Who signs what, a new platform certificate, probes.

        ``mode``: ``both``, ``certificate`` (no public key), ``public_key`` (a new merchant, who has no certificates).
        ``callbacks``: ``certificate``, ``public_key``, the share (0 to 1) that the public key signs, or null: as the
        merchant's last request asked for its answer. ``stamps``: the time that signatures bear, ``emulated``, ``real``,
        or null: by the clock that the merchant's last request was written by. ``rotate``: true, or ``effective_in`` and
        ``old_ends_in`` in seconds: a new certificate beside the newest. ``probes``, ``answer_probes``: how many of the
        next callbacks and answers carry a signature that begins with WECHATPAY/SIGNTEST/ and is to be refused.
        """
        body = _read(asked, "mode", "callbacks", "stamps", "rotate", "probes", "answer_probes")
        mode, callbacks = body.get("mode", self._keys.mode), body.get("callbacks", self._keys.callbacks)
        if mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}")
        share = type(callbacks) in (int, float) and 0 <= callbacks <= 1
        if callbacks not in (None, "certificate", "public_key") and not share:
            raise ValueError("callbacks: certificate, public_key, a share from 0 to 1, or null")
        stamps = body.get("stamps", self._keys.stamps)
        if stamps not in STAMPS:
            raise ValueError("stamps: emulated, real, or null")
        probes = _count(body, "probes", self._keys.callback_probes)
        answer_probes = _count(body, "answer_probes", self._keys.answer_probes)
        rotation = _rotation(body.get("rotate", False))
        self._keys.mode, self._keys.callbacks, self._keys.stamps = mode, callbacks, stamps
        self._keys.callback_probes, self._keys.answer_probes = probes, answer_probes
        if rotation is not None:
            self._keys.rotate(*rotation)
        return self.state(asked, names)

    def refuse(self, asked: Asked, _: Mapping[str, str]) -> Answer:
        """
        The next requests of a path end in that refusal, signed, and are not carried out.

        ``path`` (a glob), ``status`` (202, or 400 to 599), ``code``, ``message``, ``times``.
        """
        body = _read(asked, "path", "status", "code", "message", "times")
        path, code, message = (body.get(name, "") for name in ("path", "code", "message"))
        if not all(isinstance(text, str) for text in (path, code, message)) or not path or not code:
            raise ValueError("path and code are texts, message may be one")
        status = _count(body, "status", 400)
        if status != 202 and not 400 <= status <= 599:
            raise ValueError("status is 202, or 400 to 599")
        times = _count(body, "times", 1)
        if not times:
            raise ValueError("times is at least 1")
        self._gate.ordered.append(Ordered(path, status, code, message or code, times))
        return _told({"refusals": len(self._gate.ordered)})

    def forgive(self, _: Asked, __: Mapping[str, str]) -> Answer:
        """Forget the refusals that were ordered."""
        self._gate.ordered.clear()
        return _told({"refusals": 0})

    def transfers(self, _: Asked, __: Mapping[str, str]) -> Answer:
        """Every transfer and its state."""
        return _told({"transfers": self._transfers.listed()})

    def transfer(self, asked: Asked, names: Mapping[str, str]) -> Answer:
        """
        Move a transfer on: the user confirms it, or it fails.

        ``state``: TRANSFERING (sic), which becomes SUCCESS after five seconds of the clock; SUCCESS; FAIL, with
        ``fail_reason``; or another of the platform's. A final one notifies the merchant.
        """
        body = _read(asked, "state", "fail_reason")
        state, reason = body.get("state", "SUCCESS"), body.get("fail_reason", "")
        if not all(isinstance(text, str) for text in (state, reason)):
            raise ValueError("state and fail_reason are texts")
        return _told(self._transfers.move(names["out_bill_no"], state, reason))

    def combined(self, asked: Asked, names: Mapping[str, str]) -> Answer:
        """
        The buyer's part of a combined order: all of its orders are paid, or none.

        ``outcome`` as for a single one; after success the merchant hears of all of them at once.
        """
        outcome = _read(asked, "outcome").get("outcome", "success")
        return _told(self._combined.pay(names["combine_out_trade_no"], outcome))

    def complaint(self, asked: Asked, _: Mapping[str, str]) -> Answer:
        """
        A buyer complains of the order ``out_trade_no``.

        ``complaint_detail`` and ``payer_phone`` are what he says; a merchant who set an address for it is told.
        """
        body = _read(asked, "out_trade_no", "complaint_detail", "payer_phone")
        number, detail = body.get("out_trade_no", ""), body.get("complaint_detail", "没有收到商品")
        phone = body.get("payer_phone", "13800000000")
        if not all(isinstance(text, str) and text for text in (number, detail, phone)):
            raise ValueError("out_trade_no, complaint_detail and payer_phone are texts")
        return _told(self._complaints.file(number, detail, phone))

    def refund(self, asked: Asked, names: Mapping[str, str]) -> Answer:
        """
        A refund under way ends now.

        ``status``: SUCCESS, CLOSED (the money stays with the merchant) or ABNORMAL (the buyer's card takes none).
        """
        status = _read(asked, "status").get("status", "SUCCESS")
        if status not in OUTCOMES:
            raise ValueError(f"status is one of {', '.join(OUTCOMES)}")
        for order in self._half.world.orders(self._half.platform):
            for refund in order.refunds:
                if refund.out_refund_no == names["out_refund_no"]:
                    if refund.state != "processing":
                        raise ValueError(f"the refund {refund.out_refund_no} is over: {refund.state}")
                    self._half.refund_ends(order, refund, OUTCOMES[status])
                    return _told(refunds.refunded(order, refund))
        raise LookupError(f"there is no refund {names['out_refund_no']}")


def _read(asked: Asked, *known: str) -> Body:
    body = json.loads(asked.body or b"{}")
    if not isinstance(body, dict) or not set(body) <= set(known):
        raise ValueError(f"a JSON object of {', '.join(known)}")
    return body


def _count(body: Body, name: str, default: int) -> int:
    value = body.get(name, default)
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} is an integer, not negative")
    return value


def _rotation(wanted: Any) -> tuple[float, float | None] | None:
    if wanted is False:
        return None
    asked = {} if wanted is True else wanted
    if not isinstance(asked, dict) or not set(asked) <= {"effective_in", "old_ends_in"}:
        raise ValueError("rotate: true, or effective_in and old_ends_in")
    begins, ends = asked.get("effective_in", 0), asked.get("old_ends_in")
    if not all(type(one) in (int, float) and 0 <= one <= LONGEST for one in (begins, begins if ends is None else ends)):
        raise ValueError("effective_in and old_ends_in are seconds, not negative")
    if ends is not None and ends < begins:
        raise ValueError("the old certificate ends once the new one is effective, not before")
    return float(begins), None if ends is None else float(ends)


def _told(fields: Mapping[str, Any]) -> Answer:
    return Answer(200, {"content-type": "application/json"}, document(fields))
