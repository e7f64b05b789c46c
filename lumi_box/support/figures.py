"""How much there is of everything: counts, ages and codes, and no row's own words."""

from __future__ import annotations

from typing import Any

from peewee import fn

from lumi_box.clock import iso, now_ms
from lumi_box.doctor import work
from lumi_box.health import history
from lumi_box.jobs import lifecycle
from lumi_box.storage import sweep
from lumi_box.tables.account import User
from lumi_box.tables.event import Event
from lumi_box.tables.generation import GeneratedModel, GenerationRequest
from lumi_box.tables.heartbeat import Heartbeat
from lumi_box.tables.job import Attempt, Job
from lumi_box.tables.stored_object import StoredObject

JSON = dict[str, Any]
DAY_MS = 24 * 3_600_000
SHOWN = 20


def queue() -> JSON:
    jobs: Any = Job.select(Job.kind, Job.status, fn.COUNT(Job.id)).group_by(Job.kind, Job.status).tuples()
    waiting = Job.select(fn.MIN(Job.created_at)).where(Job.status.in_(lifecycle.WAITING)).scalar()
    recent = Attempt.started_at > now_ms() - DAY_MS
    grouped = (Attempt.provider, Attempt.outcome, Attempt.error_code)
    attempts: Any = Attempt.select(*grouped, fn.COUNT(Attempt.id)).where(recent).group_by(*grouped).tuples()
    dead: Any = (
        Job.select(Job.kind, Job.status, Job.error_code, fn.COUNT(Job.id))
        .where(Job.status.in_(lifecycle.DEAD))
        .group_by(Job.kind, Job.status, Job.error_code)
        .tuples()
    )
    return {
        "jobs": _counted(("kind", "status"), jobs),
        "oldestWaitingSeconds": None if waiting is None else (now_ms() - waiting) // 1000,
        "messages": work.depth(),
        "attemptsOfTheLastDay": _counted(("provider", "outcome", "code"), attempts),
        "deadLetters": _counted(("kind", "status", "code"), dead),
        "heartbeats": [
            {"role": row.role, "detail": row.detail, "seenAt": iso(row.seen_at)}
            for row in Heartbeat.select().order_by(Heartbeat.seen_at.desc()).limit(SHOWN)
        ],
    }


def rows() -> JSON:
    tables = {"users": User, "requests": GenerationRequest, "models": GeneratedModel, "events": Event}
    return {name: table.select().count() for name, table in tables.items()}


def storage() -> JSON:
    grouped = StoredObject.select(
        StoredObject.state, fn.COUNT(StoredObject.key), fn.COALESCE(fn.SUM(StoredObject.size), 0)
    )
    states: Any = grouped.group_by(StoredObject.state).tuples()
    return {
        "objects": [{"state": state, "count": count, "bytes": int(size)} for state, count, size in states],
        "sweeps": [
            {"state": row.state, "startedAt": iso(row.started_at), **sweep.Report.of(row).as_json()}
            for row in sweep.last(SHOWN)
        ],
    }


def health() -> JSON:
    return {
        "states": [
            {"service": row.service, "healthy": row.healthy, "since": iso(row.since), "text": row.text}
            for row in history.states()
        ],
        "changes": [
            {"service": row.service, "healthy": row.healthy, "at": iso(row.at), "text": row.text}
            for row in history.changes(200)
        ],
    }


def _counted(names: tuple[str, ...], found: Any) -> list[JSON]:
    return [dict(zip((*names, "count"), row, strict=True)) for row in found]
