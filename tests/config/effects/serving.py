"""The web role, its address, its engine, what it lets in, its pages; and the log."""

from __future__ import annotations

import io
import logging
import re
import sys
import threading

import sentry_sdk
from config.effects import effect
from shelf import published_model

from lumi_box import cli, reporting, runtime
from lumi_box.tables.generation import GeneratedModel
from lumi_box.web import server


@effect(
    "mode",
    ("production", "Unhealthy"),
    ("development", "warned"),
    given={
        "public_url": "https://lumi.example.com",
        "providers.image": "aliyun",
        "providers.aliyun.api_key": "key",
        "providers.model3d": "tencent",
        "providers.tencent.secret_id": "id",
        "providers.tencent.secret_key": "key",
    },
)
def a_start_with_a_broken_store(world, config):
    box = world.box(config)
    box.storage.root.write_bytes(b"not a folder")
    try:
        runtime._check_health(box)
    except runtime.Unhealthy:
        return "Unhealthy"
    return "warned"


@effect(
    "public_url", ("https://a.example.com", ("https://a.example.com", True)), ("http://b.lan", ("http://b.lan", False))
)
def where_links_lead(world, config):
    app = world.app(config)
    model = published_model(world.user(), preview_key="models/m/preview.png")
    found = app.test_client().get(f"/api/v1/gallery/models/{model.id}").json["data"]["previewImageUrl"]
    cookie = app.test_client().get("/login").headers["Set-Cookie"]
    return found.partition("/files/")[0], "Secure" in cookie


@effect("server.host", ("127.0.0.1", "127.0.0.1:5000"), ("::1", "[::1]:5000"))
@effect("server.port", (5000, "127.0.0.1:5000"), (6001, "127.0.0.1:6001"))
def where_it_listens(_, config):
    return server._gunicorn_settings(config)["bind"]


@effect("server.engine", ("gunicorn", "gunicorn"), ("waitress", "waitress"), ("auto", "gunicorn"))
def who_serves(world, config):
    seen = []
    for name in ("gunicorn", "waitress"):
        world.monkeypatch.setattr(server, f"_{name}", lambda *_, name=name: seen.append(name))
    server.serve(config, lambda: None, lambda: None)
    return seen[0]


@effect("server.processes", (1, 1), (3, 3))
def how_many_processes(_, config):
    return server._gunicorn_settings(config)["workers"]


@effect("server.threads", (64, 64), (5, 5))
def how_many_threads(_, config):
    return server._gunicorn_settings(config)["threads"]


@effect("queue.shutdown_seconds", (30, 28), (9, 7))
def how_long_requests_may_go_on(_, config):
    return server._gunicorn_settings(config)["graceful_timeout"]


@effect("server.trusted_proxies", (0, False), (1, True))
def whether_a_forwarded_header_counts(world, config):
    answer = world.client(config).get("/health", headers={"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"})
    return "Strict-Transport-Security" in answer.headers


@effect("server.cors_origins", ([], None), (["https://app.example.com"], "https://app.example.com"))
def who_may_call(world, config):
    answer = world.client(config).get("/api/v1/health", headers={"Origin": "https://app.example.com"})
    return answer.headers.get("Access-Control-Allow-Origin")


@effect(
    "security.cookie_secret", ("v9Qm2xLr7TzKc4Wb8NdYp1HsJf6GaE3u", True), ("e3UaG6fJsH1pYdN8bW4cKzT7rLx2mQ9v", False)
)
def whether_it_knows_a_cookie_that_the_first_secret_signed(world, config):
    app = world.app(config)
    cookies = app.session_interface.get_signing_serializer(app)
    if not world.kept:
        world.kept.append(cookies.dumps({"sid": "some-session"}))
    return cookies.loads_unsafe(world.kept[0])[0]


@effect("limits.requests_per_minute", (2, [200, 200, 429]), (600, [200, 200, 200]))
def how_many_requests_pass(world, config):
    client = world.client(config)
    return [client.get("/api/v1/gallery/models").status_code for _ in range(3)]


@effect("gallery.cache_seconds", (0, 7), (300, 0))
def how_old_a_list_may_be(world, config):
    client = world.client(config)
    model = published_model(world.user())
    client.get("/api/v1/gallery/models")
    GeneratedModel.update(like_count=7).where(GeneratedModel.id == model.id).execute()
    return client.get("/api/v1/gallery/models").json["data"]["items"][0]["likeCount"]


@effect("metrics.enabled", (True, 200), (False, 404))
def whether_there_are_metrics(world, config):
    return world.client(config).get("/metrics").status_code


@effect("metrics.token", ("a-token-of-the-metrics", (401, 200)), ("another-token-of-them", (401, 401)))
def who_may_read_the_metrics(world, config):
    client = world.client(config)
    headers = {"Authorization": "Bearer a-token-of-the-metrics"}
    return client.get("/metrics").status_code, client.get("/metrics", headers=headers).status_code


PAID = {"providers.image": "aliyun", "providers.aliyun.api_key": "key"}


@effect("spend.currency", ("CNY", "1.00 CNY"), ("EUR", "1.00 EUR"), given=PAID | {"spend.image_price": 0.25})
@effect("spend.image_price", (0.25, "1.00 CNY"), (0.5, "2.00 CNY"), (0, None), given=PAID)
def the_price_of_four_pictures(world, config):
    found = re.search(r"[0-9.]+ (CNY|EUR)", world.page(config, "/"))
    return found[0] if found else None


@effect("logging.level", ("debug", ["debug", "error"]), ("warning", ["error"]))
def from_which_level_on_it_logs(world, config):
    return [line.split()[1] for line in _logged(world, config)]


@effect("logging.format", ("text", "2"), ("json", "{"))
def in_which_form_it_logs(world, config):
    return _logged(world, config)[0][0]


def _logged(world, config):
    """What `serve` would print of two lines, had it gone on."""
    stream = io.StringIO()

    def instead(*_):
        logging.root.handlers[0].setStream(stream)
        for level in ("debug", "error"):
            getattr(logging.getLogger("lumi_box.effects"), level)("told")
        return 0

    handlers, levels = logging.root.handlers[:], {name: logging.getLogger(name).level for name in ("", "lumi_box")}
    hooks = sys.excepthook, threading.excepthook
    world.monkeypatch.setattr(runtime, "serve", instead)
    try:
        assert cli.run(["serve", "--config", str(config.path)]) == 0
    finally:
        logging.root.handlers[:] = handlers
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        logging.captureWarnings(False)
        sys.excepthook, threading.excepthook = hooks
    return stream.getvalue().splitlines()


@effect("sentry.dsn", ("http://key@{host}/7", "/api/7/envelope/"), ("http://key@{host}/8", "/api/8/envelope/"))
def where_an_error_is_reported(world, config):
    handlers = logging.root.handlers[:]
    try:
        reporting.start(config)
        logging.getLogger("lumi_box.effects").error("told", exc_info=ValueError("unforeseen"))
        reporting.flush()
    finally:
        logging.root.handlers[:] = handlers
        reporting._started = False
        sentry_sdk.get_client().close()
    return world.last().path
