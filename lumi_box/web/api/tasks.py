"""/tasks: a prompt, its pictures, the pick, and the stream of what happens."""

from __future__ import annotations

from flask import Blueprint, Response, request

from lumi_box.web import actions, kept_answers, schemas, stream, views
from lumi_box.web.api.answers import body, optional_body, query, success

bp = Blueprint("tasks", __name__)


@bp.get("/tasks")
def index() -> Response:
    page = query(schemas.PageQuery)
    return kept_answers.answer(lambda: views.tasks(**page))


@bp.post("/tasks")
def create() -> Response:
    wanted = body(schemas.PromptIn)
    key = request.headers.get("Idempotency-Key")
    task = actions.create_task(
        wanted["prompt"], wanted["variants"], optimize=wanted["optimizePrompt"], idempotency_key=key
    )
    return success(task, 201)


@bp.get("/tasks/<task_id>")
def show(task_id: str) -> Response:
    return kept_answers.answer(lambda: views.task(task_id))


@bp.patch("/tasks/<task_id>")
def pick(task_id: str) -> Response:
    return success(actions.pick(task_id, body(schemas.SelectionIn)["selectedImageIndex"]))


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
def slice_model(task_id: str) -> Response:
    return success(actions.print_task(task_id, optional_body(schemas.PrintIn)))


@bp.get("/tasks/<task_id>/print-status")
def print_status(task_id: str) -> Response:
    return success(views.print_status_of_task(task_id))


@bp.get("/tasks/<task_id>/events")
def events(task_id: str) -> Response:
    return stream.of_task(task_id)
