"""/users: what is mine."""

from __future__ import annotations

from flask import Blueprint, Response

from lumi_box.web import schemas, views
from lumi_box.web.api.answers import query, success

bp = Blueprint("users", __name__)


@bp.get("/users/models")
@bp.get("/users/my-models")
def models() -> Response:
    wanted = query(schemas.MyModelsQuery())
    return success(views.my_models(wanted["limit"], wanted["offset"], wanted["sortBy"], wanted["visibility"]))
