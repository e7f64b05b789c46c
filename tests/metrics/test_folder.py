"""The folder that web processes share: no count is lost with a process, and no folder with its tree."""

import fcntl
import os
import subprocess
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lumi_box.metrics import folder

# A process that counts into the folder as a web process does, and then is gone.
COUNTING = """
import os, sys
from prometheus_client import Counter, Gauge, Histogram
Counter("acme_total", "", ["a"]).labels("x").inc(int(sys.argv[1]))
Histogram("acme_seconds", "", buckets=[1]).observe(0.5)
Gauge("acme_now", "", multiprocess_mode="livesum").inc()
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def path(monkeypatch, tmp_path):
    monkeypatch.setattr(folder.tempfile, "tempdir", str(tmp_path))
    with folder.made() as made:
        yield made


def count(number):
    subprocess.run([sys.executable, "-c", COUNTING, str(number)], timeout=60, check=False)


def totals(path):
    """As a scrape of another process reads them."""
    from prometheus_client.multiprocess import MultiProcessCollector

    with folder.unchanged(path) as files:
        merged = MultiProcessCollector.merge([str(file) for file in files])
        return {
            sample.name: sample.value for metric in merged for sample in metric.samples if "le" not in sample.labels
        }


def test_it_is_for_its_owner_only_and_gone_afterwards(monkeypatch, tmp_path):
    monkeypatch.setattr(folder.tempfile, "tempdir", str(tmp_path))
    with folder.made() as path:
        assert path.stat().st_mode & 0o777 == 0o700
        assert folder.shared() == path
    assert not path.exists()
    assert folder.shared() is None


def test_what_dead_processes_counted_is_taken_over(path):
    for number in (3, 4):
        count(number)
    folder.take_over(path)
    after = totals(path)
    assert (after["acme_total"], after["acme_seconds_count"], after["acme_seconds_sum"]) == (7, 2, 1)
    assert "acme_now" not in after  # what was open in a process ends with it
    assert sorted(file.name for file in path.glob("*.db")) == ["counter_dead.db", "histogram_dead.db"]
    count(5)  # of a process whose parent died too: the scrape takes it over
    assert totals(path)["acme_total"] == 12
    folder.take_over(path)
    assert totals(path)["acme_total"] == 12
    assert len(list(path.glob("*.db"))) == 2


def test_the_files_of_the_living_are_left_alone(path):
    mine = path / f"counter_{os.getpid()}.db"
    mine.write_bytes(b"")
    folder.take_over(path)
    assert mine.exists()
    assert totals(path) == {}  # one that has only just been opened is not read


def test_a_scrape_and_a_taking_over_wait_for_each_other(path):
    with folder.unchanged(path), (path / folder.LOCK).open() as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_folder_of_a_killed_tree_is_removed_by_the_next_and_a_living_ones_is_not(path, tmp_path):
    abandoned = tmp_path / f"{folder.PREFIX}abandoned"
    abandoned.mkdir()
    (abandoned / "counter_1.db").write_bytes(b"x")
    with folder.made() as second:
        assert not abandoned.exists()
        assert path.exists() and second != path
    os.environ[folder.VARIABLE] = str(path)


def test_what_is_read_can_be_parsed(path):
    count(1)
    from prometheus_client import CollectorRegistry, generate_latest

    from lumi_box.metrics.exposition import _Everybody

    registry = CollectorRegistry()
    with folder.unchanged(path) as files:
        registry.register(_Everybody(files))
        text = generate_latest(registry).decode()
    assert {family.name for family in text_string_to_metric_families(text)} == {"acme", "acme_seconds"}
