"""The one database handle, how it is opened, and the ids of rows."""

from __future__ import annotations

import os
import secrets
import threading
import uuid
from typing import TYPE_CHECKING, Any

from peewee import Database, DatabaseError, DatabaseProxy, Model, SqliteDatabase

from lumi_box.clock import now_ms
from lumi_box.errors import LumiError, NotConfigured

if TYPE_CHECKING:
    from lumi_box.config import DatabaseConfig

database: Any = DatabaseProxy()

ID_LENGTH = 36

_id_lock = threading.Lock()
_last_tick = 0


class CannotConnect(LumiError):
    """The database cannot be opened at all."""


class Table(Model):
    """Base of every table of ours."""

    class Meta:
        database = database
        legacy_table_names = False


def new_id() -> str:
    """A UUID of version 7 (RFC 9562, sections 5.7 and 6.2): it sorts by time, and within a process by turn."""
    global _last_tick  # noqa: PLW0603  one counter a process
    with _id_lock:
        # Milliseconds and the twelve bits behind them: a thousand ids a millisecond keep their order.
        _last_tick = max(now_ms() << 12, _last_tick + 1)
        tick = _last_tick
    milliseconds, turn = tick >> 12, tick & 0xFFF
    value = (milliseconds & (2**48 - 1)) << 80 | 0x7 << 76 | turn << 64 | 0b10 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=value))


def bind(config: DatabaseConfig) -> Database:
    """Bind every table to the database that the config names; threads open connections of their own as they need.

    Raises NotConfigured when it is of a kind that this version lacks.
    """
    if config.sqlite_path is None:
        raise NotConfigured("database.url: this version stores its rows in SQLite only; write sqlite:///data/lumi.db")
    handle = SqliteDatabase(
        os.fspath(config.sqlite_path),
        pragmas={"journal_mode": "wal", "synchronous": "normal", "foreign_keys": 1, "cache_size": -16_000},
        timeout=15,
        # A transaction that reads first and writes later would fail at once when another wrote in between:
        # taking the write lock at BEGIN makes it wait its turn instead.
        lock_type="IMMEDIATE",
    )
    database.initialize(handle)
    return handle


def connect(config: DatabaseConfig) -> Database:
    """`bind`, and make sure that it can be opened, in a folder made for it; raises CannotConnect where it cannot."""
    handle = bind(config)
    path = config.sqlite_path
    assert path is not None  # bind() has refused every other kind  # noqa: S101
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with handle.connection_context():
            handle.execute_sql("SELECT 1")
    except (OSError, DatabaseError) as error:
        raise CannotConnect(f"database.url: {path} cannot be opened: {error}") from error
    return handle


def transaction() -> Any:
    """All of the block's rows, events and queue messages, or none of them."""
    return database.atomic()


def snapshot() -> Any:
    """Reads in the block see one state of the database; they neither wait for a writer nor hold one up."""
    return database.atomic("DEFERRED")
