"""Server-sent events: a state, then the changes since."""

import json
import threading

import pytest
from conftest import bearer

from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.tables import base
from lumi_box.tables.event import Event


def read(response, wanted):
    """The first events of a stream, as (id, name, data); it is closed afterwards."""
    found, text = [], ""
    for chunk in response.iter_encoded():
        text += chunk.decode()
        *blocks, text = text.split("\n\n")
        for block in blocks:
            fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
            if "event" in fields:
                found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
        if len(found) >= wanted:
            break
    response.close()
    return found


@pytest.fixture
def task(box, alice):
    return accept_prompt(box, alice.id, "a crane")


@pytest.fixture
def path(task):
    return f"/api/v1/tasks/{task.id}/events"


def test_a_stream_begins_with_the_state(client, path, task, alice):
    response = client.get(path, headers=bearer(alice), buffered=False)
    assert response.mimetype == "text/event-stream"
    assert response.headers["X-Accel-Buffering"] == "no"
    [(event_id, name, data)] = read(response, 1)
    assert (name, data["id"], data["model"]) == ("task:init", task.id, None)
    assert event_id == Event.select().order_by(Event.id.desc()).get().id


def test_changes_follow_the_state_without_repetition(client, path, alice, drain):
    response = client.get(path, headers=bearer(alice), buffered=False)

    def work():
        drain()
        base.database.close()  # this thread's; a server's was closed with the last message

    worker = threading.Timer(0.2, work)
    worker.start()
    events = read(response, 10)
    worker.join()
    ids = [event_id for event_id, _, _ in events]
    assert ids == sorted(set(ids))
    names = [name for _, name, _ in events]
    assert names[0] == "task:init"
    assert names.count("image:generating") == names.count("image:completed") == 4
    completed = next(data for _, name, data in events if name == "image:completed")
    assert set(completed) == {"imageId", "index", "imageUrl"}
    assert client.get(completed["imageUrl"]).status_code == 200


def test_a_stream_resumes_after_the_last_event_that_was_seen(client, path, task, alice, drain):
    drain()
    everything = [row.id for row in Event.select().where(Event.request_id == task.id).order_by(Event.id)]
    headers = bearer(alice) | {"Last-Event-ID": str(everything[3])}
    events = read(client.get(path, headers=headers, buffered=False), len(everything) - 4)
    assert [event_id for event_id, _, _ in events] == everything[4:]


@pytest.mark.parametrize("last", ["0", "999999", "x", "-1", "", "1" * 40])
def test_an_unknown_last_event_begins_anew(client, path, alice, last):
    response = client.get(path, headers=bearer(alice) | {"Last-Event-ID": last}, buffered=False)
    assert read(response, 1)[0][1] == "task:init"


def test_another_users_stream_is_not_found(client, path, bob):
    assert client.get(path, headers=bearer(bob)).status_code == 404
    assert client.get(path).status_code == 401


def test_open_streams_leave_threads_for_everything_else(app, client, path, alice):
    limit = int(app.extensions["lumi_box"].config.server.threads * 0.75)
    opened = []
    for _ in range(limit):
        response = client.get(path, headers=bearer(alice), buffered=False)
        next(response.iter_encoded())
        opened.append(response)
    refused = client.get(path, headers=bearer(alice))
    assert (refused.status_code, refused.json["code"]) == (503, "SERVICE_UNAVAILABLE")
    assert refused.headers["Retry-After"]
    for response in reversed(opened):  # in one thread, their contexts lie on each other
        response.close()
    assert read(client.get(path, headers=bearer(alice), buffered=False), 1)


def test_a_server_that_stops_says_so(app, client, path, alice):
    response = client.get(path, headers=bearer(alice), buffered=False)
    chunks = response.iter_encoded()
    next(chunks)
    threading.Timer(0.2, app.extensions["lumi_follower"].close).start()
    assert list(chunks)[-1].startswith(b":")
