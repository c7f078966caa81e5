"""Errors that only WeChat has."""

from __future__ import annotations

from tongfu.errors import PlatformRefused, RateLimited


class ReplyWindowClosed(PlatformRefused):
    """Nothing can be sent to this user until the user writes again. Waiting does not help."""


class RepliesUsedUp(ReplyWindowClosed, RateLimited):
    """The replies that the user's last message allowed are sent: five, or two after entering the session."""
