"""Huey's queue on our own database."""

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from lumi_box.tables import base
from lumi_box.worker import consumer
from lumi_box.worker.queue import Doorbell


def test_trap_23_a_rollback_takes_the_message_too(queue):
    with pytest.raises(ZeroDivisionError), base.transaction():
        queue.wake("job-1")
        queue.wake("job-2", 5)
        assert (queue.huey.pending_count(), queue.huey.scheduled_count()) == (1, 1)
        raise ZeroDivisionError
    assert (queue.huey.pending_count(), queue.huey.scheduled_count()) == (0, 0)


def test_a_message_is_seen_by_others_only_once_its_transaction_commits(queue):
    seen = []

    def look():
        with base.database.connection_context():
            seen.append(queue.huey.pending_count())

    def from_another_thread():
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()

    with base.transaction():
        queue.wake("job-1")
        from_another_thread()
    from_another_thread()
    assert seen == [0, 1]


def test_a_commit_presses_the_button_and_a_rollback_does_not(queue):
    with pytest.raises(ZeroDivisionError), base.transaction():
        queue.wake("job-1")
        raise ZeroDivisionError
    assert not queue.button.wait(0)
    with base.transaction():
        with base.transaction():
            queue.wake("job-1")
        assert not queue.button.wait(0)
    assert queue.button.wait(0)
    assert not queue.button.wait(0)


def test_a_button_that_nobody_waits_for_never_blocks(queue):
    for _ in range(70_000):
        queue.button.press()
    assert queue.button.wait(0)


@pytest.fixture
def consuming(queue):
    """A real consumer with its doorbell; what it ran, and when."""
    ran, arrived = [], threading.Event()

    def note(job_id):
        ran.append((job_id, time.monotonic()))
        arrived.set()

    queue.handler = note
    queue.storage.doorbell = Doorbell(base.database, queue.button)
    workers = consumer.build(queue, 3, 5.0)
    queue.storage.doorbell.start()
    workers.start()
    yield ran, arrived
    workers.stop_flag.set()
    queue.storage.doorbell.ring()
    workers.stop(graceful=True)
    queue.storage.doorbell.stop()


def test_an_idle_worker_is_woken_by_the_commit(queue, consuming):
    ran, arrived = consuming
    delays = []
    for number in range(10):
        arrived.clear()
        queue.wake(str(number))
        committed = time.monotonic()
        assert arrived.wait(2)
        delays.append(ran[-1][1] - committed)
    assert [job_id for job_id, _ in ran] == [str(number) for number in range(10)]
    assert sorted(delays)[5] < 1.0


def test_a_delayed_message_comes_soon_after_it_is_due(queue, consuming):
    ran, arrived = consuming
    begun = time.monotonic()
    queue.wake("later", 0.5)
    assert arrived.wait(5)
    assert 0.45 <= ran[0][1] - begun < 2.0


def test_a_schedule_that_cannot_be_read_is_asked_again_and_not_in_haste(queue, consuming, caplog):
    _, arrived = consuming
    queue.wake("later", 0.2)
    base.database.execute_sql("ALTER TABLE queue_schedule RENAME TO away")
    assert not arrived.wait(1.5)
    failures = [record for record in caplog.records if "Error reading schedule" in record.message]
    assert 1 <= len(failures) <= 10  # in haste it would be hundreds
    base.database.execute_sql("ALTER TABLE away RENAME TO queue_schedule")
    assert arrived.wait(5)


def test_many_delayed_messages_come_each_at_its_time(queue, consuming):
    ran, _ = consuming
    begun = time.monotonic()
    due = {str(number): 0.3 + number * 0.05 for number in range(20)}
    for job_id, delay in due.items():
        queue.wake(job_id, delay)
    while len(ran) < len(due) and time.monotonic() < begun + 10:
        time.sleep(0.01)
    late = {job_id: at - begun - due[job_id] for job_id, at in ran}
    assert set(late) == set(due)
    assert min(late.values()) > -0.01
    assert sorted(late.values())[len(late) // 2] < 0.5


def test_nodes_in_other_time_zones_agree_on_when_a_message_is_due(queue, monkeypatch):
    def in_zone(name):
        monkeypatch.setenv("TZ", name)
        time.tzset()

    now = datetime.now(UTC).replace(tzinfo=None)
    try:
        in_zone("Asia/Tokyo")
        queue.wake("job", 60)
        in_zone("America/New_York")
        assert queue.storage.read_schedule(now + timedelta(seconds=50)) == []
        assert len(queue.storage.read_schedule(now + timedelta(seconds=70))) == 1
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_handler_that_raises_does_not_end_the_worker(queue, consuming):
    ran, arrived = consuming
    note, raised = queue.handler, threading.Event()

    def boom(_):
        queue.handler = note
        raised.set()
        raise RuntimeError("boom")

    queue.handler = boom
    queue.wake("1")
    assert raised.wait(5)  # only then: two threads would race for the two messages
    queue.wake("2")
    assert arrived.wait(5)
    assert [job_id for job_id, _ in ran] == ["2"]
