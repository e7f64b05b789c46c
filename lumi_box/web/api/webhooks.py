"""/users/webhooks: addresses that are told when a task or a model ends, and what they were told."""

from __future__ import annotations

from flask import Blueprint, Response

from lumi_box.web import hooks, schemas
from lumi_box.web.api.answers import body, query, success

bp = Blueprint("webhooks", __name__)


@bp.get("/users/webhooks")
def index() -> Response:
    return success({"items": hooks.webhooks()})


@bp.post("/users/webhooks")
def create() -> Response:
    """The only answer, beside that of `rotate-secret`, that ever holds the secret."""
    return _unstored(success(hooks.create(body(schemas.WebhookIn)), 201))


@bp.get("/users/webhooks/<webhook_id>")
def show(webhook_id: str) -> Response:
    return success(hooks.webhook(webhook_id))


@bp.patch("/users/webhooks/<webhook_id>")
def change(webhook_id: str) -> Response:
    return success(hooks.change(webhook_id, body(schemas.WebhookChangesIn)))


@bp.delete("/users/webhooks/<webhook_id>")
def remove(webhook_id: str) -> Response:
    hooks.remove(webhook_id)
    return success(None)


@bp.post("/users/webhooks/<webhook_id>/test")
def test(webhook_id: str) -> Response:
    return success(hooks.test(webhook_id), 202)


@bp.post("/users/webhooks/<webhook_id>/rotate-secret")
def rotate(webhook_id: str) -> Response:
    return _unstored(success(hooks.rotate(webhook_id)))


@bp.get("/users/webhooks/<webhook_id>/deliveries")
def deliveries(webhook_id: str) -> Response:
    return success(hooks.log(webhook_id, **query(schemas.PageQuery)))


@bp.post("/users/webhooks/<webhook_id>/deliveries/<delivery_id>/redeliver")
def redeliver(webhook_id: str, delivery_id: str) -> Response:
    return success(hooks.redeliver(webhook_id, delivery_id), 202)


def _unstored(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response
