"""What the log tells of a request, and the ids that join it with its jobs and its errors."""

import json
import logging

import pytest
from conftest import bearer

from lumi_box import logs
from lumi_box.errors import Busy, Refused
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.jobs import lifecycle
from lumi_box.jobs.lifecycle import UNFORESEEN
from lumi_box.tables.job import Attempt, Job
from lumi_box.worker import sweeps


def of(caplog, name):
    return [record for record in caplog.records if record.name == name]


def test_an_answered_request_is_one_line_without_query_and_signature(client, finished, alice, caplog):
    address = client.get(f"/api/v1/models/{finished.id}", headers=bearer(alice)).json["data"]["glbUrl"]
    caplog.clear()
    answer = client.get(address.replace("http://127.0.0.1:5000", "") + "?token=abcdefgh", headers=bearer(alice))
    assert answer.status_code == 200
    (record,) = of(caplog, "lumi_box.access")
    assert record.getMessage() == f"GET /files/s/<ticket>/models/{finished.id}/model.glb 200"
    assert record.fields["bytes"] == len(answer.data)
    assert record.fields["user_id"] == alice.id
    assert record.fields["ms"] > 0
    assert record.in_json["route"] == "/files/s/<ticket>/<path:key>"
    assert record.in_json["status"] == 200


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/wp-admin", "/wp-admin"),
        ("/api/v1/users/webhooks/s/abcdefghijkl", "/api/v1/users/webhooks/s/…"),
        ("/api/v1/tasks/lumi_abcdefghijklmnopqrstuvwx", "/api/v1/tasks/…"),
        ("/files/images/s/abcdefghijkl", "/files/images/s/…"),
        ("/token=abc/sk-12345678", "/…/…"),
        ("/filez/s/1795305600.kVn5-TqLb1xQ2wY_8sZ0aBcD/a.png", "/filez/s/…/a.png"),
        ("/api/v1/tasks/" + "x" * 500, "/api/v1/tasks/…"),
        ("/two%0Alines", "/…"),
    ],
)
def test_a_path_that_leads_nowhere_tells_no_secret(client, path, told, alice, caplog):
    client.get(path, headers=bearer(alice))
    (record,) = of(caplog, "lumi_box.access")
    assert record.getMessage().startswith(f"GET {told} ")
    line = logs.TextFormatter().format(record)
    assert len(line.splitlines()) == 1
    assert "***" not in line  # nothing was left for the last line of defence


def test_what_machines_ask_all_day_is_for_debugging(client, caplog):
    for path in ("/health", "/metrics", "/static/css/base.css"):
        client.get(path)
    assert {record.levelname for record in of(caplog, "lumi_box.access")} == {"DEBUG"}


class Lines(logging.Handler):
    """The lines as they would be shown, ids and all."""

    def __init__(self):
        super().__init__()
        self.setFormatter(logs.JsonFormatter())
        self.shown = []

    def emit(self, record):
        self.shown.append(json.loads(self.format(record)))


@pytest.fixture
def lines():
    handler = Lines()
    logging.root.addHandler(handler)
    yield handler.shown
    logging.root.removeHandler(handler)


def test_a_job_is_found_by_the_request_that_asked_for_it(client, alice, drain, images, lines):
    images.fail_next(Refused("No.", code="no"), Busy("later"))
    answer = client.post("/api/v1/tasks", json={"prompt": "a paper crane"}, headers=bearer(alice))
    drain(later=True)
    asked, task = answer.headers["X-Request-Id"], answer.json["data"]["id"]
    of_jobs = [line for line in lines if "job_id" in line]
    assert len(of_jobs) >= 5
    assert {line["request_id"] for line in of_jobs} == {asked}
    assert {line["task_id"] for line in of_jobs} == {task}
    assert {line["job_id"] for line in of_jobs} == {job.id for job in Job.select()}
    assert [line["request_id"] for line in lines if line["logger"] == "lumi_box.access"] == [asked]


def test_another_try_is_found_by_who_asked_for_that(client, alice, drain, images, lines):
    images.fail_next(Refused("No.", code="no"))
    task = client.post("/api/v1/tasks", json={"prompt": "a paper crane"}, headers=bearer(alice)).json["data"]["id"]
    drain()
    again = client.post(f"/api/v1/tasks/{task}/retry", headers=bearer(alice)).headers["X-Request-Id"]
    lines.clear()
    drain()
    assert {line["request_id"] for line in lines if "job_id" in line} == {again}


def test_an_error_is_found_by_the_id_in_its_answer(client, alice, monkeypatch, lines):
    monkeypatch.setattr("lumi_box.web.actions.accept_prompt", lambda *_, **__: 1 / 0)
    answer = client.post("/api/v1/tasks", json={"prompt": "a paper crane"}, headers=bearer(alice))
    assert answer.status_code == 500
    (line,) = [line for line in lines if line.get("error_id") == answer.json["errorId"]]
    assert line["request_id"] == answer.headers["X-Request-Id"]
    assert "ZeroDivisionError" in line["exception"]


def test_no_id_outlives_its_request(client, lines):
    client.get("/about")
    logging.getLogger("lumi_box.test").warning("between two requests")
    assert "request_id" not in lines[-1]


def test_a_failure_that_nobody_foresaw_is_found_by_the_id_in_its_row(box, alice, drain, images, lines):
    images.fail_next(ZeroDivisionError("odd"))
    accept_prompt(box, alice.id, "a paper crane")
    drain()
    (line,) = [line for line in lines if "error_id" in line]
    assert line["level"] == "error" and "ZeroDivisionError: odd" in line["exception"]
    failed = Attempt.get(Attempt.outcome == "crashed")
    assert failed.error_text == f"ZeroDivisionError; in the log as error_id={line['error_id']}"
    assert Job.get_by_id(line["job_id"]).error_message == UNFORESEEN


def test_an_errors_own_words_do_not_give_a_prompt_away(box, client, alice, drain, images, monkeypatch, lines, witness):
    prompt = "the secret wish of somebody, in their own words"
    images.fail_next(RuntimeError(f"cannot paint {prompt}"))
    accept_prompt(box, alice.id, prompt)
    drain()

    def fail(*_, **__):
        raise RuntimeError(f"cannot take {prompt!r}")

    monkeypatch.setattr("lumi_box.web.actions.accept_prompt", fail)
    client.post("/api/v1/tasks", json={"prompt": prompt}, headers=bearer(alice))
    told = [line["exception"] for line in lines if "exception" in line]
    assert len(told) == 2
    assert "cannot paint ***" in told[0] and "cannot take '***'" in told[1]
    assert prompt not in json.dumps(lines)
    witness.lines.clear()  # it was logged; this test is of what the formatter makes of it


def test_the_lines_of_a_sweep_name_the_job_that_it_ends(box, client, alice, lines):
    answer = client.post("/api/v1/tasks", json={"prompt": "a paper crane"}, headers=bearer(alice))
    taken = lifecycle.claim(box, Job.get().id)
    Job.update(lease_until=3 * lifecycle.LEASE_MS).where(Job.id == taken.id).execute()
    sweeps.recover_jobs(box)
    (line,) = [line for line in lines if "attempt failed" in line["message"]]
    assert (line["job_id"], line["request_id"]) == (taken.id, answer.headers["X-Request-Id"])
