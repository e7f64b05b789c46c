"""The backups that are made by themselves: one for each time that `schedule.backup` names, by one node."""

from __future__ import annotations

import logging
import re
import time
from datetime import UTC, datetime
from pathlib import Path

from lumi_box.backup import status
from lumi_box.backup.create import Made, create
from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.errors import LumiError, Refused
from lumi_box.jobs import alerts
from lumi_box.storage import marker, node_lease
from lumi_box.storage.node_lease import Lease, Taken
from lumi_box.worker import cron

LEASE, ALERT = "scheduled-backup", "backup"
DONE, TRIED = "backup.scheduled", "backup.tried"  # settings: when one was last made, and last begun
AGAIN_MS = 3_600_000  # after one that failed, or died
RENEW_SECONDS = 30.0

logger = logging.getLogger(__name__)


def back_up(box: Box) -> None:
    """Make the backup that is due: one was missed while nothing ran, or has failed an hour ago, or is the first."""
    directory = box.config.backup.directory
    if directory is None or not _is_due(box):
        return
    try:
        with node_lease.held(LEASE) as lease:
            if _is_due(box):  # still, now that no other node can be at it
                status.write(TRIED, str(now_ms()))
                _back_up(box, directory, lease)
    except Taken:
        logger.info("another node makes the backup")


def _is_due(box: Box) -> bool:
    done, tried = _moment(DONE), _moment(TRIED)
    if done is not None and not _came_round(box, done):
        return False
    return tried is None or tried < now_ms() - AGAIN_MS or _came_round(box, tried)


def _came_round(box: Box, since: int) -> bool:
    """Whether the schedule has named a time since then."""
    trigger = cron.trigger(box.config.schedule.backup)
    following = trigger.get_next_fire_time(None, datetime.fromtimestamp((since + 1) / 1000, UTC))
    return following is not None and following.timestamp() * 1000 <= now_ms()


def _moment(name: str) -> int | None:
    found = status.read(name)
    return None if found is None else int(found)


def _back_up(box: Box, directory: Path, lease: Lease) -> None:
    begun = time.monotonic()
    name = f"lumi-box-{(marker.installation() or 'new')[-6:]}-"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        made = create(box.config, directory / f"{name}{stamp}.tar", _Renewing(lease))
    except Taken:
        raise
    except (LumiError, OSError) as error:
        logger.error("backup failed reason=%s", error)
        status.failed(str(error))
        alerts.raise_for(ALERT, Refused("The backup failed.", code="failed", vendor_text=str(error), alert=True))
        return
    status.write(DONE, str(now_ms()))
    figures = (made.path, made.rows, made.objects, made.bytes, time.monotonic() - begun)
    logger.info("backup made path=%s rows=%d objects=%d bytes=%d seconds=%.1f", *figures)
    _tell_lost(made)
    _forget_old(directory, name, box.config.backup.keep)


def _tell_lost(made: Made) -> None:
    alerts.clear(ALERT)
    if made.lost:
        text = f"{len(made.lost)} objects were missing or damaged in the store, the first: {made.lost[0]}"
        alerts.raise_for(ALERT, Refused("The backup is not whole.", code="lost", vendor_text=text, alert=True))


def _forget_old(directory: Path, name: str, keep: int) -> None:
    """Only what was made here, by its name; which sorts by time."""
    ours = re.compile(rf"{re.escape(name)}\d{{8}}T\d{{6}}Z\.tar")
    for path in sorted(each for each in directory.iterdir() if ours.fullmatch(each.name))[:-keep]:
        path.unlink(missing_ok=True)
        logger.info("old backup removed path=%s", path)


class _Renewing:
    """Prolongs the lease while the objects are copied. The rows before them are given an hour (`AGAIN_MS`)."""

    def __init__(self, lease: Lease) -> None:
        self._lease, self._renewed = lease, time.monotonic()

    def __call__(self, done: int, count: int) -> None:
        if time.monotonic() - self._renewed > RENEW_SECONDS:
            self._lease.renew()
            self._renewed = time.monotonic()
