"""Errors that only WeChat has."""

from __future__ import annotations

from tongfu.errors import PlatformRefused, RateLimited, SignatureError


class ReplyWindowClosed(PlatformRefused):
    """Nothing can be sent to this user until the user writes again. Waiting does not help."""


class RepliesUsedUp(ReplyWindowClosed, RateLimited):
    """The replies that the user's last message allowed are sent: five, or two after entering the session."""


class NotSubscribed(PlatformRefused):
    """The user has not subscribed to this template, or the subscription is used up. Asking again does not help."""


class SessionEnded(PlatformRefused):
    """The session_key is no longer the user's, or is not of this user: the client has to log in again."""


class StaleSessionKey(SignatureError):
    """
    User data does not decrypt with this session_key. Use nothing of it.

    One error for every way in which decryption fails, so that a client that sends changed data learns
    nothing from the difference.
    """

    def __init__(self) -> None:
        super().__init__(
            "weixin: the user data does not decrypt with this session_key. Most often the key is stale: a later "
            "wx.login replaced it, or login and the data were fetched at the same time; or the data was changed on "
            "its way. Let the client call wx.login, exchange its code, and only then fetch the data again"
        )
