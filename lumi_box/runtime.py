"""Builds the box, and runs the roles around it."""

from __future__ import annotations

import logging
import resource
import signal
import socket
from collections.abc import Callable

from lumi_box import doctor
from lumi_box.box import Box
from lumi_box.config import Config
from lumi_box.errors import LumiError
from lumi_box.providers import registry
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
    database = base.connect(config.database)
    path = config.database.sqlite_path
    assert path is not None  # connect() has refused every other kind  # noqa: S101
    return migrate(database, path.with_name(f"{path.name}.migrate-lock"))


def serve(config: Config, role: str) -> int:
    """Migrate, check, and run the role or all of them; answers the exit status."""
    migrate_database(config)
    box, queue = build(config)
    _check_health(box)
    base.database.close()  # each process opens connections of its own
    if role != "worker":
        _check_address(config)
    run: dict[str, Callable[[], None]] = {"web": lambda: _web(box), "worker": lambda: _worker(box, queue)}
    wanted = ROLES if role == "all" else (role,)
    logger.info("starting roles=%s mode=%s url=%s", ",".join(wanted), config.mode, config.public_url)
    return supervise({name: run[name] for name in wanted}, config.queue.shutdown_seconds)


def missing_parts(config: Config) -> list[str]:
    """What the config asks for and this version does not have yet, one line each."""
    lines = registry.missing(config)
    if config.database.sqlite_path is None:
        lines.append("database.url: MySQL is not in this version yet; write sqlite:///data/lumi.db")
    if config.storage.kind != "disk":
        lines.append('storage.kind: s3 is not in this version yet; write "disk"')
    if config.accounts.mode != "local":
        lines.append('accounts.mode: user_service is not in this version yet; write "local"')
    return lines


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
