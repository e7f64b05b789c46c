"""What a scrape reads from the database: few questions, each answered from an index."""

from __future__ import annotations

from typing import Any

from peewee import SQL, fn

from lumi_box.clock import now_ms
from lumi_box.tables.job import Job
from lumi_box.tables.setting import Setting
from lumi_box.tables.stored_object import StoredObject
from lumi_box.tables.sweep import StorageSweep

BACKUP = "backup.last_success"  # the name of the setting, in milliseconds
WAITING = ("PENDING", "RETRYING")


def jobs() -> dict[tuple[str, str], int]:
    """How many there are of each kind and status."""
    rows: Any = Job.select(Job.kind, Job.status, fn.COUNT(SQL("*"))).group_by(Job.kind, Job.status).tuples()
    return {(kind, status): count for kind, status, count in rows}


def oldest_queued_seconds(kind: str) -> float:
    """0 where none waits. One that is due later, after a failed attempt, does not wait yet."""
    heads = [
        Job.select(fn.MIN(Job.queued_at)).where(Job.kind == kind, Job.status == status).scalar() for status in WAITING
    ]
    since = min((head for head in heads if head is not None), default=None)
    return 0.0 if since is None else max(0.0, (now_ms() - since) / 1000)


def stored_bytes() -> int:
    return StoredObject.select(fn.SUM(StoredObject.size)).where(StoredObject.state == "stored").scalar() or 0


def orphans() -> int | None:
    """None before the first sweep has compared everything."""
    compared = StorageSweep.select().where(StorageSweep.compared).order_by(StorageSweep.id.desc()).first()
    return None if compared is None else compared.orphans - compared.deleted


def swept_at() -> float | None:
    done = (StorageSweep.state == "done") & ~StorageSweep.dry_run
    row = StorageSweep.select(StorageSweep.ended_at).where(done).order_by(StorageSweep.id.desc()).first()
    return None if row is None or row.ended_at is None else row.ended_at / 1000


def backed_up_at() -> float | None:
    row = Setting.get_or_none(Setting.name == BACKUP)
    return None if row is None else int(row.value) / 1000
