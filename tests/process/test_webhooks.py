"""Webhooks from end to end: made over the API, told by a worker as a process, verified by another implementation."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from process.server import Server, eventually
from providers.raw_server import RawServer, Visit, serving
from standardwebhooks.webhooks import Webhook as Verifier

pytestmark = pytest.mark.process

HOOKS = "/api/v1/users/webhooks"


@contextlib.contextmanager
def told_to(receiver: RawServer, folder: Path) -> Iterator[Server]:
    """A server whose operator allows the receiver."""
    with Server(folder) as server:
        config = server.folder / "config.toml"
        text = config.read_text(encoding="utf-8")
        allowed = f'[providers]\nallowed_hosts = ["{receiver.place}"]'
        assert text.count("[providers]") == 1
        config.write_text(text.replace("[providers]", allowed), encoding="utf-8")
        yield server


def parts(request: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    return dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:]), body


def test_the_whole_way_from_a_prompt_to_a_receiver(tmp_path: Path) -> None:
    with serving(lambda visit: visit.answer(b"")) as receiver, told_to(receiver, tmp_path) as server:
        server.start()
        assert server.post(HOOKS, {"url": "http://127.0.0.1:9/"}).status_code == 400  # not this one
        made = server.post(HOOKS, {"url": receiver.url("/key-in-a-path")}).json()["data"]
        task = server.create("a cute cat sitting")
        eventually(lambda: len(receiver.requests) == 1, 60, "the news of the pictures")
        picked = server.request("PATCH", f"/api/v1/tasks/{task['id']}", json={"selectedImageIndex": 0})
        assert picked.status_code == 200
        eventually(lambda: len(receiver.requests) == 2, 60, "the news of the model")
        told = []
        for request in receiver.requests:
            headers, body = parts(request)
            told.append(Verifier(made["secret"]).verify(body, headers))
        assert [each["type"] for each in told] == ["task.completed", "model.completed"]
        assert told[0]["data"]["task"]["id"] == task["id"]
        model = told[1]["data"]["model"]
        glb = server.request("GET", model["glbUrl"], headers={"Authorization": ""})  # its address needs no token
        assert (glb.status_code, glb.content[:4]) == (200, b"glTF")
        eventually(lambda: _statuses(server, made["id"]) == ["DELIVERED"] * 2, 10, "the log of both")
        log = server.get(f"{HOOKS}/{made['id']}/deliveries").json()["data"]
        assert [item["id"] for item in log["items"]] == [each["id"] for each in reversed(told)]
        assert "key-in-a-path" not in server.log
        assert "whsec_" not in server.log


def run_out(server: Server) -> None:
    """As if the lease of a minute had."""
    with contextlib.closing(sqlite3.connect(server.folder / "data" / "lumi.db", timeout=10)) as rows:
        rows.execute("UPDATE webhook_delivery SET due_at = 0")
        rows.commit()


def _statuses(server: Server, hook: str) -> list[str]:
    items = server.get(f"{HOOKS}/{hook}/deliveries").json()["data"]["items"]
    return [item["status"] for item in items]


def test_a_worker_killed_between_sending_and_recording_delivers_again_under_the_same_id(tmp_path: Path) -> None:
    """Killed when the receiver has the whole message, and before it could write that down."""
    killed = threading.Event()

    def script(visit: Visit) -> None:
        if not killed.is_set():
            os.kill(server.children()["worker"], signal.SIGKILL)
            killed.set()
        visit.answer(b"")

    with serving(script) as receiver, told_to(receiver, tmp_path) as server:
        server.start()
        made = server.post(HOOKS, {"url": receiver.url()}).json()["data"]
        sent = server.post(f"{HOOKS}/{made['id']}/test").json()["data"]
        assert killed.wait(20)
        held = server.query("SELECT status, attempts, lease IS NOT NULL FROM webhook_delivery")
        assert held == [("PENDING", 1, 1)]
        run_out(server)
        eventually(lambda: len(receiver.requests) == 2, 60, "another attempt, by the worker that took its place")
        eventually(lambda: _statuses(server, made["id"]) == ["DELIVERED"], 10, "its end")
        ids = [parts(request)[0]["webhook-id"] for request in receiver.requests]
        assert ids == [sent["id"]] * 2
        assert server.get(f"{HOOKS}/{made['id']}/deliveries").json()["data"]["items"][0]["attempts"] == 2


def test_a_server_that_stops_lets_what_it_is_sending_end(tmp_path: Path) -> None:
    arrived, let_go = threading.Event(), threading.Event()

    def script(visit: Visit) -> None:
        arrived.set()
        let_go.wait(20)
        visit.answer(b"")

    with serving(script) as receiver, told_to(receiver, tmp_path) as server:
        server.start()
        made = server.post(HOOKS, {"url": receiver.url()}).json()["data"]
        server.post(f"{HOOKS}/{made['id']}/test")
        assert arrived.wait(20)
        threading.Timer(1.0, let_go.set).start()
        assert server.terminate() == 0
        assert server.query("SELECT status, attempts FROM webhook_delivery") == [("DELIVERED", 1)]
