"""One call of the mini-program API: how the namespaces make it, check it and send it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

from tongfu.call import Call, Caller, Context
from tongfu.errors import InvalidParams

from .wire import TOKEN, WIRE, File

if TYPE_CHECKING:
    from tongfu.fields import ParamsSchema
    from tongfu_weixin.account import WeixinAccount

R = TypeVar("R")
Finish = Callable[[Mapping[str, Any], Context], R | Call[R]]


def build(
    operation: str,
    method: str,
    path: str,
    finish: Finish[R],
    *,
    query: Mapping[str, str] | None = None,
    json: Mapping[str, Any] | None = None,
    file: File | None = None,
    form: Mapping[str, str] | None = None,
    access_token: str = "",
    credentials: tuple[str, ...] = (),
    read_only: bool = False,
    binary: bool = False,
    sealed: bool | None = None,
) -> Call[R]:
    """
    A call of this wire. ``read_only``: asking again changes nothing and uses nothing up.

    ``sealed`` overrides, for an account that has switched "API 安全" on, the list of the paths that support it.
    """
    fields = {
        "query": query or {},
        "json": json,
        "file": file,
        "form": form or {},
        TOKEN: access_token,
        "binary": binary,
        "sealed": sealed,
    }
    return Call(operation, path, fields, finish, read_only, WIRE, method, credentials=credentials)


class Namespace:
    """What every part of the API has: the account, and the way to the platform."""

    def __init__(self, caller: Caller, account: WeixinAccount) -> None:
        self._caller = caller
        self._account = account

    async def _send(
        self, operation: str, method: str, path: str, finish: Callable[[Mapping[str, Any]], R], **parts: Any
    ) -> R:
        """Send one call, made of what ``_call`` takes."""
        call = self._call(operation, method, path, finish, **parts)
        return await self._caller.run(operation, lambda ctx: call)

    def _call(
        self,
        operation: str,
        method: str,
        path: str,
        finish: Callable[[Mapping[str, Any]], R],
        *,
        access_token: str | None = None,
        **parts: Any,
    ) -> Call[R]:
        """
        A call with the token that was passed, else the account's, else the keeper's.

        :raises InvalidParams: the token that was passed is no text, such as a whole ``AccessToken``.
        """
        token = access_token or self._account.access_token
        if token and not isinstance(token, str):
            raise InvalidParams("weixin", operation, {TOKEN: "expected a str"})
        return build(
            operation,
            method,
            path,
            lambda answer, ctx: finish(answer),
            access_token=token,
            credentials=() if token else (TOKEN,),
            **parts,
        )


def check(schema: ParamsSchema, operation: str, values: Mapping[str, Any]) -> None:
    """
    Go on only if *values* keep the limits; None is a parameter that was not passed.

    :raises InvalidParams: naming each field and what was expected.
    """
    schema.check("weixin", operation, SimpleNamespace(**{name: values.get(name) for name in schema.fields}))


def given(**values: Any) -> dict[str, Any]:
    """What was passed: an optional field that was not set must not be sent."""
    return {name: value for name, value in values.items() if value is not None}
