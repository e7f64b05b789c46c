"""From a wake-up to one step of a job: claim, run, and record how it went."""

from __future__ import annotations

import logging
import secrets
from contextlib import AbstractContextManager

from lumi_box import logs, redaction
from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.errors import Busy, LumiError
from lumi_box.flow.handlers import HANDLERS
from lumi_box.jobs import alerts, lifecycle
from lumi_box.jobs.lifecycle import Expired, LostLease
from lumi_box.tables.base import outlasting, retried, transaction
from lumi_box.tables.generation import GenerationRequest, Image
from lumi_box.tables.job import Job
from lumi_box.worker.leases import LeaseKeeper

logger = logging.getLogger(__name__)


class Worker:
    """Runs one step of the job that a message names; the row, not the message, says whether there is one to run."""

    def __init__(self, box: Box, leases: LeaseKeeper) -> None:
        self._box, self._leases = box, leases

    def run_job(self, job_id: str) -> None:
        job = lifecycle.claim(self._box, job_id)
        if job is None or job.lease is None:
            return  # delivered twice, cancelled, not due, or no room: whatever makes room sends another wake-up
        with lines_of(job), self._leases.hold(job.id, job.lease):
            try:
                self._step(job)
            except LostLease:
                logger.info("step given up: the job was cancelled or taken over")
            except Busy as busy:
                postpone(self._box, job, busy)
            except Exception as error:  # the worker's one broad except: each failure is a recorded attempt
                end_attempt(self._box, job, error)

    def _step(self, job: Job) -> None:
        if job.deadline_at is not None and job.deadline_at < now_ms():
            raise Expired(lifecycle.TOO_LONG, code="deadline")
        HANDLERS[job.kind].step(self._box, job)


def lines_of(job: Job) -> AbstractContextManager[None]:
    """Lines that are logged meanwhile carry the job's id, the task's, and that of the request that asked for it."""
    asked_by = {"request_id": job.asked_by} if job.asked_by else {}
    return logs.bind(job_id=job.id, task_id=job.request_id, **asked_by)


@outlasting
@retried
def postpone(box: Box, job: Job, busy: Busy) -> None:
    try:
        with transaction():
            lifecycle.postpone(box, job, busy)
            alerts.raise_for(job.provider, busy)
    except LostLease:
        logger.info("not postponed: the job was cancelled or taken over")
        return
    logger.info("vendor busy kind=%s provider=%s code=%s", job.kind, job.provider, busy.code)


@outlasting
@retried
def end_attempt(box: Box, job: Job, error: BaseException) -> None:
    """The job's status, the state of what it works on, and the events that tell of it: one transaction.

    What nobody foresaw has an id, by which the attempt's row and the log tell of each other.
    """
    error_id = {} if isinstance(error, LumiError) else {"error_id": secrets.token_hex(8)}
    with lines_of(job), logs.bind(**error_id):
        try:
            with transaction():
                failure = lifecycle.fail(box, job, error)
                HANDLERS[job.kind].failed(job, failure)
                alerts.raise_for(job.provider, error)
        except LostLease:
            logger.info("failure not recorded: the job was cancelled or taken over")
        else:
            with redaction.conceal(*_prompts_of(job)):
                _log(job, error, failure)


def _prompts_of(job: Job) -> list[str]:
    """What an error's own words may repeat."""
    variants = Image.select(Image.prompt).where(Image.request == job.request_id)
    whole = GenerationRequest.select(GenerationRequest.prompt).where(GenerationRequest.id == job.request_id)
    return [row.prompt for row in (*variants, *whole)]


def _log(job: Job, error: BaseException, failure: lifecycle.Failure) -> None:
    foreseen = isinstance(error, LumiError) and failure.outcome != "doubtful"
    logger.log(
        logging.WARNING if foreseen else logging.ERROR,
        "attempt failed kind=%s attempt=%d outcome=%s will_retry=%s code=%s reason=%s",
        job.kind,
        job.attempt,
        failure.outcome,
        failure.will_retry,
        getattr(error, "code", "") or type(error).__name__,
        getattr(error, "vendor_text", "") or str(error),
        exc_info=None if isinstance(error, LumiError) else error,
    )
