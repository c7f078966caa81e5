"""
Marshmallow fields and schema bases: what a provider declares of its accounts and parameters.

A ``ParamsSchema`` says every limit once. Good parameters pass through compiled checks (2 us where
marshmallow takes 30); as soon as one fails, marshmallow collects what is wrong with all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from operator import attrgetter
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

from marshmallow import RAISE, Schema, ValidationError, fields

from .errors import ConfigError, InvalidParams

# Most URLs: a plain host and a path. What this matches, urlsplit would accept.
_USUAL_URL: Final = re.compile(r"https?://[0-9A-Za-z][0-9A-Za-z.\-]*(?:/[!\"$->@-~]*)?").fullmatch

Rule = Callable[[Any], Mapping[str, str]]


class Checked(fields.Field[Any]):
    """A field that accepts a value as it is or says what it expects; it never converts."""

    expected = "a value"

    def accepts(self, value: Any) -> bool:
        raise NotImplementedError(type(self).__name__)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not self.accepts(value):
            raise ValidationError(f"expected {self.expected}")
        return value


class Text(Checked):
    """A str of *least* to *most* characters (bytes of UTF-8 with ``in_bytes``), all of it matching *pattern*."""

    def __init__(
        self,
        most: int,
        *,
        least: int = 1,
        pattern: str = "",
        alphabet: str = "",
        in_bytes: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._least = least
        self._most = most
        self._in_bytes = in_bytes
        self._pattern = re.compile(pattern) if pattern else None
        size = f"{least} to {most}" if least < most else f"{most}"
        self.expected = f"a str of {size} {'bytes of UTF-8' if in_bytes else 'characters'}"
        if alphabet:
            self.expected += f" of {alphabet}"

    def accepts(self, value: Any) -> bool:
        if not isinstance(value, str):
            return False
        try:
            size = len(value.encode()) if self._in_bytes else len(value)
        except UnicodeEncodeError:
            return False
        return self._least <= size <= self._most and (
            self._pattern is None or self._pattern.fullmatch(value) is not None
        )


class Fee(Checked):
    """An int of fen, at least 1. A float, a bool and a text have lost or never had the amount."""

    def __init__(self, most: int = 10**10, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._most = most
        self.expected = f"an int of fen, 1 to {most}"

    def accepts(self, value: Any) -> bool:
        return type(value) is int and 1 <= value <= self._most


class Whole(Checked):
    """An int of *least* to *most*."""

    def __init__(self, least: int, most: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._least, self._most = least, most
        self.expected = f"an int of {least} to {most}"

    def accepts(self, value: Any) -> bool:
        return type(value) is int and self._least <= value <= self._most


class OneOf(Checked):
    """One of a few words."""

    def __init__(self, words: Iterable[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._words = tuple(words)
        self.expected = f"one of {', '.join(self._words)}"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, str) and value in self._words


class Url(Checked):
    """An absolute http(s) URL of at most *most* characters; *query* says whether it may carry a query string."""

    def __init__(self, most: int = 256, *, query: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._most, self._query = most, query
        self.expected = f"an absolute http(s) URL of at most {most} characters" + ("" if query else " without a query")

    def accepts(self, value: Any) -> bool:
        if not isinstance(value, str) or len(value) > self._most:
            return False
        if _USUAL_URL(value):
            return True
        if not value.isascii() or not value.isprintable():
            return False
        if " " in value or "#" in value or ("?" in value and not self._query):
            return False
        try:
            parts = urlsplit(value)
            return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            return False


class Day(Checked):
    """A date, or ``20140603`` or ``2014-06-03``."""

    expected = "a date, '20140603' or '2014-06-03'"

    def accepts(self, value: Any) -> bool:
        return as_date(value) is not None


class Moment(Checked):
    """A datetime that knows its zone."""

    expected = "a datetime with a time zone"

    def accepts(self, value: Any) -> bool:
        return isinstance(value, datetime) and value.utcoffset() is not None


class WireFields(Checked):
    """``extra``: names on the wire to values, none of them *ours* to set."""

    def __init__(self, ours: Iterable[str], *, flat: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._ours = frozenset(ours)
        self._flat = flat
        self.expected = (
            f"a mapping of wire names to {'str or int' if flat else 'JSON values without floats'}, "
            f"none of {', '.join(sorted(self._ours))}"
        )

    def accepts(self, value: Any) -> bool:
        return isinstance(value, Mapping) and all(
            isinstance(name, str) and name and name not in self._ours and self._travels(item)
            for name, item in value.items()
        )

    def _travels(self, value: Any) -> bool:
        return type(value) in (str, int) if self._flat else value is not None and _is_json(value)


def _is_json(value: Any) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(name, str) and _is_json(item) for name, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(_is_json, value))
    return value is None or isinstance(value, str | bool | int)


_DAY: Final = re.compile(r"(\d{4})(-?)(\d{2})\2(\d{2})", re.ASCII)


def as_date(value: Any) -> date | None:
    """The day that *value* names, or None when it names none."""
    if isinstance(value, datetime):
        return None
    if isinstance(value, date):
        return value
    match = _DAY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[3]), int(match[4]))
    except ValueError:
        return None


def exactly_one(*names: str) -> Rule:
    """A rule: one of *names* is given, and only one."""
    values = attrgetter(*names)

    def rule(params: Any) -> Mapping[str, str]:
        given = len(names) - values(params).count(None)
        return {} if given == 1 else dict.fromkeys(names, f"expected exactly one of {' and '.join(names)}, not {given}")

    return rule


class ParamsSchema(Schema):
    """The limits of one operation's parameters on one platform. Make one instance, keep it."""

    class Meta:
        unknown = RAISE

    rules: ClassVar[tuple[Rule, ...]] = ()

    def __init__(self) -> None:
        super().__init__()
        names = tuple(self.fields)
        self._names = names
        self._values = attrgetter(*names) if len(names) > 1 else lambda params: (getattr(params, names[0]),)
        self._checks = tuple(
            (field.required, field.accepts) for field in self.fields.values() if isinstance(field, Checked)
        )
        if len(self._checks) != len(names):
            raise TypeError(f"{type(self).__name__} has a field that is not a tongfu.fields.Checked")
        if any(field.validators for field in self.fields.values()):
            raise TypeError(f"{type(self).__name__} has a field with validate=, which good values would pass by")

    def check(self, platform: str, operation: str, params: Any) -> None:
        """
        Go on only if *params* keep every limit.

        :raises InvalidParams: naming each field and what was expected.
        """
        for (required, accepts), value in zip(self._checks, self._values(params), strict=True):
            if required if value is None else not accepts(value):
                break
        else:
            for rule in self.rules:
                if rule(params):
                    break
            else:
                return
        given = {
            name: value for name, value in zip(self._names, self._values(params), strict=True) if value is not None
        }
        problems = {name: "; ".join(map(str, texts)) for name, texts in self.validate(given).items()}
        for name, field in self.fields.items():
            if field.required and name not in given:
                problems[name] = f"missing; expected {getattr(field, 'expected', 'a value')}"
        for rule in self.rules:
            problems = {**rule(params), **problems}
        raise InvalidParams(platform, operation, problems)


class AccountSchema(Schema):
    """Plain data (environment, TOML, JSON) to an account. An unknown or missing key is an error that names it."""

    class Meta:
        unknown = RAISE

    account: ClassVar[type[Any]]

    def build(self, name: str, settings: Mapping[str, Any]) -> Any:
        """
        Make the account. An optional null, as JSON has it, is a setting that is not there.

        :raises ConfigError: naming each bad key; values are never repeated, they may be secrets.
        """
        given = {k: v for k, v in settings.items() if v is not None or getattr(self.fields.get(k), "required", True)}
        try:
            loaded = self.load(given)
        except ValidationError as exc:
            listed = "; ".join(f"{key}: {' '.join(map(str, texts))}" for key, texts in exc.messages_dict.items())
            raise ConfigError(f"{name}: {listed.rstrip('.')}. The keys are: {', '.join(sorted(self.fields))}") from None
        return self.account(**loaded)
