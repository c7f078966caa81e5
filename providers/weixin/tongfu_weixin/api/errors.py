"""
errcode to error.

Source: https://developers.weixin.qq.com/miniprogram/dev/framework/usability/PublicErrno.html and each API's page
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from tongfu.call import Call
from tongfu.errors import (
    CodeRejected,
    CredentialRejected,
    OrderNotFound,
    PermissionDenied,
    PlatformBusy,
    PlatformRefused,
    RateLimited,
)
from tongfu_weixin.errors import NotSubscribed, RepliesUsedUp, ReplyWindowClosed, SessionEnded

#: What a new token may help against; nothing else is ever replayed.
STALE_TOKENS: Final = frozenset({40001, 40014, 42001})
KINDS: Final[Mapping[int, type[PlatformRefused]]] = {
    -1: PlatformBusy,
    61504: PlatformBusy,
    **dict.fromkeys((40001, 40014, 42001, 41001, 40013, 40125, 40243, 41002, 41004), CredentialRejected),
    **dict.fromkeys((40029, 40163), CodeRejected),
    **dict.fromkeys((44990, 44991, 44993, 45009, 45011, 43108, 87020, 48006, 85406), RateLimited),
    **dict.fromkeys(
        (40164, 40200, 40226, 43107, 48001, 48004, 50002, 50004, 50007, 61004, 89503, 89506, 89507), PermissionDenied
    ),
    **dict.fromkeys((76022, 85407, 85408), PermissionDenied),
    89300: OrderNotFound,
    43101: NotSubscribed,
    87007: SessionEnded,
    87009: SessionEnded,
    45015: ReplyWindowClosed,
    45047: RepliesUsedUp,
}
ADVICE: Final[Mapping[int, str]] = {
    -1: "Try again in a moment",
    40001: "Check app_id and secret; another process may be fetching tokens of its own with /cgi-bin/token",
    40029: "Ask the client for a new code",
    40163: "The code was used before, perhaps by a request that timed out; ask the client for a new one",
    40164: "Add this server's address to the IP whitelist of the console",
    40007: "Temporary media live three days; upload it again",
    40125: "Check secret of the account",
    40226: "The platform blocks this user as high-risk",
    41030: "The released version has no such page; check_path=False allows one that is not released",
    40003: "The openid is wrong, or of another app",
    40037: "The app has no such template",
    43101: "The user has not subscribed, or the subscription is used up: nothing to repair",
    43108: "Another message to this user is on its way; send one after the other",
    45009: "The day's quota is used up",
    45011: "Wait for the next minute",
    45015: "The user wrote more than 48 hours ago",
    45029: "The app's 100,000 permanent codes are used up; get_unlimited has no such limit",
    45047: "The user has to write again before more can be sent",
    45080: "Only within 30 seconds of a message from or to the user",
    45081: "It is shown already, for 15 seconds",
    45168: "A word in data is not allowed",
    47003: "A value of data breaks its keyword's limit",
    48006: "An app can do this ten times a month",
    61010: "The user has not been in the mini program in the last two hours",
    76001: "A rid is kept for seven days",
    76021: "Check cgi_path",
    85079: "The mini program has no released version",
    85400: "The app's 100,000 permanent links are used up",
    85401: "A link lives for one minute to 30 days",
    87007: "The session_key is gone: log in again",
    87009: "The session_key is no longer the user's: log in again",
    101000: "The platform could not fetch img_url",
}
_RID: Final = re.compile(r"\brid:\s*([0-9A-Za-z-]{6,64})")


def refused(call: Call[Any], code: int | str, message: str, answer: Mapping[str, Any]) -> PlatformRefused:
    """The error for an errcode that is not 0; ``request_id`` is the rid, which the platform keeps for seven days."""
    number = int(code) if isinstance(code, int) or re.fullmatch(r"-?\d{1,9}", code, re.ASCII) else None
    kind = PlatformRefused if number is None else KINDS.get(number, PlatformRefused)
    by_token = bool(call.credentials or call.fields.get("access_token"))
    if by_token and kind is CredentialRejected and number not in STALE_TOKENS:
        kind = PlatformRefused  # about another app's code or about the secret: a new token would not help
    found = _RID.search(message)
    # A message is printed and logged: a line break in it could pass for a line of the log.
    shown = "".join(char if char.isprintable() else "\ufffd" for char in message[:400])
    return kind(
        "weixin",
        str(code)[:32],
        message=shown,
        request_id=found[1] if found else "",
        verified=False,
        advice=ADVICE.get(number, "") if number is not None else "",
        raw=answer,
    )
