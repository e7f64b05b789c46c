"""Nodes share the work: one that is busy leaves what is new to those that have nothing to do.

Without it, whoever ends a step and thereby makes room for the next is there first, long before any other node looks,
and one node does everything. What has lain for a while is anybody's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LEFT_SECONDS = 0.15  # an idle node looks more often than that
ASK_SECONDS = 1.0


class Courtesy:
    """For one process. Nobody else is there until `others` is set, which asks the database: it is not asked often."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.others: Callable[[], bool] | None = None
        self._clock = clock
        self._lock = threading.Lock()
        self._running = 0
        self._lain = self._newest = 0  # ids of messages: all up to the one have lain, all up to the other begin to
        self._since = clock()
        self._asked, self._answer = float("-inf"), False

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While a step runs."""
        with self._lock:
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1

    def leaves(self, oldest: int, newest: int) -> bool:
        """Whether the oldest message, which is the next to be taken, is left to others for now; for `LEFT_SECONDS` to
        twice that at most.
        """
        if self.others is None:
            return False
        now = self._clock()
        with self._lock:
            if now - self._since >= LEFT_SECONDS:
                self._lain, self._newest, self._since = self._newest, newest, now
            if not self._running or oldest <= self._lain:
                return False
        return self._accompanied(self.others, now)

    def _accompanied(self, others: Callable[[], bool], now: float) -> bool:
        if now - self._asked >= ASK_SECONDS:
            self._asked, self._answer = now, others()
        return self._answer
