"""What the operator sees beside the jobs: what is wrong, what it cost, and what nobody knows."""

from __future__ import annotations

from typing import Any

from peewee import JOIN, fn

from lumi_box.clock import iso
from lumi_box.errors import Conflict, NotFound
from lumi_box.flow import manage_request, spend
from lumi_box.jobs import alerts, lifecycle, retention
from lumi_box.tables.account import User
from lumi_box.tables.job import Attempt, Job
from lumi_box.tables.spend import Purchase
from lumi_box.web.context import box

JSON = dict[str, Any]
ROWS = 100


def standing_alerts() -> list[JSON]:
    """Failures that only the operator can mend, newest first."""
    return [
        {"provider": row.provider, "code": row.code, "text": row.text, "count": row.count, "lastAt": iso(row.last_at)}
        for row in alerts.standing()
    ]


def purchases() -> list[JSON]:
    """What was spent by month, provider and user; the newest month and the largest sum first."""
    total = fn.SUM(Purchase.price)
    grouped = (Purchase.month, Purchase.provider, User.email, Purchase.currency)
    rows: Any = (
        Purchase.select(*grouped, total.alias("total"), fn.COUNT(Purchase.id).alias("orders"))
        .join(User, JOIN.LEFT_OUTER, on=(Purchase.user_id == User.id))
        .group_by(*grouped)
        .order_by(Purchase.month.desc(), total.desc())
        .limit(ROWS)
        .dicts()
    )
    return [row | {"total": row["total"] / spend.UNIT} for row in rows]


def doubtful_orders() -> list[JSON]:
    """Orders whose answer was lost: the vendor's own bill tells whether they were paid for."""
    rows = Attempt.select(Attempt, Job).join(Job).where(lifecycle.is_doubtful()).order_by(Attempt.id.desc())
    return [
        {"jobId": row.job.id, "kind": row.job.kind, "provider": row.provider, "at": iso(row.submitting_since)}
        for row in rows.limit(ROWS)
    ]


def dead_letters(limit: int, offset: int) -> JSON:
    """Jobs that ended badly, the latest first, each with its attempts."""
    dead = Job.status.in_(lifecycle.DEAD)
    rows = list(Job.select().where(dead).order_by(Job.ended_at.desc(), Job.id.desc()).limit(limit).offset(offset))
    history: dict[str, list[JSON]] = {row.id: [] for row in rows}
    for attempt in Attempt.select().where(Attempt.job.in_(list(history))).order_by(Attempt.started_at, Attempt.id):
        history[str(attempt.job_id)].append(_attempt(attempt))
    return {"total": Job.select().where(dead).count(), "jobs": [_dead_letter(row, history[row.id]) for row in rows]}


def retry_dead(job_id: str) -> None:
    """New attempts for one dead letter; Conflict when another job has taken its place."""
    manage_request.retry_job(box(), _dead(job_id))


def retry_all_dead() -> JSON:
    """New attempts for all of them but those whose place another job has taken."""
    results = manage_request.retry_all_dead(box())
    retried = [job.id for job, refused in results if refused is None]
    return {"retried": retried, "refused": {job.id: str(refused) for job, refused in results if refused is not None}}


def discard_dead(job_id: str) -> None:
    retention.discard(_dead(job_id))


def _dead(job_id: str) -> Job:
    job: Job | None = Job.get_or_none(Job.id == job_id)
    if job is None:
        raise NotFound("There is no such job.")
    if job.status not in lifecycle.DEAD:
        raise Conflict("This job is no dead letter.")
    return job


def _dead_letter(job: Job, history: list[JSON]) -> JSON:
    return {
        "id": job.id,
        "originalQueue": job.kind,
        "requestId": job.request_id,
        "status": job.status,
        "error": job.error_message,
        "errorCode": job.error_code,
        "failedAt": iso(job.ended_at),
        "attempts": job.attempt,
        "history": history,
    }


def _attempt(row: Attempt) -> JSON:
    ended = row.ended_at
    return {
        "attempt": row.number,
        "startedAt": iso(row.started_at),
        "endedAt": iso(ended),
        "milliseconds": None if ended is None else ended - row.started_at,
        "outcome": row.outcome,
        "provider": row.provider or None,
        "ticket": row.ticket,
        "error": row.error_text,
        "errorCode": row.error_code,
        "vendorRequestId": row.vendor_request_id,
    }
