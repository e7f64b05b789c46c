"""A box that is in order, and the checks run on it as `doctor` and `/health/detailed` run them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator

import pytest

from lumi_box import doctor
from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.doctor import Finding
from lumi_box.tables.base import new_id
from lumi_box.tables.heartbeat import Heartbeat

Examine = Callable[[], dict[str, Finding]]


def beat(*roles: str, age_ms: int = 0, threads: int = 4) -> None:
    """What a living worker leaves behind."""
    detail = json.dumps({"host": "here", "pid": 1, "threads": threads})
    for role in roles or ("worker", "scheduler"):
        Heartbeat.create(id=new_id(), role=role, detail=detail, seen_at=now_ms() - age_ms)


@pytest.fixture
def examine(box: Box) -> Iterator[Examine]:
    """All checks at once, with a worker that was heard of just now."""
    beat()
    yield lambda: {finding.id: finding for finding in doctor.examine(box)}
    end_of_checks()


def end_of_checks() -> None:
    """One that was given up must not outlive the database of its test."""
    for thread in threading.enumerate():
        if thread.name.startswith("check-"):
            thread.join(20)


def broken(findings: dict[str, Finding]) -> set[str]:
    """The checks that failed; each says what is wrong and what to do."""
    failed = {name: finding for name, finding in findings.items() if not finding.healthy}
    for finding in failed.values():
        assert finding.text and finding.hint, finding
        assert finding.as_service(with_message=True)["status"] == "unhealthy"
        assert finding.hint in finding.as_service(with_message=True)["message"]
        assert "message" not in finding.as_service(with_message=False)
    return set(failed)
