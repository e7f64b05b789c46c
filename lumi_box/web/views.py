"""What pages and API show, read in a number of queries that does not grow with the rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from lumi_box import events
from lumi_box.accounts import tokens
from lumi_box.gallery import browse, interact, moderate
from lumi_box.tables.account import User
from lumi_box.tables.base import snapshot
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image
from lumi_box.tables.job import Job
from lumi_box.web import owned, shapes
from lumi_box.web.context import box
from lumi_box.web.session import current_token, current_user, require_user, user_id

JSON = dict[str, Any]


def task(task_id: str) -> JSON:
    return _tasks([owned.request_of(task_id)])[0]


def variants_of(task_id: str) -> str:
    """How the task's four prompts came about: own, as-is, wanted, written or fallback."""
    return owned.request_of(task_id).variants


def task_and_event(task_id: str) -> tuple[JSON, int]:
    """The task and the id of the last event that it includes, out of one state of the database."""
    with snapshot():
        return task(task_id), events.last_id(task_id)


def tasks(limit: int, offset: int) -> JSON:
    mine = GenerationRequest.user == user_id()
    newest = (
        GenerationRequest.select()
        .where(mine)
        .order_by(GenerationRequest.created_at.desc(), GenerationRequest.id.desc())
    )
    total = GenerationRequest.select().where(mine).count()
    return {"items": _tasks(list(newest.limit(limit).offset(offset))), "total": total}


def model(model_id: str) -> JSON:
    row = owned.visible_model(model_id)
    return shapes.public_model(row) | {"generationJob": _job_shape(row.job_id)}


def my_models(limit: int, offset: int, sort: str = "latest", visibility: str | None = None) -> JSON:
    rows, total = browse.models_of(user_id(), sort, limit, offset, visibility)
    jobs = _jobs([row.job_id for row in rows])
    return {"items": [shapes.generated_model(row, jobs.get(row.job_id)) for row in rows], "total": total}


def marked_models(kind: str, limit: int, offset: int, sort: str = "latest") -> JSON:
    """What the signed-in user likes, or has as a favourite."""
    rows, total = browse.marked_by(user_id(), kind, sort, limit, offset)
    return {"items": [shapes.public_model(row) for row in rows], "total": total}


def own_figures() -> JSON:
    return dict(browse.figures_of(user_id()))


def marks(model_ids: Sequence[str]) -> dict[str, set[str]]:
    """What whoever asks has marked these models with; nothing for the signed-out."""
    user = current_user()
    return interact.marks_of(user.id, model_ids) if user else {each: set() for each in model_ids}


def with_present_counters(models: list[JSON]) -> list[JSON]:
    """Cached models as somebody is to see them who has just pressed a button."""
    now = interact.counters_of(model["id"] for model in models)
    fresh = []
    for model in models:
        likes, favorites = now.get(model["id"], (model["likeCount"], model["favoriteCount"]))
        fresh.append(model | {"likeCount": likes, "favoriteCount": favorites})
    return fresh


def is_hidden(model_id: str) -> bool:
    """Whether an operator has taken the model out of the gallery."""
    return owned.visible_model(model_id).hidden_at is not None


def reports(limit: int, offset: int) -> JSON:
    """What users have reported, and what is hidden: for the operator."""
    rows, total = moderate.reports(limit, offset)
    hidden = [shapes.moderated(row) for row in moderate.hidden(limit)]
    return {"items": [shapes.model_report(row) for row in rows], "total": total, "hidden": hidden}


def gallery(sort: str, limit: int, offset: int, q: str | None = None) -> JSON:
    rows, total = browse.public_models(sort, limit, offset, q)
    items = [shapes.public_model(row) for row in rows]
    return {"items": items, "total": total, "hasMore": offset + len(items) < total}


def jobs(state: str | None, limit: int, offset: int) -> JSON:
    """Every user's jobs, newest first: for the operator."""
    query = Job.select()
    if state:
        query = query.where(Job.status == state)
    rows = list(query.order_by(Job.created_at.desc(), Job.id.desc()).limit(limit).offset(offset))
    owners = {row.id: row.email for row in User.select().where(User.id.in_({row.user_id for row in rows}))}
    providers = box().config.providers
    names = {"image": providers.image, "model3d": providers.model3d}
    items = [shapes.queued_job(row, owners.get(row.user_id), row.provider or names[row.kind]) for row in rows]
    return {"items": items, "total": query.count()}


def account() -> JSON:
    return {"user": shapes.user(require_user()), "tokens": api_tokens(), "sessions": sessions()}


def api_tokens() -> list[JSON]:
    return [shapes.access_token(row) for row in tokens.of(require_user())]


def sessions() -> list[JSON]:
    """Browsers and programs that are signed in; which of them is asking."""
    rows = tokens.of(require_user(), tokens.SESSION, tokens.LOGIN)
    asking = current_token()
    return [shapes.signed_in(row) | {"current": asking is not None and row.id == asking.id} for row in rows]


def _tasks(requests: list[GenerationRequest]) -> list[JSON]:
    ids = [request.id for request in requests]
    images = defaultdict(list)
    for row in Image.select().where(Image.request.in_(ids)).order_by(Image.position):
        images[row.request_id].append(row)
    models = {row.request_id: row for row in GeneratedModel.select().where(GeneratedModel.request.in_(ids))}
    wanted = [row.job_id for rows in images.values() for row in rows] + [row.job_id for row in models.values()]
    found = _jobs(wanted)
    return [shapes.task(request, images[request.id], models.get(request.id), found) for request in requests]


def _jobs(ids: list[str | None]) -> shapes.Jobs:
    return {row.id: row for row in Job.select().where(Job.id.in_([each for each in ids if each]))}


def _job_shape(job_id: str | None) -> JSON | None:
    job = Job.get_or_none(Job.id == job_id)
    return shapes.generation_job(job) if job is not None else None
