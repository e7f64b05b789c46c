"""`lumi-box serve` from outside: the whole flow over HTTP, the engines and roles, and how it stops."""

from __future__ import annotations

import http.client
import io
import json
import os
import signal
import statistics
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import trimesh
from process.server import Server, Stream, command, eventually, gone, members

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc"),
]

SLOWEST_SECONDS = 30.0  # of four pictures, and of one model, on a slow and busy machine
STOP_SECONDS = 20
SOON_SECONDS = 14.0  # less than any part of the server waits before it gives up: nothing had to be given up
HEIGHT_MM = 60.0


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For tests that leave a server as they found it: idle."""
    with Server(tmp_path_factory.mktemp("shared")) as made:
        yield made.start()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path, shutdown_seconds=STOP_SECONDS) as made:
        yield made


def reached(server: Server, task_id: str, status: str) -> dict[str, Any]:
    def there() -> dict[str, Any] | None:
        task = server.task(task_id)
        assert "FAILED" not in task["status"], task
        return task if task["status"] == status else None

    task = eventually(there, SLOWEST_SECONDS, f"{status}\n{server.log}")
    assert task is not None
    return task


def downloaded(server: Server, model_id: str, kind: str) -> bytes:
    answer = server.get(f"/api/v1/models/{model_id}/download", params={"format": kind})
    assert answer.status_code == 200, answer.text
    return answer.content


def solid(data: bytes, kind: str) -> trimesh.Trimesh:
    mesh = trimesh.load(io.BytesIO(data), file_type=kind, force="mesh")
    assert isinstance(mesh, trimesh.Trimesh)
    return mesh


def assert_printable(data: bytes, kind: str) -> None:
    mesh = solid(data, kind)
    assert mesh.is_watertight, f"{kind} is not watertight"
    assert mesh.extents[2] == pytest.approx(HEIGHT_MM, abs=0.5)
    assert mesh.bounds[0][2] == pytest.approx(0.0, abs=0.01)


def assert_names_resolve(data: bytes) -> None:
    """The OBJ names its material library, that names its texture, and both lie beside it in the ZIP."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        texts = {name: archive.read(name).decode() for name in names if name.endswith((".obj", ".mtl"))}
        library = [
            line.split(maxsplit=1)[1] for text in texts.values() for line in text.splitlines() if "mtllib" in line
        ]
        textures = [
            line.split()[-1] for text in texts.values() for line in text.splitlines() if line.startswith("map_")
        ]
        assert library and set(library) <= set(names)
        assert textures and set(textures) <= set(names)
        assert all(archive.read(name).startswith(b"\x89PNG") for name in textures)


@pytest.mark.parametrize("prompt", ["a sitting red fox", "一只戴帽子的小猫"], ids=["english", "chinese"])
def test_a_prompt_becomes_four_pictures_and_a_printable_model(shared, prompt):
    begun = time.monotonic()
    task_id = shared.create(prompt)["id"]
    task = reached(shared, task_id, "IMAGE_COMPLETED")
    painted = time.monotonic()
    assert task["prompt"] == prompt
    pictures = [requests.get(image["imageUrl"], timeout=20) for image in task["images"]]
    assert [picture.headers["Content-Type"] for picture in pictures] == ["image/png"] * 4
    assert len({picture.content for picture in pictures}) == 4

    picked = shared.request("PATCH", f"/api/v1/tasks/{task_id}", json={"selectedImageIndex": 1})
    assert picked.status_code == 200, picked.text
    model = reached(shared, task_id, "COMPLETED")["model"]
    built = time.monotonic()
    assert (model["generationStatus"], model["progress"], model["format"]) == ("COMPLETED", 100, "OBJ")
    assert_printable(downloaded(shared, model["id"], "stl"), "stl")
    assert_printable(downloaded(shared, model["id"], "3mf"), "3mf")
    assert_names_resolve(downloaded(shared, model["id"], "obj"))
    assert len(solid(downloaded(shared, model["id"], "glb"), "glb").faces) == model["faceCount"]
    print(f"{prompt}: four pictures after {painted - begun:.1f} s, the model {built - painted:.1f} s after the pick")
    assert painted - begun < SLOWEST_SECONDS
    assert built - painted < SLOWEST_SECONDS


