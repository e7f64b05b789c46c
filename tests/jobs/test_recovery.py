"""What a crash left behind, put right by the sweep."""

from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.jobs import lifecycle
from lumi_box.tables.generation import GenerationRequest, Image
from lumi_box.tables.job import Attempt, Job
from lumi_box.worker import sweeps


def test_a_job_whose_process_died_is_run_again(box, alice, drain, queue):
    """A worker killed twice used to leave its jobs stalled for ever."""
    request = accept_prompt(box, alice.id, "a crane")
    for job in list(Job.select()):
        lifecycle.claim(box, job.id)
    queue.huey.flush()
    Job.update(lease_until=1).where(Job.lease.is_null(False)).execute()
    sweeps.recover_jobs(box)
    assert {row.outcome for row in Attempt.select()} == {"died"}
    drain(later=True)
    assert GenerationRequest.get_by_id(request.id).status == "IMAGE_COMPLETED"


def test_a_living_lease_is_left_alone(box, alice, drain):
    accept_prompt(box, alice.id, "a crane")
    taken = lifecycle.claim(box, Job.get().id)
    sweeps.recover_jobs(box)
    assert Job.get_by_id(taken.id).lease == taken.lease


def test_a_job_that_kills_its_worker_ends_as_a_dead_letter(box, alice, queue):
    request = accept_prompt(box, alice.id, "a crane")
    for _ in range(3):
        for job in list(Job.select()):
            Job.update(run_after=0).where(Job.id == job.id).execute()
            lifecycle.claim(box, job.id)
        Job.update(lease_until=1).where(Job.lease.is_null(False)).execute()
        sweeps.recover_jobs(box)
    dead = list(Job.select().where(Job.status == "FAILED"))
    assert len(dead) == 2
    assert Image.select().where(Image.status == "FAILED").count() == 2
    assert GenerationRequest.get_by_id(request.id).status == "IMAGE_GENERATING"  # the other two still have attempts


def test_jobs_without_a_message_are_woken(box, alice, drain, queue):
    """Killed between commit and enqueue, 27 of 43 tasks never ran: a lost message must not matter."""
    request = accept_prompt(box, alice.id, "a crane")
    queue.huey.flush()
    drain()
    assert GenerationRequest.get_by_id(request.id).status == "IMAGE_PENDING"
    sweeps.recover_jobs(box)
    drain()
    assert GenerationRequest.get_by_id(request.id).status == "IMAGE_COMPLETED"


def test_a_ticket_past_its_deadline_times_out(box, alice, drain, images):
    accept_prompt(box, alice.id, "a crane")
    images.slow = True
    drain()
    Job.update(deadline_at=1).where(Job.status == "RUNNING").execute()
    sweeps.recover_jobs(box)
    assert {row.outcome for row in Attempt.select()} == {"timeout"}
    assert Job.select().where(Job.status == "RETRYING").count() == 2


def test_sweeping_twice_does_no_harm(box, alice, drain, images):
    accept_prompt(box, alice.id, "a crane")
    for _ in range(3):
        sweeps.recover_jobs(box)
    drain()
    sweeps.recover_jobs(box)
    drain()
    assert len(images.submitted) == 4
    sweeps.clean_storage(box)
    sweeps.forget_old(box)
    assert Image.select().where(Image.status == "COMPLETED").count() == 4
