"""Signing in and out, the account page, and the language of the pages."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from lumi_box.errors import NotAllowed, TooMany
from lumi_box.web import views
from lumi_box.web.pages.local import local_path
from lumi_box.web.session import current_user, open_to_all, sign_in, sign_out

bp = Blueprint("account", __name__)

LANGUAGES = ("en", "zh")
COOKIE_SECONDS = 365 * 24 * 3600


@bp.get("/login")
@open_to_all
def login() -> ResponseReturnValue:
    target = local_path(request.args.get("next"), url_for("create.home"))
    if current_user() is not None:
        return redirect(target)
    return render_template("account/login.html", target=target, email="", problem="")


@bp.post("/login")
@open_to_all
def log_in() -> ResponseReturnValue:
    email = request.form.get("email", "").strip()
    target = local_path(request.form.get("next"), url_for("create.home"))
    try:
        sign_in(email, request.form.get("password", ""))
    except NotAllowed:
        problem, status = gettext("E-mail address and password do not match an account."), 401
    except TooMany:
        problem, status = gettext("Too many attempts. Please wait a few minutes and try again."), 429
    else:
        return redirect(target, 303)
    return render_template("account/login.html", target=target, email=email, problem=problem), status


@bp.post("/logout")
def logout() -> ResponseReturnValue:
    sign_out()
    return redirect(url_for("create.home"), 303)


@bp.get("/account")
def show() -> str:
    return render_template("account/show.html", **views.account())


@bp.post("/language")
@open_to_all
def language() -> ResponseReturnValue:
    response = redirect(local_path(request.form.get("next"), url_for("create.home")), 303)
    wanted = request.form.get("lang", "")
    if wanted in LANGUAGES:
        response.set_cookie("lang", wanted, max_age=COOKIE_SECONDS, samesite="Lax", secure=request.is_secure)
    return response
