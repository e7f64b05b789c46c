"""What an owner may still do to a request: cancel it, try again what failed, repaint one picture, delete it all."""

from __future__ import annotations

from lumi_box import events
from lumi_box.box import Box
from lumi_box.clock import now_ms
from lumi_box.errors import Conflict, marked
from lumi_box.flow import quota, request_state, spend
from lumi_box.flow.handlers import HANDLERS
from lumi_box.flow.request_state import CANCELLED, ENDED, FAILED, PENDING
from lumi_box.jobs import lifecycle
from lumi_box.storage import ledger
from lumi_box.tables.base import retried
from lumi_box.tables.dialect import changing
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image
from lumi_box.tables.job import Attempt, Job
from lumi_box.webhooks import outbox
from lumi_box.webhooks.names import TASK_CANCELLED

STOPPED = marked("Cancelled.")
TABLES: dict[str, type[Image] | type[GeneratedModel]] = {"image": Image, "model3d": GeneratedModel}


@retried
def cancel(box: Box, request: GenerationRequest) -> None:
    """Stop what waits and disown what runs. What is finished stays, and can still be picked or tried again."""
    with changing(request.id):
        jobs = list(Job.select().where(Job.request_id == request.id, Job.status.in_(lifecycle.ACTIVE)))
        if not sum(_stop(box, job, request_state.WITH_ALL) for job in jobs):
            raise Conflict("Nothing of this request is waiting or running.")
        current = GenerationRequest.get_by_id(request.id)
        now = now_ms()
        GenerationRequest.update(status=CANCELLED, updated_at=now).where(GenerationRequest.id == request.id).execute()
        events.record(request.id, "task:updated", status=CANCELLED, phase=current.phase)
        outbox.record(TASK_CANCELLED, current.user_id, request.id)


@retried
def retry(box: Box, request: GenerationRequest) -> None:
    """Again what failed: the model if that is what failed, else the images. What worked stays as it is."""
    with changing(request.id):
        failed = _failed_of(request)
        if not failed:
            raise Conflict("Nothing of this request has failed.")
        for row in failed:
            _again(box, row)


@retried
def cancel_job(box: Box, job: Job) -> None:
    """Stop one job, as an operator does; Conflict when it has ended."""
    with changing(job.request_id):
        if not _stop(box, job, request_state.BY_ITSELF):
            raise Conflict(f"Job {job.id} has ended: {job.status}.")


@retried
def retry_job(box: Box, job: Job) -> None:
    """Give one failed job new attempts, and set what it works on to wait again.

    Conflict when it has not failed, or when another job has taken its place since.
    """
    table = TABLES[job.kind]
    with changing(job.request_id):
        spend.require_room(box, job.kind)
        lifecycle.requeue(box, job)
        its_own = (table.id == job.target_id) & (table.job_id == job.id) & (table.status == FAILED)
        if table.update(_waiting_for(job)).where(its_own).execute() != 1:
            raise Conflict(f"Job {job.id} has been replaced by another.")
        request_state.refresh(job.request_id)


def retry_all_dead(box: Box) -> list[tuple[Job, Conflict | None]]:
    """Every dead letter, each with why it could not be tried again, if so: of all the dead, some have been replaced."""
    results: list[tuple[Job, Conflict | None]] = []
    for job in list(Job.select().where(Job.status.in_(lifecycle.DEAD)).order_by(Job.ended_at, Job.id)):
        try:
            retry_job(box, job)
        except Conflict as refused:
            results.append((job, refused))
        else:
            results.append((job, None))
    return results


def _again(box: Box, row: Image | GeneratedModel) -> None:
    """With its job, whose history stays; or with a new one where that was pruned or discarded."""
    job = Job.get_or_none(Job.id == row.job_id)
    if job is not None and job.status in (*lifecycle.DEAD, lifecycle.CANCELLED):
        retry_job(box, job)
        return
    table = type(row)
    kind = "image" if isinstance(row, Image) else "model3d"
    spend.require_room(box, kind)
    owner = GenerationRequest.get_by_id(row.request_id).user_id
    job = lifecycle.create(box, kind, row.id, row.request_id, owner)
    table.update(_waiting_for(job)).where(table.id == row.id).execute()
    request_state.refresh(row.request_id)


def _waiting_for(job: Job) -> dict[str, object]:
    """What an image or a model says of itself when its job is to do it all over."""
    waiting: dict[str, object] = {"status": PENDING, "job_id": job.id, "error_message": None, "failed_at": None}
    return waiting | ({"progress": 0, "updated_at": now_ms()} if job.kind == "model3d" else {})


@retried
def redo(box: Box, request: GenerationRequest, position: int) -> None:
    """Paint one picture again, from its variant with a new seed. Only before there is a model."""
    with changing(request.id):
        if GeneratedModel.select().where(GeneratedModel.request == request).exists():
            raise Conflict("This request has a model already; its pictures stay as they are.")
        image = Image.get(Image.request == request, Image.position == position)
        if image.status not in ENDED:
            raise Conflict(f"Image {position} is being painted already.")
        quota.use_repaint(box, request.user_id)
        spend.require_room(box, "image")
        job = lifecycle.create(box, "image", image.id, request.id, request.user_id)
        Image.update(status=PENDING, seed=image.seed + 1, job_id=job.id, error_message=None, failed_at=None).where(
            Image.id == image.id
        ).execute()
        request_state.refresh(request.id)


@retried
def delete(box: Box, request: GenerationRequest) -> None:
    """The rows go now; the files are marked first and go as soon as the store confirms."""
    with changing(request.id):
        for job in Job.select().where(Job.request_id == request.id, Job.status.in_(lifecycle.ACTIVE)):
            lifecycle.cancel(box, job)
        ledger.doom_request(request.id)
        jobs = Job.select(Job.id).where(Job.request_id == request.id)
        Attempt.delete().where(Attempt.job.in_(jobs)).execute()
        Job.delete().where(Job.request_id == request.id).execute()
        GenerationRequest.delete().where(GenerationRequest.id == request.id).execute()


def _failed_of(request: GenerationRequest) -> list[GeneratedModel] | list[Image]:
    modelled = list(GeneratedModel.select().where(GeneratedModel.request == request, GeneratedModel.status == FAILED))
    return modelled or list(Image.select().where(Image.request == request, Image.status == FAILED))


def _stop(box: Box, job: Job, outcome: str) -> bool:
    if not lifecycle.cancel(box, job):
        return False
    HANDLERS[job.kind].failed(job, lifecycle.Failure(STOPPED, None, outcome))
    return True
