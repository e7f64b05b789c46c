"""Private to public and back; a name, a description, the end of a model. Every change shows in the gallery at once."""

from __future__ import annotations

from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.errors import Conflict
from lumi_box.flow import manage_request, request_state
from lumi_box.gallery import changes, search
from lumi_box.jobs import lifecycle
from lumi_box.storage import ledger
from lumi_box.tables.base import retried, transaction
from lumi_box.tables.dialect import changing
from lumi_box.tables.generation import GeneratedModel, GenerationRequest
from lumi_box.tables.job import Job

PUBLIC, PRIVATE = "PUBLIC", "PRIVATE"
SHOWN = (GeneratedModel.visibility == PUBLIC) & GeneratedModel.hidden_at.is_null()


def is_shown(model: GeneratedModel) -> bool:
    """Whether everybody may see it."""
    return model.visibility == PUBLIC and model.hidden_at is None


def set_visibility(model: GeneratedModel, visibility: str) -> None:
    """Only a finished model can be published; the day of the first publication stays."""
    now = now_ms()
    with transaction():
        current = GeneratedModel.get_by_id(model.id)
        if visibility == PUBLIC and current.status != request_state.DONE:
            raise Conflict("Only a finished model can be published.")
        published = current.published_at or now if visibility == PUBLIC else current.published_at
        _update(model.id, visibility=visibility, published_at=published, updated_at=now)


def describe(model: GeneratedModel, **texts: str) -> None:
    """`name`, `description` or both."""
    with transaction():
        _update(model.id, **texts, updated_at=now_ms())


def hide(model_id: str, *, hidden: bool) -> None:
    """An operator's word, which the owner's does not change: out of the gallery, or back in."""
    with transaction():
        _update(model_id, hidden_at=now_ms() if hidden else None)


@retried
def delete(box: Box, model: GeneratedModel) -> None:
    """The model goes, its request stays with its pictures, so that one can be picked again."""
    with changing(model.request_id):
        for job in Job.select().where(Job.target_id == model.id, Job.status.in_(lifecycle.ACTIVE)):
            lifecycle.cancel(box, job)
        ledger.doom_model(model.id, model.request_id)
        GeneratedModel.delete().where(GeneratedModel.id == model.id).execute()
        GenerationRequest.update(selected_position=None).where(GenerationRequest.id == model.request_id).execute()
        request_state.refresh(model.request_id)
        changes.note()


@retried
def delete_request(box: Box, request: GenerationRequest) -> None:
    """The whole request goes, a published model with it."""
    with changing(request.id):
        manage_request.delete(box, request)
        changes.note()


def _update(model_id: str, **columns: object) -> None:
    """Change a row, and what is searched and cached of it, in the caller's transaction."""
    GeneratedModel.update(columns).where(GeneratedModel.id == model_id).execute()
    row = GeneratedModel.select(GeneratedModel, GenerationRequest).join(GenerationRequest)
    model = row.where(GeneratedModel.id == model_id).first()
    if model is None:
        return  # deleted meanwhile
    if is_shown(model):
        search.put(model.id, model.name, model.request.prompt)
    else:
        search.drop(model.id)
    changes.note()
