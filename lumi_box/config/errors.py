"""Mistakes in a config file: collected as (path of the key, text), told one line a key in the order of the table."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from lumi_box.errors import LumiError

KeyPath = tuple[str, ...]
Problem = tuple[KeyPath, str]

UNKNOWN = "unknown"  # what marshmallow is told to answer for a key that it does not know


class ConfigError(LumiError):
    """The config file cannot be used; `errors` holds every mistake, one line each, and no value of a secret."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = list(errors)


def dotted(path: KeyPath) -> str:
    """The key as TOML spells it, on one line whatever characters the file put into it."""
    return ".".join(part if re.fullmatch(r"[A-Za-z0-9_-]{1,60}", part) else json.dumps(part[:60]) for part in path)


def flatten(messages: Any, at: KeyPath = ()) -> Iterator[Problem]:
    """marshmallow's nested messages as problems; the items of a list become part of the text."""
    if not isinstance(messages, Mapping):
        yield from ((at, str(text)) for text in messages)
        return
    for name, inner in messages.items():
        if isinstance(name, int):
            yield from ((at, f"item {name + 1} {text}") for _, text in flatten(inner, at))
        else:
            yield from flatten(inner, (*at, name))


def lines(problems: Iterable[Problem], keys: Sequence[KeyPath], raw: Mapping[str, Any]) -> list[str]:
    """One line a problem: known keys in the order of `keys`, then, section by section, unknown ones as in the file."""
    wrong = list(problems)
    tables = {path for path, _ in wrong}
    kept = [(path, text) for path, text in wrong if not any(path[:depth] in tables for depth in range(1, len(path)))]
    kept.sort(key=lambda problem: _place(problem[0], keys, raw))
    return [f"{dotted(path)}: {_unknown(path, keys, raw) if text == UNKNOWN else text}" for path, text in kept]


def _place(path: KeyPath, keys: Sequence[KeyPath], raw: Mapping[str, Any]) -> tuple[float, int]:
    if path in keys:
        return keys.index(path), 0
    beside = [place for place, key in enumerate(keys) if key[: len(path) - 1] == path[:-1]]
    within = [place for place, key in enumerate(keys) if key[: len(path)] == path]
    if within:
        return within[0] - 0.5, 0
    table = _table(path, raw)
    return max(beside, default=len(keys)) + 0.5, list(table).index(path[-1]) if path[-1] in table else 0


def _table(path: KeyPath, raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table of the file in which the key stands or should stand."""
    for part in path[:-1]:
        raw = raw[part]
    return raw


def _unknown(path: KeyPath, keys: Sequence[KeyPath], raw: Mapping[str, Any]) -> str:
    what = "section" if isinstance(_table(path, raw).get(path[-1]), Mapping) else "key"
    known = nearest(path, keys)
    if known:
        return f"unknown {what}; did you mean {dotted(known)}?"
    beside = dict.fromkeys(key[len(path) - 1] for key in keys if key[: len(path) - 1] == path[:-1])
    return f"unknown {what}; expected one of: {', '.join(beside)}"


def nearest(path: KeyPath, keys: Sequence[KeyPath]) -> KeyPath | None:
    """The key or section that was probably meant: a slip in this section, or the right name in the wrong one."""
    names = {key[: depth + 1] for key in keys for depth in range(len(key))}
    beside = {name[-1]: name for name in names if name[:-1] == path[:-1]}
    moved = {dotted(name): name for name in names if name[-1] == path[-1]}
    every = {dotted(name): name for name in names}
    for word, known, cutoff in (
        (path[-1], beside, 0.8),
        (dotted(path), moved, 0.0),
        (path[-1], beside, 0.6),
        (dotted(path), every, 0.75),
    ):
        if close := difflib.get_close_matches(word, sorted(known), n=1, cutoff=cutoff):
            return known[close[0]]
    return None
