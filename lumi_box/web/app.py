"""create_app: the Flask application around a box."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, request
from flask_babel import Babel
from flask_cors import CORS
from werkzeug.middleware.proxy_fix import ProxyFix

from lumi_box import __version__
from lumi_box.accounts import local
from lumi_box.accounts.people import People
from lumi_box.box import Box
from lumi_box.events import Follower
from lumi_box.flow import spend
from lumi_box.health.kept import KeptFindings
from lumi_box.shipped import shipped
from lumi_box.tables.base import database, release
from lumi_box.web import access, api, errors, files, gallery_lists, kept_answers, limits, metrics, pages, session
from lumi_box.web.below import Below, path_of
from lumi_box.web.session import known_user, wants_json
from lumi_box.web.stream_hub import StreamHub

LANGUAGES = ("en", "zh")
MAX_BODY = 1 << 20
PAGE_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self' blob: data:; worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


def create_app(box: Box) -> Flask:
    app = Flask(
        "lumi_box",
        static_folder=str(shipped("static")),
        template_folder=str(shipped("templates")),
        static_url_path="/static",
    )
    follower = Follower(database)
    app.extensions.update(lumi_box=box, lumi_follower=follower, lumi_stream_hub=StreamHub(app, follower))
    app.extensions["lumi_people"] = People(box.config)
    app.extensions["lumi_findings"] = KeptFindings(box)
    _configure(app, box)
    access.install(app)
    limits.install(app, box.config.limits.requests_per_minute)
    session.install(app)
    Babel(app, locale_selector=_language, default_translation_directories=_translations())
    _allow_origins(app, box)
    errors.install(app)
    gallery_lists.install(app)
    kept_answers.install(app)
    api.register(app)
    app.register_blueprint(files.bp)
    metrics.install(app, box)
    pages.register(app)
    app.context_processor(lambda: _context(box))
    app.after_request(_finish)
    app.teardown_appcontext(lambda _: release())  # a thread that waits for a request needs no connection
    return app


def _configure(app: Flask, box: Box) -> None:
    config = box.config
    secure, path = config.public_url.startswith("https://"), path_of(config.public_url)
    app.config.update(
        SECRET_KEY=config.security.cookie_secret,
        PUBLIC_URL=config.public_url,
        APPLICATION_ROOT=path or "/",  # which cookies keep to
        SESSION_COOKIE_NAME="lumi_session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=secure,
        PERMANENT_SESSION_LIFETIME=timedelta(days=30),
        SESSION_REFRESH_EACH_REQUEST=False,
        MAX_CONTENT_LENGTH=MAX_BODY,
        PREFERRED_URL_SCHEME="https" if secure else "http",
        SEND_FILE_MAX_AGE_DEFAULT=None,  # asked for again each time, and answered 304: an upgrade shows at once
    )
    app.json.sort_keys = False  # type: ignore[attr-defined]
    if path:
        app.wsgi_app = Below(app.wsgi_app, path)  # type: ignore[method-assign]
    if proxies := config.server.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=proxies, x_host=0)  # type: ignore[method-assign]


def _translations() -> str:
    return str(Path(__file__).parent / "translations")


def _allow_origins(app: Flask, box: Box) -> None:
    origins = list(box.config.server.cors_origins)
    if not origins:
        return
    CORS(
        app,
        resources={r"/api/.*": {}, r"/files/.*": {}},
        origins=origins,
        methods=["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"],
        allow_headers=["Authorization", "Content-Type", "Last-Event-ID", "Idempotency-Key", "X-CSRF-Token"],
        expose_headers=["X-Request-Id", "ETag", "Retry-After", *limits.HEADERS],
        max_age=600,
    )


def _language() -> str:
    """From the account, the `lang` cookie, then what the browser asks for."""
    user = known_user()
    for wanted in (user.language if user is not None else "", request.cookies.get("lang", "")):
        if wanted in LANGUAGES:
            return wanted
    best = request.accept_languages.best_match(["en", "zh", "zh-CN", "zh-Hans", "zh-TW", "zh-Hant"]) or "en"
    return best.partition("-")[0]


def _context(box: Box) -> dict[str, Any]:
    config = box.config
    return {
        "me": known_user(),
        "lang": _language(),
        "version": __version__,
        "builtin": "builtin" in (config.providers.image, config.providers.model3d),
        "development": config.development,
        "needs_admin": not g.get("failing") and known_user() is None and not local.any_exist(),
        "spend": {
            "image_price": spend.price(box, "image") / spend.UNIT,
            "model_price": spend.price(box, "model3d") / spend.UNIT,
            "currency": config.spend.currency,
        },
    }


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Frame-Options"] = "DENY"
    policy = "default-src 'none'; frame-ancestors 'none'" if wants_json() else PAGE_POLICY
    response.headers.setdefault("Content-Security-Policy", policy)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000"
    return response
