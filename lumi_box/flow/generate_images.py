"""Step 2: one job paints one image and stores it."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from lumi_box import events
from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.flow import leftovers, ordering, request_state, write_variants
from lumi_box.flow.request_state import DONE, FAILED, GENERATING
from lumi_box.jobs import alerts, lifecycle
from lumi_box.jobs.lifecycle import Failure
from lumi_box.providers.base import ImageOrder, Picture
from lumi_box.storage import keys, ledger
from lumi_box.storage.base import SOURCE
from lumi_box.tables.dialect import changing
from lumi_box.tables.generation import Image
from lumi_box.tables.job import Job

logger = logging.getLogger(__name__)


def step(box: Box, job: Job) -> None:
    """Submit, or ask how the ticket stands; when the picture is ready, bring it home and keep it."""
    image = Image.get_by_id(job.target_id)
    _begin(image)
    ordered = job.ticket is not None or job.result is not None
    if not (ordered or write_variants.settled(box, job, image.request_id)):
        return
    provider = box.image_provider
    ready = ordering.answer(box, job, provider, lambda: _order(image.id))
    if ready is not None:
        _keep(box, job, image, provider.fetch(ready))


def failed(job: Job, failure: Failure) -> None:
    """In the transaction that ends the attempt."""
    image = Image.get_by_id(job.target_id)
    if not failure.will_retry:
        Image.update(status=FAILED, error_message=failure.message, failed_at=now_ms()).where(
            Image.id == image.id
        ).execute()
    events.record(
        image.request_id,
        "image:failed",
        imageId=image.id,
        index=image.position,
        errorMessage=failure.message,
        willRetry=failure.will_retry,
    )
    goes_on = failure.will_retry or failure.outcome == request_state.WITH_ALL  # what ended then is told once, by cancel
    request_state.refresh(image.request_id, ended=None if goes_on else request_state.IMAGE)


def _order(image_id: str) -> ImageOrder:
    image = Image.get_by_id(image_id)  # read now: its prompt may be a variant since the step began
    return ImageOrder(image.prompt, image.position, image.seed)


def _begin(image: Image) -> None:
    if image.status != request_state.PENDING:
        return
    with changing(image.request_id):
        begun = (
            Image.update(status=GENERATING).where(Image.id == image.id, Image.status == request_state.PENDING).execute()
        )
        if begun:
            events.record(image.request_id, "image:generating", imageId=image.id, index=image.position)
            request_state.refresh(image.request_id)


def _keep(box: Box, job: Job, image: Image, picture: Picture) -> None:
    key = keys.image_key(image.request_id, image.position, image.seed, picture.media_type)
    thumbnail = keys.thumbnail_key(image.request_id, image.position, image.seed)
    owner = ledger.Owner(job.user_id, image.request_id)
    with tempfile.TemporaryDirectory(prefix="lumi-image-") as folder:
        small = _write(Path(folder, "thumbnail"), _thumbnail(picture.data))
        kept = [
            ledger.keep(box.storage, key, _write(Path(folder, "picture"), picture.data), owner),
            ledger.keep(box.storage, thumbnail, small, owner),
        ]
    with leftovers.doomed_unless_kept(job, [key, thumbnail]), changing(image.request_id):
        lifecycle.succeed(box, job)
        alerts.clear(job.provider, SOURCE)
        ledger.promote(kept)
        ledger.doom([old for old in (image.object_key, image.thumbnail_key) if old not in (key, thumbnail)])
        Image.update(
            status=DONE,
            object_key=key,
            thumbnail_key=thumbnail,
            hints=dict(picture.hints),
            error_message=None,
            failed_at=None,
            completed_at=now_ms(),
        ).where(Image.id == image.id).execute()
        events.record(
            image.request_id, "image:completed", imageId=image.id, index=image.position, files={"imageUrl": key}
        )
        request_state.refresh(image.request_id, ended=request_state.IMAGE)
    logger.info("image completed position=%d attempt=%d", image.position, job.attempt)


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _thumbnail(data: bytes) -> bytes:
    from lumi_box.pictures import thumbnail  # Pillow is for the worker; web only enqueues this step

    return thumbnail(data)
