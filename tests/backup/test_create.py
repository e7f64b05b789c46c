"""A backup that is made while others write holds one moment of all there is, and is there whole or not at all."""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest
from backup.conftest import ODD, all_files, all_rows, manifest, members
from peewee import SqliteDatabase

from lumi_box import __version__
from lumi_box.backup import snapshot, status, work
from lumi_box.backup.create import create
from lumi_box.backup.verify import verify
from lumi_box.clock import now_ms
from lumi_box.errors import LumiError
from lumi_box.flow import manage_request
from lumi_box.storage import hold, ledger, marker
from lumi_box.tables import base, migrate
from lumi_box.tables.generation import GenerationRequest
from lumi_box.tables.stored_object import StoredObject
from lumi_box.tables.sweep import NodeLease

pytestmark = pytest.mark.slow


def test_all_is_in_it(backup, filled, config, engine):
    inside, told = members(backup), manifest(backup)
    assert list(inside)[:3] == ["manifest.json", "config.toml", "database.sqlite3"]
    assert list(inside)[-1] == "SHA256SUMS"
    assert inside["config.toml"] == config.path.read_bytes()
    objects = {name.removeprefix("objects/"): data for name, data in inside.items() if name.startswith("objects/")}
    on_disk = all_files(filled.storage.root)
    del on_disk[marker.KEY]
    assert objects == on_disk
    assert len(objects) > 20
    assert list(objects) == sorted(objects)
    assert told["format"] == 1
    assert (told["version"], told["engine"], told["storage"]) == (__version__, engine, "disk")
    assert told["migrations"] == migrate.known()
    assert told["rows"]["account"] == 1
    assert told["rows"]["generation_request"] == 3
    assert told["rows"]["job"] == 13
    assert told["objects"] == {"count": len(objects), "bytes": sum(map(len, objects.values()))}
    assert datetime.fromisoformat(told["createdAt"]).timestamp() * 1000 == pytest.approx(now_ms(), abs=60_000)
    for name, part in told["files"].items():
        assert part == {"size": len(inside[name]), "sha256": hashlib.sha256(inside[name]).hexdigest()}


def test_the_rows_are_those_that_were_there(backup, filled, tmp_path):
    with_backup = tmp_path / "inside"
    with_backup.write_bytes(members(backup)["database.sqlite3"])
    live, copied = all_rows(base.database.obj), all_rows(SqliteDatabase(with_backup))
    for noise in ("node_lease", "setting"):  # what the backup itself wrote
        live.pop(noise), copied.pop(noise)
    assert copied == live
    assert any(ODD in row for row in copied["generation_request"])
    assert {name for name, found in copied.items() if found} >= {"image", "model", "event", "attempt", "search_text"}
    assert copied["queue_task"]
    assert any(isinstance(cell, bytes) for row in copied["queue_task"] for cell in row)


def test_only_its_owner_can_read_it(backup, filled):
    assert backup.stat().st_mode & 0o777 == 0o600
    before = os.umask(0)
    try:
        assert create(filled.config, backup).path.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


def test_it_is_private_from_the_first_byte_on(filled, tmp_path, monkeypatch):
    seen, whole = [], type(filled.storage).open

    def look(store, key, *span):
        for path in tmp_path.glob(".lumi-backup-*/*"):
            seen.append((path.name, path.stat().st_mode & path.parent.stat().st_mode & 0o077))
        return whole(store, key, *span)

    monkeypatch.setattr(type(filled.storage), "open", look)
    create(filled.config, tmp_path / "backup.tar")
    assert {name for name, _ in seen} >= {"file", "sums", "database.sqlite3"}
    assert not any(others for _, others in seen)


def test_its_success_is_recorded_for_the_doctor(backup):
    assert int(status.read(status.LAST_SUCCESS)) == pytest.approx(now_ms(), abs=60_000)
    assert status.read(status.LAST_ERROR) is None


def test_what_is_no_backup_is_not_overwritten(filled, tmp_path):
    (tmp_path / "precious.txt").write_text("not a backup")
    with pytest.raises(LumiError, match="not overwritten"):
        create(filled.config, tmp_path / "precious.txt")
    assert (tmp_path / "precious.txt").read_text() == "not a backup"
    assert status.read(status.LAST_ERROR) is None  # a slip of the keyboard is no failed backup


