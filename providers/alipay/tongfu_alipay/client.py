"""What ``tf.open`` gives for an Alipay account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tongfu.call import Call, Caller, Context
from tongfu.payments import AccountPayments


class Alipay:
    """Alipay for one account."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self.payment = AccountPayments(caller.payment)

    async def call(
        self, method: str, biz_content: Mapping[str, Any] | None = None, *, read_only: bool = False, **common: str
    ) -> Mapping[str, Any]:
        """
        Call any gateway method, signed and verified: the answer is the verified node.

        *biz_content* and *common* (top-level parameters such as ``notify_url``) have names and values
        as on the wire. Only a *read_only* call is ever resent; any other may end in OutcomeUnknown.
        """
        fields: dict[str, Any] = {"common": common}
        if biz_content is not None:
            fields["biz_content"] = biz_content

        def begin(ctx: Context) -> Call[Mapping[str, Any]]:
            return Call(method, method, fields, lambda answer, ctx: answer, read_only=read_only)

        return await self._caller.run(method, begin)
