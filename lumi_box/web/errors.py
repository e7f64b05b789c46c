"""Our errors -> status and body, for pages and for JSON. The only place where the web role catches broadly."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from peewee import OperationalError
from werkzeug.exceptions import HTTPException

from lumi_box import logs, redaction
from lumi_box.errors import (
    Conflict,
    Invalid,
    LumiError,
    NotAllowed,
    NotConfigured,
    NotFound,
    NotSignedIn,
    TooMany,
    Unavailable,
    UpstreamError,
)
from lumi_box.web.session import wants_json

STATUS_AND_CODE: dict[type[LumiError], tuple[int, str]] = {
    Invalid: (400, "VALIDATION_ERROR"),
    NotSignedIn: (401, "UNAUTHORIZED"),
    NotAllowed: (403, "FORBIDDEN"),
    NotFound: (404, "NOT_FOUND"),
    Conflict: (409, "INVALID_STATE"),
    TooMany: (429, "RATE_LIMITED"),
    NotConfigured: (503, "SERVICE_UNAVAILABLE"),
    Unavailable: (503, "SERVICE_UNAVAILABLE"),
    UpstreamError: (502, "UPSTREAM_ERROR"),
    LumiError: (500, "INTERNAL_ERROR"),
}
CODE_OF_STATUS = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    409: "INVALID_STATE",
    413: "PAYLOAD_TOO_LARGE",
    429: "RATE_LIMITED",
    502: "UPSTREAM_ERROR",
    503: "SERVICE_UNAVAILABLE",
}
PLAIN = {
    404: "There is nothing at this address. What the API offers stands at /api/docs.",
    405: "This address takes other methods: see Allow.",
}
PAGES = (400, 403, 404, 429, 500, 503)
INTERNAL = "Something went wrong on our side."

logger = logging.getLogger(__name__)


def install(app: Flask) -> None:
    app.register_error_handler(LumiError, _ours)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(OperationalError, _database)
    app.register_error_handler(Exception, _unforeseen)


def _ours(error: LumiError) -> Response:
    kind = next(kind for kind in type(error).__mro__ if kind in STATUS_AND_CODE)
    status, code = STATUS_AND_CODE[kind]
    details = error.fields if isinstance(error, Invalid) else None
    if isinstance(error, TooMany) and error.quota:
        code = "QUOTA_EXCEEDED"
    response = _answer(status, code, str(error), details)
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(retry_after)))
    return response


def _http(error: HTTPException) -> Response | HTTPException:
    status = error.code or 500
    if status < 400:
        return error  # a redirect
    code = CODE_OF_STATUS.get(status, "INTERNAL_ERROR" if status >= 500 else "VALIDATION_ERROR")
    own_words = error.description if error.description != type(error).description else PLAIN.get(status)
    response = _answer(status, code, own_words or error.description or error.name)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After", "Content-Range"):
            response.headers[name] = value
    return response


def _database(error: OperationalError) -> Response:
    return _answer(503, "SERVICE_UNAVAILABLE", "The database does not answer. Try again shortly.", cause=error)


def _unforeseen(error: Exception) -> Response:
    return _answer(500, "INTERNAL_ERROR", INTERNAL, cause=error)


def _answer(status: int, code: str, message: str, details: Any = None, cause: Exception | None = None) -> Response:
    error_id = ""
    if status >= 500:
        g.failing = True  # what an error page shows must not need what has just failed
        error_id = secrets.token_hex(8)
        level = logging.WARNING if cause is None else logging.ERROR  # without one it was foreseen: an outage
        said = () if cause is None else _said()
        with logs.bind(error_id=error_id), redaction.conceal(*said):
            logger.log(level, "request failed status=%d code=%s reason=%s", status, code, message, exc_info=cause)
    if wants_json():
        response = jsonify(_body(status, code, message, details, error_id))
    else:
        page = status if status in PAGES else (500 if status >= 500 else 400)
        response = make_response(render_template(f"errors/{page}.html", request_id=error_id or g.get("request_id", "")))
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    return response


def _said() -> Iterator[str]:
    """Every text that came with the request: a prompt or a password, for all we know."""
    values: list[Any] = list(request.args.values())
    with suppress(HTTPException):  # a body that is too large, or that the client has not sent to its end
        body = request.get_json(silent=True) if request.is_json else None
        values += (body if isinstance(body, dict) else request.form).values()
    for value in values:
        yield from (each for each in (value if isinstance(value, list) else [value]) if isinstance(each, str))


def _body(status: int, code: str, message: str, details: Any, error_id: str) -> dict[str, Any]:
    if status >= 500:
        return {"status": "error", "message": message, "code": code, "errorId": error_id}
    data = {"message": message, "code": code}
    return {"status": "fail", "data": data | ({"details": details} if details else {})}
