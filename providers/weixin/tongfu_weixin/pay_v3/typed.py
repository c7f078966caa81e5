"""What WeChat Pay's typed methods beyond the ten operations have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from tongfu.call import Call, Caller, Context
from tongfu.errors import InvalidParams
from tongfu.fields import Checked, ParamsSchema
from tongfu.model import Result
from tongfu_weixin.api.result import read
from tongfu_weixin.api.send import check

from .read import ours, same

if TYPE_CHECKING:
    from tongfu_weixin.account import WeixinAccount

R = TypeVar("R")
T = TypeVar("T", bound=Result)

Finish = Callable[[Mapping[str, Any], Context], T]


class Records(Checked):
    """*least* to *most* mappings; their members are checked one by one, see ``check_each``."""

    def __init__(self, least: int, most: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._least, self._most = least, most
        self.expected = f"a list of {least} to {most} mappings"

    def accepts(self, value: Any) -> bool:
        return (
            isinstance(value, list | tuple)
            and self._least <= len(value) <= self._most
            and all(isinstance(item, Mapping) for item in value)
        )


def check_each(schema: ParamsSchema, operation: str, name: str, records: Any) -> list[dict[str, Any]]:
    """
    Copies of *records*, each of which keeps the limits.

    :raises InvalidParams: naming the member, as in ``receivers.1.amount``.
    """
    problems: dict[str, str] = {}
    for index, record in enumerate(records):
        unknown = [member for member in record if member not in schema.fields]
        problems.update({f"{name}.{index}.{member}": "unknown" for member in unknown})
        try:
            check(schema, operation, record)
        except InvalidParams as exc:
            problems.update({f"{name}.{index}.{member}": why for member, why in exc.problems.items()})
    if problems:
        raise InvalidParams("weixin", operation, problems)
    return [{member: value for member, value in record.items() if value is not None} for record in records]


def about(account: WeixinAccount, kind: type[T], /, **asked: object) -> Finish[T]:
    """A ``finish`` that reads a *kind*, of an answer about what was *asked* for and about this account."""

    def finish(answer: Mapping[str, Any], ctx: Context) -> T:
        ours(account, answer, complete=False)
        same(answer, **asked)
        return read(kind, answer)

    return finish


class Typed:
    """The account, and the way to the platform."""

    def __init__(self, caller: Caller, account: WeixinAccount) -> None:
        self._caller = caller
        self._account = account

    async def _run(self, call: Call[R]) -> R:
        return await self._caller.run(call.operation, lambda ctx: call)
