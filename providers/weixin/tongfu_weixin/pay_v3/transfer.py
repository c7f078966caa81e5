"""
Transfers to users, each of which the user confirms: ``weixin.pay.transfer``.

Source: https://pay.weixin.qq.com/doc/v3/merchant/4012716434 "发起转账", 4012716437, 4012716457 and 4012716458
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypedDict

from tongfu.errors import ConfigError, MalformedAnswer, SignatureError, WrongNotice
from tongfu.fields import Fee, ParamsSchema, Rule, Text, Url, exactly_one
from tongfu.notice import Reply
from tongfu_weixin.api.result import ApiItem, read, wire
from tongfu_weixin.api.send import check, given

from .call import build
from .typed import Records, Typed, about, check_each

if TYPE_CHECKING:
    from tongfu_weixin.account import WeixinAccount

PATH: Final = "/v3/fund-app/mch-transfer/transfer-bills"
EVENT: Final = "MCHTRANSFER.BILL.FINISHED"
NAME_FROM: Final = 200_000  # fen; from here on the platform wants the user's name
FINAL: Final = frozenset({"SUCCESS", "FAIL", "CANCELLED"})


class Report(TypedDict):
    """One thing the scene wants to be told, in the words of the platform's table for it."""

    info_type: str
    info_content: str


