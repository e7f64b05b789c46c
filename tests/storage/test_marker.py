"""The store says whose it is: another's, or an unmounted disk, stops the start instead of looking like lost files."""

import json
import shutil
from dataclasses import replace

import pytest

from lumi_box import doctor, runtime
from lumi_box.runtime import Unhealthy
from lumi_box.storage import ledger, marker
from lumi_box.tables.setting import Setting
from lumi_box.tables.stored_object import StoredObject

OWNER = ledger.Owner("user", "request")


@pytest.fixture
def production(box):
    box.config = replace(box.config, mode="production")
    return box


def start(box):
    runtime._mark_storage(box)
    runtime._check_health(box)


def keep(box, source, count=3):
    ledger.promote([ledger.keep(box.storage, f"images/r/{number}.png", source, OWNER) for number in range(count)])


def finding(box):
    return doctor.examine(box, ["storage"])[0]


def test_the_first_start_marks_the_store(production):
    assert finding(production).healthy  # before it, too: doctor may well run first
    start(production)
    written = json.loads((production.storage.root / marker.KEY).read_text())
    assert written == {"installation": Setting.get_by_id("installation").value}
    start(production)
    assert marker.examine(production.storage).ours


@pytest.mark.parametrize("kept", [0, 3])
def test_an_unmounted_disk_stops_the_start_in_production(production, source, kept):
    start(production)
    if kept:
        keep(production, source, kept)
    shutil.rmtree(production.storage.root)
    production.storage.root.mkdir()
    with pytest.raises(Unhealthy) as caught:
        start(production)
    assert "not mounted" in str(caught.value) and "lumi-box storage mark" in str(caught.value)
    assert not (production.storage.root / marker.KEY).exists()
    assert not finding(production).healthy


def test_another_installations_store_stops_the_start_in_production(production):
    start(production)
    (production.storage.root / marker.KEY).write_text('{"installation": "another"}\n')
    with pytest.raises(Unhealthy) as caught:
        start(production)
    assert "another installation" in str(caught.value)
    marker.write(production.storage)  # the operator's word
    start(production)


@pytest.mark.parametrize("text", ["", "no json", "[]", '"text"', "{}"])
def test_a_marker_that_is_none_is_not_ours(production, text):
    start(production)
    (production.storage.root / marker.KEY).write_text(text)
    assert not marker.examine(production.storage).ours


def test_a_store_with_our_files_and_no_marker_is_ours(production, source):
    """Its files were moved by hand, or restored from a backup that has no marker."""
    start(production)
    keep(production, source)
    (production.storage.root / marker.KEY).unlink()
    start(production)
    assert marker.examine(production.storage).ours


def test_development_goes_on_and_marks_what_holds_nothing(box, source, caplog):
    start(box)
    (box.storage.root / marker.KEY).write_text('{"installation": "another"}\n')
    start(box)
    assert marker.examine(box.storage).ours
    assert "marked anew" in caplog.text
    keep(box, source)
    (box.storage.root / marker.KEY).write_text('{"installation": "another"}\n')
    start(box)  # warns, and leaves it
    assert not marker.examine(box.storage).ours
    assert StoredObject.select().count() == 3


def test_a_bucket_is_marked_and_checked_like_a_folder(production, s3, s3_config, source):
    production.storage = s3
    start(production)
    assert marker.read(s3) == Setting.get_by_id("installation").value
    s3.delete_many([marker.KEY])
    with pytest.raises(Unhealthy):
        start(production)


def test_a_bucket_that_does_not_work_stops_the_start_with_a_hint(production, s3_config):
    from lumi_box.storage.s3 import S3Storage

    production.storage = S3Storage(replace(s3_config, secret_access_key="not-the-secret-of-this-key"))
    with pytest.raises(Unhealthy) as caught:
        start(production)
    assert "SignatureDoesNotMatch" in str(caught.value)
    assert "storage.s3.secret_access_key" in str(caught.value)


def test_a_config_that_others_can_read_is_a_warning_and_no_reason_not_to_start(production, caplog):
    production.config.path.chmod(0o644)
    start(production)
    assert f"run: chmod 600 {production.config.path}" in caplog.text


def test_all_that_is_broken_is_told_at_once(production):
    start(production)
    (production.storage.root / marker.KEY).unlink()
    production.config.path.write_text("[", encoding="utf-8")
    with pytest.raises(Unhealthy) as caught:
        start(production)
    assert "config: " in str(caught.value) and "; storage: " in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
