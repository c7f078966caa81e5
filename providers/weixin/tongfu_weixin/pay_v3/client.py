"""What ``weixin.pay`` offers beyond the ten operations: every other API of WeChat Pay."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tongfu.call import Notification
from tongfu.errors import InvalidParams

from . import notify, sensitive, upload
from .call import build
from .offers import Offers

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PATH: Final = re.compile(r"/v3(?:/(?!\.{1,2}(?:/|$))(?:[A-Za-z0-9_.~!$&'()*+,;=:@|-]|%[0-9A-Fa-f]{2})+)+", re.ASCII)


class Pay(Offers):
    """WeChat Pay's APIv3 for one account."""

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        sensitive: Sequence[str] = (),
        read_only: bool | None = None,
    ) -> Mapping[str, Any]:
        """
        Call any API under ``/v3/``: signed, and the answer verified; a 204 is ``{}``.

        *path* is percent-encoded already, as in the documentation, without its query. *sensitive* names the fields of
        *json* to encrypt for the platform, as in ``("receiver.name", "list.*.user_name")``; members that are None are
        left out. Only a *read_only* call, which every GET is unless told otherwise, is ever resent; after any other,
        ``OutcomeUnknown`` says that it may have happened.
        """
        problems = {}
        if method not in METHODS:
            problems["method"] = f"expected one of {', '.join(METHODS)}"
        if not isinstance(path, str) or _PATH.fullmatch(path) is None:
            problems["path"] = "expected a percent-encoded path such as /v3/merchant-service/complaints-v2"
        if method == "GET" and json is not None:
            problems["json"] = "expected none with GET; parameters go through query"
        if isinstance(sensitive, str) or (sensitive and json is None):
            problems["sensitive"] = "expected a tuple of dotted paths in json"
        if problems:
            raise InvalidParams("weixin", "pay.call", problems)
        made = build(
            f"call {path}",
            method,
            path,
            lambda fields, ctx: fields,
            query=query,
            json=json,
            sensitive=tuple(sensitive),
            read_only=method == "GET" if read_only is None else read_only,
        )
        return await self._caller.run(made.operation, lambda ctx: made)

    async def upload(
        self, path: str, *, filename: str, content: bytes, meta: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        """
        Upload a file, as to ``/v3/merchant/media/upload``: the answer's ``media_id`` names it from then on.

        A picture (jpg, png, bmp) may have 2 or 5 MiB by product, a video 5 MiB. *meta* is what an API wants beside
        ``filename`` and ``sha256``.

        :raises OutcomeUnknown: no usable answer came; uploading once more does no harm.
        """
        problems = upload.problems(filename, content, meta)
        if not isinstance(path, str) or _PATH.fullmatch(path) is None:
            problems["path"] = "expected a percent-encoded path such as /v3/merchant/media/upload"
        if problems:
            raise InvalidParams("weixin", "pay.upload", problems)
        told = upload.meta(filename, content, meta)
        made = build(f"upload {path}", "POST", path, lambda fields, ctx: fields, json=told, upload=content)
        return await self._caller.run(made.operation, lambda ctx: made)

    async def event(self, notification: Notification) -> notify.Event:
        """
        Verify and decrypt a notification of any kind, such as a transfer's or a complaint's.

        :raises SignatureError: not the platform's, or another merchant's.
        :raises MalformedAnswer: not of the documented form.
        """
        return await self._caller.run("pay.event", lambda ctx: notify.told(self._account, notification, ctx))

    def decrypt(self, text: str) -> str:
        """
        A field of an answer that the platform encrypted for this merchant, such as a payer's telephone number.

        :raises MalformedAnswer: it was not encrypted for the account's ``private_key``.
        """
        return sensitive.decrypted(self._account, text)
