"""Each check tells evidence when all is well; broken in small ways, it is named, and nothing else is."""

from __future__ import annotations

import re
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest
from doctor.conftest import beat, broken

from lumi_box import doctor
from lumi_box.clock import now_ms
from lumi_box.config import Config
from lumi_box.doctor import clocks, running, work
from lumi_box.errors import Refused
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.jobs import lifecycle
from lumi_box.providers import registry
from lumi_box.storage import marker
from lumi_box.tables import base
from lumi_box.tables.heartbeat import Heartbeat
from lumi_box.tables.job import Job

NEED_THE_DATABASE = {"database", "migrations", "queue", "consumer", "scheduler"}


def execute(config: Config, *statements: str) -> None:
    """Change the database behind the program's back."""
    with closing(sqlite3.connect(str(config.database.sqlite_path))) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_all_is_well_where_a_worker_runs(examine):
    findings = examine()
    assert broken(findings) == set()
    assert list(findings) == list(doctor.CHECKS)
    assert all(0 <= finding.latency_ms < 5000 for finding in findings.values())


def test_the_checks_leave_nothing_behind(examine, config, box):
    before = Heartbeat.select().count()
    examine()
    assert Heartbeat.select().count() == before
    assert list(box.storage.pages()) == []
    with closing(sqlite3.connect(config.database.sqlite_path)) as connection:
        assert connection.execute("SELECT count(*) FROM queue_task").fetchone() == (0,)


def test_only_the_checks_that_are_asked_for_are_run(box):
    assert [finding.id for finding in doctor.examine(box, doctor.CRITICAL)] == list(doctor.CRITICAL)


def test_evidence_stands_beside_every_check(examine, config):
    found = {name: finding.text for name, finding in examine().items()}
    assert f"{config.path} is valid, mode development, file mode 0600." in found["config"]
    assert sqlite3.sqlite_version in found["database"] and str(config.database.sqlite_path) in found["database"]
    assert "migrations, the last is 0" in found["migrations"]
    assert "0 messages wait now, 0 for later." in found["queue"]
    assert "1 alive (here, process 1), heard of 0." in found["consumer"]
    assert str(config.storage.disk.path) in found["storage"] and "ms." in found["storage"]
    assert f"GiB free at {config.storage.disk.path.parent}" in found["disk"]
    assert found["image-provider"] == found["model3d-provider"] == "It does as it is told."


def test_config_that_is_no_longer_valid(examine, config):
    config.path.write_text(config.path.read_text(encoding="utf-8") + "\n[serverr]\nport = 0\n", encoding="utf-8")
    findings = examine()
    assert broken(findings) == {"config"}
    assert "serverr: unknown section; did you mean server?" in findings["config"].text
    assert f"lumi-box config check --config {config.path}" in findings["config"].hint


def test_config_that_anybody_can_change(examine, config):
    config.path.chmod(0o606)
    findings = examine()
    assert broken(findings) == {"config"}
    assert f"chmod 600 {config.path}" in findings["config"].hint


def test_config_that_has_changed_since_the_start_says_so(examine, config, box):
    box.started_at = config.path.stat().st_mtime_ns // 1_000_000 - 1
    findings = examine()
    assert broken(findings) == set()
    assert "restart to apply" in findings["config"].text


def test_database_that_is_not_one(examine, config):
    base.database.close()
    for suffix in ("-wal", "-shm"):
        config.database.sqlite_path.with_name(f"lumi.db{suffix}").unlink(missing_ok=True)
    config.database.sqlite_path.write_bytes(b"no database at all" * 500)
    findings = examine()
    assert broken(findings) == NEED_THE_DATABASE
    assert "not a database" in findings["database"].text
    assert "lumi-box backup restore" in findings["database"].hint
    assert "database check" in findings["consumer"].hint


def test_database_that_cannot_be_opened(examine, config):
    base.database.close()
    config.database.sqlite_path.unlink()
    config.database.sqlite_path.mkdir()
    findings = examine()
    assert broken(findings) == NEED_THE_DATABASE
    assert "unable to open" in findings["database"].text
    assert "database.url" in findings["database"].hint


def test_database_that_another_program_keeps_locked(examine, config, monkeypatch):
    monkeypatch.setattr("lumi_box.doctor.rows.LOCK_MS", 200)
    with closing(sqlite3.connect(config.database.sqlite_path)) as other:
        other.execute("BEGIN IMMEDIATE")
        findings = examine()
        other.rollback()
    assert broken(findings) == {"database", "queue"}
    assert "database is locked" in findings["database"].text
    assert f"fuser {config.database.sqlite_path}" in findings["database"].hint


