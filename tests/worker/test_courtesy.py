"""A busy node leaves what is new to others for a moment, so that nodes share the work, and keeps nothing waiting."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from lumi_box.worker.courtesy import ASK_SECONDS, LEFT_SECONDS, Courtesy


@pytest.fixture
def clock():
    return SimpleNamespace(now=1000.0)


@pytest.fixture
def courtesy(clock):
    made = Courtesy(lambda: clock.now)
    made.others = lambda: True
    return made


def test_a_busy_node_leaves_what_is_new_for_a_moment_only(courtesy, clock):
    clock.now += 60
    with courtesy.busy():
        assert courtesy.leaves(11, 14)
        clock.now += LEFT_SECONDS + 0.001
        assert not courtesy.leaves(11, 14)


def test_what_comes_just_after_a_look_waits_no_longer_than_twice_the_moment(courtesy, clock):
    with courtesy.busy():
        assert courtesy.leaves(11, 11)
        came = clock.now = clock.now + 0.001
        while courtesy.leaves(12, 12):
            clock.now += 0.01
    assert LEFT_SECONDS <= clock.now - came <= 2 * LEFT_SECONDS + 0.02


def test_an_idle_node_leaves_nothing(courtesy):
    with courtesy.busy():
        assert courtesy.leaves(1, 1)
    assert not courtesy.leaves(1, 1)


def test_of_a_backlog_each_message_is_taken_at_once(courtesy, clock):
    """Each waits for the moment, and not one after the other."""
    with courtesy.busy():
        for _ in range(3):
            courtesy.leaves(1, 500)
            clock.now += LEFT_SECONDS + 0.001
        assert not [oldest for oldest in range(1, 501) if courtesy.leaves(oldest, 500 + oldest)]


def test_a_node_that_is_alone_leaves_nothing_and_seldom_asks_whether_it_is(courtesy, clock):
    asked = []
    courtesy.others = lambda: bool(asked.append(clock.now))
    with courtesy.busy():
        for number in range(1, 101):
            assert not courtesy.leaves(number, number)
            clock.now += ASK_SECONDS / 50
    assert len(asked) == 2


def test_on_one_machine_nobody_is_asked(clock):
    courtesy = Courtesy(lambda: clock.now)
    with courtesy.busy():
        assert not courtesy.leaves(1, 1)
