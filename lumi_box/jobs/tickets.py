"""Tickets that nobody waits for any more, until the vendor has been told to stop.

They are noted in the transaction that gives them up, and told to the vendor afterwards by a sweep: no network call
stands in a transaction, and a process that dies in between forgets nothing.
"""

from __future__ import annotations

import logging

from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.errors import UpstreamError
from lumi_box.providers.base import Cancels, Ticket
from lumi_box.tables.job import GivenUpTicket

BATCH = 50
MAX_TRIES = 5
AGAIN_MS = 60_000  # longer than a call may take: two nodes do not tell the same

logger = logging.getLogger(__name__)


def give_up(kind: str, provider: str, ticket: str, job_id: str) -> None:
    """In the transaction that ends the waiting for it."""
    GivenUpTicket.insert(kind=kind, provider=provider, ticket=ticket, job_id=job_id).execute()


def cancel_due(box: Box) -> None:
    """Tell the vendors; what fails is tried again a few times, and then left to run out by itself."""
    due = GivenUpTicket.due_at <= now_ms()
    for row in list(GivenUpTicket.select().where(due).order_by(GivenUpTicket.due_at).limit(BATCH)):
        if _take(row):
            _cancel(box, row)


def _take(row: GivenUpTicket) -> bool:
    mine = (GivenUpTicket.id == row.id) & (GivenUpTicket.due_at == row.due_at)
    later = GivenUpTicket.update(due_at=now_ms() + AGAIN_MS, tries=GivenUpTicket.tries + 1)
    return bool(later.where(mine).execute() == 1)


def _cancel(box: Box, row: GivenUpTicket) -> None:
    provider = box.image_provider if row.kind == "image" else box.model_provider
    if isinstance(provider, Cancels) and provider.name == row.provider:
        try:
            stopped = provider.cancel(Ticket(row.ticket))
        except UpstreamError as error:
            logger.warning("ticket not cancelled yet job=%s try=%d code=%s", row.job_id, row.tries + 1, error.code)
            if row.tries + 1 < MAX_TRIES:
                return
        else:
            logger.info("ticket given up job=%s provider=%s stopped=%s", row.job_id, row.provider, stopped)
    GivenUpTicket.delete().where(GivenUpTicket.id == row.id).execute()
