"""Kills processes of a working server at random instants, and looks for what was lost, stuck or paid twice.

    python tests/faults/crash.py --database sqlite --kills 30 --requests 20 --seed 1

`--database` is `sqlite` or the `mysql://` address of an empty database. Exit status 1 when anything is wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import requests
from emulators.remote import RemoteEmulator
from playhouse.db_url import connect
from process.server import EMAIL, Server, command, gone, members

EMULATOR = Path(__file__).resolve().parents[1] / "emulators" / "run.py"
PICTURES = 4
FINISHED_SECONDS = 300.0
STOP_SECONDS = 15
PAUSE_SECONDS = 0.2
SUBMIT_SECONDS = 0.25
PASSWORD = "correct horse battery"
LONGEST_PEACE_SECONDS = 3.0
CONCURRENCY = "jobs_per_minute = 0\nmodel_concurrency = 2"


@dataclass
class Findings:
    """What is wrong, one line each, and the figures of the run."""

    wrong: list[str] = field(default_factory=list)
    doubtful: list[tuple[Any, ...]] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)

    def check(self, good: object, text: str) -> None:
        if not good:
            self.wrong.append(text)


class Clients:
    """Makers who send prompts, pick a picture as soon as one is there, and come again when nobody answers."""

    def __init__(self, server: Server, count: int, seed: int) -> None:
        self._server, self._count, self._dice = server, count, random.Random(seed)
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
                answer = self._server.request(method, path, json=body, headers=headers)
                if answer.status_code < 500:
                    data: dict[str, Any] = answer.json()["data"]
                    if "images" in data:
                        self.tasks[data["id"]] = data
                    return data
            self._stop.wait(PAUSE_SECONDS)
        return {"images": [], "model": None, "status": "unknown"}


def run(folder: Path, *, database: str, kills: int, count: int, seed: int) -> Findings:
    """One run, from an empty database to the last finished request."""
    dice = random.Random(seed)
    findings = Findings()
    with (
        _emulator() as emulator,
        Server(
            folder, image_concurrency=4, shutdown_seconds=STOP_SECONDS, providers=emulator.provider_config()
        ) as server,
    ):
        for vendor in ("dashscope", "tencent"):  # so that some kills come between an order and its answer
            emulator.fault(vendor, "submit", "late", times=None, seconds=SUBMIT_SECONDS)
        _configure(server, database)
        server.start()
        begun = time.monotonic()
        with Clients(server, count, seed) as clients:
            victims = Counter[str]()
            for _ in range(kills):
                victims[_kill(server, dice)] += 1
                findings.figures["kills_during_the_work"] = sum(victims.values())
                if clients.finished:
                    break
            findings.figures["victims"] = dict(victims)
            findings.figures["killing_seconds"] = round(time.monotonic() - begun, 1)
            until = time.monotonic() + FINISHED_SECONDS
            while not clients.finished and time.monotonic() < until:
                time.sleep(PAUSE_SECONDS)
        findings.figures["finished_after_seconds"] = round((clients.finished_at or time.monotonic()) - begun, 1)
        time.sleep(1.0)  # what follows the last event
        findings.check(server.terminate(STOP_SECONDS + 10) == 0, "the server did not stop with status 0")
        _examine(findings, server, _rows(server, database), emulator, count)
        if findings.wrong:
            print(server.log[-20_000:])
    return findings


def _kill(server: Server, dice: random.Random) -> str:
    """SIGKILL to one process of the tree, or to all of them, after a random while; the tree is started again."""
    time.sleep(dice.uniform(0.05, LONGEST_PEACE_SECONDS))
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


def _examine(findings: Findings, server: Server, rows: Any, emulator: RemoteEmulator, count: int) -> None:
    statuses = Counter(row[0] for row in rows("SELECT status FROM generation_request"))
    findings.check(statuses == {"COMPLETED": count}, f"requests: {dict(statuses)}")
    pictures = Counter(row[0] for row in rows("SELECT status FROM image"))
    findings.check(pictures == {"COMPLETED": count * PICTURES}, f"pictures: {dict(pictures)}")
    jobs = Counter(row[0] for row in rows("SELECT status FROM job"))
    findings.check(jobs == {"COMPLETED": count * (PICTURES + 1)}, f"jobs: {dict(jobs)}")
    unended = rows("SELECT job_id FROM attempt WHERE ended_at IS NULL")
    findings.check(not unended, f"attempts that never ended: {unended}")
    findings.figures["outcomes"] = dict(Counter(row[0] for row in rows("SELECT outcome FROM attempt")))
    _examine_store(findings, server, rows)
    _examine_orders(findings, rows, emulator)


def _examine_store(findings: Findings, server: Server, rows: Any) -> None:
    root = server.folder / "data" / "objects"
    files = {path.relative_to(root).as_posix(): path.stat().st_size for path in root.rglob("*") if path.is_file()}
    partial = [name for name in files if Path(name).name.startswith(".partial-")]
    known = dict(rows("SELECT `key`, size FROM stored_object"))
    whole = {name: size for name, size in files.items() if not Path(name).name.startswith(".")}
    findings.check(whole.keys() <= known.keys(), f"files without a row: {sorted(whole.keys() - known.keys())}")
    findings.check(known.keys() <= whole.keys(), f"rows without a file: {sorted(known.keys() - whole.keys())}")
    wrong = [name for name in known if name in whole and known[name] != whole[name]]
    findings.check(not wrong, f"files that are not what their row says: {wrong}")
    states = Counter(row[0] for row in rows("SELECT state FROM stored_object"))
    findings.check(set(states) == {"stored"}, f"objects: {dict(states)}")
    findings.figures["files"] = len(whole)
    findings.figures["unfinished_writes"] = len(partial)


def _examine_orders(findings: Findings, rows: Any, emulator: RemoteEmulator) -> None:
    """An order may be paid once more for each doubtful attempt of its job, and every ticket but those is known."""
    record = emulator.record()
    job_of = dict(rows("SELECT ticket, job_id FROM attempt WHERE ticket IS NOT NULL"))
    findings.doubtful = list(rows("SELECT job_id, provider, number FROM attempt WHERE outcome = 'doubtful'"))
    doubts = Counter(job for job, _, _ in findings.doubtful)
    orders = defaultdict(list)
    for entry in record.submits():
        if entry.paid:
            orders[entry.vendor, entry.order].append(entry.ticket)
    for tickets in orders.values():
        jobs = {job_of[ticket] for ticket in tickets if ticket in job_of}
        known = [ticket for ticket in tickets if ticket in job_of]
        findings.check(jobs, f"paid, and known to no job: {tickets}")
        findings.check(len(known) <= 1, f"one order, several known tickets: {known}")
        allowed = 1 + sum(doubts[job] for job in jobs)
        findings.check(len(tickets) <= allowed, f"paid {len(tickets)} times, with {allowed - 1} doubts: {tickets}")
    booked = rows("SELECT COUNT(*) FROM purchase")[0][0]
    findings.check(booked == len(job_of), f"{booked} orders booked, {len(job_of)} tickets known")
    findings.figures["orders"] = len(orders)
    findings.figures["paid"] = record.paid()
    findings.figures["booked"] = booked
    findings.figures["doubtful"] = len(findings.doubtful)


@contextlib.contextmanager
def _emulator() -> Iterator[RemoteEmulator]:
    line = [sys.executable, str(EMULATOR), "--unlimited", "--image-seconds", "1", "--model-seconds", "1.5"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield RemoteEmulator(process.stdout.readline().strip())
        finally:
            process.terminate()


def _configure(server: Server, database: str) -> None:
    path = server.folder / "config.toml"
    text = path.read_text(encoding="utf-8").replace("jobs_per_minute = 0", CONCURRENCY)
    if database != "sqlite":
        text = "\n".join(f'url = "{database}"' if line.startswith("url = ") else line for line in text.splitlines())
    path.write_text(text, encoding="utf-8")
    if database != "sqlite":  # the demo's account is in the file that it came with
        command("user", "create", EMAIL, "--admin", "--password-stdin", cwd=server.folder, stdin=f"{PASSWORD}\n")
        server.token = command("token", "create", EMAIL, cwd=server.folder).stdout.strip()


def _rows(server: Server, database: str) -> Any:
    if database == "sqlite":
        return server.query
    handle = connect(database)
    return lambda sql: list(handle.execute_sql(sql).fetchall())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", default="sqlite")
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
