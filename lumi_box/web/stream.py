"""Events as SSE (https://html.spec.whatwg.org/multipage/server-sent-events.html): a state, then the changes since.

Under gunicorn an open stream is handed to one thread that serves them all (stream_hub.py). Elsewhere each keeps a
thread of the server.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

from flask import Response, request, stream_with_context

from lumi_box import events
from lumi_box.errors import Unavailable
from lumi_box.tables.base import database
from lumi_box.tables.event import Event
from lumi_box.web import addresses, metrics, owned, views
from lumi_box.web.context import box, follower, stream_hub
from lumi_box.web.stream_hub import TOO_MANY, HandOver

COMMENT_SECONDS = 15.0
RETRY_MS = 3000
SHARE_OF_THREADS = 0.75  # where each open stream keeps a thread, the others answer everything else
HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


def of_task(task_id: str) -> Response:
    """The task's stream, resumed after `Last-Event-ID` where that is one of its events, else begun with `task:init`."""
    owned.request_of(task_id)
    story = Story(task_id, _resumed_from(task_id))
    connection = request.environ.get("gunicorn.socket")
    if request.method != "GET":
        body: Any = b""
    elif connection is not None:
        chunked = request.environ.get("SERVER_PROTOCOL") != "HTTP/1.0"
        body = HandOver(stream_hub(), connection, story, chunked=chunked)
    else:
        if follower().listening >= int(box().config.server.threads * SHARE_OF_THREADS):
            raise Unavailable(TOO_MANY, retry_after=5)
        body = stream_with_context(_in_this_thread(story))
    return Response(body, mimetype="text/event-stream", headers=HEADERS)


class Story:
    """What one listener has been told so far, and what comes next."""

    def __init__(self, task_id: str, seen: int | None) -> None:
        self.task_id, self._seen = task_id, seen

    def opening(self) -> str:
        """In the request that opens the stream, once changes are listened for."""
        text = f"retry: {RETRY_MS}\n\n"
        if self._seen is None:
            state, self._seen = views.task_and_event(self.task_id)
            text += _frame(self._seen, "task:init", state)
        return text

    def news(self) -> str:
        """The changes since, as frames; empty when there are none. Needs the application's context."""
        frames = []
        for event in events.after(self.task_id, self._seen or 0):
            self._seen = int(event.id)
            frames.append(_frame(self._seen, event.name, _data(event)))
        return "".join(frames)


def _resumed_from(task_id: str) -> int | None:
    given = request.headers.get("Last-Event-ID", "").strip()
    if not given.isdecimal() or len(given) > 18 or not events.knows(task_id, int(given)):
        return None
    return int(given)


def _in_this_thread(story: Story) -> Iterator[str]:
    log = follower()
    with metrics.open_stream(), log.listen(story.task_id) as bell:
        yield story.opening()
        while not log.closing:
            bell.clear()
            while news := story.news():
                yield news
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
