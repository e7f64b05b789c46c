"""/auth: signing in and out, who is asking, and the sessions and tokens that somebody has."""

from __future__ import annotations

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue

from lumi_box.accounts import tokens
from lumi_box.errors import Unavailable
from lumi_box.web import letters, schemas, shapes, views
from lumi_box.web.api.answers import body, success
from lumi_box.web.limits import origin
from lumi_box.web.session import client_name, current_user, open_to_all, people, require_user, sign_out

bp = Blueprint("auth", __name__)

DAY_MS = 24 * 3_600_000


@bp.post("/auth/send-code")
@open_to_all
def send_code() -> Response:
    wanted = body(schemas.SendCodeIn)
    people().send_code(wanted["email"], wanted["type"], origin(), letters.with_code)
    return success(None)


@bp.post("/auth/register")
@open_to_all
def register() -> Response:
    user = people().register(origin=origin(), **body(schemas.LoginIn))
    return success({"user": shapes.user(user) if user is not None else None}, 201)


@bp.post("/auth/login")
@open_to_all
def login() -> Response:
    proven = people().prove(origin=origin(), **body(schemas.LoginIn))
    token = proven.token or f"Bearer {tokens.issue(proven.user, tokens.LOGIN, name=client_name())[1]}"
    return success({"token": token, "user": shapes.user(proven.user)})


@bp.get("/auth/me")
@open_to_all
def me() -> Response:
    try:
        user = current_user()
    except Unavailable:  # who is asking has not been signed out; nobody knows just now
        return success({"status": "error", "user": None})
    if user is None:
        return success({"status": "unauthenticated", "user": None})
    return success({"status": "authenticated", "user": shapes.user(user)})


@bp.post("/auth/logout")
@open_to_all
def logout() -> Response:
    sign_out()
    return success(None)


@bp.get("/auth/sessions")
def sessions() -> Response:
    return success({"items": views.sessions()})


@bp.delete("/auth/sessions/<session_id>")
def end_session(session_id: str) -> Response:
    tokens.revoke(session_id, require_user(), tokens.SESSION, tokens.LOGIN)
    return success(None)


@bp.get("/auth/tokens")
def api_tokens() -> Response:
    return success({"items": views.api_tokens()})


@bp.post("/auth/tokens")
def create_token() -> ResponseReturnValue:
    """The only answer that ever holds the token."""
    wanted = body(schemas.TokenIn)
    lifetime = wanted["days"] * DAY_MS if wanted["days"] is not None else None
    row, secret = tokens.issue(require_user(), tokens.API, name=wanted["name"], lifetime_ms=lifetime)
    response = success(shapes.access_token(row) | {"token": f"Bearer {secret}"}, 201)
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.delete("/auth/tokens/<token_id>")
def revoke_token(token_id: str) -> Response:
    tokens.revoke(token_id, require_user(), tokens.API)
    return success(None)
