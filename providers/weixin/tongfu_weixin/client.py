"""What ``tf.open`` gives for a WeChat account."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from tongfu.call import Caller
from tongfu.errors import InvalidParams
from tongfu.payments import AccountPayments

from .api.send import Namespace
from .api.wire import File

if TYPE_CHECKING:
    from .account import WeixinAccount
    from .api.analysis import Analysis
    from .api.auth import Auth
    from .api.customer_service_message import CustomerServiceMessage
    from .api.img import Img
    from .api.openapi import Openapi
    from .api.phonenumber import Phonenumber
    from .api.security import Security
    from .api.shortlink import Shortlink
    from .api.subscribe_message import SubscribeMessage
    from .api.urllink import Urllink
    from .api.urlscheme import Urlscheme
    from .api.wxacode import Wxacode
    from .pay_v3.client import Pay
    from .push import MessagePush

N = TypeVar("N")

_PATH: Final = re.compile(r"(/(?!\.\.?(/|$))[A-Za-z0-9_.~-]+)+")
# Both stand in a header of the form: a quote or a line break in them would end it.
_PART: Final = re.compile(r"[\w.\[\]-]{1,100}", re.ASCII)
_MIME: Final = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}(; ?[\w.-]{1,100}=[\w.-]{1,100})*", re.ASCII)


class Lazy(Generic[N]):
    """A namespace of ``Weixin``, imported and made with its first use: all of them together take 80 ms."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __set_name__(self, owner: type[Weixin], attribute: str) -> None:
        self._attribute = attribute

    def __get__(self, weixin: Weixin | None, owner: type[Weixin]) -> N:
        if weixin is None:
            return self  # type: ignore[return-value]  # who asks the class reads about it, and needs no namespace
        module, _, name = self._path.rpartition(".")
        kind = getattr(import_module(f".{module}", __package__), name)
        made: N = kind(weixin._caller, weixin._account)  # noqa: SLF001 - written for that class alone
        vars(weixin)[self._attribute] = made  # found there before this is asked again
        return made


class Weixin(Namespace):
    """WeChat for one account: ``payment``, and the mini-program API by its namespaces."""

    pay: Lazy[Pay] = Lazy("pay_v3.client.Pay")
    auth: Lazy[Auth] = Lazy("api.auth.Auth")
    analysis: Lazy[Analysis] = Lazy("api.analysis.Analysis")
    customer_service_message: Lazy[CustomerServiceMessage] = Lazy("api.customer_service_message.CustomerServiceMessage")
    wxacode: Lazy[Wxacode] = Lazy("api.wxacode.Wxacode")
    img: Lazy[Img] = Lazy("api.img.Img")
    subscribe_message: Lazy[SubscribeMessage] = Lazy("api.subscribe_message.SubscribeMessage")
    phonenumber: Lazy[Phonenumber] = Lazy("api.phonenumber.Phonenumber")
    security: Lazy[Security] = Lazy("api.security.Security")
    urlscheme: Lazy[Urlscheme] = Lazy("api.urlscheme.Urlscheme")
    urllink: Lazy[Urllink] = Lazy("api.urllink.Urllink")
    shortlink: Lazy[Shortlink] = Lazy("api.shortlink.Shortlink")
    openapi: Lazy[Openapi] = Lazy("api.openapi.Openapi")

    def __init__(self, caller: Caller, account: WeixinAccount) -> None:
        super().__init__(caller, account)
        self.payment = AccountPayments(caller.payment)

    @cached_property
    def push(self) -> MessagePush:
        from .push import MessagePush  # noqa: PLC0415 - as the namespaces

        return MessagePush(self._account, clock=self._caller.now)

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        file: File | None = None,
        form: Mapping[str, str] | None = None,
        access_token: str | None = None,
        read_only: bool = False,
        binary: bool = False,
        sealed: bool | None = None,
    ) -> Mapping[str, Any]:
        """
        Call any API that takes an access token: the answer is the JSON as it came, errcode checked.

        *path* is as in the documentation, such as ``/wxa/getwxadevinfo``; the token is added. With *binary* a
        file is answered as ``{"buffer": …, "content_type": …}``. Only a *read_only* call is ever resent.
        *sealed* says whether to encrypt and sign it ("API 安全"), where tongfu's own list of such paths is out of date.
        """
        problems = _wrong(json, query, form, file)
        if method not in ("GET", "POST"):
            problems["method"] = "expected GET or POST"
        if not isinstance(path, str) or _PATH.fullmatch(path) is None:
            problems["path"] = "expected a path such as /wxa/getwxadevinfo; parameters go through query"
        if isinstance(query, Mapping) and "access_token" in query:
            problems["query"] = "expected no access_token; pass access_token=…"
        if (json is not None and (file or form)) or (method == "GET" and (json is not None or file or form)):
            problems["json"] = "expected json, or file and form, and none of them with GET"
        if problems:
            raise InvalidParams("weixin", "call", problems)
        return await self._send(
            f"call {path}",
            method,
            path,
            dict,
            json=json,
            query=query,
            file=file,
            form=form,
            access_token=access_token,
            read_only=read_only,
            binary=binary,
            sealed=sealed,
        )


def _wrong(json: Any, query: Any, form: Any, file: Any) -> dict[str, str]:
    """What is wrong with the parts: those in a URL or in a form's headers could break out of it."""
    problems = {}
    if json is not None and not isinstance(json, Mapping):
        problems["json"] = "expected a mapping"
    for name, given in (("query", query), ("form", form)):
        if given is not None and not (isinstance(given, Mapping) and all(map(_is_text, given.values()))):
            problems[name] = "expected a mapping of names to str"
    if "form" not in problems and not all(map(_is_part, form or ())):
        problems["form"] = "expected names of ASCII letters, digits and _.-[]"
    if file is None:
        return problems
    if not isinstance(file, File) or not isinstance(file.content, bytes) or not _is_text(file.filename):
        problems["file"] = "expected a File with its bytes"
    elif not _is_part(file.part) or not _is_text(file.content_type) or _MIME.fullmatch(file.content_type) is None:
        problems["file"] = "expected a part named by ASCII letters, digits and _.-[], and a MIME type"
    return problems


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_part(name: Any) -> bool:
    return isinstance(name, str) and _PART.fullmatch(name) is not None
