"""`/admin/gallery`: what users have reported, and what operators have hidden."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from lumi_box.web import actions, views
from lumi_box.web.pages.paging import wanted_page
from lumi_box.web.session import admins_only

bp = Blueprint("moderation", __name__, url_prefix="/admin/gallery")


@bp.get("")
@admins_only
def index() -> str:
    page = wanted_page(50)
    return render_template("gallery/reports.html", page=page, **views.reports(page.size, page.offset))


@bp.post("/<model_id>/hide")
@admins_only
def hide(model_id: str) -> ResponseReturnValue:
    actions.moderate_model(model_id, hide=True)
    flash(gettext("The model is hidden from everyone but its maker."))
    return redirect(url_for("moderation.index"), 303)


@bp.post("/<model_id>/show")
@admins_only
def show(model_id: str) -> ResponseReturnValue:
    actions.moderate_model(model_id, hide=False)
    flash(gettext("The reports are settled; the model may be seen."))
    return redirect(url_for("moderation.index"), 303)
