"""Starts the roles as child processes, keeps them alive, and stops them together.

The signals that matter are blocked and taken one at a time, so that none can fall between two lines.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lumi_box.notify import Watch

SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
STABLE_SECONDS = 60.0
MAX_DELAY_SECONDS = 30.0
LOOK_SECONDS = 0.5

logger = logging.getLogger(__name__)


@dataclass
class Child:
    """One role: how it is run, and how it has fared."""

    name: str
    run: Callable[[], None]
    pid: int = 0
    started: float = 0.0
    delay: float = 1.0
    due: float = field(default=0.0)


def supervise(roles: dict[str, Callable[[], None]], shutdown_seconds: float, watch: Watch) -> int:
    """Run until SIGTERM or SIGINT; answer 0 when every child stopped in time, else 1.

    A child that crashes is started again, later and later. A second signal ends everything at once. The children
    hold the reading end of a pipe, whose closing tells them that this process is gone.
    """
    alive, hold = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    children = [Child(name, run) for name, run in roles.items()]
    for child in children:
        _start(child, alive, hold)
    while True:
        received = signal.sigtimedwait(SIGNALS, LOOK_SECONDS)
        if received is not None and received.si_signo != signal.SIGCHLD:
            watch.stopping(shutdown_seconds)
            return _stop(children, shutdown_seconds)
        for child in children:
            _tend(child, alive, hold)
        watch.look(all_alive=all(child.pid for child in children))


def _tend(child: Child, alive: int, hold: int) -> None:
    now = time.monotonic()
    if child.pid:
        pid, status = os.waitpid(child.pid, os.WNOHANG)
        if pid:
            stable = now - child.started > STABLE_SECONDS
            child.delay = 1.0 if stable else min(child.delay * 2, MAX_DELAY_SECONDS)
            child.pid, child.due = 0, now + child.delay
            logger.error(
                "%s process died status=%d restart_in=%.0fs", child.name, os.waitstatus_to_exitcode(status), child.delay
            )
    elif now >= child.due:
        _start(child, alive, hold)


def _start(child: Child, alive: int, hold: int) -> None:
    sys.stdout.flush()
    child.started = time.monotonic()
    pid = os.fork()
    if pid:
        child.pid = pid
        return
    os.close(hold)
    # While the signals are blocked: the thread keeps it so, and they go to the main thread.
    threading.Thread(target=_leave_with_parent, args=(alive,), name="parent-watch", daemon=True).start()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    code = 1
    try:
        child.run()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        logger.critical("%s process failed", child.name, exc_info=True)
    finally:
        sys.stdout.flush()
        os._exit(code)


def _leave_with_parent(alive: int) -> None:
    os.read(alive, 1)  # returns when the last holder of the other end, the parent, is gone
    os.kill(os.getpid(), signal.SIGTERM)


def _stop(children: list[Child], shutdown_seconds: float) -> int:
    deadline = time.monotonic() + shutdown_seconds
    logger.info("stopping within=%.0fs", shutdown_seconds)
    _signal_all(children, signal.SIGTERM)
    clean = True
    while any(child.pid for child in children):
        received = signal.sigtimedwait(SIGNALS, 0.1)
        again = received is not None and received.si_signo != signal.SIGCHLD
        if again or time.monotonic() > deadline:
            logger.warning("stopping at once")
            clean = again and clean
            _signal_all(children, signal.SIGKILL)
        for child in children:
            if child.pid and os.waitpid(child.pid, os.WNOHANG)[0]:
                child.pid = 0
    logger.info("stopped in_time=%s", clean)
    return 0 if clean else 1


def _signal_all(children: list[Child], number: signal.Signals) -> None:
    for child in children:
        if child.pid:
            os.kill(child.pid, number)
