"""
Notifications to merchants. The one place of the emulator that uses a client.

An attempt is answered within five seconds or counts as unanswered, as on the real platforms.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal, get_args
from urllib.parse import urlsplit

import aiohttp

from tongfu import log

from .clock import EmulatorClock
from .faults import Fault
from .half import Delivery

PATIENCE: Final = 5.0  # seconds
REPLY_LIMIT: Final = 64 << 10  # bytes of a merchant's answer that are read; real ones have fewer than 200
MOST_REDELIVERIES: Final = 100

Corruption = Literal["signature", "body", "timestamp"]
Verdict = Literal["accepted", "refused", "failed", "lost"]


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    One attempt to notify.

    ``verdict``: accepted, refused (the merchant answered something else), failed (no answer; ``error``
    says why), lost (by a fault). ``status`` is 0 where no answer came.
    """

    at: datetime
    status: int
    verdict: Verdict
    corrupt: Corruption | None = None
    redelivery: bool = False
    error: str = ""


@dataclass(slots=True)
class SentNotification:
    """One notification and what became of it. ``state``: delivering, waiting, accepted, given_up."""

    id: str
    platform: str
    kind: str
    out_trade_no: str
    url: str
    created: datetime
    delivery: Delivery = field(repr=False)
    state: str = "delivering"
    next_attempt: datetime | None = None
    step: int = 0  # of the ladder
    attempts: list[Attempt] = field(default_factory=list)


class Postman:
    """
    Delivers, and again by the ladder of each delivery.

    :param strike: the fault that hits a delivery, if any.
    """

    def __init__(self, clock: EmulatorClock, strike: Callable[[Delivery], Fault | None]) -> None:
        self._clock = clock
        self._strike = strike
        self._session: aiohttp.ClientSession | None = None
        self._tasks: dict[asyncio.Task[None], str] = {}
        self.notifications: list[SentNotification] = []
        self.changed: Callable[[], None] = lambda: None  # called after each delivery

    def post(self, delivery: Delivery) -> SentNotification:
        """Start delivering; needs the running event loop."""
        sent = SentNotification(
            f"notification-{len(self.notifications) + 1}",
            delivery.platform,
            delivery.kind,
            delivery.out_trade_no,
            delivery.url,
            self._clock.now(),
            delivery,
        )
        self.notifications.append(sent)
        self._start(sent, self._clock.now(), 0)
        return sent

    def resume(self, sent: SentNotification) -> None:
        """Go on with a notification of an emulator that ended: an attempt that was under way is made again."""
        self.notifications.append(sent)
        if sent.state in {"delivering", "waiting"}:
            due, step = sent.next_attempt or self._clock.now(), sent.step
            sent.state, sent.next_attempt = "waiting", due
            self._clock.on(due, lambda: self._next(sent, due, step))

    async def redeliver(self, id: str, corrupt: Corruption | None = None, times: int = 1) -> list[Attempt]:  # noqa: A002 - the control route's word
        """
        Deliver once more, now, *times* in a row; broken on purpose where *corrupt* says how.

        :raises LookupError: there is no such notification.
        :raises ValueError: no such corruption, or times is not 1 to 100.
        """
        sent = next((sent for sent in self.notifications if sent.id == id), None)
        if sent is None:
            raise LookupError(f"there is no notification {id}")
        if corrupt is not None and corrupt not in get_args(Corruption):
            raise ValueError(f"corrupt is one of {', '.join(get_args(Corruption))} or null")
        if type(times) is not int or not 1 <= times <= MOST_REDELIVERIES:
            raise ValueError(f"times is an integer from 1 to {MOST_REDELIVERIES}")
        return [await self._attempt(sent, corrupt=corrupt, redelivery=True) for _ in range(times)]

    async def delivered(self, out_trade_no: str, patience: float = PATIENCE) -> None:
        """Wait for the order's notifications that are under way, at most *patience* seconds."""
        tasks = [task for task, number in self._tasks.items() if number == out_trade_no]
        if tasks:
            await asyncio.wait(tasks, timeout=patience)

    async def settle(self) -> None:
        """Wait until nothing is under way and nothing is due."""
        while self._clock.catch_up() or self._tasks:
            if self._tasks:
                await asyncio.wait(list(self._tasks))

    def clear(self) -> None:
        """Forget every notification, those under way as well."""
        for task in self._tasks:
            task.cancel()
        self.notifications.clear()

    async def close(self) -> None:
        self.clear()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _start(self, sent: SentNotification, due: datetime, step: int) -> None:
        sent.state, sent.next_attempt, sent.step = "delivering", None, step
        task = asyncio.get_running_loop().create_task(self._deliver(sent, due, step))
        self._tasks[task] = sent.out_trade_no
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        self.changed()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.warning("tongfu.emulator.delivery_broke", error=repr(error))

    async def _deliver(self, sent: SentNotification, due: datetime, step: int) -> None:
        delivery = sent.delivery
        fault = self._strike(delivery)
        if fault is not None and fault.fault == "lose_notification":
            attempt = Attempt(self._clock.now(), 0, "lost")
            sent.attempts.append(attempt)
        else:
            attempt = await self._attempt(sent)
            if fault is not None and fault.fault == "duplicate_notification":
                again = await self._attempt(sent)
                attempt = attempt if attempt.verdict == "accepted" else again
        if attempt.verdict == "accepted" or sent.state == "accepted":  # a redelivery may have been meanwhile
            return
        if step >= len(delivery.ladder):
            sent.state = "given_up"
            return
        # From the moment this attempt was due, not from its end: the ladder does not depend on the merchant's speed.
        again_at = due + timedelta(seconds=delivery.ladder[step])
        sent.state, sent.next_attempt, sent.step = "waiting", again_at, step + 1
        self._clock.on(again_at, lambda: self._next(sent, again_at, step + 1))

    def _next(self, sent: SentNotification, due: datetime, step: int) -> None:
        if sent.state == "waiting":
            self._start(sent, due, step)

    async def _attempt(
        self, sent: SentNotification, *, corrupt: Corruption | None = None, redelivery: bool = False
    ) -> Attempt:
        delivery = sent.delivery
        at = self._clock.now()
        status, error = 0, ""
        verdict: Verdict = "failed"
        headers, body = delivery.corrupt(corrupt) if corrupt is not None else delivery.make()
        try:
            status, answer = await self._send(delivery.url, headers, body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
            error = "no answer within 5 s" if isinstance(exc, TimeoutError) else type(exc).__name__
        else:
            verdict = "accepted" if delivery.accepted(status, answer) else "refused"
        attempt = Attempt(at, status, verdict, corrupt, redelivery, error)
        sent.attempts.append(attempt)
        if verdict == "accepted" and corrupt is None:
            sent.state, sent.next_attempt = "accepted", None
        return attempt

    async def _send(self, url: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError("the notify_url is not an http(s) URL")
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=PATIENCE),
                trust_env=False,
            )
        # Platforms take a redirect for a refusal.
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            answer = bytearray()
            async for chunk in response.content.iter_any():
                answer += chunk
                if len(answer) > REPLY_LIMIT:
                    response.close()
                    break
            return response.status, bytes(answer[:REPLY_LIMIT])
