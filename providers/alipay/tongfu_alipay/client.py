"""What ``tf.open`` gives for an Alipay account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tongfu.call import Caller
from tongfu.payments import AccountPayments

if TYPE_CHECKING:
    from tongfu.call import Notification

    from .account import AlipayAccount
    from .message import Message, PageReturn
    from .open_data import PhoneNumber
    from .order import Page


class Alipay:
    """Alipay for one account."""

    def __init__(self, caller: Caller, account: AlipayAccount) -> None:
        from . import namespaces, openapi  # noqa: PLC0415 - its limits are marshmallow's, which whoever only imports us does not need

        self._caller = caller
        self._account = account
        self.payment = AccountPayments(caller.payment)
        self.trade = namespaces.Trade(caller, account)
        self.fund = namespaces.Fund(caller, account)
        self.auth = openapi.Auth(caller)
        self.user_info = openapi.UserInfo(caller, account)
        self.templatemessage = openapi.Templatemessage(caller)
        self.qrcode = openapi.Qrcode(caller)
        self.risk_content = openapi.RiskContent(caller)

    async def get_phone_number(self, response: str | bytes | Mapping[str, Any]) -> PhoneNumber:
        """
        The number in what ``my.getPhoneNumber`` gave the client. Nothing is sent; ``encrypt_key`` is needed.

        It proves the number, not whose it is: take it from the client that this user's session belongs to.

        :raises SignatureError: no sign or a wrong one.
        :raises PlatformRefused: the platform refused the client; ``verified`` tells whether it signed that.
        :raises MalformedAnswer: something else.
        """
        from . import open_data  # noqa: PLC0415 - cryptography is for who verifies

        return await self._caller.run(
            "get_phone_number", lambda ctx: open_data.get_phone_number(self._account, response, ctx)
        )

    async def decrypt(self, response: str | bytes | Mapping[str, Any]) -> Mapping[str, Any]:
        """Any other data that the client got encrypted, such as that of ``my.getRunData``; errors as above."""
        from . import open_data  # noqa: PLC0415 - cryptography is for who verifies

        return await self._caller.run("decrypt", lambda ctx: open_data.decrypt(self._account, response, ctx))

    async def verify_return(self, query: Mapping[str, str]) -> PageReturn:
        """
        Read the query that the buyer's browser brings to return_url. It proves no payment: query the order.

        Leave out what was in return_url before: Alipay has not signed it.

        :raises SignatureError: Alipay did not sign it for this app.
        """
        from . import message  # noqa: PLC0415 - as above

        return await self._caller.run("verify_return", lambda ctx: message.page_return(self._account, query, ctx))

    async def verify_message(self, notification: Notification) -> Message:
        """
        Check a message to the app's gateway, or about an agreement: whatever tells of no trade.

        :raises SignatureError: Alipay did not sign it for this app.
        :raises MalformedAnswer: not a message.
        """
        from . import message  # noqa: PLC0415 - as above

        return await self._caller.run("verify_message", lambda ctx: message.message(self._account, notification, ctx))

    async def order_string(self, method: str, /, biz_content: Mapping[str, Any] | None = None, **common: str) -> str:
        """
        What the app's or mini program's SDK is given for a method that is called there, such as
        ``alipay.fund.auth.order.app.freeze``. Nothing is sent; parameters are as for ``call``.
        """
        from . import order  # noqa: PLC0415 - as above
        from .openapi import gateway  # noqa: PLC0415

        return await self._caller.run(
            str(method),
            lambda ctx: order.order_string(self._account, gateway.for_the_client(method, biz_content, common), ctx),
        )

    async def page(self, method: str, /, biz_content: Mapping[str, Any] | None = None, **common: str) -> Page:
        """
        Where to send a user for a method that opens in his browser, such as ``alipay.user.agreement.page.sign``: a URL,
        or a form that posts itself. Nothing is sent; parameters are as for ``call``.
        """
        from . import order  # noqa: PLC0415 - as above
        from .openapi import gateway  # noqa: PLC0415

        return await self._caller.run(
            str(method),
            lambda ctx: order.page(self._account, gateway.for_the_client(method, biz_content, common), ctx),
        )

    async def call(
        self,
        method: str,
        /,
        biz_content: Mapping[str, Any] | None = None,
        *,
        read_only: bool = False,
        **common: str,
    ) -> Mapping[str, Any]:
        """
        Call any gateway method, signed and verified: the answer is the verified node.

        *biz_content* and *common* (parameters beside it, such as ``notify_url``, ``auth_token`` or
        ``app_auth_token``) have names and values as on the wire; an empty *common* one is left out. Only a
        *read_only* call is ever resent; any other may end in OutcomeUnknown. Files cannot be uploaded.

        :raises InvalidParams: a float, a name that the account sets itself, a page to open: nothing was sent.
        """
        from .openapi import gateway  # noqa: PLC0415 - as above

        return await self._caller.run(
            str(method),
            lambda ctx: gateway.call(
                method, biz_content, common, read_only=read_only is True, encrypt_key=self._account.encrypt_key
            ),
        )
