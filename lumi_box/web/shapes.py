"""Rows -> the JSON that clients rely on: those of lumi_box/shapes.py with signed addresses, and what only web shows."""

from __future__ import annotations

import re

from lumi_box import shapes as plain
from lumi_box.accounts import tokens
from lumi_box.clock import iso, now_ms
from lumi_box.shapes import JSON, Jobs, generation_job  # noqa: F401  others read the last one here
from lumi_box.slicing.names import NOT_STARTED
from lumi_box.tables.account import AccessToken, User
from lumi_box.tables.generation import GeneratedModel, GenerationRequest, Image
from lumi_box.tables.interaction import ModelReport
from lumi_box.tables.job import Job
from lumi_box.tables.slicing import Slicing
from lumi_box.tables.webhook import Webhook, WebhookDelivery
from lumi_box.web import addresses


def task(request: GenerationRequest, images: list[Image], model: GeneratedModel | None, jobs: Jobs) -> JSON:
    return plain.task(request, images, model, jobs, addresses.of)


def generated_model(row: GeneratedModel, job: Job | None = None) -> JSON:
    return plain.generated_model(row, job, addresses.of)


def public_model(row: GeneratedModel) -> JSON:
    """As the gallery shows it: with its maker and its prompt; the row comes with both joined.

    Whether its maker prints it is nobody else's business.
    """
    maker = {"id": row.user_id, "name": row.user.nick_name or row.user.user_name}
    unsaid = {"sliceTaskId": None, "printStatus": None}
    return generated_model(row) | {"user": maker, "request": {"prompt": row.request.prompt}} | unsaid


def moderated(row: GeneratedModel) -> JSON:
    """For its owner's page and the operator's: whether an operator has hidden it."""
    return {"id": row.id, "name": row.name, "hiddenAt": iso(row.hidden_at), "userEmail": row.user.email}


def model_report(row: ModelReport) -> JSON:
    """A row of the operator's list."""
    model = {"id": row.model.id, "name": row.model.name, "hiddenAt": iso(row.model.hidden_at)}
    times = {"createdAt": iso(row.created_at), "settledAt": iso(row.settled_at)}
    return {"id": row.id, "reason": row.reason, "userEmail": row.user.email, "model": model, **times}


def printing(row: GeneratedModel) -> JSON:
    """What only its maker is shown of a public model."""
    return {"sliceTaskId": row.slice_task_id, "printStatus": row.print_status}


def print_status(row: Slicing | None) -> JSON:
    """The latest slicing of a model; None where there is none yet."""
    if row is None:
        nothing = dict.fromkeys(("sliceTaskId", "sliceProgress", "gcodeUrl", "gcodeMetadata", "errorMessage"))
        return {"printStatus": NOT_STARTED, **nothing}
    facts = row.gcode_facts or {}
    named = {"layerHeight": "layer_height", "printTimeSeconds": "print_time_seconds", "filamentGrams": "filament_grams"}
    return {
        "printStatus": row.status,
        "sliceTaskId": row.id,
        "sliceProgress": row.progress,
        "gcodeUrl": addresses.of(row.gcode_key),
        "gcodeMetadata": {ours: facts.get(theirs) for ours, theirs in named.items()} if row.gcode_key else None,
        "errorMessage": row.error_message,
    }


def user(row: User) -> JSON:
    names = {"userName": row.user_name, "nickName": row.nick_name or row.user_name}
    return {"id": row.id, "email": row.email, **names, "avatar": row.avatar or None}


def access_token(row: AccessToken) -> JSON:
    times = {"createdAt": iso(row.created_at), "expiresAt": iso(row.expires_at), "lastUsedAt": iso(row.last_used_at)}
    return {"id": row.id, "name": row.name or tokens.API, **times}


def signed_in(row: AccessToken) -> JSON:
    kind = "browser" if row.kind == tokens.SESSION else "program"
    return access_token(row) | {"name": _client(row.name), "kind": kind}


def webhook(row: Webhook) -> JSON:
    both_sign = row.old_salt_until is not None and row.old_salt_until > now_ms()
    return {
        "id": row.id,
        "url": row.url,
        "events": row.events.split(),
        "enabled": row.disabled_at is None,
        "disabledReason": row.disabled_reason,
        "disabledAt": iso(row.disabled_at),
        "failingSince": iso(row.failing_since),
        "oldSecretUntil": iso(row.old_salt_until) if both_sign else None,
        "createdAt": iso(row.created_at),
        "updatedAt": iso(row.updated_at),
    }


def webhook_delivery(row: WebhookDelivery) -> JSON:
    """Without the body: that was for the receiver."""
    return {
        "id": row.id,
        "type": row.type,
        "status": row.status,
        "attempts": row.attempts,
        "createdAt": iso(row.created_at),
        "attemptedAt": iso(row.attempted_at),
        "nextAttemptAt": iso(row.due_at) if row.lease is None else None,
        "endedAt": iso(row.ended_at),
        "responseStatus": row.response_status,
        "milliseconds": row.milliseconds,
        "response": row.response,
        "error": row.error,
    }


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
