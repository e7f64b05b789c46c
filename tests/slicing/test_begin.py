"""Asking for a model to be sliced."""

import threading

import pytest
from slicing.conftest import with_slicer

from lumi_box.errors import Conflict, NotConfigured
from lumi_box.flow import manage_request
from lumi_box.gallery import publish
from lumi_box.gallery.close_account import close_account
from lumi_box.slicing import names, states
from lumi_box.slicing.begin import begin, latest_of
from lumi_box.storage import ledger
from lumi_box.tables import base
from lumi_box.tables.generation import GeneratedModel, GenerationRequest
from lumi_box.tables.slicing import Slicing
from lumi_box.tables.stored_object import StoredObject


@pytest.fixture
def box(box):
    with_slicer(box, kind="command", command="never-run")
    return box


def test_it_is_noted_with_the_model_in_one_transaction(box, model, alice):
    row = begin(box, model, 80.0)
    assert (row.status, row.height_mm, row.user_id) == ("SLICING", 80.0, alice.id)
    current = GeneratedModel.get()
    assert (current.slice_task_id, current.print_status) == (row.id, "SLICING")


def test_asking_again_meanwhile_begins_no_second_one(box, model):
    first = begin(box, model)
    assert begin(box, model, 100.0).id == first.id
    assert Slicing.select().count() == 1


def test_many_who_ask_at_once_get_the_same_one(box, model):
    answers, start = [], threading.Barrier(6)

    def ask():
        start.wait()
        with base.database.connection_context():
            answers.append(begin(box, model).id)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 6 and len(set(answers)) == 1
    assert Slicing.select().count() == 1


@pytest.mark.parametrize("end", ["fail", "complete"])
def test_once_it_has_ended_another_can_be_begun(box, model, tmp_path, end):
    row = states.claim(begin(box, model))
    if end == "fail":
        assert states.fail(row, names.NOT_SLICED)
    else:
        assert complete(box, row, tmp_path)
    again = begin(box, model)
    assert again.id != row.id and latest_of(model.id).id == again.id
    assert GeneratedModel.get().slice_task_id == again.id


def test_without_a_slicer_or_a_finished_model_there_is_none(box, model):
    GeneratedModel.update(status="GENERATING").execute()
    with pytest.raises(Conflict, match="not finished"):
        begin(box, model)
    with_slicer(box, kind="none")
    with pytest.raises(NotConfigured):
        begin(box, model)
    assert Slicing.select().count() == 0


@pytest.mark.parametrize("what", ["model", "request", "account"])
def test_what_goes_takes_its_slicings_and_their_files_along(box, model, alice, admin, tmp_path, what):
    row = states.claim(begin(box, model))
    assert complete(box, row, tmp_path)
    begin(box, model)
    removals = {
        "model": lambda: publish.delete(box, model),
        "request": lambda: manage_request.delete(box, GenerationRequest.get()),
        "account": lambda: close_account(box, alice),
    }
    removals[what]()
    assert Slicing.select().count() == 0
    key = f"models/{model.id}/{row.id}.gcode"
    assert StoredObject.get(StoredObject.key == key).state == ledger.DOOMED
    while ledger.remove_doomed(box.storage):
        pass
    assert not box.storage.exists(key)


def test_a_new_result_takes_the_place_of_the_old_one_and_a_failure_does_not(box, model, tmp_path):
    rows = []
    for _ in range(2):
        rows.append(states.claim(begin(box, model)))
        assert complete(box, rows[-1], tmp_path)
    state = {row.key.rpartition("/")[2]: row.state for row in StoredObject.select()}
    assert (state[f"{rows[0].id}.gcode"], state[f"{rows[1].id}.gcode"]) == ("doomed", "stored")
    for _ in range(2):
        assert states.fail(states.claim(begin(box, model)), names.NOT_SLICED)
    assert StoredObject.get(StoredObject.key.endswith(f"{rows[1].id}.gcode")).state == "stored"
    assert [row.status for row in Slicing.select().order_by(Slicing.id)] == ["SLICE_COMPLETE", "FAILED"]


def complete(box, row, folder):
    path = folder / "x.gcode"
    path.write_bytes(b"G28\n" + row.id.encode())
    owner = ledger.Owner(row.user_id, row.request_id, row.model_id)
    return states.complete(row, ledger.keep(box.storage, f"models/{row.model_id}/{row.id}.gcode", path, owner), {})
