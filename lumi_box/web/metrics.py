"""/metrics, and what is counted of every request."""

from __future__ import annotations

import hmac
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus

from flask import Blueprint, Flask, Response, current_app, request

from lumi_box.box import Box
from lumi_box.errors import NotFound, NotSignedIn
from lumi_box.metrics.exposition import CONTENT_TYPE, Metrics
from lumi_box.web.context import box
from lumi_box.web.session import anonymous

NAME = "lumi_metrics"

bp = Blueprint("metrics", __name__)


def install(app: Flask, box: Box) -> None:
    if box.config.metrics.enabled:
        app.extensions[NAME] = Metrics(box.config)
    app.register_blueprint(bp)


@bp.get("/metrics")
@anonymous
def metrics() -> Response:
    """For whoever holds `metrics.token`, where one is set: no session opens it, an administrator's neither."""
    found = _metrics()
    if found is None:
        raise NotFound("There are no metrics here: metrics.enabled is false.")
    _require(box().config.metrics.token)
    return Response(found.text(), content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})


@bp.after_request
def _challenge(response: Response) -> Response:
    if response.status_code == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def count(response: Response, seconds: float) -> None:
    """One answered request, under the template of its route: paths hold ids and signatures."""
    if (found := _metrics()) is not None:
        route = request.url_rule.rule if request.url_rule is not None else None
        found.answered(request.method, route, response.status_code, seconds)


def open_stream() -> AbstractContextManager[None]:
    found = _metrics()
    return nullcontext() if found is None else found.open_stream()


def _metrics() -> Metrics | None:
    found: Metrics | None = current_app.extensions.get(NAME)
    return found


def _require(token: str | None) -> None:
    if token is None:
        return
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), token.encode()):
        raise NotSignedIn("The metrics need the bearer token that metrics.token is set to.")
