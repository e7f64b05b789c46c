"""An installation with something in it, and ways to look at one from outside."""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import UNHURRIED, write_config
from doubles import ScriptedImages, ScriptedModels
from peewee import MySQLDatabase

from lumi_box import cli, runtime
from lumi_box import config as configuration
from lumi_box.accounts import local
from lumi_box.backup import rows, snapshot
from lumi_box.backup.archive import Writer
from lumi_box.backup.create import create
from lumi_box.box import Box
from lumi_box.config import Config
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.pick_image import pick_image
from lumi_box.gallery import interact, publish
from lumi_box.storage import marker
from lumi_box.tables import base, engines
from lumi_box.tables.generation import GeneratedModel
from lumi_box.worker.leases import LeaseKeeper
from lumi_box.worker.queue import JobQueue
from lumi_box.worker.tasks import Worker

ODD = "a paper crane, 纸鹤 🦢 'quoted' \"twice\" \\ back\tslash"


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody cuts the power here, and to wait for what all others of this machine write takes seconds."""
    monkeypatch.setattr(os, "sync", lambda: None)


@pytest.fixture(scope="session")
def template(fresh_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: a finished and published model, a request that waits for a pick, and one whose jobs are queued."""
    folder = tmp_path_factory.mktemp("installation")
    config = configuration.load(write_config(folder, UNHURRIED))
    assert config.database.sqlite_path is not None
    config.database.sqlite_path.parent.mkdir()
    shutil.copyfile(fresh_database, config.database.sqlite_path)
    box, queue = runtime.build(config)
    box.image_provider, box.model_provider = ScriptedImages(), ScriptedModels()
    queue.handler = Worker(box, LeaseKeeper(base.database)).run_job
    alice = local.create("alice@example.org", None)
    marker.write(box.storage)
    finished = accept_prompt(box, alice.id, ODD)
    drain(queue)
    pick_image(box, finished, 1)
    drain(queue)
    model = GeneratedModel.get()
    publish.set_visibility(model, "PUBLIC")
    interact.toggle(model.id, alice.id, "LIKE")
    accept_prompt(box, alice.id, "a second one")
    drain(queue)
    accept_prompt(box, alice.id, "one that waits")
    base.close_all()
    return folder / "data"


def drain(queue: JobQueue) -> None:
    while (message := queue.huey.dequeue()) is not None:
        queue.huey.execute(message)


@pytest.fixture
def filled(config: Config, template: Path, request: pytest.FixtureRequest) -> Box:
    """A box with the template's rows and objects as its own."""
    shutil.copytree(template / "objects", config.storage.disk.path)  # type: ignore[arg-type]
    if config.database.sqlite_path is not None:
        shutil.copyfile(template / "lumi.db", config.database.sqlite_path)
    else:
        server = engines.patient(base.connect(config.database))
        with server.connection_context(), snapshot.opened(template / "lumi.db") as made:
            rows.to_server(made, server)
        base.close_all()
    box: Box = request.getfixturevalue("box")
    return box


@pytest.fixture
def backup(filled: Box, tmp_path: Path) -> Path:
    made = create(filled.config, tmp_path / "backup.tar")
    assert made.lost == []
    return made.path


@pytest.fixture
def lumi(config: Config, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Any]]:
    """One command line; status, stdout, stderr. `--config` names the test's own config unless it is given."""

    def run(*words: str) -> SimpleNamespace:
        base.close_all()
        given = [] if "--config" in words else ["--config", str(config.path)]
        status = cli.run([*words, *given])
        base.close_all()
        told = capsys.readouterr()
        return SimpleNamespace(status=status, out=told.out, err=told.err)

    yield run


def all_rows(database: Any) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of ours, as the engine's own driver reads it."""
    found = {}
    mark = "`" if isinstance(database, MySQLDatabase) else '"'
    for table in database.get_tables():
        if not table.startswith(("sqlite_", "search_index", "schema_")):
            columns = sorted(column.name for column in database.get_columns(table))
            named = ", ".join(f"{mark}{name}{mark}" for name in columns)
            found[table] = sorted(database.execute_sql(f"SELECT {named} FROM {mark}{table}{mark}").fetchall(), key=repr)
    return found


def all_files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path, "r:") as tar:
        return {each.name: tar.extractfile(each).read() for each in tar}  # type: ignore[union-attr]


def manifest(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(members(path)["manifest.json"])
    return found


def rewritten(path: Path, parts: dict[str, bytes], *, target: Path | None = None) -> Path:
    """The backup made anew of these members, with sums that fit: what only a look at their meaning can find wrong."""
    target = target or path.with_name("rewritten.tar")
    with tarfile.open(path, "r:") as tar:
        seconds = int(tar.next().mtime)  # type: ignore[union-attr]
    with target.open("wb") as file, closing(io.BytesIO()) as sums:
        writer = Writer(file, sums, seconds)
        for name, content in parts.items():
            if name != "SHA256SUMS":
                writer.add(name, io.BytesIO(content), len(content))
        writer.close()
    return target
