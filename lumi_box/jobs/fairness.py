"""Whose turn it is: between users the line of a kind is a round robin, however many jobs each of them has in it.

This is start-time fair queueing: each job gets a turn when it is made, and the lowest turn goes first. A user's jobs
have turns one after the other, beginning with the one that the line has reached; so the first job of who comes now
stands beside the next of who came before, and not behind the last. Both questions cost a few looks into an index.
"""

from __future__ import annotations

from typing import Any

from peewee import Select, fn

from lumi_box.clock import now_ms
from lumi_box.jobs.statuses import ACTIVE, PENDING, RUNNING, WAITING
from lumi_box.tables.base import database
from lumi_box.tables.job import Job
from lumi_box.tables.prepared import Prepared


def next_turn(kind: str, user_id: str) -> int:
    """The turn of a job that the user wants now."""
    ((running_turn, head_turn, *own_turns),) = _looks(kind, user_id)
    line = max(running_turn or 0, (head_turn or 1) - 1)
    return max(line, *(turn or 0 for turn in own_turns)) + 1


@Prepared
def _looks(kind: Any, user_id: Any) -> Any:
    of_kind = Job.kind == kind
    reached = Job.select(fn.MAX(Job.turn)).where(of_kind, Job.status == RUNNING)
    head = Job.select(fn.MIN(Job.turn)).where(of_kind, Job.status == PENDING)
    own = [
        Job.select(fn.MAX(Job.turn)).where(Job.user_id == user_id, of_kind, Job.status == status) for status in ACTIVE
    ]
    return Select(columns=[reached, head, *own]).bind(database)


def next_in_line(kind: str) -> Job | None:
    """The waiting job of the kind that is due and has the lowest turn."""
    heads = [_head(kind, status) for status in WAITING]
    return min((job for job in heads if job is not None), key=lambda job: (job.turn, job.id), default=None)


def _head(kind: str, status: str) -> Job | None:
    due = (Job.kind == kind) & (Job.status == status) & (Job.run_after <= now_ms())
    found: Job | None = Job.select().where(due).order_by(Job.turn, Job.id).first()
    return found
