"""Kills processes of a working server at random instants, and looks for what was lost, stuck or paid twice.

    python tests/faults/crash.py --database sqlite --kills 30 --requests 20 --seed 1
    python tests/faults/crash.py --database mariadb --nodes 2

`--database` is `sqlite`, or `mariadb` for a server that is started for this and killed like all else. `--nodes` share
that server and one folder of files. Exit status 1 when anything is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import requests
from emulators.remote import RemoteEmulator
from faults.examine import Findings, examine
from faults.private_mariadb import PrivateMariaDb
from process.server import EMAIL, Server, command, gone, members

EMULATOR = Path(__file__).resolve().parents[1] / "emulators" / "run.py"
FINISHED_SECONDS = 300.0
STOP_SECONDS = 15
PAUSE_SECONDS = 0.2
SUBMIT_SECONDS = 0.25
PASSWORD = "correct horse battery"
LONGEST_PEACE_SECONDS = 3.0
LONGEST_OUTAGE_SECONDS, DATABASE_SHARE = 3.0, 0.3
CONCURRENCY = "jobs_per_minute = 0\nmodel_concurrency = 2"


class Clients:
    """Makers who send prompts, pick a picture as soon as one is there, and come again when nobody answers."""

    def __init__(self, nodes: list[Server], count: int, seed: int) -> None:
        self._nodes, self._count, self._dice = nodes, count, random.Random(seed)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clients", daemon=True)
        self.tasks: dict[str, dict[str, Any]] = {}
        self.finished_at: float | None = None

    def __enter__(self) -> Clients:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(60)

    @property
    def finished(self) -> bool:
        return self.finished_at is not None

    def _run(self) -> None:
        for number in range(self._count):
            self._ask("POST", "/api/v1/tasks", {"prompt": f"figure number {number}"}, f"key-{number}")
        while not self._stop.is_set():
            unfinished = [task_id for task_id, task in self.tasks.items() if task["status"] != "COMPLETED"]
            if not unfinished and len(self.tasks) == self._count:
                self.finished_at = time.monotonic()
                return
            for task_id in unfinished:
                self._look_after(task_id)
            self._stop.wait(PAUSE_SECONDS)

    def _look_after(self, task_id: str) -> None:
        task = self._ask("GET", f"/api/v1/tasks/{task_id}")
        done = [image["index"] for image in task["images"] if image["imageStatus"] == "COMPLETED"]
        if done and task["model"] is None:
            self._ask("PATCH", f"/api/v1/tasks/{task_id}", {"selectedImageIndex": self._dice.choice(done)})
        elif task["status"].endswith("FAILED"):
            self._stop.set()  # the findings tell

    def _ask(self, method: str, path: str, body: Any = None, key: str = "") -> dict[str, Any]:
        headers = {"Idempotency-Key": key} if key else {}
        while not self._stop.is_set():
            with contextlib.suppress(requests.RequestException):
                answer = self._dice.choice(self._nodes).request(method, path, json=body, headers=headers)
                if answer.status_code < 500:
                    data: dict[str, Any] = answer.json()["data"]
                    if "images" in data:
                        self.tasks[data["id"]] = data
                    return data
            self._stop.wait(PAUSE_SECONDS)
        return {"images": [], "model": None, "status": "unknown"}


def run(folder: Path, *, database: str, kills: int, count: int, seed: int, nodes: int = 1) -> Findings:
    """One run, from an empty database to the last finished request."""
    findings = Findings()
    with contextlib.ExitStack() as stack:
        emulator = stack.enter_context(emulated())
        mariadb = stack.enter_context(PrivateMariaDb(folder)) if database == "mariadb" else None
        servers = [
            stack.enter_context(
                Server(
                    folder / f"node-{number}",
                    image_concurrency=4,
                    shutdown_seconds=STOP_SECONDS,
                    providers=emulator.provider_config(),
                )
            )
            for number in range(nodes)
        ]
        for vendor in ("dashscope", "tencent"):  # so that some kills come between an order and its answer
            emulator.fault(vendor, "submit", "late", times=None, seconds=SUBMIT_SECONDS)
        _configure(servers, mariadb)
        for server in servers:
            server.start()
        _kill_during_the_work(findings, servers, mariadb, kills=kills, count=count, seed=seed)
        time.sleep(1.0)  # what follows the last event
        for server in servers:
            findings.check(server.terminate(STOP_SECONDS + 10) == 0, "a server did not stop with status 0")
        rows = servers[0].query if mariadb is None else mariadb.query
        examine(findings, servers[0].folder, rows, emulator, count)
        findings.figures["completed_by_node"] = [server.log.count(" completed ") for server in servers]
        if findings.wrong:
            print(*(server.log[-20_000:] for server in servers), sep="\n=== next node ===\n")
    return findings


def _kill_during_the_work(
    findings: Findings, servers: list[Server], mariadb: PrivateMariaDb | None, *, kills: int, count: int, seed: int
) -> None:
    dice, victims, begun = random.Random(seed), Counter[str](), time.monotonic()
    with Clients(servers, count, seed) as clients:
        for _ in range(kills):
            time.sleep(dice.uniform(0.05, LONGEST_PEACE_SECONDS))
            if mariadb is not None and dice.random() < DATABASE_SHARE:
                mariadb.interrupt(dice.uniform(0.0, LONGEST_OUTAGE_SECONDS))
                victims["database"] += 1
            else:
                victims[_kill(dice.choice(servers), dice)] += 1
            if clients.finished:
                break
        findings.figures["victims"] = dict(victims)
        findings.figures["killing_seconds"] = round(time.monotonic() - begun, 1)
        until = time.monotonic() + FINISHED_SECONDS
        while not clients.finished and time.monotonic() < until:
            time.sleep(PAUSE_SECONDS)
        findings.figures["finished_after_seconds"] = round((clients.finished_at or time.monotonic()) - begun, 1)


def _kill(server: Server, dice: random.Random) -> str:
    """SIGKILL to one process of the tree, or to all of them; the tree is started again."""
    group = server.process.pid
    tree = members(group)
    roles = {pid: name for name, pid in server.children().items()}
    victim = dice.choice([*tree, None])
    if victim is None:
        os.killpg(group, signal.SIGKILL)
    else:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    if victim in (None, group):
        server.process.wait(10)
        gone(group, STOP_SECONDS + 10)  # those that lost their parent leave by themselves
        server.start()
    return "all" if victim is None else "parent" if victim == group else roles.get(victim, "web worker")


@contextlib.contextmanager
def emulated(image_seconds: float = 1.0, model_seconds: float = 1.5) -> Iterator[RemoteEmulator]:
    """The vendors, in a process that outlives those that are killed."""
    times = ["--image-seconds", str(image_seconds), "--model-seconds", str(model_seconds)]
    line = [sys.executable, str(EMULATOR), "--unlimited", *times]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield RemoteEmulator(process.stdout.readline().strip())
        finally:
            process.terminate()


def _configure(servers: list[Server], mariadb: PrivateMariaDb | None) -> None:
    for server in servers:
        path = server.folder / "config.toml"
        lines = path.read_text(encoding="utf-8").replace("jobs_per_minute = 0", CONCURRENCY).splitlines()
        if mariadb is not None:
            lines = [f'url = "{mariadb.url}"' if line.startswith("url = ") else line for line in lines]
        path.write_text("\n".join(lines), encoding="utf-8")
    first, *others = servers
    for other in others:
        shutil.rmtree(other.folder / "data")
        (other.folder / "data").symlink_to(first.folder / "data")
        secret = next(line for line in _config_of(first) if line.startswith("cookie_secret"))
        text = "\n".join(secret if line.startswith("cookie_secret") else line for line in _config_of(other))
        (other.folder / "config.toml").write_text(text, encoding="utf-8")
    if mariadb is not None:  # the demo's account is in the file that it came with
        command("user", "create", EMAIL, "--admin", "--password-stdin", cwd=first.folder, stdin=f"{PASSWORD}\n")
        token = command("token", "create", EMAIL, cwd=first.folder).stdout.strip()
        for server in servers:
            server.token = token


def _config_of(server: Server) -> list[str]:
    return (server.folder / "config.toml").read_text(encoding="utf-8").splitlines()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=["sqlite", "mariadb"], default="sqlite")
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lumi-crash-") as folder:
        found = run(
            Path(folder, "box"),
            database=options.database,
            kills=options.kills,
            count=options.requests,
            seed=options.seed,
            nodes=options.nodes,
        )
    for name, value in found.figures.items():
        print(f"{name}: {value}")
    for order in found.doubtful:
        print("doubtful:", *order)
    for line in found.wrong:
        print("WRONG:", line)
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
