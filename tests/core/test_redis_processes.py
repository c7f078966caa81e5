"""Real processes on a real Redis: one fetch for all of them, even if the one that fetches is killed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LIFE = timedelta(seconds=7200)
PROGRAM = Path(__file__).with_name("keeper_process.py")


class Worker:
    def __init__(self, url: str, lease: float, on_outage: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), url, str(lease), on_outage],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def say(self, *words: object) -> None:
        assert self.process.stdin is not None
        print(*words, file=self.process.stdin, flush=True)

    def hear(self) -> Any:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def workers() -> Iterator[Callable[..., list[Worker]]]:
    """``workers(url, 8)``: as many processes, ready."""
    started: list[Worker] = []

    def start(url: str, number: int, *, lease: float = 30.0, on_outage: str = "error") -> list[Worker]:
        started.extend(Worker(url, lease, on_outage) for _ in range(number))
        assert [worker.hear() for worker in started] == ["ready"] * number
        return started

    yield start
    for worker in started:
        worker.end()


def fetches(url: str) -> int:
    with redis.Redis.from_url(url, decode_responses=True) as client:
        count = client.get("fetches")
    assert isinstance(count, str)
    return int(count)


def asked(workers: list[Worker], moment: datetime, calls: int) -> list[Any]:
    for worker in workers:
        worker.say("get", moment.isoformat(), calls)
    return [worker.hear() for worker in workers]


def test_eight_processes_of_fifty_calls_make_one_fetch_for_each_expiry(redis_url: str, workers: Any) -> None:
    processes = workers(redis_url, 8)
    moment = NOW
    for number in (1, 2, 3):  # missing, and expired twice
        assert asked(processes, moment, 50) == [[f"token-{number}"]] * 8
        assert fetches(redis_url) == number
        moment += LIFE

    # Near its end the third is served by all while one of them renews it.
    moment -= timedelta(seconds=200)
    assert {value for got in asked(processes, moment, 50) for value in got} <= {"token-3", "token-4"}
    assert asked(processes, moment, 50) == [["token-4"]] * 8
    assert fetches(redis_url) == 4


def test_a_process_killed_while_it_fetches_is_replaced_by_one(redis_url: str, workers: Any) -> None:
    doomed, *others = workers(redis_url, 4, lease=0.5)
    doomed.say("hang")
    assert doomed.hear() == "fetching"
    doomed.end()

    assert asked(others, NOW, 50) == [["token-2"]] * 3
    assert fetches(redis_url) == 2


@pytest.mark.parametrize(("on_outage", "served"), [("error", "CredentialStoreUnavailable"), ("local", "own-1")])
def test_a_redis_killed_under_its_processes_costs_each_of_them_one_fetch_at_most(
    own_redis: Any, workers: Any, on_outage: str, served: str
) -> None:
    own_redis.start()
    processes = workers(own_redis.url, 2, on_outage=on_outage)
    assert asked(processes, NOW, 50) == [["token-1"]] * 2
    assert fetches(own_redis.url) == 1
    own_redis.kill()

    for _ in range(3):  # own-2 would be a second fetch
        assert asked(processes, NOW + LIFE, 50) == [[served]] * 2
