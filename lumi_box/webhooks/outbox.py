"""What webhooks are to be told: noted in the transaction in which it came to be, so that both are there or neither."""

from __future__ import annotations

from lumi_box import shapes
from lumi_box.clock import now_ms
from lumi_box.errors import Conflict
from lumi_box.shapes import JSON
from lumi_box.tables.account import User
from lumi_box.tables.base import new_id, retried, transaction
from lumi_box.tables.dialect import lock
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image
from lumi_box.tables.job import Job
from lumi_box.tables.webhook import Webhook, WebhookDelivery
from lumi_box.webhooks import payload
from lumi_box.webhooks.names import PENDING, TEST
from lumi_box.webhooks.register import SWITCHED_OFF


def record(event: str, user_id: str, request_id: str) -> None:
    """A delivery for each of the user's webhooks that wants to hear of the event, in the caller's transaction."""
    listening = [hook for hook in _switched_on(user_id) if event in hook.events.split()]
    if not listening:
        return
    data = payload.noted(_snapshot(event, request_id))
    now = now_ms()
    rows = [
        {"id": new_id(), "webhook": hook, "request": request_id, "type": event, "data": data, "created_at": now}
        for hook in listening
    ]
    WebhookDelivery.insert_many(rows).execute()


def test(hook: Webhook) -> WebhookDelivery:
    """One delivery that tells of nothing, tried once. Conflict while the webhook is switched off."""
    _require_on(hook)
    data = payload.noted({"webhook": {"id": hook.id}})
    made: WebhookDelivery = WebhookDelivery.create(webhook=hook, type=TEST, data=data)
    return made


@retried
def again(delivery: WebhookDelivery) -> None:
    """Deliver once more what has ended, under the same id, with all attempts. Conflict while it is under way."""
    with transaction():
        lock(Webhook, delivery.webhook_id)
        _require_on(Webhook.get_by_id(delivery.webhook_id))
        anew = {"status": PENDING, "attempts": 0, "due_at": now_ms(), "lease": None, "ended_at": None}
        ended = (WebhookDelivery.id == delivery.id) & (WebhookDelivery.status != PENDING)
        if WebhookDelivery.update(anew).where(ended).execute() != 1:
            raise Conflict("It is being delivered already.")


def _switched_on(user_id: str) -> list[Webhook]:
    """Those of an account that is not locked."""
    mine = (Webhook.user == user_id) & Webhook.disabled_at.is_null() & User.disabled_at.is_null()
    return list(Webhook.select(Webhook).join(User).where(mine))


def _require_on(hook: Webhook) -> None:
    if hook.disabled_at is not None:
        raise Conflict(SWITCHED_OFF)


def _snapshot(event: str, request_id: str) -> JSON:
    """The task, or its model, as the API shows it at this moment."""
    model: GeneratedModel | None = GeneratedModel.get_or_none(GeneratedModel.request == request_id)
    jobs: shapes.Jobs = {job.id: job for job in Job.select().where(Job.request_id == request_id)}
    if model is not None and event.startswith("model."):
        return {"model": shapes.generated_model(model, jobs.get(model.job_id), payload.address_later)}
    request = GenerationRequest.get_by_id(request_id)
    images = list(Image.select().where(Image.request == request_id).order_by(Image.position))
    return {"task": shapes.task(request, images, model, jobs, payload.address_later)}
