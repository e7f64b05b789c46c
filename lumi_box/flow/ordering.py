"""How a step gets an answer out of a provider without waiting for it and without paying twice."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.errors import AnswerLost
from lumi_box.flow import spend
from lumi_box.jobs import lifecycle
from lumi_box.jobs.lifecycle import LostLease
from lumi_box.providers import messages
from lumi_box.providers.base import ImageProvider, ModelProvider, Pending, Ready, Ticket
from lumi_box.tables.base import outlasting, retried, transaction
from lumi_box.tables.job import TICKET_LENGTH, Job

FIRST_SECONDS, USUAL_SECONDS, LATEST_SECONDS = 0.5, 0.8, 5.0
PATIENCE_SECONDS = 180.0
LOST = {"image": messages.LOST_PICTURE, "model3d": messages.LOST_MODEL}
POLLS_PER_SECOND = 20  # of a kind: what vendors allow an account, and little work for a machine


def answer(box: Box, job: Job, provider: ImageProvider | ModelProvider, order: Callable[[], Any]) -> Ready | None:
    """What to fetch; or None while the vendor is at work, after the job was put to sleep until its next poll.

    `order` is made only when it is to be placed: a poll must cost little.
    """
    if job.result is not None:
        return Ready(job.result)
    if job.ticket is not None:
        return _poll(box, job, provider)
    wanted = order()
    if provider.metered:
        spend.check_cap(box, job.kind)
        lifecycle.begin_submit(job, provider.name)
    return _keep(box, job, provider, provider.submit(wanted))


@outlasting
@retried
def _keep(box: Box, job: Job, provider: ImageProvider | ModelProvider, found: Ticket | Ready) -> Ready | None:
    """The order was accepted, whoever has the job now: it is booked, and its ticket is not forgotten."""
    if isinstance(found, Ticket) and len(found.id) > TICKET_LENGTH:
        raise AnswerLost(LOST[job.kind], code="ticket_too_long", vendor_text=f"a ticket of {len(found.id)} characters")
    try:
        with transaction():
            if provider.metered:
                if lifecycle.knows_order(job):  # an earlier run of this had committed when the database went
                    return None if isinstance(found, Ticket) else found
                spend.book(box, job, provider.name)
            return _sleep_unless_ready(box, job, found)
    except LostLease:
        _keep_late(box, job, provider, found)
        raise


def _keep_late(box: Box, job: Job, provider: ImageProvider | ModelProvider, found: Ticket | Ready) -> None:
    with transaction():
        if provider.metered:
            spend.book(box, job, provider.name)
        ticket, result = (found.id, None) if isinstance(found, Ticket) else (None, found.reference)
        lifecycle.late_answer(job, ticket, result)


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
    elif found.progress is not None and found.progress != job.progress:
        lifecycle.save_progress(job, found.progress)
    waited = now_ms() - (job.attempt_started_at or now_ms())
    lifecycle.snooze(box, job, poll_delay(waited / 1000, lifecycle.in_flight(job.kind)))
    return None


def poll_delay(waited_seconds: float, in_flight: int = 1) -> float:
    """Soon at first, then often enough that a finished result is seen within a second; less often after minutes.

    With many in flight they are farther apart, up to LATEST_SECONDS, and spread, so that they do not come in bursts.
    """
    if waited_seconds < FIRST_SECONDS * 10:
        usual = FIRST_SECONDS
    elif waited_seconds < PATIENCE_SECONDS:
        usual = USUAL_SECONDS
    else:
        usual = min(LATEST_SECONDS, USUAL_SECONDS * waited_seconds / PATIENCE_SECONDS)
    shared = min(LATEST_SECONDS, in_flight / POLLS_PER_SECOND)
    return usual if shared <= usual else shared * random.uniform(0.8, 1.0)  # noqa: S311  spread, not secrecy
