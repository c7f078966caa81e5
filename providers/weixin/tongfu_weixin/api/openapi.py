"""
The API's own affairs: quotas, what became of a refused call, which addresses it has.

Source: https://developers.weixin.qq.com/miniprogram/dev/OpenApiDoc/openApi-mgnt/getApiQuota.html and its neighbours
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tongfu.fields import OneOf, ParamsSchema, Text

from .result import ApiItem, ApiResult, Done, read, reads
from .send import Namespace, build, check


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota(ApiItem):
    """Calls of today."""

    daily_limit: int
    used: int
    remain: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit(ApiItem):
    """``call_count`` calls in every ``refresh_second`` seconds."""

    call_count: int
    refresh_second: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiQuota(ApiResult):
    """How often one API can be called; ``component_rate_limit`` is for calls by a third-party platform."""

    quota: Quota
    rate_limit: RateLimit | None = None
    component_rate_limit: RateLimit | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RidRequest(ApiItem):
    """A call as the platform saw it. ``invoke_time`` is Unix seconds; the URL has the token that was used."""

    invoke_time: int
    cost_in_ms: int
    request_url: str = field(repr=False)
    request_body: str = field(repr=False)
    response_body: str = field(repr=False)
    client_ip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RidInfo(ApiResult):
    """What became of a call."""

    request: RidRequest
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved(ApiItem):
    """An address of your server, and whose network it is in."""

    ip: str
    real_operator: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinged(ApiItem):
    """One ping: ``package_loss`` is ``0%`` or ``100%``, ``time`` such as ``23.079ms``."""

    ip: str
    from_operator: str
    package_loss: str
    time: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackCheck(ApiResult):
    """How the platform sees the server that its pushes go to."""

    dns: tuple[Resolved, ...] = ()
    ping: tuple[Pinged, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IpList(ApiResult):
    """Addresses, some of them networks such as ``203.205.151.0/24``."""

    ip_list: tuple[str, ...]
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


class _CgiPath(ParamsSchema):
    cgi_path = Text(
        256, pattern=r"(/[A-Za-z0-9_.-]+)+", alphabet="an API's path such as /wxa/getwxacode, no host", required=True
    )


class _Rid(ParamsSchema):
    rid = Text(64, pattern=r"[0-9A-Za-z-]+", alphabet="digits, letters and -", required=True)


class _Check(ParamsSchema):
    action = OneOf(("dns", "ping", "all"), required=True)
    check_operator = OneOf(("CHINANET", "UNICOM", "CAP", "DEFAULT"), required=True)


_CGI_PATH = _CgiPath()
_RID = _Rid()
_CHECK = _Check()


class Openapi(Namespace):
    """``weixin.openapi``. Some clearings a month are all there are: an app has ten."""

    async def clear_quota(self, *, access_token: str | None = None) -> Done:
        """
        Begin the day's quotas of all APIs anew.

        :raises RateLimited: 48006: the month's ten are used up.
        """
        return await self._send(
            "openapi.clear_quota",
            "POST",
            "/cgi-bin/clear_quota",
            reads(Done),
            json={"appid": self._account.app_id},
            access_token=access_token,
        )

    async def clear_quota_by_app_secret(self) -> Done:
        """
        As ``clear_quota``, out of the same ten, for when no call is left to get a token with.

        :raises ConfigError: the account has no secret.
        """
        operation = "openapi.clear_quota_by_app_secret"
        self._account.need(operation, "secret")
        query = {"appid": self._account.app_id, "appsecret": self._account.secret}
        call = build(operation, "POST", "/cgi-bin/clear_quota/v2", lambda answer, ctx: read(Done, answer), query=query)
        return await self._caller.run(operation, lambda ctx: call)

    async def get_api_quota(self, *, cgi_path: str, access_token: str | None = None) -> ApiQuota:
        """
        How often *cgi_path*, such as ``/cgi-bin/message/custom/send``, can still be called today.

        :raises PermissionDenied: 76022: it is not of this app, or under ``/sns``.
        """
        operation = "openapi.get_api_quota"
        check(_CGI_PATH, operation, {"cgi_path": cgi_path})
        return await self._send(
            operation,
            "POST",
            "/cgi-bin/openapi/quota/get",
            reads(ApiQuota),
            json={"cgi_path": cgi_path},
            access_token=access_token,
            read_only=True,
        )

    async def get_rid_info(self, *, rid: str, access_token: str | None = None) -> RidInfo:
        """
        What became of a call of the last seven days, by the rid that is ``request_id`` of its error.

        :raises PlatformRefused: 76001, 76004: no such rid, or too old.
        """
        operation = "openapi.get_rid_info"
        check(_RID, operation, {"rid": rid})
        return await self._send(
            operation,
            "POST",
            "/cgi-bin/openapi/rid/get",
            reads(RidInfo),
            json={"rid": rid},
            access_token=access_token,
            read_only=True,
        )

    async def callback_check(
        self, *, action: str = "all", check_operator: str = "DEFAULT", access_token: str | None = None
    ) -> CallbackCheck:
        """
        Let the platform resolve (``dns``) and ping the server that its pushes go to, from an operator's network.

        *check_operator*: ``CHINANET``, ``UNICOM``, ``CAP`` (Tencent's), ``DEFAULT``.
        """
        operation = "openapi.callback_check"
        asked = {"action": action, "check_operator": check_operator}
        check(_CHECK, operation, asked)
        return await self._send(
            operation,
            "POST",
            "/cgi-bin/callback/check",
            reads(CallbackCheck),
            json=asked,
            access_token=access_token,
            read_only=True,
        )

    async def get_api_domain_ip(self, *, access_token: str | None = None) -> IpList:
        """The addresses that calls go to, for a firewall."""
        return await self._ips("get_api_domain_ip", "/cgi-bin/get_api_domain_ip", access_token)

    async def get_callback_ip(self, *, access_token: str | None = None) -> IpList:
        """The addresses that pushes come from, for a firewall. An address is no proof: verify the signature."""
        return await self._ips("get_callback_ip", "/cgi-bin/getcallbackip", access_token)

    async def _ips(self, name: str, path: str, access_token: str | None) -> IpList:
        return await self._send(
            f"openapi.{name}", "GET", path, reads(IpList), access_token=access_token, read_only=True
        )
