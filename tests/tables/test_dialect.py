"""What holds on both engines when many do the same at once, each with a connection of its own."""

import threading
import time

import pytest

from lumi_box import events
from lumi_box.flow import generate_images, manage_request
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.pick_image import pick_image
from lumi_box.jobs import lifecycle
from lumi_box.tables import base
from lumi_box.tables.dialect import changing, upsert
from lumi_box.tables.event import Event
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image
from lumi_box.tables.heartbeat import Heartbeat
from lumi_box.tables.job import Job


def at_once(*works):
    """Each in a thread of its own, all from the same moment on; what they raised, in no order."""
    start, raised = threading.Barrier(len(works)), []

    def run(work):
        with base.database.connection_context():
            start.wait(10)
            try:
                work()
            except Exception as error:
                raised.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_upsert_inserts_once_and_then_updates(box):
    for seen in (1, 2):
        upsert(Heartbeat, {"id": "a"}, {"role": "test", "seen_at": seen})
    assert [(row.role, row.seen_at) for row in Heartbeat.select()] == [("test", 2)]


def test_upserts_at_once_make_one_row(box):
    assert at_once(*[lambda: upsert(Heartbeat, {"id": "a"}, {"role": "test"}) for _ in range(6)]) == []
    assert Heartbeat.select().count() == 1


@pytest.mark.slow
def test_the_limit_holds_however_many_claim_at_once(box, alice, monkeypatch):
    counted = lifecycle.in_flight

    def count_slowly(kind):
        count = counted(kind)
        time.sleep(0.003)  # long enough for another to count the same, if nothing keeps it from that
        return count

    monkeypatch.setattr(lifecycle, "in_flight", count_slowly)
    for _ in range(3):
        accept_prompt(box, alice.id, "a crane")
    jobs, most = [job.id for job in Job.select()], []

    def claim_and_finish():
        for job_id in jobs:
            if (job := lifecycle.claim(box, job_id)) is not None:
                most.append(counted("image"))
                time.sleep(0.005)
                with changing(job.request_id):
                    lifecycle.succeed(box, job)

    for _ in range(4):  # a claim that found no room is not repeated by itself
        assert at_once(*[claim_and_finish for _ in range(6)]) == []
    assert max(most) <= box.concurrency("image") == 2
    assert {job.status for job in Job.select()} == {"COMPLETED"}
    assert len(most) == 12


def test_the_last_images_that_end_at_once_complete_the_request(box, alice, queue):
    for _ in range(5):
        request = accept_prompt(box, alice.id, "a crane")
        images = list(Image.select().where(Image.request == request))
        failure = lifecycle.Failure("no", None, "refused")

        def end(image, failure=failure):
            with base.transaction():
                generate_images.failed(Job(target_id=image.id), failure)

        assert at_once(*[lambda image=image: end(image) for image in images]) == []
        assert GenerationRequest.get_by_id(request.id).status == "IMAGE_FAILED"


def test_a_key_that_is_sent_twice_at_once_makes_one_request(box, alice):
    made = []
    works = [lambda: made.append(accept_prompt(box, alice.id, "a crane", idempotency_key="k").id) for _ in range(5)]
    assert at_once(*works) == []
    assert len(made) == 5
    assert len(set(made)) == GenerationRequest.select().count() == 1


def test_picks_at_once_make_one_model(box, alice, drain):
    request = accept_prompt(box, alice.id, "a crane")
    drain()
    raised = at_once(*[lambda position=position: pick_image(box, request, position) for position in range(4)])
    assert {type(error).__name__ for error in raised} == {"Conflict"}
    assert len(raised) == 3
    assert GeneratedModel.select().count() == Job.select().where(Job.kind == "model3d").count() == 1


def test_a_cancel_among_running_claims_ends_every_job(box, alice, queue):
    for _ in range(3):
        request = accept_prompt(box, alice.id, "a crane")
        jobs = [job.id for job in Job.select().where(Job.request_id == request.id)]
        works = [lambda job_id=job_id: lifecycle.claim(box, job_id) for job_id in jobs]
        assert at_once(lambda request=request: manage_request.cancel(box, request), *works) == []
        assert {job.status for job in Job.select().where(Job.request_id == request.id)} == {"CANCELLED"}


@pytest.mark.parametrize("writers", [1, 6])
def test_who_reads_a_request_from_the_last_id_loses_no_event(box, alice, writers):
    request = accept_prompt(box, alice.id, "a crane")
    first, read, done = events.last_id(request.id), [], threading.Event()

    def write():
        for _ in range(15):
            with base.transaction():
                events.record(request.id, "x")
                time.sleep(0.001)  # committed later than others that began after it, if nothing orders them

    def follow():
        last = first
        while not done.is_set():
            for event in events.after(request.id, last):
                last = event.id
                read.append(event.id)

    reader = threading.Thread(target=follow)
    reader.start()
    assert at_once(*[write for _ in range(writers)]) == []
    time.sleep(0.1)
    done.set()
    reader.join()
    written = [row.id for row in Event.select().where(Event.request_id == request.id, Event.id > first)]
    assert len(written) == 15 * writers
    assert read == sorted(written)
