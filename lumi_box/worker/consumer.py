"""Huey's consumer as threads: its signal handlers are off, because runtime.py decides when the process stops."""

from __future__ import annotations

from typing import Any

from huey.consumer import Consumer, Scheduler

from lumi_box.worker.queue import JobQueue

LOOK_SECONDS = 0.1


class PromptScheduler(Scheduler):
    """Huey looks for due messages once a second; a poll that is due is worth a quicker look."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.interval = LOOK_SECONDS


class ThreadConsumer(Consumer):
    scheduler_class = PromptScheduler

    def _set_signal_handlers(self) -> None:
        """The main thread is not ours."""


def build(queue: JobQueue, threads: int, shutdown_seconds: float) -> ThreadConsumer:
    return ThreadConsumer(
        queue.huey,
        workers=threads,
        periodic=False,
        initial_delay=0.1,
        max_delay=1.0,
        check_worker_health=True,
        shutdown_timeout=shutdown_seconds,
    )
