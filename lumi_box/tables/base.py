"""The one database handle, how it is opened, and the ids of rows."""

from __future__ import annotations

import functools
import logging
import random
import secrets
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from peewee import Database, DatabaseError, DatabaseProxy, InterfaceError, Model, MySQLDatabase, OperationalError

from lumi_box.clock import now_ms
from lumi_box.errors import LumiError, NotConfigured
from lumi_box.tables import engines

if TYPE_CHECKING:
    from lumi_box.config import DatabaseConfig

database: Any = DatabaseProxy()

ID_LENGTH = 36
FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 0.05, 2.0
RETRIES = 5
OUTAGE_SECONDS = 300.0  # of the server that are waited out with an answer in hand which has been paid for
UNDONE = (1205, 1213)  # lock wait timeout, deadlock
HOPELESS = (1044, 1045, 1049, 1698)  # wrong user or password, no such database: waiting mends none of these

Given = ParamSpec("Given")
Result = TypeVar("Result")

logger = logging.getLogger(__name__)

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
    """Bind every table to the database that the config names; threads open connections of their own as they need."""
    handle: Database
    if config.sqlite_path is not None:
        handle = engines.sqlite(config.sqlite_path)
    else:
        handle = engines.mysql(
            config.name,
            config.pool_size,
            host=config.host,
            port=config.port,
            user=config.user,
            password=config.password,
        )
    database.initialize(handle)
    return handle


def connect(config: DatabaseConfig) -> Database:
    """`bind`, and make sure that it can be opened: a file in a folder made for it, or a server that is waited for.

    Raises CannotConnect where it cannot.
    """
    handle = bind(config)
    if config.sqlite_path is None:
        _wait_for_server(handle, config)
        return handle
    try:
        config.sqlite_path.parent.mkdir(parents=True, exist_ok=True)
        with handle.connection_context():
            handle.execute_sql("SELECT 1")
    except (OSError, DatabaseError) as error:
        raise CannotConnect(f"database.url: {config.sqlite_path} cannot be opened: {error}") from error
    return handle


def place(config: DatabaseConfig) -> str:
    """Where the rows are, without the password."""
    if config.sqlite_path is not None:
        return str(config.sqlite_path)
    host = f"[{config.host}]" if ":" in config.host else config.host
    return f"{config.user}@{host}:{config.port}/{config.name}"


def on_server() -> bool:
    """Whether the rows are on MySQL or MariaDB, which others write to at the same time."""
    return isinstance(database.obj, MySQLDatabase)


def release() -> None:
    """This thread needs no connection for a while. SQLite's stays: it costs less to keep than to open again."""
    if on_server() and not database.in_transaction():
        database.close()


def commits() -> int | None:
    """A number that grows whenever anything was committed; None where there is none to be had."""
    return database.obj.commits() if isinstance(database.obj, engines.OneWriter) else None


def close_all() -> None:
    """Every connection of this process: before it forks, since two processes must not share one, and at its end."""
    if isinstance(database.obj, engines.Pool):
        database.close_all()
        return
    database.close()
    if isinstance(database.obj, engines.OneWriter):
        database.obj.stop_watching()


def transaction() -> Any:
    """All of the block's rows, events and queue messages, or none of them."""
    return database.atomic()


def is_lost(error: BaseException) -> bool:
    """Whether the server was away, or went."""
    return engines.is_lost(error)


def passes(error: BaseException) -> bool:
    """Whether the server undid a transaction for reasons of its own: no fault of what was being done."""
    return is_lost(error) or _undone(error)


def joined() -> AbstractContextManager[Any]:
    """The running transaction, or one of the block's own."""
    return nullcontext() if database.in_transaction() else transaction()


def snapshot() -> Any:
    """Reads in the block see one state of the database; they neither wait for a writer nor hold one up."""
    return database.atomic("REPEATABLE READ" if on_server() else "DEFERRED")


def retried(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Run it again when the server undid its transaction for another's sake: a deadlock, or a lock waited for too long.

    For functions whose whole effect is one transaction. Within a transaction of the caller's, the caller is to be
    run again.
    """

    @functools.wraps(function)
    def run(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        for attempt in range(RETRIES):
            try:
                return function(*args, **kwargs)
            except (OperationalError, InterfaceError) as error:
                if database.in_transaction() or not _undone(error):
                    raise
                logger.info("transaction undone by the server, run again name=%s", function.__qualname__)
                time.sleep(random.uniform(0.0, FIRST_PAUSE_SECONDS * 2**attempt))  # noqa: S311  spread, not secrecy
        return function(*args, **kwargs)

    return run


def outlasting(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """Run it again while the server is away, for OUTAGE_SECONDS at most: what it would write must not be forgotten.

    The server may have gone after it had committed, so that a second run must find that and change nothing.
    """

    @functools.wraps(function)
    def run(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        until, pause = time.monotonic() + OUTAGE_SECONDS, FIRST_PAUSE_SECONDS
        while True:
            try:
                return function(*args, **kwargs)
            except (OperationalError, InterfaceError) as error:
                if not is_lost(error) or database.in_transaction() or time.monotonic() > until:
                    raise
            logger.info("the database is away, trying again name=%s", function.__qualname__)
            time.sleep(random.uniform(pause / 2, pause))  # noqa: S311  spread, not secrecy
            pause = min(pause * 2, LAST_PAUSE_SECONDS)

    return run


def last_away_ms() -> int:
    """When this process last found the server gone; 0 for never, which a file is."""
    return getattr(database.obj, "lost_at", 0)


def _undone(error: BaseException | None) -> bool:
    """A savepoint that is gone hides why it went: the cause is looked for all the way back."""
    while error is not None:
        if isinstance(error, OperationalError) and error.args and error.args[0] in UNDONE:
            return True
        error = error.__context__
    return False


def _wait_for_server(handle: Database, config: DatabaseConfig) -> None:
    pause = FIRST_PAUSE_SECONDS
    for attempt in range(1, config.connect_attempts + 1):
        try:
            with handle.connection_context():
                engines.check_version(handle)
            return
        except NotConfigured as error:
            raise CannotConnect(str(error)) from error
        except (DatabaseError, InterfaceError) as error:
            where, code, reason = place(config), error.args[0] if error.args else None, error.args[-1]
            if code in HOPELESS or attempt == config.connect_attempts:
                times = f" after {attempt} attempts" if attempt > 1 else ""
                raise CannotConnect(f"database.url: {where} cannot be reached{times}: {reason}") from error
            if attempt == 1 or pause == LAST_PAUSE_SECONDS:
                logger.warning("waiting for the database at=%s attempt=%d reason=%s", where, attempt, reason)
            time.sleep(pause)
            pause = min(pause * 2, LAST_PAUSE_SECONDS)
