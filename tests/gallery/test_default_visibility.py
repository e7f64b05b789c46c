"""`gallery.default_visibility`: who may see a model that has just been finished, and never one that has not."""

import dataclasses
import threading

import pytest

from lumi_box import listing
from lumi_box.errors import Conflict, Refused
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.manage_request import retry
from lumi_box.flow.pick_image import pick_image
from lumi_box.gallery import browse, publish
from lumi_box.providers.base import Pending
from lumi_box.tables import base
from lumi_box.tables.gallery import SearchText
from lumi_box.tables.generation import GeneratedModel


@pytest.fixture
def picked(box, alice, drain):
    """A model that has been ordered and not been made, under a default."""

    def pick(default=None):
        if default is not None:
            gallery = dataclasses.replace(box.config.gallery, default_visibility=default)
            box.config = dataclasses.replace(box.config, gallery=gallery)
        request = accept_prompt(box, alice.id, "a paper crane")
        drain()
        return pick_image(box, request, 0)

    return pick


def in_gallery(text=None):
    return [row.id for row in browse.public_models("latest", 20, 0, text)[0]]


def test_trap_15_models_are_private_unless_the_operator_says_otherwise(picked, drain):
    model = picked()
    drain()
    model = GeneratedModel.get_by_id(model.id)
    assert (model.status, model.visibility, model.published_at) == ("COMPLETED", "PRIVATE", None)
    assert in_gallery() == []
    assert SearchText.select().count() == 0


def test_with_public_as_default_a_finished_model_is_published_at_once(picked, drain):
    model = picked("PUBLIC")
    before = listing.generation()
    drain()
    done = GeneratedModel.get_by_id(model.id)
    assert (done.status, done.visibility, done.publish_when_done) == ("COMPLETED", "PUBLIC", False)
    assert done.published_at == pytest.approx(done.completed_at, abs=5000)
    assert listing.generation() > before  # every node's lists are made again
    assert in_gallery() == in_gallery("crane") == [model.id]


@pytest.mark.slow
def test_it_is_not_public_before_it_is_finished(picked, models, drain):
    models.slow = True
    models.tickets.append(Pending(10))
    model = picked("PUBLIC")
    for _ in range(2):
        drain()
        current = GeneratedModel.get_by_id(model.id)
        assert (current.visibility, publish.is_shown(current), in_gallery()) == ("PRIVATE", False, [])
    drain(later=True)
    assert in_gallery() == [model.id]


@pytest.mark.slow
def test_a_model_that_fails_is_never_public_until_another_try_makes_it(box, picked, models, drain):
    models.fail_next(Refused("no"))
    model = picked("PUBLIC")
    drain()
    assert (GeneratedModel.get_by_id(model.id).status, in_gallery()) == ("FAILED", [])
    retry(box, model.request)
    drain()
    assert in_gallery() == [model.id]


@pytest.mark.slow
def test_a_private_word_at_the_moment_of_the_end_is_never_lost(picked, drain, monkeypatch):
    """The owner speaks after the finishing transaction has begun, and before it publishes."""
    model, finish = picked("PUBLIC"), listing.publish_if_wanted
    spoken = threading.Event()

    def speak():
        publish.set_visibility(model, publish.PRIVATE)
        spoken.set()
        base.database.close()

    def finish_while_the_owner_speaks(model_id):
        owner.start()
        finish(model_id)

    owner = threading.Thread(target=speak)
    monkeypatch.setattr(listing, "publish_if_wanted", finish_while_the_owner_speaks)
    drain()
    owner.join()
    assert spoken.is_set()
    assert GeneratedModel.get_by_id(model.id).visibility == "PRIVATE"
    assert in_gallery() == []


def test_the_owners_word_before_the_end_counts_more_than_the_default(picked, drain):
    model = picked("PUBLIC")
    with pytest.raises(Conflict):
        publish.set_visibility(model, publish.PUBLIC)
    publish.set_visibility(model, publish.PRIVATE)
    drain()
    assert GeneratedModel.get_by_id(model.id).visibility == "PRIVATE"
    assert in_gallery() == []


@pytest.mark.slow
def test_a_model_that_was_begun_under_the_other_default_keeps_it(picked, box, drain):
    model = picked("PUBLIC")
    gallery = dataclasses.replace(box.config.gallery, default_visibility="PRIVATE")
    box.config = dataclasses.replace(box.config, gallery=gallery)
    drain()
    assert in_gallery() == [model.id]
