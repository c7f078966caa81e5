"""
Whether a text may be shown.

Source: the page of alipay.security.risk.content.detect
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from tongfu.call import Call, Caller, Context
from tongfu.model import Result
from tongfu_alipay.read import required, text

from . import limits
from .read import texts

METHOD: Final = "alipay.security.risk.content.detect"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentRisk(Result):
    """``action`` is PASSED where the text is clean, REJECTED where ``keywords`` say why it is not."""

    seed_fields: ClassVar[tuple[str, ...]] = ("action", "keywords", "unique_id")
    action: str
    keywords: tuple[str, ...] = field(default=(), repr=False)
    unique_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def passed(self) -> bool:
        """Whatever is not PASSED has not passed, also a word that is not documented."""
        return self.action == "PASSED"


class RiskContent:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def detect(self, content: str) -> ContentRisk:
        """
        Look through *content*, at most 64 KiB of UTF-8, for words of political risk; it looks for nothing else.

        The platform advises against double quotes in it; it is sent as it is all the same.
        """
        return await self._caller.run("risk_content_detect", lambda ctx: detect(content))


def detect(content: str) -> Call[ContentRisk]:
    fields = limits.check(limits.CONTENT, "risk_content_detect", content=content)
    return Call("risk_content_detect", METHOD, {"biz_content": fields}, _risk, read_only=True)


def _risk(answer: Mapping[str, Any], ctx: Context) -> ContentRisk:
    return ContentRisk(
        action=required(answer, "action"),
        keywords=texts(answer, "keywords"),
        unique_id=text(answer, "unique_id"),
        raw=answer,
    )
