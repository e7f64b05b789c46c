"""Step 1: a prompt becomes a request, four images and their jobs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from lumi_box import events
from lumi_box.box import Box
from lumi_box.errors import Conflict
from lumi_box.flow import quota, spend, write_variants
from lumi_box.flow.request_state import IMAGE_GENERATION, IMAGE_PENDING
from lumi_box.jobs import fairness, lifecycle
from lumi_box.tables.account import User
from lumi_box.tables.base import retried, transaction
from lumi_box.tables.dialect import lock
from lumi_box.tables.generation import IMAGES_PER_REQUEST, GenerationRequest, Image, Submission


@retried
def accept_prompt(
    box: Box,
    user_id: str,
    prompt: str,
    *,
    variants: Sequence[str] | None = None,
    optimize: bool = True,
    idempotency_key: str | None = None,
) -> GenerationRequest:
    """All the rows, events and queue messages, or none of them.

    With an idempotency key, the same prompt answers the request that it made before; another prompt is a Conflict.
    """
    body_hash = hashlib.sha256(json.dumps([prompt, list(variants or ()), optimize]).encode()).hexdigest()
    with transaction():
        lock(User, user_id)  # the same key sent twice at once makes one request
        if idempotency_key is not None:
            earlier = _earlier(user_id, idempotency_key, body_hash)
            if earlier is not None:
                return earlier
        quota.use(box, user_id)
        spend.require_room_for_images(box)
        request = GenerationRequest.create(
            user=user_id,
            prompt=prompt,
            optimize_prompt=optimize,
            variants=_variants_state(box, variants, optimize),
            status=IMAGE_PENDING,
            phase=IMAGE_GENERATION,
        )
        turn = fairness.next_turn("image", user_id)
        for position in range(IMAGES_PER_REQUEST):
            _order_image(box, request, position, variants[position] if variants else prompt, turn + position)
        if idempotency_key is not None:
            Submission.create(user=user_id, key=idempotency_key, body_hash=body_hash, request=request)
        events.record(request.id, "task:updated", status=request.status, phase=request.phase)
    return request


def _variants_state(box: Box, own: Sequence[str] | None, optimize: bool) -> str:
    if own:
        return write_variants.OWN
    wanted = optimize and box.config.providers.prompt != "none"
    return write_variants.WANTED if wanted else write_variants.AS_IS


def _order_image(box: Box, request: GenerationRequest, position: int, variant: str, turn: int) -> None:
    image = Image.create(request=request, position=position, prompt=variant)
    job = lifecycle.create(box, "image", image.id, request.id, request.user_id, turn=turn)
    Image.update(job_id=job.id).where(Image.id == image.id).execute()


def _earlier(user_id: str, key: str, body_hash: str) -> GenerationRequest | None:
    submission = Submission.get_or_none(Submission.user == user_id, Submission.key == key)
    if submission is None:
        return None
    if submission.body_hash != body_hash:
        raise Conflict("This Idempotency-Key was used for another prompt.")
    request: GenerationRequest = submission.request
    return request
