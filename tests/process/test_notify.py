"""A service manager that listens to a real server: what it hears, from whom, and when it hears nothing more."""

from __future__ import annotations

import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from process.server import Server, eventually, members

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks the system who has spoken"),
]

WATCHDOG_SECONDS = 4.0  # alive is said four times in it
SILENCE_SECONDS = 6.0
CREDENTIALS = struct.Struct("3i")  # pid, uid, gid: unix(7), SCM_CREDENTIALS


class Manager:
    """Hears as systemd does: who has spoken is said by the system. At READY it tries what it was promised."""

    def __init__(self, path: Path) -> None:
        self.address, self.server = str(path), None
        self.lines: list[tuple[float, str]] = []
        self.speakers: set[int] = set()
        self.at_ready: list[int | str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind(self.address)
        self._socket.settimeout(0.1)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def heard(self, line: str) -> list[float]:
        return [moment for moment, each in list(self.lines) if each == line]

    def silent_for(self) -> float:
        return time.monotonic() - self.heard("WATCHDOG=1")[-1]

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                message, extra, _, _ = self._socket.recvmsg(4096, socket.CMSG_SPACE(CREDENTIALS.size))
            except TimeoutError:
                continue
            self.speakers.add(CREDENTIALS.unpack(extra[0][2])[0])
            for line in message.decode().split("\n"):
                if line == "READY=1":
                    self.at_ready += self._promised()
                self.lines.append((time.monotonic(), line))

    def _promised(self) -> list[int | str]:
        assert self.server is not None
        started = [role for role in ("image", "model") if f"{role} worker started" in self.server.log]
        return [requests.get(f"{self.server.url}/health", timeout=10).status_code, *started]


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", made.address)
    monkeypatch.setenv("WATCHDOG_USEC", str(round(WATCHDOG_SECONDS * 1e6)))
    yield made
    made.close()


@pytest.fixture
def server(tmp_path: Path, manager: Manager) -> Iterator[Server]:
    with Server(tmp_path / "home", shutdown_seconds=20) as made:
        manager.server = made
        yield made


def test_ready_and_alive_and_the_stop_are_said_by_the_parent_alone(server, manager):
    server.start()
    eventually(lambda: len(manager.heard("WATCHDOG=1")) >= 4, 30, "signs of life")
    assert manager.at_ready == [200, "image", "model"]
    assert len(manager.heard("READY=1")) == 1
    assert manager.heard("STATUS=serving: web, worker")
    assert server.terminate() == 0
    assert manager.heard("STOPPING=1")
    assert manager.heard("EXTEND_TIMEOUT_USEC=25000000")
    assert manager.speakers == {server.process.pid}


@pytest.mark.parametrize(
    ("role", "status"), [("worker", "the worker makes no progress"), ("web", "the web role does not answer")]
)
def test_a_role_that_stands_still_ends_the_signs_of_life(server, manager, role, status):
    server.start()
    eventually(lambda: manager.heard("WATCHDOG=1"), 30, "a sign of life")
    roles = server.children()
    answering = [pid for pid in members(server.process.pid) if pid not in (server.process.pid, *roles.values())]
    still = [roles["worker"]] if role == "worker" else answering
    for pid in still:
        os.kill(pid, signal.SIGSTOP)
    stopped = time.monotonic()
    eventually(lambda: manager.silent_for() > SILENCE_SECONDS, 60, "silence")
    eventually(lambda: manager.heard(f"STATUS={status}"), 60, status)
    for pid in still:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: manager.silent_for() < 1, 30, "signs of life again")
    print(f"{status}: told of {manager.heard(f'STATUS={status}')[-1] - stopped:.0f} s after it stood still")


def test_a_worker_that_dies_is_told_of_and_replaced(server, manager):
    server.start()
    eventually(lambda: manager.heard("WATCHDOG=1"), 30, "a sign of life")
    os.kill(server.children()["worker"], signal.SIGKILL)
    eventually(lambda: manager.heard("STATUS=a process has died and is started again"), 30, "the news of it")
    serving = "STATUS=serving: web, worker"
    eventually(lambda: len(manager.heard(serving)) == 2 and manager.silent_for() < 1, 30, "all well again")
    assert len(manager.heard("READY=1")) == 1
