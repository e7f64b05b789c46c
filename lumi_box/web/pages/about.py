"""`/about`: what makes the pictures and models on this machine, and what leaves it."""

from __future__ import annotations

from flask import Blueprint, render_template

from lumi_box.web.session import open_to_all

bp = Blueprint("about", __name__)


@bp.get("/about")
@open_to_all
def show() -> str:
    return render_template("about.html")
