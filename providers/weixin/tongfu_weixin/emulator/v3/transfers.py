"""
Transfers to users (商家转账): the user confirms, or the merchant takes it back.

Source: https://pay.weixin.qq.com/doc/v3/merchant/4012716434 "发起转账", "查询转账单", "撤销转账", "商家转账回调通知"
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from tongfu.emulator.half import World

from .callbacks import Callbacks, Told
from .gate import Endpoint, Request
from .keys import Keys
from .orders import URL
from .shape import Items, Members, Text, Whole
from .wire import BEIJING, Refused, when, wrong

BILLS: Final = "/v3/fund-app/mch-transfer/transfer-bills"
STATES: Final = (
    "ACCEPTED",
    "PROCESSING",
    "WAIT_USER_CONFIRM",
    "TRANSFERING",
    "SUCCESS",
    "FAIL",
    "CANCELING",
    "CANCELLED",
)
FINAL: Final = frozenset({"SUCCESS", "FAIL", "CANCELLED"})
LEADS_TO: Final = {"TRANSFERING": "SUCCESS", "CANCELING": "CANCELLED"}
STEP: Final = 5.0  # seconds of the emulator's clock until a state that leads to another is over
NAMED_FROM: Final = 200_000  # fen: from here on the user's name is needed
KEPT: Final = timedelta(days=30)
_REPORT: Final = Members({"info_type": Text(15, needed=True), "info_content": Text(32, needed=True)})
BODY: Final = Members(
    {
        "appid": Text(32, needed=True),
        "out_bill_no": Text(32, needed=True, pattern="[0-9A-Za-z]+"),
        "transfer_scene_id": Text(36, needed=True),
        "openid": Text(64, needed=True),
        "user_name": Text(1024),
        "transfer_amount": Whole(1, needed=True),
        "transfer_remark": Text(32, needed=True),
        "notify_url": Text(256, pattern=URL),
        "user_recv_perception": Text(32),
        "transfer_scene_report_infos": Items(_REPORT, most=10),
    }
)


@dataclass(slots=True)
class Bill:
    """One transfer. ``asked`` is the merchant's request, with the name in plain."""

    asked: Mapping[str, Any] = field(repr=False)
    transfer_bill_no: str
    created: datetime
    updated: datetime
    state: str = "WAIT_USER_CONFIRM"
    package_info: str = ""
    fail_reason: str = ""


