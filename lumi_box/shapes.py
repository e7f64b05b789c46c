"""Rows -> JSON: how a task and a model look to those outside, in an answer of the API as in a webhook.

Pure. `address` makes what stands where a file's address belongs, out of its storage key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from lumi_box.clock import iso
from lumi_box.listing import is_shown
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image
from lumi_box.tables.job import Job

JSON = dict[str, Any]
Jobs = Mapping[str | None, Job]

ADDRESSES = {  # what an event or an answer calls the address of a file -> the column of its key
    "modelUrl": "obj_key",
    "mtlUrl": "mtl_key",
    "textureUrl": "texture_key",
    "glbUrl": "glb_key",
    "previewImageUrl": "preview_key",
}


class Address(Protocol):
    def __call__(self, key: str | None, *, public: bool = False) -> Any: ...


def task(
    request: GenerationRequest, images: list[Image], model: GeneratedModel | None, jobs: Jobs, address: Address
) -> JSON:
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
        "images": [image(row, jobs.get(row.job_id), address) for row in images],
        "model": model and generated_model(model, jobs.get(model.job_id), address),
    }


def image(row: Image, job: Job | None, address: Address) -> JSON:
    url = address(row.object_key)
    return {
        "id": row.id,
        "requestId": row.request_id,
        "index": row.position,
        "imageUrl": url,
        "url": url,
        "thumbnailUrl": address(row.thumbnail_key),
        "imagePrompt": row.prompt,
        "imageStatus": row.status,
        "createdAt": iso(row.created_at),
        "completedAt": iso(row.completed_at),
        "failedAt": iso(row.failed_at),
        "errorMessage": row.error_message,
        "generationJob": job and generation_job(job),
    }


def generated_model(row: GeneratedModel, job: Job | None, address: Address) -> JSON:
    public = is_shown(row)
    return {
        "id": row.id,
        "userId": row.user_id,
        "source": "AI_GENERATED",
        "requestId": row.request_id,
        "sourceImageId": row.image_id,
        "name": row.name,
        "description": row.description,
        **{name: address(getattr(row, column), public=public) for name, column in ADDRESSES.items()},
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
        "sliceTaskId": row.slice_task_id,
        "printStatus": row.print_status,
        "createdAt": iso(row.created_at),
        "updatedAt": iso(row.updated_at),
        "completedAt": iso(row.completed_at),
        "failedAt": iso(row.failed_at),
        "errorMessage": row.error_message,
        "generationJob": job and generation_job(job),
    }


def generation_job(job: Job) -> JSON:
    return {"id": job.id, "status": job.status, "retryCount": max(job.attempt - 1, 0), "progress": job.progress}
