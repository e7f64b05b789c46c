"""Webhooks of alice's, and steps of the flow that they are told of."""

import dataclasses

import pytest

from lumi_box.clock import now_ms
from lumi_box.tables.webhook import Webhook, WebhookDelivery
from lumi_box.webhooks.names import EVENTS

URL = "https://hooks.example.com/lumi"


def webhook_of(user, url=URL, events=EVENTS, **columns):
    """As a row: nothing is looked up."""
    return Webhook.create(user=user, url=url, events=" ".join(events), salt=columns.pop("salt", "salt"), **columns)


def delivery_of(hook, **columns):
    return WebhookDelivery.create(**{"webhook": hook, "type": "task.completed", "data": '{"task":{}}'} | columns)


def told(*hooks):
    """The types of what was noted, in order."""
    rows = WebhookDelivery.select().order_by(WebhookDelivery.id)
    return [row.type for row in rows if not hooks or row.webhook_id in {hook.id for hook in hooks}]


def later(row, milliseconds):
    """As if so much time had passed for what is due."""
    WebhookDelivery.update(due_at=WebhookDelivery.due_at - milliseconds).where(WebhookDelivery.id == row.id).execute()


def in_seconds(row):
    """How long until the next attempt."""
    return (WebhookDelivery.get_by_id(row.id).due_at - now_ms()) / 1000


@pytest.fixture
def hook(alice):
    return webhook_of(alice)


@pytest.fixture
def allow(box):
    """Name hosts as an operator does in `providers.allowed_hosts`; production mode, which relaxes nothing."""

    def allow(*hosts):
        providers = dataclasses.replace(box.config.providers, allowed_hosts=hosts)
        box.config = dataclasses.replace(box.config, providers=providers, mode="production")
        return box.config

    return allow
