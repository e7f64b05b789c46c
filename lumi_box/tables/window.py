"""Counters of fixed windows of time: what one subject has used of a rate or a quota, over all processes and nodes."""

from __future__ import annotations

import hashlib

from peewee import BigIntegerField, CharField, IntegerField

from lumi_box.clock import now_ms
from lumi_box.tables.base import Table, on_server
from lumi_box.tables.dialect import upsert


class Window(Table):
    """One row a subject: the window it was last seen in, and how much it has taken since that began."""

    subject = CharField(191, primary_key=True)
    started_at = BigIntegerField(index=True)
    used = IntegerField(default=0)

    class Meta:
        table_name = "rate_window"


def take(subject: str, length_ms: int, limit: int, want: int = 1) -> bool:
    """Use up `want` of the subject's `limit` in the current window; False, and nothing used, where too little is left.

    Each statement is atomic, so that the limit holds however many ask at once. Windows begin at multiples of their
    length: a day is a day in UTC.
    """
    started = start_of(length_ms)
    mine, room = Window.subject == subject, Window.used + want <= limit
    current = mine & (Window.started_at >= started) & room  # a node whose clock is ahead may have begun the next
    if _counted(current, used=Window.used + want):
        return True
    if want > limit:
        return False
    if _counted(mine & (Window.started_at < started), used=want, started_at=started):
        return True
    Window.insert(subject=subject, started_at=started, used=0).on_conflict_ignore().execute()
    return _counted(current, used=Window.used + want)


def hold(subject: str) -> None:
    """Until our transaction ends, others who hold the subject wait: for what is counted in rows of its own.

    On SQLite every transaction of ours waits for the others as it is.
    """
    if on_server():
        key = hashlib.sha256(subject.encode()).hexdigest()  # a subject may be longer than the column
        upsert(Window, {"subject": f"hold:{key}"}, {"started_at": now_ms(), "used": 0})


def used(subject: str, length_ms: int) -> int:
    """What the subject has used of the current window."""
    row = Window.get_or_none((Window.subject == subject) & (Window.started_at >= start_of(length_ms)))
    return row.used if row is not None else 0


def start_of(length_ms: int) -> int:
    now = now_ms()
    return now - now % length_ms


def seconds_left(length_ms: int) -> int:
    """Until the next window begins, rounded up."""
    return -((now_ms() % length_ms - length_ms) // 1000)


def _counted(which: object, **columns: object) -> bool:
    changed: int = Window.update(**columns).where(which).execute()
    return changed == 1
