"""Every object is known from before its bytes until after them; nothing that is wanted is ever removed."""

import hashlib

import pytest

from lumi_box.errors import Busy, Conflict, NotFound, Unavailable
from lumi_box.storage import ledger
from lumi_box.storage.base import Listed
from lumi_box.tables import base
from lumi_box.tables.stored_object import StoredObject

OWNER = ledger.Owner("user", "request")
KEY = "models/m/model.glb"


def states():
    return {row.key: row.state for row in StoredObject.select()}


def keys(storage):
    return [listed.key for page in storage.pages() for listed in page]


def kept(box, source, *object_keys):
    return [ledger.keep(box.storage, key, source, OWNER) for key in object_keys]


def age(*object_keys):
    StoredObject.update(changed_at=1).where(StoredObject.key.in_(object_keys)).execute()


def clean(box):
    while ledger.remove_doomed(box.storage):
        pass


def test_the_row_stands_before_the_bytes(box, source, monkeypatch):
    def cut(key, _):
        assert StoredObject.get_by_id(key).state == ledger.PENDING
        raise Unavailable("cut off")

    monkeypatch.setattr(box.storage, "put", cut)
    with pytest.raises(Unavailable):
        ledger.keep(box.storage, "images/r/0.png", source, OWNER)
    row = StoredObject.get()
    assert (row.state, row.size, row.media_type, len(row.sha256)) == ("pending", 10, "image/png", 64)


def test_promotion_is_part_of_the_transaction(box, source):
    written = kept(box, source, KEY)
    with pytest.raises(ZeroDivisionError), base.transaction():
        ledger.promote(written)
        raise ZeroDivisionError
    assert states() == {KEY: ledger.PENDING}
    with base.transaction():
        ledger.promote(written)
    assert states() == {KEY: ledger.STORED}


def test_what_a_crash_left_pending_is_removed_after_an_hour(box, source):
    written = kept(box, source, "a/young", "a/old", "a/wanted")
    ledger.promote(written[2:])
    age("a/old", "a/wanted")
    assert ledger.doom_stale() == 1
    assert ledger.remove_doomed(box.storage) == 1
    assert set(states()) == {"a/young", "a/wanted"}
    with pytest.raises(NotFound):
        box.storage.open("a/old")


def test_a_store_that_is_down_delays_deletion_and_nothing_else(box, source, monkeypatch):
    kept(box, source, "a/1", "a/2")
    ledger.doom(["a/1", "a/2"])
    delete_many = box.storage.delete_many

    def down(wanted):
        return {"a/1": "503"} | delete_many([key for key in wanted if key != "a/1"])

    monkeypatch.setattr(box.storage, "delete_many", down)
    assert ledger.remove_doomed(box.storage) == 1
    assert states() == {"a/1": ledger.DOOMED}
    ledger.promote(kept(box, source, "a/3"))  # whoever writes is not held up
    monkeypatch.undo()
    assert ledger.remove_doomed(box.storage) == 1
    assert states() == {"a/3": ledger.STORED}


