"""The job state machine: nothing else writes a job's status, its lease or its attempts.

    PENDING --claim--> RUNNING --snooze--> RUNNING (no lease, waits for its next poll) --claim--> RUNNING
    RUNNING --succeed--> COMPLETED          RUNNING --fail--> RETRYING --claim--> RUNNING
    RUNNING --fail--> FAILED or TIMEOUT     PENDING, RUNNING, RETRYING --cancel--> CANCELLED
    FAILED, TIMEOUT, CANCELLED --requeue--> PENDING

Every change of a status is one conditional UPDATE from the status that the caller believes in. `claim` and
`begin_submit` open their transaction themselves, so that the job is theirs before a vendor is called; for all else
the caller opens it, around what else changes with the job. docs/jobs.md tells more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from peewee import PeeweeException, fn

from lumi_box import logs
from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.errors import AnswerLost, Busy, Conflict, LumiError, Refused, Unavailable, UpstreamError, marked
from lumi_box.jobs import endings, fairness, retry, tickets
from lumi_box.jobs.statuses import (
    ACTIVE,
    CANCELLED,
    COMPLETED,
    DEAD,
    FAILED,
    PENDING,
    RETRYING,
    RUNNING,
    STATUSES,  # noqa: F401  others read it here
    TIMEOUT,
    WAITING,
)
from lumi_box.tables.base import is_lost, new_id, passes, retried, transaction
from lumi_box.tables.dialect import lock
from lumi_box.tables.generation import GenerationRequest
from lumi_box.tables.job import Attempt, Job, JobKind
from lumi_box.tables.prepared import insert_all

LEASE_MS = 10_000
MINUTE_MS = 60_000
FOR_THE_STEP = {"provider", "ticket", "result", "progress"}  # the lease stays: a transaction may be run again
SPARED_DEATHS = 10  # of one job, with everything around it; more than bad luck explains
INTERRUPTED = marked("The work was interrupted.")
TOO_LONG = marked("This took longer than allowed.")
DATABASE_AWAY = "database_away"
UNFORESEEN = marked("Something went wrong on our side. The operator can see it in the log.")


class LostLease(LumiError):
    """Another worker, a cancel or the recovery has taken the job from this step: its result must not be kept."""


class Expired(Unavailable):
    """The attempt took longer than `queue.job_timeout_seconds`."""


class Died(Unavailable):
    """The process that ran the step is gone."""


class Restarted(Died):
    """It went with the whole process tree or the database (a power cut, a reboot): no job can be blamed for that."""


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
    return create_all(box, kind, [target_id], request_id, user_id)[0]


def create_all(box: Box, kind: str, target_ids: list[str], request_id: str, user_id: str) -> list[Job]:
    """Likewise for several, in their order."""
    known = {"kind": kind, "request_id": request_id, "user_id": user_id, "asked_by": logs.current("request_id")}
    first = fairness.next_turn(kind, user_id)
    jobs = [Job(target_id=target_id, turn=first + place, **known) for place, target_id in enumerate(target_ids)]
    insert_all(jobs)
    for job in jobs:
        box.enqueue(job.id, 0)
    return jobs


def claim(box: Box, job_id: str) -> Job | None:
    """Take a job for one step, or None: nothing is due, or its kind is at its limit.

    If the job that the wake-up names is snoozed, it is that one, as it is. Otherwise an attempt begins at whichever
    waiting job of its kind is next in line, if there is room. A wake-up that finds no room may be dropped, because
    whatever leaves the running state wakes the next (`_make_room`).
    """
    named = Job.get_or_none(Job.id == job_id)
    if named is None:
        return None
    if named.status == RUNNING and named.lease is None and named.run_after <= now_ms():
        return _resume(named)
    return _begin_next(box, named.kind)


@retried
def _begin_next(box: Box, kind: str) -> Job | None:
    """Whoever counts the jobs in flight holds their kind, so that the limits hold over all nodes."""
    with transaction():
        lock(JobKind, kind)
        while in_flight(kind) < box.concurrency(kind):
            job = fairness.next_in_line(kind)
            if job is None or _too_soon(box, job):
                return None
            if (begun := _begin(box, job)) is not None:
                return begun
    return None


def in_flight(kind: str) -> int:
    count: int = Job.select().where(Job.kind == kind, Job.status == RUNNING).count()
    return count


@retried
def heartbeat(job_id: str, lease: str) -> bool:
    """Prolong a step's lease; False when it is not ours any more. By the job's id, so that no other row is locked."""
    held = (Job.id == job_id) & (Job.lease == lease) & (Job.status == RUNNING)
    return Job.update(lease_until=now_ms() + LEASE_MS).where(held).execute() == 1


@retried
def begin_submit(job: Job, provider: str) -> None:
    """Note that an order is about to be placed: if nothing follows, nobody knows whether the vendor took it."""
    with transaction():
        _update(job, provider=provider)
        _attempt_of(job, provider=provider, submitting_since=now_ms())


def knows_order(job: Job) -> bool:
    """Whether what came of this attempt's order has been stored."""
    return bool(Attempt.select().where(_own_attempt(job), Attempt.submitting_since.is_null()).exists())


