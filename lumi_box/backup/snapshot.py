"""All rows as they are at one moment, as a SQLite file, while others go on reading and writing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from peewee import Database, MySQLDatabase, SqliteDatabase
from pymysql import MySQLError

from lumi_box.backup import rows, work
from lumi_box.errors import LumiError
from lumi_box.tables import engines, migrate

LOCK_SECONDS = 15
STORED = "SELECT key, size, sha256 FROM stored_object WHERE state = 'stored' ORDER BY key"
LEDGER = "SELECT count(*), coalesce(sum(size), 0) FROM stored_object WHERE state = 'stored'"


class NoRows(LumiError):
    """There is nothing that could be backed up."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a copy holds; `engine` is where it came from."""

    engine: str
    migrations: list[str]
    rows: dict[str, int]
    objects: int
    bytes: int


def check(database: Database) -> None:
    """Raises NoRows, or NewerSchema; writes nothing, and does not make the file that is not there."""
    if isinstance(database, SqliteDatabase) and not Path(database.database).exists():
        raise NoRows(f"{database.database}: there is no database yet, so nothing to back up")
    migrate.check(database)
    if not migrate.applied(database):
        raise NoRows("the database is empty, so there is nothing to back up")


def take(database: Database, target: Path) -> Snapshot:
    """Copy the database's rows into the file, which is made, readable for its owner only."""
    work.new_file(target).close()
    try:
        if isinstance(database, MySQLDatabase):
            engine = _from_server(database, target)
        else:
            engine = _from_file(Path(database.database), target)
        with opened(target) as copy:
            return Snapshot(engine, migrations(copy), rows.counts(copy), *copy.execute(LEDGER).fetchone())
    except (sqlite3.Error, MySQLError) as error:
        raise LumiError(f"the database cannot be copied: {error}; run lumi-box doctor") from error


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a copy, which is a file that nobody else uses."""
    with closing(sqlite3.connect(path, isolation_level=None)) as copy:
        yield copy


def migrations(copy: sqlite3.Connection) -> list[str]:
    return [name for (name,) in copy.execute(f"SELECT name FROM {rows.HISTORY} ORDER BY name").fetchall()]  # noqa: S608


def _from_file(source: Path, target: Path) -> str:
    """VACUUM INTO reads one state of the database, and neither waits for writers nor holds them up.

    The backup API would begin again at each commit of another's, or read all in one go just the same; and this
    leaves out the free pages, in which what was deleted can still be read.
    """
    address = f"file:{quote(os.fspath(source.absolute()))}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=LOCK_SECONDS, isolation_level=None)) as live:
        live.execute("VACUUM INTO ?", (os.fspath(target),))
    with closing(SqliteDatabase(os.fspath(target))) as copy:
        check(copy)
    return "sqlite"


def _from_server(database: MySQLDatabase, target: Path) -> str:
    """Through our own migrations, up to where the server's schema is, and then row by row from one snapshot."""
    server: Any = engines.patient(database)
    with server.connection_context():
        server.execute_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        server.execute_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        check(server)
        with closing(SqliteDatabase(os.fspath(target), pragmas={"journal_mode": "off", "synchronous": "off"})) as made:
            migrate.build(made, migrate.applied(server))
        with opened(target) as copy:
            copy.execute("PRAGMA synchronous = OFF")  # a copy that is cut short is thrown away
            rows.from_server(server, copy)
        return "mariadb" if server.mariadb else "mysql"
