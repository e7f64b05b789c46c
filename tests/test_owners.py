"""An operator's command runs as root beside a service that does not: what it makes, the service can use."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from lumi_box import runtime
from lumi_box.storage.disk import DiskStorage

SERVICE = 61234

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "service"
    made.mkdir()
    os.chown(made, SERVICE, SERVICE)
    return made


def owners(folder: Path) -> set[int]:
    return {path.stat().st_uid for path in folder.rglob("*")}


def test_objects_and_their_folders_belong_to_whom_the_store_belongs(folder, tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"a picture")
    storage = DiskStorage(folder)
    storage.put("images/some-request/0.png", source)
    storage.put("images/some-request/1.png", source)
    assert len(list(folder.rglob("*"))) == 4
    assert owners(folder) == {SERVICE}


def test_what_a_migration_leaves_does_too(config, folder):
    path = folder / "lumi.db"
    path.touch()
    os.chown(path, SERVICE, SERVICE)
    runtime.migrate_database(replace(config, database=replace(config.database, sqlite_path=path)))
    assert {path.name for path in folder.iterdir()} >= {"lumi.db", "lumi.db.migrate-lock"}
    assert owners(folder) == {SERVICE}


def test_where_everything_is_roots_it_stays_so(tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"a picture")
    DiskStorage(tmp_path / "own").put("images/a/0.png", source)
    assert owners(tmp_path) == {0}
