"""/models: a finished model, its texts, who sees it, and its files to keep."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from lumi_box.errors import Conflict
from lumi_box.gallery import interact
from lumi_box.web import actions, downloads, owned, schemas, views
from lumi_box.web.api.answers import body, query, success
from lumi_box.web.session import open_to_all
from lumi_box.web.visitors import visitor

bp = Blueprint("models", __name__)


@bp.get("/models/<model_id>")
@open_to_all
def show(model_id: str) -> Response:
    return success(views.model(model_id))


@bp.patch("/models/<model_id>")
def describe(model_id: str) -> Response:
    return success(actions.describe_model(model_id, body(schemas.ModelIn)))


@bp.patch("/models/<model_id>/visibility")
def set_visibility(model_id: str) -> Response:
    return success(actions.set_visibility(model_id, body(schemas.VisibilityIn)["visibility"]))


@bp.delete("/models/<model_id>")
def delete(model_id: str) -> Response:
    actions.delete_model(model_id)
    return success(None)


@bp.get("/models/<model_id>/download")
def download(model_id: str) -> Response:
    wanted = query(schemas.DownloadQuery)
    model = owned.visible_model(model_id)
    response = downloads.of_model(model, wanted["format"], wanted["heightMm"])
    interact.count_download(model, visitor())
    return response


@bp.get("/models/<model_id>/print-report")
@open_to_all
def print_report(model_id: str) -> Response:
    return success(_finished(views.print_report(model_id, query(schemas.HeightQuery)["heightMm"])))


@bp.get("/models/<model_id>/open-links")
def links(model_id: str) -> Response:
    return success(_finished(views.open_links(model_id)))


def _finished(found: dict[str, Any] | None) -> dict[str, Any]:
    if found is None:
        raise Conflict("The model is not finished yet.")
    return found