def test_a_failure_is_recorded_and_forgotten_with_the_next_success(filled, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(work, "sync_folder", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
        with pytest.raises(LumiError, match="Input/output error"):
            create(filled.config, tmp_path / "backup.tar")
    assert "Input/output error" in status.read(status.LAST_ERROR)
    create(filled.config, tmp_path / "backup.tar")
    assert status.read(status.LAST_ERROR) is None


def test_an_older_backup_of_the_name_is_replaced_and_kept_when_the_new_one_fails(backup, filled, monkeypatch):
    first = backup.read_bytes()
    create(filled.config, backup)
    assert manifest(backup)["createdAt"] > "2026"
    second = backup.read_bytes()
    assert second != first
    monkeypatch.setattr(snapshot, "take", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
    with pytest.raises(LumiError, match="Input/output error; nothing was written"):
        create(filled.config, backup)
    assert backup.read_bytes() == second
    assert not list(backup.parent.glob(".lumi-backup-*"))


@pytest.mark.parametrize(
    ("target", "words"),
    [("", "is a folder"), ("none/backup.tar", "no such folder"), ("data/objects/backup.tar", "in the store itself")],
)
def test_places_that_cannot_be_meant_are_refused(filled, tmp_path, target, words):
    with pytest.raises(LumiError, match=words):
        create(filled.config, tmp_path / target)


def test_a_database_without_rows_is_nothing_to_back_up(config, lumi, tmp_path, engine):
    if engine == "mariadb":
        pytest.skip("the scratch database is migrated")
    config.database.sqlite_path.unlink()
    outcome = lumi("backup", "create", str(tmp_path / "b.tar"))
    assert (outcome.status, outcome.out) == (1, "")
    assert "nothing to back up" in outcome.err
    assert not config.database.sqlite_path.exists()


def test_what_is_deleted_while_it_copies_is_still_in_it(filled, tmp_path, monkeypatch):
    """The janitor waits: the rows of the backup refer to these files."""
    whole = snapshot.take

    def then_delete(database, target):
        taken = whole(database, target)
        for request in GenerationRequest.select():
            manage_request.delete(filled, request)
        assert ledger.remove_doomed(filled.storage) == 0
        assert StoredObject.select().where(StoredObject.state == ledger.DOOMED).count() > 20
        return taken

    monkeypatch.setattr(snapshot, "take", then_delete)
    made = create(filled.config, tmp_path / "backup.tar")
    assert made.lost == []
    assert verify(made.path).lost == []
    assert ledger.remove_doomed(filled.storage) > 20
    assert StoredObject.select().count() == 0


def test_nothing_is_written_over_a_doomed_object_meanwhile(filled, tmp_path):
    key = StoredObject.select(StoredObject.key).where(StoredObject.state == ledger.STORED).scalar()
    source = tmp_path / "other"
    source.write_bytes(b"other bytes")
    with hold.held():
        ledger.doom([key])
        with pytest.raises(ledger.Busy):
            ledger.keep(filled.storage, key, source, ledger.Owner("u", "r"))
    assert ledger.keep(filled.storage, key, source, ledger.Owner("u", "r")).size == 11


def test_the_removals_of_a_backup_that_died_go_on_after_a_minute(filled):
    dead = hold.Hold()
    dead.start()
    dead._stop.set()
    dead._thread.join()
    ledger.doom_user(StoredObject.select(StoredObject.user_id).scalar())
    assert ledger.remove_doomed(filled.storage) == 0
    NodeLease.update(until=now_ms() - 1).execute()
    assert ledger.remove_doomed(filled.storage) > 20
    with pytest.raises(LumiError, match="held up for too long"):
        dead.confirm()
    with hold.held():
        assert NodeLease.select().count() == 1  # the dead one's row is gone


def test_a_hold_that_ran_out_in_between_spoils_the_backup(filled, tmp_path, monkeypatch):
    whole = snapshot.take

    def stopped(database, target):
        taken = whole(database, target)
        NodeLease.update(until=now_ms() - 1).execute()
        return taken

    monkeypatch.setattr(snapshot, "take", stopped)
    with pytest.raises(LumiError, match="held up for too long"):
        create(filled.config, tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()
    assert not list(tmp_path.glob(".lumi-backup-*"))


def test_a_hold_is_prolonged(box, monkeypatch):
    monkeypatch.setattr(hold, "HOLD_MS", 600)
    with hold.held() as held:
        first = NodeLease.get().until
        deadline = time.monotonic() + 20
        while NodeLease.get().until < first + 700 and time.monotonic() < deadline:
            time.sleep(0.05)
        held.confirm()
    assert NodeLease.select().count() == 0


def test_writers_are_not_held_up(filled, tmp_path, engine):
    """Others commit between the beginning of the copy and its end, and none of it is in the copy."""
    stop, written = threading.Event(), []

    def write():
        while not stop.is_set():
            status.write(f"noise.{len(written) % 50}", str(len(written)))
            written.append(time.monotonic())
        base.database.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            begun = time.monotonic()
            create(filled.config, tmp_path / "backup.tar")
            ended = time.monotonic()
            during = [at for at in written if begun < at < ended]
            assert len(during) > 5, number
            verify(tmp_path / "backup.tar")
    finally:
        stop.set()
        writer.join()


def test_lost_objects_are_named_and_do_not_prevent_a_backup(filled, tmp_path, lumi):
    keys = [row.key for row in StoredObject.select().order_by(StoredObject.key)]
    (filled.storage.root / keys[0]).unlink()
    (filled.storage.root / keys[3]).write_bytes(b"rot")
    outcome = lumi("backup", "create", str(tmp_path / "b.tar"))
    assert outcome.status == 0
    assert outcome.err.splitlines() == [
        f"lumi-box: warning: missing: {keys[0]} (in the store, when the backup was made)",
        f"lumi-box: warning: damaged: {keys[3]} (in the store, when the backup was made)",
    ]
    assert members(tmp_path / "b.tar")["lost.txt"].decode() == f"missing {keys[0]}\ndamaged {keys[3]}\n"
    assert members(tmp_path / "b.tar")[f"objects/{keys[3]}"] == b"rot"
    verified = lumi("backup", "verify", str(tmp_path / "b.tar"))
    assert (verified.status, len(verified.err.splitlines())) == (0, 2)


def test_a_store_that_is_not_ours_is_not_backed_up(filled, tmp_path):
    shutil.rmtree(filled.storage.root)
    filled.storage.root.mkdir()
    with pytest.raises(LumiError, match="not mounted"):
        create(filled.config, tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()


def test_a_store_that_goes_away_in_between_fails_the_backup(filled, tmp_path, monkeypatch):
    whole = snapshot.take

    def unmounted(database, target):
        taken = whole(database, target)
        filled.storage.root.rename(tmp_path / "elsewhere")
        return taken

    monkeypatch.setattr(snapshot, "take", unmounted)
    with pytest.raises(LumiError, match="not mounted"):
        create(filled.config, tmp_path / "backup.tar")
    assert not (tmp_path / "backup.tar").exists()


def test_an_object_that_cannot_be_read_to_its_end_is_lost_and_no_other(filled, tmp_path, monkeypatch):
    victim = StoredObject.select(StoredObject.key).order_by(StoredObject.key).offset(2).scalar()
    whole = type(filled.storage).open

    class BadSector:
        def __init__(self, stream):
            self._stream, self._reads = stream, 0

        def read(self, size):
            raise OSError(errno.EIO, "Input/output error")

        def fileno(self):
            return self._stream.fileno()

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._stream.close()

    def opened(store, key, *range):
        stream = whole(store, key, *range)
        return BadSector(stream) if key == victim else stream

    monkeypatch.setattr(type(filled.storage), "open", opened)
    made = create(filled.config, tmp_path / "backup.tar")
    assert made.lost == [f"missing {victim}"]
    assert verify(made.path).lost == made.lost


def test_no_room_is_told_before_much_is_written(filled, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr(work.shutil, "disk_usage", lambda _: usage)
    whole = snapshot.take
    monkeypatch.setattr(snapshot, "take", lambda *a: large(whole(*a)))
    with pytest.raises(LumiError, match=r"its disk is full \(.* MB are needed, 1.0 MB are free\); nothing was written"):
        create(filled.config, tmp_path / "backup.tar")
    assert not list(tmp_path.glob("*.tar")) and not list(tmp_path.glob(".lumi-backup-*"))


def large(taken):
    return snapshot.Snapshot(taken.engine, taken.migrations, taken.rows, taken.objects, 1 << 40)


@pytest.mark.parametrize("died", ["at work", "while it cleared up"])
def test_what_a_dead_backup_left_is_cleared_away_and_a_living_one_is_let_be(filled, tmp_path, died):
    with work.folder(tmp_path) as living:
        code = f"""
import os, pathlib
from lumi_box.backup import work
with work.folder(pathlib.Path({str(tmp_path)!r})) as made:
    (made / "file").write_text("half")
    for each in made.iterdir() if {died != "at work"} else ():
        each.unlink()
    os.kill(os.getpid(), 9)
"""
        assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == -9
        assert len(list(tmp_path.glob(".lumi-backup-*"))) == 2
        create(filled.config, tmp_path / "backup.tar")
        assert list(tmp_path.glob(".lumi-backup-*")) == [living]
    assert not list(tmp_path.glob(".lumi-backup-*"))


def test_two_at_once_do_not_disturb_each_other(filled, tmp_path):
    made = []

    def one(number):
        made.append(create(filled.config, tmp_path / f"{number}.tar"))
        base.database.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [verify(each.path).lost for each in made] == [[], []]
    assert NodeLease.select().count() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
def test_a_full_disk_leaves_nothing(filled, tmp_path, lumi):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(small)], check=False)
    if mounted.returncode:
        pytest.skip("this machine does not let us mount")
    try:
        outcome = lumi("backup", "create", str(small / "b.tar"))
        assert (outcome.status, outcome.out) == (1, "")
        assert outcome.err.startswith(f"lumi-box: {small}/b.tar: its disk is full")
        assert len(outcome.err.splitlines()) == 1
        assert list(small.iterdir()) == []
        assert "disk is full" in status.read(status.LAST_ERROR)
        outcome = lumi("backup", "create", str(tmp_path / "b.tar"))
        assert outcome.status == 0
        assert outcome.out.startswith(f"wrote {tmp_path}/b.tar: ")
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_bucket_stays_where_it_is(filled, tmp_path):
    from dataclasses import replace

    config = replace(filled.config, storage=replace(filled.config.storage, kind="s3"))
    made = create(config, tmp_path / "backup.tar")
    assert manifest(made.path)["objects"] is None
    assert manifest(made.path)["storage"] == "s3"
    assert not any(name.startswith("objects/") for name in members(made.path))
    assert verify(made.path).lost == []
    assert Path(made.path).stat().st_size < 2_000_000