class _State:
    """
    ``state`` is the platform's word: ACCEPTED, PROCESSING, WAIT_USER_CONFIRM, TRANSFERING (sic), SUCCESS, FAIL,
    CANCELING, CANCELLED. One that we do not know is neither success nor failure.
    """

    __slots__ = ()
    state: str

    @property
    def succeeded(self) -> bool:
        """The user has the money."""
        return self.state == "SUCCESS"

    @property
    def final(self) -> bool:
        """Nothing changes any more: only now may a failed transfer be made again, under another number."""
        return self.state in FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferMade(_State, ApiItem):
    """
    A transfer the platform took. ``package_info`` comes with WAIT_USER_CONFIRM and goes to the user's client, as
    ``package`` of ``wx.requestMerchantTransfer``.
    """

    out_bill_no: str
    transfer_bill_no: str
    create_time: str
    state: str
    package_info: str | None = field(default=None, repr=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferBill(_State, ApiItem):
    """A transfer. ``transfer_amount`` is fen; ``user_name`` is encrypted for you: ``weixin.pay.decrypt`` reads it."""

    out_bill_no: str
    transfer_bill_no: str
    state: str
    transfer_amount: int
    transfer_remark: str | None = None
    app_id: str | None = wire("appid", default=None)
    mch_id: str | None = None
    openid: str | None = field(default=None, repr=False)
    user_name: str | None = field(default=None, repr=False)
    fail_reason: str | None = None
    create_time: str | None = None
    update_time: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCancelled(_State, ApiItem):
    """The platform took the wish to cancel; CANCELING may still end in SUCCESS: query."""

    out_bill_no: str
    transfer_bill_no: str
    state: str
    update_time: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferNotice(_State, ApiItem):
    """
    An authentic notification that a transfer ended. ``transfer_amount`` is fen; answer it with ``reply``.

    ``notify_id`` is the same each time the platform repeats the notification; ``repeated`` says that one of that id
    was read before.
    """

    out_bill_no: str
    transfer_bill_no: str
    state: str
    transfer_amount: int
    reply: Reply = field(repr=False)
    notify_id: str
    openid: str | None = field(default=None, repr=False)
    fail_reason: str | None = None
    create_time: str | None = None
    update_time: str | None = None
    repeated: bool = field(default=False, compare=False)
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class Told(Protocol):
    """A verified and decrypted notification, as ``weixin.pay.event`` answers."""

    @property
    def event_type(self) -> str: ...
    @property
    def notify_id(self) -> str: ...
    @property
    def content(self) -> Mapping[str, Any]: ...
    @property
    def reply(self) -> Reply: ...
    @property
    def repeated(self) -> bool: ...


class _OutBillNo(Text):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(32, pattern=r"[0-9A-Za-z]+", alphabet="letters and digits", **kwargs)


def _name_for_much(params: Any) -> Mapping[str, str]:
    if isinstance(params.transfer_amount, int) and params.transfer_amount >= NAME_FROM and params.user_name is None:
        return {"user_name": f"missing; expected the user's real name for {NAME_FROM} fen and more"}
    return {}


class _Create(ParamsSchema):
    out_bill_no = _OutBillNo(required=True)
    transfer_scene_id = Text(36, required=True)
    openid = Text(64, required=True)
    user_name = Text(214, in_bytes=True)
    transfer_amount = Fee(required=True)
    transfer_remark = Text(32, required=True)
    notify_url = Url(256, query=False)
    user_recv_perception = Text(1024)
    transfer_scene_report_infos = Records(1, 100, required=True)
    rules: ClassVar[tuple[Rule, ...]] = (_name_for_much,)


class _Report(ParamsSchema):
    info_type = Text(1024, required=True)
    info_content = Text(1024, required=True)


class _Key(ParamsSchema):
    out_bill_no = _OutBillNo()
    transfer_bill_no = Text(64, pattern=r"[0-9A-Za-z]+", alphabet="letters and digits")
    rules: ClassVar[tuple[Rule, ...]] = (exactly_one("out_bill_no", "transfer_bill_no"),)


class _Cancel(ParamsSchema):
    out_bill_no = _OutBillNo(required=True)


_CREATE: Final = _Create()
_REPORT: Final = _Report()
_KEY: Final = _Key()
_CANCEL: Final = _Cancel()


class Transfer(Typed):
    """``weixin.pay.transfer``: the merchant's own money, so not for an account with a ``sub_mch_id``."""

    async def create(
        self,
        *,
        out_bill_no: str,
        transfer_scene_id: str,
        openid: str,
        transfer_amount: int,
        transfer_remark: str,
        transfer_scene_report_infos: Sequence[Report],
        user_name: str | None = None,
        notify_url: str | None = None,
        user_recv_perception: str | None = None,
    ) -> TransferMade:
        """
        Send *transfer_amount* fen to the user; ``user_name`` (from 2,000 yuan on) is encrypted for the platform.

        After any error but ``InvalidParams`` and ``ConfigError`` repeat it with the same ``out_bill_no``, or query:
        another number may pay twice.
        """
        operation = "transfer.create"
        told = given(
            out_bill_no=out_bill_no,
            transfer_scene_id=transfer_scene_id,
            openid=openid,
            user_name=user_name,
            transfer_amount=transfer_amount,
            transfer_remark=transfer_remark,
            notify_url=notify_url,
            user_recv_perception=user_recv_perception,
            transfer_scene_report_infos=transfer_scene_report_infos,
        )
        account = self._paying(operation)
        check(_CREATE, operation, told)
        reports = check_each(_REPORT, operation, "transfer_scene_report_infos", transfer_scene_report_infos)
        document = {"appid": account.app_id, **told, "transfer_scene_report_infos": reports}
        finish = about(account, TransferMade, out_bill_no=out_bill_no)
        return await self._run(build(operation, "POST", PATH, finish, json=document, sensitive=("user_name",)))

    async def query(self, *, out_bill_no: str | None = None, transfer_bill_no: str | None = None) -> TransferBill:
        """Find a transfer of the last 30 days by either number."""
        operation = "transfer.query"
        account = self._paying(operation)
        asked = {"out_bill_no": out_bill_no, "transfer_bill_no": transfer_bill_no}
        check(_KEY, operation, asked)
        number = f"out-bill-no/{out_bill_no}" if out_bill_no is not None else f"transfer-bill-no/{transfer_bill_no}"
        read_bill = about(account, TransferBill, **asked)

        def finish(answer: Mapping[str, Any], ctx: Any) -> TransferBill:
            _ours(account, answer)
            return read_bill(answer, ctx)

        return await self._run(build(operation, "GET", f"{PATH}/{number}", finish, read_only=True))

    async def cancel(self, *, out_bill_no: str) -> TransferCancelled:
        """Take a transfer back that the user has not confirmed yet."""
        operation = "transfer.cancel"
        account = self._paying(operation)
        check(_CANCEL, operation, {"out_bill_no": out_bill_no})
        finish = about(account, TransferCancelled, out_bill_no=out_bill_no)
        return await self._run(build(operation, "POST", f"{PATH}/out-bill-no/{out_bill_no}/cancel", finish))

    def notice(self, told: Told) -> TransferNotice:
        """
        What a notification at ``notify_url`` says, once ``weixin.pay.event`` has verified it.

        :raises WrongNotice: it is about something else than a transfer.
        :raises SignatureError: it is about another merchant's.
        """
        if told.event_type != EVENT:
            raise WrongNotice(f"weixin: the notification is about {told.event_type} and not about a transfer")
        _ours(self._account, told.content, complete=True)
        seen = read(TransferBill, told.content)
        if not seen.final:
            raise MalformedAnswer("weixin: the notification is about a transfer that has not ended")
        return TransferNotice(
            out_bill_no=seen.out_bill_no,
            transfer_bill_no=seen.transfer_bill_no,
            state=seen.state,
            transfer_amount=seen.transfer_amount,
            openid=seen.openid,
            fail_reason=seen.fail_reason,
            create_time=seen.create_time,
            update_time=seen.update_time,
            raw=told.content,
            reply=told.reply,
            notify_id=told.notify_id,
            repeated=told.repeated,
        )

    def _paying(self, operation: str) -> WeixinAccount:
        if self._account.sub_mch_id:
            raise ConfigError(
                f"weixin {operation}: this account acts for a sub-merchant, whose money has paths of its own; use an "
                "account without sub_mch_id, or weixin.pay.call on /v3/fund-app/mch-transfer/partner/transfer-bills"
            )
        return self._account


def _ours(account: WeixinAccount, fields: Mapping[str, Any], *, complete: bool = False) -> None:
    """Here the platform writes ``mch_id`` in one place and ``mchid`` in another."""
    told = [fields[name] for name in ("mch_id", "mchid") if fields.get(name)]
    if any(number != account.mch_id for number in told) or (complete and not told):
        raise SignatureError("weixin: the message's mch_id is missing or another account's; use nothing of it")
