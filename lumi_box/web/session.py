"""Who is asking: the one place that reads credentials, and the one that keeps routes closed.

Identity comes from the signed session cookie or from `Authorization: Bearer`, and from nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Flask, Response, current_app, g, redirect, request, session
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf

from lumi_box.accounts import local, tokens
from lumi_box.errors import NotAllowed, NotSignedIn
from lumi_box.tables.account import AccessToken, User

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SESSION_KEY = "sid"

_View = TypeVar("_View", bound=Callable[..., Any])
_csrf = CSRFProtect()


def open_to_all(view: _View) -> _View:
    """Anyone may call this route; every other needs a signed-in user."""
    view.access = "all"  # type: ignore[attr-defined]
    return view


def anonymous(view: _View) -> _View:
    """Anyone may call this route, and nobody asks who it is: it works while the database does not."""
    view.access = "anonymous"  # type: ignore[attr-defined]
    return view


def admins_only(view: _View) -> _View:
    view.access = "admins"  # type: ignore[attr-defined]
    return view


def install(app: Flask) -> None:
    app.config.update(WTF_CSRF_CHECK_DEFAULT=False, WTF_CSRF_TIME_LIMIT=None, WTF_CSRF_HEADERS=["X-CSRF-Token"])
    _csrf.init_app(app)
    app.before_request(_guard)
    app.after_request(_offer_csrf_token)


def current_user() -> User | None:
    token: AccessToken | None = g.get("token")
    return token.user if token is not None else None


def user_id() -> str:
    """The id of the signed-in user; NotSignedIn where there is none."""
    user = current_user()
    if user is None:
        raise NotSignedIn("Sign in first.")
    return str(user.id)


def sign_in(email: str, password: str) -> User:
    """Check the password and begin a browser session. Raises NotAllowed, TooMany."""
    user = local.authenticate(email, password, request.remote_addr or "")
    row, _ = tokens.issue(user, tokens.SESSION, name=(request.user_agent.string or "")[:100])
    session.clear()  # a session that was planted before signing in must not become the signed-in one
    session[SESSION_KEY] = row.id
    session.permanent = True
    g.token = row
    return user


def sign_out() -> None:
    """Revoke the credential that this request came with."""
    token: AccessToken | None = g.get("token")
    if token is not None:
        tokens.revoke(token.id)
        g.token = None
    if g.get("by_cookie"):
        session.clear()


def wants_json() -> bool:
    return request.path.startswith(("/api/", "/files/", "/health", "/metrics"))


def _guard() -> ResponseReturnValue | None:
    g.token, g.by_cookie = None, False
    access = getattr(current_app.view_functions.get(request.endpoint or ""), "access", "users")
    if access == "anonymous" or request.endpoint == "static" or request.method == "OPTIONS":
        return None
    _identify()
    if request.endpoint is None:
        return None  # nothing matched: 404 or 405 follows
    if request.method not in SAFE_METHODS and (g.by_cookie or not wants_json()):
        _check_csrf()
    user = current_user()
    if access != "all" and user is None:
        return _ask_to_sign_in()
    if access == "admins" and not (user and user.is_admin):
        raise NotAllowed("This is for administrators.")
    return None


def _identify() -> None:
    header = request.headers.get("Authorization")
    if header is not None:
        scheme, _, secret = header.partition(" ")
        if scheme.lower() == "bearer":
            g.token = tokens.by_secret(secret.strip())
    elif SESSION_KEY in session:
        g.token = tokens.by_id(str(session[SESSION_KEY]))
        g.by_cookie = g.token is not None
    if g.token is not None:
        tokens.touch(g.token)


def _check_csrf() -> None:
    try:
        _csrf.protect()
    except CSRFError as error:
        raise NotAllowed("The form has expired or came from another site. Load the page again.") from error


def _ask_to_sign_in() -> Response:
    if wants_json():
        raise NotSignedIn("Sign in first.")
    back = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(f"/login?{urlencode({'next': back})}")  # type: ignore[return-value]


def _offer_csrf_token(response: Response) -> Response:
    """A script that is signed in by the cookie learns its CSRF token where it asks who it is."""
    if g.get("by_cookie") and request.path.endswith("/auth/me"):
        response.headers["X-CSRF-Token"] = generate_csrf()
    return response
