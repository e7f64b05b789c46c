"""APScheduler: sweep -> interval, one table."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler

from lumi_box.box import Box
from lumi_box.flow.examine_prints import examine_prints
from lumi_box.health.rounds import HealthRounds
from lumi_box.tables.base import database
from lumi_box.worker import backups, cron, sweeps

EVERY_SECONDS: dict[Callable[[Box], None], int] = {
    sweeps.recover_jobs: 5,
    sweeps.cancel_tickets: 5,
    sweeps.clean_storage: 15,
    sweeps.prune_jobs: 60,
    sweeps.forget_old: 3600,
    examine_prints: 3600,
    backups.back_up: 60,
}
HEARTBEAT_SECONDS = 5
FIRST_HEALTH_SECONDS = 6  # by then whatever starts has started

logger = logging.getLogger(__name__)


def build(box: Box, beat: Callable[[Box], None]) -> BackgroundScheduler:
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
    scheduler.add_job(
        _guarded, "interval", seconds=HEARTBEAT_SECONDS, args=[beat, box], id="heartbeat", next_run_time=now
    )
    scheduler.add_job(
        HealthRounds(box).run,  # unguarded: it needs no database to tell that there is none
        cron.trigger(box.config.schedule.health),
        id="health",
        next_run_time=now + timedelta(seconds=FIRST_HEALTH_SECONDS),
    )
    return scheduler


def _guarded(sweep: Callable[[Box], None], box: Box) -> None:
    """A sweep that fails is logged by name and tried again at its next turn."""
    with database.connection_context():
        try:
            sweep(box)
        except Exception:
            logger.exception("sweep failed name=%s", sweep.__name__)
