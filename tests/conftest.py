"""Fixtures: a box of its own for every test, with a real SQLite file, a real queue and real files on disk."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from doubles import ScriptedImages, ScriptedModels

from lumi_box import config as configuration
from lumi_box import runtime
from lumi_box.accounts import local, tokens
from lumi_box.box import Box
from lumi_box.config import Config
from lumi_box.jobs import lifecycle
from lumi_box.tables import base
from lumi_box.tables.account import User
from lumi_box.tables.job import Job
from lumi_box.worker.leases import LeaseKeeper
from lumi_box.worker.queue import JobQueue
from lumi_box.worker.tasks import Worker

PASSWORD = "correct horse battery"


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


@pytest.fixture
def config(tmp_path: Path, fresh_database: Path) -> Config:
    loaded = configuration.load(write_config(tmp_path, "\n[queue]\nbackoff_seconds = 0.01\njobs_per_minute = 0\n"))
    assert loaded.database.sqlite_path is not None
    loaded.database.sqlite_path.parent.mkdir(parents=True)
    shutil.copyfile(fresh_database, loaded.database.sqlite_path)
    return loaded


@pytest.fixture
def wired(config: Config) -> Iterator[tuple[Box, JobQueue]]:
    box, queue = runtime.build(config)
    yield box, queue
    base.database.close()


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
