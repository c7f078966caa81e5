from __future__ import annotations

import pytest

from tongfu.emulator.faults import FAULTS, Fault, Faults, UnknownFault


def own(number: str) -> list[str]:
    return [number]


def strikes(faults: Faults, *paths: str, body: str = "") -> list[str]:
    hits = [faults.strike(path, [body], own) for path in paths]
    return [hit.fault if hit is not None else "" for hit in hits]


def test_a_fault_hits_as_often_as_it_was_told() -> None:
    faults = Faults()
    faults.add("reset", times=2)

    assert strikes(faults, "/a", "/b", "/c") == ["reset", "reset", ""]
    assert faults.waiting() == []


def test_a_path_is_a_glob() -> None:
    faults = Faults()
    faults.add("reset", path="/pay/*", times=9)

    assert strikes(faults, "/pay/refund", "/secapi/pay/refund", "/pay") == ["reset", "", ""]


def test_nth_counts_matches_from_one() -> None:
    faults = Faults()
    faults.add("truncate", path="/pay/*", nth=2)

    assert strikes(faults, "/pay/a", "/other", "/pay/b", "/pay/c") == ["", "", "truncate", ""]


def test_one_fault_hits_at_a_time_in_the_order_they_were_set() -> None:
    faults = Faults()
    faults.add("reset")
    faults.add("truncate")

    assert strikes(faults, "/a", "/a", "/a") == ["reset", "truncate", ""]


@pytest.mark.parametrize(
    ("body", "hit"),
    [
        ("<out_trade_no><![CDATA[A1]]></out_trade_no>", True),
        ('{"out_trade_no":"A1"}', True),
        ("out_trade_no=A1&x=1", True),
        ("<transaction_id>T900</transaction_id>", True),
        ("out_trade_no=A10", False),
        ("out_trade_no=XA1", False),
        ("out_trade_no=A1-2", False),
        ("", False),
    ],
)
def test_an_order_is_known_by_its_whole_number_or_the_platforms(body: str, hit: bool) -> None:
    faults = Faults()
    faults.add("reset", out_trade_no="A1")

    assert (faults.strike("/pay", [body], lambda number: [number, "T900"]) is not None) is hit


def test_notification_faults_leave_requests_alone() -> None:
    faults = Faults()
    lose = faults.add("lose_notification")
    reset = faults.add("reset")

    assert faults.strike("/a", [], own) is reset
    assert faults.strike("/notify", [], own, notifies=True) is lose


@pytest.mark.parametrize(
    "fault", ["", "nonsense", "status:", "status:200", "status:6000", "status:NNN", "slow:", "slow:-1", "slow:SECONDS"]
)
def test_an_unknown_fault_is_refused_with_those_there_are(fault: str) -> None:
    faults = Faults()
    with pytest.raises(ValueError, match=r"reset|not empty"):
        faults.add(fault)

    assert faults.waiting() == []


def test_the_refusal_lists_every_fault() -> None:
    assert [name for name in FAULTS if name not in str(UnknownFault("x"))] == []


@pytest.mark.parametrize(
    "wrong", [{"times": 0}, {"times": True}, {"nth": 0}, {"nth": "2"}, {"path": ""}, {"path": 1}, {"out_trade_no": 7}]
)
def test_a_matcher_that_cannot_match_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Faults().add("reset", **wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_a_delay_is_bounded() -> None:
    assert Faults().add("slow:60").delay == 60.0
    with pytest.raises(ValueError, match="longer than 60 seconds"):
        Faults().add("slow:61")


def test_the_parameter_of_a_fault_is_read() -> None:
    assert (Fault("f", "status:503").status, Fault("f", "slow:2.5").delay, Fault("f", "reset").status) == (
        503,
        2.5,
        None,
    )


def test_clear_forgets_every_fault() -> None:
    faults = Faults()
    faults.add("reset")
    faults.clear()

    assert strikes(faults, "/a") == [""]
