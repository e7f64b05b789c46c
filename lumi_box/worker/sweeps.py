"""One function per sweep: periodic repairs of what a crash left behind. Running any of them twice does no harm."""

from __future__ import annotations

import logging

from lumi_box import events
from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.errors import Refused, UpstreamError
from lumi_box.flow import close_requests
from lumi_box.gallery import interact
from lumi_box.jobs import alerts, recovery, retention, tickets
from lumi_box.jobs.lifecycle import TOO_LONG, Expired
from lumi_box.storage import ledger, sweep
from lumi_box.storage.node_lease import Taken
from lumi_box.storage.sweep import WrongStore
from lumi_box.tables.account import AccessToken, LoginFailure, OneTimeCode
from lumi_box.tables.heartbeat import Heartbeat
from lumi_box.tables.window import Window
from lumi_box.webhooks import deliveries
from lumi_box.worker.tasks import end_attempt

HOUR_MS = 3_600_000
FORGET_WORKER_MS = 24 * HOUR_MS
FORGET_WINDOW_MS = 48 * HOUR_MS  # the longest is a day
SWEEP = "storage-sweep"

logger = logging.getLogger(__name__)


def recover_jobs(box: Box) -> None:
    """Return what died or ran late, close what nothing works on any more, and wake whatever could go on now."""
    for job in recovery.abandoned():
        end_attempt(box, job, recovery.death_of(box, job))
    for job in recovery.expired():
        end_attempt(box, job, Expired(TOO_LONG, code="deadline"))
    close_requests.close_stranded()
    recovery.wake_due(box)


def cancel_tickets(box: Box) -> None:
    """Tell the vendors what nobody waits for any more."""
    tickets.cancel_due(box)


def prune_jobs(box: Box) -> None:
    """Forget the jobs that ended well, or were cancelled, long ago."""
    if removed := retention.prune(box):
        logger.info("jobs pruned count=%d", removed)


def clean_storage(box: Box) -> None:
    """Remove doomed objects until none is left, or until the store refuses a whole batch."""
    ledger.doom_stale()
    while removed := ledger.remove_doomed(box.storage):
        logger.info("objects removed count=%d", removed)


def sweep_storage(box: Box) -> None:
    """Compare store and ledger; what needs an operator stands on the dashboard until a sweep goes well again."""
    try:
        found = sweep.sweep(box.storage, box.config.sweep)
    except Taken:
        logger.info("another node sweeps")
        return
    except (WrongStore, UpstreamError) as error:
        words = getattr(error, "vendor_text", "") or str(error)
        alerts.raise_for(SWEEP, Refused("The sweep did not run.", code="failed", vendor_text=words, alert=True))
        raise
    if found.state == sweep.REFUSED:
        alerts.raise_for(SWEEP, Refused("The sweep stopped.", code="refused", vendor_text=found.note, alert=True))
    else:
        alerts.clear(SWEEP)


def forget_old(box: Box) -> None:
    """Prune what has served its time: events, expired tokens, wrong passwords, workers long gone, counted visits,
    deliveries.
    """
    now = now_ms()
    events.prune()
    AccessToken.delete().where(AccessToken.expires_at < now - FORGET_WORKER_MS).execute()
    LoginFailure.delete().where(LoginFailure.at < now - HOUR_MS).execute()
    OneTimeCode.delete().where(OneTimeCode.expires_at < now).execute()
    Window.delete().where(Window.started_at < now - FORGET_WINDOW_MS).execute()
    interact.forget_visits()
    deliveries.prune()
    Heartbeat.delete().where(Heartbeat.seen_at < now - FORGET_WORKER_MS).execute()
