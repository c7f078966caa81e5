"""Objects inside a request: their keys as on the wire, in snake_case or in camelCase."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tongfu.errors import InvalidParams
from tongfu.fields import ParamsSchema

from .send import check


def named(schema: ParamsSchema, name: str, value: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The object *name* under its wire names, and what is wrong with it; a bool travels as 0 or 1."""
    if not isinstance(value, Mapping):
        return {}, {name: f"expected a mapping with {', '.join(schema.fields)}"}
    known = {_plain(one): one for one in schema.fields}
    found: dict[str, Any] = {}
    wrong = {}
    for key, item in value.items():
        one = known.get(_plain(key)) if isinstance(key, str) else None
        if one is None or one in found:
            wrong[f"{name}.{str(key)[:40]}"] = (
                f"{'given twice' if one else 'unknown'}; expected {', '.join(schema.fields)}"
            )
        elif item is not None:
            found[one] = int(item) if isinstance(item, bool) else item
    wrong.update({f"{name}.{one}": text for one, text in problems(schema, found).items()})
    return {one: found[one] for one in schema.fields if one in found}, wrong


def problems(schema: ParamsSchema, values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with *values*, by field."""
    try:
        check(schema, "", values)
    except InvalidParams as exc:
        return exc.problems
    return {}


def _plain(key: str) -> str:
    """``thumbMediaId`` and ``thumb_media_id`` are one name, as are ``appId`` and ``appid``."""
    return key.replace("_", "").lower()
