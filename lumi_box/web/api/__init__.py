"""/api/v1, and /api for the clients that exist. Each module is one noun of the URLs."""

from __future__ import annotations

from flask import Flask

from lumi_box.web.api import auth, gallery, health, models, tasks, users, webhooks, workers


def register(app: Flask) -> None:
    for module in (auth, tasks, models, users, webhooks, gallery, workers, health):
        for prefix, version in (("/api/v1", "v1"), ("/api", "unversioned")):
            app.register_blueprint(module.bp, url_prefix=prefix, name=f"{version}_{module.bp.name}")
    app.register_blueprint(health.bp, name="root_health")
