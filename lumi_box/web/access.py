"""One line in the log for each answered request, and the request's id on every line that is written meanwhile."""

from __future__ import annotations

import logging
import re
import secrets
import time
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, g, request

from lumi_box import logs
from lumi_box.web import metrics
from lumi_box.web.session import known_user

LONGEST_PATH = 200
SHOWN = {"index", "key", "filename"}  # arguments of routes, beside ids; what is not named here is not shown
HARMLESS = re.compile(  # what a client may have made up and is shown all the same: ids, names of pictures, short words
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[\d-]{1,24}\.\w{1,5}|[\w.-]{0,10}", re.ASCII
)
NOISE = ("/health", "/metrics", "/static/<path:filename>")  # asked all day long by machines

logger = logging.getLogger("lumi_box.access")


def install(app: Flask) -> None:
    """Before all other hooks: what comes first begins first, and ends last."""
    app.before_request(_begin)
    app.after_request(_answered)
    app.teardown_request(_end)


def _begin() -> None:
    g.request_id = secrets.token_hex(8)
    g.started = time.monotonic()
    g.log_before = logs.enter(request_id=g.request_id)


def _end(_: BaseException | None) -> None:
    if (before := g.pop("log_before", None)) is not None:
        logs.leave(before)


def _answered(response: Response) -> Response:
    seconds = time.monotonic() - g.started
    metrics.count(response, seconds)
    route = request.url_rule.rule if request.url_rule is not None else None
    level = logging.DEBUG if route in NOISE else logging.INFO
    if logger.isEnabledFor(level):
        path, user = _path(route, found=response.status_code < HTTPStatus.BAD_REQUEST), known_user()
        figures = logs.fields(
            ms=round(seconds * 1000, 1),
            bytes=_size(response),
            user_id=user.id if user is not None else None,
            in_json={"method": request.method, "path": path, "route": route, "status": response.status_code},
        )
        logger.log(level, "%s %s %d", request.method, path, response.status_code, extra=figures)
    return response


def _path(route: str | None, found: bool) -> str:
    """Without its query, and without what may be a secret in it, such as the signature of a file's address."""
    if route is None:
        return _harmless(request.path)
    for name, value in (request.view_args or {}).items():
        if name in SHOWN or name.endswith("_id"):
            route = _filled(route, name, str(value)[:LONGEST_PATH] if found else _harmless(str(value)))
    return route


def _harmless(path: str) -> str:
    parts = path[:LONGEST_PATH].split("/")
    return "/".join(part if HARMLESS.fullmatch(part) else "…" for part in parts)


def _filled(route: str, name: str, value: str) -> str:
    begin, _, rest = route.partition(f"{name}>")
    return f"{begin[: begin.rindex('<')]}{value}{rest}"


def _size(response: Response) -> Any:
    if response.content_length is not None or response.is_streamed:
        return response.content_length
    return response.calculate_content_length()
