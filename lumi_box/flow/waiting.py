"""What a step does when the vendor is still at work."""

from __future__ import annotations

from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.jobs import lifecycle
from lumi_box.providers.base import Pending, Ticket
from lumi_box.tables.base import transaction
from lumi_box.tables.job import Job

SOONEST_SECONDS, LATEST_SECONDS = 0.5, 5.0
SHARE_OF_WAIT = 0.1


def note(box: Box, job: Job, answer: Ticket | Pending) -> None:
    """Keep the ticket or the progress, then look again later."""
    with transaction():
        if isinstance(answer, Ticket):
            lifecycle.save_ticket(job, answer.id)
        elif answer.progress is not None:
            lifecycle.save_progress(job, answer.progress)
        lifecycle.snooze(box, job, poll_delay(now_ms() - (job.started_at or now_ms())))


def poll_delay(waited_ms: int) -> float:
    """Soon at first, then a tenth of the time waited so far, never more than five seconds."""
    return min(max(SOONEST_SECONDS, waited_ms / 1000 * SHARE_OF_WAIT), LATEST_SECONDS)