def test_an_idle_worker_starts_a_job_at_once(tmp_path):
    with Server(tmp_path, image_concurrency=1) as server:
        server.start()
        delays = [milliseconds_to_begin(server) for _ in range(10)]
    median = statistics.median(delays)
    print(f"from the answer to the first picture begun: median {median:.0f} ms of {sorted(map(int, delays))}")
    assert median < 1000  # 21 to 29 ms where nothing else runs


def milliseconds_to_begin(server: Server) -> float:
    """From the answer to POST until another process can see that a picture is begun."""
    wait_until_idle(server)
    task_id = server.create("a cup")["id"]
    answered = time.monotonic()
    sql = "SELECT 1 FROM event WHERE request_id = ? AND name = 'image:generating'"
    while not server.query(sql, task_id):
        assert time.monotonic() - answered < 10, server.log
        time.sleep(0.005)
    begun = time.monotonic()
    assert server.post(f"/api/v1/tasks/{task_id}/cancel").status_code == 200
    return (begun - answered) * 1000


def wait_until_idle(server: Server) -> None:
    """The steps of cancelled jobs have ended as well: the worker's processor time stands still."""
    worker = server.children()["worker"]
    since, spent = time.monotonic(), processor_seconds(worker)

    def idle() -> bool:
        nonlocal since, spent
        if (now := processor_seconds(worker)) - spent > 0.03:
            since, spent = time.monotonic(), now
        return time.monotonic() - since > 0.2

    eventually(idle, 20, "an idle worker")


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_sigterm_while_painting_ends_everything_in_time_with_status_0(server):
    server.start()
    task_id = server.create("a red apple")["id"]
    with Stream(server, task_id) as stream:
        stream.wait_for("image:generating")
        begun = time.monotonic()
        assert server.terminate(STOP_SECONDS + 5) == 0, server.log
        took = time.monotonic() - begun
        assert stream.ended.wait(5)
        assert stream.comments[-1] == "the server stops; come back"
    print(f"stopped {took:.1f} s after SIGTERM, with two pictures being painted and a stream open")
    assert took < SOON_SECONDS
    assert members(server.process.pid) == []
    assert server.query("SELECT 1 FROM job WHERE status = 'RUNNING' AND lease IS NOT NULL") == []
    assert "Traceback" not in server.log


@pytest.mark.parametrize(
    ("web_engine", "number"),
    [("gunicorn", signal.SIGINT), ("gunicorn", signal.SIGTERM), ("waitress", signal.SIGINT)],
    ids=["gunicorn-ctrl-c", "gunicorn-systemd", "waitress-ctrl-c"],
)
def test_a_signal_that_every_process_receives_lets_running_work_finish(tmp_path, web_engine, number):
    """A terminal sends Ctrl-C to the whole group, systemd its SIGTERM; the parent's own then comes on top."""
    with Server(tmp_path, engine=web_engine, shutdown_seconds=STOP_SECONDS) as server:
        assert_stops_gracefully(server.start(), number)


def assert_stops_gracefully(server: Server, number: int) -> None:
    task_id = server.create("a red apple")["id"]
    with Stream(server, task_id) as stream:
        stream.wait_for("image:generating")
        begun = time.monotonic()
        os.killpg(server.process.pid, number)
        assert server.process.wait(STOP_SECONDS + 5) == 0, server.log
        took = time.monotonic() - begun
        assert stream.ended.wait(5)
        assert stream.comments[-1:] == ["the server stops; come back"]
    assert members(server.process.pid) == []
    assert "worker stopped" in server.log
    assert server.query("SELECT count(*) FROM image WHERE status = 'COMPLETED'") != [(0,)]
    assert server.query("SELECT 1 FROM job WHERE status = 'RUNNING'") == []
    assert took < SOON_SECONDS


