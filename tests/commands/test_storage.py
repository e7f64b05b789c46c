"""The commands that look after the store: what they print, and their exit status."""

import json
import os
from dataclasses import replace

import pytest

from lumi_box import cli, doctor
from lumi_box.storage import ledger, marker
from lumi_box.storage.disk import DiskStorage
from lumi_box.tables import base

FIGURES = ["listed", "referenced", "orphans", "deleted", "skippedYoung", "missing", "bytesFreed"]
OWNER = ledger.Owner("user", "request")


@pytest.fixture
def lumi(config, capsys):
    """One command line on the test's database and store; status, stdout, stderr."""

    def run(*words):
        status = cli.run([*words, "--config", str(config.path)])
        base.database.close()
        told = capsys.readouterr()
        return status, told.out, told.err

    return run


@pytest.fixture
def filled(box, tmp_path):
    """Nine objects that rows refer to, and an old orphan."""
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    ledger.promote([ledger.keep(box.storage, f"images/r/{number}.png", path, OWNER) for number in range(9)])
    box.storage.put("images/r/orphan.png", path)
    os.utime(box.storage.root / "images/r/orphan.png", (1, 1))
    return box.storage


def test_sweep_prints_the_contracts_report(lumi, filled):
    status, out, err = lumi("sweep", "--json", "--dry-run")
    assert (status, err) == (0, "")
    assert list(json.loads(out)) == FIGURES
    assert json.loads(out)["deleted"] == 0
    status, out, err = lumi("sweep", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out) == dict(zip(FIGURES, (10, 9, 1, 1, 0, 0, 10), strict=True))
    assert not filled.exists("images/r/orphan.png")


def test_sweep_refuses_and_can_be_forced(lumi, filled, box):
    ledger.StoredObject.delete().execute()
    for path in filled.root.rglob("*.png"):
        os.utime(path, (1, 1))
    status, out, err = lumi("sweep")
    assert status == 1
    assert [line.split() for line in out.splitlines()][3] == ["deleted", "0"]
    assert err.startswith("lumi-box: 10 of 10 objects") and len(err.splitlines()) == 1
    status, out, _ = lumi("sweep", "--force", "--json")
    assert (status, json.loads(out)["deleted"]) == (0, 10)


def test_sweep_removes_what_was_doomed_first(lumi, filled):
    ledger.doom(["images/r/1.png"])
    status, out, _ = lumi("sweep", "--json")
    assert (status, json.loads(out)["listed"]) == (0, 9)
    assert not filled.exists("images/r/1.png")


def test_a_store_that_is_another_ones_is_one_line(lumi, filled):
    marker.write(filled)
    (filled.root / marker.KEY).write_text('{"installation": "another"}')
    status, out, err = lumi("sweep")
    assert (status, out, len(err.splitlines())) == (1, "", 1)
    assert "another installation" in err
    assert lumi("storage", "mark")[0] == 0
    assert lumi("sweep")[0] == 0


def test_copy_needs_a_second_config_and_can_be_repeated(lumi, filled, config, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text(config.path.read_text().replace('path = "data/objects"', 'path = "elsewhere"'))
    other.chmod(0o600)
    for copied in (9, 0):
        status, out, err = lumi("storage", "copy", "--to", str(other))
        assert (status, err) == (0, "")
        assert out.startswith(f"copied {copied} of 9 objects")
    target = DiskStorage(tmp_path / "elsewhere")
    assert sum(len(page) for page in target.pages()) == 10
    assert marker.read(target) is not None
    (filled.root / "images/r/3.png").write_bytes(b"rot")
    target.delete_many(["images/r/3.png"])
    status, _, err = lumi("storage", "copy", "--to", str(other))
    assert (status, err.strip()) == (1, "lumi-box: images/r/3.png is missing or damaged, and was not copied")
    assert lumi("storage", "copy", "--to", str(tmp_path / "none.toml"))[0] == 2


def test_a_store_that_is_away_is_one_line_with_a_hint(lumi, filled, monkeypatch):
    scandir = os.scandir

    def refused(place):
        if str(place).startswith(str(filled.root)):
            raise PermissionError("not yours")
        return scandir(place)

    monkeypatch.setattr(os, "scandir", refused)
    status, out, err = lumi("sweep")
    assert (status, out, len(err.splitlines())) == (1, "", 1)
    assert "not yours" in err and "storage.disk.path" in err


@pytest.mark.slow
def test_doctor_says_what_to_do_about_a_bucket(box):
    from lumi_box.config.schema import S3Config
    from lumi_box.storage.s3 import S3Storage

    away = S3Config(
        endpoint="http://127.0.0.1:9", region="r", bucket="bucket", access_key_id="a", secret_access_key="b"
    )
    broken = replace(box, storage=S3Storage(away))
    (finding,) = doctor.examine(broken, ["storage"])
    assert not finding.healthy
    assert "127.0.0.1:9" in finding.text
    assert "storage.s3.endpoint" in finding.hint
