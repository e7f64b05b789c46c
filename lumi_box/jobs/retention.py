"""How long ended jobs are kept: those that failed until somebody removes them, the others for a while."""

from __future__ import annotations

from peewee import fn

from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.errors import Conflict
from lumi_box.jobs import lifecycle
from lumi_box.jobs.statuses import DEAD, DONE
from lumi_box.tables.base import retried, transaction
from lumi_box.tables.job import Attempt, Job

HOUR_MS = 3_600_000
YOUNGEST_MS = 2 * lifecycle.MINUTE_MS  # `queue.jobs_per_minute` counts the attempts of the last minute
BATCH = 500


def prune(box: Box) -> int:
    """Remove what ended well, or was cancelled, long ago or many jobs ago; answer how many.

    A job with a doubtful order stays: its attempt is all that tells the operator of it.
    """
    queue, now = box.config.queue, now_ms()
    too_old = now - round(queue.keep_completed_hours * HOUR_MS)
    latest = min(max(too_old, _end_of_kept(queue.keep_completed_max)), now - YOUNGEST_MS)
    doubtful = Attempt.select().where(Attempt.job == Job.id, lifecycle.is_doubtful())
    old = Job.status.in_(DONE) & (Job.ended_at <= latest) & ~fn.EXISTS(doubtful)
    removed = 0
    while ids := [row.id for row in Job.select(Job.id).where(old).limit(BATCH)]:
        removed += _remove(ids)
    return removed


@retried
def discard(job: Job) -> None:
    """Remove a dead letter and its history; what it worked on stays failed. Conflict when it is not one."""
    with transaction():
        if not Job.select().where(Job.id == job.id, Job.status.in_(DEAD)).exists():
            raise Conflict("Only a job that failed can be discarded.")
        _remove([job.id])


def _end_of_kept(count: int) -> int:
    """When the newest of those that are too many ended."""
    done = Job.select(Job.ended_at).where(Job.status.in_(DONE))
    ended: int | None = done.order_by(Job.ended_at.desc()).limit(1).offset(count).scalar()
    return ended or 0


def _remove(ids: list[str]) -> int:
    with transaction():
        Attempt.delete().where(Attempt.job.in_(ids)).execute()
        removed: int = Job.delete().where(Job.id.in_(ids)).execute()
    return removed
