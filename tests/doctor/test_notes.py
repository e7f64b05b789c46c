"""What the doctor notes although nothing is broken; each note with what to do about it."""

from __future__ import annotations

import pytest
from doctor.cloudy import configure, nowhere

from lumi_box import doctor
from lumi_box.accounts import local
from lumi_box.errors import AnswerLost, Refused
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.jobs import alerts
from lumi_box.tables import base
from lumi_box.tables.setting import Setting


@pytest.fixture
def notes(box):
    return lambda: {note.id: note for note in doctor.notes(box)}


def test_a_new_installation_lacks_a_backup_and_an_administrator(notes):
    assert set(notes()) == {"backup", "administrator"}
    local.create("admin@example.org", None, admin=True)
    assert set(notes()) == {"backup"}


def test_a_backup_that_failed_is_told_beside_the_last_good_one(notes):
    Setting.create(name="backup.last_error", value="2026-11-21T02:30:00.000Z the disk is full")
    assert "the disk is full" in notes()["backup-failed"].text
    assert "backup create" in notes()["backup-failed"].hint


def test_dead_letters_and_doubtful_orders_are_counted(notes, box, alice, images, drain):
    images.fail_next(Refused("The filter stopped it."), AnswerLost("lost", code="answer_lost"))
    accept_prompt(box, alice.id, "a crane")
    drain()
    assert notes()["dead-letters"].text == "1 jobs have failed for good and wait for you."
    assert "retry --all-dead" in notes()["dead-letters"].hint
    assert "Of 1 orders the answer was lost" in notes()["doubtful-orders"].text


def test_alerts_are_noted_where_no_check_tells_of_them(notes, box):
    alerts.raise_for("storage-sweep", Refused("no", code="refused", vendor_text="9 of 10 objects", alert=True))
    alerts.raise_for(box.config.providers.image, Refused("no", code="Arrearage", alert=True))
    found = notes()
    assert found["storage-sweep"].text == "refused: 9 of 10 objects"
    assert "sweep --dry-run" in found["storage-sweep"].hint
    assert box.config.providers.image not in found


def test_files_that_others_can_read_are_noted(notes, config):
    config.path.chmod(0o644)
    assert notes()["file-mode"].hint == f"Run: chmod 600 {config.path}"


def test_a_slicer_that_is_not_there_is_noted(notes, box):
    configure(box, "slicer", kind="command", command="no-such-slicer")
    assert notes()["slicer"].text == "There is no program no-such-slicer."
    configure(box, "slicer", kind="command", command="true")
    assert "slicer" not in notes()
    configure(box, "slicer", kind="service", url=nowhere())
    assert "slicer.url" in notes()["slicer"].hint


def test_without_a_database_there_is_still_what_needs_none(notes, config):
    config.path.chmod(0o644)
    base.close_all()
    config.database.sqlite_path.unlink()
    config.database.sqlite_path.mkdir()
    assert set(notes()) == {"file-mode"}
