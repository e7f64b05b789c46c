"""Real processes report to a real receiver, and where the package is missing they say how to get it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from envelopes import receiving
from process.server import Server, command, eventually

pytestmark = pytest.mark.process

PROMPT = "a snail that carries a lighthouse up the stairs"
WITHOUT_IT = """
import sys
sys.modules["sentry_sdk"] = None  # as if it were not installed
"""


def test_errors_of_web_and_worker_arrive_without_a_secret(tmp_path: Path) -> None:
    with receiving() as receiver, Server(tmp_path, more=f'\n[sentry]\ndsn = "{receiver.dsn}"\n') as server:
        server.start()
        with sqlite3.connect(tmp_path / "data" / "lumi.db") as connection:
            connection.execute("ALTER TABLE purchase RENAME TO purchase_gone")
            connection.execute("ALTER TABLE job RENAME COLUMN turn TO turn_gone")
        answer = server.post("/api/v1/tasks", {"prompt": PROMPT})
        assert answer.status_code == 503
        eventually(lambda: {"web", "worker"} <= set(map(_role, receiver.events)), 30, "a report of each role")
        of_web = next(event for event in receiver.events if _role(event) == "web")
        assert of_web["tags"]["error_id"] == answer.json()["errorId"]
        everything = "\n".join(receiver.raw)
        for secret in (PROMPT, server.token, "cookie_secret", 'vars":'):
            assert secret not in everything
        assert server.terminate() == 0


def _role(event: dict) -> str:
    name = event["tags"]["logger"]
    return "web" if name.startswith("lumi_box.web") else "worker" if name.startswith("lumi_box.worker") else name


@pytest.mark.parametrize("words", [("config", "check"), ("serve",), ("doctor",)])
def test_without_the_package_each_command_says_what_to_run(
    tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    Server(tmp_path, more='\n[sentry]\ndsn = "https://key@sentry.example.com/1"\n')
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(WITHOUT_IT, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(site))
    done = command(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == (
        "lumi-box: sentry.dsn: needs sentry-sdk, which is not installed; run: pip install 'lumi-box[sentry]'\n"
    )
