"""
Sharing what an order earned: ``weixin.pay.profit_sharing``. The order was made with ``settle_info.profit_sharing``.

Source: https://pay.weixin.qq.com/docs/merchant/products/profit-sharing/apilist.html and the partner's
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, NotRequired, TypedDict
from urllib.parse import quote

from tongfu.fields import Fee, OneOf, ParamsSchema, Rule, Text, Url, exactly_one
from tongfu_weixin.api.limits import Flag
from tongfu_weixin.api.result import ApiItem, wire
from tongfu_weixin.api.send import check, given
from tongfu_weixin.pay_numbers import OutRefundNo, TransactionId

from .call import build
from .typed import Records, Typed, about, check_each

PATH: Final = "/v3/profitsharing"
TYPES: Final = ("MERCHANT_ID", "PERSONAL_OPENID", "PERSONAL_SUB_OPENID")
RELATIONS: Final = (
    "SERVICE_PROVIDER",
    "STORE",
    "STAFF",
    "STORE_OWNER",
    "PARTNER",
    "HEADQUARTER",
    "BRAND",
    "DISTRIBUTOR",
    "USER",
    "SUPPLIER",
    "CUSTOM",
)


class Share(TypedDict):
    """Who gets ``amount`` fen. ``name``, a person's, is checked where given; it is encrypted for the platform."""

    type: str
    account: str
    amount: int
    description: str
    name: NotRequired[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared(ApiItem):
    """One receiver's share, in fen. ``result``: PENDING, SUCCESS, CLOSED (then with ``fail_reason``)."""

    type: str
    account: str = field(repr=False)
    amount: int
    result: str
    description: str | None = None
    fail_reason: str | None = None
    create_time: str | None = None
    finish_time: str | None = None
    detail_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingOrder(ApiItem):
    """``state``: PROCESSING or FINISHED, which says nothing about success: each share's ``result`` does."""

    transaction_id: str
    out_order_no: str
    order_id: str
    state: str
    receivers: tuple[Shared, ...] = ()
    sub_mch_id: str | None = wire("sub_mchid", default=None)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingReturn(ApiItem):
    """A share taken back, in fen. ``result``: PROCESSING, SUCCESS, FAILED (then with ``fail_reason``)."""

    out_return_no: str
    return_id: str
    return_mchid: str
    amount: int
    result: str
    order_id: str | None = None
    out_order_no: str | None = None
    description: str | None = None
    fail_reason: str | None = None
    create_time: str | None = None
    finish_time: str | None = None
    sub_mch_id: str | None = wire("sub_mchid", default=None)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver(ApiItem):
    """Somebody whom shares may go to, or may go to no more."""

    type: str
    account: str = field(repr=False)
    relation_type: str | None = None
    custom_relation: str | None = None
    sub_mch_id: str | None = wire("sub_mchid", default=None)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsplit(ApiItem):
    """What of an order can still be shared, in fen."""

    transaction_id: str
    unsplit_amount: int
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class _Order(ParamsSchema):
    transaction_id = TransactionId(required=True)
    out_order_no = OutRefundNo(required=True)
    receivers = Records(1, 50, required=True)
    unfreeze_unsplit = Flag(required=True)
    notify_url = Url(256, query=False)


class _Share(ParamsSchema):
    type = OneOf(TYPES, required=True)
    account = Text(64, required=True)
    amount = Fee(required=True)
    description = Text(80, required=True)
    name = Text(214, in_bytes=True)


class _OrderKey(ParamsSchema):
    out_order_no = OutRefundNo(required=True)
    transaction_id = TransactionId(required=True)


class _Unfreeze(_OrderKey):
    description = Text(80, required=True)


class _Return(ParamsSchema):
    out_return_no = OutRefundNo(required=True)
    return_mchid = Text(32, pattern=r"[0-9]+", alphabet="digits", required=True)
    amount = Fee(required=True)
    description = Text(80, required=True)
    out_order_no = OutRefundNo()
    order_id = Text(64)
    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("out_order_no", "order_id"),)


class _ReturnKey(ParamsSchema):
    out_return_no = OutRefundNo(required=True)
    out_order_no = OutRefundNo(required=True)


def _fits_its_type(params: Any) -> Mapping[str, str]:
    problems = {}
    if params.type == "MERCHANT_ID" and params.name is None:
        problems["name"] = "missing; expected the merchant's full name"
    if (params.relation_type == "CUSTOM") != (params.custom_relation is not None):
        problems["custom_relation"] = "expected with relation_type CUSTOM, and only then"
    return problems


class _Add(ParamsSchema):
    type = OneOf(TYPES, required=True)
    account = Text(64, required=True)
    relation_type = OneOf(RELATIONS, required=True)
    name = Text(214, in_bytes=True)
    custom_relation = Text(10)
    rules: ClassVar[tuple[Rule, ...]] = (_fits_its_type,)


class _Delete(ParamsSchema):
    type = OneOf(TYPES, required=True)
    account = Text(64, required=True)


class _Amounts(ParamsSchema):
    transaction_id = TransactionId(required=True)


_ORDER: Final = _Order()
_SHARE: Final = _Share()
_ORDER_KEY: Final = _OrderKey()
_UNFREEZE: Final = _Unfreeze()
_RETURN: Final = _Return()
_RETURN_KEY: Final = _ReturnKey()
_ADD: Final = _Add()
_DELETE: Final = _Delete()
_AMOUNTS: Final = _Amounts()


