"""The two engines that hold our rows: SQLite, a file; MySQL or MariaDB, a server that several nodes share."""

from __future__ import annotations

import functools
import os
import sqlite3
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pymysql
from peewee import Database, InterfaceError, MySQLDatabase, OperationalError, PeeweeException, SqliteDatabase
from playhouse.pool import MaxConnectionsExceeded, PooledMySQLDatabase
from pymysql.constants import CLIENT

from lumi_box.clock import now_ms
from lumi_box.errors import NotConfigured

CONNECT_SECONDS = 4
ANSWER_SECONDS = 60  # of one statement; a server that is silent for longer is taken for gone
LOCK_SECONDS = 10  # that a statement waits for what another transaction holds: a row, or on SQLite all of it
POOL_SECONDS = 10  # that a thread waits for a connection when all of them are in use
STALE_SECONDS = 600  # a connection is not used for longer, so that those which a router has cut are not many
WATCHERS = 2  # connections beside the pool's size, for the threads that watch the queue and the events
OLDEST_MARIADB, OLDEST_MYSQL = (10, 6), (8, 0, 1)  # the first with SKIP LOCKED

# The client's and the server's ways to say that the connection, or the server, is gone.
LOST = (0, 1053, 1077, 1079, 1158, 1159, 1160, 1161, 1927, 2002, 2003, 2006, 2013, 2014, 2055, 4031)

SESSION = (
    # A statement sees what has been committed before it: a read that follows a lock sees what the lock waited for,
    # as on SQLite, and no gaps between rows are locked, which is where most deadlocks come from.
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    f"SET SESSION time_zone = '+00:00', innodb_lock_wait_timeout = {LOCK_SECONDS}, default_storage_engine = InnoDB",
)
STRICT = "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"  # refuse what does not fit; cut nothing


class ConnectionLost(OperationalError):
    """It went in the middle of a transaction, which the server has undone."""


class Link(pymysql.connections.Connection):
    """Encrypted where the server can. What that takes is loaded once: it costs more than all else about connecting."""

    @staticmethod
    @functools.cache
    def _shared_context() -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # as PyMySQL does when given no authority
        return context

    def _create_ssl_ctx(self, _: Any) -> ssl.SSLContext:
        return self._shared_context()


class Session(MySQLDatabase):
    """A server of whose connections each begins with the settings that our statements count on."""

    field_types = MySQLDatabase.field_types | {
        # As wide as on SQLite: a busy box writes more than 2^31 messages within weeks.
        "AUTO": "BIGINT AUTO_INCREMENT",
        "INT": "BIGINT",
        "FLOAT": "DOUBLE PRECISION",
        "TEXT": "MEDIUMTEXT",  # 16 MB; no text of ours comes near that
    }
    lost_at = 0  # milliseconds: when this process last found the server gone
    operations = MySQLDatabase.operations | {"ILIKE": "COLLATE utf8mb4_general_ci LIKE"}  # our columns compare exactly

    def _connect(self) -> Any:
        with self._noting_losses():
            connection = Link(database=self.database, autocommit=True, **self.connect_params)
        try:
            with connection.cursor() as cursor:
                for statement in SESSION:
                    cursor.execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_server_version(self, connection: Any) -> None:
        super()._set_server_version(connection)  # type: ignore[misc]  # peewee hides it from type checkers
        self.mariadb = is_mariadb(connection.get_server_info())  # which writes JSON in another way than MySQL

    def get_sql_context(self, **options: Any) -> Any:
        if self.server_version is None:
            self.connection()  # what a statement looks like depends on it
        return super().get_sql_context(**options)

    def execute_sql(self, *args: Any, **options: Any) -> Any:
        with self._noting_losses():
            return super().execute_sql(*args, **options)

    @contextmanager
    def _noting_losses(self) -> Iterator[None]:
        try:
            yield
        except (PeeweeException, pymysql.MySQLError) as error:
            if is_lost(error):
                self.lost_at = now_ms()
            raise

    def commit(self) -> Any:
        with self._noting_losses():
            return super().commit()

    def is_connection_usable(self) -> bool:
        """Asked without mending: a connection that mends itself would forget the transaction that it was in."""
        if self.is_closed():
            return False
        try:
            self.connection().ping(False)
        except Exception:  # of whatever kind the driver's is, it means no
            return False
        return True

    def cursor(self, named_cursor: Any = None) -> Any:
        """A lost connection is replaced before the next statement, except inside a transaction, which it has ended."""
        if not self.is_closed() and not self.connection().open:
            if self.in_transaction():
                raise ConnectionLost("the connection was lost in the middle of a transaction")
            self.close()
        return super().cursor(named_cursor)

    def rollback(self) -> Any:
        if self.is_closed() or self.connection().open:
            return super().rollback()
        return None  # the server has done it when it lost the connection