def save_ticket(job: Job, ticket: str) -> None:
    """Before anything else happens to a submitted job: from here on it is resumed, not asked for again."""
    _update(job, ticket=ticket)
    _attempt_of(job, ticket=ticket, submitting_since=None)


def late_answer(job: Job, ticket: str | None, result: str | None) -> None:
    """The vendor took the order, but the step has lost its job meanwhile.

    The job takes it over if it waits for another attempt, so that nothing is bought twice; else it is given up.
    """
    alike = _own_attempt(job) & Attempt.submitting_since.is_null(False)
    Attempt.update(outcome="died").where(alike, Attempt.outcome == "doubtful").execute()
    known: dict[str, object] = {"ticket": ticket, "submitting_since": None}
    Attempt.update(known).where(alike).execute()
    free = (Job.id == job.id) & Job.status.in_(WAITING) & Job.ticket.is_null() & Job.result.is_null()
    taken = Job.update(ticket=ticket, result=result, provider=job.provider).where(free).execute()
    if not taken and ticket is not None:
        tickets.give_up(job.kind, job.provider, ticket, job.id)


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
    lock(GenerationRequest, job.request_id)
    now = now_ms()
    _update(job, status=COMPLETED, progress=100, ended_at=now, lease=None, lease_until=None, result=None)
    _attempt_of(job, ended_at=now, outcome="completed")
    _make_room(box, job.kind)
    endings.count(box, job, COMPLETED, now)


def fail(box: Box, job: Job, error: BaseException) -> Failure:
    """End the attempt; retry or bury the job as the error and the number of attempts say."""
    lock(GenerationRequest, job.request_id)
    outcome = _outcome(job, error)
    blameless = isinstance(error, Restarted) or passes(error)
    spared = blameless and outcome == "died" and _deaths(job) < SPARED_DEATHS
    delay = 0.0 if spared else _delay(box, job, error)
    now = now_ms()
    message = str(error) if isinstance(error, LumiError) else UNFORESEEN
    code = DATABASE_AWAY if is_lost(error) else getattr(error, "code", "") or type(error).__name__
    request_id = getattr(error, "request_id", "") or None
    known = {"vendor_request_id": request_id} | ({} if outcome == "doubtful" else {"submitting_since": None})
    _attempt_of(job, ended_at=now, outcome=outcome, error_code=code, error_text=endings.words_of(error), **known)
    changes: dict[str, object] = {"error_code": code, "error_message": message, "lease": None, "lease_until": None}
    if getattr(error, "ticket_dead", False):
        changes |= {"ticket": None, "result": None}
    if spared:
        changes["attempt"] = job.attempt - 1
    if delay is None:
        dead = TIMEOUT if isinstance(error, Expired) else FAILED
        _update(job, status=dead, ended_at=now, **changes)
        _give_up_ticket(job)
        endings.count(box, job, dead, now)
    else:
        due = now + round(delay * 1000)
        _update(job, status=RETRYING, run_after=due, queued_at=due, **changes)
        box.enqueue(job.id, delay)
    _make_room(box, job.kind)
    return Failure(message, delay, outcome)


def cancel(box: Box, job: Job) -> bool:
    """Stop what waits and disown what runs; False when it had ended already."""
    now = now_ms()
    lock(GenerationRequest, job.request_id)
    lock(JobKind, job.kind)  # before the job, which whoever holds its kind may be about to begin
    lock(Job, job.id)
    was_running = Job.select().where(Job.id == job.id, Job.status == RUNNING).exists()
    changes = {"status": CANCELLED, "ended_at": now, "lease": None, "lease_until": None}
    if Job.update(changes).where(Job.id == job.id, Job.status.in_(ACTIVE)).execute() != 1:
        return False
    _attempt_of(job, ended_at=now, outcome="cancelled")
    current = Job.get_by_id(job.id)  # what a step may have stored since the caller read the row
    _give_up_ticket(current)
    endings.count(box, current, CANCELLED, now)
    if was_running:
        _make_room(box, job.kind)
    return True


