"""A worker says that it is alive only while it works: threads that exist but hang are silent."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest

from lumi_box.tables.heartbeat import Heartbeat
from lumi_box.worker.heart import Heart

PATIENCE = 60.0


class Consumer:
    """Threads that are alive until they are told to end, as Huey's consumer holds them."""

    def __init__(self) -> None:
        self._end = threading.Event()
        self.threads = [threading.Thread(target=self._end.wait, daemon=True) for _ in range(2)]
        self.worker_threads = [(None, self.threads[0])]
        self.scheduler = self.threads[1]
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        self._end.set()
        for thread in self.threads:
            thread.join()


@pytest.fixture
def consumer():
    made = Consumer()
    yield made
    made.end()


@pytest.fixture
def looked():
    return SimpleNamespace(at=time.monotonic())


@pytest.fixture
def heart(consumer, looked):
    return Heart(consumer, lambda: looked.at, PATIENCE)


def beating() -> set[str]:
    return {row.role for row in Heartbeat.select()}


def test_a_worker_that_looks_for_work_beats_for_both_of_its_roles(box, heart):
    assert heart.works()
    heart.beat()
    assert beating() == {"worker", "scheduler"}
    heart.stop()
    heart.beat()
    assert beating() == set()


def test_threads_that_hang_in_a_step_longer_than_any_may_take_are_silent(box, heart, looked):
    looked.at -= PATIENCE + 1
    assert not heart.works()
    heart.beat()
    assert beating() == {"scheduler"}
    looked.at = time.monotonic()
    assert heart.works()


def test_threads_that_have_ended_are_silent(box, heart, consumer):
    consumer.end()
    assert not heart.works()
    heart.beat()
    assert beating() == {"scheduler"}


def test_a_scheduler_that_hangs_is_silent_too(consumer, monkeypatch):
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("lumi_box.worker.heart.time", SimpleNamespace(monotonic=lambda: clock.now))
    heart = Heart(consumer, lambda: clock.now, PATIENCE)
    assert heart.works()
    clock.now += PATIENCE + 1
    assert not heart.works()
    heart.turn()
    assert heart.works()
