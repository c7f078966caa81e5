"""For tests: a transport that answers from a script, and a contract every provider must keep."""

from .transport import FakeTransport

__all__ = ["FakeTransport"]
