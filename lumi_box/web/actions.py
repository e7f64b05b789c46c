"""What a signed-in user does, from pages and API alike: load for the owner, call one function, answer what is now."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from marshmallow import Schema, ValidationError

from lumi_box.errors import Conflict, Invalid
from lumi_box.flow import manage_request
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.flow.pick_image import pick_image
from lumi_box.gallery import interact, moderate, publish
from lumi_box.gallery.close_account import close_account as close
from lumi_box.slicing.begin import begin, require_slicer
from lumi_box.slicing.names import NOT_FINISHED
from lumi_box.tables.generation import GeneratedModel
from lumi_box.tables.job import Job
from lumi_box.web import owned, schemas, shapes, views
from lumi_box.web.context import box
from lumi_box.web.session import require_user, user_id
from lumi_box.web.visitors import visitor

JSON = dict[str, Any]


@cache
def _made(schema: type[Schema]) -> Schema:
    return schema()  # once: that takes longer than to read with it


def load(schema: type[Schema], data: object) -> JSON:
    """Validated input; Invalid names each field and its rule."""
    if not isinstance(data, dict):
        raise Invalid({"body": ["must be a JSON object"]})
    try:
        loaded: JSON = _made(schema).load(data)
    except ValidationError as error:
        raise Invalid(_flat(error.normalized_messages())) from error
    return loaded


def create_task(
    prompt: str, variants: Sequence[str] | None = None, *, optimize: bool = True, idempotency_key: str | None = None
) -> JSON:
    given = {"prompt": prompt, "optimizePrompt": optimize, "variants": list(variants) if variants else None}
    wanted = load(schemas.PromptIn, given)
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= 128:
        raise Invalid({"Idempotency-Key": ["must have 1 to 128 characters"]})
    request = accept_prompt(
        box(),
        user_id(),
        wanted["prompt"],
        variants=wanted["variants"],
        optimize=wanted["optimizePrompt"],
        idempotency_key=idempotency_key,
    )
    return views.task(request.id)


def pick(task_id: str, index: int) -> JSON:
    """The model as it begins, and which picture it is made from."""
    wanted = load(schemas.SelectionIn, {"selectedImageIndex": index})["selectedImageIndex"]
    model = pick_image(box(), owned.request_of(task_id), wanted)
    shape = shapes.generated_model(model, Job.get_or_none(Job.id == model.job_id))
    return {"model": shape, "selectedImageIndex": wanted}


def cancel(task_id: str) -> JSON:
    manage_request.cancel(box(), owned.request_of(task_id))
    return views.task(task_id)


def retry(task_id: str) -> JSON:
    manage_request.retry(box(), owned.request_of(task_id))
    return views.task(task_id)


def redo(task_id: str, index: int) -> JSON:
    wanted = load(schemas.SelectionIn, {"selectedImageIndex": index})["selectedImageIndex"]
    manage_request.redo(box(), owned.request_of(task_id), wanted)
    return views.task(task_id)


def delete_task(task_id: str) -> None:
    publish.delete_request(box(), owned.request_of(task_id))


def print_task(task_id: str, wanted: JSON) -> JSON:
    """Have the task's model sliced; `wanted` is what schemas.PrintIn loads."""
    request = owned.request_of(task_id)
    require_slicer(box())
    model = GeneratedModel.get_or_none(GeneratedModel.request == request)
    if model is None:
        raise Conflict(NOT_FINISHED)
    row = begin(box(), model, wanted["heightMm"])
    return {"sliceTaskId": row.id, "message": "The model is being sliced."}


def slice_model(model_id: str, height_mm: str) -> None:
    wanted = load(schemas.PrintIn, {"heightMm": height_mm})
    begin(box(), owned.model_of(model_id), wanted["heightMm"])


def set_visibility(model_id: str, visibility: str) -> JSON:
    wanted = load(schemas.VisibilityIn, {"visibility": visibility})["visibility"]
    publish.set_visibility(owned.model_of(model_id), wanted)
    return views.model(model_id)


def describe_model(model_id: str, texts: object) -> JSON:
    wanted = load(schemas.ModelIn, texts)
    publish.describe(owned.model_of(model_id), **wanted)
    return views.model(model_id)


def rename_model(model_id: str, name: str) -> JSON:
    return describe_model(model_id, {"name": name})


def toggle_mark(model_id: str, kind: str) -> JSON:
    """Like or favourite a public model, or take it back."""
    wanted = load(schemas.InteractionIn, {"type": kind})["type"]
    is_set, model = interact.toggle(owned.shown_model(model_id).id, user_id(), wanted)
    counts = {"likeCount": model.like_count, "favoriteCount": model.favorite_count}
    return {"isInteracted": is_set, "type": wanted, **counts}


def visit(model_id: str) -> None:
    """Count that somebody looks at the model, when it is public."""
    model = owned.visible_model(model_id)
    if publish.is_shown(model):
        interact.count_view(model, visitor())


def count_download(model_id: str) -> JSON:
    return {"downloadCount": interact.count_download(owned.shown_model(model_id), visitor())}


def report_model(model_id: str, reason: str) -> None:
    wanted = load(schemas.ReportIn, {"reason": reason})["reason"]
    moderate.report(owned.shown_model(model_id), user_id(), wanted)


def moderate_model(model_id: str, *, hide: bool) -> None:
    """For operators: the route lets nobody else in."""
    moderate.decide(model_id, hide=hide)


def delete_model(model_id: str) -> None:
    publish.delete(box(), owned.model_of(model_id))


def close_account() -> None:
    """The signed-in user's account, with everything in it. Conflict for the last administrator."""
    close(box(), require_user())


def _flat(messages: dict[str, Any], prefix: str = "") -> dict[str, list[str]]:
    """`{"variants": {2: ["…"]}}` -> `{"variants.2": ["…"]}`."""
    flat: dict[str, list[str]] = {}
    for name, value in messages.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict):
            flat |= _flat(value, f"{path}.")
        else:
            flat[path] = [str(text) for text in value]
    return flat
