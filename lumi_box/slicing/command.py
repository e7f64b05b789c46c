"""The slicer as a program on this machine: PrusaSlicer, or one that takes the same arguments.

It runs without a shell, in a folder and a process group of its own, at low priority, with none of our environment.
When its time is up, when this worker stops, and even when this worker is killed, it is killed.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import resource
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from lumi_box.config import Config
from lumi_box.errors import NotConfigured, Refused, Unavailable
from lumi_box.redaction import redact
from lumi_box.slicing import gcode, names
from lumi_box.slicing.states import GivenUp

TIMEOUT_SECONDS = 15 * 60.0
LOOK_SECONDS = 0.1
NICENESS = 10
KEPT_OUTPUT = 4000  # bytes: the last of them
READER_SECONDS = 5.0
NOT_STARTED = (126, 127)  # what setpriv, like a shell, answers for a program that it cannot run
PROGRESS = re.compile(rb"^\s*(\d{1,3}) => ", re.MULTILINE)
NO_ROOM = re.compile(r"fit on the bed|outside of the print|exceeds the maximum|print volume", re.IGNORECASE)

logger = logging.getLogger(__name__)


def program(config: Config) -> str | None:
    """Where the configured program is; None where there is none that can be run."""
    return shutil.which(config.slicer.command or "")


def run(config: Config, model: Path, target: Path, give_up: threading.Event, tell: Callable[[int], None]) -> None:
    """Slice the model into the target. Refused where the program cannot, GivenUp soon after `give_up` is set."""
    line = _command_line(config, model, target)
    process = subprocess.Popen(  # noqa: S603  no shell, and nothing in it that a user wrote
        line,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=model.parent,
        env=_environment(model.parent),
        start_new_session=True,
    )
    reader = _Reader(process, tell)
    try:
        _restrain(process.pid, config.limits.max_model_mb << 20)
        _wait(process.pid, give_up)
    finally:
        _kill(process)
        said = reader.end()
    logger.debug("slicer ended status=%d output=%s", process.returncode, redact(said))
    _check(process.returncode, said, target)


def _command_line(config: Config, model: Path, target: Path) -> list[str]:
    if config.slicer.command is None:
        raise NotConfigured(names.NOT_CONFIGURED)
    path = program(config)
    if path is None:
        raise Refused(names.NOT_STARTABLE, code="not_found", vendor_text=f"no program {config.slicer.command}")
    profile = ["--load", config.slicer.profile] if config.slicer.profile else []
    line = [path, "--export-gcode", *profile, "--output", str(target), str(model)]
    setpriv = shutil.which("setpriv")  # of util-linux; without it a killed worker leaves the program to end by itself
    return [setpriv, "--pdeathsig", "KILL", "--", *line] if setpriv else line


def _environment(folder: Path) -> dict[str, str]:
    """None of ours, which may hold secrets; and no settings of whoever runs us."""
    place = {"HOME": str(folder), "TMPDIR": str(folder), "XDG_CONFIG_HOME": str(folder)}
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **place}


def _restrain(pid: int, most_bytes: int) -> None:
    with contextlib.suppress(ProcessLookupError):  # it has ended already
        os.setpriority(os.PRIO_PROCESS, pid, NICENESS)
        if hasattr(resource, "prlimit"):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))


def _wait(pid: int, give_up: threading.Event) -> None:
    """Until it has ended. Its number stays its own: nobody else's group is killed in its place."""
    until = time.monotonic() + TIMEOUT_SECONDS
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if give_up.wait(LOOK_SECONDS):
            raise GivenUp("the slicing was given up")
        if time.monotonic() > until:
            raise Refused(names.TOO_LONG, code="timeout", vendor_text=f"killed after {TIMEOUT_SECONDS:.0f} s")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The whole group: what the program has begun does not outlive it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _check(status: int, said: str, target: Path) -> None:
    told = f"status {status}: {redact(said)[-1500:].strip()}"
    if status in NOT_STARTED:
        raise Refused(names.NOT_STARTABLE, code="not_started", vendor_text=told)
    if status != 0:
        words = names.TOO_LARGE if NO_ROOM.search(said) else names.NOT_SLICED
        raise Refused(words, code=f"exit_{status}", vendor_text=told)
    try:
        if not gcode.is_gcode(target):
            raise Refused(names.NO_GCODE, code="no_gcode", vendor_text=told)
    except FileNotFoundError:
        words = names.TOO_LARGE if NO_ROOM.search(said) else names.NO_GCODE
        raise Refused(words, code="no_output", vendor_text=told) from None
    except OSError as error:
        raise Unavailable(names.OURS, code="output", vendor_text=str(error)) from error


class _Reader:
    """Reads what the program prints, so that it never waits for us; keeps the end of it, and how far it says it is."""

    def __init__(self, process: subprocess.Popen[bytes], tell: Callable[[int], None]) -> None:
        self._pipe = cast(IO[bytes], process.stdout)  # run() asked for a pipe
        self._tell, self._kept = tell, b""
        self._thread = threading.Thread(target=self._read, name="slicer-output", daemon=True)
        self._thread.start()

    def end(self) -> str:
        """Its last words. Something that has left the group may still hold the pipe: it is not waited for long."""
        self._thread.join(READER_SECONDS)
        if not self._thread.is_alive():
            self._pipe.close()
        return self._kept.decode("utf-8", errors="replace")

    def _read(self) -> None:
        while piece := os.read(self._pipe.fileno(), 1 << 14):
            self._kept = (self._kept + piece)[-KEPT_OUTPUT:]
            if steps := PROGRESS.findall(piece):
                self._tell(min(int(steps[-1]), 99))
