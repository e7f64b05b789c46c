"""One function a resource: loads it for who is asking, or raises NotFound. Nothing else decides whose a row is."""

from __future__ import annotations

from typing import Any, cast

from lumi_box.errors import NotFound
from lumi_box.gallery.publish import SHOWN
from lumi_box.tables.account import User
from lumi_box.tables.generation import GeneratedModel, GenerationRequest
from lumi_box.tables.prepared import PreparedModels
from lumi_box.tables.webhook import Webhook, WebhookDelivery
from lumi_box.web.session import current_user, user_id

_own_request = PreparedModels(
    lambda request_id, user: GenerationRequest.select().where(
        GenerationRequest.id == request_id, GenerationRequest.user == user
    ),
    GenerationRequest,
)


def request_of(request_id: str) -> GenerationRequest:
    """The signed-in user's own request."""
    found = _own_request(request_id, user_id())
    if not found:
        raise NotFound("There is no such request.")
    ((row,),) = found
    return cast(GenerationRequest, row)


def model_of(model_id: str) -> GeneratedModel:
    """The signed-in user's own model."""
    row: GeneratedModel | None = GeneratedModel.get_or_none(
        GeneratedModel.id == model_id, GeneratedModel.user == user_id()
    )
    if row is None:
        raise NotFound("There is no such model.")
    return row


def webhook_of(webhook_id: str) -> Webhook:
    """The signed-in user's own webhook."""
    row: Webhook | None = Webhook.get_or_none(Webhook.id == webhook_id, Webhook.user == user_id())
    if row is None:
        raise NotFound("There is no such webhook.")
    return row


def delivery_of(webhook_id: str, delivery_id: str) -> WebhookDelivery:
    """One of that webhook's."""
    hook = webhook_of(webhook_id)
    row: WebhookDelivery | None = WebhookDelivery.get_or_none(
        WebhookDelivery.id == delivery_id, WebhookDelivery.webhook == hook
    )
    if row is None:
        raise NotFound("There is no such delivery.")
    return row


def visible_model(model_id: str) -> GeneratedModel:
    """A public model, or the asking user's own; it comes with its user and its request."""
    user = current_user()
    return _model(model_id, SHOWN if user is None else SHOWN | (GeneratedModel.user == user.id))


def shown_model(model_id: str) -> GeneratedModel:
    """One that everybody may see, whoever asks; it comes with its user and its request."""
    return _model(model_id, SHOWN)


def _model(model_id: str, seen: Any) -> GeneratedModel:
    query = GeneratedModel.select(GeneratedModel, User, GenerationRequest).join(User).switch(GeneratedModel)
    row: GeneratedModel | None = query.join(GenerationRequest).where(GeneratedModel.id == model_id, seen).first()
    if row is None:
        raise NotFound("There is no such model.")
    return row
