"""Signing in, up and out, the account page, and the language of the pages."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from lumi_box.accounts import codes, tokens
from lumi_box.errors import Conflict, Invalid, LumiError, NotAllowed, TooMany, Unavailable
from lumi_box.web import actions, letters, schemas, views
from lumi_box.web.actions import load
from lumi_box.web.limits import origin
from lumi_box.web.pages.local import local_path
from lumi_box.web.session import (
    begin_session,
    current_token,
    current_user,
    open_to_all,
    people,
    require_user,
    sign_out,
)

bp = Blueprint("account", __name__)

LANGUAGES = ("en", "zh")
COOKIE_SECONDS = 365 * 24 * 3600
DAY_MS = 24 * 3_600_000
PROBLEMS: dict[type[LumiError], int] = {NotAllowed: 401, TooMany: 429, Unavailable: 503, Invalid: 400, Conflict: 409}
EXPECTED = tuple(PROBLEMS)


@bp.get("/login")
@open_to_all
def login() -> ResponseReturnValue:
    target = _target()
    return redirect(target) if current_user() is not None else _form()


@bp.post("/login")
@open_to_all
def log_in() -> ResponseReturnValue:
    """With a password, or with the code that `/login/code` has sent."""
    email, code = request.form.get("email", "").strip(), request.form.get("code", "").strip()
    try:
        if code:
            user = people().prove(email, origin(), code=code).user
        else:
            user = people().prove(email, origin(), password=request.form.get("password", "")).user
    except EXPECTED as error:
        return _form(problem=_words(error), status=_status(error), sent=bool(code))
    begin_session(user)
    return redirect(_target(), 303)


@bp.post("/login/code")
@open_to_all
def send_code() -> ResponseReturnValue:
    """Then the form asks for the code: to sign in, or to register."""
    purpose = codes.REGISTER if request.form.get("purpose") == codes.REGISTER else codes.LOGIN
    page = "account/register.html" if purpose == codes.REGISTER else "account/login.html"
    try:
        people().send_code(request.form.get("email", ""), purpose, origin(), letters.with_code)
    except EXPECTED as error:
        return _form(page, problem=_words(error), status=_status(error))
    return _form(page, sent=True)


@bp.get("/register")
@open_to_all
def register() -> ResponseReturnValue:
    return redirect(_target()) if current_user() is not None else _form("account/register.html")


@bp.post("/register")
@open_to_all
def sign_up() -> ResponseReturnValue:
    email, code = request.form.get("email", "").strip(), request.form.get("code", "").strip()
    proof = {"code": code} if code else {"password": request.form.get("password", "")}
    try:
        user = people().register(email, origin(), **proof)
    except EXPECTED as error:
        return _form("account/register.html", problem=_words(error), status=_status(error), sent=bool(code))
    if user is None:
        flash(gettext("You are registered. Sign in with a new code."))
        return redirect(url_for("account.login"), 303)
    begin_session(user)
    return redirect(_target(), 303)


@bp.post("/logout")
def logout() -> ResponseReturnValue:
    sign_out()
    return redirect(url_for("create.home"), 303)


@bp.get("/account")
def show() -> str:
    return render_template("account/show.html", **views.account())


@bp.post("/account/tokens")
def create_token() -> ResponseReturnValue:
    """Shows the token in this one answer, and nowhere again."""
    days = request.form.get("days", "").strip()
    given = {"name": request.form.get("name", ""), "days": int(days) if days.isdecimal() else (days or None)}
    wanted = load(schemas.TokenIn, given)
    lifetime = wanted["days"] * DAY_MS if wanted["days"] is not None else None
    _, secret = tokens.issue(require_user(), tokens.API, name=wanted["name"], lifetime_ms=lifetime)
    response = make_response(render_template("account/show.html", secret=secret, **views.account()))
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.post("/account/tokens/<token_id>/revoke")
def revoke_token(token_id: str) -> ResponseReturnValue:
    tokens.revoke(token_id, require_user(), tokens.API)
    flash(gettext("The token is revoked."))
    return redirect(url_for("account.show"), 303)


@bp.post("/account/sessions/<session_id>/revoke")
def end_session(session_id: str) -> ResponseReturnValue:
    asking = current_token()
    if asking is not None and asking.id == session_id:
        return logout()
    tokens.revoke(session_id, require_user(), tokens.SESSION, tokens.LOGIN)
    flash(gettext("That session is signed out."))
    return redirect(url_for("account.show"), 303)


@bp.post("/account/delete")
def delete() -> ResponseReturnValue:
    try:
        actions.close_account()
    except Conflict:
        flash(gettext("The last administrator's account cannot be deleted."), "problem")
        return redirect(url_for("account.show"), 303)
    session.clear()
    flash(gettext("Your account and everything in it were deleted."))
    return redirect(url_for("create.home"), 303)


@bp.post("/language")
@open_to_all
def language() -> ResponseReturnValue:
    response = redirect(local_path(request.form.get("next"), url_for("create.home")), 303)
    wanted = request.form.get("lang", "")
    if wanted in LANGUAGES:
        path = current_app.config["APPLICATION_ROOT"]
        secure = request.is_secure
        response.set_cookie("lang", wanted, max_age=COOKIE_SECONDS, path=path, samesite="Lax", secure=secure)
    return response


def _target() -> str:
    return local_path(request.values.get("next"), url_for("create.home"))


def _form(
    page: str = "account/login.html", *, problem: str = "", status: int = 200, sent: bool = False
) -> ResponseReturnValue:
    """The form again, holding what was typed, what was wrong, and whether a code is on its way."""
    offers = {"codes": people().codes_work, "may_register": people().open, "elsewhere": people().service is not None}
    email = request.form.get("email", "")[:254]
    return render_template(page, target=_target(), email=email, problem=problem, sent=sent, **offers), status


def _status(error: LumiError) -> int:
    return next((status for kind, status in PROBLEMS.items() if isinstance(error, kind)), 400)


def _words(error: LumiError) -> str:
    if isinstance(error, TooMany):
        return gettext("Too many attempts. Please wait a few minutes and try again.")
    if isinstance(error, Invalid):
        return " ".join(gettext(text) for texts in error.fields.values() for text in texts)
    return gettext(str(error))
