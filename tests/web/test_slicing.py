"""Slicing over the API and on the model's page."""

import pytest
from conftest import bearer
from slicing.conftest import finished_model, with_slicer

from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.slicing import names, states
from lumi_box.storage import ledger
from lumi_box.tables.generation import GeneratedModel
from lumi_box.tables.slicing import Slicing
from lumi_box.web import schemas_out as out


@pytest.fixture
def box(box):
    with_slicer(box, kind="command", command="never-run")
    return box


@pytest.fixture
def model(box, alice):
    return finished_model(box, alice)


def paths(model):
    return f"/api/v1/tasks/{model.request_id}/print", f"/api/v1/tasks/{model.request_id}/print-status"


def sliced(box, tmp_path, **facts):
    """The slicing that is under way, brought to its end as a worker does."""
    row = states.claim(states.due()[0])
    path = tmp_path / "x.gcode"
    path.write_bytes(b"G28\n")
    owner = ledger.Owner(row.user_id, row.request_id, row.model_id)
    kept = ledger.keep(box.storage, f"models/{row.model_id}/{row.id}.gcode", path, owner)
    assert states.complete(row, kept, facts)
    return row


def test_from_the_post_to_the_file(client, box, model, alice, tmp_path):
    begin, status = paths(model)
    nothing = {
        "sliceTaskId": None,
        "sliceProgress": None,
        "gcodeUrl": None,
        "gcodeMetadata": None,
        "errorMessage": None,
    }
    assert client.get(status, headers=bearer(alice)).json["data"] == {"printStatus": "NOT_STARTED", **nothing}
    answer = client.post(begin, headers=bearer(alice))
    assert answer.status_code == 200 and set(answer.json["data"]) == {"sliceTaskId", "message"}
    task_id = answer.json["data"]["sliceTaskId"]
    again = client.post(begin, json={"heightMm": 90}, headers=bearer(alice))
    assert again.json["data"]["sliceTaskId"] == task_id
    waiting = {"printStatus": "SLICING", **nothing, "sliceTaskId": task_id}
    assert client.get(status, headers=bearer(alice)).json["data"] == waiting
    sliced(box, tmp_path, layer_height=0.2, print_time_seconds=90.0)
    found = client.get(status, headers=bearer(alice)).json["data"]
    assert (found["printStatus"], found["sliceProgress"]) == ("SLICE_COMPLETE", 100)
    assert all(out.PrintStatus().validate(each) == {} for each in (waiting, found))
    assert found["gcodeMetadata"] == {"layerHeight": 0.2, "printTimeSeconds": 90.0, "filamentGrams": None}
    file = client.get(found["gcodeUrl"])  # without token or cookie
    assert (file.status_code, file.data, file.mimetype) == (200, b"G28\n", "text/x.gcode")
    assert found["gcodeUrl"].startswith("http://") and "/files/s/" in found["gcodeUrl"]
    assert client.post(begin, json={"heightMm": 90.5}, headers=bearer(alice)).json["data"]["sliceTaskId"] != task_id
    assert Slicing.select().order_by(Slicing.id.desc()).get().height_mm == 90.5


def test_a_failure_is_told(client, model, alice):
    begin, status = paths(model)
    client.post(begin, json={}, headers=bearer(alice))
    states.fail(states.claim(states.due()[0]), names.NOT_SLICED, "exit_1", "technical words")
    answer = client.get(status, headers=bearer(alice))
    assert answer.json["data"]["printStatus"] == "FAILED"
    assert answer.json["data"]["errorMessage"] == names.NOT_SLICED
    assert "technical" not in answer.text


@pytest.mark.parametrize("body", [{"heightMm": 4}, {"heightMm": 1001}, {"heightMm": "tall"}, {"height": 60}, [60]])
def test_a_height_that_cannot_be(client, model, alice, body):
    answer = client.post(paths(model)[0], json=body, headers=bearer(alice))
    assert (answer.status_code, answer.json["data"]["code"]) == (400, "VALIDATION_ERROR")
    assert Slicing.select().count() == 0


