"""Metrics and logs of real processes: right whichever of them answers, and whichever of them dies."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from process.server import Server, Stream, eventually, members
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.process

PROMPT = "a hedgehog in a raincoat who waters the tomatoes at night"
VARIANTS = [f"{PROMPT}, variant number {number} of four" for number in range(4)]
SLOWEST_SECONDS = 90.0
TWO = "processes = 2\n"  # follows the section of the server
FRESH_SECONDS = 1.2  # figures of the database are that old at most
Samples = dict[tuple[str, ...], float]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the processes keep what they share."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    yield place


def scrape(server: Server) -> Samples:
    answer = server.get("/metrics")
    assert answer.status_code == 200, answer.text
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, *(f"{name}={value}" for name, value in sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def answered(samples: Samples, route: str, status: int = 200) -> float:
    return samples.get(("lumibox_http_requests_total", "method=GET", f"route={route}", f"status={status}"), 0)


def ask(server: Server, times: int) -> None:
    """Each on a connection of its own, so that any process may take it."""
    for _ in range(times):
        assert server.get("/api/v1/gallery/models").status_code == 200


def web_children(server: Server, role: int) -> list[int]:
    return [pid for pid in members(server.process.pid) if _parent(pid) == role]


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])


def test_every_process_tells_the_same_and_no_count_goes_back_when_they_die(tmp_path: Path, temporary: Path) -> None:
    route = "/api/v1/gallery/models"
    with Server(tmp_path / "box", more=TWO).start() as server:
        ask(server, 40)
        assert {answered(scrape(server), route) for _ in range(12)} == {40}
        role = server.children()["web"]
        for times in (1, 2):
            for pid in web_children(server, role):
                os.kill(pid, signal.SIGKILL)
                eventually(lambda gone=pid: gone not in members(server.process.pid), 10, "the end of a child")
            eventually(lambda: len(web_children(server, role)) == 2, 20, "new children")
            eventually(lambda: server.get("/health").status_code == 200, 20, "an answer")
            ask(server, 10)
            assert {answered(scrape(server), route) for _ in range(8)} == {40 + 10 * times}
        os.kill(role, signal.SIGKILL)
        eventually(lambda: server.children().get("web", role) != role, 20, "another web role")
        eventually(lambda: _answers(server), 20, "an answer")
        ask(server, 5)
        assert {answered(scrape(server), route) for _ in range(8)} == {65}
        eventually(lambda: not _left_behind(server, temporary), 20, "a scrape that takes over what the dead counted")
        assert answered(scrape(server), route) == 65
        assert server.terminate() == 0
    assert list(temporary.glob("lumi-box-metrics-*")) == []


def _left_behind(server: Server, temporary: Path) -> set[str]:
    """The dead processes that had a part in the newest scrape under their own number."""
    scrape(server)
    (folder,) = temporary.glob("lumi-box-metrics-*")
    pids = {file.stem.rpartition("_")[2] for file in folder.glob("*.db")}
    return pids - {"dead", *map(str, members(server.process.pid))}


def _answers(server: Server) -> bool:
    try:
        return server.get("/health").status_code == 200
    except OSError:
        return False


def test_what_a_worker_of_another_node_did_is_told_and_outlives_everything(tmp_path: Path, temporary: Path) -> None:
    finished = ("lumibox_jobs_finished_total", "kind=image", "outcome=completed", "provider=builtin")
    submitted = ("lumibox_provider_requests_total", "operation=submit", "outcome=ok", "provider=builtin")
    took = ("lumibox_job_duration_seconds_count", "kind=image", "outcome=completed")
    with Server(tmp_path / "box", more=TWO).start("web") as server:
        server.start("worker")
        task = server.create(PROMPT)["id"]
        with Stream(server, task) as stream:
            stream.wait_for("task:init")
            assert scrape(server)[("lumibox_sse_connections",)] == 1
            eventually(lambda: server.task(task)["status"] == "IMAGE_COMPLETED", SLOWEST_SECONDS, "four pictures")
        eventually(lambda: scrape(server)[("lumibox_sse_connections",)] == 0, 10, "the end of the stream")
        eventually(lambda: scrape(server).get(submitted) == 4, 10, "what the worker counted")
        assert scrape(server)[finished] == scrape(server)[took] == 4
        assert server.request("DELETE", f"/api/v1/tasks/{task}").status_code == 200
        time.sleep(FRESH_SECONDS)
        samples = scrape(server)
        assert samples[("lumibox_jobs", "kind=image", "status=COMPLETED")] == 0
        assert samples[finished] == samples[took] == 4
        server.kill()
        assert len(list(temporary.glob("lumi-box-metrics-*"))) == 1  # nobody could take it away
        server.start("web")
        samples = scrape(server)
        assert (samples[finished], samples[submitted]) == (4, 4)
        assert answered(samples, "/api/v1/tasks/<task_id>") == 0  # as after any restart: Prometheus knows how
        assert len(list(temporary.glob("lumi-box-metrics-*"))) == 1


def test_an_operator_follows_a_prompt_through_the_log(tmp_path: Path) -> None:
    with Server(tmp_path / "box") as server:
        config = server.folder / "config.toml"
        config.write_text(config.read_text("utf-8").replace("[logging]\n", '[logging]\nformat = "json"\n'), "utf-8")
        server.start()
        answer = server.post("/api/v1/tasks", {"prompt": PROMPT, "variants": VARIANTS})
        task, asked = answer.json()["data"]["id"], answer.headers["X-Request-Id"]
        eventually(lambda: server.task(task)["status"] == "IMAGE_COMPLETED", SLOWEST_SECONDS, "four pictures")
        picture = server.task(task)["images"][0]["imageUrl"]
        assert server.get(picture).status_code == 200
        picked = server.request("PATCH", f"/api/v1/tasks/{task}", json={"selectedImageIndex": 0})
        eventually(lambda: server.task(task)["status"] == "COMPLETED", SLOWEST_SECONDS, "a model")
        jobs = [image["generationJob"]["id"] for image in server.task(task)["images"]]
        server.get("/api/v1/nowhere%0Anew line")
        assert server.terminate() == 0
        lines = [json.loads(line) for line in server.log.splitlines()]
    assert {"time", "level", "logger", "message"} <= set.intersection(*(set(line) for line in lines))
    started = next(line["message"] for line in lines if line["message"].startswith("starting"))
    assert "version=" in started and "roles=web,worker" in started and "image=builtin" in started
    assert [line["message"] for line in lines if "worker started" in line["message"]] == [
        "image worker started concurrency=2",
        "model worker started concurrency=1",
    ]
    of_jobs = {job: [line for line in lines if line.get("job_id") == job] for job in jobs}
    assert all({line["request_id"] for line in of_jobs[job]} == {asked} for job in jobs)
    assert all(any("image completed" in line["message"] for line in of_jobs[job]) for job in jobs)
    (model,) = [line for line in lines if line["message"].startswith("model completed")]
    assert model["request_id"] == picked.headers["X-Request-Id"] and model["task_id"] == task
    (post,) = [line for line in lines if line.get("method") == "POST"]
    assert (post["route"], post["status"], post["request_id"]) == ("/api/v1/tasks", 201, asked)
    assert post["ms"] > 0 and post["bytes"] > 0 and post["user_id"]
    assert any(line.get("path", "").startswith("/files/s/<ticket>/images/") for line in lines)
    assert lines[-1]["message"].startswith("stopped")