def requeue(box: Box, job: Job) -> None:
    """Give a job that ended badly a new set of attempts; its history stays."""
    now, asked_by = now_ms(), logs.current("request_id")
    changes = {"status": PENDING, "attempt": 0, "progress": 0, "run_after": now, "queued_at": now, "asked_by": asked_by}
    changes |= {"ticket": None, "result": None, "turn": fairness.next_turn(job.kind, job.user_id)}
    changes |= {"started_at": None, "ended_at": None}
    ended = (*DEAD, CANCELLED)
    if (
        Job.update(**changes, error_code=None, error_message=None)
        .where(Job.id == job.id, Job.status.in_(ended))
        .execute()
        != 1
    ):
        raise Conflict("Only a job that failed or was cancelled can be tried again.")
    box.enqueue(job.id, 0)


def _begin(box: Box, job: Job) -> Job | None:
    """None where it has just been cancelled, which on MySQL can happen since it was read."""
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
        return None
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
    lease, until = new_id(), now_ms() + LEASE_MS
    mine = (Job.id == job.id) & (Job.status == RUNNING) & Job.lease.is_null() & (Job.run_after == job.run_after)
    if Job.update(lease=lease, lease_until=until).where(mine).execute() != 1:
        return None  # also when another step has come and gone since the row was read: it is stale then
    job.lease, job.lease_until = lease, until
    return job


def _update(job: Job, **changes: object) -> None:
    """Change the job if, and only if, this step still holds it."""
    holder = Job.lease.is_null() if job.lease is None else Job.lease == job.lease
    if Job.update(changes).where(Job.id == job.id, Job.status == RUNNING, holder).execute() != 1:
        raise LostLease("The job is not this step's any more.")
    for name in changes.keys() & FOR_THE_STEP:
        setattr(job, name, changes[name])


def _attempt_of(job: Job, **changes: object) -> None:
    Attempt.update(changes).where(Attempt.job == job, Attempt.ended_at.is_null()).execute()


def _make_room(box: Box, kind: str) -> None:
    """A slot of the kind may be free now: wake the job that is next in line.

    A claim that found no room before this holds the kind has let its wake-up fall, and its job is seen here; one
    that comes later waits until this transaction ends, and finds the room.
    """
    lock(JobKind, kind)
    waiting = fairness.next_in_line(kind)
    if waiting is not None:
        box.enqueue(waiting.id, 0)


def _outcome(job: Job, error: BaseException) -> str:
    """`doubtful` when an order was under way and nobody knows what became of it."""
    if isinstance(error, AnswerLost | Died | PeeweeException) and _is_submitting(job):
        return "doubtful"
    kinds: tuple[tuple[type[BaseException], str], ...] = (
        (Expired, "timeout"),
        (Died, "died"),
        (Refused, "refused"),
        (UpstreamError, "unavailable"),
    )
    otherwise = "died" if passes(error) else "crashed"
    return next((name for kind, name in kinds if isinstance(error, kind)), otherwise)


def is_doubtful() -> Any:
    """Attempts with an order of which nobody knows what became, as a condition."""
    ended_meanwhile = Attempt.ended_at.is_null(False) & Attempt.submitting_since.is_null(False)
    return (Attempt.outcome == "doubtful") | ended_meanwhile


def _delay(box: Box, job: Job, error: BaseException) -> float | None:
    queue = box.config.queue
    crashed = retry.unforeseen(error) and _crashed_before(job)
    return retry.delay_seconds(error, job.attempt, queue.max_attempts, queue.backoff_seconds, crashed_before=crashed)


def _crashed_before(job: Job) -> bool:
    """Whether an earlier attempt met something that nobody foresaw, since the job was made or last tried again."""
    ended = Attempt.select(Attempt.outcome).where(Attempt.job == job, Attempt.ended_at.is_null(False))
    return "crashed" in [row.outcome for row in ended.order_by(Attempt.id.desc()).limit(max(job.attempt - 1, 0))]


def _deaths(job: Job) -> int:
    count: int = Attempt.select().where(Attempt.job == job, Attempt.outcome == "died").count()
    return count


def _give_up_ticket(job: Job) -> None:
    if job.ticket is not None:
        tickets.give_up(job.kind, job.provider, job.ticket, job.id)


def _own_attempt(job: Job) -> Any:
    """The attempt that this step belongs to, also when others have ended it since, as a condition."""
    return (Attempt.job == job.id) & (Attempt.started_at == job.attempt_started_at)


def _is_submitting(job: Job) -> bool:
    under_way = (Attempt.job == job) & Attempt.ended_at.is_null() & Attempt.submitting_since.is_null(False)
    return bool(Attempt.select().where(under_way).exists())