def test_a_check_that_hangs_is_given_up_and_holds_no_other_up(examine, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(running, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setitem(doctor.CHECKS, "clock", lambda _: str(released.wait(10)))
    begun = time.monotonic()
    findings = examine()
    took = time.monotonic() - begun
    released.set()
    assert broken(findings) == {"clock"}
    assert findings["clock"].latency_ms >= 300
    assert took < 4


def test_a_check_that_still_hangs_is_not_begun_again(box, monkeypatch):
    released, begun = threading.Event(), []
    monkeypatch.setattr(running, "TIMEOUT_SECONDS", 0.2)
    monkeypatch.setitem(doctor.CHECKS, "clock", lambda _: begun.append(1) or str(released.wait(10)))
    examiner = doctor.Examiner(box)
    assert [examiner.examine(["clock"])[0].healthy for _ in range(3)] == [False, False, False]
    assert len(begun) == 1
    released.set()
    threads = [thread for thread in threading.enumerate() if thread.name == "check-clock"]
    for thread in threads:
        thread.join(10)
    assert examiner.examine(["clock"])[0].healthy
    assert len(begun) == 2


def test_migrations_that_are_pending(examine, config):
    execute(config, "DELETE FROM schema_migration")
    findings = examine()
    assert broken(findings) == {"migrations"}
    assert "0001_initial" in findings["migrations"].text and "0004_health" in findings["migrations"].text
    assert "lumi-box migrate" in findings["migrations"].hint


def test_migrations_of_a_newer_version(examine, config):
    execute(
        config,
        "INSERT INTO schema_migration (name, applied) SELECT '9999_of_tomorrow', applied FROM schema_migration LIMIT 1",
    )
    findings = examine()
    assert broken(findings) == {"migrations"}
    assert "9999_of_tomorrow" in findings["migrations"].text
    assert "newer" in findings["migrations"].hint


def test_queue_whose_table_is_missing(examine, config):
    execute(config, "DROP TABLE queue_task")
    findings = examine()
    assert broken(findings) == {"queue"}
    assert "queue_task" in findings["queue"].text
    assert "lumi-box migrate" in findings["queue"].hint


def test_queue_in_which_nobody_takes_a_message(examine, box, monkeypatch):
    """The consumer claims to be alive, and what is due lies there all the same."""
    monkeypatch.setattr(work, "PATIENCE_SECONDS", 0.4)
    box.enqueue("some-job", 0)
    findings = examine()
    assert broken(findings) == {"queue"}
    assert "claims to be alive" in findings["queue"].text and "a message" in findings["queue"].text
    assert "1 messages wait now" in findings["queue"].text
    assert "systemctl restart lumi-box" in findings["queue"].hint


def test_queue_whose_schedule_nobody_looks_at(examine, box, queue, monkeypatch):
    monkeypatch.setattr(work, "PATIENCE_SECONDS", 0.4)
    box.enqueue("some-job", 600)
    assert "1 for later, the first in " in examine()["queue"].text
    late = now_ms() - work.LATE_MS - 1000
    queue.storage.Schedule.update(timestamp=datetime.fromtimestamp(late / 1000, UTC)).execute()
    findings = examine()
    assert broken(findings) == {"queue"}
    assert "a planned message" in findings["queue"].text


def test_queue_is_read_rightly_wherever_this_machine_is(examine, box, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        box.enqueue("some-job", 600)
        findings = examine()
    finally:
        monkeypatch.undo()
        time.tzset()
    assert broken(findings) == set()
    assert re.search(r"1 for later, the first in (59\d|600) s\.", findings["queue"].text)


def test_queue_with_room_for_a_job_that_has_long_been_due(examine, box, alice, monkeypatch):
    monkeypatch.setattr(work, "PATIENCE_SECONDS", 0.4)
    accept_prompt(box, alice.id, "a crane")
    execute(box.config, "DELETE FROM queue_task")
    assert broken(examine()) == set()
    Job.update(run_after=now_ms() - work.LATE_MS - 1000).execute()
    findings = examine()
    assert broken(findings) == {"queue"}
    assert "a picture" in findings["queue"].text
    Job.update(status=lifecycle.RUNNING).where(Job.id.in_([row.id for row in Job.select().limit(2)])).execute()
    assert broken(examine()) == set()  # no room: it has to wait


def test_queue_that_is_worked_on_is_healthy_however_long_it_is(examine, box, queue, monkeypatch):
    monkeypatch.setattr(work, "LOOK_SECONDS", 0.01)
    for number in range(50):
        box.enqueue(f"job-{number}", 0)
    look = work._due

    def and_one_is_taken(box):
        found = look(box)
        queue.huey.dequeue()
        return found

    monkeypatch.setattr(work, "_due", and_one_is_taken)
    assert broken(examine()) == set()


def test_queue_may_wait_while_every_thread_works(examine, box, alice):
    accept_prompt(box, alice.id, "a crane")
    assert lifecycle.claim(box, Job.get().id) and lifecycle.claim(box, Job.get().id)
    Heartbeat.update(detail='{"threads": 2}').execute()
    findings = examine()
    assert broken(findings) == set()
    assert "4 messages wait now" in findings["queue"].text


def test_queue_without_any_worker_names_what_waits(examine, box):
    Heartbeat.delete().where(Heartbeat.role == "worker").execute()
    assert broken(examine()) == {"consumer"}
    box.enqueue("some-job", 0)
    findings = examine()
    assert broken(findings) == {"consumer", "queue"}
    assert "nobody takes it" in findings["queue"].text
    assert "lumi-box serve" in findings["queue"].hint


@pytest.mark.parametrize(("name", "role"), [("consumer", "worker"), ("scheduler", "scheduler")])
def test_a_role_that_does_not_run(examine, name, role):
    Heartbeat.delete().where(Heartbeat.role == role).execute()
    findings = examine()
    assert broken(findings) == {name}
    assert findings[name].text == f"No {role} runs."
    assert "lumi-box serve" in findings[name].hint


@pytest.mark.parametrize(("name", "role"), [("consumer", "worker"), ("scheduler", "scheduler")])
def test_a_role_that_was_not_heard_of_for_long(examine, name, role):
    Heartbeat.update(seen_at=now_ms() - 60_000).where(Heartbeat.role == role).execute()
    findings = examine()
    assert broken(findings) == {name}
    assert "60 seconds ago" in findings[name].text


def test_one_node_that_lives_is_enough(examine):
    Heartbeat.update(seen_at=now_ms() - 60_000).execute()
    beat()
    assert broken(examine()) == set()


def test_storage_whose_folder_is_a_file(examine, config):
    shutil.rmtree(config.storage.disk.path, ignore_errors=True)
    config.storage.disk.path.write_bytes(b"")
    findings = examine()
    assert broken(findings) == {"storage"}
    assert str(config.storage.disk.path) in findings["storage"].text
    assert "storage.disk.path" in findings["storage"].hint


def test_storage_that_gives_back_other_bytes(examine, box, monkeypatch, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"other")
    monkeypatch.setattr(box.storage, "open", lambda _: other.open("rb"))
    findings = examine()
    assert broken(findings) == {"storage"}
    assert "other bytes" in findings["storage"].text


def test_storage_is_told_also_where_the_database_cannot_tell_whose_it_is(examine, config):
    execute(config, "DROP TABLE setting")
    marker_missing = examine()["storage"]
    assert marker_missing.healthy
    assert "the database could not tell" in marker_missing.text


def test_storage_without_its_marker(examine, box):
    marker.write(box.storage)
    assert broken(examine()) == set()
    box.storage.delete_many([marker.KEY])
    findings = examine()
    assert broken(findings) == {"storage"}
    assert "has lost its marker" in findings["storage"].text
    assert "lumi-box storage mark" in findings["storage"].hint


@pytest.mark.parametrize(
    ("name", "attribute", "known"),
    [("image-provider", "image_provider", registry.IMAGES), ("model3d-provider", "model_provider", registry.MODELS3D)],
)
def test_a_provider_that_cannot_be_loaded(examine, box, monkeypatch, name, attribute, known):
    delattr(box, attribute)  # the scripted one: the one of the config is loaded in its place
    monkeypatch.setitem(known, "builtin", "lumi_box.providers.gone")
    findings = examine()
    assert broken(findings) == {name}
    assert "lumi_box.providers.gone" in findings[name].text


def test_a_provider_that_refuses_the_key(examine, images, monkeypatch):
    def refused() -> str:
        raise Refused("The key was not accepted.", vendor_text="InvalidApiKey")

    monkeypatch.setattr(images, "check", refused)
    findings = examine()
    assert broken(findings) == {"image-provider"}
    assert findings["image-provider"].text == "The key was not accepted. InvalidApiKey"


@pytest.mark.parametrize("year", [1970, 2025])
def test_clock_that_is_years_off(examine, monkeypatch, year):
    long_ago = (year - 1970) * 365 * 24 * 3_600_000
    monkeypatch.setattr(clocks, "now_ms", lambda: long_ago)
    assert "clock" in broken(examine())


def test_clock_of_a_node_that_runs_ahead(examine):
    Heartbeat.update(seen_at=now_ms() + 120_000).execute()
    findings = examine()
    assert broken(findings) == {"clock"}
    assert "120 seconds behind a worker's" in findings["clock"].text
    assert "timedatectl set-ntp true" in findings["clock"].hint
