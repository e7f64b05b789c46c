"""`/api/openapi.json` and `/api/docs`: the API for programs, and the same to read."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, render_template

from lumi_box.web import openapi
from lumi_box.web.session import anonymous, open_to_all

bp = Blueprint("docs", __name__, url_prefix="/api")


@bp.get("/openapi.json")
@anonymous
def document() -> Response:
    body = current_app.json.dumps(openapi.document(current_app._get_current_object()))  # type: ignore[attr-defined]
    return Response(body, mimetype="application/json", headers={"Cache-Control": "no-cache"})


@bp.get("/docs")
@open_to_all
def show() -> str:
    return render_template("docs/index.html")
