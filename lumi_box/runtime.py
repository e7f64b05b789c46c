"""Builds the box, and runs the roles around it."""

from __future__ import annotations

import logging
import platform
import resource
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import nullcontext

from lumi_box import __version__, doctor, redaction, reporting
from lumi_box.accounts import setup
from lumi_box.box import Box
from lumi_box.config import Config, loose_modes, secret_values
from lumi_box.errors import LumiError, UpstreamError
from lumi_box.health import rounds
from lumi_box.metrics import calls, folder
from lumi_box.notify import Watch
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
    redaction.know(secret_values(config))
    reporting.start(config)
    migrate_database(config)
    box, queue = build(config)
    _mark_storage(box)
    _check_health(box)
    if role != "worker":
        _offer_setup(config)
    base.close_all()  # each process opens connections of its own
    if role != "worker":
        _check_address(config)
    wanted = ROLES if role == "all" else (role,)
    watch = Watch(wanted, config.server.host, config.server.port)
    run: dict[str, Callable[[], None]] = {
        "web": lambda: _web(box, role),
        "worker": lambda: _worker(box, queue, watch.pulse.beat),
    }
    _tell(config, wanted)
    with folder.made() if "web" in wanted and config.metrics.enabled else nullcontext():
        return supervise({name: run[name] for name in wanted}, config.queue.shutdown_seconds, watch)


def _tell(config: Config, roles: tuple[str, ...]) -> None:
    """What an operator asks first of a log."""
    logger.info(
        "starting version=%s python=%s roles=%s mode=%s url=%s database=%s storage=%s image=%s model3d=%s prompt=%s",
        __version__,
        platform.python_version(),
        ",".join(roles),
        config.mode,
        config.public_url,
        base.place(config.database),
        config.storage.kind,
        config.providers.image,
        config.providers.model3d,
        config.providers.prompt,
    )


def missing_parts(config: Config) -> list[str]:
    """What the config asks for and this version does not have yet, one line each."""
    return registry.missing(config)


def _web(box: Box, role: str) -> None:
    from lumi_box.web.app import create_app  # the worker does without Flask
    from lumi_box.web.server import serve as serve_web

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # every open event stream is a file
    try:
        serve_web(box.config, lambda: create_app(box), lambda: _look_around(box, role))
    finally:
        reporting.flush()


def _worker(box: Box, queue: JobQueue, beat: Callable[[], None]) -> None:
    from lumi_box.worker.run import run  # the web process does without APScheduler

    # Blocked in every thread and taken one at a time: a second one, which Ctrl-C and systemd send, changes nothing.
    stopping = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping)
    try:
        with calls.written():
            run(box, queue, lambda seconds: signal.sigtimedwait(stopping, seconds) is not None, beat)
    finally:
        reporting.flush()


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
    for _, loose in loose_modes(box.config.path):
        logger.warning("%s", loose)
    ill = [finding for finding in doctor.examine(box, doctor.CRITICAL) if not finding.healthy]
    rounds.warn_of(ill)
    if ill and not box.config.development:
        raise Unhealthy("; ".join(f"{finding.id}: {finding.text} {finding.hint}" for finding in ill))


def _look_around(box: Box, role: str) -> None:
    """What is not critical delays no start. A worker makes its rounds; where there is none, this is the one look."""
    if role == "web":
        threading.Thread(target=rounds.warn_after_start, args=(box,), name="look-around", daemon=True).start()


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
