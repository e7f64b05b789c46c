"""Fixtures: a box of its own for every test, with a real database, a real queue and real files on disk.

The tests under BOTH run twice: on SQLite, and on MariaDB where a server answers (see tests/mariadb.py).
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import mariadb
import PIL.Image
import pytest
import secrecy
from doubles import ScriptedImages, ScriptedModels

from lumi_box import config as configuration
from lumi_box import logs, runtime
from lumi_box.accounts import local, tokens
from lumi_box.box import Box
from lumi_box.config import Config
from lumi_box.jobs import lifecycle
from lumi_box.meshes import export, preview
from lumi_box.meshes.mesh import TexturedMesh
from lumi_box.tables import base
from lumi_box.tables.account import User
from lumi_box.tables.job import Job
from lumi_box.worker.leases import LeaseKeeper
from lumi_box.worker.queue import JobQueue
from lumi_box.worker.tasks import Worker

PASSWORD = "correct horse battery"
UNHURRIED = """
[queue]
backoff_seconds = 0.01
jobs_per_minute = 0

[limits]
requests_per_minute = 1_000_000
generations_per_day = 0
active_generations = 0
"""
STORAGE = ("storage/test_ledger.py", "storage/test_sweep.py")
SERVED = (
    "doctor/",
    "health/",
    "support/",
    "emulators/",
    "providers/test_",
    "accounts/",
    "webhooks/test_deliver.py",
    "slicing/test_service.py",
)  # talk to a server in most tests
BOTH = (
    "accounts",
    "health/test_rounds.py",
    "flow",
    "gallery",
    "jobs",
    "metrics",
    "slicing/test_begin.py",
    "slicing/test_states.py",
    "slicing/test_runner.py",
    "worker",
    "tables",
    "webhooks",
    "backup",
    *STORAGE,
    "test_events.py",
    "web",
)
FEW_FACES = 100
SQLITE_URL = "sqlite:///data/lumi.db"


def pytest_configure() -> None:
    secrecy.install()


@pytest.fixture(scope="session", autouse=True)
def previews() -> Iterator[None]:
    """Most tests build the same small model: its picture is drawn for the first of them."""
    drawn: dict[bytes, PIL.Image.Image] = {}

    def draw(mesh: TexturedMesh, size: int) -> PIL.Image.Image:
        if len(mesh.faces) > FEW_FACES or mesh.texture is None:
            return preview.render_preview(mesh, size)
        parts = (mesh.vertices, mesh.faces, mesh.uv, mesh.uv_faces, mesh.texture)
        key = b"".join(part.tobytes() for part in parts) + bytes([mesh.faceted]) + str(size).encode()
        if key not in drawn:
            drawn[key] = preview.render_preview(mesh, size)
        return drawn[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "render_preview", draw)
        yield


@pytest.fixture(autouse=True)
def witness() -> Iterator[secrecy.Witness]:
    """Of all that is logged in any test: it fails where that holds a secret."""
    with secrecy.watched() as watching:
        yield watching
    for handler in logging.root.handlers[:]:  # of a command that ran in this process; its stdout is gone
        if isinstance(handler.formatter, logs.TextFormatter | logs.JsonFormatter):
            logging.root.removeHandler(handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "engine" in metafunc.fixturenames:
        place = Path(metafunc.module.__file__).relative_to(Path(__file__).parent).as_posix()
        engines = ["sqlite", "mariadb"] if place.startswith(BOTH) else ["sqlite"]
        for engine in ("sqlite", "mariadb"):
            if metafunc.definition.get_closest_marker(engine):
                engines = [engine]
        metafunc.parametrize("engine", engines, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What talks to a server (MariaDB, a store, an emulator of a vendor) is not for the quick part."""
    here = Path(__file__).parent
    for item in items:
        place = item.path.relative_to(here).as_posix()
        engine = getattr(item, "callspec", None) and item.callspec.params.get("engine")  # type: ignore[attr-defined]
        stores = {"s3", "seaweed", "s3_config"} & set(getattr(item, "fixturenames", ()))
        if engine == "mariadb" or stores or place.startswith(SERVED):
            item.add_marker(pytest.mark.service)
        if place.startswith("providers/builtin/"):
            item.add_marker(pytest.mark.slow)


