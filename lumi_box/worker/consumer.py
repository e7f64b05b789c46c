"""Huey's consumer as threads: its signal handlers are off, because runtime.py decides when the process stops."""

from __future__ import annotations

from huey.consumer import Consumer, Scheduler

from lumi_box.worker.queue import JobQueue

LONGEST_SECONDS = 1.0


class PromptScheduler(Scheduler):
    """Huey looks for due messages once a second; a poll that is due is worth a quicker look, at the right instant."""

    def sleep_for_interval(self, start_ts: float, nseconds: float) -> None:
        self.huey.storage.wait_until_due(LONGEST_SECONDS)


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
