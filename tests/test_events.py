"""The durable event log and its follower."""

import threading

import pytest

from lumi_box import events
from lumi_box.tables import base
from lumi_box.tables.event import Event


def test_events_come_in_order_after_the_last_one_seen(box):
    for number in range(5):
        events.record("r", "task:updated", number=number)
        events.record("other", "task:updated", number=number)
    first = events.after("r", 0)
    assert [row.data for row in first] == [f'{{"number": {number}}}' for number in range(5)]
    assert events.after("r", first[2].id) == first[3:]
    assert events.knows("r", first[2].id)
    assert not events.knows("other", first[2].id)


def test_a_rolled_back_event_never_was(box):
    with pytest.raises(ZeroDivisionError), base.transaction():
        events.record("r", "task:updated")
        raise ZeroDivisionError
    assert events.after("r", 0) == []


def test_an_id_never_comes_back(box):
    events.record("r", "a")
    last = events.last_id("r")
    Event.delete().execute()
    events.record("r", "b")
    assert events.last_id("r") > last


def test_old_events_are_pruned(box):
    events.record("r", "old")
    Event.update(created_at=1).execute()
    events.record("r", "new")
    assert events.prune() == 1
    assert [row.name for row in events.after("r", 0)] == ["new"]


def test_a_listener_is_woken_by_another_threads_commit(box):
    follower = events.Follower(base.database)
    with follower.listen("r") as bell, follower.listen("other") as other:
        assert follower.listening == 2

        def commit():
            with base.database.connection_context():
                events.record("r", "task:updated")

        threading.Timer(0.1, commit).start()
        assert bell.wait(5)
        assert not other.is_set()
    assert follower.listening == 0
    follower.close(wait=True)


def test_closing_wakes_every_listener(box):
    follower = events.Follower(base.database)
    with follower.listen("r") as bell:
        follower.close()
        assert bell.wait(1)
        assert follower.closing
    follower.close(wait=True)


@pytest.mark.mariadb
def test_a_listener_hears_of_an_event_that_commits_after_later_ones(box):
    follower, held, go_on = events.Follower(base.database), threading.Event(), threading.Event()

    def slow():
        with base.database.connection_context(), base.transaction():
            events.record("slow", "a")
            held.set()
            go_on.wait(5)

    thread = threading.Thread(target=slow)
    with follower.listen("slow") as late, follower.listen("quick") as early:
        thread.start()
        assert held.wait(5)
        events.record("quick", "b")
        assert early.wait(5)
        late.clear()
        go_on.set()
        thread.join()
        assert late.wait(1)
    follower.close(wait=True)
    assert [row.name for row in Event.select().order_by(Event.id)] == ["a", "b"]
