"""
A template's message to a user.

Source: the page of alipay.open.app.mini.templatemessage.send
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tongfu.call import Call, Caller
from tongfu.model import Result
from tongfu_alipay.wire import content

from . import limits

METHOD: Final = "alipay.open.app.mini.templatemessage.send"


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplatemessageSent(Result):
    """The platform took the message; it says nothing else."""

    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class Templatemessage:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def send(
        self,
        *,
        user_template_id: str,
        page: str,
        data: Mapping[str, Mapping[str, str]],
        to_user_id: str | None = None,
        to_open_id: str | None = None,
        form_id: str | None = None,
    ) -> TemplatemessageSent:
        """
        Send one message; it is never resent, so OutcomeUnknown means that it may have arrived.

        :param data: ``{"keyword1": {"value": "…"}, …}``, the template's own keywords, sent as they are.
        :param to_user_id: or ``to_open_id``, exactly one of the two.
        :param form_id: of the form the user sent, or the trade_no he paid.
        :raises PlatformRefused: ``sub_code`` says why, such as FORM_ID_OVER_TIME or USER_TEMPLATE_ILLEGAL.
        """
        return await self._caller.run(
            "templatemessage_send",
            lambda ctx: send(
                to_user_id=to_user_id,
                to_open_id=to_open_id,
                form_id=form_id,
                user_template_id=user_template_id,
                page=page,
                data=data,
            ),
        )


def send(**given: Any) -> Call[TemplatemessageSent]:
    fields = limits.check(limits.MESSAGE, "templatemessage_send", **given)
    # The platform takes this one object as text within the text.
    fields["data"] = content({name: dict(item) for name, item in fields["data"].items()})
    return Call(
        "templatemessage_send", METHOD, {"biz_content": fields}, lambda answer, ctx: TemplatemessageSent(raw=answer)
    )
