"""Keeps the leases of the steps that run in this process: a step that computes for long is not taken for dead."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from peewee import Database, PeeweeException

from lumi_box.jobs import lifecycle

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = lifecycle.LEASE_MS / 4000


class LeaseKeeper:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: set[str] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    @contextmanager
    def hold(self, lease: str) -> Iterator[None]:
        with self._lock:
            self._held.add(lease)
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(lease)

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_SECONDS):
            with self._lock:
                held = list(self._held)
            for lease in held:
                self._prolong(lease)

    def _prolong(self, lease: str) -> None:
        try:
            with self._database.connection_context():
                lifecycle.heartbeat(lease)
        except PeeweeException:  # a busy database: the lease lasts for three more tries
            logger.warning("lease not prolonged", exc_info=True)
