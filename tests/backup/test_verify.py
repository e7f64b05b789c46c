"""Damage and malice of every kind are told in one line."""

import hashlib
import io
import json
import random
import sqlite3
import tarfile
from contextlib import closing

import pytest
from backup.conftest import members, rewritten

from lumi_box.backup import contents
from lumi_box.backup.archive import CONFIG, DATABASE, MANIFEST, Damaged, Writer
from lumi_box.backup.verify import verify
from lumi_box.storage.ledger import KEY_LENGTH
from lumi_box.tables import base, migrate
from lumi_box.tables.migrate import NewerSchema

pytestmark = pytest.mark.slow


@pytest.fixture
def parts(backup):
    return members(backup)


def changed_rows(parts, *statements):
    """The members with another database in them, and a manifest that vouches for it."""
    with closing(sqlite3.connect(":memory:")) as copy:
        copy.deserialize(parts[DATABASE])
        for statement in statements:
            copy.execute(statement)
        copy.commit()
        return told(parts | {DATABASE: copy.serialize()})


def told(parts, **changes):
    found = json.loads(parts[MANIFEST]) | changes
    for name in (CONFIG, DATABASE):
        found["files"][name] = {"size": len(parts[name]), "sha256": hashlib.sha256(parts[name]).hexdigest()}
    return parts | {MANIFEST: json.dumps(found).encode()}


def test_a_sound_backup_is_told_so(backup, lumi, engine):
    outcome = lumi("backup", "verify", str(backup))
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.startswith(f"{backup} is sound: ")
    assert f" from {engine}\n" in outcome.out
    assert len(outcome.out.splitlines()) == 1


def test_nothing_but_the_file_is_needed(backup, tmp_path, monkeypatch, capsys):
    from lumi_box import cli

    base.close_all()
    monkeypatch.chdir(tmp_path.parent)
    assert cli.run(["backup", "verify", str(backup), "--config", str(tmp_path / "none.toml")]) == 0
    assert "is sound" in capsys.readouterr().out


def test_an_unchanged_one_that_was_made_anew_is_sound(backup, parts):
    """So that what the tests below change is what is found."""
    assert verify(rewritten(backup, parts)).lost == []


def test_flipped_bits_and_cuts_are_one_line(backup, lumi, tmp_path):
    data, dice, spoilt = backup.read_bytes(), random.Random(7), tmp_path / "spoilt.tar"
    for _ in range(12):
        place = dice.randrange(len(data))
        spoilt.write_bytes(data[:place] + bytes([data[place] ^ 1 << dice.randrange(8)]) + data[place + 1 :])
        assert_refused(lumi("backup", "verify", str(spoilt)), spoilt)
    for _ in range(6):
        spoilt.write_bytes(data[: dice.randrange(len(data))])
        assert_refused(lumi("backup", "verify", str(spoilt)), spoilt)


def assert_refused(outcome, path):
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith(f"lumi-box: {path}: ")
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("kind", "words"),
    [("missing", "database.sqlite3 is missing"), ("config", "config.toml is missing"), ("object", "missing: images/")],
)
def test_a_member_that_is_missing_is_named(backup, parts, kind, words):
    victim = {"missing": DATABASE, "config": CONFIG, "object": next(name for name in parts if "images/" in name)}[kind]
    del parts[victim]
    with pytest.raises(Damaged, match=words):
        verify(rewritten(backup, parts))


def test_an_object_of_other_bytes_is_named(backup, parts):
    name = [name for name in parts if name.startswith("objects/models/")][2]
    parts[name] = bytes(len(parts[name]))
    with pytest.raises(Damaged, match=f"damaged: {name.removeprefix('objects/')}"):
        verify(rewritten(backup, parts))


@pytest.mark.parametrize("name", ["objects/../../../etc/passwd", "objects//etc/passwd", "/etc/passwd", "extra.txt"])
def test_a_member_that_no_row_knows_is_refused(backup, parts, name):
    with pytest.raises(Damaged, match="has no business in it"):
        verify(rewritten(backup, parts | {name: b"root::0:0"}))


