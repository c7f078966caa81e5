"""Content security: texts at once by a list of words, media later by a message push."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from tongfu.emulator.half import Route

from .app import App
from .push import Push
from .wire import Endpoint, Refused, Request, control, done, texts
from .words import DOUBTFUL, WORDS, doubtful, sensitive

ACTIVE: Final = timedelta(hours=2)
CHECK_TIME: Final = 60.0  # seconds of the emulator's clock until a medium is checked; at most 30 minutes in earnest
LABELS: Final = frozenset({100, *WORDS.values(), 20001})


class Security:
    """msg_sec_check and media_check_async, version 2."""

    def __init__(self, app: App, push: Push) -> None:
        self._app, self._push = app, push
        self._verdicts: dict[str, int] = {}

    def reset(self) -> None:
        self._verdicts.clear()

    def endpoints(self) -> Iterable[Endpoint]:
        yield Endpoint("POST", "/wxa/msg_sec_check", self.text, per_minute=4000, too_fast=44991, daily=2_000_000)
        yield Endpoint("POST", "/wxa/media_check_async", self.media, per_minute=2000, too_fast=44991, daily=200_000)

    def controls(self) -> Iterable[Route]:
        yield control("POST", "media_verdict", self._verdict, "media_url", "label")

    def text(self, request: Request) -> Mapping[str, Any]:
        content = request.text("content", longest=2500)
        self._asked(request)
        whole = "\n".join([content, *(request.maybe(name) for name in ("title", "nickname", "signature"))])
        word = sensitive(whole)
        doubt = doubtful(whole) if word is None else None
        label = WORDS[word] if word is not None else DOUBTFUL[doubt] if doubt is not None else 100
        suggest = "risky" if word is not None else "review" if doubt is not None else "pass"
        verdict = {"suggest": suggest, "label": label}
        detail: list[dict[str, Any]] = [{"strategy": "content_model", "errcode": 0, **verdict, "prob": 90}]
        keyword = word or doubt
        found = {"level": 90, "keyword": keyword} if keyword is not None else {}
        detail.append({"strategy": "keyword", "errcode": 0, **verdict, **found})
        return done(result=verdict, detail=detail, trace_id=self._trace())

    def media(self, request: Request) -> Mapping[str, Any]:
        url = request.text("media_url")
        if urlsplit(url).scheme not in ("http", "https"):
            raise Refused(40097, explain="media_url is an http(s) URL")
        if request.integer("media_type") not in (1, 2):
            raise Refused(40004, explain="media_type is 1 (audio) or 2 (image)")
        self._asked(request)
        trace_id, openid = self._trace(), request.data["openid"]
        self._app.world.clock.at(CHECK_TIME, lambda: self._checked(url, trace_id, openid))
        return done(trace_id=trace_id)

    def _asked(self, request: Request) -> None:
        """:raises Refused: 40097 version, 40129 scene, 40003, 61010 not in the app for two hours."""
        if request.integer("version") != 2:
            raise Refused(40097, explain="version is 2, a number")
        if request.integer("scene") not in (1, 2, 3, 4):
            raise Refused(40129, explain="scene is 1 to 4")
        user = self._app.known(request.text("openid", 40003))
        if user.active is None or self._app.now() - user.active > ACTIVE:
            raise Refused(61010, explain="the user was not in the app in the last two hours")

    def _checked(self, url: str, trace_id: str, openid: str) -> None:
        """The push that tells the verdict; without a URL to push to nobody hears of it."""
        if not self._push.url:
            return
        told: dict[str, Any] = {"appid": self._app.app_id, "trace_id": trace_id, "version": 2}
        label = self._verdicts.get(url, 100)
        if label < 0:
            told["errcode"] = label
        else:
            verdict = {"suggest": "pass" if label == 100 else "risky", "label": label}
            detail = [{"strategy": "content_model", "errcode": 0, **verdict, "prob": 90}]
            told |= {"errcode": 0, "result": verdict, "detail": detail}
        self._push.send(self._push.message(openid, "event", Event="wxa_media_check", **told))

    def _verdict(self, media_url: str, label: int) -> Mapping[str, Any]:
        """
        Decide what media_check_async will find at a URL: {"media_url", "label"}.

        100 is fine, 20001 to 21000 are not, -1008 means that it could not be downloaded.
        """
        texts(media_url=media_url)
        if type(label) is not int or (label not in LABELS and label != -1008):
            raise ValueError(f"label is -1008 or one of {', '.join(map(str, sorted(LABELS)))}")
        self._verdicts[media_url] = label
        return {"media_url": media_url, "label": label}

    def _trace(self) -> str:
        chance = self._app.world.random
        return f"{self._app.stamp():x}-{chance.getrandbits(64):016x}-{chance.getrandbits(32):08x}"
