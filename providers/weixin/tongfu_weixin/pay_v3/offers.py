"""What ``weixin.pay`` offers with types, beyond the ten operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tongfu.errors import InvalidParams
from tongfu_weixin.scene import SCENES

from . import order
from .profit_sharing import ProfitSharing
from .transfer import Transfer
from .typed import Typed

if TYPE_CHECKING:
    from tongfu.call import Caller
    from tongfu_weixin.account import WeixinAccount


class Offers(Typed):
    """``transfer``, ``profit_sharing``, and the client's parameters for orders that were made by ``call``."""

    def __init__(self, caller: Caller, account: WeixinAccount) -> None:
        super().__init__(caller, account)
        self.transfer = Transfer(caller, account)
        self.profit_sharing = ProfitSharing(caller, account)

    async def client_params(self, prepay_id: str, *, client_type: str | None = None) -> dict[str, str]:
        """
        What the client needs to pay a ``prepay_id``, such as a combined order's; it lives for two hours.

        ``client_type`` is ``mp-weixin``, ``app-plus`` or ``app``; None is the account's.
        """
        operation = "pay.client_params"
        client = client_type or self._account.client_type
        problems = {}
        if client not in SCENES:
            problems["client_type"] = f"expected one of {', '.join(SCENES)}"
        if not isinstance(prepay_id, str) or not prepay_id or not prepay_id.isprintable():
            problems["prepay_id"] = "expected the platform's prepay_id"
        if problems:
            raise InvalidParams("weixin", operation, problems)
        made = order.client_params if SCENES[client] == "JSAPI" else order.app_params
        return await self._caller.run(operation, lambda ctx: made(self._account, prepay_id, ctx))
