"""Counters that stay right: under concurrency, and against those who would pump them."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from shelf import published_model

from lumi_box.accounts import local
from lumi_box.errors import NotFound
from lumi_box.gallery import interact
from lumi_box.gallery.interact import FAVORITE, LIKE
from lumi_box.tables import base
from lumi_box.tables.base import new_id
from lumi_box.tables.generation import GeneratedModel
from lumi_box.tables.interaction import Interaction, Visit

TOGGLES = 200


@pytest.fixture
def model(alice):
    return published_model(alice)


def figures(model):
    row = GeneratedModel.get_by_id(model.id)
    return row.view_count, row.download_count, row.like_count, row.favorite_count


def test_a_toggle_sets_the_mark_and_takes_it_back(model, bob):
    assert interact.toggle(model.id, bob.id, LIKE)[0] is True
    assert interact.toggle(model.id, bob.id, FAVORITE)[0] is True
    assert interact.marks_of(bob.id, [model.id, "x"]) == {model.id: {LIKE, FAVORITE}, "x": set()}
    assert figures(model) == (0, 0, 1, 1)
    is_set, row = interact.toggle(model.id, bob.id, LIKE)
    assert (is_set, row.like_count, row.favorite_count) == (False, 0, 1)


def test_two_hundred_toggles_at_once_leave_exact_counters(model, box):
    """Eight users, each 25 times: an odd number, so that each ends with a like."""
    users = [local.create(f"user{number}@example.org", None) for number in range(8)]
    start = threading.Barrier(20)

    def toggle(number):
        if number < 20:
            start.wait(10)
        with base.database.connection_context():
            return interact.toggle(model.id, users[number % 8].id, LIKE)[0]

    base.database.close()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(toggle, range(TOGGLES)))
    assert answers.count(True) - answers.count(False) == 8
    assert figures(model) == (0, 0, 8, 0)
    assert Interaction.select().count() == 8


def test_a_toggle_that_fails_changes_no_counter(model, bob, monkeypatch):
    monkeypatch.setattr(GeneratedModel, "get_by_id", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        interact.toggle(model.id, bob.id, LIKE)
    monkeypatch.undo()
    assert figures(model) == (0, 0, 0, 0)
    assert not Interaction.select().exists()


def test_a_model_that_has_just_gone_is_not_found(model, bob):
    GeneratedModel.delete().execute()
    with pytest.raises(NotFound):
        interact.toggle(model.id, bob.id, LIKE)
    with pytest.raises(NotFound):
        interact.count_view(model, bob.id)


def test_trap_18_views_and_downloads_cannot_be_pumped(model, bob, monkeypatch):
    """Trap 18: anyone could raise the counters by asking again."""
    for _ in range(5):
        interact.count_view(model, bob.id)
        interact.count_download(model, bob.id)
    assert figures(model)[:2] == (1, 1)
    assert interact.count_view(model, "somebody else") == 2
    tomorrow = interact.today() + 1
    monkeypatch.setattr(interact, "today", lambda: tomorrow)
    assert interact.count_view(model, bob.id) == 3


def test_one_viewer_many_times_at_once_counts_once(model, bob):
    start = threading.Barrier(8)

    def look(_):
        start.wait(10)
        with base.database.connection_context():
            interact.count_view(model, bob.id)

    base.database.close()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(look, range(8)))
    assert figures(model)[0] == 1


def test_makers_do_not_count_themselves(model, alice):
    interact.count_view(model, alice.id)
    interact.count_download(model, alice.id)
    assert figures(model)[:2] == (0, 0)


def test_what_was_counted_is_forgotten_after_its_day(model, bob, monkeypatch):
    interact.count_view(model, bob.id)
    interact.forget_visits()
    assert Visit.select().count() == 1
    later = interact.today() + interact.KEPT_DAYS + 1
    monkeypatch.setattr(interact, "today", lambda: later)
    interact.forget_visits()
    assert Visit.select().count() == 0
    assert figures(model)[0] == 1


def test_marks_go_with_their_model(model, bob):
    interact.toggle(model.id, bob.id, LIKE)
    GeneratedModel.delete().where(GeneratedModel.id == model.id).execute()
    assert not Interaction.select().exists()
    assert interact.marks_of(bob.id, [new_id()])
