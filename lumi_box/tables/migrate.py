"""Brings the schema up to date: forward only, under a lock, so that two nodes may start at once."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peewee import Database
from playhouse.migrations import Runner

DIRECTORY = Path(__file__).parent / "migrations"

logger = logging.getLogger(__name__)


def migrate(database: Database, lock_path: Path) -> list[str]:
    """Apply what is missing; answer the names of the migrations that were applied, in order."""
    with _exclusive(lock_path), database.connection_context():
        applied: list[str] = _runner(database).up()
    for name in applied:
        logger.info("migration applied name=%s", name)
    return applied


def pending(database: Database) -> list[str]:
    """The migrations that this version brings and the database lacks."""
    return [row.name for row in _runner(database).status() if row.path and not row.applied]


def unknown(database: Database) -> list[str]:
    """Migrations that the database has and this version does not know: a newer version has been here."""
    return [row.name for row in _runner(database).status() if not row.path]


def _runner(database: Database) -> Runner:
    return Runner(database, directory=str(DIRECTORY))


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
