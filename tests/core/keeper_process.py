"""
One of several processes that share a RedisStore: obeys the lines it reads, answers each with one line of JSON.

``get ISO CALLS``   at that time, CALLS concurrent calls for the key; answers the values they got, each once, when
                    no fetch is under way any more
``hang``            fetches and never ends; answers nothing but "fetching", once the fetch is under way
"""

from __future__ import annotations

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta

from redis.asyncio import Redis

from tongfu import Credential
from tongfu.credentials import Keeper, RedisStore

LIFE = timedelta(seconds=7200)


def tell(answer: object) -> None:
    print(json.dumps(answer), flush=True)


async def main(url: str, lease: float) -> None:
    now = datetime.now(UTC)
    # Ample time for each command: many processes share few processors here.
    store = RedisStore(url, lease=lease, timeout=20.0)
    keeper = Keeper(store, lambda: now)
    counter = Redis.from_url(url)

    async def fetch(rejected: Credential | None) -> Credential:
        number = await counter.incr("fetches")
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
            got = await asyncio.gather(*(keeper.get("k", fetch) for _ in range(int(words[1]))))
            renewals = [line.flying for line in keeper._lines.values() if line.flying is not None]
            if renewals:
                await asyncio.wait(renewals)
            tell(sorted({credential.value for credential in got}))
        else:
            await keeper.get("k", hang)
    await store.close()
    await counter.aclose()


asyncio.run(main(sys.argv[1], float(sys.argv[2])))
