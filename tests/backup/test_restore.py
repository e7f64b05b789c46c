"""What comes back is what was there; what was there before can be had back; and an interruption changes nothing."""

import contextlib
import fcntl
import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import mariadb
import pytest
from backup.conftest import all_files, all_rows, drain, members, rewritten
from backup.test_verify import changed_rows
from backup.test_verify import told as vouched

from lumi_box import cli, events, runtime
from lumi_box import config as configuration
from lumi_box.backup import place_of_objects, place_of_rows, settle
from lumi_box.backup.create import create
from lumi_box.backup.restore import restore
from lumi_box.clock import now_ms
from lumi_box.errors import Conflict, LumiError
from lumi_box.gallery import browse
from lumi_box.storage import marker
from lumi_box.storage.disk import DiskStorage
from lumi_box.tables import base, engines, migrate
from lumi_box.tables.account import User
from lumi_box.tables.event import Event
from lumi_box.tables.gallery import GalleryState
from lumi_box.tables.generation import GenerationRequest
from lumi_box.tables.heartbeat import Heartbeat
from lumi_box.tables.job import Job
from lumi_box.tables.setting import Setting
from lumi_box.tables.stored_object import StoredObject
from lumi_box.tables.sweep import NodeLease, StorageSweep, SweepCandidate
from lumi_box.worker.leases import LeaseKeeper
from lumi_box.worker.queue import JobQueue
from lumi_box.worker.tasks import Worker

pytestmark = pytest.mark.slow

CHANGED = {"setting", "node_lease", "heartbeat", "gallery_state", "job"}  # by a restore


@pytest.fixture
def before(filled):
    """What the installation holds when the backup is made."""
    return all_rows(base.database.obj), all_files(filled.storage.root)


