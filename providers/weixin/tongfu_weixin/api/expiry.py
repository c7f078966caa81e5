"""Until when a link lives: a moment, or whole days from now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from tongfu.errors import InvalidParams
from tongfu.fields import Checked, Whole

SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(days=30)
AT_A_MOMENT, AFTER_DAYS = 0, 1


class Until(Checked):
    """A datetime that knows its zone, or Unix seconds."""

    expected = "a datetime with a time zone, or an int of Unix seconds"

    def accepts(self, value: Any) -> bool:
        if isinstance(value, datetime):
            return value.utcoffset() is not None
        return type(value) is int and 0 <= value < 1 << 40


class Days(Whole):
    """1 to 30 days."""

    def __init__(self) -> None:
        super().__init__(1, LONGEST.days)


class Type(Whole):
    """0: ``expire_time`` goes with it; 1: ``expire_interval``."""

    def __init__(self) -> None:
        super().__init__(AT_A_MOMENT, AFTER_DAYS)


def one_expiry(params: Any) -> Mapping[str, str]:
    """A rule: a moment, or days, or neither; ``expire_type`` may say which."""
    if params.expire_time is not None and params.expire_interval is not None:
        return dict.fromkeys(("expire_time", "expire_interval"), "expected one of expire_time and expire_interval")
    if params.expire_type == AT_A_MOMENT and params.expire_time is None:
        return {"expire_time": "missing; it goes with expire_type=0"}
    if params.expire_type == AFTER_DAYS and params.expire_interval is None:
        return {"expire_interval": "missing; it goes with expire_type=1"}
    return {}


def expiry(
    operation: str, expire_time: datetime | int | None, expire_interval: int | None, now: datetime
) -> dict[str, int]:
    """
    The fields that say it, none where nothing was said.

    :raises InvalidParams: *expire_time* is not one minute to 30 days after *now*.
    """
    if expire_interval is not None:
        return {"expire_type": AFTER_DAYS, "expire_interval": expire_interval}
    if expire_time is None:
        return {}
    seconds = int(expire_time.timestamp()) if isinstance(expire_time, datetime) else expire_time
    if not SHORTEST.total_seconds() <= seconds - now.timestamp() <= LONGEST.total_seconds():
        raise InvalidParams("weixin", operation, {"expire_time": "expected one minute to 30 days from now"})
    return {"expire_type": AT_A_MOMENT, "expire_time": seconds}
