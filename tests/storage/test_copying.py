"""From one kind of store to the other, every object compared."""

import pytest

from lumi_box.errors import Conflict, Unavailable
from lumi_box.storage import ledger, marker
from lumi_box.storage.copying import copy_all
from lumi_box.storage.disk import DiskStorage

OWNER = ledger.Owner("user", "request")


@pytest.fixture
def filled(box, tmp_path):
    """A store with twelve objects that rows refer to, one that is pending, and an orphan."""
    marker.write(box.storage)
    kept = []
    for number in range(12):
        path = tmp_path / f"object-{number}"
        path.write_bytes(b"%d" % number * 1000)
        kept.append(ledger.keep(box.storage, f"images/r/{number:02}.png", path, OWNER))
    ledger.promote(kept)
    ledger.keep(box.storage, "images/r/pending.png", path, OWNER)
    box.storage.put("orphan", path)
    return box.storage


def contents(storage):
    found = {}
    for page in storage.pages():
        for listed in page:
            with storage.open(listed.key) as stream:
                found[listed.key] = stream.read()
    return found


def test_a_disk_is_copied_into_a_bucket_and_back(filled, s3, tmp_path):
    told = []
    done = copy_all(filled, s3, lambda progress: told.append(progress.done))
    assert (done.copied, done.objects, done.damaged, told) == (12, 12, [], list(range(1, 13)))
    expected = contents(filled)
    del expected["images/r/pending.png"], expected["orphan"]
    assert contents(s3) == expected
    back = DiskStorage(tmp_path / "back")
    assert copy_all(s3, back, lambda _: None).copied == 12
    assert contents(back) == expected


def test_it_goes_on_where_it_stopped(filled, s3, monkeypatch):
    put, left = s3.put, [5]

    def breaking(key, source):
        if left[0] == 0:
            raise Unavailable("away")
        left[0] -= 1
        put(key, source)

    monkeypatch.setattr(s3, "put", breaking)
    with pytest.raises(Unavailable):
        copy_all(filled, s3, lambda _: None)
    assert marker.read(s3) is None  # a start with the half of it is refused
    monkeypatch.undo()
    assert copy_all(filled, s3, lambda _: None).copied == 7
    assert marker.read(s3) == marker.read(filled)
    assert copy_all(filled, s3, lambda _: None).copied == 0


def test_what_is_damaged_or_missing_is_named_and_not_copied(filled, tmp_path):
    (filled.root / "images/r/03.png").write_bytes(b"rot")
    filled.delete_many(["images/r/04.png"])
    target = DiskStorage(tmp_path / "target")
    done = copy_all(filled, target, lambda _: None)
    assert (done.copied, done.damaged) == (10, ["images/r/03.png", "images/r/04.png"])
    assert marker.read(target) is None


def test_a_damaged_copy_is_made_again(filled, tmp_path):
    target = DiskStorage(tmp_path / "target")
    copy_all(filled, target, lambda _: None)
    (target.root / "images/r/03.png").write_bytes(b"3" * 999 + b"x")  # as long, but not the same
    assert copy_all(filled, target, lambda _: None).copied == 1
    assert contents(target)["images/r/03.png"] == b"3" * 1000


def test_another_installations_store_is_left_alone(filled, tmp_path):
    target = DiskStorage(tmp_path / "target")
    target.root.mkdir()
    (target.root / marker.KEY).write_text('{"installation": "another"}')
    with pytest.raises(Conflict):
        copy_all(filled, target, lambda _: None)
    assert list(contents(target)) == [marker.KEY]
