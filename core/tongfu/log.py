"""
The library's logger.

A bare ``structlog.get_logger()`` prints DEBUG to stdout until the application configures structlog.
This one goes where the application logs: through its structlog configuration if it has one, else
through the standard library's logger ``tongfu``, which is silent until configured.
"""

from __future__ import annotations

import logging
from typing import Any

import structlog

_stdlib = logging.getLogger("tongfu")
_stdlib.addHandler(logging.NullHandler())


def heard() -> bool:
    """Whether anybody may listen to ``debug``."""
    return structlog.is_configured() or _stdlib.isEnabledFor(logging.DEBUG)


def debug(event: str, /, **fields: Any) -> None:
    if heard():
        _logger().debug(event, **fields)


def warning(event: str, /, **fields: Any) -> None:
    _logger().warning(event, **fields)


def exception(event: str, /, **fields: Any) -> None:
    _logger().exception(event, **fields)


def _logger() -> Any:
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
