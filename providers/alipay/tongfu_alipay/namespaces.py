"""``alipay.trade`` and ``alipay.fund``: what goes beyond the ten operations of every platform."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tongfu.call import Caller
from tongfu.model import Order
from tongfu.polling import Pause, Polled, sleep

from . import bar_code, money_out
from .account import AlipayAccount
from .money_out import Royalty, Settled, Transfer


class Trade:
    def __init__(self, caller: Caller, account: AlipayAccount) -> None:
        self._caller = caller
        self._account = account

    def pay(
        self,
        *,
        auth_code: str | None = None,
        out_trade_no: str,
        total_fee: int,
        subject: str,
        body: str | None = None,
        notify_url: str | None = None,
        time_expire: datetime | None = None,
        extra: Mapping[str, Any] | None = None,
        every: float = bar_code.EVERY,
        within: float = bar_code.WITHIN,
        pause: Pause = sleep,
    ) -> Polled[Order]:
        """
        Bar-code payment: take *total_fee* (fen) from the buyer who shows *auth_code*, and see it through.

        ``order = await alipay.trade.pay(…)`` gives the end of it; ``async for order in alipay.trade.pay(…)`` each state
        on the way: USERPAYING while the buyer confirms on his phone. It is asked *every* so many seconds, *within* so
        many altogether; then the order is cancelled. The last ``trade_state`` is SUCCESS (``order.paid``), CLOSED,
        or REVOKED: cancelled, and what was paid is paid back. Another attempt needs another *out_trade_no*.

        Whoever leaves the loop early leaves the order as it is: query it, or cancel it.

        Without *auth_code*, *extra* names how else is paid: ``auth_no`` (what is frozen) or ``agreement_params``, with
        its ``product_code``. Names in *extra* are those of alipay.trade.pay.

        :raises PlatformRefused: not taken, such as a code that is used up or too old (PAYMENT_AUTH_CODE_INVALID).
        :raises OutcomeUnknown: it could not be cancelled either: query it before anything else.
        """
        given = {
            "auth_code": auth_code,
            "out_trade_no": out_trade_no,
            "total_fee": total_fee,
            "subject": subject,
            "body": body,
            "notify_url": notify_url,
            "time_expire": time_expire,
            "extra": extra,
        }
        begin = bar_code.pay(self._account, given)
        return bar_code.settled(self._caller, begin, out_trade_no, every=every, within=within, pause=pause)

    async def settle(
        self,
        *,
        out_request_no: str,
        transaction_id: str,
        royalty_parameters: Sequence[Royalty],
        extra: Mapping[str, Any] | None = None,
    ) -> Settled:
        """
        Share a paid trade (``trade_no`` is *transaction_id*) with others; each ``amount`` is fen.

        Who may get a share is bound first, with ``call("alipay.trade.royalty.relation.bind", …)``. After OutcomeUnknown
        repeat with the same *out_request_no*, never with another.
        """
        return await self._caller.run(
            "trade.settle",
            lambda ctx: money_out.settle(
                out_request_no=out_request_no,
                transaction_id=transaction_id,
                royalty_parameters=royalty_parameters,
                extra=extra,
            ),
        )


class Fund:
    def __init__(self, caller: Caller, account: AlipayAccount) -> None:
        self._caller = caller
        self._account = account

    async def transfer(
        self,
        *,
        out_biz_no: str,
        trans_amount: int,
        identity: str,
        identity_type: str,
        order_title: str,
        name: str | None = None,
        remark: str | None = None,
        product_code: str = money_out.ACCOUNT,
        biz_scene: str = "DIRECT_TRANSFER",
        extra: Mapping[str, Any] | None = None,
    ) -> Transfer:
        """
        Send *trans_amount* (fen, at least 10) to the payee *identity*, in certificate mode.

        *identity_type* is ALIPAY_USER_ID, ALIPAY_OPEN_ID, ALIPAY_LOGON_ID or BANKCARD_ACCOUNT; the last two need
        *name*. DEALING is neither success nor failure: query.

        :raises OutcomeUnknown: it may have been sent. Repeat with the **same** *out_biz_no*, or query; a query that
            finds nothing is no proof yet that nothing was sent.
        """
        return await self._caller.run(
            "fund.transfer",
            lambda ctx: money_out.transfer(
                self._account,
                out_biz_no=out_biz_no,
                trans_amount=trans_amount,
                identity=identity,
                identity_type=identity_type,
                name=name,
                order_title=order_title,
                remark=remark,
                product_code=product_code,
                biz_scene=biz_scene,
                extra=extra,
            ),
        )

    async def transfer_query(
        self,
        *,
        out_biz_no: str | None = None,
        order_id: str | None = None,
        product_code: str = money_out.ACCOUNT,
        biz_scene: str = "DIRECT_TRANSFER",
    ) -> Transfer:
        """
        What became of a transfer, by your number or the platform's.

        :raises OrderNotFound: not found; right after OutcomeUnknown it may only be late.
        """
        return await self._caller.run(
            "fund.transfer_query",
            lambda ctx: money_out.transfer_query(
                out_biz_no=out_biz_no, order_id=order_id, product_code=product_code, biz_scene=biz_scene
            ),
        )
