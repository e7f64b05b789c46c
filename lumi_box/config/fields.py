"""The kinds of values that a config key may have: strict marshmallow fields that say what they expected."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from marshmallow import ValidationError, fields

from lumi_box.config.cron import cron_fault
from lumi_box.config.urls import (
    alert_fault,
    database_fault,
    dsn_fault,
    host_fault,
    host_port_fault,
    origin_fault,
    smtp_fault,
)
from lumi_box.config.urls import url_fault as _url_fault

Fault = Callable[[Any], str | None]
Turn = Callable[[Any], Any]

_NOUNS = {str: "text", int: "a whole number", float: "a number with a fraction", list: "a list", dict: "a table"}
_PLACEHOLDER = "replace-me"  # how config.example.toml begins whatever is not to be used as it stands


def noun(value: object) -> str:
    """What a TOML value is, without telling it: it may be a secret that was put in the wrong place."""
    return "true or false" if isinstance(value, bool) else _NOUNS.get(type(value), "a date or time")


class Setting(fields.Field[Any]):
    """One key: exactly these types (true is no number, "5" neither), and nothing that `fault` finds wrong."""

    def __init__(
        self, *types: type, expected: str, fault: Fault | None = None, turn: Turn | None = None, hint: str = ""
    ):
        self.expected, self.hint = expected, hint or f"expected {expected}"
        super().__init__(error_messages={"required": f"is required; {self.hint}"})
        self._types, self._fault, self._turn = types, fault, turn

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if type(value) not in self._types:
            raise ValidationError(f"is {noun(value)}; {self.hint}")
        if self._fault and (wrong := self._fault(value)):
            raise ValidationError(f"{wrong}; {self.hint}")
        return self._turn(value) if self._turn else value


class Listing(fields.List):
    """A list of settings of one kind, of any length or of exactly `length`."""

    def __init__(self, item: Setting, expected: str, length: int | None = None) -> None:
        self.expected, self.hint = expected, f"expected {expected}"
        super().__init__(item, error_messages={"invalid": f"is not a list; {self.hint}"})
        self._length = length

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        found = super()._deserialize(value, attr, data, **kwargs)
        if self._length not in (None, len(found)):
            raise ValidationError(f"has {len(found)} items; {self.hint}")
        return found


Rule = Setting | Listing


def flag() -> Setting:
    return Setting(bool, expected="true or false")


def whole(low: int, high: int, *, none: str = "") -> Setting:
    """A whole number; `none` says what 0 means where it means something of its own."""
    return Setting(int, expected=f"a whole number from {low} to {high}{none}", fault=_outside(low, high))


def number(low: float, high: float, *, none: str = "") -> Setting:
    expected = f"a number from {low} to {high}{none}"
    return Setting(int, float, expected=expected, fault=_outside(low, high))


def seconds(high: int = 3600) -> Setting:
    """A time to wait: more than none."""
    expected = f"a number of seconds above 0 and up to {high}"
    return Setting(int, float, expected=expected, fault=lambda value: _outside(0, high)(value or -1))


def _outside(low: float, high: float) -> Fault:
    # Written so that nan, which compares with nothing, is outside as well.
    return lambda value: None if low <= value <= high else "is out of range"


def choice(*names: str) -> Setting:
    return Setting(
        str, expected=f"one of: {', '.join(names)}", fault=lambda value: None if value in names else "is not known"
    )


def text(expected: str, pattern: str = "", fault: Fault | None = None, turn: Turn | None = None) -> Setting:
    """A line of text that is not empty; `pattern` is for the whole of it."""

    def wrong(value: str) -> str | None:
        if found := _line_fault(value):
            return found
        if pattern and not re.fullmatch(pattern, value):
            return "has the wrong form"
        return fault(value) if fault else None

    return Setting(str, expected=expected, fault=wrong, turn=turn)


def _line_fault(value: str) -> str | None:
    if not value.strip():
        return "is empty"
    if not value.isprintable():
        return "holds a line break or another character that cannot be printed"
    if value != value.strip():
        return "begins or ends with a space"
    return f"is the placeholder of config.example.toml ({_PLACEHOLDER}…)" if value.startswith(_PLACEHOLDER) else None


def key(expected: str) -> Setting:
    """A secret that travels in a header or a signature: visible ASCII without spaces."""
    return text(
        expected, fault=lambda value: None if re.fullmatch(r"[!-~]+", value) else "holds a space or a non-ASCII letter"
    )


def url(expected: str = "an http or https URL without user, query or fragment") -> Setting:
    return text(expected, fault=_url_fault, turn=lambda value: value.rstrip("/"))


def prefix() -> Setting:
    """The folder of a bucket under which our keys begin; handed on without a slash at its end."""
    expected = "a path of letters, digits, - _ and . such as lumi/main, or nothing"
    name = r"(?!\.\.?(/|$))[A-Za-z0-9._-]+"
    return Setting(
        str,
        expected=expected,
        fault=lambda value: None if re.fullmatch(rf"({name}(/{name})*/?)?", value) else "has the wrong form",
        turn=lambda value: value.rstrip("/"),
    )


def path(expected: str) -> Setting:
    return text(expected, turn=Path)


def host() -> Setting:
    return text("a host name or an address to listen on, such as 127.0.0.1", fault=host_fault)


def origin() -> Setting:
    return text("an exact origin such as https://app.example.com", fault=origin_fault)


def host_port() -> Setting:
    return text("host or host:port, without a scheme", fault=host_port_fault, turn=str.lower)


def database_url() -> Setting:
    return text("sqlite:///data/lumi.db or mysql://user:password@host:3306/name", fault=database_fault)


def smtp_url() -> Setting:
    return text("smtp://user:password@host:587 or smtps://user:password@host:465", fault=smtp_fault)


def dsn() -> Setting:
    return text("the DSN that Sentry shows for the project, https://key@host/number", fault=dsn_fault)


def alert_url() -> Setting:
    return text("an address that apprise knows, such as json://host/path, mailto://…, discord://…", fault=alert_fault)


def cron() -> Setting:
    return text('five cron fields, minute hour day month weekday, such as "0 3 * * *"', fault=cron_fault)
