"""The web role: gunicorn with threads, or waitress where there is no fork."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from typing import Any

from flask import Flask

from lumi_box.config import Config
from lumi_box.metrics import calls, folder

KEEP_ALIVE_SECONDS = 15
LONGEST_LINE = 8190  # bytes of "GET /path?query HTTP/1.1": the most that gunicorn can be told
STALL_SECONDS = 60  # a web process whose main loop stands still that long is replaced

logger = logging.getLogger(__name__)


def serve(config: Config, make_app: Callable[[], Flask], started: Callable[[], None]) -> None:
    """Answer requests until SIGTERM or SIGINT, then let running ones finish within `queue.shutdown_seconds`.

    `started` is called once, in one of the processes that answer.
    """
    _take_over()
    if config.server.engine == "waitress":
        _waitress(config, make_app(), started)
    else:
        _gunicorn(config, make_app, started)


def _gunicorn(config: Config, make_app: Callable[[], Flask], started: Callable[[], None]) -> None:
    from gunicorn.app.base import BaseApplication  # loaded by the engine that is chosen

    class Application(BaseApplication):
        def load_config(self) -> None:
            for name, value in _gunicorn_settings(config).items():
                self.cfg.set(name, value)

        def load(self) -> Flask:
            return make_app()

    def first_of_all(worker: Any) -> None:
        if worker.age == 1:  # they are numbered as they are made, those that replace others too
            started()

    application = Application()
    application.cfg.set("post_worker_init", first_of_all)
    application.run()


def _gunicorn_settings(config: Config) -> dict[str, Any]:
    server = config.server
    host = f"[{server.host}]" if ":" in server.host else server.host
    return {
        "bind": f"{host}:{server.port}",
        "workers": server.processes,
        "threads": server.threads,
        "worker_class": "lumi_box.web.gunicorn_worker.StreamingWorker",
        "worker_connections": max(1000, server.threads * 2),
        "logger_class": "lumi_box.web.gunicorn_worker.QuietLogger",
        "preload_app": True,
        "graceful_timeout": max(1, config.queue.shutdown_seconds - 2),
        "timeout": STALL_SECONDS,
        "limit_request_line": LONGEST_LINE,
        "keepalive": KEEP_ALIVE_SECONDS,
        "control_socket_disable": True,
        "forwarded_allow_ips": "*" if server.trusted_proxies else "127.0.0.1",
        "forwarder_headers": "",  # which path we are below is not for a header to say
        "proc_name": "lumi-box web",
        "when_ready": lambda _: _tell(config, "gunicorn"),
        "child_exit": lambda _arbiter, _worker: _take_over(),
    }


def _waitress(config: Config, app: Flask, started: Callable[[], None]) -> None:
    from waitress.server import create_server  # loaded by the engine that is chosen

    server = create_server(app, host=config.server.host, port=config.server.port, threads=config.server.threads)

    def stop(*_: object) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):  # a second one must not cut short what the first begins
            signal.signal(number, signal.SIG_IGN)
        app.extensions["lumi_follower"].close()
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    _tell(config, "waitress")
    started()
    with calls.written():
        server.run()  # ends on SystemExit, after its threads have finished


def _tell(config: Config, engine: str) -> None:
    server = config.server
    processes = server.processes if engine == "gunicorn" else 1
    address = f"{server.host}:{server.port}"
    logger.info("web started engine=%s address=%s processes=%d threads=%d", engine, address, processes, server.threads)


def _take_over() -> None:
    """What a process that is gone has counted, so that no counter goes back."""
    if (path := folder.shared()) is not None:
        folder.take_over(path)
