"""The worker role: Huey's consumer, the leases, and the scheduler, until told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from lumi_box.box import Box
from lumi_box.providers.base import Prepares
from lumi_box.tables.base import database, new_id
from lumi_box.worker import consumer, schedule
from lumi_box.worker.leases import LeaseKeeper
from lumi_box.worker.queue import Doorbell, JobQueue
from lumi_box.worker.tasks import Worker

MOST_THREADS = 32  # a step is short: hundreds of tickets in flight need no more
SPARE_THREADS = 2  # steps that only ask a vendor how a ticket stands go on while others compute
HEALTH_SECONDS = 10
MARGIN_SECONDS = 1.0  # left for what follows the last step

logger = logging.getLogger(__name__)


def run(box: Box, queue: JobQueue, told_to_stop: Callable[[float], bool]) -> None:
    """Work until `told_to_stop(seconds)`, which waits that long for it, says so.

    Then take nothing new, and let running steps finish within `queue.shutdown_seconds`.
    """
    shutdown_seconds = box.config.queue.shutdown_seconds
    leases, doorbell = LeaseKeeper(database), Doorbell(database)
    queue.handler = Worker(box, leases).run_job
    queue.storage.doorbell = doorbell
    threads = min(box.concurrency("image") + box.concurrency("model3d"), MOST_THREADS) + SPARE_THREADS
    workers = consumer.build(queue, threads, max(1.0, shutdown_seconds - MARGIN_SECONDS))
    scheduler = schedule.build(box, new_id())
    doorbell.start()
    leases.start()
    workers.start()
    scheduler.start()
    for name, kind in (("image", "image"), ("model", "model3d")):
        logger.info("%s worker started concurrency=%d", name, box.concurrency(kind))
    threading.Thread(target=_prepare, args=(box,), name="prepare", daemon=True).start()
    while not told_to_stop(HEALTH_SECONDS):
        workers.check_worker_health()  # replaces threads that died
    logger.info("worker stopping")
    scheduler.shutdown(wait=False)
    workers.stop_flag.set()
    doorbell.ring()
    workers.stop(graceful=True)
    leases.stop()
    doorbell.stop()
    logger.info("worker stopped")


def _prepare(box: Box) -> None:
    """So that the first maker after a start does not wait for libraries to load."""
    for provider in (box.image_provider, box.model_provider):
        if isinstance(provider, Prepares):
            provider.prepare()
            logger.info("provider prepared name=%s", provider.name)
