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
        self._held: dict[str, str] = {}  # lease: the job's id
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    @contextmanager
    def hold(self, job_id: str, lease: str) -> Iterator[None]:
        with self._lock:
            self._held[lease] = job_id
        try:
            yield
        finally:
            with self._lock:
                del self._held[lease]

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_SECONDS):
            with self._lock:
                held = list(self._held.items())
            for lease, job_id in held:
                self._prolong(job_id, lease)

    def _prolong(self, job_id: str, lease: str) -> None:
        try:
            with self._database.connection_context():
                lifecycle.heartbeat(job_id, lease)
        except PeeweeException:  # a busy database: the lease lasts for three more tries
            logger.warning("lease not prolonged", exc_info=True)
