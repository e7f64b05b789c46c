"""One job paints one image and stores it."""

import json

from lumi_box.errors import Refused, Unavailable
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.providers.base import Pending
from lumi_box.storage import ledger
from lumi_box.tables.event import Event
from lumi_box.tables.generation import GenerationRequest, Image
from lumi_box.tables.job import Attempt, Job
from lumi_box.tables.stored_object import StoredObject


def events_of(request, name=None):
    rows = Event.select().where(Event.request_id == request.id).order_by(Event.id)
    return [(row.name, json.loads(row.data)) for row in rows if name in (None, row.name)]


def test_four_pictures_are_painted_stored_and_told_of(box, alice, drain):
    request = accept_prompt(box, alice.id, "a paper crane")
    drain()
    request = GenerationRequest.get_by_id(request.id)
    assert (request.status, request.phase) == ("IMAGE_COMPLETED", "AWAITING_SELECTION")
    for image in Image.select():
        assert image.status == "COMPLETED"
        assert image.hints == {"shape": "ball"}
        with box.storage.open(image.object_key) as stream:
            assert stream.read(8) == b"\x89PNG\r\n\x1a\n"
        with box.storage.open(image.thumbnail_key) as stream:
            assert stream.read(4) == b"RIFF"
    assert {row.state for row in StoredObject.select()} == {ledger.STORED}
    assert sorted(data["index"] for _, data in events_of(request, "image:completed")) == [0, 1, 2, 3]
    names = [name for name, _ in events_of(request)]
    assert names[0] == "task:updated"
    assert names[1] == "image:generating"
    assert names[-1] == "task:updated"


def test_the_request_leaves_pending_when_its_first_image_is_painted(box, alice, drain, images):
    request = accept_prompt(box, alice.id, "a crane")
    images.slow = True
    drain()
    assert GenerationRequest.get_by_id(request.id).status == "IMAGE_GENERATING"
    assert events_of(request, "task:updated")[-1][1]["status"] == "IMAGE_GENERATING"


def test_trap_12_one_refused_image_does_not_block_the_request(box, alice, drain, images):
    """One failed image used to block its request for ever."""
    request = accept_prompt(box, alice.id, "a crane")
    images.fail_next(Refused("The filter stopped it.", code="DataInspectionFailed"))
    drain()
    assert GenerationRequest.get_by_id(request.id).status == "IMAGE_COMPLETED"
    failed = Image.get(Image.status == "FAILED")
    assert failed.error_message == "The filter stopped it."
    assert events_of(request, "image:failed") == [
        (
            "image:failed",
            {
                "imageId": failed.id,
                "index": failed.position,
                "errorMessage": "The filter stopped it.",
                "willRetry": False,
            },
        )
    ]
    assert len(images.submitted) == 4


def test_all_images_refused_is_a_failed_request(box, alice, drain, images):
    request = accept_prompt(box, alice.id, "a crane")
    images.fail_next(*[Refused("no") for _ in range(4)])
    drain()
    assert GenerationRequest.get_by_id(request.id).status == "IMAGE_FAILED"


def test_a_busy_provider_postpones_the_job(box, alice, drain, images):
    accept_prompt(box, alice.id, "a crane")
    images.fail_next(Unavailable("busy", retry_after=30))
    drain()
    assert sorted(job.status for job in Job.select()) == ["COMPLETED", "COMPLETED", "COMPLETED", "RETRYING"]
    drain(later=True)
    assert {job.status for job in Job.select()} == {"COMPLETED"}
    assert Attempt.select().count() == 5


def test_a_ticket_is_polled_and_never_asked_for_again(box, alice, drain, images):
    accept_prompt(box, alice.id, "a crane")
    images.slow = True
    images.tickets.extend([Pending(30), Pending(60)])
    drain()
    assert len(images.submitted) == 2  # image_concurrency: the other two wait for a slot, not for a thread
    assert Job.select().where(Job.ticket.is_null(False), Job.lease.is_null(), Job.status == "RUNNING").count() == 2
    drain(later=True)
    assert {job.status for job in Job.select()} == {"COMPLETED"}
    assert len(images.submitted) == 4


def test_trap_13_a_failed_poll_resumes_the_ticket_instead_of_buying_another(box, alice, drain, images):
    """Each retry used to buy a new provider job."""
    accept_prompt(box, alice.id, "a crane")
    images.slow = True
    images.fail_next_poll(Unavailable("connection reset"), Unavailable("connection reset"))
    drain(later=True)
    assert {job.status for job in Job.select()} == {"COMPLETED"}
    assert len(images.submitted) == 4


def test_a_full_disk_retries_and_keeps_nothing_half(box, alice, drain, monkeypatch):
    accept_prompt(box, alice.id, "a crane")
    put, failures = box.storage.put, iter([True])

    def full_once(key, source):
        if next(failures, False):
            raise Unavailable("The file could not be kept.", code="storage", vendor_text="No space left on device")
        put(key, source)

    monkeypatch.setattr(box.storage, "put", full_once)
    drain(later=True)
    assert {image.status for image in Image.select()} == {"COMPLETED"}
    assert {row.state for row in StoredObject.select()} == {ledger.STORED}
