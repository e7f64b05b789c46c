"""Events as SSE (https://html.spec.whatwg.org/multipage/server-sent-events.html): a state, then the changes since."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

from flask import Response, request, stream_with_context

from lumi_box import events
from lumi_box.errors import Unavailable
from lumi_box.events import Follower
from lumi_box.tables.base import database
from lumi_box.tables.event import Event
from lumi_box.web import addresses, owned, views
from lumi_box.web.context import box, follower

COMMENT_SECONDS = 15.0
RETRY_MS = 3000
SHARE_OF_THREADS = 0.75  # each open stream keeps a thread; the others answer everything else


def of_task(task_id: str) -> Response:
    """The task's stream, resumed after `Last-Event-ID` where that is one of its events, else begun with `task:init`."""
    owned.request_of(task_id)
    if follower().listening >= int(box().config.server.threads * SHARE_OF_THREADS):
        raise Unavailable("Too many event streams are open. Ask for the task itself instead.", retry_after=5)
    resumed = _resumed_from(task_id)
    body = stream_with_context(_frames(follower(), task_id, resumed))
    headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
    return Response(body, mimetype="text/event-stream", headers=headers)


def _resumed_from(task_id: str) -> int | None:
    given = request.headers.get("Last-Event-ID", "").strip()
    if not given.isdecimal() or len(given) > 18 or not events.knows(task_id, int(given)):
        return None
    return int(given)


def _frames(log: Follower, task_id: str, seen: int | None) -> Iterator[str]:
    with log.listen(task_id) as bell:
        yield f"retry: {RETRY_MS}\n\n"
        if seen is None:
            state, seen = views.task_and_event(task_id)
            yield _frame(seen, "task:init", state)
        while not log.closing:
            bell.clear()
            for event in events.after(task_id, seen):
                seen = int(event.id)
                yield _frame(seen, event.name, _data(event))
            if not _wait(bell):
                yield ": still here\n\n"
        yield ": the server stops; come back\n\n"


def _wait(bell: threading.Event) -> bool:
    """Until there may be news; the connection to the database is given back meanwhile."""
    database.close()
    return bell.wait(COMMENT_SECONDS)


def _data(event: Event) -> dict[str, Any]:
    """What was recorded, with addresses for its files that are good from now on."""
    data: dict[str, Any] = json.loads(event.data)
    files = data.pop("files", {})
    return data | {name: addresses.of(key) for name, key in files.items()}


def _frame(event_id: int, name: str, data: dict[str, Any]) -> str:
    return f"id: {event_id}\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
