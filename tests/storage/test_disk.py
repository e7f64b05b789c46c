"""Objects as files."""

import errno
import hashlib
import os
import subprocess
import threading

import pytest

from lumi_box.errors import Busy, NotFound, Unavailable
from lumi_box.storage.disk import DiskStorage


@pytest.fixture
def storage(tmp_path):
    return DiskStorage(tmp_path / "objects")


def keys(storage):
    return [listed.key for page in storage.pages() for listed in page]


def test_put_open_delete(storage, source):
    storage.put("images/r/0.png", source)
    with storage.open("images/r/0.png") as stream:
        stream.seek(4)
        assert stream.read() == b"456789"
    assert keys(storage) == ["images/r/0.png"]
    assert storage.delete_many(["images/r/0.png"]) == {}
    assert storage.delete_many(["images/r/0.png"]) == {}
    assert keys(storage) == []
    assert list(storage.root.iterdir()) == []  # no empty folders stay
    with pytest.raises(NotFound):
        storage.open("images/r/0.png")


@pytest.mark.parametrize("key", ["../outside", "images/../../outside", "/etc/passwd", "", "."])
def test_nothing_outside_its_root(storage, source, key):
    for call in (lambda: storage.put(key, source), lambda: storage.open(key), lambda: storage.exists(key)):
        with pytest.raises(NotFound):
            call()
    assert storage.delete_many([key]) == {}
    assert source.read_bytes() == b"0123456789"
    assert not (storage.root.parent / "outside").exists()


def test_a_full_disk_leaves_the_old_object_and_no_rubbish(storage, source, monkeypatch):
    storage.put("a/b", source)
    source.write_bytes(b"new")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Busy) as caught:  # the job waits, and no attempt of it is used up
        storage.put("a/b", source)
    assert "No space left" in caught.value.vendor_text
    assert (caught.value.alert, caught.value.source, caught.value.code) == (True, "storage", "disk_full")
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


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_a_really_full_disk_lets_the_job_wait(tmp_path, source):
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", place], check=False, capture_output=True, text=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"no mount here: {mounted.stderr}")
    try:
        storage = DiskStorage(place / "objects")
        storage.put("a/small", source)
        source.write_bytes(b"x" * 1_000_000)
        with pytest.raises(Busy) as caught:
            storage.put("a/large", source)
        assert (caught.value.code, caught.value.alert) == ("disk_full", True)
        assert keys(storage) == ["a/small"]  # and no rubbish that keeps the disk full
        source.write_bytes(b"y")
        storage.put("a/large", source)
    finally:
        subprocess.run(["umount", place], check=True)


def test_parts_of_a_file(storage, source):
    storage.put("a", source)
    for first, last, expected in ((4, None, b"456789"), (0, 3, b"0123"), (9, 9, b"9"), (2, 5, b"2345")):
        with storage.open("a", first, last) as stream:
            assert stream.read(2) + stream.read() == expected
    assert storage.measure("a") == (10, hashlib.sha256(b"0123456789").hexdigest())
    assert storage.measure("b") is None
    assert (storage.exists("a"), storage.exists("b")) == (True, False)


def test_the_listing_is_in_the_order_of_the_keys_bytes_and_can_be_taken_up(storage, source):
    names = ["a", "a.b", "a-b/1", "a/1", "a0", "images/x/0.png", "images/x/0-1.png", "z/é/1", "z/é.txt", "ü"]
    names[0] = "a/"  # a folder and a file cannot share a name
    wanted = [name for name in names if not name.endswith("/")]
    for name in wanted:
        storage.put(name, source)
    wanted.sort(key=str.encode)
    assert keys(storage) == wanted
    for number, after in enumerate(wanted):
        assert [each.key for page in storage.pages(after) for each in page] == wanted[number + 1 :]


def test_what_vanishes_while_it_is_listed_is_left_out(storage, source):
    for number in range(1200):
        (storage.root / f"{number // 100:02}").mkdir(parents=True, exist_ok=True)
        (storage.root / f"{number // 100:02}" / f"{number:04}").write_bytes(b"x")
    pages = storage.pages()
    first = next(pages)
    assert storage.delete_many([f"{number // 100:02}/{number:04}" for number in range(900, 1150)]) == {}
    assert len(first) + sum(len(page) for page in pages) <= 1100


def test_links_are_neither_followed_nor_listed(storage, source, tmp_path):
    storage.put("a/b", source)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_bytes(b"x")
    (storage.root / "link").symlink_to(tmp_path / "outside")
    (storage.root / "a" / "link").symlink_to(tmp_path / "outside" / "file")
    assert keys(storage) == ["a/b"]


def test_writers_and_removers_of_one_folder_do_not_disturb_each_other(storage, source):
    """The folder goes with its last file, just when another file is about to come into it."""
    failures = []

    def work(name):
        try:
            for _ in range(100):
                storage.put(f"images/r/{name}", source)
                assert storage.delete_many([f"images/r/{name}"]) == {}
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert keys(storage) == []


def test_a_key_that_cannot_be_removed_is_told(storage, source, monkeypatch):
    storage.put("a/b", source)
    monkeypatch.setattr("pathlib.Path.unlink", lambda *_, **__: (_ for _ in ()).throw(PermissionError("not yours")))
    assert storage.delete_many(["a/b"]) == {"a/b": "not yours"}
