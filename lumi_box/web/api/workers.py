"""/workers: what is being worked on, and what could not be done."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from lumi_box.jobs import lifecycle
from lumi_box.tables.heartbeat import alive
from lumi_box.tables.job import Job
from lumi_box.web import operations, schemas
from lumi_box.web.api.answers import query, success
from lumi_box.web.context import box
from lumi_box.web.session import admins_only, open_to_all

bp = Blueprint("workers", __name__)


@bp.get("/workers/status")
@open_to_all
def status() -> Response:
    running = alive("worker").exists()
    return success({kind: _kind(kind, running) for kind in ("image", "model3d")})


@bp.get("/workers/dead-letter")
@admins_only
def dead_letters() -> Response:
    return success(operations.dead_letters(**query(schemas.PageQuery)))


@bp.post("/workers/dead-letter/retry-all")
@admins_only
def retry_all_dead() -> Response:
    return success(operations.retry_all_dead())


@bp.post("/workers/dead-letter/<job_id>/retry")
@admins_only
def retry_dead(job_id: str) -> Response:
    operations.retry_dead(job_id)
    return success({"id": job_id, "status": Job.get_by_id(job_id).status})


@bp.delete("/workers/dead-letter/<job_id>")
@admins_only
def discard_dead(job_id: str) -> Response:
    operations.discard_dead(job_id)
    return success({"id": job_id})


def _kind(kind: str, running: bool) -> dict[str, Any]:
    processing = [row.id for row in Job.select(Job.id).where(Job.kind == kind, Job.status == lifecycle.RUNNING)]
    waiting = Job.select().where(Job.kind == kind, Job.status.in_(lifecycle.WAITING)).count()
    config = {
        "queueName": kind,
        "concurrency": box().concurrency(kind),
        "waitingCount": waiting,
        "activeCount": len(processing),
    }
    return {
        "isRunning": running,
        "processingCount": len(processing),
        "processingJobIds": processing,
        "config": config,
    }
