"""lumi-box as an operator runs it: real processes on a free port, watched from outside, and always cleaned up."""

from __future__ import annotations

import atexit
import contextlib
import functools
import http.client
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import requests
import secrecy

EMAIL = "admin@localhost"
POLL_SECONDS = 0.05
START_SECONDS = 30.0
LIMITS = """
[queue]
image_concurrency = {image_concurrency}
jobs_per_minute = 0
shutdown_seconds = {shutdown_seconds}

[limits]
requests_per_minute = 1_000_000
generations_per_day = 0
active_generations = 0

[logging]
level = "debug"

[server]
port = {port}
engine = "{engine}"
"""

_Found = TypeVar("_Found")


def command(*words: str, cwd: Path, stdin: str = "", timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """One run of `lumi-box`, to its end; it must leave no process behind."""
    line = [sys.executable, "-m", "lumi_box", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        line, cwd=cwd, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=_environment(), start_new_session=True
    ) as process:
        try:
            out, err = process.communicate(stdin, timeout)
            secrecy.check_process(err, cwd)
            gone(process.pid)
        finally:
            _kill_group(process.pid)
    return subprocess.CompletedProcess(line, process.returncode, out, err)


def eventually(look: Callable[[], _Found], seconds: float, what: str) -> _Found:
    """The first true answer of `look`; AssertionError when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        if found := look():
            return found
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(POLL_SECONDS)


def free_port() -> int:
    """Below the range from which the system gives clients theirs, so that it stays free while a server restarts."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


class Server:
    """A folder with a config, a database and a store of its own, and the processes that serve it."""

    def __init__(
        self,
        folder: Path,
        *,
        engine: str = "auto",
        shutdown_seconds: int = 15,
        image_concurrency: int = 2,
        providers: str = "",
        more: str = "",
    ) -> None:
        """`providers` takes the place of the config's own section of that name; `more` is added at the end."""
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._processes: list[subprocess.Popen[bytes]] = []
        template, self.token = _template()
        shutil.copytree(template, folder, dirs_exist_ok=True)
        limits = LIMITS.format(
            shutdown_seconds=shutdown_seconds, image_concurrency=image_concurrency, port=self.port, engine=engine
        )
        config = folder / "config.toml"
        text = config.read_text(encoding="utf-8")
        if providers:
            text = text.partition("[providers]")[0] + providers
        config.write_text(text + limits + more, encoding="utf-8")

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        if kind is not None:
            print(self.log)
        elif (self.folder / "serve.log").exists():
            secrecy.check_process(self.log, self.folder)

    @property
    def log(self) -> str:
        return (self.folder / "serve.log").read_text(encoding="utf-8", errors="replace")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        return self._processes[-1]

    def start(self, role: str = "all") -> Server:
        """Start a role, or all of them, as the leader of a process group; return once it works."""
        started = self.log.count("worker started") if (self.folder / "serve.log").exists() else 0
        with (self.folder / "serve.log").open("ab") as log:
            self._processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "lumi_box", "serve", "--role", role],
                    cwd=self.folder,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=_environment(),
                    start_new_session=True,
                )
            )
        if role != "worker":
            eventually(self._answers, START_SECONDS, "an answer of /health")
        if role != "web":
            eventually(lambda: self.log.count("worker started") >= started + 2, START_SECONDS, "a worker that is ready")
        return self

    def terminate(self, timeout: float = 30.0) -> int:
        """SIGTERM to the one process that an operator knows; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)

    def kill(self) -> None:
        """SIGKILL to every process of every group: a power cut, and the end of each test."""
        for process in self._processes:
            _kill_group(process.pid)
            process.wait(10)
            gone(process.pid)
        self._processes.clear()

    def children(self) -> dict[str, int]:
        """The pid of each role's process: the web role has processes of its own, the worker has none."""
        parent = self.process.pid
        ids = [pid for pid in members(parent) if _stat(pid)[1] == parent]
        has_children = {_stat(pid)[1] for pid in members(parent)}
        return {("web" if pid in has_children else "worker"): pid for pid in ids}

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        return self.request("POST", path, json=body if body is not None else {}, **options)

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        """As the demo's administrator; `path` may be a whole address that the server has given."""
        secrecy.note_all(options.get("json"))
        address = path if path.startswith("http") else self.url + path
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        return requests.request(method, address, headers=headers, timeout=20, **options)

    def task(self, task_id: str) -> dict[str, Any]:
        answer = self.get(f"/api/v1/tasks/{task_id}")
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def create(self, prompt: str) -> dict[str, Any]:
        answer = self.post("/api/v1/tasks", {"prompt": prompt})
        assert answer.status_code == 201, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows, read past the server."""
        connection = sqlite3.connect(self.folder / "data" / "lumi.db", timeout=10)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def _answers(self) -> bool:
        status = self.process.poll()
        assert status is None, f"serve ended with {status}:\n{self.log}"
        try:
            return requests.get(f"{self.url}/health", timeout=2).status_code == 200
        except (requests.ConnectionError, requests.Timeout):
            return False


def members(group: int) -> list[int]:
    """The living processes of a process group; one that is dead but not yet waited for does not count."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            state, _, its_group = _stat(int(entry.name))
            if its_group == group and state not in "ZX":
                found.append(int(entry.name))
    return sorted(found)


