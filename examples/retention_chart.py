"""
Draw four weeks of a mini program's visits to a PNG: visitors by day, and how many of a day's new users come back.

Needs matplotlib (``pip install matplotlib``); the figures come from the embedded emulator, as WeChat would give them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import date, timedelta, timezone
from pathlib import Path

import tongfu
from tongfu.emulator import Emulator
from tongfu_weixin import Weixin, WeixinAccount

try:
    from matplotlib.figure import Figure
except ImportError:
    sys.exit(
        "this example draws with matplotlib: pip install matplotlib, or .venv/bin/python -m pip install matplotlib"
    )

BEIJING = timezone(timedelta(hours=8))
DAYS = 28


async def figures(weixin: Weixin, today: date) -> tuple[list[date], list[int], list[int], list[list[float | None]]]:
    """Days, visitors, new visitors; for each day the share of its new users that came back after 0 to 7 days."""
    days = [today - timedelta(days=age) for age in range(DAYS, 0, -1)]
    trends = await asyncio.gather(*(weixin.analysis.get_daily_visit_trend(begin_date=day) for day in days))
    retentions = await asyncio.gather(*(weixin.analysis.get_daily_retain(begin_date=day) for day in days))
    shares = []
    for retention in retentions:
        back = {point.key: point.value for point in retention.visit_uv_new}
        shares.append([100 * back[key] / back[0] if key in back and back.get(0) else None for key in range(8)])
    return days, [one.list[0].visit_uv for one in trends], [one.list[0].visit_uv_new for one in trends], shares


def draw(days: list[date], visitors: list[int], new: list[int], shares: list[list[float | None]], png: Path) -> None:
    figure = Figure(figsize=(9, 9), layout="constrained")
    above, below = figure.subplots(2, 1)
    labels = [f"{day:%m-%d}" for day in days]
    above.bar(labels, visitors, label="visitors", color="#c8e6c9")
    above.bar(labels, new, label="of these, new", color="#2e7d32")
    above.set_title("Visitors by day")
    above.tick_params(axis="x", rotation=90)
    above.legend()
    cells = [[float("nan") if share is None else share for share in row] for row in shares]
    picture = below.imshow(cells, aspect="auto", cmap="Greens", vmin=0, vmax=100)
    below.set_title("Of a day's new users, who came back")
    below.set_xlabel("days later")
    below.set_yticks(range(0, DAYS, 3), labels[::3])
    figure.colorbar(picture, ax=below, label="%")
    figure.savefig(png, dpi=110)


async def main(png: Path) -> None:
    async with Emulator(platforms=["weixin"]) as emu:
        account = emu.accounts()["weixin"]
        assert isinstance(account, WeixinAccount)
        async with tongfu.Tongfu({"weixin": account}, clock=emu.clock) as tf:
            # WeChat has yesterday's figures from eight in the morning.
            today = (emu.clock.now().astimezone(BEIJING) - timedelta(hours=8)).date()
            days, visitors, new, shares = await figures(tf.open(account), today)
    draw(days, visitors, new, shares, png)
    print(f"{png}: {DAYS} days, {sum(visitors)} visitor-days, {sum(new)} new users")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("png", type=Path, nargs="?", default=Path("retention.png"), help="the file to draw to")
    asyncio.run(main(parser.parse_args().png))
