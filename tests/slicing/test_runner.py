"""Slicings by the worker: soon, once, in turn between users, and never in the way of a stop."""

import threading
import time

import pytest
from peewee import OperationalError
from process.server import eventually
from slicing.conftest import finished_model, make_due, with_slicer

from lumi_box.slicing import names, runner, states
from lumi_box.slicing import step as steps
from lumi_box.slicing.begin import begin
from lumi_box.slicing.states import GivenUp
from lumi_box.tables.generation import GeneratedModel
from lumi_box.tables.slicing import Slicing

pytestmark = pytest.mark.service


@pytest.fixture
def program(box, monkeypatch):
    """In the place of the program: notes whose models it gets, and does as it is told."""
    with_slicer(box, kind="command", command="sh")
    seen, go_on = [], threading.Event()
    go_on.set()

    def run(config, model, target, give_up, tell):
        seen.append(target)
        tell(40)
        while not go_on.wait(0.02):
            if give_up.is_set():
                raise GivenUp
        target.write_text("G28\n", encoding="utf-8")

    monkeypatch.setattr(steps.command, "run", run)
    return seen, go_on


def all_ended():
    return not Slicing.select().where(Slicing.status == names.SLICING).exists()


def test_it_begins_within_a_second(box, model, program, runners):
    runners(box)
    time.sleep(0.3)  # it has looked already, and found nothing
    begin(box, model)
    eventually(lambda: program[0], 1.5, "a beginning")
    eventually(all_ended, 10, "the end")
    assert GeneratedModel.get().print_status == "SLICE_COMPLETE"


def test_several_nodes_do_each_once(service_box, slicer, soon, alice, bob, runners):
    for user in (alice, bob) * 4:
        begin(service_box, finished_model(service_box, user))
    runners(service_box, 3)
    eventually(all_ended, 60, "eight slicings")
    assert {row.status for row in Slicing.select()} == {"SLICE_COMPLETE"}
    assert len(slicer.tasks) == slicer.calls.count("fetch") == 8


def test_users_take_turns_and_one_program_runs_at_a_time(box, alice, bob, program, runners):
    seen, go_on = program
    go_on.clear()
    mine = [begin(box, finished_model(box, alice)).id for _ in range(4)]
    runners(box)
    eventually(lambda: len(seen) == 1, 10, "the first")
    theirs = begin(box, finished_model(box, bob)).id
    go_on.set()
    eventually(all_ended, 20, "all")
    ended = [row.id for row in Slicing.select().order_by(Slicing.ended_at, Slicing.id)]
    assert ended[0] == mine[0] and ended.index(theirs) == 1
    assert len(seen) == 5


def test_a_stop_gives_the_program_up_and_another_node_does_it_anew(box, model, program, runners):
    seen, go_on = program
    go_on.clear()
    begin(box, model)
    (first,) = runners(box)
    eventually(lambda: seen, 10, "a beginning")
    first.stop()
    assert first.wait(10)
    row = Slicing.get()
    assert (row.status, row.lease, row.tries) == ("SLICING", None, 0)
    go_on.set()
    runners(box)
    eventually(all_ended, 10, "the end")
    assert Slicing.get().status == "SLICE_COMPLETE" and len(seen) == 2


def test_long_ones_keep_their_lease_and_tell_how_far_they_are(box, model, program, runners, monkeypatch):
    monkeypatch.setattr(states, "LEASE_MS", 600)
    monkeypatch.setattr(runner, "PROLONG_SECONDS", 0.1)
    seen, go_on = program
    go_on.clear()
    begin(box, model)
    runners(box, 2)
    eventually(lambda: Slicing.get().progress == 40, 10, "a sign of life")
    time.sleep(1.5)  # more than twice the lease
    go_on.set()
    eventually(all_ended, 10, "the end")
    assert len(seen) == 1 and Slicing.get().status == "SLICE_COMPLETE"


def test_a_model_that_is_deleted_meanwhile_ends_the_program(box, model, program, runners, monkeypatch):
    monkeypatch.setattr(runner, "PROLONG_SECONDS", 0.1)
    seen, go_on = program
    go_on.clear()
    begin(box, model)
    (started,) = runners(box)
    eventually(lambda: seen, 10, "a beginning")
    GeneratedModel.delete().execute()
    eventually(lambda: not started._at_work, 10, "its end")


def test_an_outage_of_the_database_ends_nothing(box, model, program, runners, monkeypatch):
    monkeypatch.setattr(runner, "AWAY_SECONDS", 0.05)
    claim, failures = states.claim, iter([OperationalError(2013, "gone"), RuntimeError("can't start new thread")])

    def failing(seen):
        for failure in failures:
            raise failure
        return claim(seen)

    monkeypatch.setattr(states, "claim", failing)
    begin(box, model)
    runners(box)
    eventually(all_ended, 10, "the end")
    assert Slicing.get().status == "SLICE_COMPLETE"


def test_a_fault_of_ours_is_tried_again_and_not_for_ever(box, model, program, runners, soon, monkeypatch, caplog):
    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(steps.command, "run", broken)
    begin(box, model)
    runners(box)
    eventually(all_ended, 20, "the end")
    row = Slicing.get()
    assert (row.status, row.error_message, row.error_code) == ("FAILED", names.OURS, "internal")
    assert caplog.text.count("slicing went wrong") == states.MOST_TRIES


def test_where_no_slicer_is_configured_any_more_nobody_waits(box, model, program, runners):
    begin(box, model)
    with_slicer(box, kind="none")
    runners(box)
    eventually(all_ended, 10, "the end")
    assert Slicing.get().error_message == names.SWITCHED_OFF
    assert GeneratedModel.get().print_status == "FAILED"


def test_a_program_that_is_missing_is_told_of_at_the_start(box, runners, caplog):
    with_slicer(box, kind="command", command="no-such-slicer")
    runners(box)
    assert "slicer.command: no program no-such-slicer" in caplog.text


def test_a_lease_that_ran_out_is_taken_up(box, model, program, runners):
    begin(box, model)
    states.claim(states.due()[0])  # by a worker that dies now
    make_due()
    runners(box)
    eventually(all_ended, 10, "the end")
    assert Slicing.get().status == "SLICE_COMPLETE"
