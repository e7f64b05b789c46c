"""`/gallery`: the models that their makers have published."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from lumi_box.web import views
from lumi_box.web.pages.paging import wanted_page
from lumi_box.web.session import open_to_all

bp = Blueprint("gallery", __name__, url_prefix="/gallery")

SORTS = ("latest", "popular", "liked")
QUERY_LENGTH = 100


@bp.get("")
@open_to_all
def index() -> str:
    page = wanted_page(24)
    asked = request.args.get("sort", "")
    sort = asked if asked in SORTS else SORTS[0]
    query = request.args.get("q", "").strip()[:QUERY_LENGTH]
    found = views.gallery(sort, page.size, page.offset, query)
    return render_template("gallery/index.html", page=page, sort=sort, sorts=SORTS, query=query, **found)
