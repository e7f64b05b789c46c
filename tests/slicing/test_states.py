"""Claims, leases, and what is written under them."""

import itertools

import pytest
from slicing.conftest import finished_model, make_due, with_slicer
from slicing.test_begin import complete

from lumi_box.clock import now_ms
from lumi_box.slicing import names, states
from lumi_box.slicing.begin import begin
from lumi_box.storage import ledger
from lumi_box.tables.generation import GeneratedModel
from lumi_box.tables.slicing import Slicing
from lumi_box.tables.stored_object import StoredObject


@pytest.fixture
def row(box, model):
    with_slicer(box, kind="command", command="never-run")
    return begin(box, model)


def test_one_of_two_workers_gets_it(row):
    (seen,) = states.due()
    assert states.claim(seen) is not None
    assert states.claim(seen) is None
    assert states.due() == []


def test_each_user_has_one_at_a_time_in_the_list(box, row, bob, alice):
    later = begin(box, finished_model(box, alice))
    others = begin(box, finished_model(box, bob))
    assert {each.id for each in states.due()} == {row.id, others.id}
    assert later.id > row.id


def test_one_whose_worker_died_is_run_again_and_the_fourth_time_not(row):
    for number in range(1, 4):
        assert states.claim(states.due()[0]).tries == number
        make_due()
    assert states.claim(states.due()[0]) is None
    ended = Slicing.get()
    assert (ended.status, ended.error_message, ended.due_at) == ("FAILED", names.INTERRUPTED, None)
    assert GeneratedModel.get().print_status == "FAILED"


def test_giving_it_back_costs_no_try(row):
    for _ in range(5):
        mine = states.claim(states.due()[0])
        states.hand_back(mine)
    assert mine.tries == 1 and Slicing.get().status == "SLICING"


def test_whoever_was_taken_for_dead_writes_nothing(box, row, tmp_path):
    dead = states.claim(states.due()[0])
    make_due()
    alive = states.claim(states.due()[0])
    assert not states.prolong(dead)
    assert not states.fail(dead, names.NOT_SLICED)
    assert not complete(box, dead, tmp_path)
    states.hand_back(dead)
    states.postpone(dead, went_well=True)
    assert not states.ordered(dead, "theirs")
    current = Slicing.get()
    assert (current.lease, current.remote_id, current.status) == (alive.lease, None, "SLICING")
    assert complete(box, alive, tmp_path)  # the same bytes under the same key
    assert StoredObject.get(StoredObject.key == Slicing.get().gcode_key).state == ledger.STORED


def test_what_is_brought_home_for_a_deleted_model_goes_at_once(box, row, tmp_path):
    mine = states.claim(states.due()[0])
    GeneratedModel.delete().execute()
    assert not complete(box, mine, tmp_path)
    assert StoredObject.get(StoredObject.key.endswith(".gcode")).state == ledger.DOOMED


def test_waits_grow_and_end_at_the_deadline(row):
    mine, waits = states.claim(states.due()[0]), []
    for _ in range(16):
        states.postpone(mine, went_well=True)
        waits.append((Slicing.get().due_at - now_ms()) / 1000)
        make_due()
        mine = states.claim(states.due()[0])
    assert 1.5 < waits[0] < 2.5 and 12 < waits[-1] < 17
    assert all(after > before * 0.8 for before, after in itertools.pairwise(waits))
    states.postpone(mine, went_well=True, retry_after=7200)
    assert Slicing.get().due_at == mine.deadline_at


def test_what_nobody_slices_any_more_ends(row):
    states.claim(states.due()[0])
    assert states.end_all() == 1
    assert (Slicing.get().status, Slicing.get().error_message) == ("FAILED", names.SWITCHED_OFF)
    assert states.end_all() == 0