@pytest.fixture
def backup(before, backup):
    base.close_all()
    return backup


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.service)])
def target(request, engine, config, tmp_path):
    """The config of an empty installation elsewhere: on the engine of the backup, and on the other one."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    text = config.path.read_text(encoding="utf-8")
    own = config.database.url
    with contextlib.ExitStack() as stack:
        if request.param == "mariadb":
            mariadb.require()
            url = stack.enter_context(mariadb.Scratch(f"lumi_test_{os.getpid()}_restored")).url
        else:
            url = "sqlite:///rows/lumi.db"
        path = folder / "config.toml"
        path.write_text(text.replace(own, url), encoding="utf-8")
        path.chmod(0o600)
        yield configuration.load(path)
        base.close_all()


def opened(config):
    """The restored installation as a start finds it."""
    base.close_all()
    assert runtime.migrate_database(config) == []
    return runtime.build(config)[0]


def test_all_comes_back_on_either_engine(backup, before, target):
    restored = restore(backup, target.path)
    assert (restored.lost, restored.aside, restored.wrote_config) == ([], [], False)
    box = opened(target)
    rows, files = all_rows(base.database.obj), all_files(box.storage.root)
    for table in before[0].keys() - CHANGED:
        assert rows[table] == before[0][table], table
    assert len(rows["job"]) == len(before[0]["job"])
    assert {name: data for name, data in files.items() if name != marker.KEY} == {
        name: data for name, data in before[1].items() if name != marker.KEY
    }
    assert marker.examine(box.storage).ours
    assert not list(box.storage.root.glob(".*ing*"))


def test_the_work_goes_on(backup, target, images, models, queue):
    """Three jobs waited and one message each; the gallery is searched; ids of events do not come back."""
    last_before = json.loads(members(backup)["manifest.json"])["rows"]["event"]
    restore(backup, target.path)
    box = opened(target)
    box.image_provider, box.model_provider = images, models
    again = JobQueue(base.database.obj)
    box.enqueue = again.wake
    again.handler = Worker(box, LeaseKeeper(base.database)).run_job
    drain(again)
    assert {row.status for row in GenerationRequest.select()} == {"COMPLETED", "IMAGE_COMPLETED"}
    assert len(images.submitted) == 4
    assert Event.select().where(Event.id > settle.BEYOND).count() > 4
    assert Event.select().count() > last_before
    assert browse.public_models("latest", 20, 0, "纸鹤 crane")[1] == 1


def test_numbers_that_clients_remember_go_on_above_all_that_were_told(backup, target, before):
    restore(backup, target.path)
    opened(target)
    assert GalleryState.get().generation >= settle.BEYOND
    request = GenerationRequest.select().first()
    with base.transaction():
        events.record(request.id, "task:updated", status="x")
    assert Event.select(Event.id).order_by(Event.id.desc()).first().id > settle.BEYOND


def test_who_ran_then_is_forgotten_and_the_time_between_does_not_count(filled, target, tmp_path):
    now = now_ms()
    Heartbeat.create(id="worker-1", role="worker")
    NodeLease.create(name="storage-sweep", holder="another", until=now + 300_000)
    sweep = StorageSweep.create(started_at=now - 1000, grace_hours=24, dry_run=False, forced=False)
    SweepCandidate.create(sweep=sweep, key="images/x", size=1)
    job = Job.select().where(Job.status == "COMPLETED").first()
    Job.update(status="RUNNING", ticket="vendor-7", deadline_at=now + 5000, run_after=now).where(
        Job.id == job.id
    ).execute()
    made = create(filled.config, tmp_path / "b.tar").path
    base.close_all()
    found = json.loads(members(made)["manifest.json"])
    yesterday = vouched(members(made), createdAt="2026-01-01T00:00:00.000Z")
    made = rewritten(made, yesterday)
    restore(made, target.path)
    opened(target)
    assert found["rows"]["heartbeat"] == 1
    assert Heartbeat.select().count() == 0
    assert [row.name for row in NodeLease.select()] == []
    assert SweepCandidate.select().count() == 0
    assert [row.state for row in StorageSweep.select()] == ["given up"]
    waiting = Job.get_by_id(job.id)
    assert (waiting.status, waiting.ticket) == ("RUNNING", "vendor-7")
    assert waiting.deadline_at > now_ms() + 4000


def test_the_saved_config_is_written_where_there_is_none(backup, before, config, engine, tmp_path, lumi):
    if engine == "mariadb":
        pytest.skip("its config names the database that the backup was made of")
    path = tmp_path / "new" / "place" / "config.toml"
    outcome = lumi("backup", "restore", str(backup), "--config", str(path))
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.splitlines()[0] == f"wrote {path}"
    assert path.read_bytes() == config.path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert (path.parent / "data" / "lumi.db").stat().st_mode & 0o777 == 0o600
    assert all_files(path.parent / "data" / "objects").keys() == before[1].keys()
    opened(configuration.load(path))
    assert GenerationRequest.select().count() == 3


def test_a_saved_config_that_needs_more_is_kept_to_be_mended(backup, config, engine, tmp_path, lumi):
    text = config.path.read_text().replace("cookie_secret = ", 'cookie_secret_file = "secret" #')
    parts = members(backup) | {"config.toml": text.encode()}
    made = rewritten(backup, vouched(parts))
    path = tmp_path / "new" / "config.toml"
    outcome = lumi("backup", "restore", str(made), "--config", str(path))
    assert outcome.status == 2
    assert "security.cookie_secret_file: cannot be read" in outcome.err
    assert outcome.err.splitlines()[-1].endswith("mend it, then run the same command again")
    assert path.exists()
    if engine == "mariadb":
        return
    (path.parent / "secret").write_text("v9Qm2xLr7TzKc4Wb8NdYp1HsJf6GaE3u")
    assert lumi("backup", "restore", str(made), "--config", str(path)).status == 0


def test_what_is_not_empty_is_refused(backup, filled, config, lumi):
    files, rows = all_files(filled.storage.root), all_rows(base.database.obj)
    outcome = lumi("backup", "restore", str(backup))
    assert (outcome.status, outcome.out, len(outcome.err.splitlines())) == (1, "", 1)
    assert "is not empty (" in outcome.err and "3 in generation_request" in outcome.err and "--force" in outcome.err
    assert all_files(filled.storage.root) == files
    assert all_rows(base.database.obj) == rows


def test_a_store_that_is_not_empty_is_refused(backup, target):
    root = target.storage.disk.path
    (root / "images/other").mkdir(parents=True)
    (root / "images/other/0.png").write_bytes(b"not ours")
    with pytest.raises(Conflict, match="the store is not empty"):
        restore(backup, target.path)
    assert all_files(root) == {"images/other/0.png": b"not ours"}
    base.connect(target.database)
    assert place_of_rows._told(base.database.obj) == ""


def test_a_place_that_was_begun_and_never_used_may_be_filled(backup, target):
    runtime.migrate_database(target)
    box = runtime.build(target)[0]
    marker.write(box.storage)
    Heartbeat.create(id="worker-old", role="worker", seen_at=now_ms() - 60_000)
    base.close_all()
    assert restore(backup, target.path).aside == []
    assert marker.examine(opened(target).storage).ours


def test_force_puts_aside_what_was_there_and_it_can_be_had_back(backup, filled, before, config, engine, lumi, tmp_path):
    base.connect(config.database)
    User.create(id="later", email="later@example.org", user_name="", nick_name="", avatar="")
    (filled.storage.root / "images/later.png").write_bytes(b"later")
    later_rows, later_files = all_rows(base.database.obj), all_files(filled.storage.root)
    outcome = lumi("backup", "restore", "--force", str(backup))
    assert (outcome.status, outcome.err) == (0, "")
    box = opened(config)
    assert User.get_or_none(User.id == "later") is None
    assert len(all_rows(base.database.obj)["generation_request"]) == 3
    assert "images/later.png" not in all_files(box.storage.root / "images")
    aside = [line.partition(": ")[2] for line in outcome.out.splitlines() if line.startswith("put aside")]
    assert len(aside) == 2
    folder, rows = map(Path, aside)
    assert all_files(folder) == later_files
    assert not [each.key for page in box.storage.pages() for each in page if "before" in each.key]
    base.close_all()
    if engine == "sqlite":  # the way back of docs/backup.md: two renames
        rows.rename(config.database.sqlite_path)
    else:
        assert rows.stat().st_mode & 0o777 == 0o600
        assert lumi("backup", "restore", "--force", str(rows)).status == 0
    base.connect(config.database)
    found = all_rows(base.database.obj)
    for table in later_rows.keys() - CHANGED:
        assert found[table] == later_rows[table], table


def test_a_server_that_runs_is_not_pulled_from_under(backup, target):
    runtime.migrate_database(target)
    base.close_all()
    with closing(second_connection(target)), pytest.raises(Conflict, match="in use"):
        restore(backup, target.path, force=True)
    assert restore(backup, target.path).lost == []


def second_connection(config):
    """What another process would have open: idle, between two requests."""
    if config.database.sqlite_path is not None:
        live = sqlite3.connect(config.database.sqlite_path)
        live.execute("SELECT count(*) FROM account").fetchone()
        return live
    return mariadb.connection(config.database.name)


def test_a_start_in_the_middle_waits_and_a_second_restore_is_refused(backup, target):
    if target.database.sqlite_path is None:
        return
    target.database.sqlite_path.parent.mkdir()
    with Path(f"{target.database.sqlite_path}.migrate-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="migrating or restoring"):
            restore(backup, target.path)


def test_a_damaged_backup_changes_nothing(backup, filled, config, lumi):
    base.connect(config.database)
    rows, files = all_rows(base.database.obj), all_files(filled.storage.root)
    data = bytearray(backup.read_bytes())
    data[-3000] ^= 4
    backup.write_bytes(data)
    for force in ([], ["--force"]):
        assert lumi("backup", "restore", *force, str(backup)).status == 1
    assert all_files(filled.storage.root) == files
    base.connect(config.database)
    assert all_rows(base.database.obj) == rows
    new = config.folder / "new" / "config.toml"
    outcome = lumi("backup", "restore", str(backup), "--config", str(new))
    assert outcome.status == 1
    assert not new.exists()


def test_a_hostile_key_reaches_no_file(backup, target):
    parts = members(backup)
    old = next(name for name in parts if name.startswith("objects/")).removeprefix("objects/")
    parts = changed_rows(parts, f"UPDATE stored_object SET key = '../../hostile' WHERE key = '{old}'")
    inside = {name: parts[name] for name in ("manifest.json", "config.toml", "database.sqlite3")}
    inside["objects/../../hostile"] = parts[f"objects/{old}"]
    with pytest.raises(LumiError, match="cannot be the key"):
        restore(rewritten(backup, inside), target.path)
    assert not list(target.folder.parent.rglob("hostile"))
    assert all_files(target.storage.disk.path) == {}


def test_a_newer_schema_is_refused(backup, target, lumi):
    newer = rewritten(backup, vouched(members(backup), version="9.1.0", migrations=[*migrate.known(), "9999_x"]))
    outcome = lumi("backup", "restore", str(newer), "--config", str(target.path))
    assert outcome.status == 1
    assert "lumi-box 9.1.0" in outcome.err and "9999_x" in outcome.err
    assert not target.storage.disk.path.exists()


def test_an_older_schema_is_brought_up(target, config, tmp_path, engine):
    """Made by the first release, restored by this one."""
    if engine == "mariadb":
        pytest.skip("one source is enough: it is a SQLite file in either backup")
    old = tmp_path / "old"
    old.mkdir()
    path = old / "config.toml"
    shutil.copyfile(config.path, path)
    path.chmod(0o600)
    loaded = configuration.load(path)
    loaded.database.sqlite_path.parent.mkdir()
    with closing(engines.sqlite(loaded.database.sqlite_path)) as handle:
        migrate.build(handle, migrate.known()[:1])
        sql = "INSERT INTO account VALUES ('u', 'a@example.org', NULL, NULL, 'a', 'b', '', 0, 'en', NULL, 7)"
        handle.execute_sql(sql)
    base.bind(loaded.database)
    made = create(loaded, tmp_path / "old.tar", with_objects=False).path
    base.close_all()
    assert json.loads(members(made)["manifest.json"])["migrations"] == migrate.known()[:1]
    restore(made, target.path)
    opened(target)
    assert [(row.email, row.created_at) for row in User.select()] == [("a@example.org", 7)]
    assert migrate.pending(base.database.obj) == []


class Killed(BaseException):
    """As SIGKILL would: nothing is cleaned up after it."""


def interrupted_at(monkeypatch, number):
    """Kills the restore at its n-th change of a name, and keeps it from tidying up; answers how many there were."""
    done, whole = [], {name: getattr(Path, name) for name in ("rename", "replace")}

    def counting(name):
        def change(self, target):
            done.append(self)
            if len(done) == number:
                raise Killed
            return whole[name](self, target)

        return change

    for name in whole:
        monkeypatch.setattr(Path, name, counting(name))
    monkeypatch.setattr(place_of_objects.FolderOfObjects, "abandon", lambda _: None)
    return done


@pytest.mark.parametrize("number", range(1, 9))
def test_an_interruption_at_any_rename_is_mended_by_the_next_restore(
    backup, filled, config, before, monkeypatch, number
):
    """With `--force`, on what is there: nobody's files are lost, and the second run ends as the first would have."""
    base.connect(config.database)
    (filled.storage.root / "images/later.png").write_bytes(b"later")
    (filled.storage.root / "extra").mkdir()
    (filled.storage.root / "extra/file").write_bytes(b"mine")
    there = all_files(filled.storage.root)
    base.close_all()
    with monkeypatch.context() as patched, contextlib.suppress(Killed):
        interrupted_at(patched, number)
        restore(backup, config.path, force=True)
    base.close_all()  # as the system does for what was killed
    restored = restore(backup, config.path, force=True)
    box = opened(config)
    assert marker.examine(box.storage).ours
    for row in StoredObject.select().where(StoredObject.state == "stored"):
        assert box.storage.measure(row.key) == (row.size, row.sha256)
    everywhere = all_files(box.storage.root)
    mine = [data for name, data in everywhere.items() if name.endswith(("images/later.png", "extra/file"))]
    assert sorted(mine) == [b"later", b"mine"]
    aside = next(Path(each) for each in restored.aside if "/.before-" in each)
    assert all_files(aside).keys() <= there.keys()
    assert not list(box.storage.root.glob(".restoring-*"))


