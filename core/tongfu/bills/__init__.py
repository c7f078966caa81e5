"""Bills: what holds a large one."""

from .spool import Spool, in_utf8

__all__ = ["Spool", "in_utf8"]