class ProfitSharing(Typed):
    """``weixin.pay.profit_sharing``: for the merchant itself, or as a service provider for ``sub_mch_id``."""

    async def create(
        self,
        *,
        transaction_id: str,
        out_order_no: str,
        receivers: Sequence[Share],
        unfreeze_unsplit: bool,
        notify_url: str | None = None,
    ) -> SharingOrder:
        """
        Share a paid order, at most 50 times and with 50 receivers each time; the platform then works on it: query.

        *unfreeze_unsplit* ends it: what is left goes to the merchant. Repeating an ``out_order_no`` shares once.
        """
        operation = "profit_sharing.create"
        told = given(
            transaction_id=transaction_id,
            out_order_no=out_order_no,
            receivers=receivers,
            unfreeze_unsplit=unfreeze_unsplit,
            notify_url=notify_url,
        )
        check(_ORDER, operation, told)
        shares = check_each(_SHARE, operation, "receivers", receivers)
        document = {**self._apps(), **told, "receivers": shares}
        finish = about(self._account, SharingOrder, out_order_no=out_order_no, transaction_id=transaction_id)
        call = build(operation, "POST", f"{PATH}/orders", finish, json=document, sensitive=("receivers.*.name",))
        return await self._run(call)

    async def query(self, *, out_order_no: str, transaction_id: str) -> SharingOrder:
        """What became of each share."""
        operation = "profit_sharing.query"
        told = {"out_order_no": out_order_no, "transaction_id": transaction_id}
        check(_ORDER_KEY, operation, told)
        path = f"{PATH}/orders/{quote(out_order_no, safe='')}"
        query = {**self._sub(), "transaction_id": transaction_id}
        finish = about(self._account, SharingOrder, **told)
        return await self._run(build(operation, "GET", path, finish, query=query, read_only=True))

    async def unfreeze(self, *, transaction_id: str, out_order_no: str, description: str) -> SharingOrder:
        """End the sharing of an order: what is left goes to the merchant. The number is a new one."""
        operation = "profit_sharing.unfreeze"
        told = {"transaction_id": transaction_id, "out_order_no": out_order_no, "description": description}
        check(_UNFREEZE, operation, told)
        finish = about(self._account, SharingOrder, out_order_no=out_order_no, transaction_id=transaction_id)
        document = {**self._sub(), **told}
        return await self._run(build(operation, "POST", f"{PATH}/orders/unfreeze", finish, json=document))

    async def create_return(
        self,
        *,
        out_return_no: str,
        return_mchid: str,
        amount: int,
        description: str,
        out_order_no: str | None = None,
        order_id: str | None = None,
    ) -> SharingReturn:
        """
        Take *amount* fen back from the merchant *return_mchid*, who got them by ``out_order_no`` or ``order_id``.

        While it is PROCESSING, repeat it with the same ``out_return_no`` only.
        """
        operation = "profit_sharing.create_return"
        told = given(
            order_id=order_id,
            out_order_no=out_order_no,
            out_return_no=out_return_no,
            return_mchid=return_mchid,
            amount=amount,
            description=description,
        )
        check(_RETURN, operation, told)
        finish = about(
            self._account, SharingReturn, out_return_no=out_return_no, return_mchid=return_mchid, amount=amount
        )
        document = {**self._sub(), **told}
        return await self._run(build(operation, "POST", f"{PATH}/return-orders", finish, json=document))

    async def query_return(self, *, out_return_no: str, out_order_no: str) -> SharingReturn:
        """Whether the share is back."""
        operation = "profit_sharing.query_return"
        told = {"out_return_no": out_return_no, "out_order_no": out_order_no}
        check(_RETURN_KEY, operation, told)
        path = f"{PATH}/return-orders/{quote(out_return_no, safe='')}"
        query = {**self._sub(), "out_order_no": out_order_no}
        finish = about(self._account, SharingReturn, **told)
        return await self._run(build(operation, "GET", path, finish, query=query, read_only=True))

    async def amounts(self, *, transaction_id: str) -> Unsplit:
        """What of an order can still be shared."""
        operation = "profit_sharing.amounts"
        told = {"transaction_id": transaction_id}
        check(_AMOUNTS, operation, told)
        finish = about(self._account, Unsplit, **told)
        path = f"{PATH}/transactions/{transaction_id}/amounts"
        return await self._run(build(operation, "GET", path, finish, read_only=True))

    async def add_receiver(
        self,
        *,
        type: str,  # noqa: A002 - the platform's word
        account: str,
        relation_type: str,
        name: str | None = None,
        custom_relation: str | None = None,
    ) -> Receiver:
        """Allow shares to go to *account*, a merchant number or an openid. ``name`` is encrypted for the platform."""
        operation = "profit_sharing.add_receiver"
        told = given(
            type=type, account=account, name=name, relation_type=relation_type, custom_relation=custom_relation
        )
        check(_ADD, operation, told)
        finish = about(self._account, Receiver, type=type, account=account)
        document = {**self._apps(), **told}
        call = build(operation, "POST", f"{PATH}/receivers/add", finish, json=document, sensitive=("name",))
        return await self._run(call)

    async def delete_receiver(
        self,
        *,
        type: str,  # noqa: A002 - as above
        account: str,
    ) -> Receiver:
        """No more shares to *account*."""
        operation = "profit_sharing.delete_receiver"
        told = {"type": type, "account": account}
        check(_DELETE, operation, told)
        finish = about(self._account, Receiver, **told)
        document = {**self._apps(), **told}
        return await self._run(build(operation, "POST", f"{PATH}/receivers/delete", finish, json=document))

    def _sub(self) -> dict[str, str]:
        return {"sub_mchid": self._account.sub_mch_id} if self._account.sub_mch_id else {}

    def _apps(self) -> dict[str, str]:
        apps = {**self._sub(), "appid": self._account.app_id}
        if self._account.sub_app_id:
            apps["sub_appid"] = self._account.sub_app_id
        return apps