@pytest.mark.parametrize("number", range(1, 5))
def test_an_interruption_on_empty_ground_needs_no_force(backup, target, monkeypatch, number):
    with monkeypatch.context() as patched, contextlib.suppress(Killed):
        interrupted_at(patched, number)
        restore(backup, target.path)
    base.close_all()
    with contextlib.suppress(Conflict):  # the one that was interrupted last of all had done it all
        restore(backup, target.path)
    box = opened(target)
    assert GenerationRequest.select().count() == 3
    assert marker.examine(box.storage).ours
    assert all(box.storage.measure(row.key) == (row.size, row.sha256) for row in StoredObject.select())


def test_a_server_that_fails_in_the_middle_keeps_its_rows(backup, filled, config, engine, monkeypatch):
    if engine == "sqlite":
        pytest.skip("it is one rename there")
    base.connect(config.database)
    rows, files = all_rows(base.database.obj), all_files(filled.storage.root)
    base.close_all()
    pages = place_of_rows.rows._pages

    def cut(source):
        for number, page in enumerate(pages(source)):
            if number == 0 and len(page) == 13:  # the jobs
                raise place_of_rows.MySQLError("gone away")
            yield page

    monkeypatch.setattr(place_of_rows.rows, "_pages", cut)
    with pytest.raises(LumiError, match="are as they were: gone away"):
        restore(backup, config.path, force=True)
    base.connect(config.database)
    found = all_rows(base.database.obj)
    for noise in ("setting", "node_lease"):
        found.pop(noise), rows.pop(noise)
    assert found == rows
    assert all_files(filled.storage.root) == files


