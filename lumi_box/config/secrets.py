"""Secrets of a config file: read from files of their own, and masked before anybody sees them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lumi_box.config.errors import KeyPath, Problem
from lumi_box.config.fields import Listing, noun
from lumi_box.config.file import content_of
from lumi_box.config.schema import Config
from lumi_box.config.tree import declared

MASK = "********"
_MAX_BYTES = 65_536
_URLS = {("database", "url"), ("accounts", "smtp_url")}  # only their password is secret


def as_file(path: KeyPath) -> KeyPath:
    """The key that names a file with this secret in it."""
    return (*path[:-1], f"{path[-1]}_file")


def key_names() -> list[KeyPath]:
    """Every name that may stand in the file, in the order of the table."""
    names = [[key.path, as_file(key.path)] if key.secret else [key.path] for key in declared().values()]
    return [name for both in names for name in both]


def read_files(raw: dict[str, Any], folder: Path) -> Iterator[Problem]:
    """Put the content of each `x_file` in the place of its `x`; what cannot be read is a problem of `x_file`."""
    for path in (key.path for key in declared().values() if key.secret):
        table: Any = raw
        for part in path[:-1]:
            table = table[part]
        name = as_file(path)[-1]
        if name not in table:
            continue
        named = table.pop(name)
        if path[-1] in table:
            yield as_file(path), f"is given together with {path[-1]}; keep one of the two"
            continue
        try:
            text = _content(named, folder)
            table[path[-1]] = _lines(text) if isinstance(declared()[path].rule, Listing) else text
        except (OSError, ValueError) as exc:
            yield as_file(path), f"{_reason(exc)}; expected the path of a file that holds the secret"


def _content(named: Any, folder: Path) -> str:
    if not isinstance(named, str) or not named.strip():
        raise ValueError("is empty" if isinstance(named, str) else f"is {noun(named)}")
    content = content_of(folder / named, _MAX_BYTES)
    if len(content) > _MAX_BYTES:
        raise ValueError("names a file that is too large")
    try:
        text = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError("names a file that is not UTF-8 text") from None
    if not text.strip():
        raise ValueError("names an empty file")
    return text


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _reason(exc: OSError | ValueError) -> str:
    # Never the path: people paste the secret itself where its file should be named.
    return f"cannot be read ({exc.strerror})" if isinstance(exc, OSError) else str(exc)


def masked(config: Config) -> dict[str, Any]:
    """The effective configuration as plain TOML values, secrets masked; keys without a value are left out."""
    shown = _plain(config, ())
    if config.database.sqlite_path:
        shown["database"]["url"] = f"sqlite:///{config.database.sqlite_path}"
    return shown


def values(config: Config) -> Iterator[str]:
    """Every secret that the configuration holds, also as a part of a URL; none of them belongs in a log."""
    for path in (key.path for key in declared().values() if key.secret):
        found: Any = config
        for part in path:
            found = getattr(found, part)
        for value in found if isinstance(found, tuple) else (found,):
            if value and path not in _URLS:
                yield value
            if value and not value.startswith("sqlite:"):
                yield from _keys_of(value, whole=path not in _URLS)


def _keys_of(url: str, *, whole: bool) -> Iterator[str]:
    """The password of a URL, as it is written and as it is meant; of a DSN, whose user is a key, that too."""
    login, _, _ = url.partition("://")[2].rpartition("@")
    user, _, password = login.partition(":")
    for secret in (password, user if whole else ""):
        if secret:
            yield from {secret, unquote(secret)}


def _plain(table: Any, at: KeyPath) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for column in fields(table):
        path, value = (*at, column.name), getattr(table, column.name)
        if is_dataclass(value):
            shown[column.name] = _plain(value, path)
        elif path in declared() and value is not None:
            shown[column.name] = _value(path, value)
    return shown


def _value(path: KeyPath, value: Any) -> Any:
    if declared()[path].secret:
        shown = _without_password(value) if path in _URLS else MASK
        return [MASK for _ in value] if isinstance(value, tuple) else shown
    if isinstance(value, Path):
        return os.fspath(value)
    return list(value) if isinstance(value, tuple) else value


def _without_password(url: str) -> str:
    login, at, place = url.rpartition("@")
    scheme, _, name = login.partition("://")
    if not at or scheme == "sqlite":
        return url
    user, colon, _ = name.partition(":")
    return f"{scheme}://{user}{colon}{MASK if colon else ''}@{place}"
