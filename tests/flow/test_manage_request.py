"""Cancel, retry, redo, delete."""

import pytest

from lumi_box.errors import Conflict, NotFound, Refused, Unavailable
from lumi_box.flow import manage_request
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.pick_image import pick_image
from lumi_box.providers.base import Pending
from lumi_box.storage import ledger
from lumi_box.tables import base
from lumi_box.tables.event import Event
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image
from lumi_box.tables.job import Attempt, Job
from lumi_box.tables.stored_object import StoredObject
from lumi_box.worker import sweeps
from lumi_box.worker.leases import LeaseKeeper
from lumi_box.worker.tasks import Worker


def status(request):
    return GenerationRequest.get_by_id(request.id).status


@pytest.fixture
def request_row(box, alice):
    return accept_prompt(box, alice.id, "a crane")


def test_cancel_stops_what_waits(box, request_row, drain, images):
    manage_request.cancel(box, request_row)
    drain()
    assert status(request_row) == "CANCELLED"
    assert {job.status for job in Job.select()} == {"CANCELLED"}
    assert images.submitted == []


def test_cancel_keeps_what_is_painted_and_it_can_be_picked(box, request_row, drain, images):
    images.slow = True
    drain()
    images.slow = False
    Job.update(run_after=0).execute()
    job = Job.get(Job.status == "RUNNING")
    box.enqueue(job.id, 0)
    drain()
    manage_request.cancel(box, request_row)
    done = Image.select().where(Image.status == "COMPLETED")
    assert done.count() >= 1
    pick_image(box, request_row, done.first().position)
    drain(later=True)
    assert status(request_row) == "COMPLETED"


def test_cancelling_what_has_ended_is_a_conflict(box, request_row, drain):
    drain()
    with pytest.raises(Conflict):
        manage_request.cancel(box, request_row)


def test_a_result_that_comes_after_the_cancel_is_not_kept(box, request_row, drain, images, monkeypatch):
    fetch = images.fetch

    def cancelled_meanwhile(ready):
        manage_request.cancel(box, request_row)
        monkeypatch.setattr(images, "fetch", fetch)
        return fetch(ready)

    monkeypatch.setattr(images, "fetch", cancelled_meanwhile)
    drain()
    assert status(request_row) == "CANCELLED"
    assert Image.select().where(Image.object_key.is_null(False)).count() == 0
    assert {row.state for row in StoredObject.select()} == {ledger.DOOMED}  # and not only in an hour


def test_retry_repaints_only_what_failed(box, request_row, drain, images):
    images.fail_next(Refused("no"), Refused("no"))
    drain()
    kept = {image.id: image.completed_at for image in Image.select().where(Image.status == "COMPLETED")}
    manage_request.retry(box, request_row)
    drain()
    assert {image.status for image in Image.select()} == {"COMPLETED"}
    assert {image.id: image.completed_at for image in Image.select().where(Image.id.in_(list(kept)))} == kept
    assert len(images.submitted) == 6


def test_retry_rebuilds_a_failed_model(box, request_row, drain, models):
    drain()
    models.fail_next(Refused("no"))
    pick_image(box, request_row, 1)
    drain()
    assert status(request_row) == "MODEL_FAILED"
    manage_request.retry(box, request_row)
    assert status(request_row) == "MODEL_PENDING"
    drain()
    assert status(request_row) == "COMPLETED"


def test_retry_with_nothing_failed_is_a_conflict(box, request_row, drain):
    drain()
    with pytest.raises(Conflict):
        manage_request.retry(box, request_row)


def test_redo_paints_one_picture_again_and_dooms_the_old_one(box, request_row, drain, images):
    drain()
    before = Image.get(Image.position == 1)
    manage_request.redo(box, request_row, 1)
    assert status(request_row) == "IMAGE_GENERATING"
    drain()
    after = Image.get(Image.position == 1)
    assert after.object_key != before.object_key
    assert images.submitted[-1].seed == 1
    doomed = {row.key for row in StoredObject.select().where(StoredObject.state == ledger.DOOMED)}
    assert doomed == {before.object_key, before.thumbnail_key}
    assert status(request_row) == "IMAGE_COMPLETED"


