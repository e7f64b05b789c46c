"""Counters in the database: right under concurrency, undone with their transaction, and never going back."""

import threading

import pytest
from peewee import fn

from lumi_box.errors import Refused, Unavailable
from lumi_box.flow import manage_request, spend
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.jobs import retention
from lumi_box.metrics import tally
from lumi_box.tables import base
from lumi_box.tables.base import transaction
from lumi_box.tables.generation import GenerationRequest
from lumi_box.tables.job import Job
from lumi_box.tables.metric import Tally


def counts(metric=tally.JOB):
    found = {}
    for row in tally.read(metric):
        found[row.labels] = found.get(row.labels, 0) + row.count
    return found


def test_what_is_added_is_read(box):
    with transaction():
        tally.add("x", ("a", "ä,\"b'"), bucket="0.5", count=2, amount=7)
        tally.add("x", ("a", "ä,\"b'"), bucket="0.5", amount=1)
        tally.add("x", ("a", "ä,\"b'"))
        tally.add("y", ("a",))
    assert list(tally.read("x")) == [
        tally.Counted(("a", "ä,\"b'"), "", 1, 0),
        tally.Counted(("a", "ä,\"b'"), "0.5", 3, 8),
    ]


def test_what_is_rolled_back_was_never_counted(box):
    with transaction() as running:
        tally.add("x", ("a",))
        running.rollback()
    assert counts("x") == {}


def test_many_at_once_are_all_counted(box):
    @base.retried  # as every caller is: who come first at the same instant may be undone for each other's sake
    def add_one():
        with transaction():
            tally.add("x", ("a",), amount=2)

    def add():
        with base.database.connection_context():
            for _ in range(25):
                add_one()

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (row,) = tally.read("x")
    assert (row.count, row.amount) == (100, 200)


def test_every_end_of_a_job_is_counted_once(box, alice, drain, images):
    images.fail_next(Refused("No."))
    accept_prompt(box, alice.id, "a crane")
    drain()
    assert counts() == {("image", "scripted", "completed"): 3, ("image", "scripted", "failed"): 1}
    dead = Job.get(Job.status == "FAILED")
    manage_request.retry_job(box, dead)
    drain()
    assert counts() == {("image", "scripted", "completed"): 4, ("image", "scripted", "failed"): 1}


def test_a_job_that_was_cancelled_before_it_began_is_counted_and_not_measured(box, alice):
    manage_request.cancel(box, accept_prompt(box, alice.id, "a crane"))
    assert list(tally.read(tally.JOB)) == [tally.Counted(("image", "builtin", "cancelled"), tally.UNMEASURED, 4, 0)]


def test_a_retry_is_no_end(box, alice, drain, images):
    images.fail_next(Unavailable("down", retry_after=60))
    accept_prompt(box, alice.id, "a crane")
    drain()
    assert counts() == {("image", "scripted", "completed"): 3}
    drain(later=True)
    assert counts() == {("image", "scripted", "completed"): 4}


def test_the_time_of_a_job_that_is_tried_again_begins_anew(box, alice, drain, images):
    images.fail_next(Refused("No."))
    accept_prompt(box, alice.id, "a crane")
    drain()
    dead = Job.get(Job.status == "FAILED")
    Job.update(started_at=dead.started_at - 86_400_000, queued_at=1).where(Job.id == dead.id).execute()
    manage_request.retry_job(box, dead)
    assert Job.get_by_id(dead.id).queued_at > dead.created_at
    drain()
    assert "+Inf" not in {row.bucket for row in tally.read(tally.JOB)}


def test_counts_stay_when_jobs_go(box, alice, drain, images):
    images.fail_next(Refused("No."))
    request = accept_prompt(box, alice.id, "a crane")
    drain()
    before = list(tally.read(tally.JOB))
    retention.discard(Job.get(Job.status == "FAILED"))
    Job.update(ended_at=1).execute()
    assert retention.prune(box) == 3
    manage_request.delete(box, GenerationRequest.get_by_id(request.id))
    assert Job.select().count() == 0
    assert list(tally.read(tally.JOB)) == before


def test_spend_is_what_the_ledger_says(box, alice, drain, monkeypatch):
    monkeypatch.setattr(spend, "price", lambda *_: 1234)
    accept_prompt(box, alice.id, "a crane")
    drain()
    (row,) = tally.read(tally.SPEND)
    assert row == tally.Counted(("scripted", "CNY"), "", 4, 4 * 1234)
    assert row.amount == spend.spent(spend.this_month())


@pytest.mark.parametrize("jobs", [1, 5])
def test_the_table_does_not_grow_with_the_jobs(box, alice, drain, jobs):
    for _ in range(jobs):
        accept_prompt(box, alice.id, "a crane")
    drain()
    assert Tally.select(fn.SUM(Tally.count)).where(Tally.metric == tally.JOB).scalar() == 4 * jobs
    assert Tally.select().where(Tally.metric == tally.JOB).count() <= 4
