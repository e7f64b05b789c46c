"""Brings the schema up to date: forward only, under a lock, so that two nodes may start at once."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from peewee import Database, DatabaseError, MySQLDatabase
from playhouse.migrations import Migration, Runner

from lumi_box import __version__
from lumi_box.errors import Conflict, LumiError, NotConfigured
from lumi_box.owners import hand_over
from lumi_box.tables import engines

LOCK_SECONDS = 600
DIRECTORY = Path(__file__).parent / "migrations"

logger = logging.getLogger(__name__)


class NewerSchema(LumiError):
    """A newer version has been here: nobody can say what its tables mean, so nothing is read or written."""


def migrate(database: Database) -> list[str]:
    """Apply what is missing; answer the names of the migrations that were applied, in order.

    Raises NewerSchema, and then changes nothing. On SQLite a migration that is interrupted never was. MySQL keeps
    what it has done so far; being run again, it goes on from there.
    """
    handle = engines.patient(database)
    try:
        with handle.connection_context(), exclusive(handle):
            check(handle)
            done: list[str] = _runner(handle).up()
    finally:
        if handle is not database and not handle.is_closed():
            handle.close()
    for name in done:
        logger.info("migration applied name=%s", name)
    return done


def check(database: Database) -> None:
    """The guard: a program must not touch a schema that is newer than itself."""
    if newer := unknown(database):
        raise NewerSchema(
            f"the database was made by a newer lumi-box: this one, {__version__}, does not know {', '.join(newer)}; "
            "install the newer one again, or restore a backup from before the upgrade"
        )


def build(database: Database, names: Sequence[str]) -> None:
    """In an empty database that nobody else uses: the schema as it was when these migrations had been applied."""
    if not names or list(names) != known()[: len(names)]:
        raise NewerSchema(f"lumi-box {__version__} does not know this schema: {', '.join(names)}")
    _runner(database).up(names[-1])


def bring_up(database: Database) -> None:
    """`migrate` for a database that nobody else uses."""
    check(database)
    _runner(database).up()


def known() -> list[str]:
    """The migrations that this version brings, in order."""
    return [migration.name for migration in Migration.load_directory(str(DIRECTORY))]


def pending(database: Database) -> list[str]:
    """The migrations that this version brings and the database lacks."""
    return [row.name for row in _runner(database).status() if row.path and not row.applied]


def applied(database: Database) -> list[str]:
    """The migrations that the database has, in order."""
    return [row.name for row in _runner(database).status() if row.applied]


def unknown(database: Database) -> list[str]:
    """Migrations that the database has and this version does not know: a newer version has been here."""
    return [row.name for row in _runner(database).status() if not row.path]


def _runner(database: Database) -> Runner:
    return Runner(database, directory=str(DIRECTORY))


@contextmanager
def exclusive(database: Database, *, wait: bool = True) -> Iterator[None]:
    """Nobody else migrates or restores the database in the block. Conflict where we would have to wait and may not."""
    with _named_lock(database, wait) if isinstance(database, MySQLDatabase) else _locked_file(database, wait):
        yield


@contextmanager
def _named_lock(database: MySQLDatabase, wait: bool) -> Iterator[None]:
    name = f"lumi-box migrate {database.database}"[:64]

    def taken(seconds: int) -> bool:
        return bool(database.execute_sql("SELECT GET_LOCK(%s, %s)", (name, seconds)).fetchone()[0] == 1)

    if not taken(0):
        _must_wait(database, wait)
        if not taken(LOCK_SECONDS):
            minutes = LOCK_SECONDS // 60
            raise NotConfigured(f"another node has been migrating the database for {minutes} minutes; see its log")
    try:
        _compare_exactly(database)
        yield
    finally:
        if database.is_connection_usable():  # the server frees the lock of a lost connection by itself
            database.execute_sql("DO RELEASE_LOCK(%s)", (name,))


@contextmanager
def _locked_file(database: Database, wait: bool) -> Iterator[None]:
    path = Path(f"{database.database}.migrate-lock")
    with path.open("w") as lock:
        hand_over(path, path.parent)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _must_wait(database, wait)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _must_wait(database: Database, wait: bool) -> None:
    if not wait:
        raise Conflict("another lumi-box is just migrating or restoring this database; try again when it has ended")
    logger.info("waiting for another lumi-box that migrates or restores this database")


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
