"""Every check fails when what it speaks of is really broken, says so by name, and says what to do."""

from __future__ import annotations

import collections
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from lumi_box import doctor
from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.config import Config
from lumi_box.doctor import Finding
from lumi_box.errors import Refused
from lumi_box.providers import registry
from lumi_box.tables import base
from lumi_box.tables.heartbeat import Heartbeat
from lumi_box.worker import schedule

WITHOUT_DATABASE = {"config", "storage", "disk", "prompt-provider", "user-service"}
Examine = Callable[[], dict[str, Finding]]


@pytest.fixture
def examine(box: Box) -> Iterator[Examine]:
    """All checks at once, as `doctor` and `/health/detailed` run them, with a worker that was seen just now."""
    schedule._beat("worker-1")

    def run() -> dict[str, Finding]:
        return {finding.id: finding for finding in doctor.examine(box)}

    yield run
    for thread in threading.enumerate():  # one that was given up must not outlive the database of its test
        if thread.name.startswith("check-"):
            thread.join(20)


def broken(findings: dict[str, Finding]) -> set[str]:
    """The checks that failed; each says what is wrong and what to do."""
    failed = {name: finding for name, finding in findings.items() if not finding.healthy}
    for finding in failed.values():
        assert finding.text and finding.hint, finding
        assert finding.as_service(with_message=True)["status"] == "unhealthy"
        assert finding.hint in finding.as_service(with_message=True)["message"]
        assert "message" not in finding.as_service(with_message=False)
    return set(failed)


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


def test_config_that_other_users_can_read(examine, config):
    config.path.chmod(0o644)
    findings = examine()
    assert broken(findings) == {"config"}
    assert f"chmod 600 {config.path}" in findings["config"].hint


def test_database_that_is_not_one(examine, config):
    base.database.close()
    for suffix in ("-wal", "-shm"):
        config.database.sqlite_path.with_name(f"lumi.db{suffix}").unlink(missing_ok=True)
    config.database.sqlite_path.write_bytes(b"no database at all" * 500)
    findings = examine()
    assert broken(findings) == set(findings) - WITHOUT_DATABASE
    assert "not a database" in findings["database"].text
    assert "database.url" in findings["database"].hint


def test_database_that_cannot_be_opened(examine, config):
    base.database.close()
    config.database.sqlite_path.unlink()
    config.database.sqlite_path.mkdir()
    findings = examine()
    assert broken(findings) == set(findings) - WITHOUT_DATABASE
    assert "unable to open" in findings["database"].text


def test_database_that_another_program_keeps_locked(examine, config, monkeypatch):
    monkeypatch.setattr(doctor, "TIMEOUT_SECONDS", 0.5)
    with closing(sqlite3.connect(config.database.sqlite_path)) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        findings = examine()
        took = time.monotonic() - begun
        other.rollback()
    assert broken(findings) == {"database", "queue"}
    assert "did not answer within" in findings["database"].text
    assert took < 2


def test_a_check_that_hangs_is_given_up_and_holds_no_other_up(examine, monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(doctor, "TIMEOUT_SECONDS", 0.3)
    monkeypatch.setitem(doctor.CHECKS, "clock", lambda _: str(released.wait(10)))
    begun = time.monotonic()
    findings = examine()
    took = time.monotonic() - begun
    released.set()
    assert broken(findings) == {"clock"}
    assert findings["clock"].latency_ms == 300
    assert took < 2


def test_migrations_that_are_pending(examine, config):
    execute(config, "DELETE FROM schema_migration")
    findings = examine()
    assert broken(findings) == {"migrations"}
    assert "0001_initial" in findings["migrations"].text
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


@pytest.mark.parametrize(("name", "role"), [("consumer", "worker"), ("scheduler", "scheduler")])
def test_a_role_that_never_ran(examine, name, role):
    Heartbeat.delete().where(Heartbeat.role == role).execute()
    findings = examine()
    assert broken(findings) == {name}
    assert findings[name].text == f"No {role} has ever run."
    assert "lumi-box serve" in findings[name].hint


@pytest.mark.parametrize(("name", "role"), [("consumer", "worker"), ("scheduler", "scheduler")])
def test_a_role_that_has_stopped(examine, name, role):
    Heartbeat.update(seen_at=now_ms() - 60_000).where(Heartbeat.role == role).execute()
    findings = examine()
    assert broken(findings) == {name}
    assert "60 seconds ago" in findings[name].text


def test_one_node_that_lives_is_enough(examine):
    Heartbeat.update(seen_at=now_ms() - 60_000).execute()
    schedule._beat("worker-2")
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


def test_disk_that_is_almost_full(examine, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage(1 << 40, 1 << 40, 300 << 20))
    findings = examine()
    assert broken(findings) == {"disk"}
    assert "300 MiB" in findings["disk"].text


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
    monkeypatch.setattr(doctor, "now_ms", lambda: long_ago)
    assert "clock" in broken(examine())


def test_clock_of_a_node_that_runs_ahead(examine):
    Heartbeat.update(seen_at=now_ms() + 120_000).execute()
    findings = examine()
    assert broken(findings) == {"clock"}
    assert "ahead" in findings["clock"].text
