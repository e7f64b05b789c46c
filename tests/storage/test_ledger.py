"""Every object is known from before its bytes."""

import pytest

from lumi_box.errors import NotFound, Unavailable
from lumi_box.storage import ledger
from lumi_box.tables import base
from lumi_box.tables.stored_object import StoredObject

OWNER = ledger.Owner("user", "request")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(b"0123456789")
    return path


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
    ledger.keep(box.storage, "a/b.glb", source, OWNER)
    with pytest.raises(ZeroDivisionError), base.transaction():
        ledger.promote(["a/b.glb"])
        raise ZeroDivisionError
    assert StoredObject.get().state == ledger.PENDING
    with base.transaction():
        ledger.promote(["a/b.glb"])
    assert StoredObject.get().state == ledger.STORED


def test_what_a_crash_left_pending_is_removed_after_an_hour(box, source):
    ledger.keep(box.storage, "a/young", source, OWNER)
    ledger.keep(box.storage, "a/old", source, OWNER)
    ledger.keep(box.storage, "a/wanted", source, OWNER)
    ledger.promote(["a/wanted"])
    StoredObject.update(changed_at=1).where(StoredObject.key.in_(["a/old", "a/wanted"])).execute()
    assert ledger.doom_stale() == 1
    assert ledger.remove_doomed(box.storage) == 1
    assert {row.key for row in StoredObject.select()} == {"a/young", "a/wanted"}
    with pytest.raises(NotFound):
        box.storage.open("a/old")


def test_a_store_that_is_down_delays_deletion_and_nothing_else(box, source, monkeypatch):
    for key in ("a/1", "a/2"):
        ledger.keep(box.storage, key, source, OWNER)
    ledger.doom(["a/1", "a/2"])
    delete = box.storage.delete

    def down(key):
        if key == "a/1":
            raise Unavailable("down", vendor_text="503")
        delete(key)

    monkeypatch.setattr(box.storage, "delete", down)
    assert ledger.remove_doomed(box.storage) == 1
    assert [row.key for row in StoredObject.select()] == ["a/1"]
    monkeypatch.undo()
    assert ledger.remove_doomed(box.storage) == 1
    assert StoredObject.select().count() == 0
