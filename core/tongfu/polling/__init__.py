"""Asking again until something is settled."""

from .poll import Pause, Polled, poll, sleep

__all__ = ["Pause", "Polled", "poll", "sleep"]
