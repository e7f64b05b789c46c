"""A server under load, a backup of it, a fire, and the same installation elsewhere; commands killed at any instant."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mariadb
import pytest
from backup.conftest import members
from emulators.remote import RemoteEmulator
from faults.crash import PASSWORD, Clients, emulated
from process.server import EMAIL, Server, _environment, command, eventually

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc"),
]

REQUESTS = 20
SQLITE_URL = "sqlite:///data/lumi.db"
QUICKLY = "jobs_per_minute = 0\nmodel_concurrency = 3"
FINISHED_SECONDS = 240.0


@pytest.fixture
def emulator() -> Iterator[RemoteEmulator]:
    with emulated(image_seconds=0.4, model_seconds=2) as running:
        yield running


@pytest.fixture(params=["sqlite", "mariadb"])
def databases(request: pytest.FixtureRequest) -> Iterator[list[Any]]:
    """The database that burns, and the one of the new place; on SQLite both are files in their folders."""
    if request.param == "sqlite":
        yield [None, None]
        return
    mariadb.require()
    with contextlib.ExitStack() as stack:
        names = [f"lumi_test_fire_{os.getpid()}_{number}" for number in range(2)]
        yield [stack.enter_context(mariadb.Scratch(name)) for name in names]


class Installation(Server):
    """A server whose rows are in its folder, or in a scratch database."""

    def __init__(self, folder: Path, scratch: mariadb.Scratch | None, providers: str) -> None:
        super().__init__(folder, image_concurrency=4, providers=providers)
        self.scratch = scratch
        path = folder / "config.toml"
        text = path.read_text(encoding="utf-8").replace("jobs_per_minute = 0", QUICKLY)
        if scratch is not None:
            (folder / "data" / "lumi.db").unlink()
            text = text.replace(SQLITE_URL, scratch.url)
        path.write_text(text, encoding="utf-8")
        if scratch is not None:
            command("user", "create", EMAIL, "--admin", "--password-stdin", cwd=folder, stdin=f"{PASSWORD}\n")
            self.token = command("token", "create", EMAIL, cwd=folder).stdout.strip()

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        if self.scratch is None:
            return super().query(sql, *values)
        return self.scratch.query(sql.replace("?", "%s"), *values)

    def burn(self) -> None:
        self.kill()
        shutil.rmtree(self.folder)
        if self.scratch is not None:
            self.scratch._on_server(f"DROP DATABASE `{self.scratch.name}`")

    @classmethod
    def elsewhere(cls, lost: Installation, folder: Path, scratch: mariadb.Scratch | None) -> Installation:
        """The new place, in which there is nothing yet; people know its address and their tokens."""
        made = cls.__new__(cls)
        made.folder, made.scratch, made._processes = folder, scratch, []
        made.port, made.url, made.token = lost.port, lost.url, lost.token
        folder.mkdir()
        return made


def test_a_backup_under_load_survives_a_fire(tmp_path: Path, databases: list[Any], emulator: RemoteEmulator) -> None:
    file = tmp_path / "backup.tar"
    lost = Installation(tmp_path / "before", databases[0], emulator.provider_config())
    with lost:
        lost.start()
        with Clients([lost], REQUESTS, 1) as makers:
            eventually(lambda: len(makers.tasks) == REQUESTS and under_way(lost), 120, f"work\n{lost.log[-4000:]}")
            known = {row for (row,) in lost.query("SELECT id FROM generation_request")}
            more = lost.create("one more, just before")["id"]
            made = command("backup", "create", str(file), cwd=lost.folder)
            assert (made.returncode, made.stderr) == (0, "")
            younger = lost.create("too late")["id"]
            time.sleep(1.5)  # the lost server goes on for a while, and buys what the backup does not know
        assert "Traceback" not in lost.log
        assert command("backup", "verify", str(file), cwd=tmp_path).returncode == 0
        if databases[1] is not None:
            saved = (lost.folder / "config.toml").read_text(encoding="utf-8")
        lost.burn()

    found = Installation.elsewhere(lost, tmp_path / "after", databases[1])
    if databases[1] is not None:
        (found.folder / "config.toml").write_text(saved.replace(databases[0].url, databases[1].url), encoding="utf-8")
    with found:
        done = command("backup", "restore", str(file), "--config", "config.toml", cwd=found.folder)
        assert (done.returncode, done.stderr) == (0, "")
        restored = {row for (row,) in found.query("SELECT id FROM generation_request")}
        assert known | {more} <= restored
        assert younger not in restored
        assert_objects_are_there(found)
        tickets = dict(found.query("SELECT ticket, job_id FROM attempt WHERE ticket IS NOT NULL"))
        waited_for = {row for (row,) in found.query("SELECT ticket FROM job WHERE status = 'RUNNING'") if row}
        assert waited_for, "nothing was in flight: the test shows nothing"
        found.start()
        with Clients([found], REQUESTS, 2) as makers:  # the same people, with the same keys
            eventually(lambda: finished(found, restored), FINISHED_SECONDS, f"the end\n{found.log[-6000:]}")
        assert set(makers.tasks) <= restored
        pick_all(found, restored)
        statuses = Counter(row for (row,) in found.query("SELECT status FROM generation_request"))
        assert set(statuses) == {"COMPLETED"}, statuses
        assert found.query("SELECT count(*) FROM attempt WHERE ended_at IS NULL") == [(0,)]
        assert_objects_are_there(found)
        assert_bought_once(emulator, found, set(tickets), waited_for)
        assert "FAIL" not in command("doctor", cwd=found.folder).stdout.replace("FAIL prompt-provider", "")
        assert found.terminate() == 0, found.log
        assert "Traceback" not in found.log


def under_way(server: Installation) -> bool:
    """Pictures are done, models too, and others are being waited for."""
    models = server.query("SELECT count(*) FROM model WHERE status = 'COMPLETED'")[0][0]
    waiting = server.query("SELECT count(*) FROM job WHERE status = 'RUNNING' AND ticket IS NOT NULL")[0][0]
    images = server.query("SELECT count(*) FROM job WHERE status IN ('PENDING', 'RETRYING') AND kind = 'image'")[0][0]
    return models >= 2 and waiting >= 3 and images >= 4


def finished(server: Installation, ids: set[str]) -> bool:
    pick_all(server, ids)
    return {row for (row,) in server.query("SELECT status FROM generation_request")} == {"COMPLETED"}


def pick_all(server: Installation, ids: set[str]) -> None:
    """Also in the requests that the makers of this test do not look after."""
    for task_id in ids:
        task = server.task(task_id)
        if task["status"] == "IMAGE_COMPLETED":
            server.request("PATCH", f"/api/v1/tasks/{task_id}", json={"selectedImageIndex": 0})


def assert_objects_are_there(server: Installation) -> None:
    rows = server.query("SELECT `key`, size, sha256 FROM stored_object WHERE state = 'stored'")
    assert rows
    for key, size, digest in rows:
        data = (server.folder / "data" / "objects" / key).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (size, digest), key


def assert_bought_once(emulator: RemoteEmulator, server: Installation, known: set[str], waited_for: set[str]) -> None:
    """What the backup had a ticket for was not ordered again, and what was waited for was fetched by that ticket."""
    orders: dict[Any, list[str]] = {}
    for entry in emulator.record().submits():
        if entry.paid:
            orders.setdefault((entry.vendor, entry.order), []).append(entry.ticket)
    for bought in orders.values():
        if known & set(bought):
            assert len(bought) == 1, f"bought again after the restore: {bought}"
    ended = dict(server.query("SELECT ticket, outcome FROM attempt WHERE ticket IS NOT NULL AND outcome = 'completed'"))
    assert waited_for <= ended.keys()


@pytest.fixture
def heavy(tmp_path: Path) -> Iterator[Server]:
    """A server whose store takes a while to copy."""
    with Server(tmp_path / "box") as server:
        server.start()
        done = server.create("a cup")["id"]
        eventually(lambda: server.task(done)["status"] == "IMAGE_COMPLETED", 60, "four pictures")
        fill(server, 300, 512 << 10)
        yield server


def fill(server: Server, count: int, size: int) -> None:
    import sqlite3

    content = os.urandom(size)
    digest = hashlib.sha256(content).hexdigest()
    folder = server.folder / "data" / "objects" / "models" / "heavy"
    folder.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(server.folder / "data" / "lumi.db", timeout=20)) as rows:
        for number in range(count):
            (folder / f"{number:04}.stl").write_bytes(content)
            row = (f"models/heavy/{number:04}.stl", "stored", "u", "r", "model/stl", size, digest, 1, 1)
            names = "key, state, user_id, request_id, media_type, size, sha256, created_at, changed_at"
            rows.execute(f"INSERT INTO stored_object ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        rows.commit()


def killed(words: list[str], cwd: Path, after: float) -> bool:
    """One command, killed after so many seconds; False when it had ended before."""
    line = [sys.executable, "-m", "lumi_box", *words]
    with subprocess.Popen(
        line, cwd=cwd, env=_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            return True
        return False


def test_a_create_that_is_killed_leaves_no_file_and_does_no_harm(heavy: Server, tmp_path: Path) -> None:
    dice, file = random.Random(3), tmp_path / "backup.tar"
    hit = 0
    for _ in range(10):
        if killed(["backup", "create", str(file)], heavy.folder, dice.uniform(0.3, 2.0)):
            hit += not file.exists()
            if file.exists():  # killed after it was done: then it is whole
                assert command("backup", "verify", str(file), cwd=heavy.folder).returncode == 0
        file.unlink(missing_ok=True)
    assert hit >= 2
    assert heavy.get("/health").status_code == 200
    after = heavy.create("a bowl")["id"]
    eventually(lambda: heavy.task(after)["status"] == "IMAGE_COMPLETED", 60, "pictures after all those kills")
    assert command("backup", "create", str(file), cwd=heavy.folder).returncode == 0
    assert not list(tmp_path.glob(".lumi-backup-*"))
    assert command("backup", "verify", str(file), cwd=heavy.folder).returncode == 0
    assert heavy.terminate() == 0
    assert "Traceback" not in heavy.log


def test_a_create_that_is_stopped_clears_up_after_itself(heavy: Server, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "lumi_box", "backup", "create", str(tmp_path / "backup.tar")]
    with subprocess.Popen(line, cwd=heavy.folder, env=_environment()) as process:
        eventually(lambda: list(tmp_path.glob(".lumi-backup-*/file")), 30, "the first bytes")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
    assert list(tmp_path.glob("*.tar")) == []
    assert list(tmp_path.glob(".lumi-backup-*")) == []


def test_a_restore_that_is_killed_can_be_repeated(heavy: Server, tmp_path: Path) -> None:
    dice, file = random.Random(5), tmp_path / "backup.tar"
    assert command("backup", "create", str(file), cwd=heavy.folder).returncode == 0
    running = command("backup", "restore", "--force", str(file), cwd=heavy.folder)
    assert (running.returncode, "is in use" in running.stderr) == (1, True)
    assert heavy.terminate() == 0
    words = ["backup", "restore", str(file), "--config", "config.toml"]
    hit = 0
    for number in range(8):
        place = tmp_path / f"place-{number}"
        place.mkdir()
        if not killed(words, place, dice.uniform(0.4, 1.8)):
            continue
        hit += 1
        again = command(*words, cwd=place)
        committed = "is not empty" in again.stderr  # it was killed after all was in place
        assert again.returncode == 0 or committed, again.stderr
        assert not list((place / "data" / "objects").glob(".restoring-*")) or committed
        assert whole(place) == json.loads(members(file)["manifest.json"])["objects"]["count"]
        shutil.rmtree(place)
    assert hit >= 2
    place = tmp_path / "last"
    place.mkdir()
    assert command(*words, cwd=place).returncode == 0
    with Installation.elsewhere(heavy, tmp_path / "unused", None) as restored:  # type: ignore[arg-type]
        restored.folder = place
        restored.start()
        assert restored.get("/api/v1/tasks").json()["data"]["total"] == 1
        assert restored.terminate() == 0


def whole(place: Path) -> int:
    import sqlite3

    with contextlib.closing(sqlite3.connect(place / "data" / "lumi.db")) as rows:
        found = rows.execute("SELECT key, size FROM stored_object WHERE state = 'stored'").fetchall()
    assert all((place / "data" / "objects" / key).stat().st_size == size for key, size in found)
    return len(found)


def test_the_scheduled_backup_is_made_by_a_running_server(tmp_path: Path) -> None:
    with Server(tmp_path / "box", more='\n[backup]\ndirectory = "backups"\nkeep = 2\n') as server:
        server.start()
        made = eventually(lambda: list((server.folder / "backups").glob("*.tar")), 30, server.log)
        assert command("backup", "verify", str(made[0]), cwd=server.folder).returncode == 0
        eventually(lambda: "backup made path=" in server.log, 10, server.log)
        assert server.query("SELECT count(*) FROM setting WHERE name = 'backup.last_success'") == [(1,)]
        assert server.terminate() == 0, server.log