class Pool(PooledMySQLDatabase, Session):
    """As many connections a process as `database.pool_size` says; a thread that finds none free waits for one."""

    def connect(self, reuse_if_open: bool = False) -> Any:
        try:
            return super().connect(reuse_if_open)
        except MaxConnectionsExceeded as error:
            raise OperationalError(
                f"no connection became free in {POOL_SECONDS} s; raise database.pool_size"
            ) from error


def is_lost(error: BaseException | None) -> bool:
    """Whether the server was away, or went. What an undone savepoint makes of it hides the cause: it is looked for."""
    while error is not None:
        if isinstance(error, ConnectionLost):
            return True
        known = isinstance(error, OperationalError | InterfaceError | pymysql.OperationalError | pymysql.InterfaceError)
        if known and error.args and error.args[0] in LOST:
            return True
        error = error.__context__
    return False


class OneWriter(SqliteDatabase):
    """The writers of a process wait in line for SQLite's one write lock.

    Left to SQLite, each of them asks again after a while that grows: with fifty at once the unlucky wait for seconds,
    and nobody writes while all are asleep.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._line, self._own = threading.Lock(), threading.local()
        self._watching = threading.Lock()
        self._watch: sqlite3.Connection | None = None
        self._version, self._commits = None, 0

    def begin(self, lock_type: str | None = None) -> None:
        if lock_type == "DEFERRED":  # it reads
            super().begin(lock_type)
            return
        if not self._line.acquire(timeout=LOCK_SECONDS):
            raise OperationalError("database is locked")
        self._own.turn = True
        try:
            super().begin(lock_type)
        except BaseException:
            self._leave()
            raise

    def commit(self) -> None:
        super().commit()
        self._leave()  # where that failed a rollback follows

    def rollback(self) -> None:
        try:
            super().rollback()
        finally:
            self._leave()

    def commits(self) -> int:
        """A number that grows when anything was committed, by whatever process: some microseconds to ask for."""
        with self._watching:
            if self._watch is None:
                self._watch = sqlite3.connect(self.database, timeout=LOCK_SECONDS, check_same_thread=False)
            version = self._watch.execute("PRAGMA data_version").fetchone()  # counts what other connections did
            if version != self._version:
                self._version = version
                self._commits += 1
            return self._commits

    def stop_watching(self) -> None:
        with self._watching:
            if self._watch is not None:
                self._watch.close()
                self._watch = None

    def _leave(self) -> None:
        if getattr(self._own, "turn", False):
            self._own.turn = False
            self._line.release()


def sqlite(path: Path) -> SqliteDatabase:
    """A connection for each thread that asks: they cost little, and are kept."""
    return OneWriter(
        os.fspath(path),
        pragmas={"journal_mode": "wal", "synchronous": "normal", "foreign_keys": 1, "cache_size": -16_000},
        timeout=LOCK_SECONDS,
        # A transaction that reads first and writes later would fail at once when another wrote in between:
        # taking the write lock at BEGIN makes it wait its turn instead.
        lock_type="IMMEDIATE",
    )


def mysql(name: str, pool_size: int, *, host: str, port: int, user: str, password: str) -> Pool:
    # PyMySQL would write the password in Latin 1, which no server of today expects.
    address: dict[str, Any] = {"host": host, "port": port, "user": user, "password": password.encode()}
    return Pool(
        name,
        max_connections=pool_size + WATCHERS,
        stale_timeout=STALE_SECONDS,
        timeout=POOL_SECONDS,
        **_driver(ANSWER_SECONDS),
        **address,
    )


def patient(handle: Database) -> Database:
    """For a migration, whose statements may take hours: the same database without a limit on how long they take."""
    if not isinstance(handle, Pool):
        return handle
    address = {name: handle.connect_params[name] for name in ("host", "port", "user", "password")}
    return Session(handle.database, **_driver(None), **address)


def check_version(handle: Database) -> None:
    """Raises NotConfigured for a server that is too old to share a queue."""
    if not isinstance(handle, MySQLDatabase):
        return
    (text,) = handle.execute_sql("SELECT VERSION()").fetchone()
    oldest = OLDEST_MARIADB if is_mariadb(text) else OLDEST_MYSQL
    if handle.server_version < oldest:
        raise NotConfigured(f"database.url: the server is {text}; MariaDB 10.6 or MySQL 8.0 is the oldest that will do")


def exact_collation(handle: Database) -> str:
    """In which keys, tokens and ids compare byte for byte, trailing spaces included, as they do on SQLite."""
    (text,) = handle.execute_sql("SELECT VERSION()").fetchone()
    return "utf8mb4_nopad_bin" if is_mariadb(text) else "utf8mb4_0900_bin"


def is_mariadb(version: str) -> bool:
    return "mariadb" in version.lower()


def _driver(answer_seconds: int | None) -> dict[str, Any]:
    return {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": answer_seconds,
        "write_timeout": answer_seconds,
        "client_flag": CLIENT.FOUND_ROWS,  # an UPDATE answers how many rows it found, changed or not, as on SQLite
        "sql_mode": STRICT,
    }
