"""/gallery: what makers have published, and what others think of it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request

from lumi_box.gallery import interact
from lumi_box.web import actions, gallery_lists, owned, schemas, shapes, views
from lumi_box.web.api.answers import body, query, success
from lumi_box.web.session import current_user, open_to_all
from lumi_box.web.visitors import visitor

bp = Blueprint("gallery", __name__)


@bp.get("/gallery/models")
@open_to_all
def index() -> Response:
    wanted = query(schemas.GalleryQuery)
    listed = gallery_lists.page(wanted["sortBy"], wanted["limit"], wanted["offset"], wanted["q"])
    response = Response(listed.body, mimetype="application/json")
    response.headers["Cache-Control"] = "no-cache"
    response.set_etag(listed.etag)
    response.make_conditional(request)
    return response


@bp.get("/gallery/models/<model_id>")
@open_to_all
def show(model_id: str) -> Response:
    model = owned.shown_model(model_id)
    model.view_count = interact.count_view(model, visitor())
    return success(shapes.public_model(model))


@bp.post("/gallery/models/<model_id>/download")
def download(model_id: str) -> Response:
    return success(actions.count_download(model_id))


@bp.get("/gallery/models/<model_id>/interactions")
@open_to_all
def interactions(model_id: str) -> Response:
    kinds = views.marks([owned.shown_model(model_id).id])[model_id]
    known = {"isAuthenticated": current_user() is not None, "interactions": sorted(kinds)}
    return success(known | _marks(kinds))


@bp.post("/gallery/models/<model_id>/interactions")
def interact_with(model_id: str) -> Response:
    return success(actions.toggle_mark(model_id, body(schemas.InteractionIn)["type"]))


@bp.post("/gallery/models/batch-interactions")
@open_to_all
def batch_interactions() -> Response:
    marks = views.marks(body(schemas.BatchIn)["modelIds"])
    known = {each: _marks(kinds) for each, kinds in marks.items()}
    return success({"isAuthenticated": current_user() is not None, "interactions": known})


@bp.post("/gallery/models/<model_id>/report")
def report(model_id: str) -> Response:
    actions.report_model(model_id, body(schemas.ReportIn)["reason"])
    return success(None)


def _marks(kinds: set[str]) -> dict[str, Any]:
    return {"isLiked": interact.LIKE in kinds, "isFavorited": interact.FAVORITE in kinds}
