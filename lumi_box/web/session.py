"""Who is asking: the one place that reads credentials, and the one that keeps routes closed.

Identity comes from the signed session cookie or from `Authorization: Bearer`, and from nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Flask, Response, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect, generate_csrf
from peewee import PeeweeException
from pymysql import MySQLError

from lumi_box.accounts import tokens
from lumi_box.accounts.people import People
from lumi_box.accounts.user_service import UserService
from lumi_box.errors import NotAllowed, NotSignedIn, Unavailable
from lumi_box.tables.account import AccessToken, User
from lumi_box.web import limits

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SESSION_KEY = "sid"

_View = TypeVar("_View", bound=Callable[..., Any])
_csrf = CSRFProtect()

logger = logging.getLogger(__name__)


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
    """Who is asking, None for nobody; Unavailable where the user service was asked and did not say."""
    outage: Unavailable | None = g.get("outage")
    if outage is not None:
        raise outage
    return known_user()


def known_user() -> User | None:
    """Likewise for what must not fail, such as an error page."""
    user: User | None = g.get("user")
    return user


def user_if_it_can_be_told() -> User | None:
    """For routes that nobody guards, since they are to work while the database does not. It writes nothing."""
    try:
        _identify()
    except (PeeweeException, MySQLError):
        return None
    return known_user()


def current_token() -> AccessToken | None:
    """The session or token of ours that the request came with."""
    token: AccessToken | None = g.get("token")
    return token


def people() -> People:
    return cast(People, current_app.extensions["lumi_people"])


def require_user() -> User:
    """The signed-in user; NotSignedIn where there is none."""
    user = current_user()
    if user is None:
        raise NotSignedIn("Sign in first.")
    return user


def user_id() -> str:
    return str(require_user().id)


def begin_session(user: User) -> None:
    """A browser session of ours, which needs nobody else from now on."""
    row, _ = tokens.issue(user, tokens.SESSION, name=client_name())
    session.clear()  # a session that was planted before signing in must not become the signed-in one
    session[SESSION_KEY] = row.id
    session.permanent = True
    g.token, g.user = row, user


def client_name() -> str:
    return (request.user_agent.string or "")[:100]


def sign_out() -> None:
    """Revoke the credential that this request came with."""
    user, token = current_user(), current_token()
    if token is not None:
        tokens.revoke(token.id)
    elif user is not None and (service := people().service) is not None:
        _tell_service(service, user)
    g.token = g.user = None
    if g.get("by_cookie"):
        session.clear()


def here() -> str:
    """What was asked for, as a path of the host, so that a link or a form leads back to it."""
    return f"{request.script_root}{request.full_path.rstrip('?')}"


def wants_json() -> bool:
    return request.path != "/api/docs" and request.path.startswith(("/api/", "/files/", "/health", "/metrics"))


def _guard() -> ResponseReturnValue | None:
    g.token = g.user = g.outage = None
    g.by_cookie = False
    access = getattr(current_app.view_functions.get(request.endpoint or ""), "access", "users")
    if access == "anonymous" or request.endpoint == "static" or request.method == "OPTIONS":
        return None
    _identify()
    if g.token is not None:
        tokens.touch(g.token)
    limits.count(known_user())
    if request.endpoint is None:
        return None  # nothing matched: 404 or 405 follows
    if request.method not in SAFE_METHODS and (g.by_cookie or not wants_json()):
        _check_csrf()
    if access == "all":
        return None
    user = current_user()
    if user is None:
        return _ask_to_sign_in()
    if access == "admins" and not user.is_admin:
        raise NotAllowed("This is for administrators.")
    return None


def _identify() -> None:
    header = request.headers.get("Authorization")
    if header is not None:
        scheme, _, secret = header.partition(" ")
        if scheme.lower() == "bearer":
            _identify_bearer(secret.strip())
    elif SESSION_KEY in session:
        g.token = tokens.by_id(str(session[SESSION_KEY]))
        g.by_cookie = g.token is not None
    if g.token is not None:
        g.user = g.token.user


def _identify_bearer(secret: str) -> None:
    """Tokens of our own are known by how they begin; any other is the user service's, where there is one."""
    service = people().service
    if service is None or secret.startswith(tokens.PREFIX):
        g.token = tokens.by_secret(secret)
        return
    try:
        g.user = service.user_of(secret)
    except Unavailable as error:
        g.outage = error


def _tell_service(service: UserService, user: User) -> None:
    """Signing out here does not depend on whether the service hears of it."""
    secret = request.headers.get("Authorization", "").partition(" ")[2].strip()
    try:
        service.logout(user, secret)
    except Unavailable as error:
        logger.warning("user service not told of a logout error=%s", error.code)


def _check_csrf() -> None:
    try:
        _csrf.protect()
    except CSRFError as error:
        raise NotAllowed("The form has expired or came from another site. Load the page again.") from error


def _ask_to_sign_in() -> Response:
    if wants_json():
        raise NotSignedIn("Sign in first.")
    back = here() if request.method == "GET" else url_for("create.home")
    return redirect(url_for("account.login", next=back))  # type: ignore[return-value]


def _offer_csrf_token(response: Response) -> Response:
    """A script that is signed in by the cookie learns its CSRF token where it asks who it is."""
    if g.get("by_cookie") and request.path.endswith("/auth/me"):
        response.headers["X-CSRF-Token"] = generate_csrf()
    return response
