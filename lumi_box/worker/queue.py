"""Huey's queue on our own database: a message is only a wake-up that carries a job's id."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from huey import Huey
from huey.contrib.sql_huey import SqlStorage
from huey.storage import BaseStorage
from peewee import Database, MySQLDatabase, PeeweeException, fn
from pymysql import MySQLError

from lumi_box.tables.base import on_server, release, transaction
from lumi_box.tables.prepared import insert_all
from lumi_box.worker.courtesy import Courtesy

QUEUE = "jobs"
WAIT_SECONDS = 5.0
TAKEN_SECONDS = 0.02  # messages are there, but others are taking them, or are left to them: look again
BELL_SECONDS = 0.12  # what other nodes write is noticed within this; most of what a look costs is to wake up for it
AGAIN_SECONDS = 1.0
STATE_OF_QUEUE = "SELECT (SELECT MAX(id) FROM queue_task), (SELECT MIN(timestamp) FROM queue_schedule WHERE queue = %s)"
ENDS_OF_QUEUE = "SELECT (SELECT MIN(id) FROM queue_task), (SELECT MAX(id) FROM queue_task)"

logger = logging.getLogger(__name__)


class Button:
    """Pressed by any process of one tree, felt by the one that waits: a pipe that is made before they fork.

    It only makes things quicker. What other nodes write, the doorbell finds by looking.
    """

    def __init__(self) -> None:
        self._felt, self._pressed = os.pipe()
        for end in (self._felt, self._pressed):
            os.set_blocking(end, False)
            weakref.finalize(self, os.close, end)

    def press(self) -> None:
        with contextlib.suppress(BlockingIOError):  # the pipe is full: it has been pressed often enough
            os.write(self._pressed, b"!")

    def wait(self, seconds: float) -> bool:
        """Whether it was pressed before the time was up."""
        felt = select.poll()
        felt.register(self._felt, select.POLLIN)
        if not felt.poll(seconds * 1000):
            return False
        with contextlib.suppress(BlockingIOError):
            os.read(self._felt, 4096)
        return True


class Doorbell:
    """Rings when there may be something to do, so that idle workers sleep instead of polling the queue.

    That is when the button was pressed, and else what a look shows. On SQLite a look sees whether another connection
    has committed: `data_version` costs some microseconds and takes no lock. On MySQL it sees whether there is a
    message, and whether the first of those that lie in the schedule has changed: one round trip that reads an end
    of two indexes.
    """

    def __init__(self, database: Database, button: Button) -> None:
        self._database, self._button = database, button
        self._changed = threading.Condition()
        self._count = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="doorbell", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self.ring()
        self._button.press()
        self._thread.join()

    def ring(self) -> None:
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    @property
    def count(self) -> int:
        """Read it before looking at the queue, hand it to `wait` when there was nothing: no ring is missed."""
        return self._count

    def wait(self, seen: int, timeout: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._count != seen, timeout)

    def _watch(self) -> None:
        while not self._stop.is_set():
            try:
                with self._looking() as look:
                    self._ring_on_news(look)
            except (PeeweeException, sqlite3.Error, MySQLError):  # away for a while: idle workers look now and then
                logger.warning("queue not watched; trying again", exc_info=True)
                self._stop.wait(AGAIN_SECONDS)

    @contextmanager
    def _looking(self) -> Iterator[Callable[[], tuple[Any, bool]]]:
        """A question that answers what changes with the news, and whether there is something to do already."""
        # The driver's own cursor: this runs many times a second.
        with self._database.connection_context(), closing(self._database.connection().cursor()) as cursor:

            def data_version() -> tuple[Any, bool]:
                return cursor.execute("PRAGMA data_version").fetchone(), False

            def state_of_queue() -> tuple[Any, bool]:
                cursor.execute(STATE_OF_QUEUE, (QUEUE,))
                newest, due = cursor.fetchone()
                return due, newest is not None

            yield state_of_queue if on_server() else data_version

    def _ring_on_news(self, look: Callable[[], tuple[Any, bool]]) -> None:
        seen = None
        while not self._stop.is_set():
            if self._button.wait(BELL_SECONDS):
                self.ring()
                continue
            state, waiting = look()
            if waiting or state != seen:
                seen = state
                self.ring()


class WakeupStorage(SqlStorage):
    """Huey's SQL storage whose workers wait for the doorbell, and which locks only when there is something to take."""

    def __init__(self, name: str, database: Database, **kwargs: Any) -> None:
        # Not SqlStorage's own, which opens a connection to ask a server for its version; tables/engines.py does.
        BaseStorage.__init__(self, name, **kwargs)
        self.database, self.atomic = database, transaction
        self.for_update = "FOR UPDATE SKIP LOCKED" if isinstance(database, MySQLDatabase) else None
        self.KV, self.Schedule, self.Task, self.Counter = self.create_models()
        self.doorbell: Doorbell | None = None
        self.courtesy = Courtesy()
        self._rung: int | None = None
        self._next_due: datetime | None = None
        self.looked = time.monotonic()  # when a thread last asked for something to do

    @property
    def blocking(self) -> bool:
        return self.doorbell is not None

    def create_models(self) -> tuple[Any, ...]:
        models = super().create_models()
        for model in models:  # `task` would be taken for a generation request
            model._meta.set_table_name(f"queue_{model._meta.name}")
            if (timestamp := model._meta.fields.get("timestamp")) is not None:
                timestamp.utc = True  # as what is given to it; local time differs between nodes and jumps twice a year
        return models

    def check_conn(self) -> None:
        """A lost connection is replaced by tables/engines.py, and never in the middle of a transaction."""

    def enqueue(self, data: bytes, priority: int | None = None) -> None:
        insert_all([self.Task(queue=self.name, data=data, priority=priority or 0)])

    def dequeue(self) -> bytes | None:
        self.looked = time.monotonic()
        seen = self.doorbell.count if self.doorbell else 0
        oldest, newest = self.database.execute_sql(ENDS_OF_QUEUE).fetchone()
        waiting = oldest is not None
        data = super().dequeue() if waiting and not self.courtesy.leaves(oldest, newest) else None
        if data is None and self.doorbell:
            release()
            self.doorbell.wait(seen, TAKEN_SECONDS if waiting else WAIT_SECONDS)
        return data

    def read_schedule(self, timestamp: datetime) -> list[bytes]:
        """What is due. Between two rings of the doorbell the schedule is as it was: then nothing is asked."""
        rung = self.doorbell.count if self.doorbell else None
        if rung is None or rung != self._rung:
            self._forget_schedule()
            self._next_due = self.schedule(fn.MIN(self.Schedule.timestamp)).scalar()
            self._rung = rung
        if self._next_due is None or self._next_due > timestamp:
            return []
        self._forget_schedule()
        found: list[bytes] = super().read_schedule(timestamp)
        if found:
            self._next_due = timestamp  # there may be more by now
        return found

    def wait_until_due(self, seconds: float) -> None:
        """Until what `read_schedule` saw first is due, or the doorbell rings, for `seconds` at most."""
        if self._next_due is not None:
            left = self._next_due - datetime.now(UTC).replace(tzinfo=None)
            seconds = min(seconds, max(0.0, left.total_seconds()))
        if self.doorbell:
            self.doorbell.wait(self.doorbell.count if self._rung is None else self._rung, seconds)

    def _forget_schedule(self) -> None:
        """Should the database be away, it is asked again, and not in haste."""
        self._rung = self._next_due = None


class JobQueue:
    """Wakes the worker for a job. `handler` runs one step of it; the web process has none and only writes messages."""

    def __init__(self, database: Database) -> None:
        self.handler: Callable[[str], None] | None = None
        self.button = Button()
        self.huey = Huey(QUEUE, results=False, storage_class=WakeupStorage, database=database)
        self._task = self.huey.task(name="run_job")(self._run)

    @property
    def storage(self) -> WakeupStorage:
        return self.huey.storage

    def wake(self, job_id: str, delay: float = 0.0) -> None:
        """Write a message in the caller's transaction: it is there if, and only if, that commits."""
        message = self._task.s(job_id)
        if delay > 0:
            message.eta = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=delay)
            self.huey.add_schedule(message)
        else:
            self.huey.enqueue(message)
        self.storage.database.after_commit(self.button.press)

    def _run(self, job_id: str) -> None:
        if self.handler is None:
            raise RuntimeError("a job's message was taken by a process that runs no jobs")
        try:
            with self.storage.courtesy.busy():
                self.handler(job_id)
        finally:
            release()
