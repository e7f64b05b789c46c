"""What a service manager hears, over a real datagram socket, of roles that this test plays."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import TCPServer

import pytest

from lumi_box import notify
from lumi_box.notify import Pulse, Watch

LONG_AGO = -1.0


class Web:
    """Answers every request with the status that it is told."""

    def __init__(self) -> None:
        self.status, self.asked = 200, 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = TCPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    yield made
    made.close()


class Manager:
    def __init__(self, address: str) -> None:
        self.variables = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1"}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        self._socket.setblocking(False)
        self._lines: list[str] = []

    def listen(self) -> None:
        """To be called often: the system keeps ten messages, and then lets the speaker wait."""
        while True:
            try:
                self._lines += self._socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return

    def heard(self) -> list[str]:
        """Every line since the last time, in order."""
        self.listen()
        lines, self._lines = self._lines, []
        return lines

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(str(tmp_path / "notify"))
    yield made
    made.close()


def settled(watch: Watch, manager: Manager) -> None:
    """An answer takes a moment, and nobody waits for it: look until it was there for sure."""
    for _ in range(20):
        watch.look(all_alive=True)
        manager.listen()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_ready_is_said_when_web_answers_and_the_worker_beats_and_not_before(manager, web):
    watch = Watch(("web", "worker"), "127.0.0.1", web.port, manager.variables)
    settled(watch, manager)
    assert manager.heard() == ["STATUS=starting: the worker makes no progress"]
    web.status = 503
    watch.pulse.beat()
    settled(watch, manager)
    assert manager.heard() == ["STATUS=starting: the web role does not answer"]
    web.status = 200
    settled(watch, manager)
    heard = manager.heard()
    assert heard[:3] == ["READY=1", "STATUS=serving: web, worker", "WATCHDOG=1"]
    assert "READY=1" not in heard[3:]


def test_each_role_is_asked_only_for_what_it_does(manager, web):
    settled(Watch(("web",), "0.0.0.0", web.port, dict(manager.variables)), manager)
    assert manager.heard()[0] == "READY=1"
    assert web.asked
    web.asked = 0
    worker = Watch(("worker",), "127.0.0.1", web.port, manager.variables)
    worker.pulse.beat()
    settled(worker, manager)
    assert manager.heard()[0] == "READY=1"
    assert not web.asked


def test_alive_is_said_only_while_both_go_on(manager, web, monkeypatch):
    watch = Watch(("web", "worker"), "127.0.0.1", web.port, manager.variables)
    watch.pulse.beat()
    settled(watch, manager)
    assert manager.heard().count("WATCHDOG=1") > 1
    web.status = 500
    settled(watch, manager)
    manager.heard()
    settled(watch, manager)
    assert manager.heard() == []
    web.status = 200
    settled(watch, manager)
    assert "WATCHDOG=1" in manager.heard()
    monkeypatch.setattr(notify, "FRESH_SECONDS", LONG_AGO)
    settled(watch, manager)
    assert manager.heard() == ["STATUS=the worker makes no progress"]


def test_a_process_that_died_is_told_of_and_leaves_no_open_question(manager, web):
    watch = Watch(("web", "worker"), "127.0.0.1", web.port, manager.variables)
    watch.pulse.beat()
    settled(watch, manager)
    manager.heard()
    before = open_files()
    watch.look(all_alive=False)
    watch.look(all_alive=False)
    assert manager.heard() == ["STATUS=a process has died and is started again"]
    assert open_files() == before
    settled(watch, manager)
    assert manager.heard()[:2] == ["STATUS=serving: web, worker", "WATCHDOG=1"]


def test_the_stop_takes_the_time_that_the_config_gives(manager):
    Watch(("web",), "127.0.0.1", 1, manager.variables).stopping(30)
    assert manager.heard() == ["STOPPING=1", "EXTEND_TIMEOUT_USEC=35000000", "STATUS=stopping within 30 s"]


def test_an_address_without_a_file_is_spoken_to_and_a_manager_that_is_gone_harms_nobody(web, caplog):
    manager = Manager(f"@lumi-box-test-{os.getpid()}")
    watch = Watch(("web",), "127.0.0.1", web.port, manager.variables)
    settled(watch, manager)
    assert manager.heard()[0] == "READY=1"
    manager.close()
    watch.stopping(1)
    assert "could not be told" in caplog.text


def test_children_cannot_speak_in_our_name_and_without_a_manager_nobody_is_asked(manager, web):
    variables = dict(manager.variables) | {"WATCHDOG_PID": "1"}
    Watch(("web",), "127.0.0.1", web.port, variables)
    assert variables == {}
    settled(Watch(("web",), "127.0.0.1", web.port, variables), manager)
    assert not web.asked


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # the child does nothing that could need a lock
def test_a_pulse_is_felt_over_processes():
    pulse = Pulse()
    assert pulse.age() == float("inf")
    child = os.fork()
    if child == 0:
        pulse.beat()
        os._exit(0)
    os.waitpid(child, 0)
    assert pulse.age() < 60
