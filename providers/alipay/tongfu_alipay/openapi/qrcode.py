"""
Codes that lead into the mini-program.

Source: https://docs.alipay.com/mini/api/openapi-qrcode "alipay.open.app.qrcode.create"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from tongfu.call import Call, Caller, Context
from tongfu.model import Result
from tongfu_alipay.read import required, text

from . import limits

METHOD: Final = "alipay.open.app.qrcode.create"


@dataclass(frozen=True, slots=True, kw_only=True)
class QrcodeCreated(Result):
    """Where the pictures are: the square code, and the round one in blue and in white where the platform made them."""

    seed_fields: ClassVar[tuple[str, ...]] = (
        "qr_code_url",
        "qr_code_url_circle_blue",
        "qr_code_url_circle_white",
    )
    qr_code_url: str
    qr_code_url_circle_blue: str | None = None
    qr_code_url_circle_white: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class Qrcode:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def create(
        self, *, url_param: str, query_param: str, describe: str, color: str | None = None, size: str | None = None
    ) -> QrcodeCreated:
        """
        Make a code for one page.

        :param url_param: the page's path, without a slash in front, at most 256 characters.
        :param query_param: what the page's onLaunch gets, such as ``x=1&y=2``, at most 256 characters.
        :param describe: the words below the code, at most 32 characters.
        :param color: of the round code, such as ``0x00BFFF``.
        :param size: ``s``, ``m`` or ``l``.
        """
        return await self._caller.run(
            "qrcode_create",
            lambda ctx: create(url_param=url_param, query_param=query_param, describe=describe, color=color, size=size),
        )


def create(**given: Any) -> Call[QrcodeCreated]:
    fields = limits.check(limits.QRCODE, "qrcode_create", **given)
    return Call("qrcode_create", METHOD, {"biz_content": fields}, _created)


def _created(answer: Mapping[str, Any], ctx: Context) -> QrcodeCreated:
    return QrcodeCreated(
        qr_code_url=required(answer, "qr_code_url"),
        qr_code_url_circle_blue=text(answer, "qr_code_url_circle_blue"),
        qr_code_url_circle_white=text(answer, "qr_code_url_circle_white"),
        raw=answer,
    )