@pytest.mark.parametrize(
    "key",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "images/../../x",
        "a//b",
        "./a",
        ".lumi-box",
        ".before-x/y",
        "a\nb",
        "a/",
        "k" * 201,
    ],
)
def test_a_key_that_leads_out_of_the_store_is_refused(backup, parts, key):
    first = next(name for name in parts if name.startswith("objects/"))
    old = first.removeprefix("objects/")
    quoted = key.replace("'", "''")
    parts = changed_rows(parts, f"UPDATE stored_object SET key = '{quoted}' WHERE key = '{old}'")
    with closing(sqlite3.connect(":memory:")) as copy:
        copy.deserialize(parts[DATABASE])
        keys = [f"objects/{key}" for (key,) in copy.execute("SELECT key FROM stored_object ORDER BY key")]
    named = parts | {f"objects/{key}": parts[first]}
    with pytest.raises(Damaged, match="cannot be the key of an object"):
        verify(rewritten(backup, {name: named[name] for name in (MANIFEST, CONFIG, DATABASE, *keys)}))
    assert len(key) == 201 or len(key) <= KEY_LENGTH


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM event WHERE id = (SELECT max(id) FROM event)", "event has .* rows instead of"),
        ("UPDATE image SET request_id = 'x' || id", "image .* generation_request which is not there"),
        ("CREATE TRIGGER evil AFTER UPDATE ON account BEGIN DELETE FROM account; END", "not of the schema"),
        ("CREATE VIEW evil AS SELECT load_extension('evil')", "not of the schema"),
        ("CREATE TABLE evil (x)", "not of the schema"),
        ("DROP INDEX job_created_at_id", "not of the schema"),
        ("DELETE FROM schema_migration WHERE name LIKE '0001%'", "not of the schema"),
        ("UPDATE stored_object SET size = size + 1 WHERE state = 'stored'", "its ledger names other objects"),
        ("UPDATE stored_object SET state = 'doomed'", "its ledger names other objects"),
    ],
)
def test_a_database_that_is_not_what_the_manifest_says_is_refused(backup, parts, statement, words):
    with pytest.raises(Damaged, match=words):
        verify(rewritten(backup, changed_rows(parts, statement)))


def test_a_damaged_page_is_found_although_every_checksum_fits(backup, parts):
    page = bytearray(parts[DATABASE])
    for place in range(4096 * 3, 4096 * 9):
        page[place] ^= 0x55
    with pytest.raises(Damaged, match="its database"):
        verify(rewritten(backup, told(parts | {DATABASE: bytes(page)})))
    with pytest.raises(Damaged, match="its database cannot be read"):
        verify(rewritten(backup, told(parts | {DATABASE: b"no database" * 500})))


def test_a_newer_schema_is_refused_by_the_name_of_the_version(backup, parts, lumi):
    newer = rewritten(backup, told(parts, version="9.1.0", migrations=[*migrate.known(), "9999_future"]))
    outcome = lumi("backup", "verify", str(newer))
    assert outcome.status == 1
    assert outcome.err.splitlines() == [
        "lumi-box: this backup was made by lumi-box 9.1.0, whose schema (9999_future) this version does not know: "
        "use that version, or a newer one"
    ]
    with pytest.raises(NewerSchema):
        verify(rewritten(backup, told(parts, migrations=[])))


def test_a_newer_form_of_the_file_is_refused_too(backup, parts):
    with pytest.raises(Damaged, match=r"made by lumi-box 9\.1\.0, in a form unknown"):
        verify(rewritten(backup, told(parts, format=2, version="9.1.0", more=True)))


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"null", b"{}", b'{"format": 1}', b"[" * 100_000, b'{"format": "1"}', b"\xff", b"9" * 5000],
)
def test_a_manifest_that_is_none_is_refused(backup, parts, text):
    with pytest.raises(Damaged, match="its manifest cannot be read"):
        verify(rewritten(backup, parts | {MANIFEST: text}))


@pytest.mark.parametrize(
    "change",
    [
        {"rows": {"account": -1}},
        {"objects": {"count": True, "bytes": 0}},
        {"objects": "none"},
        {"createdAt": "yesterday"},
        {"migrations": ["../0001"]},
        {"files": {}},
        {"unknown": 1},
        {"format": 0},
    ],
)
def test_a_manifest_with_other_values_is_refused(backup, parts, change):
    found = json.loads(parts[MANIFEST]) | change
    with pytest.raises(Damaged, match="its manifest cannot be read"):
        verify(rewritten(backup, parts | {MANIFEST: json.dumps(found).encode()}))


def test_a_bomb_is_refused_by_its_size(backup, parts, tmp_path):
    """Nothing in the file is packed: it can unpack to no more than it is."""
    info = tarfile.TarInfo(MANIFEST)
    info.size, info.mode, info.mtime = 1 << 60, 0o600, 1
    bomb = tmp_path / "bomb.tar"
    bomb.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    with pytest.raises(Damaged, match="cut off"):
        verify(bomb)
    with bomb.open("wb") as file:
        sums = io.BytesIO()
        writer = Writer(file, sums, 1)
        writer.add(MANIFEST, io.BytesIO(bytes(3 << 20)), 3 << 20)
        writer.close()
    with pytest.raises(Damaged, match="larger than it can be"):
        verify(bomb)


def test_a_packed_file_is_no_backup(backup, tmp_path):
    import gzip

    packed = tmp_path / "backup.tar.gz"
    packed.write_bytes(gzip.compress(backup.read_bytes()))
    with pytest.raises(Damaged, match="not a backup"):
        verify(packed)


def test_what_cannot_be_opened_is_one_line(lumi, tmp_path):
    for path in (tmp_path / "none.tar", tmp_path):
        outcome = lumi("backup", "verify", str(path))
        assert (outcome.status, outcome.out) == (1, "")
        assert outcome.err.startswith(f"lumi-box: {path}: ")
        assert len(outcome.err.splitlines()) == 1


def test_every_key_that_we_write_may_be_restored(backup, parts):
    for name in parts:
        if name.startswith("objects/"):
            contents._check_key(name.removeprefix("objects/"))