def test_setting_rows_of_the_server_survive(backup, target):
    restore(backup, target.path)
    opened(target)
    assert Setting.get_by_id(marker.MARKED).value == "yes"
    assert Setting.get_by_id(settle.RESTORED).value


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk")
@pytest.mark.parametrize("fits", ["half of the rows", "half of the objects"])
def test_a_full_disk_leaves_nothing(backup, config, engine, tmp_path, lumi, monkeypatch, fits):
    if engine == "mariadb":
        pytest.skip("the place is the same")
    small = tmp_path / "small"
    small.mkdir()
    told = json.loads(members(backup)["manifest.json"])
    rows, objects = told["files"]["database.sqlite3"]["size"], told["objects"]["bytes"]
    size = rows // 2 if fits == "half of the rows" else rows + objects // 2
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(small)], check=False).returncode:
        pytest.skip("this machine does not let us mount")
    try:
        monkeypatch.setattr(place_of_rows.work, "check_room", lambda *_: None)  # as if others had taken it meanwhile
        outcome = lumi("backup", "restore", str(backup), "--config", str(small / "config.toml"))
        assert (outcome.status, outcome.out) == (1, "")
        assert "no room where it should go" in outcome.err and len(outcome.err.splitlines()) == 1
        left = [path for path in small.rglob("*") if path.is_file() and not path.name.endswith(".migrate-lock")]
        assert left == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.fixture
