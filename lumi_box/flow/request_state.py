"""Where a request stands, derived from its images and its model, in one place."""

from __future__ import annotations

from lumi_box import events
from lumi_box.clock import now_ms
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image
from lumi_box.webhooks import outbox
from lumi_box.webhooks.names import MODEL_COMPLETED, MODEL_FAILED, TASK_COMPLETED, TASK_FAILED

IMAGE_PENDING, IMAGE_GENERATING, IMAGE_COMPLETED = "IMAGE_PENDING", "IMAGE_GENERATING", "IMAGE_COMPLETED"
IMAGE_FAILED, CANCELLED, COMPLETED = "IMAGE_FAILED", "CANCELLED", "COMPLETED"
IMAGE_GENERATION, AWAITING_SELECTION, MODEL_GENERATION = "IMAGE_GENERATION", "AWAITING_SELECTION", "MODEL_GENERATION"

PENDING, GENERATING, DONE, FAILED = "PENDING", "GENERATING", "COMPLETED", "FAILED"  # of an image or a model
ENDED = (DONE, FAILED)
IMAGE, MODEL = "image", "model"  # what has ended
WITH_ALL, BY_ITSELF = "cancelled", "stopped"  # how it was cancelled: with the whole request, or one job by an operator
UNDER_WAY = (IMAGE_PENDING, IMAGE_GENERATING, "MODEL_PENDING", "MODEL_GENERATING")  # of a request

_BY_MODEL = {
    PENDING: ("MODEL_PENDING", MODEL_GENERATION),
    GENERATING: ("MODEL_GENERATING", MODEL_GENERATION),
    FAILED: ("MODEL_FAILED", MODEL_GENERATION),
    DONE: (COMPLETED, COMPLETED),
}


def refresh(request_id: str, *, ended: str | None = None) -> None:
    """Write the request's status and phase, and the event that tells of a change, in the caller's transaction.

    `ended`: the caller has just ended an IMAGE or a MODEL, which its owner's webhooks may be waiting for.
    """
    request = GenerationRequest.get_by_id(request_id)
    images = [row.status for row in Image.select(Image.status).where(Image.request == request_id)]
    model = GeneratedModel.get_or_none(GeneratedModel.request == request_id)
    status, phase = derive(images, model.status if model else None, request.status)
    if (status, phase) != (request.status, request.phase):
        _write(request_id, status, phase)
    if news := news_of(ended, images, model.status if model else None):
        outbox.record(news, request.user_id, request_id)


def _write(request_id: str, status: str, phase: str) -> None:
    now = now_ms()
    done_at = now if status == COMPLETED else None
    GenerationRequest.update(status=status, phase=phase, updated_at=now, completed_at=done_at).where(
        GenerationRequest.id == request_id
    ).execute()
    events.record(request_id, "task:updated", status=status, phase=phase)


def derive(images: list[str], model: str | None, before: str) -> tuple[str, str]:
    """Pure: (statuses of the images, of the model if there is one, the request's own so far) -> (status, phase)."""
    if model is not None:
        return _BY_MODEL[model]
    if all(status in ENDED for status in images):
        if DONE in images:
            return IMAGE_COMPLETED, AWAITING_SELECTION
        return IMAGE_FAILED, IMAGE_GENERATION
    untouched = all(status == PENDING for status in images)
    return (IMAGE_PENDING if untouched and before == IMAGE_PENDING else IMAGE_GENERATING), IMAGE_GENERATION


def news_of(ended: str | None, images: list[str], model: str | None) -> str | None:
    """Pure: what webhooks are to be told, now that this has ended: of the pictures once the last of them has."""
    if ended == MODEL:
        return MODEL_COMPLETED if model == DONE else MODEL_FAILED
    if ended == IMAGE and all(status in ENDED for status in images):
        return TASK_COMPLETED if DONE in images else TASK_FAILED
    return None
