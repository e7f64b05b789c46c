"""The job state machine."""

import threading

import pytest

from lumi_box.clock import now_ms
from lumi_box.errors import Conflict, Refused, Unavailable
from lumi_box.jobs import lifecycle
from lumi_box.jobs.lifecycle import Died, Expired, LostLease
from lumi_box.tables import base
from lumi_box.tables.job import Attempt, Job


@pytest.fixture
def job(box, alice):
    return lifecycle.create(box, "image", "image-1", "request-1", alice.id)


def test_claim_begins_an_attempt_under_a_lease_and_a_deadline(box, job):
    taken = lifecycle.claim(box, job.id)
    assert (taken.status, taken.attempt) == ("RUNNING", 1)
    assert taken.lease_until > now_ms()
    assert taken.deadline_at == pytest.approx(now_ms() + 600_000, abs=5_000)
    assert Attempt.get().outcome is None


def test_a_message_delivered_twice_runs_one_step(box, job):
    assert lifecycle.claim(box, job.id) is not None
    assert lifecycle.claim(box, job.id) is None


def test_of_many_workers_one_gets_the_job(box, job):
    winners, start = [], threading.Barrier(8)

    def race():
        start.wait()
        with base.database.connection_context():
            if lifecycle.claim(box, job.id) is not None:
                winners.append(threading.current_thread().name)

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(winners) == 1
    assert Attempt.select().count() == 1


def test_no_more_jobs_run_than_the_config_allows(box, alice, queue):
    """One concurrency stood in the config, and another number in the code."""
    jobs = [lifecycle.create(box, "image", str(number), "r", alice.id) for number in range(4)]
    running = [lifecycle.claim(box, job.id) for job in jobs]
    assert [taken is not None for taken in running] == [True, True, False, False]
    model = lifecycle.create(box, "model3d", "m", "r", alice.id)
    assert lifecycle.claim(box, model.id) is not None  # the kinds have limits of their own
    queue.huey.flush()
    with base.transaction():
        lifecycle.succeed(box, running[0])
    assert [message.args for message in queue.huey.pending()] == [(jobs[2].id,)]  # the next in line is woken


def test_a_snoozed_job_keeps_its_slot_but_no_lease(box, job):
    taken = lifecycle.claim(box, job.id)
    with base.transaction():
        lifecycle.save_ticket(taken, "vendor-7")
        lifecycle.snooze(box, taken, 0)
    row = Job.get_by_id(job.id)
    assert (row.status, row.lease, row.ticket, row.attempt) == ("RUNNING", None, "vendor-7", 1)
    again = lifecycle.claim(box, job.id)
    assert (again.attempt, again.ticket) == (1, "vendor-7")
    assert Attempt.select().count() == 1


def test_a_job_is_not_taken_before_its_time(box, job):
    Job.update(run_after=now_ms() + 60_000).execute()
    assert lifecycle.claim(box, job.id) is None


@pytest.mark.parametrize(
    ("error", "status", "outcome"),
    [
        (Unavailable("down"), "RETRYING", "unavailable"),
        (Refused("no"), "FAILED", "refused"),
        (Died("gone"), "RETRYING", "died"),
        (Expired("late"), "RETRYING", "timeout"),
        (ZeroDivisionError("bug"), "RETRYING", "crashed"),
    ],
)
def test_a_failure_ends_the_attempt_and_says_how(box, job, error, status, outcome):
    taken = lifecycle.claim(box, job.id)
    with base.transaction():
        failure = lifecycle.fail(box, taken, error)
    assert (Job.get().status, Attempt.get().outcome) == (status, outcome)
    assert failure.will_retry is (status == "RETRYING")
    assert "bug" not in failure.message  # what nobody foresaw is for the log, not for the maker


@pytest.mark.parametrize(("error", "status"), [(Unavailable("down"), "FAILED"), (Expired("late"), "TIMEOUT")])
def test_attempts_run_out(box, job, error, status):
    for _ in range(3):
        Job.update(run_after=0).execute()
        with base.transaction():
            lifecycle.fail(box, lifecycle.claim(box, job.id), error)
    assert Job.get().status == status
    assert [attempt.number for attempt in Attempt.select().order_by(Attempt.id)] == [1, 2, 3]
    assert lifecycle.claim(box, job.id) is None


def test_a_step_that_lost_its_lease_changes_nothing(box, job):
    taken = lifecycle.claim(box, job.id)
    with base.transaction():
        lifecycle.fail(box, Job.get_by_id(job.id), Died("its process is gone"))
    for change in (lambda: lifecycle.succeed(box, taken), lambda: lifecycle.save_ticket(taken, "t")):
        with pytest.raises(LostLease), base.transaction():
            change()
    assert Job.get().status == "RETRYING"


def test_heartbeats_prolong_only_a_living_lease(box, job):
    taken = lifecycle.claim(box, job.id)
    Job.update(lease_until=0).execute()
    assert lifecycle.heartbeat(taken.id, taken.lease) is True
    assert Job.get().lease_until > now_ms()
    with base.transaction():
        lifecycle.succeed(box, taken)
    assert lifecycle.heartbeat(taken.id, taken.lease) is False


@pytest.mark.mariadb
def test_a_heartbeat_waits_for_no_other_job(box, alice):
    """It looked for the lease, and locked every running job on its way to it: a deadlock now and then."""
    made = [lifecycle.create(box, "image", str(number), "r", alice.id) for number in range(2)]
    for job in made:
        assert lifecycle.claim(box, job.id)
    held, mine = Job.select().order_by(Job.id)
    prolonged = []

    def beat():
        with base.database.connection_context():
            base.database.execute_sql("SET SESSION innodb_lock_wait_timeout = 1")
            prolonged.append(lifecycle.heartbeat(mine.id, mine.lease))

    with base.transaction():
        Job.update(progress=1).where(Job.id == held.id).execute()
        thread = threading.Thread(target=beat)
        thread.start()
        thread.join()
    assert prolonged == [True]


def test_cancel_ends_only_what_has_not_ended(box, job):
    assert lifecycle.cancel(box, job) is True
    assert lifecycle.cancel(box, Job.get()) is False
    assert Job.get().status == "CANCELLED"


def test_requeue_gives_new_attempts_and_keeps_the_history(box, job):
    with base.transaction():
        lifecycle.fail(box, lifecycle.claim(box, job.id), Refused("no"))
    with base.transaction():
        lifecycle.requeue(box, Job.get())
    assert (Job.get().status, Job.get().attempt) == ("PENDING", 0)
    assert Attempt.select().count() == 1
    with pytest.raises(Conflict), base.transaction():
        lifecycle.requeue(box, Job.get())
