"""Where restored rows go: a SQLite file, or a server's database. Both keep a way back; neither is ever half-filled."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from peewee import Database, DatabaseError, PeeweeException, SqliteDatabase
from pymysql import MySQLError

from lumi_box.backup import rows, settle, snapshot, work
from lumi_box.backup.create import create
from lumi_box.config import Config
from lumi_box.errors import Conflict, LumiError
from lumi_box.owners import hand_over
from lumi_box.tables import base, engines, migrate

# Written by a start or the migrations, not by people.
QUIET = {
    *("schema_migration", "job_kind", "gallery_state", "setting", "node_lease", "heartbeat"),
    *("alert", "tally", "health_state", "health_change", "health_alert"),
}


CLOSING_SECONDS = 2.0


class PlaceOfRows(Protocol):
    """Ours alone from `claimed` on."""

    def claimed(self) -> Any:
        """A block in which nobody migrates, restores or serves; its value is a folder for what is in the making."""

    def contents(self) -> str:
        """What people have in it, in words; nothing where it may be filled without asking."""

    def restored(self) -> str | None:
        """The id of the restore that its rows came by, if they did."""

    def fill(self, copy: Path, stamp: str) -> str | None:
        """Put the rows in place of those there are; answers where these can be found, where there were any."""


def place_of(config: Config) -> PlaceOfRows:
    if config.database.sqlite_path is not None:
        return FileOfRows(config.database.sqlite_path)
    return ServerOfRows(config)


class FileOfRows:
    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def claimed(self) -> Iterator[Path]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = engines.sqlite(self._path)
        with migrate.exclusive(handle, wait=False):  # which a server that starts now waits for
            self._refuse_if_in_use()
            with work.folder(self._path.parent) as folder:
                yield folder

    def contents(self) -> str:
        if not self._path.exists():
            return ""
        try:
            with closing(engines.sqlite(self._path)) as handle:
                return _told(handle)
        except DatabaseError:
            return "what is no database, or a damaged one"

    def restored(self) -> str | None:
        if not self._path.exists():
            return None
        with suppress(sqlite3.Error), snapshot.opened(self._path) as live:
            found = live.execute("SELECT value FROM setting WHERE name = ?", (settle.RESTORED,)).fetchone()
            return None if found is None else str(found[0])
        return None

    def fill(self, copy: Path, stamp: str) -> str | None:
        aside = self._path.with_name(f"{self._path.name}.before-{stamp}") if self.contents() else None
        self._refuse_if_in_use()
        if aside is not None:
            try:
                os.link(self._path, aside)  # so that there is a database at every moment
            except OSError:  # not every file system has links
                shutil.copyfile(self._path, aside)
                aside.chmod(0o600)
        hand_over(copy, self._path.parent)
        with copy.open("rb") as file:
            os.fsync(file.fileno())
        copy.replace(self._path)
        self._drop_logs()  # of the old file, should somebody have looked into it just now: they would spoil the new
        work.sync_folder(self._path.parent)
        return None if aside is None else os.fspath(aside)

    def _refuse_if_in_use(self) -> None:
        """To leave WAL mode takes a lock that nobody gets beside another open connection. Nothing stays in the WAL."""
        if not self._path.exists():
            return
        try:
            with closing(sqlite3.connect(self._path, timeout=CLOSING_SECONDS)) as live:
                live.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                raise Conflict(f"{self._path} is in use: stop lumi-box first, and whatever else has it open") from error
            raise
        except sqlite3.DatabaseError:  # no database at all: nobody can be using it as one
            return

    def _drop_logs(self) -> None:
        for name in ("-wal", "-shm"):
            Path(f"{self._path}{name}").unlink(missing_ok=True)


class ServerOfRows:
    def __init__(self, config: Config) -> None:
        self._config = config
        self._server: Any = None

    @contextmanager
    def claimed(self) -> Iterator[Path]:
        self._server = server = engines.patient(base.connect(self._config.database))
        with server.connection_context(), migrate.exclusive(server, wait=False):
            if migrate.unknown(server):
                raise Conflict(
                    f"{base.place(self._config.database)} was made by a newer lumi-box, so this one cannot put it "
                    "aside: name an empty database in database.url"
                )
            self._refuse_if_in_use()
            with work.folder(Path(tempfile.gettempdir())) as folder:
                yield folder

    def contents(self) -> str:
        return _told(self._server)

    def restored(self) -> str | None:
        if not self._server.table_exists("setting"):
            return None
        sql = "SELECT value FROM setting WHERE name = %s"
        found = self._server.execute_sql(sql, (settle.RESTORED,)).fetchone()
        return None if found is None else str(found[0])

    def fill(self, copy: Path, stamp: str) -> str | None:
        aside = None
        if self.contents():
            aside = (self._config.backup.directory or self._config.folder) / f"rows.before-{stamp}.tar"
            create(self._config, aside, with_objects=False)
            base.close_all()
        migrate.bring_up(self._server)
        self._refuse_if_in_use()
        try:
            with snapshot.opened(copy) as made:
                rows.to_server(made, self._server)
        except (PeeweeException, MySQLError) as error:
            raise LumiError(f"the rows could not be written, and are as they were: {error}") from error
        return None if aside is None else os.fspath(aside)

    def _refuse_if_in_use(self) -> None:
        """Every process that serves keeps connections open; one that was just closed is listed for a moment more."""
        base.close_all()
        until = time.monotonic() + CLOSING_SECONDS
        while others := self._others():
            if time.monotonic() > until:
                raise Conflict(
                    f"{base.place(self._config.database)} is in use by {others} other connections: stop lumi-box "
                    "first, on every node, and whatever else is connected"
                )
            time.sleep(0.1)

    def _others(self) -> int:
        sql = "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
        return int(self._server.execute_sql(sql).fetchone()[0])


def _told(handle: Database) -> str:
    """How many rows of people's there are."""
    found = []
    for table in sorted(set(handle.get_tables()) - QUIET):
        if table.startswith("search_index"):
            continue
        name = f'"{table}"' if isinstance(handle, SqliteDatabase) else f"`{table}`"
        (count,) = handle.execute_sql(f"SELECT count(*) FROM {name}").fetchone()  # noqa: S608
        if count:
            found.append(f"{count} in {table}")
    return ", ".join(found)
