"""Private to public and back; a name, a description, the end of a model. Every change shows in the gallery at once."""

from __future__ import annotations

from lumi_box import listing
from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.errors import Conflict
from lumi_box.flow import manage_request, request_state
from lumi_box.jobs import lifecycle
from lumi_box.listing import PRIVATE, PUBLIC, SHOWN, is_shown  # noqa: F401  others read them here
from lumi_box.storage import ledger
from lumi_box.tables.base import retried, transaction
from lumi_box.tables.dialect import changing
from lumi_box.tables.generation import GeneratedModel, GenerationRequest
from lumi_box.tables.job import Job


@retried
def set_visibility(model: GeneratedModel, visibility: str) -> None:
    """Only a finished model can be published; the day of the first publication stays.

    What the owner says of a model that is not finished yet takes the place of `gallery.default_visibility`.
    """
    now = now_ms()
    with transaction():
        current = GeneratedModel.get_by_id(model.id)
        if visibility == PUBLIC and current.status != request_state.DONE:
            raise Conflict("Only a finished model can be published.")
        published = current.published_at or now if visibility == PUBLIC else current.published_at
        listing.update(model.id, visibility=visibility, published_at=published, publish_when_done=False, updated_at=now)


@retried
def describe(model: GeneratedModel, **texts: str) -> None:
    """`name`, `description` or both."""
    with transaction():
        listing.update(model.id, **texts, updated_at=now_ms())


@retried
def hide(model_id: str, *, hidden: bool) -> None:
    """An operator's word, which the owner's does not change: out of the gallery, or back in."""
    with transaction():
        listing.update(model_id, hidden_at=now_ms() if hidden else None)


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
        listing.note()


@retried
def delete_request(box: Box, request: GenerationRequest) -> None:
    """The whole request goes, a published model with it."""
    with changing(request.id):
        manage_request.delete(box, request)
        listing.note()
