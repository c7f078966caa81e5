"""The keeper in any interleaving of calls, answers, failures, rejections, cancellations and time, against a model."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tongfu import Credential, TransportError
from tongfu.credentials import Keeper, MemoryStore

LIVES = (7200, 345, 20, 1)
SPANS = (0.1, 1, 3, 15, 17, 40, 300, 7000)
STEPS = st.sampled_from((0, 1, 2, 3, 5, 8, 40))  # turns of the loop before the next thing happens
SECOND = timedelta(seconds=1)


class Yielding(MemoryStore):
    """Lets others run before it answers and after, as a store over a network does."""

    async def get(self, key: str) -> Credential | None:
        await asyncio.sleep(0)
        found = await super().get(key)
        await asyncio.sleep(0)
        return found

    async def put(self, key: str, credential: Credential) -> None:
        await asyncio.sleep(0)
        await super().put(key, credential)
        await asyncio.sleep(0)

    async def drop(self, key: str, value: str) -> None:
        await asyncio.sleep(0)
        await super().drop(key, value)
        await asyncio.sleep(0)


class KeeperMachine(RuleBasedStateMachine):
    store: ClassVar[type[MemoryStore]] = MemoryStore

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        self.keeper = Keeper(self.store(), lambda: self.now)
        self.answer: asyncio.Future[Credential] | None = None
        self.known: set[str] = set()  # what was rejected when the fetch under way began
        self.issued: Credential | None = None  # by the platform, last
        self.issued_at = self.now
        self.insisted_at: datetime | None = None  # when it gave again what it rejects
        self.rejected: set[str] = set()
        self.calls: list[tuple[asyncio.Task[Credential], set[str]]] = []
        self.used: list[Credential] = []
        self.failures = 0
        self.failed_at = self.now
        self.numbers = 0
        self.problems: list[str] = []

    # --- the platform ----------------------------------------------------------------------------

    async def fetch(self, told: Credential | None) -> Credential:
        if self.answer is not None:
            self.problems.append("two fetches at once")
        if not self.wanted():
            self.problems.append("a fetch that nothing called for")
        if self.failures > 1 and self.now < self.failed_at + SECOND:
            self.problems.append("a failing fetch was repeated at once")
        if self.insisted_at is not None and self.now < self.insisted_at + SECOND:
            self.problems.append("a platform that insists was asked again at once")
        if told is not None and (
            self.issued is None or told.value not in self.rejected or told.value != self.issued.value
        ):
            self.problems.append("told of a rejection that is not the last")
        self.answer = self.loop.create_future()
        self.known = set(self.rejected)
        try:
            return await self.answer
        finally:
            self.answer = None

    def wanted(self) -> bool:
        if self.issued is None or self.issued.value in self.rejected:
            return True
        assert self.issued.expires_at is not None
        life = max(self.issued.expires_at - self.issued_at, SECOND)
        return self.now >= self.issued_at + life - min(timedelta(seconds=240), life / 5)

    # --- what happens ----------------------------------------------------------------------------

    def turn(self, steps: int = 40) -> None:
        async def others() -> None:
            for _ in range(steps):
                await asyncio.sleep(0)

        self.loop.run_until_complete(others())
        self.collect()

    def collect(self) -> None:
        """Take what the calls gave, and see whether it may be served."""
        done = [call for call in self.calls if call[0].done()]
        self.calls = [call for call in self.calls if not call[0].done()]
        for task, rejected_before in done:
            if task.cancelled():
                continue
            failure = task.exception()
            if failure is not None:
                if str(failure) != "down":
                    self.problems.append(f"an error that nobody made: {failure!r}")
                continue
            credential = task.result()
            if credential.value in rejected_before and not (
                self.issued is not None and credential.value == self.issued.value and self.insisted_at is not None
            ):
                self.problems.append("a rejected one was served, and the platform does not insist on it")
            if credential not in self.used:
                self.used.append(credential)

    @rule(number=st.integers(1, 3), steps=STEPS)
    def call(self, number: int, steps: int) -> None:
        for _ in range(number):
            self.calls.append((self.loop.create_task(self.keeper.get("k", self.fetch)), set(self.rejected)))
        self.turn(steps)

    @rule(seconds=st.sampled_from(SPANS))
    def wait(self, seconds: float) -> None:
        self.turn()  # half a call takes no seconds
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.answer is not None and not self.answer.done())
    @rule(life=st.sampled_from(LIVES), steps=STEPS)
    def answer_with_a_new_one(self, life: float, steps: int) -> None:
        self.numbers += 1
        self.insisted_at = None
        self.issue(Credential(f"t{self.numbers}", self.now + timedelta(seconds=life)), steps)

    @precondition(lambda self: self.answer is not None and not self.answer.done() and self.issued is not None)
    @rule(life=st.sampled_from(LIVES), steps=STEPS)
    def answer_with_the_same(self, life: float, steps: int) -> None:
        assert self.issued is not None
        if self.issued.value in self.known:
            self.insisted_at = self.now
        self.issue(Credential(self.issued.value, self.now + timedelta(seconds=life)), steps)

    def issue(self, credential: Credential, steps: int) -> None:
        assert self.answer is not None
        # As the keeper dates it: nothing lives shorter than a second.
        assert credential.expires_at is not None
        self.issued = Credential(credential.value, max(credential.expires_at, self.now + SECOND))
        self.issued_at, self.failures = self.now, 0
        self.answer.set_result(credential)
        self.turn(steps)

    @precondition(lambda self: self.answer is not None and not self.answer.done())
    @rule(steps=STEPS)
    def fail(self, steps: int) -> None:
        assert self.answer is not None
        self.failures, self.failed_at = self.failures + 1, self.now
        self.answer.set_exception(TransportError("down"))
        self.turn(steps)

    @precondition(lambda self: bool(self.used))
    @rule(back=st.sampled_from((1, 1, 1, 2, 3)), steps=STEPS)
    def reject(self, back: int, steps: int) -> None:
        """Mostly the last that was used; now and then an older one, by a straggler."""
        credential = self.used[-min(back, len(self.used))]
        self.turn()
        self.rejected.add(credential.value)
        self.loop.run_until_complete(self.keeper.reject("k", credential))
        self.turn(steps)

    @precondition(lambda self: bool(self.calls))
    @rule(steps=STEPS)
    def give_up(self, steps: int) -> None:
        self.calls[0][0].cancel()
        self.turn(steps)

    @invariant()
    def nothing_is_wrong(self) -> None:
        assert getattr(self, "problems", []) == []

    def teardown(self) -> None:
        """Whatever happened, a platform that answers gives the caller its newest."""
        if not hasattr(self, "loop"):
            return
        self.turn()
        self.now += timedelta(days=1)
        if self.answer is not None:
            self.answer_with_a_new_one(7200, 40)
        last = self.loop.create_task(self.keeper.get("k", self.fetch))
        self.turn()
        if self.answer is not None:
            self.answer_with_a_new_one(7200, 40)
        got = last.result() if last.done() else None
        self.loop.run_until_complete(self.keeper.close())
        self.turn()
        self.loop.close()
        assert self.problems == []
        assert got is not None
        assert got == self.issued


class YieldingKeeperMachine(KeeperMachine):
    store = Yielding


TestKeeper = KeeperMachine.TestCase
TestYieldingKeeper = YieldingKeeperMachine.TestCase
TestKeeper.settings = TestYieldingKeeper.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    phases=[
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
    ],  # shrinking takes minutes, and the steps read well as they are
)