def bucket(target, tmp_path, monkeypatch):
    """The target with a store of the other kind: objects go there one by one, and cannot be renamed."""
    storage = DiskStorage(tmp_path / "bucket")
    monkeypatch.setattr(place_of_objects, "place_of", lambda *_: place_of_objects.BucketOfObjects(storage))
    return storage


def test_objects_of_a_disk_go_into_a_bucket(backup, target, bucket, before):
    restore(backup, target.path)
    files = all_files(bucket.root)
    files.pop(marker.KEY), before[1].pop(marker.KEY)
    assert files == before[1]
    base.connect(target.database)
    assert marker.examine(bucket).ours


def test_a_bucket_that_holds_something_else_is_refused_and_one_half_filled_is_not(backup, target, bucket, monkeypatch):
    keep, kept = place_of_objects.BucketOfObjects.keep, []

    def until_killed(place, key, member):
        kept.append(key)
        if len(kept) == 5:
            raise Killed
        return keep(place, key, member)

    with monkeypatch.context() as patched:
        patched.setattr(place_of_objects.BucketOfObjects, "keep", until_killed)
        with pytest.raises(Killed):
            restore(backup, target.path)
    base.close_all()
    assert len(all_files(bucket.root)) == 4
    (bucket.root / "other").mkdir()
    (bucket.root / "other/file").write_bytes(b"another's")
    with pytest.raises(Conflict, match="other/file and perhaps more"):
        restore(backup, target.path)
    (bucket.root / "other/file").unlink()
    assert restore(backup, target.path).lost == []


