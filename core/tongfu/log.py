"""
The library's logger.

A bare ``structlog.get_logger()`` prints DEBUG to stdout until the application configures structlog.
This one goes where the application logs: through its structlog configuration if it has one, else
through the standard library's logger ``tongfu``, which is silent until configured. structlog is
imported with the first entry that somebody hears: it takes as long as half of aiohttp.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import Any

_stdlib = logging.getLogger("tongfu")
_stdlib.addHandler(logging.NullHandler())


def heard() -> bool:
    """Whether anybody may listen to ``debug``."""
    return _stdlib.isEnabledFor(logging.DEBUG) or _configured()


def _configured() -> bool:
    # Who has configured structlog has imported it, and wholly: a thread may be at it just now.
    is_configured = getattr(sys.modules.get("structlog"), "is_configured", None)
    return is_configured is not None and bool(is_configured())


def debug(event: str, /, **fields: Any) -> None:
    if heard():
        _say("debug", event, fields)


def warning(event: str, /, **fields: Any) -> None:
    _say("warning", event, fields)


def exception(event: str, /, **fields: Any) -> None:
    _say("exception", event, fields)


def _say(level: str, event: str, fields: dict[str, Any]) -> None:
    # A processor that breaks is the application's; it must not hide a refund that happened.
    with contextlib.suppress(Exception):
        getattr(_logger(), level)(event, **fields)


def _logger() -> Any:
    import structlog  # noqa: PLC0415 - see above

    if structlog.is_configured():
        return structlog.get_logger("tongfu")
    return structlog.wrap_logger(
        _stdlib,
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.stdlib.render_to_log_kwargs,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
