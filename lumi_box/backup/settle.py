"""What rows that come back must forget, and what they must not repeat."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from peewee import SqliteDatabase

from lumi_box.backup import snapshot
from lumi_box.clock import now_ms
from lumi_box.storage import marker
from lumi_box.tables import migrate
from lumi_box.tables.base import new_id

RESTORED = "backup.restored"  # the restore that these rows came by
BEYOND = 1_000_000_000  # further than a lost server can have counted since the backup


def settle(copy: Path, created_at: int, restore_id: str, *, with_objects: bool) -> str:
    """Bring the rows up to this version's schema, and make them fit for now; answers the id of their installation."""
    with closing(SqliteDatabase(os.fspath(copy), pragmas={"foreign_keys": 1})) as database:
        migrate.bring_up(database)
    with snapshot.opened(copy) as rows:
        rows.execute("BEGIN")
        _forget_who_ran(rows)
        _leave_time_out(rows, now_ms() - created_at)
        _count_on(rows)
        installation = _setting(rows, marker.INSTALLATION) or new_id()
        known = {marker.INSTALLATION: installation, RESTORED: restore_id}
        for name, value in (known | ({marker.MARKED: "yes"} if with_objects else {})).items():
            rows.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", (name, value))
        rows.execute("COMMIT")
    return installation


def _forget_who_ran(rows: sqlite3.Connection) -> None:
    """Nobody who ran then runs now; a sweep that was under way saw another store."""
    for table in ("heartbeat", "node_lease", "sweep_candidate"):
        rows.execute(f"DELETE FROM {table}")  # noqa: S608
    ended = "UPDATE storage_sweep SET state = 'given up', ended_at = ? WHERE state IN ('running', 'interrupted')"
    rows.execute(ended, (now_ms(),))


def _leave_time_out(rows: sqlite3.Connection, away: int) -> None:
    """The time since the backup does not count: a ticket that was waited for is asked after, not given up."""
    rows.execute("UPDATE job SET deadline_at = deadline_at + ? WHERE deadline_at IS NOT NULL", (max(0, away),))


def _count_on(rows: sqlite3.Connection) -> None:
    """Numbers that clients remember go on above all that the lost server may have told them."""
    rows.execute("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'event'", (BEYOND,))
    rows.execute("UPDATE gallery_state SET generation = generation + ?", (BEYOND,))


def _setting(rows: sqlite3.Connection, name: str) -> str | None:
    found = rows.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
    return None if found is None else str(found[0])
