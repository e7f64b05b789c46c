"""What is noted when: each end once, in its own transaction, for whoever wants to hear of it."""

import json

import pytest
from webhooks.conftest import delivery_of, told, webhook_of

from lumi_box.accounts import local
from lumi_box.errors import Conflict, Refused, Unavailable
from lumi_box.flow import close_requests, manage_request
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.pick_image import pick_image
from lumi_box.gallery import publish
from lumi_box.gallery.close_account import close_account
from lumi_box.jobs import lifecycle
from lumi_box.providers.base import Pending
from lumi_box.tables.base import transaction
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image
from lumi_box.tables.job import Job
from lumi_box.tables.webhook import Webhook, WebhookDelivery
from lumi_box.webhooks import outbox, payload
from lumi_box.webhooks.names import TEST


@pytest.fixture
def request_(box, alice):
    return accept_prompt(box, alice.id, "a paper crane")


def noted(event):
    return payload.json.loads(WebhookDelivery.get(WebhookDelivery.type == event).data)


def test_pictures_and_model_are_told_of_once_each(box, hook, request_, drain):
    drain()
    assert told() == ["task.completed"]
    pick_image(box, request_, 1)
    drain()
    assert told() == ["task.completed", "model.completed"]
    task, model = noted("task.completed")["task"], noted("model.completed")["model"]
    assert (task["id"], task["status"], task["prompt"]) == (request_.id, "IMAGE_COMPLETED", "a paper crane")
    assert [image["imageStatus"] for image in task["images"]] == ["COMPLETED"] * 4
    assert task["images"][0]["imageUrl"] == {"$file": Image.get(Image.position == 0).object_key}
    assert (model["requestId"], model["generationStatus"], model["faceCount"]) == (request_.id, "COMPLETED", 12)
    assert model["glbUrl"] == {"$file": GeneratedModel.get().glb_key}


@pytest.mark.slow
def test_pictures_that_end_after_the_pick_are_told_of_too(box, hook, request_, images, drain):
    images.slow = True
    drain()
    first = Image.get(Image.position == 0)
    Image.update(status="COMPLETED", object_key="images/x/0.png").where(Image.id == first.id).execute()
    lifecycle.cancel(box, Job.get_by_id(first.job_id))
    pick_image(box, request_, 0)
    drain(later=True)
    assert sorted(told()) == ["model.failed", "task.completed"]  # its picture is not in the store


def test_all_pictures_failed(box, hook, request_, images, drain):
    images.fail_next(*[Refused("no")] * 4)
    drain()
    assert told() == ["task.failed"]
    assert {image["errorMessage"] for image in noted("task.failed")["task"]["images"]} == {"no"}


def test_a_failure_that_is_tried_again_is_no_end(box, hook, request_, images, drain):
    images.fail_next(Unavailable("away", retry_after=60))
    drain()
    assert told() == []
    drain(later=True)
    assert told() == ["task.completed"]


@pytest.mark.slow
def test_a_failed_model_and_the_next_one(box, hook, request_, models, drain):
    drain()
    models.fail_next(Refused("no"))
    pick_image(box, request_, 0)
    drain()
    manage_request.retry(box, request_)
    drain()
    assert told() == ["task.completed", "model.failed", "model.completed"]
    assert noted("model.failed")["model"]["errorMessage"] == "no"


def test_a_picture_that_is_painted_again_ends_again(box, hook, request_, drain):
    drain()
    manage_request.redo(box, request_, 2)
    assert told() == ["task.completed"]
    drain()
    assert told() == ["task.completed"] * 2


def test_cancelling_pictures_is_one_thing_to_tell(box, hook, request_):
    manage_request.cancel(box, request_)
    assert told() == ["task.cancelled"]
    assert noted("task.cancelled")["task"]["status"] == "CANCELLED"


def test_cancelling_a_model_ends_both(box, hook, request_, models, drain):
    drain()
    models.slow = True
    models.tickets.append(Pending(10))
    pick_image(box, request_, 0)
    drain()
    manage_request.cancel(box, request_)
    assert told() == ["task.completed", "model.failed", "task.cancelled"]
    assert noted("task.cancelled")["task"]["model"]["generationStatus"] == "FAILED"


def test_an_operator_who_stops_the_last_picture_ends_the_task(box, hook, request_, images, drain):
    images.slow = True
    drain()
    for job in Job.select().order_by(Job.id):
        assert told() == []
        manage_request.cancel_job(box, job)
    assert told() == ["task.failed"]


def test_what_the_recovery_closes_is_told_of(box, hook, request_):
    Job.delete().execute()
    GenerationRequest.update(updated_at=0).execute()
    assert close_requests.close_stranded() == 1
    assert told() == ["task.failed"]


