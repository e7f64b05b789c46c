"""/users: what is mine, and what I like."""

from __future__ import annotations

from flask import Blueprint, Response

from lumi_box.gallery.interact import FAVORITE, LIKE
from lumi_box.web import schemas, views
from lumi_box.web.api.answers import query, success

bp = Blueprint("users", __name__)


@bp.get("/users/models")
@bp.get("/users/my-models")
def models() -> Response:
    wanted = query(schemas.MyModelsQuery)
    return success(views.my_models(wanted["limit"], wanted["offset"], wanted["sortBy"], wanted["visibility"]))


@bp.get("/users/likes")
def likes() -> Response:
    return _marked(LIKE)


@bp.get("/users/favorites")
def favorites() -> Response:
    return _marked(FAVORITE)


@bp.get("/users/stats")
def stats() -> Response:
    return success(views.own_figures())


def _marked(kind: str) -> Response:
    wanted = query(schemas.MarkedQuery)
    return success(views.marked_models(kind, wanted["limit"], wanted["offset"], wanted["sortBy"]))
