"""How a step gets an answer out of a provider without waiting for it and without paying twice."""

from __future__ import annotations

from typing import Any

from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.flow import spend
from lumi_box.jobs import lifecycle
from lumi_box.providers.base import ImageProvider, ModelProvider, Pending, Ready, Ticket
from lumi_box.tables.base import transaction
from lumi_box.tables.job import Job

FIRST_SECONDS, USUAL_SECONDS, LATEST_SECONDS = 0.5, 0.8, 5.0
PATIENCE_SECONDS = 180.0


def answer(box: Box, job: Job, provider: ImageProvider | ModelProvider, order: Any) -> Ready | None:
    """What to fetch; or None while the vendor is at work, after the job was put to sleep until its next poll."""
    if job.result is not None:
        return Ready(job.result)
    if job.ticket is not None:
        return _poll(box, job, provider)
    if provider.metered:
        spend.check_cap(box, job.kind)
        lifecycle.begin_submit(job, provider.name)
    found = provider.submit(order)
    with transaction():
        if provider.metered:
            spend.book(box, job, provider.name)
        return _sleep_unless_ready(box, job, found)


def _poll(box: Box, job: Job, provider: ImageProvider | ModelProvider) -> Ready | None:
    found = provider.poll(Ticket(str(job.ticket)))
    if isinstance(found, Ready):
        return found
    with transaction():
        return _sleep_unless_ready(box, job, found)


def _sleep_unless_ready(box: Box, job: Job, found: Ticket | Pending | Ready) -> Ready | None:
    """From here on the order is known: a crash, a restart or a retry resumes it."""
    if isinstance(found, Ready):
        lifecycle.save_result(job, found.reference)
        return found
    if isinstance(found, Ticket):
        lifecycle.save_ticket(job, found.id)
    elif found.progress is not None:
        lifecycle.save_progress(job, found.progress)
    waited = now_ms() - (job.attempt_started_at or now_ms())
    lifecycle.snooze(box, job, poll_delay(waited / 1000))
    return None


def poll_delay(waited_seconds: float) -> float:
    """Soon at first, then often enough that a finished result is seen within a second; less often after minutes."""
    if waited_seconds < FIRST_SECONDS * 10:
        return FIRST_SECONDS
    if waited_seconds < PATIENCE_SECONDS:
        return USUAL_SECONDS
    return min(LATEST_SECONDS, USUAL_SECONDS * waited_seconds / PATIENCE_SECONDS)
