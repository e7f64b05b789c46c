"""A vendor's job that nobody waits for is cancelled where the vendor can; an order is never forgotten."""

import pytest

from lumi_box.errors import Unavailable
from lumi_box.flow import manage_request
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.jobs import lifecycle, tickets
from lumi_box.providers.base import Pending
from lumi_box.tables import base
from lumi_box.tables.job import Attempt, GivenUpTicket, Job
from lumi_box.tables.spend import Purchase
from lumi_box.worker import sweeps


@pytest.fixture
def told(images, monkeypatch):
    """The tickets that the vendor was told to stop."""
    seen = []

    def cancel(ticket):
        seen.append(ticket.id)
        return True

    monkeypatch.setattr(images, "cancel", cancel, raising=False)
    return seen


@pytest.fixture
def in_flight(box, alice, drain, images, told):
    request = accept_prompt(box, alice.id, "a crane")
    images.slow = True
    drain()
    return request


@pytest.mark.parametrize("end", [manage_request.cancel, manage_request.delete])
def test_cancel_and_delete_tell_the_vendor_afterwards(box, in_flight, told, end):
    end(box, in_flight)
    assert told == []  # no network inside a transaction
    sweeps.cancel_tickets(box)
    assert sorted(told) == ["vendor-1", "vendor-2"]
    sweeps.cancel_tickets(box)
    assert len(told) == 2
    assert GivenUpTicket.select().count() == 0


def test_a_deadline_keeps_the_ticket_until_the_last_attempt(box, in_flight, drain, images, told):
    """Each retry used to buy a new provider job."""
    images.tickets.extend([Pending()] * 1000)
    for attempt in (1, 2, 3):
        Job.update(deadline_at=1).where(Job.status == "RUNNING").execute()
        sweeps.recover_jobs(box)
        sweeps.cancel_tickets(box)
        assert told == [] if attempt < 3 else sorted(told) == ["vendor-1", "vendor-2"]
        Job.update(run_after=0).where(Job.status == "RETRYING").execute()
        for job in Job.select().where(Job.status == "RETRYING"):
            assert lifecycle.claim(box, job.id).ticket == job.ticket
            lifecycle.snooze(box, Job.get_by_id(job.id), 5)
    assert Job.select().where(Job.status == "TIMEOUT").count() == 2
    assert len(images.submitted) == 2


def test_a_vendor_that_cannot_be_told_is_tried_a_few_times(box, in_flight, images, monkeypatch):
    calls = []

    def down(ticket):
        calls.append(ticket.id)
        raise Unavailable("down", code="down")

    monkeypatch.setattr(images, "cancel", down)
    manage_request.cancel(box, in_flight)
    for _ in range(tickets.MAX_TRIES + 2):
        sweeps.cancel_tickets(box)
        GivenUpTicket.update(due_at=0).execute()
    assert len(calls) == 2 * tickets.MAX_TRIES
    assert GivenUpTicket.select().count() == 0


def test_a_vendor_without_a_cancel_is_not_asked(box, alice, drain, images):
    request = accept_prompt(box, alice.id, "a crane")
    images.slow = True
    drain()
    manage_request.cancel(box, request)
    sweeps.cancel_tickets(box)
    assert GivenUpTicket.select().count() == 0


def overtaken(images, monkeypatch, meanwhile):
    """Something happens while the vendor takes the order."""
    submit = images.submit

    def slow(order):
        monkeypatch.setattr(images, "submit", submit)
        meanwhile()
        return submit(order)

    monkeypatch.setattr(images, "submit", slow)


def test_an_order_accepted_after_the_cancel_is_booked_and_given_up(box, alice, drain, images, told, monkeypatch):
    request = accept_prompt(box, alice.id, "a crane")
    images.slow = True
    overtaken(images, monkeypatch, lambda: manage_request.cancel(box, request))
    drain()
    assert Purchase.select().count() == len(images.submitted) == 1
    sweeps.cancel_tickets(box)
    assert told == ["vendor-1"]
    assert Attempt.get(Attempt.ticket == "vendor-1").outcome == "cancelled"
    assert Attempt.select().where(lifecycle.is_doubtful()).count() == 0


def test_an_order_accepted_after_the_delete_is_booked_and_given_up(box, alice, drain, images, told, monkeypatch):
    request = accept_prompt(box, alice.id, "a crane")
    images.slow = True
    overtaken(images, monkeypatch, lambda: manage_request.delete(box, request))
    drain()
    assert Purchase.select().count() == 1
    sweeps.cancel_tickets(box)
    assert told == ["vendor-1"]


def test_an_order_accepted_after_the_lease_ran_out_is_taken_over_by_the_next_attempt(
    box, alice, drain, images, monkeypatch
):
    accept_prompt(box, alice.id, "a crane")
    images.slow = True

    def taken_for_dead():
        Job.update(lease_until=1).where(Job.lease.is_null(False)).execute()
        sweeps.recover_jobs(box)
        assert Attempt.get(Attempt.outcome.is_null(False)).outcome == "doubtful"

    overtaken(images, monkeypatch, taken_for_dead)
    drain(later=True)
    assert {job.status for job in Job.select()} == {"COMPLETED"}
    assert len(images.submitted) == Purchase.select().count() == 4
    assert Attempt.select().where(lifecycle.is_doubtful()).count() == 0


def test_a_synchronous_answer_after_the_lease_ran_out_is_taken_over_too(box, alice, drain, images, monkeypatch):
    accept_prompt(box, alice.id, "a crane")

    def taken_for_dead():
        Job.update(lease_until=1).where(Job.lease.is_null(False)).execute()
        sweeps.recover_jobs(box)

    overtaken(images, monkeypatch, taken_for_dead)
    drain(later=True)
    assert len(images.submitted) == Purchase.select().count() == 4


def test_a_job_cancelled_while_ordering_whose_answer_never_came_is_doubtful(box, alice, images):
    request = accept_prompt(box, alice.id, "a crane")
    job = lifecycle.claim(box, Job.get().id)
    lifecycle.begin_submit(job, "acme")
    manage_request.cancel(box, request)
    assert [row.outcome for row in Attempt.select().where(lifecycle.is_doubtful())] == ["cancelled"]


def test_a_ticket_that_the_vendor_gave_up_is_not_cancelled(box, alice, drain, images, told):
    images.slow = True
    accept_prompt(box, alice.id, "a crane")
    images.fail_next_poll(*[Unavailable("gone", ticket_dead=True)] * 20)
    drain(later=True)
    assert Job.select().where(Job.status == "FAILED").count() == 4
    sweeps.cancel_tickets(box)
    assert told == []


def test_a_late_answer_is_no_answer_to_a_newer_order(box, alice, images, told):
    """The job has a ticket of its own by then: the late one is given up."""
    accept_prompt(box, alice.id, "a crane")
    job = lifecycle.claim(box, Job.get().id)
    job.provider = "scripted"
    with base.transaction():
        lifecycle.save_ticket(Job.get_by_id(job.id), "newer")
        lifecycle.late_answer(job, "older", None)
    assert Job.get_by_id(job.id).ticket == "newer"
    sweeps.cancel_tickets(box)
    assert told == ["older"]
