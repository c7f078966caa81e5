"""A transport without a network."""

from __future__ import annotations

from collections.abc import Callable

from tongfu.call import HttpRequest, HttpResponse

Answer = HttpResponse | bytes | BaseException | Callable[[HttpRequest], HttpResponse]


class FakeTransport:
    """
    Gives the scripted answers in turn and keeps every request in ``requests``.

    An answer is a response, a body (of a 200), an exception to raise, or a function of the request.
    A request for which nothing is left fails the test by name.
    """

    def __init__(self, *answers: Answer) -> None:
        self.requests: list[HttpRequest] = []
        self.timeouts: list[float] = []
        self.closed = False
        self._answers = list(answers)

    def answer(self, *answers: Answer) -> None:
        """Add answers to the script."""
        self._answers += answers

    async def send(self, request: HttpRequest, timeout: float) -> HttpResponse:
        self.requests.append(request)
        self.timeouts.append(timeout)
        if not self._answers:
            raise AssertionError(f"nothing is scripted for the request {request!r}")
        answer = self._answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, bytes):
            return HttpResponse(200, {}, answer)
        if isinstance(answer, HttpResponse):
            return answer
        return answer(request)

    async def close(self) -> None:
        self.closed = True
