"""The job state machine: nothing else writes a job's status, its lease or its attempts.

    PENDING --claim--> RUNNING --snooze--> RUNNING (no lease, waits for its next poll) --claim--> RUNNING
    RUNNING --succeed--> COMPLETED          RUNNING --fail--> RETRYING --claim--> RUNNING
    RUNNING --fail--> FAILED or TIMEOUT     PENDING, RUNNING, RETRYING --cancel--> CANCELLED
    FAILED, TIMEOUT, CANCELLED --requeue--> PENDING

Every change is one conditional UPDATE from the status that the caller believes in; callers open the transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from peewee import fn

from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.errors import AnswerLost, Busy, Conflict, LumiError, Refused, Unavailable, UpstreamError, marked
from lumi_box.jobs import retry
from lumi_box.tables.base import new_id, transaction
from lumi_box.tables.job import Attempt, Job

PENDING, RUNNING, RETRYING = "PENDING", "RUNNING", "RETRYING"
COMPLETED, FAILED, CANCELLED, TIMEOUT = "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT"
STATUSES = (PENDING, RUNNING, RETRYING, COMPLETED, FAILED, CANCELLED, TIMEOUT)
WAITING = (PENDING, RETRYING)
ACTIVE = (PENDING, RUNNING, RETRYING)
DEAD = (FAILED, TIMEOUT)

LEASE_MS = 10_000
MINUTE_MS = 60_000
INTERRUPTED = marked("The work was interrupted.")
TOO_LONG = marked("This took longer than allowed.")
UNFORESEEN = marked("Something went wrong on our side. The operator can see it in the log.")


class LostLease(LumiError):
    """Another worker, a cancel or the recovery has taken the job from this step: its result must not be kept."""


class Expired(Unavailable):
    """The attempt took longer than `queue.job_timeout_seconds`."""


class Died(Unavailable):
    """The process that ran the step is gone."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How an attempt's end looks from outside: in `delay` seconds there is another, or (None) there is none."""

    message: str
    delay: float | None
    outcome: str

    @property
    def will_retry(self) -> bool:
        return self.delay is not None


def create(box: Box, kind: str, target_id: str, request_id: str, user_id: str) -> Job:
    """A new job and its wake-up, in the caller's transaction."""
    job = Job.create(kind=kind, target_id=target_id, request_id=request_id, user_id=user_id)
    box.enqueue(job.id, 0)
    return job


def claim(box: Box, job_id: str) -> Job | None:
    """Take the job for one step, or None: it is not due, not ours, or its kind is at its limit.

    A snoozed job is taken as it is. A waiting one begins an attempt, if its kind has room; a wake-up that finds no
    room may be dropped, because whatever leaves the running state wakes the next (`_make_room`).
    """
    with transaction():
        job = Job.get_or_none(Job.id == job_id)
        if job is None or job.run_after > now_ms():
            return None
        if job.status == RUNNING and job.lease is None:
            return _resume(job)
        if job.status in WAITING and in_flight(job.kind) < box.concurrency(job.kind):
            return None if _too_soon(box, job) else _begin(box, job)
    return None


def in_flight(kind: str) -> int:
    count: int = Job.select().where(Job.kind == kind, Job.status == RUNNING).count()
    return count


def heartbeat(lease: str) -> bool:
    """Prolong a step's lease; False when it is not ours any more."""
    until = now_ms() + LEASE_MS
    return Job.update(lease_until=until).where(Job.lease == lease, Job.status == RUNNING).execute() == 1


def begin_submit(job: Job, provider: str) -> None:
    """Note that an order is about to be placed: if nothing follows, nobody knows whether the vendor took it."""
    with transaction():
        _update(job, provider=provider)
        _attempt_of(job, provider=provider, submitting_since=now_ms())


def save_ticket(job: Job, ticket: str) -> None:
    """Before anything else happens to a submitted job: from here on it is resumed, not asked for again."""
    _update(job, ticket=ticket)
    _attempt_of(job, ticket=ticket, submitting_since=None)


def save_result(job: Job, reference: str) -> None:
    """Likewise for a vendor that answers at once."""
    _update(job, result=reference)
    _attempt_of(job, submitting_since=None)


def save_progress(job: Job, percent: int) -> None:
    _update(job, progress=percent)


def snooze(box: Box, job: Job, delay: float) -> None:
    """The vendor is still at it: give the thread back and look again in `delay` seconds."""
    _update(job, lease=None, lease_until=None, run_after=now_ms() + round(delay * 1000))
    box.enqueue(job.id, delay)


def postpone(box: Box, job: Job, error: Busy) -> None:
    """The vendor takes no more for now, which is not the job's fault: the attempt goes on, until its deadline."""
    waited = (now_ms() - (job.attempt_started_at or now_ms())) / 1000
    code, text = error.code, error.vendor_text or str(error)
    _attempt_of(
        job, submitting_since=None, error_code=code, error_text=text, vendor_request_id=error.request_id or None
    )
    snooze(box, job, retry.busy_seconds(waited, error.retry_after))


def succeed(box: Box, job: Job) -> None:
    now = now_ms()
    _update(job, status=COMPLETED, progress=100, ended_at=now, lease=None, lease_until=None, result=None)
    _attempt_of(job, ended_at=now, outcome="completed")
    _make_room(box, job.kind)