def test_a_second_sigterm_ends_everything_at_once(server):
    server.start()
    task_id = server.create("a green tree")["id"]
    with Stream(server, task_id) as stream:
        stream.wait_for("image:generating")
        server.process.terminate()
        eventually(lambda: "worker stopping" in server.log, 10, "the beginning of the stop")
        begun = time.monotonic()
        assert server.terminate(5) == 0, server.log
        gone(server.process.pid, 5)
        print(f"all gone {time.monotonic() - begun:.2f} s after the second SIGTERM")


def test_a_stream_resumes_after_a_restart_without_loss_or_repetition(server):
    server.start()
    task_id = server.create("a yellow duck")["id"]
    with Stream(server, task_id) as before:
        before.wait_for("image:generating")
        assert server.terminate(STOP_SECONDS + 5) == 0
        assert before.ended.wait(5)
    server.start()
    last = before.events[-1].id
    with Stream(server, task_id, after=last) as resumed:
        resumed.wait_for("image:completed")
        server.post(f"/api/v1/tasks/{task_id}/cancel")
        eventually(lambda: any(is_end(event) for event in list(resumed.events)), 20, "the end of the task")
    written = server.query("SELECT id, name FROM event WHERE request_id = ? ORDER BY id", task_id)
    assert before.events[0].name == "task:init"
    state = before.events[0].id
    assert ids(before) == [state, *(row for row, _ in written if state < row <= last)]
    assert [(event.id, event.name) for event in resumed.events] == [row for row in written if row[0] > last]


def ids(stream: Stream) -> list[int]:
    return [event.id for event in stream.events]


def is_end(event: Any) -> bool:
    return event.name == "task:updated" and event.data["status"] in ("CANCELLED", "IMAGE_COMPLETED")


def test_web_and_worker_started_apart_share_the_work(tmp_path):
    """And waitress, which serves where there is no fork, stops as cleanly as gunicorn."""
    with Server(tmp_path, engine="waitress", shutdown_seconds=STOP_SECONDS) as server:
        web = server.start("web").process
        task_id = server.create("a white boat")["id"]
        assert server.task(task_id)["status"] == "IMAGE_PENDING"
        assert "engine=waitress" in server.log
        worker = server.start("worker").process
        with Stream(server, task_id) as stream:
            done = stream.wait_for("image:completed", SLOWEST_SECONDS)
            assert server.get(done.data["imageUrl"]).headers["Content-Type"] == "image/png"
            for process in (web, worker):
                process.terminate()
            for process in (web, worker):
                assert process.wait(STOP_SECONDS + 5) == 0, server.log
                assert members(process.pid) == []
            assert stream.ended.wait(5)
            assert stream.comments[-1] == "the server stops; come back"


@pytest.mark.parametrize(
    ("query", "header", "status"), [("q=" + "a" * 9000, "", 414), ("", "b" * 9000, 431)], ids=["address", "headers"]
)
def test_what_is_too_long_is_refused_as_the_application_refuses(shared, query, header, status):
    said = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=10)
    said.request("GET", f"/api/v1/gallery/models?{query}", headers={"X-Long": header} if header else {})
    answer = said.getresponse()
    body = json.load(answer)
    assert (answer.status, body["status"], body["data"]["code"]) == (status, "fail", "VALIDATION_ERROR")
    assert f"request_id={answer.headers['X-Request-Id']}" in shared.log
    assert (query or header)[:20] not in shared.log


def test_an_address_that_is_taken_is_one_line_and_leaves_no_process(shared):
    with Server(shared.folder.parent / "second") as second:
        address = f"127.0.0.1:{shared.port}"
        result = command("serve", "--bind", address, cwd=second.folder)
        assert result.returncode == 1
        (line,) = result.stderr.splitlines()
        assert address in line and "in use" in line and "--bind" in line
    assert shared.get("/health").status_code == 200
