"""Huey's queue on our own database: a message is only a wake-up that carries a job's id."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from huey import Huey
from huey.contrib.sql_huey import SqlStorage
from peewee import Database, fn

WAIT_SECONDS = 5.0
BELL_SECONDS = 0.05  # a new job is noticed within this, and half of it on average

logger = logging.getLogger(__name__)


class Doorbell:
    """Rings when another connection has committed, so that idle workers sleep instead of polling the queue.

    SQLite's `data_version` costs some microseconds and takes no lock, so one thread can look many times a second.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changed = threading.Condition()
        self._count = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="doorbell", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self.ring()
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
        seen = None
        with self._database.connection_context():
            look = self._database.connection().cursor()  # the driver's own: this runs twenty times a second
            while not self._stop.wait(BELL_SECONDS):
                version = look.execute("PRAGMA data_version").fetchone()[0]
                if version != seen:
                    seen = version
                    self.ring()


class WakeupStorage(SqlStorage):
    """Huey's SQL storage whose workers wait for the doorbell, and which locks only when there is something to take."""

    def __init__(self, name: str, database: Database, **kwargs: Any) -> None:
        super().__init__(name, database=database, create_tables=False, **kwargs)
        self.doorbell: Doorbell | None = None
        self._rung: int | None = None
        self._next_due: datetime | None = None

    @property
    def blocking(self) -> bool:
        return self.doorbell is not None

    def create_models(self) -> tuple[Any, ...]:
        models = super().create_models()
        for model in models:  # `task` would be taken for a generation request
            model._meta.set_table_name(f"queue_{model._meta.name}")
        return models

    def dequeue(self) -> bytes | None:
        seen = self.doorbell.count if self.doorbell else 0
        if self.tasks(self.Task.id).limit(1).exists():
            data = super().dequeue()
            if data is not None:
                return data
        if self.doorbell:
            self.doorbell.wait(seen, WAIT_SECONDS)
        return None

    def read_schedule(self, timestamp: datetime) -> list[bytes]:
        """What is due. Between two rings of the doorbell the schedule is as it was: then nothing is asked."""
        rung = self.doorbell.count if self.doorbell else None
        if rung is None or rung != self._rung:
            self._rung, self._next_due = rung, self.schedule(fn.MIN(self.Schedule.timestamp)).scalar()
        if self._next_due is None or self._next_due > timestamp:
            return []
        self._rung = None
        return super().read_schedule(timestamp)


class JobQueue:
    """Wakes the worker for a job. `handler` runs one step of it; the web process has none and only writes messages."""

    def __init__(self, database: Database) -> None:
        self.handler: Callable[[str], None] | None = None
        self.huey = Huey("jobs", results=False, storage_class=WakeupStorage, database=database)
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

    def _run(self, job_id: str) -> None:
        if self.handler is None:
            raise RuntimeError("a job's message was taken by a process that runs no jobs")
        self.handler(job_id)
