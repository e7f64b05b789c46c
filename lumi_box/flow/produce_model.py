"""Step 4: the picked image becomes a textured solid and the files that show and print it."""

from __future__ import annotations

import logging
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from lumi_box import events, listing
from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.flow import leftovers, ordering, request_state
from lumi_box.flow.request_state import DONE, FAILED, GENERATING
from lumi_box.jobs import alerts, lifecycle
from lumi_box.jobs.lifecycle import Failure
from lumi_box.providers.base import ModelOrder, Picture, Ready
from lumi_box.shapes import ADDRESSES
from lumi_box.storage import keys, ledger
from lumi_box.storage.base import SOURCE
from lumi_box.tables.dialect import changing
from lumi_box.tables.generation import GeneratedModel, Image
from lumi_box.tables.job import Job

if TYPE_CHECKING:
    from lumi_box.meshes.export import ModelFiles

SUBMITTED, FETCHED = 10, 60  # percent: what a maker sees move where the vendor tells nothing

logger = logging.getLogger(__name__)


def step(box: Box, job: Job) -> None:
    """Submit, or ask how the ticket stands; when the model is ready, bring it home and keep its files."""
    model = GeneratedModel.get_by_id(job.target_id)
    _begin(model, job)
    ready = ordering.answer(box, job, box.model_provider, lambda: _order(box, model))
    _report_progress(model, job.progress)
    if ready is not None:
        _build(box, job, model, ready)


def failed(job: Job, failure: Failure) -> None:
    """In the transaction that ends the attempt."""
    model = GeneratedModel.get_by_id(job.target_id)
    if not failure.will_retry:
        now = now_ms()
        GeneratedModel.update(status=FAILED, error_message=failure.message, failed_at=now, updated_at=now).where(
            GeneratedModel.id == model.id
        ).execute()
    events.record(
        model.request_id,
        "model:failed",
        modelId=model.id,
        errorMessage=failure.message,
        willRetry=failure.will_retry,
    )
    request_state.refresh(model.request_id, ended=None if failure.will_retry else request_state.MODEL)


def _begin(model: GeneratedModel, job: Job) -> None:
    if model.status != request_state.PENDING:
        return
    with changing(model.request_id):
        begun = (
            GeneratedModel.update(status=GENERATING, updated_at=now_ms())
            .where(GeneratedModel.id == model.id, GeneratedModel.status == request_state.PENDING)
            .execute()
        )
        if begun:
            events.record(model.request_id, "model:generating", modelId=model.id, providerJobId=job.ticket)
            request_state.refresh(model.request_id)


def _order(box: Box, model: GeneratedModel) -> ModelOrder:
    image = Image.get_by_id(model.image_id)
    key = str(image.object_key)  # a picked image is a finished one: it has its object
    with box.storage.open(key) as stream:
        picture = Picture(stream.read(), keys.media_type(key), image.hints or {})
    return ModelOrder(picture, image.prompt)


def _build(box: Box, job: Job, model: GeneratedModel, ready: Ready) -> None:
    from lumi_box.meshes.export import export_all  # numpy is for the worker; web only enqueues this step

    _report_progress(model, max(job.progress, SUBMITTED))
    with tempfile.TemporaryDirectory(prefix="lumi-model-") as folder:
        mesh = box.model_provider.fetch(ready, _order(box, model), Path(folder))
        _report_progress(model, max(job.progress, FETCHED))
        files = export_all(mesh, Path(folder), name=model.name)
        _keep(box, job, model, files)


def _report_progress(model: GeneratedModel, percent: int) -> None:
    if percent <= model.progress:
        return
    with changing(model.request_id):
        at_work = (GeneratedModel.job_id == model.job_id) & (GeneratedModel.status == GENERATING)
        further = (GeneratedModel.id == model.id) & at_work & (GeneratedModel.progress < percent)
        if GeneratedModel.update(progress=percent).where(further).execute():
            events.record(model.request_id, "model:progress", modelId=model.id, progress=percent, status=GENERATING)


def _keep(box: Box, job: Job, model: GeneratedModel, files: ModelFiles) -> None:
    owner = ledger.Owner(job.user_id, model.request_id, model.id)
    columns: dict[str, object] = {}
    kept: list[ledger.Kept] = []
    for column, path in _columns(files).items():
        kept.append(ledger.keep(box.storage, keys.model_key(model.id, path.name), path, owner))
        columns[column] = kept[-1].key
    facts = files.facts
    columns |= {
        "file_size": sum(each.size for each in kept),
        "face_count": facts.face_count,
        "vertex_count": facts.vertex_count,
        "size_mm": list(facts.size_mm),
        "volume_cm3": facts.volume_cm3,
        "print_facts": asdict(files.print_facts),
    }
    now = now_ms()
    with leftovers.doomed_unless_kept(job, [each.key for each in kept]), changing(model.request_id):
        lifecycle.succeed(box, job)
        alerts.clear(job.provider, SOURCE)
        ledger.promote(kept)
        GeneratedModel.update(
            **columns, status=DONE, progress=100, error_message=None, completed_at=now, updated_at=now
        ).where(GeneratedModel.id == model.id).execute()
        listing.publish_if_wanted(model.id)
        addresses = {address: columns[column] for address, column in ADDRESSES.items()}
        events.record(model.request_id, "model:completed", modelId=model.id, format="OBJ", files=addresses)
        request_state.refresh(model.request_id, ended=request_state.MODEL)
    logger.info("model completed faces=%d watertight=%s", facts.face_count, files.print_facts.watertight)


def _columns(files: ModelFiles) -> dict[str, Path]:
    return {
        "obj_key": files.obj,
        "mtl_key": files.mtl,
        "texture_key": files.texture,
        "glb_key": files.glb,
        "stl_key": files.stl,
        "threemf_key": files.threemf,
        "preview_key": files.preview,
    }
