"""Five hundred tickets in flight with four threads: a job that waits for a vendor costs next to nothing."""

import math
import resource
import threading
import time
from dataclasses import replace

import pytest

from lumi_box.clock import now_ms
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.pick_image import pick_image
from lumi_box.jobs import lifecycle
from lumi_box.providers.base import Pending
from lumi_box.tables import base
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image
from lumi_box.tables.job import Attempt, Job
from lumi_box.worker import consumer
from lumi_box.worker.leases import LeaseKeeper
from lumi_box.worker.queue import Doorbell
from lumi_box.worker.tasks import Worker

pytestmark = pytest.mark.process  # it wants the machine for itself

TICKETS, THREADS = 500, 4
LATENCY_SECONDS = 0.02  # of a vendor's answer
WATCHED_SECONDS = 15.0
LATE_SECONDS = 2.0  # for the slowest of all, on a machine that does nothing else


def at_work(box, alice, drain):
    """Models whose tickets are with the vendor: one that came about as all do, and copies of it."""
    request = accept_prompt(box, alice.id, "a crane")
    drain()
    model = pick_image(box, request, 0)
    with base.transaction():
        for number in range(1, TICKETS):
            request_id, image_id, model_id = f"request-{number}", f"image-{number}", f"model-{number}"
            copy(GenerationRequest, request.id, id=request_id)
            copy(Image, model.image_id, id=image_id, request=request_id)
            copy(GeneratedModel, model.id, id=model_id, request=request_id, image=image_id, job_id=f"job-{number}")
            copy(Job, model.job_id, id=f"job-{number}", target_id=model_id, request_id=request_id)
    now = now_ms()
    for job in list(Job.select().where(Job.kind == "model3d")):
        started = {"attempt": 1, "started_at": now, "attempt_started_at": now, "deadline_at": now + 600_000}
        Job.update(status="RUNNING", ticket=job.id, provider="scripted", **started).where(Job.id == job.id).execute()
        Attempt.create(job=job.id, number=1, provider="scripted", ticket=job.id)
    return request


def copy(table, original, **changes):
    row = table.select().where(table.id == original).dicts().get()
    table.insert(row | changes).execute()


class Watch:
    """When each ticket was due, and when it was polled."""

    def __init__(self, enqueue):
        self._enqueue, self._guard = enqueue, threading.Lock()
        self.due, self.late, self.polled = {}, [], 0

    def enqueue(self, job_id, delay):
        with self._guard:
            self.due[job_id] = time.monotonic() + delay
        self._enqueue(job_id, delay)

    def poll(self, ticket):
        with self._guard:
            self.late.append(time.monotonic() - self.due[ticket.id])
            self.polled += 1
        time.sleep(LATENCY_SECONDS)
        return Pending(10)


def test_five_hundred_tickets_are_polled_in_time_by_four_threads(box, alice, drain, queue, models, monkeypatch):
    box.config = replace(box.config, queue=replace(box.config.queue, model_concurrency=TICKETS))
    request = at_work(box, alice, drain)
    watch = Watch(box.enqueue)
    monkeypatch.setattr(box, "enqueue", watch.enqueue)
    monkeypatch.setattr(models, "poll", watch.poll)
    queue.huey.flush()
    for job in Job.select(Job.id).where(Job.kind == "model3d"):
        box.enqueue(job.id, 0)
    leases, bell = LeaseKeeper(base.database), Doorbell(base.database, queue.button)
    queue.handler, queue.storage.doorbell = Worker(box, leases).run_job, bell
    workers = consumer.build(queue, THREADS, 5.0)
    for part in (bell, leases, workers):
        part.start()
    try:
        time.sleep(TICKETS * LATENCY_SECONDS)  # the first round: all were due at once
        watch.late.clear()
        spent, answers = processor_seconds(), []
        until = time.monotonic() + WATCHED_SECONDS
        while time.monotonic() < until:
            answers.append(seconds_to_write(request))
            time.sleep(0.1)
        spent = (processor_seconds() - spent) / WATCHED_SECONDS
    finally:
        workers.stop_flag.set()
        bell.ring()
        workers.stop(graceful=True)
        leases.stop()
        bell.stop()
    late, answers = sorted(watch.late), sorted(answers)
    print(
        f"{len(late)} polls in {WATCHED_SECONDS:.0f} s, late: median {late[len(late) // 2]:.3f} s, "
        f"p99 {late[math.ceil(0.99 * len(late)) - 1]:.3f} s, most {late[-1]:.3f} s; processor {spent:.0%} of a core; "
        f"a write beside them: median {answers[len(answers) // 2] * 1000:.1f} ms, most {answers[-1] * 1000:.1f} ms"
    )
    assert late[len(late) // 2] < LATE_SECONDS
    assert late[-1] < 4 * LATE_SECONDS
    assert answers[-1] < 1.0
    assert len({job.ticket for job in Job.select().where(Job.kind == "model3d", Job.attempt == 1)}) == TICKETS
    assert lifecycle.in_flight("model3d") == TICKETS


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def seconds_to_write(request):
    begun = time.monotonic()
    with base.transaction():
        GenerationRequest.update(updated_at=now_ms()).where(GenerationRequest.id == request.id).execute()
    return time.monotonic() - begun