def gone(group: int, seconds: float = 10.0) -> None:
    """Return once no process of the group is alive; AssertionError when one outlives the time."""
    eventually(lambda: not members(group), seconds, f"the end of process group {group}: {members(group)}")


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _stat(pid: int) -> tuple[str, int, int]:
    """State, parent and process group (proc_pid_stat(5))."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "X", 0, 0
    state, parent, group = text.rpartition(")")[2].split()[:3]
    return state, int(parent), int(group)


@functools.cache
def _template() -> tuple[Path, str]:
    """What `init --demo` writes, with a token of its administrator: made once, copied for every server."""
    folder = Path(tempfile.mkdtemp(prefix="lumi-box-demo-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = command("init", "--demo", cwd=folder)
    assert made.returncode == 0, made.stderr
    token = command("token", "create", EMAIL, cwd=folder)
    assert token.returncode == 0, token.stderr
    return folder, token.stdout.strip()


def _environment() -> dict[str, str]:
    """Without a config that the caller's shell may name; logs are written line by line."""
    kept = {name: value for name, value in os.environ.items() if name != "LUMI_BOX_CONFIG"}
    return kept | {"PYTHONUNBUFFERED": "1"}


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream; `data` is what its JSON said."""

    id: int
    name: str
    data: dict[str, Any]


class Stream:
    """An open event stream, read by a thread of its own, so that whoever looks at it never waits for bytes."""

    def __init__(self, server: Server, task_id: str, after: int | None = None) -> None:
        self.events: list[Event] = []
        self.comments: list[str] = []
        self.ended = threading.Event()
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=40)
        resume = {"Last-Event-ID": str(after)} if after is not None else {}
        headers = {"Authorization": f"Bearer {server.token}", "Accept": "text/event-stream"} | resume
        self._connection.request("GET", f"/api/v1/tasks/{task_id}/events", headers=headers)
        self._response = self._connection.getresponse()
        assert self._response.status == 200, self._response.read()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection.sock is not None:
            with contextlib.suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._response.close()
        self._connection.close()

    def wait_for(self, name: str, seconds: float = 20.0) -> Event:
        def first() -> Event | None:
            return next((event for event in list(self.events) if event.name == name), None)

        found = eventually(first, seconds, f"event {name}")
        assert found is not None
        return found

    def _read(self) -> None:
        fields: dict[str, str] = {}
        try:
            while line := self._response.readline():
                self._take(line.decode().rstrip("\n"), fields)
        except (OSError, http.client.HTTPException):
            pass  # cut off: whoever reads sees no closing comment
        finally:
            self.ended.set()

    def _take(self, line: str, fields: dict[str, str]) -> None:
        if line.startswith(":"):
            self.comments.append(line[1:].strip())
        elif line:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
        else:
            if "event" in fields:
                self.events.append(Event(int(fields["id"]), fields["event"], json.loads(fields["data"])))
            fields.clear()
