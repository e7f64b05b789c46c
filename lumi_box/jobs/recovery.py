"""What a crash left behind, put right. Running it twice does no harm."""

from __future__ import annotations

from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.jobs import lifecycle
from lumi_box.jobs.lifecycle import INTERRUPTED, Died, Restarted
from lumi_box.tables.base import last_away_ms
from lumi_box.tables.job import Job

BATCH = 500


def abandoned() -> list[Job]:
    """Jobs whose step's process died: the lease ran out.

    While the database was away nobody could prolong a lease: those who live shall do so first.
    """
    if now_ms() < last_away_ms() + lifecycle.LEASE_MS:
        return []
    gone = (Job.status == lifecycle.RUNNING) & (Job.lease_until < now_ms())
    return list(Job.select().where(gone).limit(BATCH))


def death_of(box: Box, job: Job) -> Died:
    """How the step's process ended: by itself, or with the process tree before this one, or with the database.

    A lease that was given or prolonged since then lasts longer than one from before.
    """
    upheaval = max(box.started_at, last_away_ms())
    before = job.lease_until is not None and job.lease_until <= upheaval + lifecycle.LEASE_MS
    return (Restarted if before else Died)(INTERRUPTED, code="restarted" if before else "worker_died")


def expired() -> list[Job]:
    """Jobs that wait for a vendor past their attempt's deadline."""
    late = (Job.status == lifecycle.RUNNING) & Job.lease.is_null() & (Job.deadline_at < now_ms())
    return list(Job.select().where(late).limit(BATCH))


def wake_due(box: Box) -> int:
    """A message for every job that could go on now. A doubled wake-up is harmless, a lost one is not."""
    due = Job.run_after <= now_ms()
    snoozed = (Job.status == lifecycle.RUNNING) & Job.lease.is_null()
    jobs = [row.id for row in Job.select(Job.id).where(snoozed & due).limit(BATCH)]
    for kind in ("image", "model3d"):
        room = box.concurrency(kind) - lifecycle.in_flight(kind)
        waiting = (Job.kind == kind) & Job.status.in_(lifecycle.WAITING) & due
        if room > 0:
            query = Job.select(Job.id).where(waiting).order_by(Job.turn, Job.id).limit(room)
            jobs += [row.id for row in query]
    for job_id in jobs:
        box.enqueue(job_id, 0)
    return len(jobs)
