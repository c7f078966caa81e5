"""Agreement pay: the user signs once, and is charged without confirming each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tongfu.emulator.half import Route, World

from . import trades
from .controls import control
from .gateway import Refusal, Request

PAGE = "alipay.user.agreement.page.sign"


@dataclass
class Agreement:
    agreement_no: str
    external_agreement_no: str
    product: str
    scene: str
    openid: str
    notify_url: str
    status: str = "TEMP"
    signed: str = ""
    unsigned: str = ""


class Agreements:
    """*told* notifies the merchant of what a user did."""

    def __init__(self, world: World, told: Callable[[str, Mapping[str, str]], None]) -> None:
        self._world = world
        self._told = told
        self.reset()

    def reset(self) -> None:
        self._all: dict[str, Agreement] = {}

    def routes(self) -> Iterable[Route]:
        takes = {"external_agreement_no": str, "outcome": str}
        yield Route("POST", "/_emulator/alipay/agreement", control(self.act, **takes))

    def page(self, request: Request) -> str:
        """
        The page where a user may sign: the agreement's number.

        :raises Refusal: as the platform refuses.
        """
        content = request.content
        number, product = content.get("external_agreement_no"), content.get("personal_product_code")
        if not isinstance(number, str) or not number or not product or not content.get("access_params"):
            raise Refusal("40004", "INVALID_PARAMETER", "参数有误")
        if number not in self._all:
            made = f"{self._world.clock.now():%Y%m%d}{self._world.random.randrange(10**12):012d}"
            openid = f"2088{self._world.random.randrange(10**12):012d}"
            scene = str(content.get("sign_scene", ""))
            self._all[number] = Agreement(
                made, number, str(product), scene, openid, request.params.get("notify_url", "")
            )
        return number

    def act(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A user signs the agreement whose page he opened, or ends it: sign, unsign"""
        found = self._all.get(body.get("external_agreement_no", ""))
        outcome = body.get("outcome", "sign")
        if found is None or outcome not in ("sign", "unsign"):
            raise ValueError("expected the external_agreement_no of a page that was opened, and sign or unsign")
        if outcome == "unsign" and found.status != "NORMAL":
            raise ValueError("the agreement is not signed")
        self._end(found) if outcome == "unsign" else self._sign(found)
        return {"agreement_no": found.agreement_no, "status": found.status}

    def _sign(self, found: Agreement) -> None:
        found.status, found.signed = "NORMAL", trades.beijing(self._world.clock.now())
        self._notify(found, "dut_user_sign", {"sign_time": found.signed, "status": "NORMAL"})

    def _end(self, found: Agreement) -> None:
        found.status, found.unsigned = "UNSIGN", trades.beijing(self._world.clock.now())
        self._notify(found, "dut_user_unsign", {"unsign_time": found.unsigned, "status": "UNSIGN"})

    def _notify(self, found: Agreement, kind: str, more: Mapping[str, str]) -> None:
        if found.notify_url:
            numbers = {"agreement_no": found.agreement_no, "external_agreement_no": found.external_agreement_no}
            fields = {"notify_type": kind, "personal_product_code": found.product, "alipay_user_id": found.openid}
            self._told(found.notify_url, {**fields, **numbers, **more})

    def query(self, request: Request) -> dict[str, Any]:
        """
        alipay.user.agreement.query.

        :raises Refusal: as the platform refuses.
        """
        found = self._found(request.content)
        node = {
            "agreement_no": found.agreement_no,
            "external_agreement_no": found.external_agreement_no,
            "personal_product_code": found.product,
            "sign_scene": found.scene,
            "principal_id": found.openid,
            "status": found.status,
            "sign_time": found.signed,
        }
        return {name: value for name, value in node.items() if value}

    def unsign(self, request: Request) -> dict[str, Any]:
        """
        alipay.user.agreement.unsign.

        :raises Refusal: as the platform refuses.
        """
        self._end(self._found(request.content))
        return {}

    def charge(self, request: Request) -> str:
        """
        Who pays a trade by an agreement.

        :raises Refusal: as the platform refuses.
        """
        params = request.content.get("agreement_params")
        number = params.get("agreement_no") if isinstance(params, dict) else None
        for each in self._all.values():
            if each.agreement_no == number and each.status == "NORMAL":
                return each.openid
        raise Refusal("40004", "ACQ.AGREEMENT_NOT_EXIST", "用户协议不存在")

    def _found(self, content: Mapping[str, Any]) -> Agreement:
        for each in self._all.values():
            wanted = (content.get("agreement_no"), content.get("external_agreement_no"))
            if each.status == "NORMAL" and (each.agreement_no == wanted[0] or each.external_agreement_no == wanted[1]):
                return each
        raise Refusal("40004", "USER_AGREEMENT_NOT_EXIST", "用户协议不存在")
