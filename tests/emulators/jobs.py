"""The jobs of an asynchronous vendor: queued, then running, then over, by the clock."""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
WAITING = ("PENDING", "WAIT")


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of one job when it does not simply succeed.

    `fail`: it ends as failed with this code and message. `partial`: so many of its results are codes instead of
    addresses. `stuck`: it stays in this state of the vendor's words for ever. `lost`: the vendor does not know it
    any more. `file`: the kind of file it delivers (a name of files.py). `duration`: its own.
    """

    fail: tuple[str, str] | None = None
    partial: tuple[tuple[str, str], ...] = ()
    stuck: str | None = None
    lost: bool = False
    file: str | None = None
    duration: float | None = None


@dataclass(slots=True)
class Job:
    id: str
    kind: str
    submitted: float
    duration: float
    course: Course
    details: dict[str, Any] = field(default_factory=dict)
    starts: float = math.inf
    ends: float = math.inf
    cancelled: bool = False

    def state(self, now: float) -> str:
        if self.cancelled:
            return CANCELLED
        if now < self.starts:
            return QUEUED
        if now < self.ends:
            return RUNNING
        return FAILED if self.course.fail else DONE


class JobBook:
    """All jobs of one vendor. `slots` is how many of a kind run side by side; the others wait their turn."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self.guard = threading.RLock()

    def add(self, job: Job, *, queued: float, slots: int | None) -> Job:
        with self.guard:
            self._jobs[job.id] = job
            self._plan(job.kind, queued, slots)
        return job

    def find(self, ticket: str, *, lifetime: float) -> Job | None:
        with self.guard:
            job = self._jobs.get(ticket)
        return None if job is None or job.course.lost or time.time() > job.submitted + lifetime else job

    def cancel(self, job: Job, *, queued: float, slots: int | None) -> bool:
        """True when the job was still waiting."""
        with self.guard:
            if job.state(time.time()) != QUEUED:
                return False
            job.cancelled = True
            self._plan(job.kind, queued, slots)
        return True

    def occupied(self, kind: str, *, hold: float) -> int:
        """Jobs that are not over, or over for less than `hold` seconds."""
        now = time.time()
        with self.guard:
            return sum(not job.cancelled and now < job.ends + hold for job in self._of(kind))

    def _of(self, kind: str) -> list[Job]:
        return [job for job in self._jobs.values() if job.kind == kind]

    def _plan(self, kind: str, queued: float, slots: int | None) -> None:
        """First come, first served. What has begun keeps its times, for nothing before it can change any more."""
        ends: list[float] = []
        now = time.time()
        for job in self._of(kind):
            if job.cancelled or job.course.stuck in WAITING:
                continue
            if now < job.starts:
                free = heapq.heappop(ends) if slots is not None and len(ends) >= slots else 0.0
                job.starts = max(job.submitted + queued, free)
                job.ends = math.inf if job.course.stuck else job.starts + job.duration
            elif slots is not None and len(ends) >= slots:
                heapq.heappop(ends)
            heapq.heappush(ends, job.ends)


class Window:
    """At most `limit` in any `seconds`; None is no limit."""

    def __init__(self, seconds: float = 1.0) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque()
        self._guard = threading.Lock()

    def admit(self, limit: int | None, count: int = 1) -> bool:
        now = time.monotonic()
        with self._guard:
            while self._times and self._times[0] <= now - self._seconds:
                self._times.popleft()
            if limit is not None and len(self._times) + count > limit:
                return False
            self._times.extend([now] * count)
        return True