def test_a_backup_without_objects_says_when_the_store_does_not_fit(backup, filled, target, lumi):
    base.connect(filled.config.database)
    rows_only = create(filled.config, filled.config.folder / "rows.tar", with_objects=False).path
    outcome = lumi("backup", "restore", str(rows_only), "--config", str(target.path))
    assert outcome.status == 0
    assert outcome.err.startswith("lumi-box: warning: the backup holds no objects, and the store does not fit its rows")
    shutil.copytree(filled.storage.root, target.storage.disk.path)
    outcome = lumi("backup", "restore", "--force", str(rows_only), "--config", str(target.path))
    assert (outcome.status, outcome.err) == (0, "")


def test_the_way_back_from_a_newer_version(backup, filled, config, engine, lumi):
    """docs/upgrading.md: the old program restores what was there before the upgrade."""
    base.connect(config.database)
    base.database.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_future', '2030-01-01')")
    outcome = lumi("backup", "restore", "--force", str(backup))
    if engine == "mariadb":
        assert (outcome.status, "name an empty database in database.url" in outcome.err) == (1, True)
        return
    assert outcome.status == 0
    opened(config)
    assert GenerationRequest.select().count() == 3


def test_a_database_that_is_none_is_put_aside(backup, config, engine, lumi):
    if engine == "mariadb":
        pytest.skip("a server has no such file")
    config.database.sqlite_path.write_bytes(b"burnt " * 1000)
    assert lumi("backup", "restore", str(backup)).status == 1
    outcome = lumi("backup", "restore", "--force", str(backup))
    assert outcome.status == 0
    (aside,) = config.database.sqlite_path.parent.glob("lumi.db.before-*")
    assert aside.read_bytes() == b"burnt " * 1000
    opened(config)
    assert GenerationRequest.select().count() == 3


def test_no_room_is_told_and_changes_nothing(backup, target, monkeypatch, capsys):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(place_of_rows.work.shutil, "disk_usage", lambda _: usage)
    assert cli.run(["backup", "restore", str(backup), "--config", str(target.path)]) == 1
    err = capsys.readouterr().err
    assert "MB are needed" in err and len(err.splitlines()) == 1
    assert all_files(target.storage.disk.path) == {}
