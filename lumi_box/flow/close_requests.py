"""What says that it is under way although no job works on it is ended, so that no page waits for ever.

No path of ours leads there; a restored backup, an edited row or a bug of an older version may.
"""

from __future__ import annotations

import logging

from peewee import fn

from lumi_box.clock import now_ms
from lumi_box.flow import generate_images, produce_model, request_state
from lumi_box.flow.request_state import ENDED
from lumi_box.jobs import lifecycle
from lumi_box.jobs.lifecycle import INTERRUPTED, Failure
from lumi_box.tables.dialect import changing
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image
from lumi_box.tables.job import Job

QUIET_MS = 60_000
BATCH = 100

logger = logging.getLogger(__name__)


def close_stranded() -> int:
    """End what is stranded, derive where its request stands, and answer how many requests that were."""
    stranded = _stranded()
    for request in stranded:
        with changing(request.id):
            _close(request.id)
        logger.error("a request was under way without a job: closed request=%s was=%s", request.id, request.status)
    return len(stranded)


def _stranded() -> list[GenerationRequest]:
    at_work = Job.select().where(Job.request_id == GenerationRequest.id, Job.status.in_(lifecycle.ACTIVE))
    quiet = GenerationRequest.updated_at < now_ms() - QUIET_MS
    waiting = GenerationRequest.status.in_(request_state.UNDER_WAY)
    return list(GenerationRequest.select().where(waiting, quiet, ~fn.EXISTS(at_work)).limit(BATCH))


def _close(request_id: str) -> None:
    ended = Failure(INTERRUPTED, None, "died")
    for kind, table, handler in (("image", Image, generate_images), ("model3d", GeneratedModel, produce_model)):
        for row in table.select().where(table.request == request_id, table.status.not_in(ENDED)):
            handler.failed(Job(kind=kind, target_id=row.id, request_id=request_id), ended)
    request_state.refresh(request_id)
