"""The gallery's lists, serialised once and kept as bytes until the gallery changes on any node.

Each request asks the database for the gallery's generation, one row by its key. The counters in a list may lag behind
by `gallery.cache_seconds`; what is listed never does.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app

from lumi_box import listing
from lumi_box.web import views
from lumi_box.web.context import box

MAX_BYTES = 16 << 20
EXTENSION = "lumi_gallery_lists"


@dataclass(frozen=True, slots=True)
class Listed:
    """A whole JSend answer."""

    body: bytes
    etag: str
    generation: int
    expires: float

    def data(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.body)["data"]
        return answer


class Lists:
    """Bounded by what it holds; the oldest go first."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._kept: dict[object, Listed] = {}
        self._making = threading.Lock()  # many ask at once for what has just changed: one makes it
        self._free = max_bytes

    def get(self, key: object, generation: int, make: Callable[[], Listed]) -> Listed:
        """`generation` was read before; a list made after that is at least as new."""
        found = self._fresh(key, generation)
        if found is not None:
            return found
        with self._making:
            found = self._fresh(key, generation)
            if found is None:
                found = make()
                self._keep(key, found)
        return found

    def _fresh(self, key: object, generation: int) -> Listed | None:
        found = self._kept.get(key)
        return found if found and found.generation >= generation and found.expires > time.monotonic() else None

    def _keep(self, key: object, listed: Listed) -> None:
        if (before := self._kept.pop(key, None)) is not None:
            self._free += len(before.body)
        self._kept[key] = listed
        self._free -= len(listed.body)
        while self._free < 0:
            oldest = next(iter(self._kept))
            self._free += len(self._kept.pop(oldest).body)


def install(app: Flask) -> None:
    app.extensions[EXTENSION] = Lists()


def page(sort: str, limit: int, offset: int, q: str | None = None) -> Listed:
    """One page of the gallery as the API answers it."""
    generation = listing.generation()
    lists: Lists = current_app.extensions[EXTENSION]
    return lists.get((sort, limit, offset, q or ""), generation, lambda: _made(generation, sort, limit, offset, q))


def _made(generation: int, sort: str, limit: int, offset: int, q: str | None) -> Listed:
    answer = {"status": "success", "data": views.gallery(sort, limit, offset, q)}
    body = current_app.json.dumps(answer, separators=(",", ":")).encode()
    expires = time.monotonic() + box().config.gallery.cache_seconds
    return Listed(body, hashlib.sha256(body).hexdigest()[:32], generation, expires)
