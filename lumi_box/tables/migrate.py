"""Brings the schema up to date: forward only, under a lock, so that two nodes may start at once."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peewee import Database, DatabaseError, MySQLDatabase
from playhouse.migrations import Runner

from lumi_box.errors import NotConfigured
from lumi_box.tables import engines

LOCK_SECONDS = 600
DIRECTORY = Path(__file__).parent / "migrations"

logger = logging.getLogger(__name__)


def migrate(database: Database) -> list[str]:
    """Apply what is missing; answer the names of the migrations that were applied, in order.

    On SQLite a migration that is interrupted never was. MySQL keeps what it has done so far; being run again, it
    goes on from there.
    """
    handle = engines.patient(database)
    try:
        with handle.connection_context(), _exclusive(handle):
            applied: list[str] = _runner(handle).up()
    finally:
        if handle is not database and not handle.is_closed():
            handle.close()
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
def _exclusive(database: Database) -> Iterator[None]:
    if not isinstance(database, MySQLDatabase):
        with _locked_file(Path(f"{database.database}.migrate-lock")):
            yield
        return
    name = f"lumi-box migrate {database.database}"[:64]
    if database.execute_sql("SELECT GET_LOCK(%s, %s)", (name, LOCK_SECONDS)).fetchone()[0] != 1:
        raise NotConfigured(
            f"another node has been migrating the database for {LOCK_SECONDS // 60} minutes; see its log"
        )
    try:
        _compare_exactly(database)
        yield
    finally:
        if database.is_connection_usable():  # the server frees the lock of a lost connection by itself
            database.execute_sql("DO RELEASE_LOCK(%s)", (name,))


@contextmanager
def _locked_file(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _compare_exactly(database: MySQLDatabase) -> None:
    """New tables take their character set and their rules of comparison from the database that they are in."""
    wanted = engines.exact_collation(database)
    if database.execute_sql("SELECT @@collation_database").fetchone()[0] == wanted:
        return
    sql = f"ALTER DATABASE `{database.database.replace('`', '``')}` CHARACTER SET utf8mb4 COLLATE {wanted}"
    try:
        database.execute_sql(sql)
    except DatabaseError as error:
        raise NotConfigured(f"the database must compare exactly and its user may not change it; run: {sql}") from error
