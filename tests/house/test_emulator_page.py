"""What the emulator's page shows is what the emulator takes."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tongfu.emulator import scenario


def test_the_pages_scenario_is_one() -> None:
    page = (Path(__file__).parents[2] / "core" / "docs" / "emulator.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)

    assert [(0.0, "fault"), (0.0, "order"), (30.0, "pay"), (60.0, "redeliver"), (60.0, "advance")] == [
        (step.at, step.kind) for step in scenario.steps(tomllib.loads(block)["steps"])
    ]
