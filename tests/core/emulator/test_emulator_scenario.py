from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tongfu import ConfigError
from tongfu.emulator import Emulator

TOML = """
[[steps]]
at = 5
pay = {out_trade_no = "A1", outcome = "success"}

[[steps]]
fault = {fault = "status:502", match = {path = "/orders/*"}, times = 2}

[[steps]]
at = 60
clear_faults = true
"""


async def test_each_step_comes_at_its_time(fake_half: Any, tmp_path: Path) -> None:
    file = tmp_path / "scenario.toml"
    file.write_text(TOML)
    async with Emulator(halves=[fake_half], frozen=True, scenario=file) as emu:
        started = emu.clock.now()
        async with aiohttp.ClientSession(emu.url) as client:
            async with client.post("/orders/create", json={"out_trade_no": "A1"}):
                pass
            await emu.clock.advance(4)
            assert ("open", []) == (emu.order("A1").state, emu.faults)
            await emu.clock.advance(10)
            paid = emu.order("A1").paid
            assert paid is not None
            assert (5.0, ["status:502"]) == ((paid - started).total_seconds(), [each.fault for each in emu.faults])
            async with client.get("/orders/A1/state") as answer:
                assert 502 == answer.status
            await emu.clock.advance(60)
            assert [] == emu.faults
            async with client.get("/_emulator/scenario") as answer:
                steps = (await answer.json())["steps"]

    assert [(5.0, "pay", "done"), (5.0, "fault", "done"), (60.0, "clear_faults", "done")] == [
        (step["at"], step["kind"], step["state"]) for step in steps
    ]


async def test_what_is_due_at_the_start_is_done_when_it_is_ready(fake_half: Any) -> None:
    steps = [{"fault": {"fault": "reset"}}, {"advance": 3600}, {"at": 3600, "fault": {"fault": "truncate"}}]
    async with Emulator(halves=[fake_half], frozen=True, scenario=steps) as emu:
        assert ["reset", "truncate"] == [each.fault for each in emu.faults]


async def test_a_step_that_cannot_be_done_says_why_and_the_next_comes(fake_half: Any) -> None:
    steps = [
        {"pay": {"out_trade_no": "A1"}},
        {"redeliver": {"id": "notification-1"}},
        {"order": {"platform": "nobody"}},
        {"fault": {"fault": "reset"}},
    ]
    async with Emulator(halves=[fake_half], frozen=True, scenario=steps) as emu:
        assert ["failed", "failed", "failed", "done"] == [step.state for step in emu.scenario]
        assert ["there is no order A1", "there is no notification notification-1"] == [
            step.error for step in emu.scenario[:2]
        ]


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("pay", "a scenario is a list of steps"),
        ({"pay": {}}, "a scenario is a list of steps"),
        ([5], "step 1 of the scenario: it is not an object"),
        ([{"at": 5}], "step 1 of the scenario: beside at it has one of: order, pay"),
        ([{"pay": {"out_trade_no": "A"}, "advance": 5}], "step 1 of the scenario: beside at it has one of"),
        ([{"advance": 5, "at": 5}, {"advance": 5, "at": 4}], "step 2 of the scenario: at is seconds"),
        ([{"advance": "5"}], "step 1 of the scenario: advance is a number of seconds"),
        ([{"advance": True}], "step 1 of the scenario: advance is a number of seconds"),
        ([{"pay": "A1"}], "step 1 of the scenario: pay is an object with out_trade_no"),
        ([{"pay": {"out_trade_no": "A1", "outcom": "x"}}], "pay does not take outcom; it takes out_trade_no, outcome"),
        ([{"fault": {"fault": "nope"}}], "step 1 of the scenario: there is no fault 'nope'; there are: "),
        ([{"fault": {"fault": "reset", "match": {"url": "x"}}}], "match is an object of nth, out_trade_no, path"),
    ],
)
def test_a_wrong_step_is_named_before_anything_starts(fake_half: Any, steps: Any, said: str, tmp_path: Path) -> None:
    file = tmp_path / "scenario.json"
    file.write_text(json.dumps(steps))
    with pytest.raises(ConfigError) as caught:
        Emulator(halves=[fake_half], scenario=file)

    assert said in str(caught.value)


@pytest.mark.parametrize(("name", "said"), [("s.toml", "is not TOML"), ("s.json", "is not JSON")])
def test_a_file_that_cannot_be_read_is_named(fake_half: Any, tmp_path: Path, name: str, said: str) -> None:
    file = tmp_path / name
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        Emulator(halves=[fake_half], scenario=file)
    file.write_text("= {")
    with pytest.raises(ConfigError, match=said):
        Emulator(halves=[fake_half], scenario=file)
