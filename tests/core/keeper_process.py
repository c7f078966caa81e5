"""
One of several processes that share a RedisStore: obeys the lines it reads, answers each with one line of JSON.

``get ISO CALLS``   at that time, CALLS concurrent calls for the key; answers the values and errors they got, each
                    once, when no fetch is under way any more
``hang``            fetches and never ends; answers nothing but "fetching", once the fetch is under way
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from tongfu import Credential
from tongfu.credentials import Keeper, RedisStore

LIFE = timedelta(seconds=7200)


def tell(answer: object) -> None:
    print(json.dumps(answer), flush=True)


async def main(url: str, lease: float, on_outage: Any) -> None:
    now = datetime.now(UTC)
    # Ample time for each command: many processes share few processors here.
    store = RedisStore(url, lease=lease, timeout=20.0, on_outage=on_outage)
    keeper = Keeper(store, lambda: now)
    counter = Redis.from_url(url, retry=None)
    alone: list[datetime] = []  # fetches that no Redis counted

    async def fetch(rejected: Credential | None) -> Credential:
        try:
            number = await counter.incr("fetches")
        except RedisConnectionError:
            alone.append(now)
            return Credential(f"own-{len(alone)}", now + LIFE)
        await asyncio.sleep(0.02)  # so that the others come while it is under way
        return Credential(f"token-{number}", now + LIFE)

    async def hang(rejected: Credential | None) -> Credential:
        await counter.incr("fetches")
        tell("fetching")
        await asyncio.Event().wait()
        raise AssertionError

    tell("ready")
    while line := await asyncio.to_thread(sys.stdin.readline):
        command, *words = line.split()
        if command == "get":
            now = datetime.fromisoformat(words[0])
            calls = (keeper.get("k", fetch) for _ in range(int(words[1])))
            got = await asyncio.gather(*calls, return_exceptions=True)
            renewals = [line.flying for line in keeper._lines.values() if line.flying is not None]
            if renewals:
                await asyncio.wait(renewals)
            tell(sorted({one.value if isinstance(one, Credential) else type(one).__name__ for one in got}))
        else:
            await keeper.get("k", hang)
    await store.close()
    await counter.aclose()


asyncio.run(main(sys.argv[1], float(sys.argv[2]), sys.argv[3]))
