"""`/models/{id}`: one finished model, for its owner, and for everyone once it is public."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from lumi_box.errors import Invalid, NotFound
from lumi_box.slicing.names import NOT_CONFIGURED
from lumi_box.web import actions, views
from lumi_box.web.pages.local import local_path
from lumi_box.web.session import current_user, open_to_all

bp = Blueprint("models", __name__, url_prefix="/models")

NAME_LENGTH = 100
REASON_LENGTH = 500


@bp.get("/<model_id>")
@open_to_all
def show(model_id: str) -> str:
    actions.visit(model_id)
    model = views.model(model_id)
    shown = {"mine": _is_mine(model), "hidden": views.is_hidden(model_id), "marks": views.marks([model_id])[model_id]}
    if model["generationStatus"] == "COMPLETED":
        shown |= {"print_report": views.print_report(model_id), "open_links": views.open_links(model_id)}
        shown |= {"slicing": views.print_status(model_id) if shown["mine"] else None}
    return render_template("models/show.html", model=model, name_length=NAME_LENGTH, **shown)


def _is_mine(model: dict[str, Any]) -> bool:
    user = current_user()
    return user is not None and str(user.id) == str(model["userId"])


@bp.post("/<model_id>/slice")
def slice_it(model_id: str) -> ResponseReturnValue:
    try:
        actions.slice_model(model_id, request.form.get("heightMm", ""))
    except Invalid:
        flash(gettext("Choose a height from 5 to 1000 millimetres."), "problem")
    return redirect(url_for("models.show", model_id=model_id, _anchor="slicing"), 303)


@bp.get("/<model_id>/slicing")
def slicing(model_id: str) -> ResponseReturnValue:
    """The part of the page that changes while the slicer works; the page's script swaps it."""
    found = views.print_status(model_id)
    if found is None:
        raise NotFound(NOT_CONFIGURED)
    response = make_response(render_template("_slicing.html", slicing=found, model=views.model(model_id)))
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/<model_id>/visibility")
def visibility(model_id: str) -> ResponseReturnValue:
    wanted = request.form.get("visibility", "")
    if wanted not in ("PUBLIC", "PRIVATE"):
        raise Invalid({"visibility": [gettext("Choose public or private.")]})
    actions.set_visibility(model_id, wanted)
    public = wanted == "PUBLIC"
    flash(gettext("The model is in the gallery now.") if public else gettext("The model is private again."))
    return _back(model_id)


@bp.post("/<model_id>/marks")
def mark(model_id: str) -> ResponseReturnValue:
    """The like and favourite buttons, of this page and of the gallery's cards."""
    actions.toggle_mark(model_id, request.form.get("type", ""))
    return _back(model_id)


@bp.post("/<model_id>/report")
def report(model_id: str) -> ResponseReturnValue:
    reason = request.form.get("reason", "").strip()
    if 1 <= len(reason) <= REASON_LENGTH:
        actions.report_model(model_id, reason)
        flash(gettext("Thank you. Whoever runs this box will look at it."))
    else:
        flash(gettext("Say in 1 to %(limit)d characters what is wrong.", limit=REASON_LENGTH), "problem")
    return _back(model_id)


@bp.post("/<model_id>/name")
def name(model_id: str) -> ResponseReturnValue:
    wanted = request.form.get("name", "").strip()
    if 1 <= len(wanted) <= NAME_LENGTH:
        actions.rename_model(model_id, wanted)
    else:
        flash(gettext("A name has 1 to %(limit)d characters.", limit=NAME_LENGTH), "problem")
    return _back(model_id)


def _back(model_id: str) -> ResponseReturnValue:
    """To the page that the form was on."""
    here = url_for("models.show", model_id=model_id)
    return redirect(local_path(request.form.get("next"), here), 303)