def write_config(folder: Path, extra: str = "") -> Path:
    path = folder / "config.toml"
    path.write_text(configuration.initial_text(True, secrets.token_urlsafe(48)) + extra, encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="session")
def fresh_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database, made once and copied for every test."""
    loaded = configuration.load(write_config(tmp_path_factory.mktemp("schema")))
    runtime.migrate_database(loaded)
    base.database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    base.database.close()
    assert loaded.database.sqlite_path is not None
    return loaded.database.sqlite_path


def on_mariadb(path: Path, scratch: mariadb.Scratch) -> Config:
    """The config at `path`, with its rows in the database."""
    text = path.read_text(encoding="utf-8")
    assert SQLITE_URL in text
    path.write_text(text.replace(SQLITE_URL, scratch.url), encoding="utf-8")
    return configuration.load(path)


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mariadb.Scratch]:
    """A migrated database on the server, made once and emptied before every test."""
    mariadb.require()
    with mariadb.Scratch(f"lumi_test_{os.getpid()}") as made:
        runtime.migrate_database(on_mariadb(write_config(tmp_path_factory.mktemp("mariadb")), made))
        base.close_all()
        yield made


@pytest.fixture
def config(tmp_path: Path, engine: str, request: pytest.FixtureRequest) -> Config:
    path = write_config(tmp_path, UNHURRIED)
    if engine == "mariadb":
        scratch: mariadb.Scratch = request.getfixturevalue("scratch")
        scratch.empty()
        return on_mariadb(path, scratch)
    loaded = configuration.load(path)
    assert loaded.database.sqlite_path is not None
    loaded.database.sqlite_path.parent.mkdir(parents=True)
    shutil.copyfile(request.getfixturevalue("fresh_database"), loaded.database.sqlite_path)
    return loaded


@pytest.fixture
def wired(config: Config) -> Iterator[tuple[Box, JobQueue]]:
    box, queue = runtime.build(config)
    yield box, queue
    base.close_all()


@pytest.fixture
def queue(wired: tuple[Box, JobQueue]) -> JobQueue:
    return wired[1]


@pytest.fixture
def box(wired: tuple[Box, JobQueue]) -> Box:
    """Its providers answer at once and fail when a test tells them to; all else is what runs in production."""
    wired[0].image_provider = ScriptedImages()
    wired[0].model_provider = ScriptedModels()
    return wired[0]


@pytest.fixture
def images(box: Box) -> ScriptedImages:
    assert isinstance(box.image_provider, ScriptedImages)
    return box.image_provider


@pytest.fixture
def models(box: Box) -> ScriptedModels:
    assert isinstance(box.model_provider, ScriptedModels)
    return box.model_provider


@pytest.fixture
def drain(box: Box, queue: JobQueue) -> Callable[..., None]:
    """Run what is queued, in this thread; with `later=True` also what is scheduled for later, as if it were due."""
    queue.handler = Worker(box, LeaseKeeper(base.database)).run_job

    def run(*, later: bool = False) -> None:
        while True:
            if later:
                Job.update(run_after=0).where(Job.status.in_(lifecycle.ACTIVE)).execute()
                queue.storage.Schedule.update(timestamp=0).execute()
                for message in queue.huey.read_schedule():
                    message.eta = None
                    queue.huey.enqueue(message)
            message = queue.huey.dequeue()
            if message is None:
                return
            queue.huey.execute(message)

    return run


@pytest.fixture
def alice(box: Box) -> User:
    return local.create("alice@example.org", None)


@pytest.fixture
def bob(box: Box) -> User:
    return local.create("bob@example.org", None)


@pytest.fixture
def admin(box: Box) -> User:
    return local.create("admin@example.org", None, admin=True)


def bearer(user: User) -> dict[str, str]:
    """The headers of a client that holds a token of the user."""
    return {"Authorization": f"Bearer {tokens.issue(user, tokens.API)[1]}"}