class Transfers:
    def __init__(self, world: World, app_id: str, mch_id: str, keys: Keys, callbacks: Callbacks) -> None:
        self._world, self._app_id, self._mch_id = world, app_id, mch_id
        self._keys, self._callbacks = keys, callbacks
        self._bills: dict[str, Bill] = {}

    def reset(self) -> None:
        self._bills.clear()

    def endpoints(self) -> Iterable[Endpoint]:
        yield Endpoint("POST", BILLS, self._create, BODY, ("user_name",))
        yield Endpoint("GET", f"{BILLS}/out-bill-no/{{out_bill_no}}", self._query)
        yield Endpoint("GET", f"{BILLS}/transfer-bill-no/{{transfer_bill_no}}", self._query)
        yield Endpoint("POST", f"{BILLS}/out-bill-no/{{out_bill_no}}/cancel", self._cancel)

    def move(self, out_bill_no: str, state: str, fail_reason: str = "") -> Mapping[str, Any]:
        """
        The user's and the platform's part: the transfer is in that state now.

        :raises LookupError: there is no such transfer.
        :raises ValueError: no such state, or it is over already.
        """
        bill = self._bills.get(out_bill_no)
        if bill is None:
            raise LookupError(f"there is no transfer {out_bill_no}")
        if state not in STATES:
            raise ValueError(f"no state {state}; there are {', '.join(STATES)}")
        if bill.state in FINAL:
            raise ValueError(f"the transfer {out_bill_no} is {bill.state} for good")
        self._moved(bill, state, fail_reason or ("PAYEE_ACCOUNT_ABNORMAL" if state == "FAIL" else ""))
        return self._document(bill)

    def listed(self) -> list[Mapping[str, Any]]:
        return [self._document(bill) for bill in self._bills.values()]

    def _create(self, request: Request) -> Mapping[str, Any]:
        asked = dict(request.body)
        if asked["appid"] != self._app_id:
            raise Refused(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配", explain=f"the app is {self._app_id}")
        if asked["transfer_amount"] >= NAMED_FROM and not asked.get("user_name"):
            raise wrong("/user_name", "转账金额大于等于2000元时必填")
        bill = self._bills.get(asked["out_bill_no"])
        if bill is None:
            bill = self._new(asked)
        elif bill.asked != asked:
            explain = "the transfer of that number was made with other parameters"
            raise Refused(
                400, "INVALID_REQUEST", "商户单号重复，且参数与原单不一致", number="268498688", explain=explain
            )
        told = {"out_bill_no": asked["out_bill_no"], "transfer_bill_no": bill.transfer_bill_no}
        told |= {"create_time": when(bill.created), "state": bill.state}
        if bill.state == "WAIT_USER_CONFIRM":
            told["package_info"] = bill.package_info
        return told

    def _new(self, asked: Mapping[str, Any]) -> Bill:
        now, chance = self._world.clock.now(), self._world.random
        number = f"1330001{now.astimezone(BEIJING):%Y%m%d}{chance.randrange(10**19):019d}"
        bill = Bill(asked, number, now, now, package_info=f"affffddafdfafddffda{chance.getrandbits(96):024x}")
        self._bills[asked["out_bill_no"]] = bill
        return bill

    def _query(self, request: Request) -> Mapping[str, Any]:
        bill = self._found(request.names)
        told = self._document(bill)
        if bill.asked.get("user_name"):
            told["user_name"] = self._keys.hidden(bill.asked["user_name"])
        return told

    def _cancel(self, request: Request) -> Mapping[str, Any]:
        bill = self._found(request.names)
        if bill.state in ("ACCEPTED", "PROCESSING", "WAIT_USER_CONFIRM"):
            self._moved(bill, "CANCELING", "")
        elif bill.state not in ("CANCELING", "CANCELLED"):
            raise Refused(400, "INVALID_REQUEST", "当前单据状态不支持撤销", explain=f"it is {bill.state}")
        return {
            "out_bill_no": bill.asked["out_bill_no"],
            "transfer_bill_no": bill.transfer_bill_no,
            "state": bill.state,
            "update_time": when(bill.updated),
        }

    def _found(self, names: Mapping[str, str]) -> Bill:
        now = self._world.clock.now()
        for bill in self._bills.values():
            numbers = {"out_bill_no": bill.asked["out_bill_no"], "transfer_bill_no": bill.transfer_bill_no}
            if all(numbers[name] == value for name, value in names.items()) and now - bill.created <= KEPT:
                return bill
        raise Refused(404, "NOT_FOUND", "记录不存在")

    def _moved(self, bill: Bill, state: str, fail_reason: str) -> None:
        bill.state, bill.fail_reason, bill.updated = state, fail_reason, self._world.clock.now()
        if state in LEADS_TO:
            self._world.clock.at(STEP, lambda: self._lead(bill, state))
        if state in FINAL and bill.asked.get("notify_url"):
            told = Told("MCHTRANSFER.BILL.FINISHED", "mch_payment", "商家转账单据终态通知", lambda: self._notice(bill))
            number, url = bill.asked["out_bill_no"], bill.asked["notify_url"]
            named = self._callbacks.named()
            self._world.deliver(self._callbacks.delivery("transfer", number, url, told, named, kept=False))

    def _lead(self, bill: Bill, state: str) -> None:
        if bill.state == state:
            self._moved(bill, LEADS_TO[state], "")

    def _document(self, bill: Bill) -> dict[str, Any]:
        told = self._notice(bill)
        return told | {"appid": self._app_id, "transfer_remark": bill.asked["transfer_remark"]}

    def _notice(self, bill: Bill) -> dict[str, Any]:
        told = {
            "mch_id": self._mch_id,
            "out_bill_no": bill.asked["out_bill_no"],
            "transfer_bill_no": bill.transfer_bill_no,
            "state": bill.state,
            "transfer_amount": bill.asked["transfer_amount"],
            "openid": bill.asked["openid"],
            "create_time": when(bill.created),
            "update_time": when(bill.updated),
        }
        return told | ({"fail_reason": bill.fail_reason} if bill.fail_reason else {})
