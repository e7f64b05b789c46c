"""/tasks: a prompt, its pictures, the pick, and the stream of what happens."""

from __future__ import annotations

from flask import Blueprint, Response, request

from lumi_box.errors import NotConfigured
from lumi_box.web import actions, owned, schemas, stream, views
from lumi_box.web.api.answers import body, query, success, tagged

bp = Blueprint("tasks", __name__)


@bp.get("/tasks")
def index() -> Response:
    return success(views.tasks(**query(schemas.PageQuery())))


@bp.post("/tasks")
def create() -> Response:
    wanted = body(schemas.PromptIn())
    key = request.headers.get("Idempotency-Key")
    task = actions.create_task(
        wanted["prompt"], wanted["variants"], optimize=wanted["optimizePrompt"], idempotency_key=key
    )
    return success(task, 201)


@bp.get("/tasks/<task_id>")
def show(task_id: str) -> Response:
    return tagged(views.task(task_id))


@bp.patch("/tasks/<task_id>")
def pick(task_id: str) -> Response:
    return success(actions.pick(task_id, body(schemas.SelectionIn())["selectedImageIndex"]))


@bp.post("/tasks/<task_id>/images/<int:index>/redo")
def redo(task_id: str, index: int) -> Response:
    return success(actions.redo(task_id, index))


@bp.post("/tasks/<task_id>/cancel")
def cancel(task_id: str) -> Response:
    return success(actions.cancel(task_id))


@bp.post("/tasks/<task_id>/retry")
def retry(task_id: str) -> Response:
    return success(actions.retry(task_id))


@bp.delete("/tasks/<task_id>")
def delete(task_id: str) -> Response:
    actions.delete_task(task_id)
    return success(None)


@bp.post("/tasks/<task_id>/print")
@bp.get("/tasks/<task_id>/print-status")
def printing(task_id: str) -> Response:
    owned.request_of(task_id)
    raise NotConfigured("No slicer is configured.")


@bp.get("/tasks/<task_id>/events")
def events(task_id: str) -> Response:
    return stream.of_task(task_id)