def test_strangers_find_nothing_and_without_a_slicer_nobody_does(client, box, model, alice, bob):
    begin, status = paths(model)
    assert (
        client.post(begin, headers=bearer(bob)).status_code
        == client.get(status, headers=bearer(bob)).status_code
        == 404
    )
    assert client.post(begin).status_code == client.get(status).status_code == 401
    with_slicer(box, kind="none")
    for answer in (client.post(begin, headers=bearer(alice)), client.get(status, headers=bearer(alice))):
        assert (answer.status_code, answer.json["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert client.post(begin, headers=bearer(bob)).status_code == 404


def test_what_is_not_finished_is_not_sliced(client, box, model, alice):
    GeneratedModel.update(status="GENERATING").execute()
    answer = client.post(paths(model)[0], headers=bearer(alice))
    assert (answer.status_code, answer.json["data"]["code"]) == (409, "INVALID_STATE")
    painted = accept_prompt(box, alice.id, "a fox")
    answer = client.post(f"/api/v1/tasks/{painted.id}/print", headers=bearer(alice))
    assert (answer.status_code, answer.json["data"]["code"]) == (409, "INVALID_STATE")
    answer = client.get(f"/api/v1/tasks/{painted.id}/print-status", headers=bearer(alice))
    assert answer.json["data"]["printStatus"] == "NOT_STARTED"


def test_models_show_the_latest_to_their_owner_alone(client, box, model, alice, bob):
    task_id = client.post(paths(model)[0], headers=bearer(alice)).json["data"]["sliceTaskId"]
    client.patch(f"/api/v1/models/{model.id}/visibility", json={"visibility": "PUBLIC"}, headers=bearer(alice))
    own = [
        client.get(f"/api/v1/tasks/{model.request_id}", headers=bearer(alice)).json["data"]["model"],
        client.get("/api/v1/tasks", headers=bearer(alice)).json["data"]["items"][0]["model"],
        client.get("/api/v1/users/models", headers=bearer(alice)).json["data"]["items"][0],
        client.get(f"/api/v1/models/{model.id}", headers=bearer(alice)).json["data"],
    ]
    assert {(each["sliceTaskId"], each["printStatus"]) for each in own} == {(task_id, "SLICING")}
    others = [
        client.get(f"/api/v1/models/{model.id}", headers=bearer(bob)).json["data"],
        client.get(f"/api/v1/models/{model.id}").json["data"],
        client.get("/api/v1/gallery/models").json["data"]["items"][0],
        client.get(f"/api/v1/gallery/models/{model.id}").json["data"],
    ]
    assert {(each["sliceTaskId"], each["printStatus"]) for each in others} == {(None, None)}


def test_lists_ask_the_database_no_more_often_for_sliced_models(client, box, alice, queries):
    def asked(path):
        client.get(path, headers=bearer(alice))
        queries.clear()
        answer = client.get(f"{path}&again", headers=bearer(alice))
        assert answer.status_code == 200
        return [sql for sql in queries if "slicing" in sql], len(queries)

    finished_model(box, alice)
    few = [asked(path) for path in ("/api/v1/tasks?limit=50", "/api/v1/users/models?limit=50")]
    for _ in range(4):
        client.post(paths(finished_model(box, alice))[0], headers=bearer(alice))
    many = [asked(path) for path in ("/api/v1/tasks?limit=50", "/api/v1/users/models?limit=50")]
    assert few == many and few[0][0] == []


def page(client, model, user=None, **options):
    return client.get(f"/models/{model.id}", headers=bearer(user) if user else {}, **options).get_data(as_text=True)


def press(client, model, user, height):
    """The button of the page, with the token of its form."""
    token = page(client, model, user).split('name="csrf-token" content="')[1].split('"')[0]
    data = {"heightMm": height, "csrf_token": token}
    return client.post(f"/models/{model.id}/slice", data=data, headers=bearer(user))


def test_the_owners_page_slices_without_script(client, box, model, alice, bob, tmp_path):
    client.patch(f"/api/v1/models/{model.id}/visibility", json={"visibility": "PUBLIC"}, headers=bearer(alice))
    assert "G-code for the printer" in page(client, model, alice)
    assert "G-code" not in page(client, model, bob) and "G-code" not in page(client, model)
    answer = press(client, model, alice, "80")
    assert (answer.status_code, answer.location) == (303, f"/models/{model.id}#slicing")
    assert Slicing.get().height_mm == 80.0
    shown = page(client, model, alice)
    assert '<noscript><meta http-equiv="refresh"' in shown and "data-slicing=" in shown
    assert f'action="/models/{model.id}/slice"' not in shown
    assert 'data-slicing="' in client.get(f"/models/{model.id}/slicing", headers=bearer(alice)).get_data(as_text=True)
    row = sliced(box, tmp_path, layer_height=0.2, print_time_seconds=5400.0, filament_grams=23.7)
    for shown in (page(client, model, alice), client.get(f"/models/{model.id}/slicing", headers=bearer(alice)).text):
        assert f"/{row.id}.gcode" in shown and "23.7 g" in shown and "1 h 30 min" in shown and "0.2 mm" in shown
        assert "data-slicing=" not in shown
    assert client.get(f"/models/{model.id}/slicing", headers=bearer(bob)).status_code == 404
    assert press(client, model, bob, "60").status_code == 404


def test_the_page_tells_of_a_failure_in_the_readers_language(client, box, model, alice):
    press(client, model, alice, "60")
    states.fail(states.claim(states.due()[0]), names.TOO_LARGE, "exit_1", "technical words")
    shown = page(client, model, alice)
    assert names.TOO_LARGE in shown and "technical" not in shown
    client.set_cookie("lang", "zh")
    chinese = page(client, model, alice)
    assert "打印机" in chinese and names.TOO_LARGE not in chinese


def test_a_height_that_cannot_be_is_told_on_the_page(client, box, model, alice):
    for height in ("2", "", "nan", "tall"):
        answer = press(client, model, alice, height)
        assert answer.status_code == 303
    assert Slicing.select().count() == 0


def test_without_a_slicer_the_page_says_nothing_of_it(client, box, model, alice):
    with_slicer(box, kind="none")
    assert "G-code" not in page(client, model, alice)
    assert client.get(f"/models/{model.id}/slicing", headers=bearer(alice)).status_code == 404
