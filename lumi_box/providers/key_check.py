"""Whether a service of OpenAI's kind accepts our key, asked without buying anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lumi_box.errors import Refused, UpstreamError
from lumi_box.providers.http import Answer, Client

ANSWERS = "The service answers and accepts the key."


def ask(
    client: Client, model: str, path: str, incomplete: Mapping[str, Any], error: Callable[[Answer], UpstreamError]
) -> str:
    """Ask for the list of models. Where there is none, send an order that lacks what is required: a service that
    refuses it for that reason, and not for the key or the model, is in order.
    """
    answer = client.call("GET", "/models")
    if answer.status == 200:
        names = _names(answer.body)
        return f"{ANSWERS} Its list of models has no {model}." if names and model not in names else ANSWERS
    if answer.status not in (404, 405):
        raise error(answer)
    answer = client.call("POST", path, json=dict(incomplete))
    if answer.status == 200:
        return ANSWERS
    found = error(answer)
    if found.alert or not isinstance(found, Refused):
        raise found
    return ANSWERS


def _names(body: object) -> set[str]:
    entries = body.get("data") if isinstance(body, dict) else None
    return {entry["id"] for entry in entries or () if isinstance(entry, dict) and isinstance(entry.get("id"), str)}
