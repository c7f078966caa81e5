"""Customer-service messages: what may be sent to whom, how often, and what the user wrote before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from tongfu.emulator.half import Route

from .app import App, User
from .media import Media
from .push import Push
from .wire import Endpoint, Refused, Request, control, done, objects, texts

REPLIES: Final = 5  # within 48 hours after the user wrote
WROTE: Final = timedelta(hours=48)
GREETINGS: Final = 2  # within a minute after the user opened the conversation
ENTERED: Final = timedelta(minutes=1)
TRAFFIC: Final = timedelta(seconds=30)
TYPING: Final = timedelta(seconds=15)
LONGEST: Final = 2048  # bytes of a text
FIELDS: Final = {
    "text": ("content",),
    "image": ("media_id",),
    "link": ("title", "description", "url", "thumb_url"),
    "miniprogrampage": ("title", "pagepath", "thumb_media_id"),
}


class Customer:
    """The service's side on the wire, the user's on a control route."""

    def __init__(self, app: App, media: Media, push: Push) -> None:
        self._app, self._media, self._push = app, media, push

    def reset(self) -> None:
        """Users and messages are the app's."""

    def endpoints(self) -> Iterable[Endpoint]:
        yield Endpoint("POST", "/cgi-bin/message/custom/send", self.send, daily=500_000)
        # The first is for official accounts by newer pages, and what everybody calls.
        yield Endpoint("POST", "/cgi-bin/message/custom/typing", self.typing)
        yield Endpoint("POST", "/cgi-bin/message/custom/business/typing", self.typing)

    def controls(self) -> Iterable[Route]:
        yield control("POST", "user_message", self._user_message, "openid", "text", "media_id", "page", "session_from")
        yield control("GET", "messages", self._messages)

    def send(self, request: Request) -> Mapping[str, Any]:
        user = self._app.known(request.text("touser", 40003))
        kind = request.text("msgtype", 40008)
        if kind not in FIELDS:
            raise Refused(40008, explain=f"a mini program sends {', '.join(FIELDS)}")
        message = request.data.get(kind)
        if not isinstance(message, dict):
            raise Refused(47001, explain=f"{kind} is an object")
        inner = Request(request.asked, request.query, message)
        for name in FIELDS[kind]:
            inner.text(name, {"content": 44004, "media_id": 40007, "thumb_media_id": 40007}.get(name, 40097))
        if kind == "text" and len(message["content"].encode()) > LONGEST:
            raise Refused(45002, explain=f"at most {LONGEST} bytes")
        for name in ("media_id", "thumb_media_id"):
            if name in FIELDS[kind]:
                self._media.find(message[name])
        if message.get("appid", self._app.app_id) != self._app.app_id:
            raise Refused(40013, explain="a miniprogrampage is one of the same app")
        self._spend(user)
        user.traffic, user.typing_until = self._app.now(), None
        self._app.sent("customer_service", user.openid, request)
        return done()

    def _spend(self, user: User) -> None:
        """Count one reply, of those after the user's message or of those after the user came in."""
        now = self._app.now()
        wrote = user.wrote is not None and now - user.wrote <= WROTE
        entered = user.entered is not None and now - user.entered <= ENTERED
        if wrote and user.replies < REPLIES:
            user.replies += 1
        elif entered and user.greetings < GREETINGS:
            user.greetings += 1
        elif wrote or entered:
            raise Refused(45047, explain=f"{REPLIES} replies to a message, {GREETINGS} to one who came in")
        else:
            raise Refused(45015, explain="the user wrote nothing in 48 hours, nor came in in the last minute")

    def typing(self, request: Request) -> Mapping[str, Any]:
        user = self._app.known(request.text("touser", 40003))
        command, now = request.maybe("command"), self._app.now()
        if command not in ("Typing", "CancelTyping"):
            raise Refused(45072, explain="command is Typing or CancelTyping")
        if user.traffic is None or now - user.traffic > TRAFFIC:
            raise Refused(45080)
        on = user.typing_until is not None and user.typing_until > now
        if command == "Typing" and on:
            raise Refused(45081)
        user.typing_until = now + TYPING if command == "Typing" else None
        self._app.sent("typing", user.openid, request)
        return done()

    def _user_message(
        self,
        openid: str,
        text: str | None = None,
        media_id: str | None = None,
        page: Mapping[str, Any] | None = None,
        session_from: str | None = None,
    ) -> Mapping[str, Any]:
        """
        The user writes to customer service, or opens the conversation by the contact button.

        {"openid"} and one of "text", "media_id": a picture, "page": {"Title", "AppId", "PagePath", …},
        "session_from": the button's session-from. Pushed to the app's server if POST push has set a URL.
        """
        texts(openid=openid, text=text, media_id=media_id, session_from=session_from)
        objects(page=page)
        given = [value for value in (text, media_id, page, session_from) if value is not None]
        if len(given) != 1:
            raise ValueError("one of text, media_id, page, session_from")
        user, now, push = self._app.user(openid), self._app.now(), self._push
        user.active = user.traffic = now
        if session_from is not None:
            user.entered, user.greetings = now, 0
            message = push.message(openid, "event", Event="user_enter_tempsession", SessionFrom=session_from)
        else:
            if media_id is not None and not self._is_kept(media_id):
                raise LookupError(f"there is no medium {media_id}")
            user.wrote, user.replies = now, 0
            if text is not None:
                message = push.message(openid, "text", Content=text)
            elif media_id is not None:
                url = f"{self._app.world.origin}/cgi-bin/media/get?media_id={media_id}"
                message = push.message(openid, "image", PicUrl=url, MediaId=media_id)
            else:
                message = push.message(openid, "miniprogrampage", **dict(page or {}))
        if push.url:
            push.send(message)
        return {"message": message, "pushed": bool(push.url)}

    def _is_kept(self, media_id: str) -> bool:
        try:
            self._media.find(media_id)
        except Refused:
            return False
        return True

    def _messages(self) -> Mapping[str, Any]:
        """
        What was sent to users: customer-service and subscribe messages, typing; the oldest first.

        "escaped" says that the request wrote \\uXXXX for text, which older back ends show to the user as it stands.
        """
        return {"messages": self._app.messages}
