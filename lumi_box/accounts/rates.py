"""How many requests a subject may make in a minute, over all processes and nodes.

The row of `tables/window.py` is the truth. A process takes several requests of it at a time and counts them off in
memory, so that most requests write nothing. What is taken never passes the limit; what a process took and did not
use is lost to the others until the minute ends, so that with n processes a subject may be refused up to
(n - 1) * `BATCH` requests early, fewer the nearer the limit is, and never late.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from lumi_box.tables import window

MINUTE_MS = 60_000
BATCH, SHARE = 50, 20  # at most 50 at a time, and a twentieth of what is left
BEYOND_REACH = 1_000_000  # no process answers as much in a minute: nothing is counted
SUBJECTS = 50_000


@dataclass(frozen=True, slots=True)
class Rate:
    """What the headers `RateLimit-*` tell; `reset` in seconds."""

    limit: int
    remaining: int
    reset: int
    allowed: bool


@dataclass(slots=True)
class _Taken:
    unspent: int
    left_in_row: int


class RequestRate:
    """Safe to share between threads. Two that find nothing unspent may both take a batch; neither is lost."""

    def __init__(self, limit: int) -> None:
        self._limit, self._minute = limit, 0
        self._taken: dict[str, _Taken] = {}
        self._guard = threading.Lock()

    def spend(self, subject: str) -> Rate:
        """Count one request of the subject."""
        reset = window.seconds_left(MINUTE_MS)
        if self._limit >= BEYOND_REACH:
            return Rate(self._limit, self._limit, reset, True)
        remaining = self._from_memory(subject)
        if remaining is None:
            remaining = self._from_row(subject)
        return Rate(self._limit, max(remaining, 0), reset, remaining >= 0)

    def _from_memory(self, subject: str) -> int | None:
        with self._guard:
            minute = window.start_of(MINUTE_MS)
            if minute != self._minute or len(self._taken) > SUBJECTS:
                self._minute = minute
                self._taken.clear()
            taken = self._taken.get(subject)
            if taken is None:
                return None
            if taken.unspent == 0:
                return None if taken.left_in_row else -1  # the row never goes down within a minute
            taken.unspent -= 1
            return taken.unspent + taken.left_in_row

    def _from_row(self, subject: str) -> int:
        """What remains after this request; -1 when there was nothing left for it."""
        left = self._limit - window.used(subject, MINUTE_MS)
        batch = max(1, min(BATCH, left // SHARE))
        for want in sorted({batch, 1}, reverse=True) if left > 0 else ():
            if window.take(subject, MINUTE_MS, self._limit, want):
                return self._keep(subject, want - 1)
        self._keep(subject, 0)
        return -1

    def _keep(self, subject: str, further: int) -> int:
        left = max(self._limit - window.used(subject, MINUTE_MS), 0)
        with self._guard:
            taken = self._taken.setdefault(subject, _Taken(0, 0))
            taken.unspent += further
            taken.left_in_row = left
            return taken.unspent + left
