"""
Complaints (消费者投诉): a buyer complains of an order, the merchant answers and settles it.

Source: https://pay.weixin.qq.com/doc/v3/merchant/4012533431 "查询投诉单列表", its detail, replies, and its callback
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from .callbacks import Callbacks, Told
from .gate import Endpoint, Request
from .keys import Keys
from .orders import URL
from .shape import Items, Members, Text
from .wire import BEIJING, Refused, when, wrong

if TYPE_CHECKING:
    from tongfu_weixin.emulator.half import WeixinHalf

BASE: Final = "/v3/merchant-service/complaints-v2"
NOTIFICATIONS: Final = "/v3/merchant-service/complaint-notifications"
DAY: Final = r"\d{4}-\d\d-\d\d"
_OURS: Final = Text(64, needed=True)
RESPONSE: Final = Members(
    {
        "complainted_mchid": _OURS,
        "response_content": Text(200, needed=True),
        "response_images": Items(Text(512, needed=True), most=4),
        "jump_url": Text(512),
        "jump_url_text": Text(10),
    }
)


@dataclass(slots=True)
class Complaint:
    complaint_id: str
    made: datetime
    detail: str
    phone: str = field(repr=False)
    out_trade_no: str = ""
    state: str = "PENDING"
    history: list[dict[str, Any]] = field(default_factory=list)


class Complaints:
    def __init__(self, half: WeixinHalf, keys: Keys, callbacks: Callbacks) -> None:
        self._half, self._keys, self._callbacks = half, keys, callbacks
        self.reset()

    def reset(self) -> None:
        self._all: dict[str, Complaint] = {}
        self._url = ""

    def endpoints(self) -> Iterable[Endpoint]:
        one = f"{BASE}/{{complaint_id}}"
        yield Endpoint("GET", BASE, self._list)
        yield Endpoint("GET", one, self._query)
        yield Endpoint("GET", f"{one}/negotiation-historys", self._history)
        yield Endpoint("POST", f"{one}/response", self._respond, RESPONSE)
        yield Endpoint("POST", f"{one}/complete", self._complete, Members({"complainted_mchid": _OURS}))
        address = Members({"url": Text(255, needed=True, pattern=URL)})
        yield Endpoint("POST", NOTIFICATIONS, self._listen, address)
        yield Endpoint("PUT", NOTIFICATIONS, self._listen, address)
        yield Endpoint("GET", NOTIFICATIONS, self._listening)
        yield Endpoint("DELETE", NOTIFICATIONS, self._deaf)

    def file(self, out_trade_no: str, detail: str, phone: str) -> Mapping[str, Any]:
        """
        The buyer complains of an order.

        :raises LookupError: there is no such order.
        """
        half = self._half
        if half.world.order(half.platform, out_trade_no) is None:
            raise LookupError(f"there is no order {out_trade_no}")
        now = half.world.clock.now()
        number = f"2000{now.astimezone(BEIJING):%Y%m%d}{half.world.random.randrange(10**12):012d}"
        made = self._all[number] = Complaint(number, now, detail, phone, out_trade_no)
        self._said(made, "USER_CREATE_COMPLAINT", detail)
        self._tell(made, "COMPLAINT.CREATE", "CREATE_COMPLAINT")
        return {"complaint_id": number}

    def _list(self, request: Request) -> Mapping[str, Any]:
        begin, end = request.parameter("begin_date", DAY), request.parameter("end_date", DAY)
        limit = int(request.parameter("limit", r"\d{1,3}", needed=False) or 10)
        offset = int(request.parameter("offset", r"\d{1,9}", needed=False) or 0)
        if not 1 <= limit <= 50:
            raise wrong("limit", "应为1到50", location="query")
        found = [each for each in self._all.values() if begin <= f"{each.made.astimezone(BEIJING):%Y-%m-%d}" <= end]
        page = [self._document(each) for each in found[offset : offset + limit]]
        return {"data": page, "limit": limit, "offset": offset, "total_count": len(found)}

    def _query(self, request: Request) -> Mapping[str, Any]:
        return self._document(self._found(request))

    def _history(self, request: Request) -> Mapping[str, Any]:
        history = self._found(request).history
        return {"data": history[::-1], "limit": 300, "offset": 0, "total_count": len(history)}

    def _respond(self, request: Request) -> None:
        found = self._ours(request)
        if found.state == "PROCESSED":
            raise Refused(400, "INVALID_REQUEST", "投诉单已处理完成")
        found.state = "PROCESSING"
        self._said(found, "MERCHANT_RESPONSE", request.body["response_content"])

    def _complete(self, request: Request) -> None:
        found = self._ours(request)
        if found.state == "PENDING":
            raise Refused(400, "INVALID_REQUEST", "须先回复用户")
        found.state = "PROCESSED"
        self._said(found, "MERCHANT_CONFIRM_COMPLETE", "")
        self._tell(found, "COMPLAINT.STATE_CHANGE", "CONFIRM_COMPLETED")

    def _listen(self, request: Request) -> Mapping[str, Any]:
        self._url = request.body["url"]
        return self._listening(request)

    def _listening(self, request: Request) -> Mapping[str, Any]:
        if not self._url:
            raise Refused(404, "RESOURCE_NOT_EXISTS", "未设置通知地址")
        return {"mchid": self._half.mch_id, "url": self._url}

    def _deaf(self, request: Request) -> None:
        self._url = ""

    def _found(self, request: Request) -> Complaint:
        found = self._all.get(request.names["complaint_id"])
        if found is None or re.fullmatch(r"\d+", found.complaint_id) is None:
            raise Refused(404, "RESOURCE_NOT_EXISTS", "投诉单不存在")
        return found

    def _ours(self, request: Request) -> Complaint:
        if request.body["complainted_mchid"] != self._half.mch_id:
            raise wrong("/complainted_mchid", "不是被诉商户")
        return self._found(request)

    def _said(self, found: Complaint, kind: str, details: str) -> None:
        now = self._half.world.clock.now()
        log = f"3000{now.astimezone(BEIJING):%Y%m%d}{self._half.world.random.randrange(10**12):012d}"
        entry = {"log_id": log, "operator": "商家" if kind.startswith("MERCHANT") else "投诉人", "operate_type": kind}
        found.history.append({**entry, "operate_time": when(now), "operate_details": details})

    def _tell(self, found: Complaint, event: str, action: str) -> None:
        if self._url:
            content = {"complaint_id": found.complaint_id, "action_type": action}
            told = Told(
                event, "complaint", "产生新投诉" if action == "CREATE_COMPLAINT" else "投诉单状态变化", lambda: content
            )
            named = self._callbacks.named()
            delivery = self._callbacks.delivery("complaint", found.complaint_id, self._url, told, named, kept=False)
            self._half.world.deliver(delivery)

    def _document(self, found: Complaint) -> dict[str, Any]:
        order = self._half.world.order(self._half.platform, found.out_trade_no)
        about = []
        if order is not None:
            number = {"transaction_id": order.transaction_id} if order.transaction_id else {}
            about = [{**number, "out_trade_no": order.out_trade_no, "amount": order.total_fee}]
        return {
            "complaint_id": found.complaint_id,
            "complaint_time": when(found.made),
            "complaint_detail": found.detail,
            "complaint_state": found.state,
            "payer_phone": self._keys.hidden(found.phone),
            "payer_openid": order.openid if order is not None else "",
            "complaint_order_info": about,
            "complaint_full_refunded": order is not None and order.state == "refunded",
            "incoming_user_response": False,
            "user_complaint_times": 1,
        }
