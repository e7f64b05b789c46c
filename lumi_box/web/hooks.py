"""What a signed-in user does with webhooks, from pages and API alike: load for the owner, call, answer what is now."""

from __future__ import annotations

from typing import Any

from lumi_box.errors import TooMany, marked
from lumi_box.tables import window
from lumi_box.tables.webhook import Webhook, WebhookDelivery
from lumi_box.web import owned, schemas, shapes
from lumi_box.web.actions import load
from lumi_box.web.context import box
from lumi_box.web.session import user_id
from lumi_box.webhooks import deliveries, outbox, register

JSON = dict[str, Any]
MINUTE_MS = 60_000
CALLS_A_MINUTE = 20  # that a user may ask for by hand, so that a webhook is no means to flood somebody
TOO_OFTEN = marked("That was asked for too often. Wait a minute.")


def webhooks() -> list[JSON]:
    return [shapes.webhook(row) for row in register.of(user_id())]


def webhook(webhook_id: str) -> JSON:
    return shapes.webhook(owned.webhook_of(webhook_id))


def create(given: object) -> JSON:
    """The new webhook, and its secret for the only time."""
    wanted = load(schemas.WebhookIn, given)
    return _with_secret(register.create(box().config, user_id(), wanted["url"], wanted["events"]))


def change(webhook_id: str, given: object) -> JSON:
    hook = owned.webhook_of(webhook_id)
    wanted = load(schemas.WebhookChangesIn, given)
    register.change(box().config, hook, url=wanted.get("url"), events=wanted.get("events"), on=wanted.get("enabled"))
    return webhook(webhook_id)


def rotate(webhook_id: str) -> JSON:
    """The webhook, and its new secret for the only time."""
    register.rotate(owned.webhook_of(webhook_id))
    return _with_secret(owned.webhook_of(webhook_id))


def remove(webhook_id: str) -> None:
    register.remove(owned.webhook_of(webhook_id))


def test(webhook_id: str) -> JSON:
    hook = owned.webhook_of(webhook_id)
    _count_call()
    return shapes.webhook_delivery(outbox.test(hook))


def log(webhook_id: str, limit: int, offset: int) -> JSON:
    rows, total = deliveries.of(owned.webhook_of(webhook_id).id, limit, offset)
    return {"items": [shapes.webhook_delivery(row) for row in rows], "total": total}


def redeliver(webhook_id: str, delivery_id: str) -> JSON:
    delivery = owned.delivery_of(webhook_id, delivery_id)
    _count_call()
    outbox.again(delivery)
    return shapes.webhook_delivery(WebhookDelivery.get_by_id(delivery.id))


def _with_secret(hook: Webhook) -> JSON:
    return shapes.webhook(hook) | {"secret": register.secret(box().config, hook)}


def _count_call() -> None:
    if not window.take(f"webhook-calls:{user_id()}", MINUTE_MS, CALLS_A_MINUTE):
        raise TooMany(TOO_OFTEN, retry_after=window.seconds_left(MINUTE_MS))
