"""What a keeper remembers of one key beside the credential itself: the flight, the pauses, the rejection."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tongfu.call import Credential

AHEAD: Final = timedelta(seconds=240)  # fetched anew this long before its end, or
SHARE: Final = 5  # in the last fifth of a shorter life
FLOOR: Final = timedelta(seconds=1)  # what was just fetched is used this long, whatever life it was given
LONGEST_PAUSE: Final = 30.0  # seconds between failed fetches
FORCED_EVERY: Final = 30.0  # seconds, doubled each time: at most twenty a day
LONGEST_FORCED: Final = 7200.0

PAST: Final = datetime.min.replace(tzinfo=UTC)


def valid(credential: Credential, now: datetime) -> bool:
    return credential.expires_at is None or now < credential.expires_at


def due(credential: Credential, now: datetime) -> bool:
    """
    Whether to fetch the next one already.

    The life counts, not a fixed margin: a platform may hand out what another process fetched long ago, with the
    seconds that are left of it, and a margin longer than those would fetch with every call.
    """
    if credential.expires_at is None:
        return False
    ahead = AHEAD
    if credential.fetched_at is not None:
        ahead = min(ahead, (credential.expires_at - credential.fetched_at) / SHARE)
    return now >= credential.expires_at - ahead


@dataclass(slots=True)
class Line:
    """Times are the keeper's clock's; one that was set back ends a pause rather than stretching it."""

    flight: asyncio.Task[Credential | None] | None = None
    latest: Credential | None = None
    """What was handed out last."""
    landed_at: float = 0.0
    """When the last flight brought something, by time.monotonic."""
    unstored: Credential | None = None
    """What was fetched last, if the store did not take it."""
    rejected: Credential | None = None
    """What the platform refused, until another has come."""
    insists: bool = False
    """The platform, asked again, gave the rejected one again."""
    failures: int = 0
    failure: Exception | None = None
    since: datetime = PAST
    until: datetime = PAST
    told: int = 0
    told_at: datetime = PAST

    @property
    def flying(self) -> asyncio.Task[Credential | None] | None:
        """
        The flight that has not landed.

        One of another event loop never lands: that loop was left behind, or is the parent's of this process.
        """
        flight = self.flight
        if flight is None or flight.done() or flight.get_loop() is not asyncio.get_running_loop():
            return None
        return flight

    def refuses(self, credential: Credential) -> bool:
        return self.rejected is not None and self.rejected.value == credential.value

    def usable(self, credential: Credential | None, now: datetime) -> bool:
        return credential is not None and valid(credential, now) and not self.refuses(credential)

    def resting(self, now: datetime) -> bool:
        return self.since <= now < self.until

    def rest(self, now: datetime, seconds: float = 1.0) -> None:
        self.since, self.until = now, now + timedelta(seconds=seconds)

    def landed(self, credential: Credential) -> None:
        self.failures, self.failure, self.insists, self.landed_at = 0, None, False, time.monotonic()
        if not self.refuses(credential):
            self.rejected = None

    def failed(self, now: datetime, failure: Exception | None) -> None:
        """Note that a fetch gave nothing: *failure*, or for None the very credential that was rejected."""
        self.failures, self.failure, self.insists = self.failures + 1, failure, failure is None
        self.rest(now, min(2.0 ** min(self.failures - 1, 9), LONGEST_PAUSE))

    def told_for(self, now: datetime) -> float:
        """The seconds for which no other fetch may be told of a rejection, if one is told now; 0.0: too early."""
        if self.told_at <= now < self.told_at + timedelta(seconds=self._between()):
            return 0.0
        if now - self.told_at > timedelta(days=1):
            self.told = 0
        self.told, self.told_at = self.told + 1, now
        return self._between()

    def _between(self) -> float:
        return min(FORCED_EVERY * 2.0 ** min(self.told - 1, 9), LONGEST_FORCED) if self.told else 0.0
