"""The slicer service: OrcaSlicer behind HTTP. It fetches the model from us, and we fetch the G-code from it.

Its answers come without an envelope, and the final slash of the path belongs to it. It has no idempotency: where the
answer to an order is lost, an order that is repeated costs the machine's time once more, and nothing else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from lumi_box.config import Config
from lumi_box.errors import AnswerLost, Busy, NotConfigured, Refused, Unavailable, UpstreamError
from lumi_box.metrics import calls
from lumi_box.providers import addresses, fetching
from lumi_box.providers.http import Answer, Client
from lumi_box.providers.vendor_errors import Told, tidy, told
from lumi_box.redaction import redact
from lumi_box.slicing import gcode, names

TASKS = "/api/v1/tasks/"
TIMEOUT_SECONDS = 30.0
FETCH_SECONDS = 300.0
ANSWER_BYTES = 1 << 20
LONGEST_ID = 100
COMPLETED, FAILED, CANCELLED = "COMPLETED", "FAILED", "CANCELLED"  # any other status is not the end
BUSY_STATUSES = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class State:
    """How a task of the service stands. `url` may be missing of one that is COMPLETED; `text` is technical."""

    status: str
    progress: int | None = None
    url: str | None = None
    facts: dict[str, Any] | None = None
    text: str = ""


class SlicerService:
    """Safe to share between threads. It never waits or repeats."""

    name = names.SERVICE

    def __init__(self, config: Config) -> None:
        if config.slicer.url is None:
            raise NotConfigured(names.NOT_CONFIGURED)
        self._client = Client(
            config.slicer.url,
            timeout_seconds=TIMEOUT_SECONDS,
            headers={},
            vendor=self.name,
            name=self.name,
            limit_bytes=ANSWER_BYTES,
        )
        own = addresses.parse(config.slicer.url)  # the operator named it: it may be private
        host = f"[{own.host}]" if ":" in own.host else own.host
        self._hosts = (*config.providers.allowed_hosts, host, f"{host}:{own.port}")
        self._limit = config.limits.max_model_mb << 20

    def submit(self, object_url: str, file_name: str) -> str:
        """Order; answers the id of the new task. AnswerLost where nobody knows whether there is one now."""
        order = {"object_url": object_url, "file_name": file_name, "task_info": {"model_source": "ai_created"}}
        answer = self._call("POST", TASKS, json=order)
        if answer.status == 500:
            raise AnswerLost(names.WENT_WRONG, code="http_500", vendor_text=_told(answer).message)
        fields = _fields(answer)
        remote_id = fields.get("slice_task_id")
        if not isinstance(remote_id, str) or not 0 < len(remote_id) <= LONGEST_ID or not remote_id.isprintable():
            raise AnswerLost(names.LOST, code="no_id", vendor_text=_words(answer.text))
        return remote_id

    def poll(self, remote_id: str) -> State:
        """Refused when the service does not know the task."""
        answer = self._call("GET", TASKS + quote(remote_id, safe=""))
        if answer.status == 404:
            raise Refused(names.FORGOTTEN, code="http_404", vendor_text=_told(answer).message)
        fields = _fields(answer)
        status, url, metadata = fields.get("status"), fields.get("gcode_download_url"), fields.get("gcode_metadata")
        return State(
            status=status if isinstance(status, str) else "",
            progress=_percent(fields.get("progress")),
            url=url if isinstance(url, str) and url else None,
            facts=_facts(metadata) if isinstance(metadata, dict) else None,
            text=_words(fields.get("error_message")),
        )

    def fetch(self, url: str, target: Path) -> None:
        """The G-code, from where the service keeps it: Unavailable, or Refused ("result_expired", "too_large", …)."""
        fetching.fetch(url, target, limit_bytes=self._limit, deadline_seconds=FETCH_SECONDS, allowed_hosts=self._hosts)

    def _call(self, method: str, path: str, **content: Any) -> Answer:
        """A redirect is a wrong `slicer.url`, which no repeat mends."""
        try:
            return self._client.call(method, path, **content)
        except Unavailable as error:
            if error.code != "redirect":
                raise
            raise Refused(names.UNREACHABLE, code=error.code, vendor_text=error.vendor_text) from error

    def close(self) -> None:
        self._client.close()


def connected(config: Config) -> SlicerService:
    """One whose calls are counted."""
    return calls.counted(SlicerService(config))


def _fields(answer: Answer) -> dict[str, Any]:
    if not 200 <= answer.status < 300:
        raise _error(answer)
    if not isinstance(answer.body, dict):
        raise AnswerLost(names.LOST, code="not_json", vendor_text=_words(answer.text))
    return answer.body


def _error(answer: Answer) -> UpstreamError:
    said = _told(answer)
    facts: dict[str, Any] = {"code": f"http_{answer.status}", "vendor_text": said.message}
    if answer.status in BUSY_STATUSES:
        return Busy(names.BUSY, retry_after=said.retry_after, **facts)
    if answer.status >= 500:
        return Unavailable(names.WENT_WRONG, retry_after=said.retry_after, **facts)
    return Refused(names.NOT_ACCEPTED if answer.status in (400, 413, 422) else names.WENT_WRONG, **facts)


def _told(answer: Answer) -> Told:
    detail = answer.body.get("detail") if isinstance(answer.body, dict) else None
    found = told(answer, "", detail if isinstance(detail, str) else None)
    return Told(found.code, _words(found.message), found.status, found.request_id, found.retry_after)


def _words(text: object) -> str:
    """Technical text for the row and the log; it may repeat the signed address that we sent."""
    return tidy(redact(text)) if isinstance(text, str) else ""


def _percent(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return max(0, min(100, round(value)))


def _facts(metadata: dict[str, Any]) -> dict[str, Any]:
    """Under our names, with their units in them."""
    named = {"print_time_seconds": "print_time", "filament_grams": "filament_used", "layer_height": "layer_height"}
    return gcode.sound({ours: metadata.get(theirs) for ours, theirs in named.items()})
