"""A cron expression as a trigger of the scheduler, which reads two of its fields in a way of its own."""

from __future__ import annotations

import re
from datetime import UTC

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def trigger(expression: str) -> BaseTrigger:
    """As cron(8) understands it, in UTC: Sunday is 0, and a day of either kind will do when both are named."""
    minute, hour, day, month, weekday = expression.lower().split()
    at = {"minute": minute, "hour": hour, "month": month, "timezone": UTC}
    if weekday == "*" or day == "*":
        return CronTrigger(day=day, day_of_week=_named(weekday), **at)
    return OrTrigger([CronTrigger(day=day, **at), CronTrigger(day_of_week=_named(weekday), **at)])


def _named(field: str) -> str:
    """The scheduler counts its weekdays from Monday; their names mean the same to both."""
    if field == "*":
        return field
    wanted = {number for item in field.split(",") for number in _numbers(item)}
    return ",".join(DAYS[number] for number in sorted(wanted))


def _numbers(item: str) -> list[int]:
    span, _, step = item.partition("/")
    first, _, last = ("0-6" if span == "*" else span).partition("-")
    low = _number(first)
    high = _number(last) if last else low
    if high < low:
        high += len(DAYS)  # fri-sun
    return [number % len(DAYS) for number in range(low, high + 1, int(step or 1))]


def _number(word: str) -> int:
    return int(word) % len(DAYS) if re.fullmatch("[0-9]", word) else DAYS.index(word)