def test_redo_is_refused_once_there_is_a_model(box, request_row, drain):
    drain()
    pick_image(box, request_row, 0)
    with pytest.raises(Conflict):
        manage_request.redo(box, request_row, 1)


def test_delete_takes_rows_at_once_and_every_file_afterwards(box, request_row, drain):
    """Keys used to be looked for in rows that were gone already."""
    drain()
    pick_image(box, request_row, 0)
    drain()
    stored = [row.key for row in StoredObject.select()]
    assert len(stored) == 4 * 2 + 7
    manage_request.delete(box, request_row)
    for table in (GenerationRequest, Image, GeneratedModel, Job, Attempt):
        assert table.select().count() == 0
    assert {row.state for row in StoredObject.select()} == {ledger.DOOMED}
    while ledger.remove_doomed(box.storage):
        pass
    assert StoredObject.select().count() == 0
    for key in stored:
        with pytest.raises(NotFound):
            box.storage.open(key)
    assert list(box.storage.pages()) == []


def test_cancel_while_a_model_is_built_dooms_what_was_written(box, request_row, drain, models, monkeypatch):
    drain()
    fetch = models.fetch

    def cancelled_meanwhile(*order):
        manage_request.cancel(box, request_row)
        monkeypatch.setattr(models, "fetch", fetch)
        return fetch(*order)

    monkeypatch.setattr(models, "fetch", cancelled_meanwhile)
    pick_image(box, request_row, 0)
    drain()
    assert status(request_row) == "CANCELLED"
    assert GeneratedModel.get().status == "FAILED"
    of_model = StoredObject.select().where(StoredObject.model_id.is_null(False))
    assert {row.state for row in of_model} <= {ledger.DOOMED}
    names = [row.name for row in Event.select().order_by(Event.id)]
    assert "model:progress" not in names[names.index("model:failed") :]  # a late step says nothing more
    manage_request.retry(box, request_row)
    while ledger.remove_doomed(box.storage):
        pass
    drain()
    assert status(request_row) == "COMPLETED"
    assert {row.state for row in StoredObject.select()} == {ledger.STORED}


def test_a_step_taken_over_by_another_leaves_the_files_to_it(box, request_row, drain, images, monkeypatch):
    fetch = images.fetch

    def taken_for_dead(ready):
        monkeypatch.setattr(images, "fetch", fetch)
        Job.update(lease_until=1).where(Job.lease.is_null(False)).execute()
        sweeps.recover_jobs(box)
        return fetch(ready)

    monkeypatch.setattr(images, "fetch", taken_for_dead)
    drain(later=True)
    assert status(request_row) == "IMAGE_COMPLETED"
    assert len(images.submitted) == 4
    assert {row.state for row in StoredObject.select()} == {ledger.STORED}


def test_a_cancelled_request_can_be_tried_again_without_what_worked(box, request_row, drain, images):
    images.fail_next(Unavailable("later", retry_after=30))
    drain()
    manage_request.cancel(box, request_row)
    assert status(request_row) == "CANCELLED"
    manage_request.retry(box, request_row)
    drain(later=True)
    assert status(request_row) == "IMAGE_COMPLETED"
    assert len(images.submitted) == 5


def test_a_poll_that_brings_nothing_is_cheap(box, request_row, drain, models, monkeypatch):
    """It reads no picture, and writes one row and one message."""
    drain()
    models.slow = True
    models.tickets.extend([Pending(10)] * 3)
    pick_image(box, request_row, 0)
    drain()
    job = Job.get(Job.kind == "model3d")
    box.enqueue(job.id, 0)
    Job.update(run_after=0).where(Job.id == job.id).execute()
    drain()
    written = []
    execute = base.database.obj.execute_sql

    def noting(sql, *arguments, **options):
        if sql.startswith(("UPDATE", "INSERT", "DELETE")):
            written.append(sql.split()[1] + " " + sql.split()[2])
        return execute(sql, *arguments, **options)

    monkeypatch.setattr(base.database.obj, "execute_sql", noting)
    monkeypatch.setattr(box.storage, "open", lambda *_: pytest.fail("the picture was read"))
    Job.update(run_after=0).where(Job.id == job.id).execute()
    written.clear()
    Worker(box, LeaseKeeper(base.database)).run_job(job.id)
    assert len(written) == 3, written  # the lease taken, the lease given back, the message
