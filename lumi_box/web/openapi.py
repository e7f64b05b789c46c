"""The OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1), out of the routes and the schemas.

Kept after its first reading: routes do not change while the process runs.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Flask
from marshmallow import Schema
from werkzeug.routing import Rule

from lumi_box import __version__
from lumi_box.web.below import path_of
from lumi_box.web.reference import OPERATIONS, Operation
from lumi_box.web.session import SAFE_METHODS
from lumi_box.webhooks.names import EVENTS

JSON = dict[str, Any]
PREFIX = "/api/v1"
ABOUT = (
    "Answers are JSend: `status`, and `data`. Who is asking comes from `Authorization: Bearer TOKEN`, or from the"
    " session cookie; calls that change something with the cookie need `X-CSRF-Token`, which `GET /auth/me` answers"
    " in that header."
    " Every path is also served under `/api` without the version."
)
MEANINGS = {
    304: "The client has it already.",
    400: "VALIDATION_ERROR: `details` names each field and its rule.",
    401: "UNAUTHORIZED: sign in first.",
    403: "FORBIDDEN: not with this account, or without the CSRF token.",
    404: "NOT_FOUND: there is no such thing, or it is somebody else's.",
    409: "INVALID_STATE: the thing is not in a state that allows this.",
    413: "PAYLOAD_TOO_LARGE",
    414: "VALIDATION_ERROR: the address is too long.",
    429: "RATE_LIMITED or QUOTA_EXCEEDED: `Retry-After` says in seconds when to come back.",
    431: "VALIDATION_ERROR: the headers are too many or too long.",
    500: "INTERNAL_ERROR: `errorId` is in the log of the server.",
    502: "UPSTREAM_ERROR: a service that this one needs failed.",
    503: "SERVICE_UNAVAILABLE: not set up here, or not just now.",
}
FAIL: JSON = {
    "type": "object",
    "required": ["status", "data"],
    "properties": {
        "status": {"const": "fail"},
        "data": {
            "type": "object",
            "required": ["message", "code"],
            "properties": {
                "message": {"type": "string"},
                "code": {"type": "string"},
                "details": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
            },
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
ERROR: JSON = {
    "type": "object",
    "required": ["status", "message", "code", "errorId"],
    "properties": {
        "status": {"const": "error"},
        **{name: {"type": "string"} for name in ("message", "code", "errorId")},
    },
    "additionalProperties": False,
}


def routes(app: Flask) -> list[tuple[str, str, Rule]]:
    """Every call of the API: its method, its path as the reference names it, its rule."""
    found = []
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(f"{PREFIX}/"):
            path = re.sub(r"<[a-z]+:", "<", rule.rule.removeprefix(PREFIX))
            found += [(method, path, rule) for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})]
    return found


@lru_cache(maxsize=1)
def document(app: Flask) -> JSON:
    spec = APISpec(
        title="lumi-box",
        version=__version__,
        openapi_version="3.1.1",
        info={"description": ABOUT, "license": {"name": "MIT", "identifier": "MIT"}},
        servers=[{"url": path_of(app.config["PUBLIC_URL"]) + PREFIX}],
        plugins=[MarshmallowPlugin()],
        webhooks={event: {"post": _webhook(event)} for event in EVENTS},
    )
    spec.components.schema("Fail", FAIL)
    spec.components.schema("Error", ERROR)
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer"})
    spec.components.security_scheme("session", {"type": "apiKey", "in": "cookie", "name": "lumi_session"})
    for method, path, rule in routes(app):
        access = getattr(app.view_functions[rule.endpoint], "access", "users")
        described = _operation(OPERATIONS[f"{method} {path}"], method, path, rule, access)
        spec.path(re.sub(r"<([a-z_]+)>", r"{\1}", path), operations={method.lower(): described})
    return spec.to_dict()


def _webhook(event: str) -> JSON:
    """What a registered webhook is sent. The task or model is as it was when it ended."""
    kind = event.partition(".")[0]
    data = {
        "type": "object",
        "required": [kind],
        "properties": {kind: {"$ref": f"#/components/schemas/{kind.title()}"}},
        "additionalProperties": False,
    }
    properties = {
        "id": {"type": "string"},
        "type": {"const": event},
        "createdAt": {"type": "string", "format": "date-time"},
        "data": data,
    }
    body = {"type": "object", "required": list(properties), "properties": properties}
    headers = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return {
        "summary": "Signed as Standard Webhooks 1.0.0 says",
        "tags": ["webhooks"],
        "parameters": [
            {"in": "header", "name": name, "required": True, "schema": {"type": "string"}} for name in headers
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"2XX": {"description": "Taken. Any other answer means: try again later; 410: never again."}},
    }


def _operation(operation: Operation, method: str, path: str, rule: Rule, access: str) -> JSON:
    parameters: list[Any] = [_path_parameter(name, rule) for name in sorted(rule.arguments)]
    parameters += [
        {"name": name, "in": "header", "description": text, "schema": {"type": "string"}}
        for name, text in operation.headers.items()
    ]
    if operation.query is not None:
        parameters.append({"in": "query", "schema": operation.query})
    statuses = _statuses(operation, method, rule, access)
    described: JSON = {
        "operationId": _operation_id(method, path),
        "summary": operation.summary,
        "tags": [path.split("/")[1]],
        "parameters": parameters,
        "responses": {str(status): _failure(status) for status in statuses} | _answers(operation),
    }
    if operation.body is not None:
        content = {"application/json": {"schema": operation.body}}
        described["requestBody"] = {"required": operation.body_required, "content": content}
    if access != "anonymous":
        either: list[JSON] = [{"bearer": []}, {"session": []}]
        described["security"] = either if access in ("users", "admins") else [*either, {}]
    return described


def _operation_id(method: str, path: str) -> str:
    return "_".join([method.lower(), *re.findall(r"[a-z_]+", path.replace("-", "_"))])


def _path_parameter(name: str, rule: Rule) -> JSON:
    whole = type(rule._converters[name]).__name__ == "IntegerConverter"
    kind = {"type": "integer", "minimum": 0, "maximum": 3} if whole else {"type": "string", "minLength": 1}
    return {"name": name, "in": "path", "required": True, "schema": kind}


def _statuses(operation: Operation, method: str, rule: Rule, access: str) -> list[int]:
    """What can go wrong by the kind of the route: what it takes, whom it lets in, what it changes."""
    possible = {414, 431, 500, 503} if access == "anonymous" else {414, 429, 431, 500, 503}
    possible |= set(operation.fails)
    if operation.body is not None:
        possible |= {400, 413}
    if operation.query is not None or operation.headers:
        possible.add(400)
    if access in ("users", "admins"):
        possible.add(401)
    if access == "admins" or method not in SAFE_METHODS:
        possible.add(403)
    if rule.arguments:
        possible.add(404)
    if rule.rule.startswith(f"{PREFIX}/auth/"):
        possible.add(502)
    return sorted(possible)


def _answers(operation: Operation) -> JSON:
    statuses = [each for each in (operation.status, operation.also) if each is not None]
    answers: JSON = {str(each): {"description": operation.summary, "content": _content(operation)} for each in statuses}
    if operation.tagged:
        answers["200"]["headers"] = {"ETag": {"schema": {"type": "string"}}}
        answers["304"] = {"description": MEANINGS[304]}
    return answers


def _content(operation: Operation) -> JSON:
    if operation.media:
        return {media: {} for media in operation.media}
    return {"application/json": {"schema": _success(operation.answer)}}


def _success(answer: type[Schema] | None) -> JSON:
    data: Any = {"type": "null"} if answer is None else answer
    return {
        "type": "object",
        "required": ["status", "data"],
        "properties": {"status": {"const": "success"}, "data": data},
    }


def _failure(status: int) -> JSON:
    schema = "Fail" if status < 500 else "Error"
    answer: JSON = {
        "description": MEANINGS[status],
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }
    if status == 429:
        answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    return answer
