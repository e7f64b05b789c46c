"""The worker role: Huey's consumer, the leases, and the scheduler, until told to stop."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from peewee import PeeweeException

from lumi_box.box import Box
from lumi_box.providers.base import Prepares
from lumi_box.slicing.runner import Slicer
from lumi_box.tables.base import database, on_server
from lumi_box.worker import consumer, schedule
from lumi_box.worker.courier import Courier
from lumi_box.worker.heart import Heart
from lumi_box.worker.leases import LeaseKeeper
from lumi_box.worker.queue import Doorbell, JobQueue
from lumi_box.worker.tasks import Worker

MOST_THREADS = 32  # a step is short: hundreds of tickets in flight need no more
SPARE_THREADS = 2  # steps that only ask a vendor how a ticket stands go on while others compute
HEALTH_SECONDS = 5
GRACE_SECONDS = 60.0  # after the end of the longest attempt whoever ran it looks for something else to do
MARGIN_SECONDS = 1.0  # left for what follows the last step

logger = logging.getLogger(__name__)


def run(box: Box, queue: JobQueue, told_to_stop: Callable[[float], bool], pulse: Callable[[], None]) -> None:
    """Work until `told_to_stop(seconds)`, which waits that long for it, says so; `pulse` every few seconds meanwhile.

    Then take nothing new, and let running steps finish within `queue.shutdown_seconds`.
    """
    shutdown_seconds = box.config.queue.shutdown_seconds
    leases, doorbell = LeaseKeeper(database), Doorbell(database, queue.button)
    courier, slicer = Courier(box), Slicer(box)
    queue.handler = Worker(box, leases).run_job
    queue.storage.doorbell = doorbell
    threads = min(box.concurrency("image") + box.concurrency("model3d"), MOST_THREADS) + SPARE_THREADS
    workers = consumer.build(queue, threads, max(1.0, shutdown_seconds - MARGIN_SECONDS))
    heart = Heart(workers, lambda: queue.storage.looked, box.config.queue.job_timeout_seconds + GRACE_SECONDS)
    if on_server():
        queue.storage.courtesy.others = heart.others
    scheduler = schedule.build(box, lambda _: heart.beat())
    scheduler.add_job(heart.turn, "interval", seconds=schedule.HEARTBEAT_SECONDS)  # also while the database is away
    doorbell.start()
    leases.start()
    workers.start()
    scheduler.start()
    courier.start()
    slicer.start()
    for name, kind in (("image", "image"), ("model", "model3d")):
        logger.info("%s worker started concurrency=%d", name, box.concurrency(kind))
    if threads < box.concurrency("image") + box.concurrency("model3d"):
        logger.warning("this node works on %d steps at once: a vendor that answers in the call keeps one each", threads)
    threading.Thread(target=_prepare, args=(box,), name="prepare", daemon=True).start()
    pulse()
    while not told_to_stop(HEALTH_SECONDS):
        workers.check_worker_health()  # replaces threads that died
        if heart.works():
            pulse()
    logger.info("worker stopping")
    until = time.monotonic() + shutdown_seconds - MARGIN_SECONDS
    scheduler.shutdown(wait=False)
    workers.stop_flag.set()
    doorbell.ring()
    courier.stop()
    slicer.stop()
    workers.stop(graceful=True)
    courier.wait(until - time.monotonic())
    slicer.wait(until - time.monotonic())
    _sign_off(heart)
    leases.stop()
    doorbell.stop()
    logger.info("worker stopped")


def _sign_off(heart: Heart) -> None:
    try:
        with database.connection_context():
            heart.stop()
    except PeeweeException:  # without it the worker is taken for gone a little later
        logger.warning("heartbeat not taken back", exc_info=True)


def _prepare(box: Box) -> None:
    """So that the first maker after a start does not wait for libraries to load."""
    for provider in (box.image_provider, box.model_provider):
        if isinstance(provider, Prepares):
            provider.prepare()
            logger.info("provider prepared name=%s", provider.name)
