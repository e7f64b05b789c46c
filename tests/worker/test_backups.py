"""The scheduled backup: at its time, once over all nodes, again after a failure, and no more than are to be kept."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lumi_box.backup import status
from lumi_box.backup.verify import verify
from lumi_box.clock import now_ms
from lumi_box.jobs import alerts
from lumi_box.storage import marker, node_lease
from lumi_box.tables.setting import Setting
from lumi_box.worker import backups

DAY_MS = 24 * 3_600_000


@pytest.fixture
def scheduled(box, tmp_path):
    """A box with a folder for backups, at 02:30 each night, three of them kept."""
    marker.write(box.storage)
    config = replace(box.config.backup, directory=tmp_path / "backups", keep=3)
    box.config = replace(box.config, backup=config)
    return box


@pytest.fixture
def clock(monkeypatch):
    """`clock.at(day, hour, minute)` sets the time of the schedule, in November 2026."""

    class Clock:
        def at(self, day, hour, minute, second=0):
            self.now = round(datetime(2026, 11, day, hour, minute, second, tzinfo=UTC).timestamp() * 1000)

        def __call__(self):
            return self.now

    made = Clock()
    made.at(20, 12, 0)
    monkeypatch.setattr(backups, "now_ms", made)
    return made


def found(box):
    directory = box.config.backup.directory
    return sorted(path.name for path in directory.iterdir()) if directory.exists() else []


def test_without_a_folder_nothing_is_made(box, tmp_path):
    backups.back_up(box)
    assert not list(tmp_path.glob("**/*.tar"))
    assert status.read(backups.TRIED) is None


def test_the_first_is_made_at_once_and_is_sound(scheduled, caplog):
    with caplog.at_level("INFO"):
        backups.back_up(scheduled)
    (name,) = found(scheduled)
    assert name.startswith(f"lumi-box-{marker.installation()[-6:]}-2")
    assert verify(scheduled.config.backup.directory / name).lost == []
    assert scheduled.config.backup.directory.stat().st_mode & 0o777 == 0o700
    assert int(status.read(status.LAST_SUCCESS)) == pytest.approx(now_ms(), abs=60_000)
    assert f"backup made path={scheduled.config.backup.directory / name} rows=" in caplog.text


def made_at(scheduled, clock, day, hour, minute, second=0):
    before = len(found(scheduled)), Setting.get_or_none(Setting.name == backups.DONE)
    clock.at(day, hour, minute, second)
    backups.back_up(scheduled)
    after = Setting.get_or_none(Setting.name == backups.DONE)
    return (before[1].value if before[1] else None) != (after.value if after else None)


def test_each_further_one_waits_for_its_time(scheduled, clock):
    moments = [(20, 12, 0), (20, 12, 1), (21, 2, 29), (21, 2, 30), (21, 2, 31), (21, 23, 59), (22, 2, 29), (22, 2, 30)]
    assert [made_at(scheduled, clock, *moment) for moment in moments] == [
        True, False, False, True, False, False, False, True,
    ]  # fmt: skip


def test_one_that_was_missed_is_made_up_for_once(scheduled, clock):
    assert made_at(scheduled, clock, 20, 12, 0)
    assert made_at(scheduled, clock, 24, 9, 17)
    assert not made_at(scheduled, clock, 24, 9, 18)


def test_a_second_node_does_not_make_it_again(scheduled, clock):
    """Its clock is some seconds behind, so that its turn comes after the first has done."""
    assert made_at(scheduled, clock, 20, 12, 0)
    assert made_at(scheduled, clock, 21, 2, 30, 4)
    assert not made_at(scheduled, clock, 21, 2, 30, 1)
    assert not made_at(scheduled, clock, 21, 2, 30, 9)


def test_while_another_node_is_at_it_nothing_is_made(scheduled):
    with node_lease.held(backups.LEASE):
        backups.back_up(scheduled)
    assert found(scheduled) == []
    backups.back_up(scheduled)
    assert len(found(scheduled)) == 1


def test_one_that_died_is_made_up_for_an_hour_later(scheduled, clock, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(backups, "create", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            backups.back_up(scheduled)
    assert not made_at(scheduled, clock, 20, 12, 59)
    assert made_at(scheduled, clock, 20, 13, 1)


def test_a_failure_is_logged_recorded_and_shown_until_one_goes_well(scheduled, clock, caplog):
    scheduled.config.backup.directory.write_text("in the way")
    backups.back_up(scheduled)
    assert "backup failed reason=" in caplog.text
    assert [(row.provider, row.code) for row in alerts.standing()] == [("backup", "failed")]
    scheduled.config.backup.directory.unlink()
    assert not made_at(scheduled, clock, 20, 12, 30)
    assert made_at(scheduled, clock, 20, 13, 30)
    assert alerts.standing() == []
    assert status.read(status.LAST_ERROR) is None


def test_only_so_many_are_kept_and_nothing_else_is_touched(scheduled, clock):
    directory = scheduled.config.backup.directory
    directory.mkdir()
    own = f"lumi-box-{marker.installation()[-6:]}"
    others = ["lumi-box-abcdef-20200101T000000Z.tar", "by-hand.tar", f"{own}-20200101T000000Z.tar.gz", f"{own}.tar"]
    old = [f"{own}-2020010{day}T023000Z.tar" for day in range(1, 6)]
    for name in (*others, *old):
        (directory / name).write_text("a backup")
    backups.back_up(scheduled)
    left = [name for name in found(scheduled) if name not in others]
    assert left[:2] == old[-2:]
    assert len(left) == 3
    assert set(others) <= set(found(scheduled))


def test_a_failure_removes_no_old_one(scheduled, monkeypatch):
    directory = scheduled.config.backup.directory
    directory.mkdir()
    old = [f"lumi-box-{marker.installation()[-6:]}-2020010{day}T023000Z.tar" for day in range(1, 8)]
    for name in old:
        (directory / name).write_text("a backup")
    monkeypatch.setattr(backups, "create", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    backups.back_up(scheduled)
    assert found(scheduled) == old


def test_its_lease_is_prolonged_while_it_copies(scheduled, monkeypatch):
    monkeypatch.setattr(backups, "RENEW_SECONDS", 0.0)
    with node_lease.held("copying") as lease:
        renewing = backups._Renewing(lease)
        renewing(1, 2)
        node_lease.NodeLease.update(holder="another").execute()
        with pytest.raises(node_lease.Taken):
            renewing(2, 2)
