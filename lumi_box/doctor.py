"""One function a check; each really uses the service it speaks of, and says what it found and what to do."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from peewee import PeeweeException

from lumi_box.accounts.user_service import UserService
from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.config import loose_mode
from lumi_box.errors import UpstreamError
from lumi_box.jobs import alerts
from lumi_box.providers.base import ImageProvider, ModelProvider, PromptWriter
from lumi_box.storage import hints as storage_hints
from lumi_box.storage import marker
from lumi_box.tables import base, migrate
from lumi_box.tables.base import new_id
from lumi_box.tables.heartbeat import Heartbeat

TIMEOUT_SECONDS = 5.0
ALIVE_MS = 20_000
FREE_BYTES = 1 << 30
CRITICAL = ("config", "database", "migrations", "storage", "user-service")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Finding:
    id: str
    healthy: bool
    text: str
    hint: str
    latency_ms: int

    def as_service(self, *, with_message: bool) -> dict[str, Any]:
        """As `/health/detailed` and `doctor --json` tell it."""
        status = "healthy" if self.healthy else "unhealthy"
        shape: dict[str, Any] = {"service": self.id, "status": status, "latencyMs": self.latency_ms}
        return shape | ({"message": f"{self.text} {self.hint}".strip()} if with_message else {})


class Sick(Exception):  # the answer of a check, not a fault of the program
    """What is wrong, and what to do about it."""

    def __init__(self, text: str, hint: str) -> None:
        super().__init__(text)
        self.hint = hint


def examine(box: Box, only: Iterable[str] | None = None) -> list[Finding]:
    """Run the checks side by side; none may take longer than five seconds."""
    names = list(only) if only is not None else list(CHECKS)
    running = [_Run(name, CHECKS[name], box) for name in names]
    for run in running:
        run.thread.start()
    deadline = time.monotonic() + TIMEOUT_SECONDS
    return [run.finding(deadline) for run in running]


class _Run:
    """One check in a thread of its own: one that hangs is given up, and holds nothing else up."""

    def __init__(self, name: str, check: Callable[[Box], str], box: Box) -> None:
        self.name, self._check, self._box = name, check, box
        self.thread = threading.Thread(target=self._go, name=f"check-{name}", daemon=True)
        self._started = self._ended = time.monotonic()
        self._found: tuple[bool, str, str] | None = None

    def _go(self) -> None:
        try:
            self._found = (True, self._check(self._box), "")  # opens a connection if, and only if, it needs one
        except Sick as sick:
            self._found = (False, str(sick), sick.hint)
        except UpstreamError as error:
            hint = self._hint("See the log for what happened before.")
            self._found = (False, f"{error} {error.vendor_text}".strip(), hint)
        except Exception as error:  # whatever a check meets is its finding
            logger.debug("check failed name=%s", self.name, exc_info=True)
            self._found = (False, f"{type(error).__name__}: {error}", self._hint("See the log."))
        finally:
            self._ended = time.monotonic()
            base.database.close()

    def _hint(self, otherwise: str) -> str:
        if self.name == "database" and base.on_server():
            return SERVER_HINT
        return HINTS.get(self.name, otherwise)

    def finding(self, deadline: float) -> Finding:
        self.thread.join(max(0.0, deadline - time.monotonic()))
        if self._found is None:
            late = f"did not answer within {TIMEOUT_SECONDS:.0f} seconds."
            return Finding(self.name, False, late, self._hint("See the log."), round(TIMEOUT_SECONDS * 1000))
        healthy, text, hint = self._found
        return Finding(self.name, healthy, text, hint, round((self._ended - self._started) * 1000))


PROVIDER_HINTS = {
    "connect": "Check the endpoint in the config, and this machine's network and name servers.",
    "deadline": "The host is slow or does not answer: check the network, or try again later.",
}
SERVER_HINT = "Check that the server runs, that database.url names it, and that its user may use the database."
HINTS = {
    "database": "Check that database.url names a file that this user may write, and that the disk is not full.",
    "migrations": "Run: lumi-box migrate",
    "user-service": "Check accounts.user_service_url, the network, and that service's own health.",
    "queue": "Run: lumi-box migrate",
    "consumer": "See what the database check says.",
    "scheduler": "See what the database check says.",
    "clock": "See what the database check says.",
    "storage": "Check storage.disk.path or storage.s3.endpoint, and the network or the mount before it.",
}


def check_config(box: Box) -> str:
    if loose := loose_mode(box.config.path):
        raise Sick(loose, f"Run: chmod 600 {box.config.path}")
    return f"{box.config.path} is valid, mode {box.config.mode}."


def check_database(box: Box) -> str:
    """A row written, read and taken back."""
    mark = f"doctor-{new_id()}"[:36]
    with base.transaction() as held:
        Heartbeat.insert(id=mark, role="doctor").execute()
        if not Heartbeat.select().where(Heartbeat.id == mark).exists():
            raise Sick("A row that was written could not be read.", HINTS["database"])
        held.rollback()
    return f"{base.place(box.config.database)} answers."


def check_migrations(box: Box) -> str:
    if newer := migrate.unknown(base.database.obj):
        raise Sick(f"The schema is newer than this version: {', '.join(newer)}.", "Install the newer lumi-box again.")
    if missing := migrate.pending(base.database.obj):
        raise Sick(f"The schema lacks {', '.join(missing)}.", HINTS["migrations"])
    return "The schema is up to date."


def check_queue(box: Box) -> str:
    """A message written and taken back; nothing old must be waiting for a worker."""
    with base.transaction() as held:
        box.enqueue(new_id(), 0)
        held.rollback()
    return "A message can be written."


def check_consumer(box: Box) -> str:
    return _alive("worker")


def check_scheduler(box: Box) -> str:
    return _alive("scheduler")


def check_storage(box: Box) -> str:
    """An object put, read and removed, in a store that is this database's."""
    try:
        box.storage.probe()
        mark = marker.examine(box.storage)
    except UpstreamError as error:
        raise Sick(f"{error} {error.vendor_text}".strip(), storage_hints.hint(error.code)) from error
    except PeeweeException:
        return "An object was put, read and removed. Whose store it is, the database could not tell."
    if not (mark.ours or mark.fits):
        raise Sick(mark.text, storage_hints.hint("marker"))
    return f"An object was put, read and removed. {mark.text}"


