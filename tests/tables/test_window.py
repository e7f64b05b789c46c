"""Counters of fixed windows."""

import threading

import pytest

from lumi_box.tables import window
from lumi_box.tables.base import database

MINUTE = 60_000


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    now = {"ms": 1_800_000_000_000 // MINUTE * MINUTE}
    monkeypatch.setattr(window, "now_ms", lambda: now["ms"])
    return now


def test_it_gives_the_limit_and_no_more(box):
    assert [window.take("a", MINUTE, 3) for _ in range(5)] == [True, True, True, False, False]
    assert window.used("a", MINUTE) == 3
    assert window.take("b", MINUTE, 3, 2)
    assert not window.take("b", MINUTE, 3, 2)
    assert window.take("b", MINUTE, 3, 1)
    assert not window.take("c", MINUTE, 3, 4)


def test_the_next_window_is_empty(box, clock):
    window.take("a", MINUTE, 1)
    clock["ms"] += MINUTE - 1
    assert not window.take("a", MINUTE, 1)
    clock["ms"] += 1
    assert window.used("a", MINUTE) == 0
    assert window.take("a", MINUTE, 1)


def test_a_node_whose_clock_is_behind_counts_in_the_newer_window(box, clock):
    window.take("a", MINUTE, 2)
    clock["ms"] -= 10
    assert window.take("a", MINUTE, 2)
    assert not window.take("a", MINUTE, 2)


def test_many_at_once_take_no_more(box):
    taken, start = [], threading.Barrier(8)

    def take():
        start.wait()
        taken.extend(window.take("a", MINUTE, 30) for _ in range(10))
        database.close()

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == 30