def test_a_store_that_breaks_in_an_unforeseen_way_loses_no_mark(box, source, monkeypatch):
    kept(box, source, KEY)
    ledger.doom([KEY])
    monkeypatch.setattr(box.storage, "delete_many", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ledger.remove_doomed(box.storage)
    assert states() == {KEY: ledger.DOOMED}


def test_removal_goes_in_batches(box, source, monkeypatch):
    rows = [
        {"key": f"a/{number:04}", "state": ledger.DOOMED, "user_id": "", "request_id": ""} for number in range(2_500)
    ]
    for row in rows:
        row["media_type"] = "image/png"
    StoredObject.insert_many(rows).execute()
    batches = []
    monkeypatch.setattr(box.storage, "delete_many", lambda wanted: batches.append(len(wanted)) or {})
    clean(box)
    assert batches == [1000, 1000, 500]
    assert states() == {}


def test_trap_6_the_keys_outlive_the_rows_that_named_them(box, source):
    """The planned delete removed the rows first, and then looked in them for the files."""
    ledger.promote(kept(box, source, KEY, "images/request/0.png"))
    with base.transaction():
        ledger.doom_request("request")  # in the transaction that deletes the request's own rows
    clean(box)
    assert (states(), keys(box.storage)) == ({}, [])


def test_a_rolled_back_deletion_removes_nothing(box, source):
    ledger.promote(kept(box, source, KEY))
    with pytest.raises(ZeroDivisionError), base.transaction():
        ledger.doom_request("request")
        raise ZeroDivisionError
    clean(box)
    assert (states(), keys(box.storage)) == ({KEY: ledger.STORED}, [KEY])


# Two at once


def test_a_writer_that_comes_late_cannot_undo_what_is_stored(box, source):
    """A step that lost its job wakes up after another has finished it: its files must not take the place of those."""
    ledger.promote(kept(box, source, KEY))
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    source.write_bytes(b"made by the late one")
    with pytest.raises(Conflict):
        kept(box, source, KEY)
    age(KEY)
    ledger.doom_stale()
    clean(box)
    assert states() == {KEY: ledger.STORED}
    assert box.storage.measure(KEY) == (10, digest)


def test_the_same_bytes_may_be_kept_again(box, source):
    ledger.promote(kept(box, source, KEY))
    ledger.promote(kept(box, source, KEY))
    assert states() == {KEY: ledger.STORED}


def test_nobody_writes_to_a_key_that_is_being_removed(box, source, monkeypatch):
    """The janitor's request is on its way: an object written now would be the one that it removes."""
    kept(box, source, KEY)
    ledger.doom([KEY])
    delete_many, refused = box.storage.delete_many, []

    def meanwhile(wanted):
        try:
            kept(box, source, KEY)
        except Busy as busy:
            refused.append(busy)
        return delete_many(wanted)

    monkeypatch.setattr(box.storage, "delete_many", meanwhile)
    ledger.remove_doomed(box.storage)
    assert [busy.code for busy in refused] == ["being_removed"]
    assert states() == {}
    ledger.promote(kept(box, source, KEY))
    clean(box)
    assert keys(box.storage) == [KEY]


def test_a_doomed_key_that_is_written_again_in_time_stays(box, source):
    kept(box, source, KEY)
    ledger.doom([KEY])
    ledger.promote(kept(box, source, KEY))
    clean(box)
    assert (states(), keys(box.storage)) == ({KEY: ledger.STORED}, [KEY])


def test_what_was_removed_meanwhile_cannot_be_promoted(box, source):
    written = kept(box, source, KEY)
    age(KEY)
    ledger.doom_stale()
    clean(box)
    with pytest.raises(Unavailable), base.transaction():
        ledger.promote(written)


def test_bytes_that_arrive_after_their_row_has_gone_are_removed_too(box, source, monkeypatch):
    put = box.storage.put

    def slow(key, path):
        age(key)
        ledger.doom_stale()
        clean(box)  # the janitor comes by during an upload of more than an hour
        put(key, path)

    monkeypatch.setattr(box.storage, "put", slow)
    with pytest.raises(Unavailable):
        kept(box, source, KEY)
    assert (states(), keys(box.storage)) == ({KEY: ledger.DOOMED}, [KEY])
    monkeypatch.undo()
    clean(box)
    assert (states(), keys(box.storage)) == ({}, [])


def test_of_two_who_write_different_bytes_at_once_only_the_true_one_is_promoted(box, source, tmp_path, monkeypatch):
    put, other = box.storage.put, tmp_path / "other"
    other.write_bytes(b"another's")

    def overtaken(key, path):
        monkeypatch.undo()
        theirs.extend(kept(box, other, key))  # announced and written between our row and our bytes
        put(key, path)

    theirs = []
    monkeypatch.setattr(box.storage, "put", overtaken)
    with pytest.raises(Unavailable):
        kept(box, source, KEY)
    with pytest.raises(Unavailable), base.transaction():
        ledger.promote(theirs)  # whose bytes lie there now, nobody can say
    ledger.promote(kept(box, other, KEY))
    assert box.storage.measure(KEY) == (9, StoredObject.get().sha256)


def test_a_row_that_was_promoted_tells_what_really_lies_there(box, source, tmp_path, monkeypatch):
    put, other = box.storage.put, tmp_path / "other"
    other.write_bytes(b"another's")

    def overtaken(key, path):
        monkeypatch.undo()
        ledger.promote(kept(box, other, key))
        put(key, path)

    monkeypatch.setattr(box.storage, "put", overtaken)
    with pytest.raises(Unavailable):
        kept(box, source, KEY)
    row = StoredObject.get()
    assert (row.state, (row.size, row.sha256)) == (ledger.STORED, box.storage.measure(KEY))


def test_two_janitors_never_have_the_same_row(box, source, monkeypatch):
    kept(box, source, "a/1", "a/2")
    ledger.doom(["a/1", "a/2"])
    seen, delete_many = [], box.storage.delete_many

    def second(wanted):
        seen.append(sorted(wanted))
        if len(seen) == 1:
            assert ledger.remove_doomed(box.storage) == 0
        return delete_many(wanted)

    monkeypatch.setattr(box.storage, "delete_many", second)
    assert ledger.remove_doomed(box.storage) == 2
    assert seen == [["a/1", "a/2"]]


def test_a_removal_that_died_is_taken_up_after_an_hour(box, source):
    kept(box, source, KEY)
    StoredObject.update(state=ledger.REMOVING).execute()
    assert ledger.remove_doomed(box.storage) == 0
    age(KEY)
    assert ledger.remove_doomed(box.storage) == 1
    assert (states(), keys(box.storage)) == ({}, [])


def test_orphans_are_claimed_before_they_are_removed(box, source):
    box.storage.put("a/orphan", source)
    ledger.promote(kept(box, source, "a/known"))
    claimed = ledger.adopt([Listed("a/known", 10, 0), Listed("a/orphan", 10, 0), Listed("x" * 300, 10, 0)])
    assert claimed == ["a/orphan", "x" * 300]
    with pytest.raises(Busy):
        kept(box, source, "a/orphan")
    assert ledger.remove_claimed(box.storage, ["a/orphan"]) == {}
    assert (states(), keys(box.storage)) == ({"a/known": ledger.STORED}, ["a/known"])
