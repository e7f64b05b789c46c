"""Rows -> the JSON that clients rely on. Pure but for the addresses, which are signed here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lumi_box.accounts import tokens
from lumi_box.clock import iso
from lumi_box.flow.produce_model import ADDRESSES
from lumi_box.gallery.publish import is_shown
from lumi_box.tables.account import AccessToken, User
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image
from lumi_box.tables.interaction import ModelReport
from lumi_box.tables.job import Job
from lumi_box.web import addresses

JSON = dict[str, Any]
Jobs = Mapping[str | None, Job]


def task(request: GenerationRequest, images: list[Image], model: GeneratedModel | None, jobs: Jobs) -> JSON:
    return {
        "id": request.id,
        "userId": request.user_id,
        "prompt": request.prompt,
        "originalPrompt": request.prompt,
        "status": request.status,
        "phase": request.phase,
        "selectedImageIndex": request.selected_position,
        "createdAt": iso(request.created_at),
        "updatedAt": iso(request.updated_at),
        "completedAt": iso(request.completed_at),
        "errorMessage": request.error_message,
        "images": [image(row, jobs.get(row.job_id)) for row in images],
        "model": model and generated_model(model, jobs.get(model.job_id)),
    }


def image(row: Image, job: Job | None) -> JSON:
    address = addresses.of(row.object_key)
    return {
        "id": row.id,
        "requestId": row.request_id,
        "index": row.position,
        "imageUrl": address,
        "url": address,
        "thumbnailUrl": addresses.of(row.thumbnail_key),
        "imagePrompt": row.prompt,
        "imageStatus": row.status,
        "createdAt": iso(row.created_at),
        "completedAt": iso(row.completed_at),
        "failedAt": iso(row.failed_at),
        "errorMessage": row.error_message,
        "generationJob": job and generation_job(job),
    }


def generated_model(row: GeneratedModel, job: Job | None = None) -> JSON:
    public = is_shown(row)
    return {
        "id": row.id,
        "userId": row.user_id,
        "source": "AI_GENERATED",
        "requestId": row.request_id,
        "sourceImageId": row.image_id,
        "name": row.name,
        "description": row.description,
        **{name: addresses.of(getattr(row, column), public=public) for name, column in ADDRESSES.items()},
        "format": "OBJ",
        "fileSize": row.file_size,
        "faceCount": row.face_count,
        "vertexCount": row.vertex_count,
        "visibility": row.visibility,
        "publishedAt": iso(row.published_at),
        "viewCount": row.view_count,
        "likeCount": row.like_count,
        "favoriteCount": row.favorite_count,
        "downloadCount": row.download_count,
        "generationStatus": row.status,
        "progress": row.progress,
        "sliceTaskId": None,
        "printStatus": None,
        "createdAt": iso(row.created_at),
        "updatedAt": iso(row.updated_at),
        "completedAt": iso(row.completed_at),
        "failedAt": iso(row.failed_at),
        "errorMessage": row.error_message,
        "generationJob": job and generation_job(job),
    }


def public_model(row: GeneratedModel) -> JSON:
    """As the gallery shows it: with its maker and its prompt; the row comes with both joined."""
    maker = {"id": row.user_id, "name": row.user.nick_name or row.user.user_name}
    return generated_model(row) | {"user": maker, "request": {"prompt": row.request.prompt}}


def moderated(row: GeneratedModel) -> JSON:
    """For its owner's page and the operator's: whether an operator has hidden it."""
    return {"id": row.id, "name": row.name, "hiddenAt": iso(row.hidden_at), "userEmail": row.user.email}


def model_report(row: ModelReport) -> JSON:
    """A row of the operator's list."""
    model = {"id": row.model.id, "name": row.model.name, "hiddenAt": iso(row.model.hidden_at)}
    times = {"createdAt": iso(row.created_at), "settledAt": iso(row.settled_at)}
    return {"id": row.id, "reason": row.reason, "userEmail": row.user.email, "model": model, **times}


def generation_job(job: Job) -> JSON:
    return {"id": job.id, "status": job.status, "retryCount": max(job.attempt - 1, 0), "progress": job.progress}


def user(row: User) -> JSON:
    names = {"userName": row.user_name, "nickName": row.nick_name or row.user_name}
    return {"id": row.id, "email": row.email, **names, "avatar": row.avatar or None}


def access_token(row: AccessToken) -> JSON:
    times = {"createdAt": iso(row.created_at), "expiresAt": iso(row.expires_at), "lastUsedAt": iso(row.last_used_at)}
    return {"id": row.id, "name": row.name or tokens.API, **times}


def signed_in(row: AccessToken) -> JSON:
    kind = "browser" if row.kind == tokens.SESSION else "program"
    return access_token(row) | {"name": _client(row.name), "kind": kind}


def _client(agent: str) -> str:
    """`Firefox, Linux` out of a User-Agent; of any other program its first word."""
    browser = re.search(r"Edg|Firefox|Chrome|Safari", agent)
    system = re.search(r"Windows|Android|iPhone|iPad|Macintosh|Linux", agent)
    words = [found[0].replace("Edg", "Edge") for found in (browser, system) if found]
    return ", ".join(words) or agent.partition(" ")[0][:40]


def queued_job(job: Job, email: str | None, provider: str) -> JSON:
    """A row of the operator's list."""
    return {
        "id": job.id,
        "kind": job.kind,
        "status": job.status,
        "requestId": job.request_id,
        "userEmail": email,
        "attempts": job.attempt,
        "errorCode": job.error_code,
        "error": job.error_message,
        "provider": provider,
        "createdAt": iso(job.created_at),
        "updatedAt": iso(job.ended_at or job.started_at or job.created_at),
    }
