"""An account goes with all that it made, and leaves others' things as they are."""

import pytest

from lumi_box.accounts import tokens
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.pick_image import pick_image
from lumi_box.gallery import interact, publish
from lumi_box.gallery.close_account import close_account
from lumi_box.jobs import lifecycle
from lumi_box.storage import ledger
from lumi_box.tables.account import AccessToken, User
from lumi_box.tables.generation import GeneratedModel, GenerationRequest
from lumi_box.tables.job import Job
from lumi_box.tables.stored_object import StoredObject


@pytest.fixture
def model_of(box, drain):
    def make(user):
        request = accept_prompt(box, user.id, "a paper crane")
        drain()
        pick_image(box, request, 1)
        drain()
        model = GeneratedModel.get(GeneratedModel.user == user)
        publish.set_visibility(model, publish.PUBLIC)
        return model

    return make


def test_everything_of_the_user_goes_and_nothing_of_others(box, alice, bob, model_of, drain):
    model_of(alice)
    bobs = model_of(bob)
    accept_prompt(box, alice.id, "still waiting")
    tokens.issue(alice, tokens.API)
    interact.toggle(bobs.id, alice.id, interact.LIKE)
    close_account(box, alice)
    while ledger.remove_doomed(box.storage):
        pass
    assert [user.id for user in User.select()] == [bob.id]
    assert {row.user_id for row in GenerationRequest.select()} == {bob.id}
    assert {row.user_id for row in StoredObject.select()} == {bob.id}
    assert {key.key for page in box.storage.pages() for key in page} == {row.key for row in StoredObject.select()}
    assert AccessToken.select().where(AccessToken.user == alice).count() == 0
    assert Job.select().where(Job.user_id == alice.id, Job.status.in_(lifecycle.ACTIVE)).count() == 0
    assert GeneratedModel.get_by_id(bobs.id).like_count == 0
    drain(later=True)


def test_an_account_whose_end_was_interrupted_can_be_ended_again(box, alice, model_of, monkeypatch):
    model_of(alice)
    with monkeypatch.context() as broken:
        broken.setattr(publish, "delete_request", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            close_account(box, alice)
    assert User.get_by_id(alice.id).disabled_at is not None
    close_account(box, alice)
    assert User.select().count() == 0
    assert {row.state for row in StoredObject.select()} == {ledger.DOOMED}
