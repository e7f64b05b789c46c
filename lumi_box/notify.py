"""Tells a service manager such as systemd how we fare (sd_notify(3)), and nothing but what was seen.

Ready is said once the web role has answered a request and the worker has worked; alive, again and again, only while
both go on doing so. The protocol is a datagram of lines. The libraries for it either need libsystemd, which is not
where there is no systemd, or swallow what goes wrong; none of them is shorter than its use.
"""

from __future__ import annotations

import logging
import math
import mmap
import os
import socket
import struct
import time
from collections.abc import Collection, MutableMapping

FRESH_SECONDS = 20.0  # a worker beats every five; a web role that is busy may let a question wait
LOOK_SECONDS = 10.0  # where nobody wants to hear more often
REQUEST = b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n"
OWN_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # listening everywhere is listening here, too

logger = logging.getLogger(__name__)


class Pulse:
    """When a child last made progress: a number in memory that the parent shares with whom it forks."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, struct.calcsize("d"))

    def beat(self) -> None:
        self._memory[:] = struct.pack("d", time.monotonic())

    def age(self) -> float:
        """Seconds since; infinite before the first."""
        (moment,) = struct.unpack("d", self._memory[:])
        return time.monotonic() - moment if moment else math.inf


class Question:
    """GET /health by somebody who has no time to wait: asked, and then looked at again and again."""

    def __init__(self, host: str, port: int) -> None:
        self._address = OWN_ADDRESS.get(host, host), port
        self._asked: socket.socket | None = None

    def answered(self) -> bool:
        """Whether an answer, and a good one, has come since it was last asked; asks anew when it was not."""
        try:
            if self._asked is None:
                self._asked = socket.create_connection(self._address, timeout=1.0)
                self._asked.sendall(REQUEST)
                self._asked.settimeout(0.05)
            answer = self._asked.recv(4096)
        except TimeoutError:
            return False
        except OSError:  # not listening, or gone before it answered
            answer = b""
        self.drop()
        return answer.split(b" ", 2)[1:2] == [b"200"]

    def drop(self) -> None:
        if self._asked is not None:
            self._asked.close()
            self._asked = None


class Watch:
    """What the manager is told of one process tree. Where nobody listens, it does nothing."""

    def __init__(
        self, roles: Collection[str], host: str, port: int, environ: MutableMapping[str, str] = os.environ
    ) -> None:
        """Takes the manager's variables away: children, gunicorn among them, must not speak in our name."""
        self._place = environ.pop("NOTIFY_SOCKET", "")
        own, limit = environ.pop("WATCHDOG_PID", ""), environ.pop("WATCHDOG_USEC", "0")
        seconds = int(limit) / 1e6 if own in ("", str(os.getpid())) else 0.0
        self._pause = min(seconds / 4, LOOK_SECONDS) if seconds else LOOK_SECONDS
        self._roles = roles
        self._question = Question(host, port)
        self._status, self._ready, self._due, self._good = "", False, 0.0, time.monotonic()
        self.pulse = Pulse()

    def look(self, *, all_alive: bool) -> None:
        """To be called all the time; it looks and tells when that is due."""
        now = time.monotonic()
        if not self._place or now < self._due:
            return
        fault = self._fault() if all_alive else "a process has died and is started again"
        if fault is None:
            self._due, self._good = now + self._pause, now
            self._tell([] if self._ready else ["READY=1"], f"serving: {', '.join(self._roles)}", ["WATCHDOG=1"])
            self._ready = True
        elif not self._ready or not all_alive or now - self._good > FRESH_SECONDS:
            self._tell([], fault if self._ready else f"starting: {fault}", [])
        if not all_alive:
            self._question.drop()  # who is forked next must not inherit it

    def stopping(self, seconds: float) -> None:
        """However long the manager would wait by itself: this is the time that the config gives us."""
        until = round((seconds + 5) * 1e6)
        self._tell(["STOPPING=1", f"EXTEND_TIMEOUT_USEC={until}"], f"stopping within {seconds:.0f} s", [])

    def _fault(self) -> str | None:
        if "worker" in self._roles and self.pulse.age() > FRESH_SECONDS:
            return "the worker makes no progress"
        if "web" in self._roles and not self._question.answered():
            return "the web role does not answer"
        return None

    def _tell(self, first: list[str], status: str, last: list[str]) -> None:
        news = [f"STATUS={status}"] if status != self._status else []
        self._status = status
        if self._place and (lines := [*first, *news, *last]):
            self._send("\n".join(lines).encode())

    def _send(self, message: bytes) -> None:
        address = f"\0{self._place[1:]}" if self._place.startswith("@") else self._place
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(1.0)
                sender.sendto(message, address)
        except OSError as error:
            logger.warning("the service manager could not be told error=%s", error)
