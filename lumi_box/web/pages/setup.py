"""`/setup`: the first administrator, for who holds the link that `serve` has printed; to others nothing is here."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from lumi_box.accounts import setup
from lumi_box.errors import Invalid
from lumi_box.web.session import begin_session, open_to_all

bp = Blueprint("setup", __name__)


@bp.get("/setup")
@open_to_all
def show() -> str:
    token = request.args.get("token", "")
    setup.check(token)
    return render_template("account/setup.html", token=token, email="", problem="")


@bp.post("/setup")
@open_to_all
def create() -> ResponseReturnValue:
    token, email = request.form.get("token", ""), request.form.get("email", "")
    try:
        user = setup.create_first_admin(token, email, request.form.get("password", ""))
    except Invalid as error:
        problem = " ".join(gettext(text) for texts in error.fields.values() for text in texts)
        return render_template("account/setup.html", token=token, email=email[:254], problem=problem), 400
    begin_session(user)
    return redirect(url_for("create.home"), 303)
