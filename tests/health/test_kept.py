"""Findings are kept for some seconds: whoever asks often does not make lumi-box ask others often."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import bearer
from doctor.conftest import beat
from web.conftest import app, client  # noqa: F401  # the web tests' application

from lumi_box import doctor
from lumi_box.health import kept
from lumi_box.health.kept import KeptFindings
from lumi_box.tables import base


@pytest.fixture
def counted(monkeypatch):
    """How often each check has run."""
    runs: Counter[str] = Counter()
    for name, check in list(doctor.CHECKS.items()):

        def counting(box, name=name, check=check):
            runs[name] += 1
            return check(box)

        monkeypatch.setitem(doctor.CHECKS, name, counting)
    return runs


def test_many_who_ask_at_once_wait_for_one_look(box, counted, monkeypatch):
    beat()
    check = doctor.CHECKS["disk"]
    monkeypatch.setitem(doctor.CHECKS, "disk", lambda box: time.sleep(0.2) or check(box))
    findings = KeptFindings(box)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: findings.findings(), range(20)))
    assert set(counted.values()) == {1}
    assert all(answer == answers[0] for answer in answers)
    assert [finding.id for finding in answers[0]] == list(doctor.CHECKS)


def test_a_finding_is_kept_for_seconds_and_a_vendors_for_a_minute(box, counted, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(kept, "monotonic", lambda: now[0])
    beat()
    findings = KeptFindings(box)
    for seconds in (0, 1, 3):
        now[0] += seconds
        findings.findings()
    assert set(counted.values()) == {1}
    now[0] += kept.KEEP_SECONDS
    findings.findings()
    assert {name for name, count in counted.items() if count == 2} == set(doctor.CHECKS) - doctor.ASK_VENDORS
    now[0] += kept.KEEP_VENDORS_SECONDS
    findings.findings()
    assert {counted[name] for name in doctor.ASK_VENDORS} == {2}


def test_nothing_critical_is_hidden_for_longer_than_ten_seconds():
    assert kept.KEEP_SECONDS + doctor.TIMEOUT_SECONDS <= 10 and kept.STALE_SECONDS <= 10
    assert not doctor.ASK_VENDORS & set(doctor.CRITICAL)


def test_a_vendor_that_was_ill_is_asked_again_sooner(box, counted, images, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(kept, "monotonic", lambda: now[0])
    monkeypatch.setattr(images, "check", lambda: 1 / 0)
    findings = KeptFindings(box)
    findings.findings()
    now[0] += kept.KEEP_ILL_VENDORS_SECONDS + 0.1
    findings.findings()
    assert counted["image-provider"] == 2
    assert counted["model3d-provider"] == 1


def test_while_one_looks_others_take_what_is_fresh_enough(box, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(kept, "monotonic", lambda: now[0])
    looking, go_on = threading.Event(), threading.Event()
    findings = KeptFindings(box)
    first = findings.findings()
    now[0] += kept.KEEP_SECONDS + 1
    monkeypatch.setitem(doctor.CHECKS, "disk", lambda _: looking.set() or str(go_on.wait(4)))
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(findings.findings)
        assert looking.wait(4)
        begun = time.monotonic()
        assert findings.findings() == first
        assert time.monotonic() - begun < 2
        go_on.set()
        assert late.result() != first


def test_statuses_are_for_anyone_and_messages_for_administrators(client, alice, admin):  # noqa: F811
    beat()
    for headers, told in (({}, False), (bearer(alice), False), (bearer(admin), True)):
        answer = client.get("/api/v1/health/detailed", headers=headers)
        assert answer.status_code == 200
        services = answer.json["data"]["services"]
        assert [service["service"] for service in services] == list(doctor.CHECKS)
        assert {"message" in service for service in services} == {told}
        assert set(services[0]) - {"message"} == {"service", "status", "latencyMs"}


def test_it_answers_503_without_a_worker(client):  # noqa: F811
    answer = client.get("/health/detailed")
    assert answer.status_code == 503
    found = {service["service"]: service["status"] for service in answer.json["data"]["services"]}
    assert (found["consumer"], found["database"]) == ("unhealthy", "healthy")


def test_it_answers_where_the_database_is_gone(client, box, admin):  # noqa: F811
    headers = bearer(admin)
    base.close_all()
    place = box.config.database.sqlite_path
    for path in place.parent.iterdir():
        path.unlink()
    place.mkdir()
    answer = client.get("/health/detailed", headers=headers)
    assert answer.status_code == 503
    found = {service["service"]: service for service in answer.json["data"]["services"]}
    assert found["database"]["status"] == "unhealthy"
    assert found["config"]["status"] == "healthy"
    assert "message" not in found["database"]  # who is asking could not be told
    place.rmdir()
