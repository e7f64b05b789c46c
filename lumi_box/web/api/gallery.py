"""/gallery: what makers have published."""

from __future__ import annotations

from flask import Blueprint, Response

from lumi_box.errors import NotFound
from lumi_box.gallery import interact
from lumi_box.gallery.publish import PUBLIC
from lumi_box.web import owned, schemas, shapes, views
from lumi_box.web.api.answers import query, success, tagged
from lumi_box.web.session import open_to_all

bp = Blueprint("gallery", __name__)


@bp.get("/gallery/models")
@open_to_all
def index() -> Response:
    wanted = query(schemas.GalleryQuery())
    return tagged(views.gallery(wanted["sortBy"], wanted["limit"], wanted["offset"], wanted["q"]))


@bp.get("/gallery/models/<model_id>")
@open_to_all
def show(model_id: str) -> Response:
    model = owned.visible_model(model_id)
    if model.visibility != PUBLIC:
        raise NotFound("There is no such model.")
    interact.count_view(model)
    return success(shapes.public_model(owned.visible_model(model_id)))
