"""What pages and API show, read in a number of queries that does not grow with the rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from peewee import fn

from lumi_box import events
from lumi_box.accounts import tokens
from lumi_box.gallery import browse, interact, moderate
from lumi_box.slicing.begin import latest_of, require_slicer
from lumi_box.tables.account import User
from lumi_box.tables.base import snapshot
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image
from lumi_box.tables.job import Job
from lumi_box.tables.prepared import Prepared
from lumi_box.web import addresses, owned, shapes
from lumi_box.web.context import box
from lumi_box.web.open_links import links_to
from lumi_box.web.print_report import STORED_HEIGHT_MM, report
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
    ((total,),) = _count_of_requests(user_id())
    return {"items": _tasks(_newest_requests(user_id(), limit, offset)), "total": total}


_count_of_requests = Prepared(
    lambda user: GenerationRequest.select(fn.COUNT(GenerationRequest.id)).where(GenerationRequest.user == user)
)

_newest_requests = Prepared(
    lambda user, limit, offset: (
        GenerationRequest.select()
        .where(GenerationRequest.user == user)
        .order_by(GenerationRequest.created_at.desc(), GenerationRequest.id.desc())
        .limit(limit)
        .offset(offset)
    )
)


def model(model_id: str) -> JSON:
    row = owned.visible_model(model_id)
    user = current_user()
    mine = shapes.printing(row) if user is not None and user.id == row.user_id else {}
    return shapes.public_model(row) | {"generationJob": _job_shape(row.job_id)} | mine


def print_status_of_task(task_id: str) -> JSON:
    """How the task's model is being sliced. NotConfigured where nothing slices."""
    request = owned.request_of(task_id)
    require_slicer(box())
    model = GeneratedModel.get_or_none(GeneratedModel.request == request)
    return shapes.print_status(None if model is None else latest_of(model.id))


def print_status(model_id: str) -> JSON | None:
    """Likewise for its owner's page, by the model; None where nothing slices."""
    model = owned.model_of(model_id)
    return shapes.print_status(latest_of(model.id)) if box().config.slicer.kind != "none" else None


def print_report(model_id: str, height_mm: float = STORED_HEIGHT_MM) -> JSON | None:
    """None while nobody has looked at the mesh: it is not finished, or from before there were reports."""
    row = owned.visible_model(model_id)
    if row.print_facts is None:
        return None
    solid: JSON = {"faces": row.face_count, "vertices": row.vertex_count, "size_mm": row.size_mm}
    solid["volume_cm3"] = row.volume_cm3
    return report(row.print_facts, **solid, height_mm=height_mm, bed_mm=box().config.printer.bed_mm)


def open_links(model_id: str) -> JSON | None:
    """For the signed-in; None while there is no file."""
    row = owned.visible_model(model_id)
    address = addresses.of(row.threemf_key)
    return links_to(address) if address is not None and current_user() is not None else None


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
    if not ids:
        return []
    images = defaultdict(list)
    for row in _images_of(ids):
        images[row.request_id].append(row)
    models = {row.request_id: row for row in _models_of(ids)}
    wanted = [row.job_id for rows in images.values() for row in rows] + [row.job_id for row in models.values()]
    found = _jobs(wanted)
    return [shapes.task(request, images[request.id], models.get(request.id), found) for request in requests]


_images_of = Prepared(lambda ids: Image.select().where(Image.request.in_(ids)).order_by(Image.position))
_models_of = Prepared(lambda ids: GeneratedModel.select().where(GeneratedModel.request.in_(ids)))
_jobs_of = Prepared(lambda ids: Job.select(Job.id, Job.status, Job.attempt, Job.progress).where(Job.id.in_(ids)))


def _jobs(ids: list[str | None]) -> shapes.Jobs:
    known = [each for each in ids if each]
    return {row.id: row for row in _jobs_of(known)} if known else {}


def _job_shape(job_id: str | None) -> JSON | None:
    job = Job.get_or_none(Job.id == job_id)
    return shapes.generation_job(job) if job is not None else None
