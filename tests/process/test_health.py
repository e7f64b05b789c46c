"""Health as a running server tells it: after its start, by its rounds, and for those who ask from outside."""

from __future__ import annotations

import time

import pytest
import requests
from process.server import Server, eventually

from lumi_box import doctor

pytestmark = pytest.mark.process


def test_the_worker_makes_its_rounds_and_the_detailed_health_agrees(tmp_path):
    with Server(tmp_path) as server:
        server.start()
        rows = eventually(lambda: server.query("SELECT service, healthy FROM health_state"), 30, "a first round")
        assert dict(rows) == dict.fromkeys(doctor.CHECKS, 1)
        answer = requests.get(f"{server.url}/health/detailed", timeout=20)
        assert answer.status_code == 200
        assert {service["status"] for service in answer.json()["data"]["services"]} == {"healthy"}
        page = server.get("/admin/health")
        assert page.status_code == 200 and "Everything works." in page.text
        assert server.terminate() == 0
        assert "unhealthy" not in server.log


def test_a_web_node_says_once_what_is_amiss_and_starts_all_the_same(tmp_path):
    with Server(tmp_path, more="processes = 3\n") as server:
        begun = time.monotonic()
        server.start("web")
        started = time.monotonic() - begun
        eventually(lambda: "unhealthy check=scheduler" in server.log, 20, "a look around")
        assert server.log.count("unhealthy check=consumer found=No worker runs.") == 1
        assert started < 20
        answer = requests.get(f"{server.url}/health/detailed", timeout=20)
        assert answer.status_code == 503
        assert all("message" not in service for service in answer.json()["data"]["services"])


def test_a_waitress_says_it_too(tmp_path):
    with Server(tmp_path, engine="waitress") as server:
        server.start("web")
        eventually(lambda: "unhealthy check=consumer" in server.log, 20, "a look around")
        assert server.terminate() == 0
