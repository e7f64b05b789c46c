"""A box whose providers, store and user service are real adapters, pointed wherever a test wants."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from process.server import free_port

from lumi_box.box import Box

PROVIDERS = ("image_provider", "model_provider", "prompt_writer")


def configure(box: Box, section: str, **changes: Any) -> None:
    """Other settings of one section of the box's config, such as `providers.aliyun`; adapters are made anew."""
    names = section.split(".")
    tables = [box.config]
    for name in names:
        tables.append(getattr(tables[-1], name))
    changed: Any = replace(tables.pop(), **changes)
    for name in reversed(names):
        changed = replace(tables.pop(), **{name: changed})
    box.config = changed
    for name in PROVIDERS:
        box.__dict__.pop(name, None)


def nowhere() -> str:
    """An address at which nothing listens."""
    return f"http://127.0.0.1:{free_port()}"


@contextmanager
def telling(date: str) -> Iterator[str]:
    """The address of a server that knows nothing, and answers with this Date."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:  # the name that http.server calls
            self.send_response_only(404)
            self.send_header("Date", date)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Tests read no access log."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
