"""Front-ends of other origins: those that the config names, on every kind of answer."""

import dataclasses

import pytest
from conftest import bearer

from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.web.app import create_app

ORIGIN, STRANGER = "https://app.example", "https://evil.example"
HEADERS = ("Authorization", "Content-Type", "Last-Event-ID", "Idempotency-Key", "X-CSRF-Token")


@pytest.fixture
def client(box):
    server = dataclasses.replace(box.config.server, cors_origins=(ORIGIN,))
    box.config = dataclasses.replace(box.config, server=server)
    app = create_app(box)
    app.testing = False
    yield app.test_client()
    app.extensions["lumi_follower"].close(wait=True)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize("path", ["/api/v1/tasks", "/api/tasks/x/events", "/files/images/x/0.png"])
def test_preflight(client, path, method):
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": method}
    answer = client.options(path, headers=asked | {"Access-Control-Request-Headers": ", ".join(HEADERS)})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert method in answer.headers["Access-Control-Allow-Methods"]
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert all(name.lower() in allowed for name in HEADERS)
    refused = client.options(path, headers=asked | {"Origin": STRANGER})
    assert "Access-Control-Allow-Origin" not in refused.headers


def test_answers_streams_files_and_errors_alike(client, box, alice, drain):
    task = accept_prompt(box, alice.id, "a crane")
    drain()
    headers = bearer(alice) | {"Origin": ORIGIN}
    shown = client.get(f"/api/v1/tasks/{task.id}", headers=headers)
    picture = shown.json["data"]["images"][0]["imageUrl"].partition("/files/")[2]
    answers = {
        200: [shown, client.get(f"/files/{picture}", headers={"Origin": ORIGIN})],
        401: [client.get("/api/v1/tasks", headers={"Origin": ORIGIN})],
        404: [
            client.get(path, headers=headers) for path in ("/api/v1/nothing", "/files/nothing", "/api/tasks/x/events")
        ],
        400: [client.post("/api/v1/tasks", json={}, headers=headers)],
        405: [client.put("/api/v1/tasks", headers=headers)],
    }
    stream = client.get(f"/api/v1/tasks/{task.id}/events", headers=headers)
    assert (stream.status_code, stream.mimetype) == (200, "text/event-stream")
    answers[200].append(stream)
    for status, those in answers.items():
        for answer in those:
            assert answer.status_code == status, answer.request.path
            assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN, answer.request.path
            answer.close()


def test_strangers_may_not_read(client, box):
    answer = client.get("/api/v1/gallery/models", headers={"Origin": STRANGER})
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_nobody_may_where_no_origin_is_named(app, box):
    answer = app.test_client().get("/api/v1/gallery/models", headers={"Origin": ORIGIN})
    assert "Access-Control-Allow-Origin" not in answer.headers
