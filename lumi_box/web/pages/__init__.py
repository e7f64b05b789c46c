"""The HTML pages. Each module is one noun of the URLs; all of them work without script."""

from __future__ import annotations

from flask import Flask

from lumi_box.web.pages import (
    about,
    account,
    admin,
    create,
    creations,
    docs,
    gallery,
    health,
    models,
    moderation,
    setup,
    storage,
    texts,
    webhooks,
)
from lumi_box.web.pages.progress import progress_of
from lumi_box.web.session import here


def register(app: Flask) -> None:
    """Add every page, and the filters that their templates use."""
    for module in (create, creations, models, gallery, account, webhooks):
        app.register_blueprint(module.bp)
    for module in (setup, admin, storage, health, moderation, about, docs):
        app.register_blueprint(module.bp)
    app.jinja_env.filters.update(
        status_text=texts.status_text,
        said=texts.said,
        ago=texts.ago,
        moment=texts.moment,
        megabytes=texts.megabytes,
        hours=texts.hours,
        here=texts.here,
    )
    app.jinja_env.globals.update(progress_of=progress_of, this_page=here)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
