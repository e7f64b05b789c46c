"""Private to public and back; a name, a description, the end of a model."""

from __future__ import annotations

from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.errors import Conflict
from lumi_box.flow import request_state
from lumi_box.jobs import lifecycle
from lumi_box.storage import ledger
from lumi_box.tables.base import transaction
from lumi_box.tables.generation import GeneratedModel, GenerationRequest
from lumi_box.tables.job import Job
from lumi_box.tables.stored_object import StoredObject

PUBLIC, PRIVATE = "PUBLIC", "PRIVATE"


def set_visibility(model: GeneratedModel, visibility: str) -> None:
    """Only a finished model can be published; the day of the first publication stays."""
    if visibility == PUBLIC and model.status != request_state.DONE:
        raise Conflict("Only a finished model can be published.")
    now = now_ms()
    published = model.published_at or now if visibility == PUBLIC else model.published_at
    _update(model, visibility=visibility, published_at=published, updated_at=now)


def describe(model: GeneratedModel, **texts: str) -> None:
    """`name`, `description` or both."""
    _update(model, **texts, updated_at=now_ms())


def delete(box: Box, model: GeneratedModel) -> None:
    """The model goes, its request stays with its pictures, so that one can be picked again."""
    with transaction():
        for job in Job.select().where(Job.target_id == model.id, Job.status.in_(lifecycle.ACTIVE)):
            lifecycle.cancel(box, job)
        files = [row.key for row in StoredObject.select(StoredObject.key).where(StoredObject.model_id == model.id)]
        ledger.doom(files)
        GeneratedModel.delete().where(GeneratedModel.id == model.id).execute()
        GenerationRequest.update(selected_position=None).where(GenerationRequest.id == model.request_id).execute()
        request_state.refresh(model.request_id)


def _update(model: GeneratedModel, **changes: object) -> None:
    with transaction():
        GeneratedModel.update(changes).where(GeneratedModel.id == model.id).execute()
