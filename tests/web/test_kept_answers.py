"""Answers that are kept until anything is committed: never an old one, never another's."""

import time

import pytest
from conftest import bearer

from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.tables import base
from lumi_box.tables.generation import GenerationRequest
from lumi_box.web import kept_answers, views

LIST = "/api/v1/tasks?limit=20"


def test_a_commit_of_anybody_ends_what_is_kept(client, box, alice):
    headers = bearer(alice)
    assert client.get(LIST, headers=headers).json["data"]["total"] == 0
    for count in range(1, 4):
        request = accept_prompt(box, alice.id, f"crane {count}")
        assert client.get(LIST, headers=headers).json["data"]["total"] == count
        GenerationRequest.update(status="CANCELLED").where(GenerationRequest.id == request.id).execute()
        assert client.get(f"/api/v1/tasks/{request.id}", headers=headers).json["data"]["status"] == "CANCELLED"


@pytest.mark.sqlite
def test_what_nobody_has_changed_is_made_once(client, box, alice, monkeypatch):
    accept_prompt(box, alice.id, "a crane")
    headers, made = bearer(alice), []
    tasks = views.tasks
    monkeypatch.setattr(views, "tasks", lambda **page: made.append(page) or tasks(**page))
    answers = [client.get(LIST, headers=headers) for _ in range(5)]
    assert len({answer.data for answer in answers}) == 1
    assert len(made) == 1
    again = client.get(LIST, headers=headers | {"If-None-Match": answers[0].headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert "no-cache" in answers[0].headers["Cache-Control"]


def test_nobody_is_given_what_was_made_for_another(client, box, alice, bob):
    accept_prompt(box, alice.id, "a crane")
    mine, others = bearer(alice), bearer(bob)
    for _ in range(2):
        assert client.get(LIST, headers=mine).json["data"]["total"] == 1
        assert client.get(LIST, headers=others).json["data"]["total"] == 0
        assert client.get(LIST).status_code == 401


def test_what_is_kept_grows_old_and_is_bounded(client, box, alice, monkeypatch):
    headers = bearer(alice)
    client.get(LIST, headers=headers)
    kept = client.application.extensions[kept_answers.EXTENSION]
    monkeypatch.setattr(kept_answers, "MOST", 3)
    for offset in range(10):
        client.get(f"{LIST}&offset={offset}", headers=headers)
    assert len(kept) <= 3
    made = []
    monkeypatch.setattr(views, "tasks", lambda **page: made.append(page) or {"items": [], "total": 0})
    client.get(LIST, headers=headers)
    later = time.monotonic() + kept_answers.SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    client.get(LIST, headers=headers)
    assert len(made) == 2


@pytest.mark.sqlite
def test_a_reader_changes_no_number(box, alice):
    before = base.commits()
    views_of = list(GenerationRequest.select())
    assert views_of == [] and base.commits() == before
    accept_prompt(box, alice.id, "a crane")
    assert base.commits() > before