@pytest.mark.slow
def test_what_is_no_end_is_not_told_of(box, hook, request_, drain):
    drain()
    pick_image(box, request_, 0)
    drain()
    before = told()
    model = GeneratedModel.get()
    publish.set_visibility(model, publish.PUBLIC)
    publish.delete(box, model)
    assert told() == before
    assert GenerationRequest.get().status == "IMAGE_COMPLETED"


@pytest.mark.slow
def test_each_webhook_hears_what_it_wants(box, alice, request_, drain):
    everything, models, silent = webhook_of(alice), webhook_of(alice, events=["model.completed"]), webhook_of(alice)
    Webhook.update(disabled_at=1, disabled_reason="owner").where(Webhook.id == silent.id).execute()
    drain()
    pick_image(box, request_, 0)
    drain()
    assert told(everything) == ["task.completed", "model.completed"]
    assert told(models) == ["model.completed"]
    assert told(silent) == []
    assert len({row.id for row in WebhookDelivery.select()}) == 3


def test_nobody_hears_of_anothers_things(box, hook, bob, drain):
    theirs = webhook_of(bob)
    accept_prompt(box, bob.id, "a fox")
    drain()
    assert (told(hook), told(theirs)) == ([], ["task.completed"])


def test_a_locked_account_is_silent(box, hook, alice, request_, drain):
    local.disable(alice)
    drain()
    assert told() == []


def test_what_is_rolled_back_is_not_told(box, hook, request_):
    with pytest.raises(ZeroDivisionError), transaction():
        manage_request.cancel(box, request_)
        assert told() == ["task.cancelled"]
        raise ZeroDivisionError
    assert told() == []
    assert GenerationRequest.get().status == "IMAGE_PENDING"


def test_if_it_cannot_be_noted_it_has_not_ended(box, hook, request_, monkeypatch):
    monkeypatch.setattr(outbox, "_snapshot", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        manage_request.cancel(box, request_)
    assert (told(), GenerationRequest.get().status) == ([], "IMAGE_PENDING")
    assert Job.select().where(Job.status == "CANCELLED").count() == 0


def test_a_deleted_request_takes_its_deliveries_with_it(box, hook, request_, drain):
    drain()
    assert told() == ["task.completed"]
    publish.delete_request(box, request_)
    assert told() == []


def test_a_deleted_account_takes_its_webhooks_with_it(box, hook, alice, bob, drain):
    webhook_of(bob)
    accept_prompt(box, alice.id, "a fox")
    outbox.test(hook)
    close_account(box, alice)
    assert [row.user_id for row in Webhook.select()] == [bob.id]
    assert WebhookDelivery.select().count() == 0


def test_a_test_tells_of_nothing(hook):
    row = outbox.test(hook)
    assert (row.type, row.request_id, json.loads(row.data)) == (TEST, None, {"webhook": {"id": hook.id}})
    Webhook.update(disabled_at=1).execute()
    with pytest.raises(Conflict):
        outbox.test(Webhook.get())


def test_only_what_has_ended_is_delivered_again(hook):
    waiting = delivery_of(hook)
    with pytest.raises(Conflict):
        outbox.again(waiting)
    ended = delivery_of(hook, status="FAILED", attempts=8, due_at=None, ended_at=1)
    outbox.again(ended)
    row = WebhookDelivery.get_by_id(ended.id)
    assert (row.status, row.attempts, row.ended_at, row.due_at is None) == ("PENDING", 0, None, False)
    Webhook.update(disabled_at=1).execute()
    WebhookDelivery.update(status="DELIVERED").execute()
    with pytest.raises(Conflict):
        outbox.again(row)


def test_the_body_is_noted_once_and_its_addresses_are_made_for_each_attempt(box, hook, request_, drain):
    drain()
    row = WebhookDelivery.get()
    made = [json.loads(payload.body(row, lambda key, base=base: f"{base}/{key}")) for base in ("a", "b")]
    assert made[0]["id"] == row.id and made[0]["type"] == "task.completed"
    assert set(made[0]) == {"id", "type", "createdAt", "data"}
    urls = [each["data"]["task"]["images"][0]["thumbnailUrl"] for each in made]
    key = Image.get(Image.position == 0).thumbnail_key
    assert urls == [f"a/{key}", f"b/{key}"]
    assert b"$file" not in payload.body(row, str)


def test_a_prompt_that_looks_like_a_file_stays_a_prompt(box, alice, hook, drain):
    accept_prompt(box, alice.id, '{"$file": "images/x/0.png"}')
    drain()
    body = json.loads(payload.body(WebhookDelivery.get(), lambda _: "an address"))
    assert body["data"]["task"]["prompt"] == '{"$file": "images/x/0.png"}'
