"""/auth: signing in and out, and who is asking."""

from __future__ import annotations

from flask import Blueprint, Response, request

from lumi_box.accounts import local, tokens
from lumi_box.errors import NotAllowed, NotConfigured
from lumi_box.web import schemas, shapes
from lumi_box.web.api.answers import body, success
from lumi_box.web.context import box
from lumi_box.web.session import current_user, open_to_all, sign_out

bp = Blueprint("auth", __name__)

NO_MAIL = "Codes by e-mail are not set up here. Sign in with a password, or ask the operator."


@bp.post("/auth/send-code")
@open_to_all
def send_code() -> Response:
    body(schemas.SendCodeIn())
    raise NotConfigured(NO_MAIL)


@bp.post("/auth/register")
@open_to_all
def register() -> Response:
    wanted = body(schemas.LoginIn())
    if box().config.accounts.registration != "open":
        raise NotAllowed("Registration is closed here. Ask the operator for an account.")
    if "code" in wanted:
        raise NotConfigured(NO_MAIL)
    user = local.create(wanted["email"], wanted["password"])
    return success({"user": shapes.user(user)}, 201)


@bp.post("/auth/login")
@open_to_all
def login() -> Response:
    wanted = body(schemas.LoginIn())
    if "code" in wanted:
        raise NotConfigured(NO_MAIL)
    user = local.authenticate(wanted["email"], wanted["password"], request.remote_addr or "")
    _, secret = tokens.issue(user, tokens.LOGIN, name=(request.user_agent.string or "")[:100])
    return success({"token": f"Bearer {secret}", "user": shapes.user(user)})


@bp.get("/auth/me")
@open_to_all
def me() -> Response:
    user = current_user()
    if user is None:
        return success({"status": "unauthenticated", "user": None})
    return success({"status": "authenticated", "user": shapes.user(user)})


@bp.post("/auth/logout")
@open_to_all
def logout() -> Response:
    sign_out()
    return success(None)
