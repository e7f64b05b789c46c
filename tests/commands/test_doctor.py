"""`lumi-box doctor`: what it prints where, in which colours, and its exit status."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from doctor.conftest import beat

from lumi_box import cli, doctor
from lumi_box.clock import now_ms
from lumi_box.tables import base
from lumi_box.tables.setting import Setting

pytestmark = pytest.mark.slow


@pytest.fixture
def lumi(config, capsys):
    """One `doctor` on the test's config; status, stdout, stderr."""

    def run(*words):
        status = cli.run(["doctor", "--config", str(config.path), *words])
        base.database.close()
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


def test_it_tells_every_check_and_fails_while_no_worker_runs(lumi):
    status, out, err = lumi()
    assert (status, err) == (1, "")
    assert re.search(r"^ok +database", out, re.MULTILINE)
    assert re.search(r"^FAIL +consumer .*\n +Run: lumi-box serve", out, re.MULTILINE)
    assert out.splitlines()[-1] == "11 of 13 checks pass; 2 failed: consumer, scheduler"


def test_it_passes_where_all_is_well(lumi, box):
    beat()
    status, out, _ = lumi()
    assert status == 0
    assert out.splitlines()[-1] == "13 of 13 checks pass"
    assert [line.split()[1] for line in out.splitlines() if line.startswith("ok")] == list(doctor.CHECKS)
    assert "\x1b" not in out


def test_it_prints_one_json_document(lumi):
    status, out, err = lumi("--json")
    assert (status, err) == (1, "")
    told = json.loads(out)
    services = {service["service"]: service for service in told["services"]}
    assert list(services) == list(doctor.CHECKS)
    assert (told["healthy"], services["storage"]["status"], services["consumer"]["status"]) == (
        False,
        "healthy",
        "unhealthy",
    )
    assert "lumi-box serve" in services["consumer"]["message"]
    assert "lumi-box serve" in services["consumer"]["do"] and services["consumer"]["found"] == "No worker runs."
    assert [name for name, service in services.items() if service["critical"]] == [*doctor.CRITICAL]
    assert all(service["latencyMs"] >= 0 for service in services.values())


def test_notes_are_told_and_fail_nothing(lumi, box, config):
    beat()
    config.path.chmod(0o644)
    status, out, _ = lumi()
    assert status == 0
    assert re.search(rf"^note +file-mode .*mode 0644.*\n +Run: chmod 600 {config.path}$", out, re.MULTILINE)
    assert re.search(r"^note +backup +No backup has been made yet\.\n +Run: lumi-box backup create", out, re.MULTILINE)
    Setting.create(name="backup.last_success", value=str(now_ms() - 5 * 3_600_000))
    assert re.search(r"^note +backup +The last good backup is 5 hours old\.$", lumi()[1], re.MULTILINE)
    Setting.update(value=str(now_ms() - 200 * 3_600_000)).execute()
    assert "The last good backup is 8 days old." in lumi()[1]
    notes = {note["note"]: note for note in json.loads(lumi("--json")[1])["notes"]}
    assert {"file-mode", "backup", "administrator"} <= set(notes)
    assert "lumi-box backup create" in notes["backup"]["do"]


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("broken", ["database", "storage"])
def test_it_names_what_is_broken_even_when_it_cannot_be_opened(lumi, config, broken, as_json):
    place = config.database.sqlite_path if broken == "database" else config.storage.disk.path
    place.unlink(missing_ok=True)
    place.write_bytes(b"neither a database nor a folder" * 200)
    status, out, _ = lumi(*(["--json"] if as_json else []))
    assert status == 1
    if as_json:
        found = {service["service"]: service["status"] for service in json.loads(out)["services"]}
        assert found[broken] == "unhealthy"
        assert found["config"] == found["disk"] == "healthy"
    else:
        assert re.search(rf"^FAIL +{broken} ", out, re.MULTILINE)
        assert re.search(r"^ok +config ", out, re.MULTILINE)


def test_no_secret_is_told_whatever_was_found(lumi, config):
    secret = "pa55-word-of-the-database"
    text = config.path.read_text(encoding="utf-8")
    config.path.write_text(
        text.replace("sqlite:///data/lumi.db", f"mysql://lumi:{secret}@127.0.0.1:9/lumi"), encoding="utf-8"
    )
    for words in ((), ("--json",)):
        status, out, err = lumi(*words)
        assert status == 1
        assert "127.0.0.1" in out
        assert secret not in out + err


def on_a_terminal(config, **environment):
    """What a person's terminal is given."""
    reader, writer = os.openpty()
    try:
        done = subprocess.Popen(
            [sys.executable, "-m", "lumi_box", "doctor", "--config", str(config.path)],
            stdout=writer,
            stderr=subprocess.PIPE,
            env={**os.environ, "TERM": "xterm", **environment},
        )
        os.close(writer)
        told = b""
        while True:
            try:
                piece = os.read(reader, 65_536)
            except OSError:  # the other end is closed
                break
            told += piece
            if not piece:
                break
        assert done.communicate(timeout=30)[1] == b""
    finally:
        os.close(reader)
    return told.decode()


@pytest.mark.process
def test_colours_are_for_terminals_of_people_who_want_them(config):
    told = on_a_terminal(config)
    assert "\x1b[32mok  \x1b[0m database" in told and "\x1b[31mFAIL\x1b[0m consumer" in told
    assert "\x1b" not in on_a_terminal(config, NO_COLOR="1")
    assert "\x1b" not in on_a_terminal(config, TERM="dumb")


@pytest.mark.process
def test_it_works_while_the_database_is_locked_and_the_server_is_down(config):
    with closing(sqlite3.connect(config.database.sqlite_path)) as other:
        other.execute("BEGIN IMMEDIATE")
        line = [sys.executable, "-m", "lumi_box", "doctor", "--json", "--config", str(config.path)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    found = {service["service"]: service for service in json.loads(done.stdout)["services"]}
    assert found["database"]["status"] == found["queue"]["status"] == "unhealthy"
    assert "locked" in found["database"]["message"]
    assert max(service["latencyMs"] for service in found.values()) < 6000
