"""The database: whether rows can be written and read, and whether its schema is this version's."""

from __future__ import annotations

import time

from lumi_box.box import Box
from lumi_box.doctor.finding import Sick
from lumi_box.doctor.hints import MIGRATE
from lumi_box.tables import base, migrate
from lumi_box.tables.base import new_id
from lumi_box.tables.heartbeat import Heartbeat

LOCK_MS = 3000  # of the five seconds: long enough for any writer of ours, short enough to be told apart from silence


def check_database(box: Box) -> str:
    """A row committed, read and removed."""
    limit_wait()
    version = _version()
    mark, begun = f"doctor-{new_id()}"[:36], time.monotonic()
    Heartbeat.insert(id=mark, role="doctor").execute()
    try:
        if not Heartbeat.select().where(Heartbeat.id == mark).exists():
            raise Sick("A row that was written could not be read.", "Restore a backup: lumi-box backup restore FILE")
    finally:
        Heartbeat.delete().where(Heartbeat.id == mark).execute()
    took = (time.monotonic() - begun) * 1000
    place = base.place(box.config.database)
    return f"{version} at {place}: a row written, read and removed in {took:.0f} ms."


def check_migrations(box: Box) -> str:
    if newer := migrate.unknown(base.database.obj):
        raise Sick(
            f"The schema is newer than this version: {', '.join(newer)}.",
            "Install the newer lumi-box again, or restore a backup from before: lumi-box backup restore FILE",
        )
    if missing := migrate.pending(base.database.obj):
        raise Sick(f"The schema lacks {', '.join(missing)}.", MIGRATE)
    applied = migrate.applied(base.database.obj)
    return f"The schema is up to date: {len(applied)} migrations, the last is {applied[-1]}."


def limit_wait() -> None:
    """This thread's connection, which is closed after the check, gives up on another's lock before the check is."""
    if not base.on_server():
        base.database.execute_sql(f"PRAGMA busy_timeout = {LOCK_MS}")


def _version() -> str:
    kind, function = ("MySQL", "version") if base.on_server() else ("SQLite", "sqlite_version")
    return f"{kind} {base.database.execute_sql(f'SELECT {function}()').fetchone()[0]}"
