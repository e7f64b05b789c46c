"""The durable event log: written in the caller's transaction, followed by one reader a process."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peewee import Database, PeeweeException, fn

from lumi_box.clock import now_ms
from lumi_box.tables.base import joined
from lumi_box.tables.dialect import lock
from lumi_box.tables.event import Event
from lumi_box.tables.generation import GenerationRequest
from lumi_box.tables.prepared import insert_all

KEEP_MS = 7 * 24 * 3_600_000
LOOK_SECONDS = 0.05
RECONNECT_SECONDS = 1.0
BATCH = 1000
LOOK_BACK = 200  # ids before the newest that may yet be committed when a follower begins
SKIPPED_SECONDS = 60.0  # no transaction of ours takes that long

logger = logging.getLogger(__name__)


def record(request_id: str, name: str, **data: Any) -> None:
    """Listeners hear of it once the running transaction commits.

    `files` maps names of addresses to storage keys: whoever reads the event makes addresses of them, which expire.
    """
    with joined():
        # Ids are given out before they are committed: whoever holds the request gives out the next one of it, so
        # that a listener who has read up to one of its events has seen all that came before.
        lock(GenerationRequest, request_id)
        insert_all([Event(request_id=request_id, name=name, data=json.dumps(data, ensure_ascii=False))])


def last_id(request_id: str) -> int:
    return Event.select(fn.MAX(Event.id)).where(Event.request_id == request_id).scalar() or 0


def after(request_id: str, event_id: int, limit: int = 200) -> list[Event]:
    """The request's events that follow the given one, oldest first."""
    query = Event.select().where(Event.request_id == request_id, Event.id > event_id)
    return list(query.order_by(Event.id).limit(limit))


def knows(request_id: str, event_id: int) -> bool:
    """Whether a client that saw this event last can be resumed: it is one of the request's, and not pruned."""
    return Event.select().where(Event.id == event_id, Event.request_id == request_id).exists()


def prune() -> int:
    return Event.delete().where(Event.created_at < now_ms() - KEEP_MS).execute()


class Follower:
    """One thread that looks for new events while anybody listens, and wakes whoever listens to their requests.

    A listener is only woken: it reads the log itself from its last id, so it needs no buffer and cannot fall behind.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: dict[str, set[threading.Event]] = defaultdict(set)
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self.closing = False

    @property
    def listening(self) -> int:
        with self._changed:
            return sum(len(bells) for bells in self._listeners.values())

    @contextmanager
    def listen(self, request_id: str) -> Iterator[threading.Event]:
        """The bell is set whenever the request may have news, and when the process is about to stop."""
        bell = threading.Event()
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._follow, name="event-follower", daemon=True)
                self._thread.start()
            self._listeners[request_id].add(bell)
            self._changed.notify_all()
        try:
            yield bell
        finally:
            with self._changed:
                self._listeners[request_id].discard(bell)
                if not self._listeners[request_id]:
                    del self._listeners[request_id]

    def close(self, *, wait: bool = False) -> None:
        """Wake every listener for the last time; `closing` tells them why. Without `wait`, safe in a signal handler."""
        self.closing = True
        for bells in list(self._listeners.values()):
            for bell in list(bells):
                bell.set()
        if wait and self._thread is not None:
            self._thread.join()

    def _follow(self) -> None:
        while not self.closing:
            try:
                with self._database.connection_context():
                    self._look_around()
            except PeeweeException:  # a database that is away for a while: streams stay open and hear of it later
                logger.warning("event log not read; trying again", exc_info=True)
                time.sleep(RECONNECT_SECONDS)

    def _look_around(self) -> None:
        recent: _Recent | None = None
        while not self.closing:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._listeners), timeout=1.0)
                idle = not self._listeners
            if idle:
                recent = None  # what happens now, nobody waits for
                continue
            recent = recent or _Recent()
            self._wake(recent.requests_with_news())
            time.sleep(LOOK_SECONDS)

    def _wake(self, request_ids: set[str]) -> None:
        with self._changed:
            for request_id in request_ids & self._listeners.keys():
                for bell in self._listeners[request_id]:
                    bell.set()


class _Recent:
    """What has been read of the end of the log. A server gives out ids before they are committed: those that were
    skipped are looked for again, until no transaction can be that old.
    """

    def __init__(self) -> None:
        self._seen = max(0, (Event.select(fn.MAX(Event.id)).scalar() or 0) - LOOK_BACK)
        self._skipped: dict[int, float] = {}

    def requests_with_news(self) -> set[str]:
        found: set[str] = set()
        while True:
            batch = self._read()
            found.update(request_id for _, request_id in batch)
            if len(batch) < BATCH:
                return found

    def _read(self) -> list[tuple[int, str]]:
        now = time.monotonic()
        new = Event.id > self._seen
        which = new | Event.id.in_(list(self._skipped)) if self._skipped else new
        query = Event.select(Event.id, Event.request_id).where(which).order_by(Event.id).limit(BATCH)
        rows: list[Any] = list(query.tuples())
        for event_id, _ in rows:
            self._skipped.pop(event_id, None)
            first = max(self._seen + 1, event_id - LOOK_BACK)
            self._skipped.update(dict.fromkeys(range(first, event_id), now))
            self._seen = max(self._seen, event_id)
        self._skipped = {number: since for number, since in self._skipped.items() if now - since < SKIPPED_SECONDS}
        return rows
