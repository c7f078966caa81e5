"""URL schemes, URL links and short links: made, asked about, opened, and over when their time is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from tongfu.emulator.half import Route

from .app import App
from .wire import Endpoint, Refused, Request, control, done, texts

SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(days=30)
VISITS_A_DAY: Final = 3_000_000
ENV_VERSIONS: Final = ("release", "trial", "develop")


@dataclass(slots=True)
class Link:
    """One link. ``expires`` is None for one that lasts."""

    kind: str
    path: str
    query: str
    env_version: str
    created: datetime
    expires: datetime | None = None
    visits: int = 0
    cloud_base: Mapping[str, Any] = field(default_factory=dict)


class Links:
    """Every link of the app."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._made: dict[str, Link] = {}

    def reset(self) -> None:
        self._made.clear()

    def endpoints(self) -> Iterable[Endpoint]:
        yield Endpoint("POST", "/wxa/generatescheme", self.scheme, per_minute=6000, too_fast=44990)
        yield Endpoint("POST", "/wxa/generate_urllink", self.urllink, per_minute=6000, too_fast=44990)
        yield Endpoint("POST", "/wxa/queryscheme", self.queryscheme)
        yield Endpoint("POST", "/wxa/query_urllink", self.query_urllink)
        yield Endpoint("POST", "/wxa/genwxashortlink", self.shortlink)

    def controls(self) -> Iterable[Route]:
        yield control("POST", "open_link", self._open, "link")

    def scheme(self, request: Request) -> Mapping[str, Any]:
        jump = request.data.get("jump_wxa", {})
        if not isinstance(jump, dict):
            raise Refused(47001, explain="jump_wxa is an object")
        path, query, env_version = self._target(Request(request.asked, request.query, jump))
        link = Link("scheme", path, query, env_version, self._app.now(), self._expires(request))
        return done(openlink=self._keep(f"weixin://dl/business/?t={self._app.id(12)}", link))

    def urllink(self, request: Request) -> Mapping[str, Any]:
        path, query, env_version = self._target(request)
        cloud_base = request.data.get("cloud_base", {})
        if not isinstance(cloud_base, dict):
            raise Refused(47001, explain="cloud_base is an object")
        if cloud_base and not cloud_base.get("env"):
            raise Refused(85088, "no cloud environment", explain="cloud_base has an env")
        link = Link(
            "url_link", path, query, env_version, self._app.now(), self._expires(request), cloud_base=cloud_base
        )
        return done(url_link=self._keep(f"https://wxaurl.cn/{self._app.id(11)}", link))

    def queryscheme(self, request: Request) -> Mapping[str, Any]:
        return self._queried(request, "scheme", "scheme_info")

    def query_urllink(self, request: Request) -> Mapping[str, Any]:
        return self._queried(request, "url_link", "url_link_info")

    def shortlink(self, request: Request) -> Mapping[str, Any]:
        url = request.text("page_url", 40066, longest=1024)
        path, _, query = url.partition("?")
        if path not in self._app.pages:
            raise Refused(40066, explain="page_url is a page of the released version, with a query or without")
        title = request.maybe("page_title")
        if len(title) > 20:
            raise Refused(40225, explain="at most 20 characters")
        now = self._app.now()
        expires = None if request.flag("is_permanent", default=False) else now + LONGEST
        link = Link("short_link", path, query, "release", now, expires)
        return done(link=self._keep(f"#小程序://{title or '通付'}/{self._app.id(15)}", link))

    def _keep(self, text: str, link: Link) -> str:
        self._made[text] = link
        return text

    def _target(self, request: Request) -> tuple[str, str, str]:
        path, query = request.maybe("path"), request.maybe("query")
        env_version = request.maybe("env_version") or "release"
        if env_version not in ENV_VERSIONS:
            raise Refused(85402, explain=f"env_version is {', '.join(ENV_VERSIONS)}")
        if path and ("?" in path or (env_version == "release" and path.lstrip("/") not in self._app.pages)):
            raise Refused(40165, explain="a page of the released version, without a query")
        if len(query) > 1024 or query.startswith("?"):
            raise Refused(40212, explain="at most 1024 characters, without the ?")
        return path, query, env_version

    def _expires(self, request: Request) -> datetime:
        """:raises Refused: 85401, sooner than in a minute or later than in 30 days."""
        now = self._app.now()
        kind = request.integer("expire_type", 0)
        request.flag("is_expire", default=True)
        if kind == 1:
            days = request.integer("expire_interval")
            if days is None or not 1 <= days <= LONGEST.days:
                raise Refused(85401, explain="expire_interval is 1 to 30 days")
            return now + timedelta(days=days)
        if kind != 0:
            raise Refused(40097, explain="expire_type is 0 or 1")
        moment = request.integer("expire_time")
        if not moment:
            return now + LONGEST
        left = moment - self._app.stamp()
        if not SHORTEST.total_seconds() <= left <= LONGEST.total_seconds():
            raise Refused(85401, explain=f"expire_time is a minute to 30 days after {self._app.stamp()}")
        return now + timedelta(seconds=left)

    def _queried(self, request: Request, kind: str, name: str) -> Mapping[str, Any]:
        link = self._made.get(request.text(kind))
        if link is None or link.kind != kind:
            raise Refused(40097, explain=f"this app made no such {kind}")
        query_type = request.integer("query_type", 0)
        if query_type not in (0, 1):
            raise Refused(40097, explain="query_type is 0 or 1")
        if query_type == 1:
            return done(quota_info={"remain_visit_quota": VISITS_A_DAY - link.visits})
        told: dict[str, Any] = {
            "appid": self._app.app_id,
            "path": link.path,
            "query": link.query,
            "create_time": int(link.created.timestamp()),
            "expire_time": int(link.expires.timestamp()) if link.expires is not None else 0,
            "env_version": link.env_version,
        }
        if kind == "url_link" and link.cloud_base:
            told["cloud_base"] = dict(link.cloud_base)
        return done(**{name: told})

    def _open(self, link: str) -> Mapping[str, Any]:
        """A user opens a scheme, a URL link or a short link: {"link"} answers where it leads."""
        texts(link=link)
        found = self._made.get(link)
        if found is None:
            raise LookupError("this app made no such link")
        if found.expires is not None and found.expires <= self._app.now():
            raise ValueError(f"the link expired at {found.expires.isoformat()}")
        found.visits += 1
        return {"path": found.path, "query": found.query, "env_version": found.env_version}
