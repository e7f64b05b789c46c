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
from lumi_box.tables.event import Event

KEEP_MS = 7 * 24 * 3_600_000
LOOK_SECONDS = 0.05
RECONNECT_SECONDS = 1.0

logger = logging.getLogger(__name__)


def record(request_id: str, name: str, **data: Any) -> None:
    """Listeners hear of it once the running transaction commits.

    `files` maps names of addresses to storage keys: whoever reads the event makes addresses of them, which expire.
    """
    Event.insert(request_id=request_id, name=name, data=json.dumps(data, ensure_ascii=False)).execute()


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
        seen = Event.select(fn.MAX(Event.id)).scalar() or 0
        while not self.closing:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._listeners), timeout=1.0)
                idle = not self._listeners
            if not idle:
                seen = self._wake_since(seen)
                time.sleep(LOOK_SECONDS)

    def _wake_since(self, seen: int) -> int:
        rows = list(Event.select(Event.id, Event.request_id).where(Event.id > seen).order_by(Event.id).limit(1000))
        with self._changed:
            for request_id in {row.request_id for row in rows}:
                for bell in self._listeners.get(request_id, ()):
                    bell.set()
        return int(rows[-1].id) if rows else seen
