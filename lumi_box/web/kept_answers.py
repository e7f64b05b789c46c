"""Answers that are kept as bytes until anything at all has been committed.

Open pages and apps ask for their tasks again and again, and mostly nothing has happened. SQLite tells within
microseconds whether anything did; a server of rows cannot, and is asked each time.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask, Response, current_app, request

from lumi_box.tables import base
from lumi_box.web.session import user_id

MOST = 2_000
SECONDS = 60.0  # signed addresses in an answer grow old
EXTENSION = "lumi_kept_answers"


@dataclass(frozen=True, slots=True)
class Kept:
    body: bytes
    etag: str
    commits: int | None
    until: float


def install(app: Flask) -> None:
    app.extensions[EXTENSION] = {}


def answer(make: Callable[[], Any]) -> Response:
    """What `make` answers to this user at this address, in the envelope of the API and with an ETag."""
    kept: dict[tuple[str, str], Kept] = current_app.extensions[EXTENSION]
    key = (user_id(), request.full_path)
    commits = base.commits()  # read first: what is made now may be newer than that, never older
    found = kept.get(key)
    if found is None or found.commits is None or found.commits != commits or found.until < time.monotonic():
        body = current_app.json.dumps({"status": "success", "data": make()}, separators=(",", ":")).encode()
        found = Kept(body, hashlib.sha256(body).hexdigest()[:32], commits, time.monotonic() + SECONDS)
        if len(kept) >= MOST:
            kept.clear()
        kept[key] = found
    response = Response(found.body, mimetype="application/json", headers={"Cache-Control": "no-cache"})
    response.set_etag(found.etag)
    response.make_conditional(request)
    return response