def fail(box: Box, job: Job, error: BaseException) -> Failure:
    """End the attempt; retry or bury the job as the error and the number of attempts say."""
    queue = box.config.queue
    delay = retry.delay_seconds(error, job.attempt, queue.max_attempts, queue.backoff_seconds)
    now = now_ms()
    message = str(error) if isinstance(error, LumiError) else UNFORESEEN
    code = getattr(error, "code", "") or type(error).__name__
    vendor_text = getattr(error, "vendor_text", "") or message
    outcome = _outcome(job, error)
    request_id = getattr(error, "request_id", "") or None
    _attempt_of(
        job, ended_at=now, outcome=outcome, error_code=code, error_text=vendor_text, vendor_request_id=request_id
    )
    changes = {"error_code": code, "error_message": message, "lease": None, "lease_until": None}
    if getattr(error, "ticket_dead", False):
        changes |= {"ticket": None, "result": None}
    if delay is None:
        dead = TIMEOUT if isinstance(error, Expired) else FAILED
        _update(job, status=dead, ended_at=now, **changes)
    else:
        _update(job, status=RETRYING, run_after=now + round(delay * 1000), **changes)
        box.enqueue(job.id, delay)
    _make_room(box, job.kind)
    return Failure(message, delay, outcome)


def cancel(box: Box, job: Job) -> bool:
    """Stop what waits and disown what runs; False when it had ended already."""
    now = now_ms()
    was_running = job.status == RUNNING
    changes = {"status": CANCELLED, "ended_at": now, "lease": None, "lease_until": None}
    if Job.update(changes).where(Job.id == job.id, Job.status.in_(ACTIVE)).execute() != 1:
        return False
    _attempt_of(job, ended_at=now, outcome="cancelled")
    if was_running:
        _make_room(box, job.kind)
    return True


def requeue(box: Box, job: Job) -> None:
    """Give a job that ended badly a new set of attempts; its history stays."""
    changes = {"status": PENDING, "attempt": 0, "progress": 0, "ended_at": None, "run_after": now_ms()}
    changes |= {"ticket": None, "result": None}
    ended = (*DEAD, CANCELLED)
    if (
        Job.update(**changes, error_code=None, error_message=None)
        .where(Job.id == job.id, Job.status.in_(ended))
        .execute()
        != 1
    ):
        raise Conflict("Only a job that failed or was cancelled can be tried again.")
    box.enqueue(job.id, 0)


def _begin(box: Box, job: Job) -> Job:
    now = now_ms()
    lease = new_id()
    changed = (
        Job.update(
            status=RUNNING,
            attempt=Job.attempt + 1,
            started_at=fn.COALESCE(Job.started_at, now),
            deadline_at=now + box.config.queue.job_timeout_seconds * 1000,
            attempt_started_at=now,
            lease=lease,
            lease_until=now + LEASE_MS,
        )
        .where(Job.id == job.id, Job.status.in_(WAITING))
        .execute()
    )
    if changed != 1:
        raise LostLease("The job was taken by another worker.")
    taken = Job.get_by_id(job.id)
    submits = taken.ticket is None and taken.result is None and box.metered(taken.kind)
    Attempt.create(job=taken, number=taken.attempt, started_at=now, ticket=taken.ticket, submits=submits)
    return taken


def _too_soon(box: Box, job: Job) -> bool:
    """Whether this minute's orders of the kind are used up; then the job is woken when the next one is due."""
    limit = box.config.queue.jobs_per_minute
    if not limit or not box.metered(job.kind) or job.ticket is not None or job.result is not None:
        return False
    now = now_ms()
    recent = (Job.kind == job.kind) & Attempt.submits & (Attempt.started_at > now - MINUTE_MS)
    started = Attempt.select(Attempt.started_at).join(Job).where(recent).order_by(Attempt.started_at.desc())
    oldest = started.limit(1).offset(limit - 1).scalar()
    if oldest is None:
        return False
    wait = oldest + MINUTE_MS - now
    Job.update(run_after=now + wait).where(Job.id == job.id, Job.status.in_(WAITING)).execute()
    box.enqueue(job.id, wait / 1000)
    return True


def _resume(job: Job) -> Job | None:
    lease = new_id()
    changes = {"lease": lease, "lease_until": now_ms() + LEASE_MS}
    taken = Job.update(changes).where(Job.id == job.id, Job.status == RUNNING, Job.lease.is_null()).execute()
    return Job.get_by_id(job.id) if taken == 1 else None


def _update(job: Job, **changes: object) -> None:
    """Change the job if, and only if, this step still holds it."""
    holder = Job.lease.is_null() if job.lease is None else Job.lease == job.lease
    if Job.update(changes).where(Job.id == job.id, Job.status == RUNNING, holder).execute() != 1:
        raise LostLease("The job is not this step's any more.")
    for name, value in changes.items():
        setattr(job, name, value)


def _attempt_of(job: Job, **changes: object) -> None:
    Attempt.update(changes).where(Attempt.job == job, Attempt.ended_at.is_null()).execute()


def _make_room(box: Box, kind: str) -> None:
    """A slot of the kind may be free now: wake the job that has waited longest."""
    due = (Job.kind == kind) & Job.status.in_(WAITING) & (Job.run_after <= now_ms())
    waiting = Job.select(Job.id).where(due).order_by(Job.created_at, Job.id).limit(1).scalar()
    if waiting is not None:
        box.enqueue(waiting, 0)


def _outcome(job: Job, error: BaseException) -> str:
    """`doubtful` when an order was under way and nobody knows what became of it."""
    if isinstance(error, AnswerLost | Died) and _submitting(job):
        return "doubtful"
    kinds: tuple[tuple[type[BaseException], str], ...] = (
        (Expired, "timeout"),
        (Died, "died"),
        (Refused, "refused"),
        (UpstreamError, "unavailable"),
    )
    return next((name for kind, name in kinds if isinstance(error, kind)), "crashed")


def _submitting(job: Job) -> bool:
    under_way = (Attempt.job == job) & Attempt.ended_at.is_null() & Attempt.submitting_since.is_null(False)
    return bool(Attempt.select().where(under_way).exists())
