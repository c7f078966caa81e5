"""One APIv3 call, as ``wire`` takes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from tongfu.call import Call, Context

R = TypeVar("R")

WIRE: Final = "v3"


def build(
    operation: str,
    method: str,
    endpoint: str,
    finish: Callable[[Mapping[str, Any], Context], R | Call[R]],
    *,
    query: Mapping[str, str] | None = None,
    json: Mapping[str, Any] | None = None,
    sensitive: tuple[str, ...] = (),
    file: Mapping[str, Any] | None = None,
    upload: bytes = b"",
    read_only: bool = False,
) -> Call[R]:
    """
    :param endpoint: the path, percent-encoded, without a query; with *file* the absolute URL as the platform gave it.
    :param sensitive: dotted paths in *json* whose text is encrypted for the platform; ``*`` is every item of a list.
    :param upload: a file to send in a form, with *json* as its ``meta``.
    :param file: ``{"hash": hex, "hash_type": "SHA1", "gzip": bool}``: the answer is an unsigned file, ``content``; with
        ``key`` and ``nonce`` an encrypted one.
    """
    fields = {"query": query, "json": json, "sensitive": sensitive, "file": file, "upload": upload}
    return Call(operation, endpoint, fields, finish, read_only=read_only, wire=WIRE, method=method)
