"""What is worth knowing although nothing is broken: `doctor` prints it, and it fails no check."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import closing

from peewee import PeeweeException
from pymysql import MySQLError

from lumi_box import config
from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.doctor.finding import Note
from lumi_box.errors import UpstreamError
from lumi_box.jobs import alerts, lifecycle
from lumi_box.providers.http import Client
from lumi_box.slicing import command
from lumi_box.tables import base
from lumi_box.tables.account import User
from lumi_box.tables.job import Attempt, Job
from lumi_box.tables.setting import Setting

HOUR_MS = 3_600_000
ASK_SECONDS = 2.0
OLD_BACKUP_MS = 7 * 24 * HOUR_MS
LAST_BACKUP, FAILED_BACKUP = "backup.last_success", "backup.last_error"  # settings: milliseconds since 1970; words

logger = logging.getLogger(__name__)


def notes(box: Box) -> list[Note]:
    """What the database cannot tell is left out: its own check says why."""
    found: list[Note] = []
    for look in (_files_mode, _backup, _dead_letters, _doubtful, _alerts, _slicer, _accounts):
        found += _looked(look, box)
    return found


def _looked(look: Callable[[Box], Iterator[Note]], box: Box) -> list[Note]:
    try:
        return list(look(box))
    except (PeeweeException, MySQLError):
        logger.debug("no notes name=%s", look.__name__, exc_info=True)
        return []
    finally:
        base.database.close()


def _files_mode(box: Box) -> Iterator[Note]:
    for path, text in config.loose_modes(box.config.path):
        warning, _, _ = text.partition("; run:")
        yield Note("file-mode", f"{warning}.", f"Run: chmod 600 {path}")


def _backup(_: Box) -> Iterator[Note]:
    failed = Setting.get_or_none(Setting.name == FAILED_BACKUP)
    if failed is not None:
        yield Note("backup-failed", f"The last backup failed: {failed.value}", "Run: lumi-box backup create FILE")
    row = Setting.get_or_none(Setting.name == LAST_BACKUP)
    made = int(row.value) if row is not None and row.value.isdecimal() else None
    if made is None:
        yield Note("backup", "No backup has been made yet.", "Run: lumi-box backup create FILE")
        return
    age = now_ms() - made
    text = f"The last good backup is {_hours(age)} old."
    yield Note("backup", text, "Run: lumi-box backup create FILE" if age > OLD_BACKUP_MS else "")


def _dead_letters(_: Box) -> Iterator[Note]:
    if count := Job.select().where(Job.status.in_(lifecycle.DEAD)).count():
        yield Note(
            "dead-letters",
            f"{count} jobs have failed for good and wait for you.",
            "See: lumi-box jobs list --state FAILED; then: lumi-box jobs retry --all-dead",
        )


def _doubtful(_: Box) -> Iterator[Note]:
    if count := Attempt.select().where(lifecycle.is_doubtful()).count():
        yield Note(
            "doubtful-orders",
            f"Of {count} orders the answer was lost: whether they were paid for stands on the provider's bill.",
            "See them on the page /admin.",
        )


def _alerts(box: Box) -> Iterator[Note]:
    """What waits for the operator beside what the providers' own checks tell."""
    named = box.config.providers
    for alert in alerts.standing():
        if alert.provider not in (named.image, named.model3d, named.prompt):
            hint = "See: lumi-box sweep --dry-run" if alert.provider == "storage-sweep" else "See the page /admin."
            yield Note(alert.provider, f"{alert.code}: {alert.text}", hint)


def _slicer(box: Box) -> Iterator[Note]:
    slicer = box.config.slicer
    if slicer.kind == "command" and command.program(box.config) is None:
        yield Note("slicer", f"There is no program {slicer.command}.", "Install it, or check slicer.command.")
    elif slicer.kind == "service" and slicer.url:
        client = Client(slicer.url, timeout_seconds=ASK_SECONDS, headers={}, vendor="slicer", name="slicer")
        with closing(client):
            try:
                client.call("HEAD", "")
            except UpstreamError as error:
                yield Note("slicer", f"{error} {error.vendor_text}".strip(), "Check slicer.url, and that service.")


def _accounts(_: Box) -> Iterator[Note]:
    if not User.select(User.id).where(User.is_admin, User.disabled_at.is_null()).limit(1).exists():
        yield Note("administrator", "No account may administer this.", "Run: lumi-box user create EMAIL --admin")


def _hours(milliseconds: int) -> str:
    hours = max(0, milliseconds) // HOUR_MS
    return f"{hours} hours" if hours < 72 else f"{hours // 24} days"
