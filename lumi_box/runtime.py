"""Builds the box, and runs the roles around it."""

from __future__ import annotations

import logging
import resource
import signal
import socket
from collections.abc import Callable

from lumi_box import doctor
from lumi_box.accounts import setup
from lumi_box.box import Box
from lumi_box.config import Config
from lumi_box.errors import LumiError, UpstreamError
from lumi_box.providers import registry
from lumi_box.storage import marker
from lumi_box.storage.base import open_storage
from lumi_box.supervisor import supervise
from lumi_box.tables import base
from lumi_box.tables.migrate import migrate
from lumi_box.worker.queue import JobQueue

ROLES = ("web", "worker")

logger = logging.getLogger(__name__)


class Unhealthy(LumiError):
    """A critical service does not work, and the mode is production."""


class CannotListen(LumiError):
    """The address to serve on is taken or not ours."""


def build(config: Config) -> tuple[Box, JobQueue]:
    """The wired parts. Nothing is opened yet, so that doctor can examine what cannot be."""
    queue = JobQueue(base.bind(config.database))
    box = Box(config=config, storage=open_storage(config), enqueue=queue.wake)
    return box, queue


def migrate_database(config: Config) -> list[str]:
    return migrate(base.connect(config.database))


def serve(config: Config, role: str) -> int:
    """Migrate, check, and run the role or all of them; answers the exit status."""
    migrate_database(config)
    box, queue = build(config)
    _mark_storage(box)
    _check_health(box)
    if role != "worker":
        _offer_setup(config)
    base.close_all()  # each process opens connections of its own
    if role != "worker":
        _check_address(config)
    run: dict[str, Callable[[], None]] = {"web": lambda: _web(box), "worker": lambda: _worker(box, queue)}
    wanted = ROLES if role == "all" else (role,)
    logger.info("starting roles=%s mode=%s url=%s", ",".join(wanted), config.mode, config.public_url)
    return supervise({name: run[name] for name in wanted}, config.queue.shutdown_seconds)


def missing_parts(config: Config) -> list[str]:
    """What the config asks for and this version does not have yet, one line each."""
    return registry.missing(config)


def _web(box: Box) -> None:
    from lumi_box.web.app import create_app  # the worker does without Flask
    from lumi_box.web.server import serve as serve_web

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # every open event stream is a file
    serve_web(box.config, lambda: create_app(box))


def _worker(box: Box, queue: JobQueue) -> None:
    from lumi_box.worker.run import run  # the web process does without APScheduler

    # Blocked in every thread and taken one at a time: a second one, which Ctrl-C and systemd send, changes nothing.
    stopping = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping)
    run(box, queue, lambda seconds: signal.sigtimedwait(stopping, seconds) is not None)


def _mark_storage(box: Box) -> None:
    """At the first start the store is marked as this installation's; the health check reports all that is wrong."""
    try:
        box.storage.probe()
        marker.settle(box.storage, development=box.config.development)
    except UpstreamError:
        logger.debug("store not marked", exc_info=True)


def _offer_setup(config: Config) -> None:
    """Where nobody can sign in yet: a link to make the administrator. Printed, never logged: it is a key."""
    if (token := setup.new_token()) is not None:
        print("There is no account yet. This link creates the administrator, once, within 24 hours:")  # noqa: T201
        print(f"{config.public_url}/setup?token={token}", flush=True)  # noqa: T201


def _check_health(box: Box) -> None:
    """In production a critical service that does not work stops the start; otherwise it is a warning."""
    for finding in doctor.examine(box, doctor.CRITICAL):
        if finding.healthy:
            continue
        logger.warning("unhealthy check=%s found=%s do=%s", finding.id, finding.text, finding.hint)
        if not box.config.development:
            raise Unhealthy(f"{finding.id}: {finding.text} {finding.hint}")


def _check_address(config: Config) -> None:
    host, port = config.server.host, config.server.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = error.strerror or str(error)
            raise CannotListen(f"cannot listen on {host}:{port}: {reason}; choose another with --bind") from error
