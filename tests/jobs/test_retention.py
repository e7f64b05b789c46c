"""What ended well is forgotten after a while; what failed is kept until somebody says otherwise."""

from dataclasses import replace

import pytest

from lumi_box.clock import now_ms
from lumi_box.errors import AnswerLost, Conflict, Refused
from lumi_box.flow import manage_request
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.pick_image import pick_image
from lumi_box.jobs import retention
from lumi_box.tables.generation import GenerationRequest, Image
from lumi_box.tables.job import Attempt, Job
from lumi_box.worker import sweeps

HOUR = retention.HOUR_MS


def keep(box, **rules):
    box.config = replace(box.config, queue=replace(box.config.queue, **rules))


def aged(hours):
    Job.update(ended_at=now_ms() - round(hours * HOUR)).where(Job.ended_at.is_null(False)).execute()


@pytest.fixture
def mixed(box, alice, drain, images):
    """Two pictures painted, one failed, one cancelled."""
    request = accept_prompt(box, alice.id, "a crane")
    images.fail_next(Refused("no"))
    manage_request.cancel_job(box, Job.select().order_by(Job.turn.desc()).first())
    drain()
    assert sorted(job.status for job in Job.select()) == ["CANCELLED", "COMPLETED", "COMPLETED", "FAILED"]
    return request


def test_ended_jobs_go_after_their_hours_and_dead_letters_stay(box, mixed):
    aged(23)
    sweeps.prune_jobs(box)
    assert Job.select().count() == 4
    aged(25)
    sweeps.prune_jobs(box)
    assert [job.status for job in Job.select()] == ["FAILED"]
    assert Attempt.select().count() == 1


def test_no_more_are_kept_than_the_config_says(box, mixed):
    keep(box, keep_completed_max=1)
    sweeps.prune_jobs(box)
    assert Job.select().count() == 4  # the last minutes are left alone: the rate limit counts them
    aged(0.2)
    newest = Job.get(Job.status == "COMPLETED")
    Job.update(ended_at=now_ms() - HOUR // 10).where(Job.id == newest.id).execute()
    sweeps.prune_jobs(box)
    assert {job.id for job in Job.select().where(Job.status != "FAILED")} == {newest.id}


def test_a_doubtful_order_outlives_its_job(box, alice, drain, images):
    accept_prompt(box, alice.id, "a crane")
    images.fail_next(AnswerLost("lost"))
    drain(later=True)
    aged(1000)
    sweeps.prune_jobs(box)
    assert [attempt.outcome for attempt in Attempt.select().order_by(Attempt.id)] == ["doubtful", "completed"]


def test_everything_goes_on_without_the_pruned_jobs(box, mixed, drain):
    aged(25)
    sweeps.prune_jobs(box)
    manage_request.retry(box, mixed)
    drain()
    assert {image.status for image in Image.select()} == {"COMPLETED"}
    aged(25)
    sweeps.prune_jobs(box)
    manage_request.redo(box, mixed, 0)
    drain()
    pick_image(box, mixed, 0)
    drain()
    aged(25)
    sweeps.prune_jobs(box)
    assert Job.select().count() == 0
    assert GenerationRequest.get().status == "COMPLETED"


def test_only_dead_letters_can_be_discarded(box, mixed):
    for job in Job.select().where(Job.status != "FAILED"):
        with pytest.raises(Conflict):
            retention.discard(job)
    retention.discard(Job.get(Job.status == "FAILED"))
    assert Job.select().count() == 3
    assert Image.select().where(Image.status == "FAILED").count() == 2
