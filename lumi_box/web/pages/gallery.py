"""`/gallery`: the models that their makers have published."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from lumi_box.gallery.interact import FAVORITE, LIKE
from lumi_box.web import gallery_lists, views
from lumi_box.web.pages.paging import wanted_page
from lumi_box.web.session import current_user, open_to_all

bp = Blueprint("gallery", __name__, url_prefix="/gallery")

MARKS = {"liked": LIKE, "favourites": FAVORITE}
SORTS = ("latest", "popular", "liked")
QUERY_LENGTH = 100


@bp.get("")
@open_to_all
def index() -> str:
    page = wanted_page(24)
    asked = request.args.get("sort", "")
    sort = asked if asked in SORTS else SORTS[0]
    query = request.args.get("q", "").strip()[:QUERY_LENGTH]
    found = gallery_lists.page(sort, page.size, page.offset, query).data()
    if current_user() is not None:
        found["items"] = views.with_present_counters(found["items"])
    marks = views.marks([model["id"] for model in found["items"]])
    return render_template("gallery/index.html", page=page, sort=sort, sorts=SORTS, query=query, marks=marks, **found)


@bp.get("/liked", defaults={"mark": "liked"})
@bp.get("/favourites", defaults={"mark": "favourites"})
def marked(mark: str) -> str:
    """What the signed-in user has marked."""
    page = wanted_page(24)
    found = views.marked_models(MARKS[mark], page.size, page.offset)
    marks = views.marks([model["id"] for model in found["items"]])
    return render_template("gallery/marked.html", page=page, mark=mark, marks=marks, **found)
