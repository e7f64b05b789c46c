"""What the worker says of itself when it starts is what it does."""

import logging
import threading
from dataclasses import replace

import pytest

from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.metrics import tally
from lumi_box.providers.base import Ready
from lumi_box.tables.job import Job
from lumi_box.worker import run as worker

AT_ONCE = 3
PATIENCE_SECONDS = 30.0


def limited_to(box, images):
    box.config = replace(box.config, queue=replace(box.config.queue, image_concurrency=images))


class Meeting:
    """A vendor that answers in the call, and not before as many orders are there as are said to be worked on."""

    def __init__(self):
        self.barrier, self.guard = threading.Barrier(AT_ONCE, timeout=PATIENCE_SECONDS), threading.Lock()
        self.now = self.most = 0

    def submit(self, _order):
        with self.guard:
            self.now += 1
            self.most = max(self.most, self.now)
        self.barrier.wait()
        with self.guard:
            self.now -= 1
        return Ready("")


@pytest.mark.service
def test_as_many_orders_are_out_at_once_as_the_log_said(box, alice, queue, images, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    limited_to(box, AT_ONCE)
    meeting = Meeting()
    monkeypatch.setattr(images, "submit", meeting.submit)
    for _ in range(AT_ONCE):
        accept_prompt(box, alice.id, "a crane")
    left = Job.select().where(Job.status != "COMPLETED")

    def finished(_seconds):
        return threading.Event().wait(0.1) or not left.exists() or meeting.barrier.broken

    worker.run(box, queue, finished, lambda: None)
    assert not meeting.barrier.broken
    assert meeting.most == AT_ONCE
    assert f"image worker started concurrency={AT_ONCE}" in caplog.messages
    assert sum(row.count for row in tally.read(tally.JOB)) == 4 * AT_ONCE


@pytest.mark.parametrize(("images", "told"), [(20, False), (200, True)])
def test_a_node_says_when_it_cannot_work_on_so_many_at_once(box, queue, images, told, caplog):
    limited_to(box, images)
    worker.run(box, queue, lambda _: True, lambda: None)
    assert ("this node works on 34 steps at once" in caplog.text) == told
