"""Step 3: the user's selection becomes a model and its job."""

from __future__ import annotations

from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.errors import Conflict
from lumi_box.flow import request_state, spend
from lumi_box.flow.request_state import DONE, FAILED, PENDING
from lumi_box.jobs import lifecycle
from lumi_box.listing import PUBLIC
from lumi_box.tables.base import new_id, retried
from lumi_box.tables.dialect import changing
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image

NAME_LENGTH = 60


@retried
def pick_image(box: Box, request: GenerationRequest, position: int) -> GeneratedModel:
    """Allowed once that image is completed and while no model is wanted, under way or done; the others may go on."""
    with changing(request.id):
        image = Image.get(Image.request == request, Image.position == position)
        if image.status != DONE:
            raise Conflict(f"Image {position} is not finished yet.")
        current = GenerationRequest.get_by_id(request.id)
        spend.require_room(box, "model3d")
        model = _model_for(box, current, image)
        job = lifecycle.create(box, "model3d", model.id, request.id, current.user_id)
        GeneratedModel.update(job_id=job.id).where(GeneratedModel.id == model.id).execute()
        GenerationRequest.update(selected_position=position, error_message=None, updated_at=now_ms()).where(
            GenerationRequest.id == request.id
        ).execute()
        request_state.refresh(request.id)
    picked: GeneratedModel = GeneratedModel.get_by_id(model.id)
    return picked


def _model_for(box: Box, request: GenerationRequest, image: Image) -> GeneratedModel:
    """A new row; or, after a failure, the failed one set to work again on the image picked now."""
    model = GeneratedModel.get_or_none(GeneratedModel.request == request)
    if model is None:
        public = box.config.gallery.default_visibility == PUBLIC  # but not before there is something to see
        return GeneratedModel.create(
            id=new_id(),
            user=request.user_id,
            request=request,
            image=image,
            name=_name(image),
            publish_when_done=public,
        )
    if model.status != FAILED:
        raise Conflict("This request has a model already.")
    now = now_ms()
    GeneratedModel.update(
        image=image, status=PENDING, progress=0, error_message=None, failed_at=None, updated_at=now
    ).where(GeneratedModel.id == model.id).execute()
    return model


def _name(image: Image) -> str:
    text = " ".join(image.prompt.split())
    return text if len(text) <= NAME_LENGTH else text[: NAME_LENGTH - 1].rstrip() + "…"
