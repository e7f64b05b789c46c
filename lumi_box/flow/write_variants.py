"""Step 2a: before the first image is painted, an LLM turns the prompt into four variants.

It runs inside the image jobs, so that it is as durable as they are: one of the four has the variants written under a
lease of the request, the others sleep a little. A failure costs nothing but variety: the prompt is painted four times
as it is, which the log and the page say.
"""

from __future__ import annotations

import logging

from lumi_box import logs
from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.errors import UpstreamError
from lumi_box.jobs import alerts, lifecycle
from lumi_box.providers.base import PromptWriter
from lumi_box.tables.base import transaction
from lumi_box.tables.dialect import changing
from lumi_box.tables.generation import GenerationRequest, Image
from lumi_box.tables.job import Job

OWN, AS_IS, WANTED, WRITTEN, FALLBACK = "own", "as-is", "wanted", "written", "fallback"
LEASE_MS = 60_000
LOOK_SECONDS = 0.3

logger = logging.getLogger(__name__)


def settled(box: Box, job: Job, request_id: str) -> bool:
    """Whether the images' prompts are what is to be painted; if not, the job was put to sleep for a moment."""
    request = GenerationRequest.get_by_id(request_id)
    if request.variants != WANTED:
        return True
    if not _take(request_id):
        with transaction():
            lifecycle.snooze(box, job, LOOK_SECONDS)
        return False
    variants = _ask(box.prompt_writer, request.prompt) if box.prompt_writer else None
    with changing(request_id):
        for position, text in enumerate(variants or ()):
            Image.update(prompt=text).where(Image.request == request_id, Image.position == position).execute()
        state = WRITTEN if variants else FALLBACK
        GenerationRequest.update(variants=state, variants_lease_until=None).where(
            GenerationRequest.id == request_id, GenerationRequest.variants == WANTED
        ).execute()
    return True


def _take(request_id: str) -> bool:
    now = now_ms()
    free = GenerationRequest.variants_lease_until.is_null() | (GenerationRequest.variants_lease_until < now)
    wanted = (GenerationRequest.id == request_id) & (GenerationRequest.variants == WANTED)
    taken = GenerationRequest.update(variants_lease_until=now + LEASE_MS).where(wanted & free)
    return bool(taken.execute() == 1)


def _ask(writer: PromptWriter, prompt: str) -> list[str] | None:
    try:
        variants = writer.write(prompt)
    except UpstreamError as error:
        alerts.raise_for(writer.name, error)
        logger.warning("no variants, painting the prompt as it is: %s code=%s", logs.excerpt(prompt), error.code)
        return None
    alerts.clear(writer.name)
    return variants
