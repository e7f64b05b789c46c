"""Says every few seconds that this worker is alive: each of its two roles for itself, and only while it works.

To the other nodes by a row, to the parent (notify.py) by a pulse, which goes on while the database is away.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable

from huey.consumer import Consumer

from lumi_box.clock import now_ms
from lumi_box.tables.base import new_id
from lumi_box.tables.dialect import upsert
from lumi_box.tables.heartbeat import Heartbeat, alive

ROLES = ("worker", "scheduler")


class Heart:
    def __init__(self, consumer: Consumer, last_look: Callable[[], float], patience_seconds: float) -> None:
        """`last_look`: when a thread of the consumer last asked for work. No step takes longer than the patience."""
        self._consumer, self._last_look, self._patience = consumer, last_look, patience_seconds
        self._turned = time.monotonic()
        self._ids = {role: f"{role}-{new_id()}"[:36] for role in ROLES}
        self._stopped = False

    def turn(self) -> None:
        """Run by the scheduler, which thereby shows that it works."""
        self._turned = time.monotonic()

    def beat(self) -> None:
        """Run by the scheduler, which thereby speaks for itself; for the consumer, whose threads it looks at."""
        detail = json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "threads": self._threads()})
        for role, row_id in self._ids.items():
            if (role == "scheduler" or self._consumer_works()) and not self._stopped:
                upsert(Heartbeat, {"id": row_id}, {"role": role, "detail": detail, "seen_at": now_ms()})

    def others(self) -> bool:
        """Whether there are workers beside this one."""
        others: bool = alive("worker").where(Heartbeat.id != self._ids["worker"]).exists()
        return others

    def works(self) -> bool:
        return self._consumer_works() and time.monotonic() - self._turned < self._patience

    def _consumer_works(self) -> bool:
        """Threads that live but hang, in a step or on their way to one, do not work."""
        looks = time.monotonic() - self._last_look() < self._patience
        return looks and self._threads() > 0 and self._consumer.scheduler.is_alive()

    def _threads(self) -> int:
        return sum(thread.is_alive() for _, thread in self._consumer.worker_threads)

    def stop(self) -> None:
        """Whoever stops in good order is not waited for."""
        self._stopped = True
        Heartbeat.delete().where(Heartbeat.id.in_(list(self._ids.values()))).execute()
