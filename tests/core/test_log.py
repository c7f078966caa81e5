from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import structlog

from tongfu import log


@pytest.fixture
def _structlog_restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def logged(preamble: str) -> subprocess.CompletedProcess[str]:
    program = f"""
{preamble}
from tongfu import log
log.debug("tongfu.one", a=1)
log.warning("tongfu.two", b="x")
try:
    raise KeyError("backend")
except KeyError:
    log.exception("tongfu.three", plugin="p")
"""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)


def test_nothing_is_printed_until_the_application_configures_logging() -> None:
    done = logged("")

    assert (done.stdout, done.stderr) == ("", "")


def test_the_standard_librarys_configuration_is_heeded() -> None:
    done = logged(
        "import logging, sys\n"
        "logging.basicConfig(stream=sys.stdout, level='WARNING', format='%(levelname)s %(name)s %(message)s')"
    )

    lines = done.stdout.splitlines()
    assert lines[:3] == ["WARNING tongfu tongfu.two", "ERROR tongfu tongfu.three", "Traceback (most recent call last):"]
    assert lines[-1] == "KeyError: 'backend'"
    assert done.stderr == ""


def test_fields_travel_as_the_records_attributes(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="tongfu"):
        log.debug("tongfu.one", platform="toy", elapsed=0.5)

    (record,) = caplog.records
    assert (record.name, record.levelname, record.message) == ("tongfu", "DEBUG", "tongfu.one")
    assert (record.__dict__["platform"], record.__dict__["elapsed"]) == ("toy", 0.5)


@pytest.mark.usefixtures("_structlog_restored")
def test_the_applications_structlog_is_used_once_it_is_configured(caplog: pytest.LogCaptureFixture) -> None:
    entries: list[object] = []

    def keep(logger: object, method: str, entry: structlog.typing.EventDict) -> str:
        entries.append((method, dict(entry)))
        raise structlog.DropEvent

    log.warning("tongfu.before")
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, keep])
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        log.debug("tongfu.one", a=1)
        log.warning("tongfu.two", b=2)

    assert entries == [
        ("debug", {"event": "tongfu.one", "a": 1, "request_id": "r-1"}),
        ("warning", {"event": "tongfu.two", "b": 2, "request_id": "r-1"}),
    ]
    assert [record.message for record in caplog.records] == ["tongfu.before"]
