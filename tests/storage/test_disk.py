"""Objects as files."""

import errno
import os

import pytest

from lumi_box.errors import NotFound, Unavailable
from lumi_box.storage.disk import DiskStorage


@pytest.fixture
def storage(tmp_path):
    return DiskStorage(tmp_path / "objects")


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "source"
    path.write_bytes(b"0123456789")
    return path


def keys(storage):
    return [listed.key for page in storage.pages() for listed in page]


def test_put_open_delete(storage, source):
    storage.put("images/r/0.png", source)
    with storage.open("images/r/0.png") as stream:
        stream.seek(4)
        assert stream.read() == b"456789"
    assert keys(storage) == ["images/r/0.png"]
    storage.delete("images/r/0.png")
    storage.delete("images/r/0.png")
    assert keys(storage) == []
    assert list(storage.root.iterdir()) == []  # no empty folders stay
    with pytest.raises(NotFound):
        storage.open("images/r/0.png")


@pytest.mark.parametrize("key", ["../outside", "images/../../outside", "/etc/passwd", "", "."])
def test_nothing_outside_its_root(storage, source, key):
    for call in (lambda: storage.put(key, source), lambda: storage.open(key), lambda: storage.delete(key)):
        with pytest.raises(NotFound):
            call()
    assert not (storage.root.parent / "outside").exists()


def test_a_full_disk_leaves_the_old_object_and_no_rubbish(storage, source, monkeypatch):
    storage.put("a/b", source)
    source.write_bytes(b"new")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable) as caught:
        storage.put("a/b", source)
    assert "No space left" in caught.value.vendor_text
    monkeypatch.undo()
    assert keys(storage) == ["a/b"]
    with storage.open("a/b") as stream:
        assert stream.read() == b"0123456789"


def test_listing_goes_page_by_page(storage, source):
    for number in range(1001):
        path = storage.root / "many" / f"{number:04}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    pages = [len(page) for page in storage.pages()]
    assert pages == [1000, 1]


def test_the_probe_tells_a_broken_store(storage):
    storage.probe()
    storage.root.rmdir()
    storage.root.write_text("not a folder")
    with pytest.raises(Unavailable):
        storage.probe()
