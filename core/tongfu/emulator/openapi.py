"""The control routes as an OpenAPI 3.1 document, made from the routes themselves."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from .control import OPERATIONS, PREFIX
from .half import Route

if TYPE_CHECKING:
    from .shell import Emulator

_ERROR: Final = {
    "content": {
        "application/json": {"schema": {"type": "object", "properties": {"error": {"type": "string"}}}},
    }
}
_REFUSALS: Final = {
    400: "A parameter is missing, unknown or wrong",
    403: "A web page of another origin asked",
    404: "There is no such thing",
    409: "The order cannot take that now",
}
_JSON: Final = {"application/json": {"schema": {"type": "object"}}}


def document(emu: Emulator) -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        described = _described(operation.path, operation.summary, operation.body, operation.errors)
        described["operationId"] = operation.act.__name__
        for name in operation.query:
            described.setdefault("parameters", []).append({"name": name, "in": "query", "schema": {"type": "string"}})
        paths.setdefault(PREFIX + operation.path, {})[operation.method.lower()] = described
    for route in platform_controls(emu.routes()):
        summary, _, more = (inspect.getdoc(route.handle) or route.path).partition("\n")
        body = {"type": "object"} if route.method in {"POST", "PUT"} else None
        described = _described(route.path, summary, body, ())
        if more.strip():
            described["description"] = more.strip()
        paths.setdefault(route.path, {})[route.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tongfu emulator: control",
            "version": "1",
            "description": "The buyer's part, the clock, faults, and what happened.",
        },
        "servers": [{"url": emu.url}],
        "paths": paths,
    }


def platform_controls(routes: Iterable[Route]) -> list[Route]:
    return [route for route in routes if route.path.startswith(f"{PREFIX}/")]


def _described(path: str, summary: str, body: Mapping[str, Any] | None, errors: tuple[int, ...]) -> dict[str, Any]:
    responses: dict[str, Any] = {"200": {"description": "Done", "content": _JSON}}
    refusals = {403, *errors} | ({400} if body is not None else set())
    for status in sorted(refusals):
        responses[str(status)] = {"description": _REFUSALS[status]} | _ERROR
    described: dict[str, Any] = {"summary": summary, "responses": responses}
    if names := re.findall(r"\{(\w+)\}", path):
        described["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if body is not None:
        described["requestBody"] = {"content": {"application/json": {"schema": body}}}
    return described
