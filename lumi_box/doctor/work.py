"""The work: whether messages get through, and whether somebody is there to take them."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from peewee import Table as Rows
from peewee import TimestampField, fn

from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.doctor.finding import Sick
from lumi_box.doctor.hints import SERVE
from lumi_box.doctor.rows import limit_wait
from lumi_box.jobs import fairness, lifecycle
from lumi_box.tables import base
from lumi_box.tables.base import new_id
from lumi_box.tables.heartbeat import ALIVE_MS, Heartbeat
from lumi_box.tables.job import Job

LATE_MS = 10_000  # past its time; the next look at the schedule is never more than a second away
PATIENCE_SECONDS = 3.0  # in which a worker that lives takes the next message
LOOK_SECONDS = 0.25
RESTART = (
    "Restart the worker: systemctl restart lumi-box; its log tells what it was doing: journalctl -u lumi-box -n 200"
)

_WRITTEN = TimestampField(resolution=1000, utc=True)
Waiting = frozenset[tuple[str, object]]


def check_queue(box: Box) -> str:
    """A message written and read; and nothing that is due lies there for long."""
    _write_and_read(box)
    waiting, until = _due(box), time.monotonic() + PATIENCE_SECONDS
    live = _live("worker")
    while live and waiting and time.monotonic() < until:
        time.sleep(LOOK_SECONDS)
        waiting &= _due(box)
    if not waiting:
        return f"A message was written and read. {depth()}"
    what = " and ".join(sorted({kind for kind, _ in waiting}))
    if not live:
        raise Sick(f"Work is due and nobody takes it: {what}. {depth()}", SERVE)
    raise Sick(f"A worker claims to be alive, but does not take what is due: {what}. {depth()}", RESTART)


def check_consumer(box: Box) -> str:
    return _alive("worker")


def check_scheduler(box: Box) -> str:
    return _alive("scheduler")


def _write_and_read(box: Box) -> None:
    limit_wait()
    messages = _messages()
    newest = messages.select(fn.MAX(messages.id))
    with base.transaction() as held:
        before = newest.scalar() or 0
        box.enqueue(new_id(), 0)
        found = newest.scalar() or 0
        held.rollback()
    if found <= before:
        raise Sick("A message that was written could not be read.", RESTART)


def _due(box: Box) -> Waiting:
    """What should not be there any more when somebody looks again, each by what names it."""
    found: set[tuple[str, object]] = set()
    messages = _messages()
    head = messages.select(fn.MIN(messages.id)).scalar()
    if head is not None and not _all_busy():
        found.add(("a message", head))
    first = _first_planned()
    if first is not None and first < now_ms() - LATE_MS:
        found.add(("a planned message", first))
    for kind, words in (("image", "a picture"), ("model3d", "a model")):
        job = fairness.next_in_line(kind)
        long_due = job is not None and job.run_after < now_ms() - LATE_MS
        if job is not None and long_due and lifecycle.in_flight(kind) < box.concurrency(kind):
            found.add((words, job.id))
    return frozenset(found)


def _all_busy() -> bool:
    """Every thread of every worker runs a step: then a message may wait."""
    threads = sum(each.threads for each in _live("worker"))
    leased = Job.select().where(Job.status == lifecycle.RUNNING, Job.lease_until > now_ms()).count()
    return bool(threads) and leased >= threads


def depth() -> str:
    """How many messages there are, and when the next is due."""
    waiting, later, first = _messages().select().count(), _planned().select().count(), _first_planned()
    when = f", the first {_ago(now_ms() - first)}" if first is not None else ""
    return f"{waiting} messages wait now, {later} for later{when}."


def _first_planned() -> int | None:
    planned = _planned()
    stored = planned.select(fn.MIN(planned.timestamp)).scalar()
    if stored is None:
        return None
    moment: datetime = _WRITTEN.python_value(stored)
    return round(moment.replace(tzinfo=UTC).timestamp() * 1000)


def _ago(milliseconds: int) -> str:
    return f"in {-milliseconds // 1000} s" if milliseconds < 0 else f"since {milliseconds // 1000} s"


@dataclass(frozen=True, slots=True)
class _Beat:
    node: str
    threads: int
    age_ms: int


def _beats(role: str) -> list[_Beat]:
    """The newest first."""
    now, found = now_ms(), []
    for row in Heartbeat.select().where(Heartbeat.role == role).order_by(Heartbeat.seen_at.desc()):
        detail = json.loads(row.detail)
        node = f"{detail.get('host', '?')}, process {detail.get('pid', '?')}"
        found.append(_Beat(node, int(detail.get("threads", 0)), now - row.seen_at))
    return found


def _live(role: str) -> list[_Beat]:
    return [each for each in _beats(role) if each.age_ms <= ALIVE_MS]


def _alive(role: str) -> str:
    beats = _beats(role)
    if not beats:
        raise Sick(f"No {role} runs.", SERVE)
    newest, live = beats[0], [each for each in beats if each.age_ms <= ALIVE_MS]
    if not live:
        raise Sick(f"The last {role} ({newest.node}) was heard of {newest.age_ms // 1000} seconds ago.", SERVE)
    nodes = "; ".join(each.node for each in live)
    return f"{len(live)} alive ({nodes}), heard of {max(0, newest.age_ms) / 1000:.1f} seconds ago."


def _messages() -> Any:
    """The queue library's own tables: only the worker's side of it is loaded where messages are taken."""
    return Rows("queue_task", ("id", "queue")).bind(base.database.obj)


def _planned() -> Any:
    return Rows("queue_schedule", ("id", "queue", "timestamp")).bind(base.database.obj)
