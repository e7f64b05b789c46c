"""What is wrong with a cron expression. Narrower than the scheduler's own reader, which a web process need not load."""

from __future__ import annotations

import re

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("weekday", 0, 6, _DAYS),
)


def cron_fault(value: str) -> str | None:
    parts = value.split()
    if len(parts) != len(_FIELDS):
        return f"has {len(parts)} fields instead of 5"
    for part, (name, low, high, names) in zip(parts, _FIELDS, strict=True):
        if not all(_possible(item, low, high, names) for item in part.split(",")):
            return f"has a {name} that cannot be"
    return None


def _possible(item: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    """`*`, a number or name, or a range of them; all but the single one may take a step."""
    found = re.fullmatch(r"(?:[*]|(?P<first>\w+)(?:-(?P<last>\w+))?)(?:/(?P<step>[0-9]{1,2}))?", item.lower())
    if found is None:
        return False
    first = _number(found["first"], low, names) if found["first"] else low
    last = _number(found["last"], low, names) if found["last"] else first if found["first"] else high
    if found["step"] and not 1 <= int(found["step"]) <= last - first:
        return False
    return low <= first <= last <= high


def _number(word: str, low: int, names: tuple[str, ...]) -> int:
    """The number of a field, or -1, which no field allows."""
    if word in names:
        return low + names.index(word)
    return int(word) if re.fullmatch(r"[0-9]{1,2}", word) else -1
