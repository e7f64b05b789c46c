"""APScheduler: sweep -> interval, one table."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler

from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.tables.base import database
from lumi_box.tables.dialect import upsert
from lumi_box.tables.heartbeat import Heartbeat
from lumi_box.worker import cron, sweeps

EVERY_SECONDS: dict[Callable[[Box], None], int] = {
    sweeps.recover_jobs: 5,
    sweeps.cancel_tickets: 5,
    sweeps.clean_storage: 15,
    sweeps.prune_jobs: 60,
    sweeps.forget_old: 3600,
}
HEARTBEAT_SECONDS = 5

logger = logging.getLogger(__name__)


def build(box: Box, worker_id: str) -> BackgroundScheduler:
    """A scheduler that runs every sweep at once and then at its interval; one that is late runs once, not twice."""
    scheduler = BackgroundScheduler(
        timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 30}
    )
    now = datetime.now(UTC)
    for sweep, seconds in EVERY_SECONDS.items():
        scheduler.add_job(
            _guarded, "interval", seconds=seconds, args=[sweep, box], id=sweep.__name__, next_run_time=now
        )
    scheduler.add_job(
        _guarded, cron.trigger(box.config.schedule.sweep), args=[sweeps.sweep_storage, box], id="sweep_storage"
    )
    scheduler.add_job(_beat, "interval", seconds=HEARTBEAT_SECONDS, args=[worker_id], id="heartbeat", next_run_time=now)
    return scheduler


def _guarded(sweep: Callable[[Box], None], box: Box) -> None:
    """A sweep that fails is logged by name and tried again at its next turn."""
    with database.connection_context():
        try:
            sweep(box)
        except Exception:
            logger.exception("sweep failed name=%s", sweep.__name__)


def _beat(worker_id: str) -> None:
    with database.connection_context():
        for role in ("worker", "scheduler"):
            row = {"role": role, "seen_at": now_ms()}
            upsert(Heartbeat, {"id": f"{role}-{worker_id}"[:36]}, row)
