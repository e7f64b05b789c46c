"""Processes killed without warning, at the worst moment: nothing is lost, doubled, or left behind."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from process.server import Server, Stream, eventually, gone, members

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc"),
]

PICTURES = 4
RECOVERED_SECONDS = 60.0  # a lease of 10 s, a sweep every 5 s, and four pictures on a slow machine


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as made:
        yield made.start()


def painting(server: Server, task_id: str) -> bool:
    """A step holds a lease on a job of the task: a picture is being painted now."""
    sql = "SELECT 1 FROM job WHERE request_id = ? AND status = 'RUNNING' AND lease IS NOT NULL"
    return bool(server.query(sql, task_id))


def interrupted(server: Server) -> str:
    """A task that is being painted at this moment."""
    task_id: str = server.create("a small blue whale")["id"]
    eventually(lambda: painting(server, task_id), 20, "a picture that is being painted")
    return task_id


def assert_finished_once(server: Server, task_id: str) -> None:
    """Four finished pictures, one completed job for each, and as many whole objects as they need."""

    def finished() -> dict[str, Any] | None:
        task = server.task(task_id)
        return task if task["status"] == "IMAGE_COMPLETED" else None

    task = eventually(finished, RECOVERED_SECONDS, f"four pictures\n{server.log}")
    assert task is not None
    assert [image["imageStatus"] for image in task["images"]] == ["COMPLETED"] * PICTURES
    assert server.query("SELECT status FROM job") == [("COMPLETED",)] * PICTURES
    assert server.query("SELECT count(*) FROM attempt WHERE ended_at IS NULL") == [(0,)]
    objects = server.query("SELECT key, state, size, sha256 FROM stored_object ORDER BY key")
    folder = f"images/{task_id}"
    names = [f"{folder}/{index}.{kind}" for index in range(PICTURES) for kind in ("png", "thumb.webp")]
    assert [(key, state) for key, state, _, _ in objects] == [(name, "stored") for name in names]
    for key, _, size, digest in objects:
        data = (server.folder / "data" / "objects" / key).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (size, digest)
    for image in task["images"]:
        assert server.get(image["imageUrl"]).headers["Content-Type"] == "image/png"
    completed = server.query("SELECT count(*) FROM event WHERE request_id = ? AND name = 'image:completed'", task_id)
    assert completed == [(PICTURES,)]


def outcomes(server: Server) -> set[str]:
    return {outcome for (outcome,) in server.query("SELECT outcome FROM attempt")}


def test_a_worker_killed_while_painting_is_replaced_and_the_request_finishes(server):
    task_id = interrupted(server)
    victim = server.children()["worker"]
    os.kill(victim, signal.SIGKILL)
    begun = time.monotonic()
    eventually(lambda: server.children().get("worker", victim) != victim, 15, "another worker process")
    assert_finished_once(server, task_id)
    print(f"worker killed while painting: all pictures done {time.monotonic() - begun:.1f} s later")
    assert "died" in outcomes(server)
    assert "worker process died status=-9" in server.log
    assert server.terminate() == 0


def test_all_processes_killed_while_painting_and_started_again_finish_the_request(server):
    task_id = interrupted(server)
    server.kill()
    begun = time.monotonic()
    server.start()
    assert_finished_once(server, task_id)
    print(f"everything killed while painting: all pictures done {time.monotonic() - begun:.1f} s after the start")
    assert "died" in outcomes(server)
    assert server.terminate() == 0


def test_the_children_of_a_killed_parent_leave_by_themselves(server):
    task_id = interrupted(server)
    with Stream(server, task_id) as stream:
        stream.wait_for("task:init")
        begun = time.monotonic()
        server.process.kill()
        server.process.wait(10)
        gone(server.process.pid, 15)
        print(f"parent killed while painting: its children left after {time.monotonic() - begun:.1f} s")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", server.port))


def test_a_killed_web_process_comes_back_although_a_stream_was_open(server):
    task_id = server.create("a cup")["id"]
    with Stream(server, task_id) as stream:
        stream.wait_for("task:init")
        server.post(f"/api/v1/tasks/{task_id}/cancel")
        victim = server.children()["web"]
        before = members(server.process.pid)
        begun = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: server.children().get("web", victim) != victim, 20, f"another web process\n{server.log}")
        eventually(lambda: answers(server), 20, f"an answer of the new web process\n{server.log}")
        took = time.monotonic() - begun
        print(f"web process killed: it answers again after {took:.1f} s")
    left = set(before) & set(members(server.process.pid)) - {server.process.pid, server.children()["worker"]}
    assert not left, f"processes of the killed web role live on: {left}"
    assert took < 12
    assert server.terminate() == 0


def answers(server: Server) -> bool:
    try:
        return server.get("/api/v1/auth/me").status_code == 200
    except OSError:  # requests' errors are
        return False