def check_disk(box: Box) -> str:
    disk, sqlite = box.config.storage.disk.path, box.config.database.sqlite_path
    for path in {disk or sqlite, sqlite or disk} - {None}:
        assert path is not None  # noqa: S101
        existing = next(place for place in (path, *path.parents) if place.exists())
        free = shutil.disk_usage(existing).free
        if free < FREE_BYTES:
            raise Sick(f"Only {free >> 20} MiB are free at {existing}.", "Remove what is not needed, or grow the disk.")
    return "There is room on the disk."


def check_image_provider(box: Box) -> str:
    return _asked(box.image_provider)


def check_model3d_provider(box: Box) -> str:
    return _asked(box.model_provider)


def check_prompt_provider(box: Box) -> str:
    if box.prompt_writer is None:
        return "None is configured: prompts are painted as they are written."
    return _asked(box.prompt_writer)


def _asked(provider: ImageProvider | ModelProvider | PromptWriter) -> str:
    """What the provider answers where it can be asked without cost; and what it has refused lately for want of you."""
    found = provider.check()
    refused = [alert for alert in alerts.standing() if alert.provider == provider.name]
    if refused:
        words = "; ".join(f"{alert.code}: {alert.text}" for alert in refused)
        raise Sick(f"It is reachable, but has refused work: {words}", "Mend it in the provider's console; then retry.")
    return found


def check_user_service(box: Box) -> str:
    if box.config.accounts.mode != "user_service":
        return "Accounts are local."
    return UserService(box.config.accounts).probe()


def check_clock(box: Box) -> str:
    """Signed addresses and leases need a clock that is not years off, and that all nodes share."""
    now = now_ms()
    if datetime.fromtimestamp(now / 1000, UTC).year < 2026:
        raise Sick("The clock is set before 2026.", "Set it, for example: timedatectl set-ntp true")
    ahead = Heartbeat.select(Heartbeat.seen_at).order_by(Heartbeat.seen_at.desc()).limit(1).scalar()
    if ahead is not None and ahead > now + ALIVE_MS:
        raise Sick("A worker's clock is ahead of this one.", "Let all nodes keep time: timedatectl set-ntp true")
    return "The clock is plausible."


def _alive(role: str) -> str:
    seen = (
        Heartbeat.select(Heartbeat.seen_at)
        .where(Heartbeat.role == role)
        .order_by(Heartbeat.seen_at.desc())
        .limit(1)
        .scalar()
    )
    if seen is None:
        raise Sick(f"No {role} has ever run.", "Run: lumi-box serve")
    age = now_ms() - seen
    if age > ALIVE_MS:
        raise Sick(
            f"The last {role} was seen {age // 1000} seconds ago.", "Run: lumi-box serve, or see why it stopped."
        )
    return f"A {role} was seen {age // 1000} seconds ago."


CHECKS: dict[str, Callable[[Box], str]] = {
    "config": check_config,
    "database": check_database,
    "migrations": check_migrations,
    "queue": check_queue,
    "consumer": check_consumer,
    "scheduler": check_scheduler,
    "storage": check_storage,
    "disk": check_disk,
    "image-provider": check_image_provider,
    "model3d-provider": check_model3d_provider,
    "prompt-provider": check_prompt_provider,
    "user-service": check_user_service,
    "clock": check_clock,
}
