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
from lumi_box.jobs import lifecycle
from lumi_box.tables.account import User
from lumi_box.tables.base import retried, transaction
from lumi_box.tables.dialect import lock
from lumi_box.tables.generation import IMAGES_PER_REQUEST, GenerationRequest, Image, Submission
from lumi_box.tables.prepared import insert_all


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
        request = GenerationRequest(
            user=user_id,
            prompt=prompt,
            optimize_prompt=optimize,
            variants=_variants_state(box, variants, optimize),
            status=IMAGE_PENDING,
            phase=IMAGE_GENERATION,
        )
        insert_all([request])
        _order_images(box, request, variants or [prompt] * IMAGES_PER_REQUEST)
        if idempotency_key is not None:
            Submission.create(user=user_id, key=idempotency_key, body_hash=body_hash, request=request)
        events.record(request.id, "task:updated", status=request.status, phase=request.phase)
    return request


def _variants_state(box: Box, own: Sequence[str] | None, optimize: bool) -> str:
    if own:
        return write_variants.OWN
    wanted = optimize and box.config.providers.prompt != "none"
    return write_variants.WANTED if wanted else write_variants.AS_IS


def _order_images(box: Box, request: GenerationRequest, variants: Sequence[str]) -> None:
    images = [Image(request=request, position=position, prompt=text) for position, text in enumerate(variants)]
    jobs = lifecycle.create_all(box, "image", [image.id for image in images], request.id, request.user_id)
    for image, job in zip(images, jobs, strict=True):
        image.job_id = job.id
    insert_all(images)


def _earlier(user_id: str, key: str, body_hash: str) -> GenerationRequest | None:
    submission = Submission.get_or_none(Submission.user == user_id, Submission.key == key)
    if submission is None:
        return None
    if submission.body_hash != body_hash:
        raise Conflict("This Idempotency-Key was used for another prompt.")
    request: GenerationRequest = submission.request
    return request
