"""One function per sweep: periodic repairs of what a crash left behind. Running any of them twice does no harm."""

from __future__ import annotations

import logging

from lumi_box import events
from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.jobs import recovery
from lumi_box.jobs.lifecycle import INTERRUPTED, TOO_LONG, Died, Expired
from lumi_box.storage import ledger
from lumi_box.tables.account import AccessToken, LoginFailure
from lumi_box.tables.heartbeat import Heartbeat
from lumi_box.worker.tasks import end_attempt

HOUR_MS = 3_600_000
FORGET_WORKER_MS = 24 * HOUR_MS

logger = logging.getLogger(__name__)


def recover_jobs(box: Box) -> None:
    """Return what died or ran late, and wake whatever could go on now."""
    for job in recovery.abandoned():
        end_attempt(box, job, Died(INTERRUPTED, code="worker_died"))
    for job in recovery.expired():
        end_attempt(box, job, Expired(TOO_LONG, code="deadline"))
    recovery.wake_due(box)


def clean_storage(box: Box) -> None:
    """Remove doomed objects until none is left, or until the store refuses a whole batch."""
    ledger.doom_stale()
    while removed := ledger.remove_doomed(box.storage):
        logger.info("objects removed count=%d", removed)


def forget_old(box: Box) -> None:
    """Prune what has served its time: events, expired tokens, wrong passwords, workers long gone."""
    now = now_ms()
    events.prune()
    AccessToken.delete().where(AccessToken.expires_at < now - FORGET_WORKER_MS).execute()
    LoginFailure.delete().where(LoginFailure.at < now - HOUR_MS).execute()
    Heartbeat.delete().where(Heartbeat.seen_at < now - FORGET_WORKER_MS).execute()
