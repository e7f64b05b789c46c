"""Every status and every operation on it: the transitions of docs/jobs.md, and no other."""

import re
from dataclasses import replace

import pytest

from lumi_box.clock import now_ms
from lumi_box.errors import Busy, Conflict, Refused, Unavailable
from lumi_box.jobs import lifecycle
from lumi_box.jobs.lifecycle import STATUSES, Expired, LostLease
from lumi_box.shipped import shipped
from lumi_box.tables import base
from lumi_box.tables.job import Attempt, Job

REFUSED = "refused"
STEP = "RUNNING with a lease"  # a step of it runs now
ASLEEP = "RUNNING without one"  # it waits for its next poll
STATES = (STEP, ASLEEP, *(status for status in STATUSES if status != "RUNNING"))


def claim(box, job):
    return lifecycle.claim(box, job.id) is not None


def fail_last(box, job):
    job.attempt = box.config.queue.max_attempts
    lifecycle.fail(box, job, Unavailable("down"))


def expire_last(box, job):
    job.attempt = box.config.queue.max_attempts
    lifecycle.fail(box, job, Expired("late"))


OPERATIONS = {
    "claim": claim,
    "heartbeat": lambda box, job: lifecycle.heartbeat(job.id, job.lease or "none"),
    "begin_submit": lambda box, job: lifecycle.begin_submit(job, "acme"),
    "save_ticket": lambda box, job: lifecycle.save_ticket(job, "t-2"),
    "save_result": lambda box, job: lifecycle.save_result(job, "r-2"),
    "save_progress": lambda box, job: lifecycle.save_progress(job, 50),
    "snooze": lambda box, job: lifecycle.snooze(box, job, 5),
    "postpone": lambda box, job: lifecycle.postpone(box, job, Busy("busy")),
    "succeed": lifecycle.succeed,
    "fail, to be repeated": lambda box, job: lifecycle.fail(box, job, Unavailable("down")),
    "fail, refused": lambda box, job: lifecycle.fail(box, job, Refused("no")),
    "fail, for the last time": fail_last,
    "fail, too late for the last time": expire_last,
    "cancel": lifecycle.cancel,
    "requeue": lifecycle.requeue,
}
HELD = {  # what the step that holds the job may do, and where that leads
    "heartbeat": STEP,
    "begin_submit": STEP,
    "save_ticket": STEP,
    "save_result": STEP,
    "save_progress": STEP,
    "snooze": ASLEEP,
    "postpone": ASLEEP,
    "succeed": "COMPLETED",
    "fail, to be repeated": "RETRYING",
    "fail, refused": "FAILED",
    "fail, for the last time": "FAILED",
    "fail, too late for the last time": "TIMEOUT",
    "cancel": "CANCELLED",
}
ALLOWED = {
    STEP: HELD,
    # Nobody holds it: whoever reads the row may act on it as it is, as the sweep does when its time is over.
    ASLEEP: {name: ASLEEP if to == STEP else to for name, to in HELD.items() if name != "heartbeat"} | {"claim": STEP},
    "PENDING": {"claim": STEP, "cancel": "CANCELLED"},
    "RETRYING": {"claim": STEP, "cancel": "CANCELLED"},
    "COMPLETED": {},
    "FAILED": {"requeue": "PENDING"},
    "TIMEOUT": {"requeue": "PENDING"},
    "CANCELLED": {"requeue": "PENDING"},
}


def state_of(job_id):
    row = Job.get_by_id(job_id)
    if row.status != "RUNNING":
        return row.status
    return ASLEEP if row.lease is None else STEP


def brought_to(box, job, state):
    """The job, led there by the operations themselves."""
    if state != "PENDING":
        job = lifecycle.claim(box, job.id)
    ways = {
        STEP: lambda: None,
        ASLEEP: lambda: lifecycle.snooze(box, job, 0),
        "PENDING": lambda: None,
        "RETRYING": lambda: lifecycle.fail(box, job, Unavailable("down")),
        "COMPLETED": lambda: lifecycle.succeed(box, job),
        "FAILED": lambda: lifecycle.fail(box, job, Refused("no")),
        "TIMEOUT": lambda: expire_last(box, job),
        "CANCELLED": lambda: lifecycle.cancel(box, job),
    }
    with base.transaction():
        ways[state]()
    Job.update(run_after=now_ms()).where(Job.id == job.id).execute()
    assert state_of(job.id) == state
    return Job.get_by_id(job.id)


def attempted(box, job, operation):
    """Whether the job let it happen: the others answer False or raise."""
    try:
        with base.transaction():
            return OPERATIONS[operation](box, job) is not False
    except (Conflict, LostLease):
        return False


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("state", STATES)
def test_every_transition_is_the_documented_one(box, alice, state, operation):
    job = brought_to(box, lifecycle.create(box, "image", "image-1", "request-1", alice.id), state)
    before = Job.select().where(Job.id == job.id).dicts().get()
    happened = attempted(box, job, operation)
    expected = ALLOWED[state].get(operation, REFUSED)
    assert (state_of(job.id) if happened else REFUSED) == expected
    if not happened:
        assert Job.select().where(Job.id == job.id).dicts().get() == before


@pytest.mark.parametrize("operation", sorted(set(HELD) - {"cancel", "heartbeat"}))
def test_a_step_whose_lease_is_another_ones_now_changes_nothing(box, alice, operation):
    job = brought_to(box, lifecycle.create(box, "image", "image-1", "request-1", alice.id), STEP)
    Job.update(lease="another").where(Job.id == job.id).execute()
    attempts = list(Attempt.select().dicts())
    with pytest.raises(LostLease), base.transaction():
        OPERATIONS[operation](box, job)
    assert state_of(job.id) == STEP
    assert list(Attempt.select().dicts()) == attempts


def test_an_ended_job_has_no_open_attempt(box, alice):
    for state in ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED", "RETRYING"):
        job = brought_to(box, lifecycle.create(box, "image", state, "request-1", alice.id), state)
        assert [row.ended_at is not None for row in Attempt.select().where(Attempt.job == job)] == [True], state
        lifecycle.cancel(box, job)


def test_the_drawing_names_every_status():
    drawing = (shipped("templates").parent / "docs" / "jobs.md").read_text(encoding="utf-8").split("```")[1]
    assert set(re.findall(r"\b[A-Z]{6,}\b", drawing)) == set(STATUSES)


def test_the_first_surprise_at_a_later_attempt_is_still_the_first(box, alice):
    box.config = replace(box.config, queue=replace(box.config.queue, max_attempts=9))
    job = lifecycle.create(box, "image", "image-1", "request-1", alice.id)
    for error, status in (
        (Unavailable("down"), "RETRYING"),
        (ZeroDivisionError("bug"), "RETRYING"),
        (Unavailable("down"), "RETRYING"),
        (KeyError("bug"), "FAILED"),
    ):
        Job.update(run_after=0).execute()
        with base.transaction():
            lifecycle.fail(box, lifecycle.claim(box, job.id), error)
        assert Job.get().status == status, error
    with base.transaction():
        lifecycle.requeue(box, Job.get())
    with base.transaction():
        lifecycle.fail(box, lifecycle.claim(box, job.id), ValueError("bug"))
    assert Job.get().status == "RETRYING"  # tried again by hand, it has a chance of its own
