"""/workers: what is being worked on."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from lumi_box.clock import now_ms
from lumi_box.jobs import lifecycle
from lumi_box.tables.heartbeat import Heartbeat
from lumi_box.tables.job import Job
from lumi_box.web.api.answers import success
from lumi_box.web.context import box
from lumi_box.web.session import open_to_all

bp = Blueprint("workers", __name__)

ALIVE_MS = 20_000


@bp.get("/workers/status")
@open_to_all
def status() -> Response:
    alive = Heartbeat.role == "worker", Heartbeat.seen_at > now_ms() - ALIVE_MS
    running = Heartbeat.select().where(*alive).exists()
    return success({kind: _kind(kind, running) for kind in ("image", "model3d")})


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
