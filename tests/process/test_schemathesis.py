"""schemathesis against the served description: no 5xx, and no answer that it does not name, signed in and out.

`LUMI_BOX_CASES=25` makes up 25 for each operation, and tries every border of every schema: over 2,000, signed in and
out each. Without it a few minutes are saved, and 7 each have to do.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from process.server import Server

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc"),
]

ASKED = os.environ.get("LUMI_BOX_CASES", "")
EACH, PHASES = (int(ASKED), "coverage,fuzzing") if ASKED else (7, "fuzzing")
MODELS = 30
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "ignored_auth",
    "unsupported_method",
)
# Where there is no slicer, no mail server and no worker, 503 is the right answer.
SETTINGS = """
[[operations]]
include-path-regex = "/print|/auth/(send-code|login|register)|/health/detailed"

[operations.checks.not_a_server_error]
expected-statuses = ["2xx", "4xx", 503]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("schemathesis")) as made:
        yield made.start("web")


@pytest.fixture(scope="module")
def known(server: Server) -> dict[str, list[str]]:
    """Finished models of whoever is signed in, every second one public."""
    with sqlite3.connect(server.folder / "data" / "lumi.db", timeout=15) as rows:
        (user,) = rows.execute("SELECT id FROM account").fetchone()
        for n in range(MODELS):
            rows.execute(
                "INSERT INTO generation_request (id, user_id, prompt, optimize_prompt, variants, status, phase,"
                " created_at, updated_at) VALUES (?, ?, 'a fox', 1, 'as-is', 'COMPLETED', 'COMPLETED', 1, 1)",
                (f"task-{n}", user),
            )
            rows.executemany(
                "INSERT INTO image (id, request_id, position, prompt, seed, status, created_at)"
                " VALUES (?, ?, ?, 'a fox', 0, 'COMPLETED', 1)",
                [(f"image-{n}-{position}", f"task-{n}", position) for position in range(4)],
            )
            rows.execute(
                "INSERT INTO model (id, user_id, request_id, image_id, name, description, status, progress, visibility,"
                " published_at, view_count, like_count, favorite_count, download_count, created_at, updated_at)"
                " VALUES (?, ?, ?, ?, 'a fox', '', 'COMPLETED', 100, ?, 1, 0, 0, 0, 0, 1, 1)",
                (f"model-{n}", user, f"task-{n}", f"image-{n}-0", ("PUBLIC", "PRIVATE")[n % 2]),
            )
    rows.close()
    return {"task_id": [f"task-{n}" for n in range(MODELS)], "model_id": [f"model-{n}" for n in range(MODELS)]}


@pytest.mark.parametrize("signed_in", [False, True], ids=["signed-out", "signed-in"])
def test_no_5xx_and_no_answer_that_is_not_described(server, known, signed_in, tmp_path):
    line = [str(Path(sys.executable).with_name("st")), "run", f"{server.url}/api/openapi.json"]
    line += ["--url", f"{server.url}/api/v1", "--max-examples", str(EACH), "--checks", ",".join(CHECKS)]
    line += ["--phases", PHASES, "--request-timeout", "3", "--no-color"]
    if signed_in:
        line += ["--header", f"Authorization: Bearer {server.token}"]
        line += ["--exclude-path", "/auth/logout"]  # it revokes what the others need
    (tmp_path / "schemathesis.toml").write_text(SETTINGS, encoding="utf-8")
    hooks = {"PYTHONPATH": str(Path(__file__).parents[1]), "SCHEMATHESIS_HOOKS": "process.schemathesis_hooks"}
    environment = os.environ | hooks | {"LUMI_BOX_KNOWN_IDS": json.dumps(known)}
    done = subprocess.run(
        line, check=False, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=1200
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    found = re.search(r"(\d+) generated", done.stdout)
    assert found and int(found[1]) > 100, done.stdout
    print(f"{'signed in' if signed_in else 'signed out'}: {found[1]} cases")
