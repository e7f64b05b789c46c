"""What a crash left behind, put right by the sweep."""

import mariadb
import pytest
from peewee import OperationalError

from lumi_box.clock import now_ms
from lumi_box.flow import manage_request
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.jobs import lifecycle
from lumi_box.tables import base
from lumi_box.tables.generation import GenerationRequest, Image
from lumi_box.tables.job import Attempt, Job
from lumi_box.worker import sweeps


def test_trap_24_a_job_whose_process_died_is_run_again(box, alice, drain, queue):
    """A worker killed twice used to leave its jobs stalled for ever."""
    request = accept_prompt(box, alice.id, "a crane")
    for job in list(Job.select()):
        lifecycle.claim(box, job.id)
    queue.huey.flush()
    Job.update(lease_until=3 * lifecycle.LEASE_MS).where(Job.lease.is_null(False)).execute()
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
    box.started_at = 0  # the tree has stood since long before these leases
    for _ in range(3):
        for job in list(Job.select()):
            Job.update(run_after=0).where(Job.id == job.id).execute()
            lifecycle.claim(box, job.id)
        Job.update(lease_until=3 * lifecycle.LEASE_MS).where(Job.lease.is_null(False)).execute()
        sweeps.recover_jobs(box)
    dead = list(Job.select().where(Job.status == "FAILED"))
    assert len(dead) == 2
    assert Image.select().where(Image.status == "FAILED").count() == 2
    assert GenerationRequest.get_by_id(request.id).status == "IMAGE_GENERATING"  # the other two still have attempts


def test_a_restart_of_everything_costs_no_attempt_but_not_for_ever(box, alice, drain, queue):
    """No job can be blamed for a power cut; but one that takes the whole machine along each time must end."""
    accept_prompt(box, alice.id, "a crane")
    job_id = lifecycle.claim(box, Job.get().id).id
    Job.update(status="CANCELLED").where(Job.id != job_id).execute()
    for died in range(1, lifecycle.SPARED_DEATHS + 1):
        Job.update(lease_until=box.started_at).where(Job.id == job_id).execute()
        sweeps.recover_jobs(box)
        assert (Job.get_by_id(job_id).status, Job.get_by_id(job_id).attempt) == ("RETRYING", 0)
        assert Attempt.select().where(Attempt.outcome == "died").count() == died
        assert lifecycle.claim(box, job_id).attempt == 1
    for _ in range(3):
        Job.update(lease_until=box.started_at, run_after=0).where(Job.id == job_id).execute()
        sweeps.recover_jobs(box)
        Job.update(run_after=0).where(Job.id == job_id).execute()
        lifecycle.claim(box, job_id)
    assert Job.get_by_id(job_id).status == "FAILED"


def test_a_request_whose_jobs_have_all_ended_is_closed(box, alice, drain):
    request = accept_prompt(box, alice.id, "a crane")
    drain()
    Image.update(status="GENERATING").where(Image.position == 2).execute()
    GenerationRequest.update(status="IMAGE_GENERATING", updated_at=1).execute()
    sweeps.recover_jobs(box)
    assert GenerationRequest.get_by_id(request.id).status == "IMAGE_COMPLETED"
    assert [image.status for image in Image.select().order_by(Image.position)].count("COMPLETED") == 3
    assert Image.get(Image.position == 2).error_message == lifecycle.INTERRUPTED
    manage_request.retry(box, request)
    drain()
    assert {image.status for image in Image.select()} == {"COMPLETED"}


def test_a_request_with_a_living_job_is_not_closed(box, alice):
    request = accept_prompt(box, alice.id, "a crane")
    GenerationRequest.update(updated_at=1).execute()
    sweeps.recover_jobs(box)
    assert GenerationRequest.get_by_id(request.id).status == "IMAGE_PENDING"


def test_jobs_without_a_message_are_woken(box, alice, drain, queue):
    """Killed between commit and enqueue, 27 of 43 tasks never ran: a lost message must not matter."""
    request = accept_prompt(box, alice.id, "a crane")
    queue.huey.flush()
    drain()
    assert GenerationRequest.get_by_id(request.id).status == "IMAGE_PENDING"
    sweeps.recover_jobs(box)
    drain()
    assert GenerationRequest.get_by_id(request.id).status == "IMAGE_COMPLETED"


def test_trap_9_a_ticket_past_its_deadline_times_out(box, alice, drain, images):
    """The timeout was an option that the queue library does not have: nothing ever timed out."""
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


@pytest.mark.mariadb
def test_after_an_outage_of_the_database_those_who_live_prolong_their_leases_first(box, alice, queue, monkeypatch):
    accept_prompt(box, alice.id, "a crane")
    job = lifecycle.claim(box, Job.get().id)
    Job.update(lease_until=now_ms() - 1).where(Job.id == job.id).execute()
    monkeypatch.setattr(base.database.obj, "lost_at", now_ms())
    sweeps.recover_jobs(box)
    assert Job.get_by_id(job.id).status == "RUNNING"
    assert lifecycle.heartbeat(job.id, job.lease)
    Job.update(lease_until=now_ms() - 1).where(Job.id == job.id).execute()
    monkeypatch.setattr(base.database.obj, "lost_at", now_ms() - lifecycle.LEASE_MS - 1)
    box.started_at = 0
    sweeps.recover_jobs(box)
    assert (Job.get_by_id(job.id).status, Job.get_by_id(job.id).attempt) == ("RETRYING", 0)


@pytest.mark.mariadb
def test_a_server_that_went_is_noticed(box):
    before = now_ms()
    (number,) = base.database.execute_sql("SELECT CONNECTION_ID()").fetchone()
    with mariadb.connection() as server, server.cursor() as cursor:
        cursor.execute(f"KILL {number}")
    with pytest.raises(OperationalError):
        Job.select().count()
    assert before <= base.last_away_ms() <= now_ms()
