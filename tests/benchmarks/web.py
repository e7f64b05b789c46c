"""How quickly the web role answers, as ratios to its own `GET /health` in the same run.

    .venv/bin/python tests/benchmarks/web.py

Starts `lumi-box serve --role web` in a folder of its own, so that no worker competes for the processor, fills it
with tasks, and asks it from another process over kept connections. Prints a table in Markdown.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from process.server import Server, members

SECONDS = 5.0
TASKS = 100


@dataclass(frozen=True)
class Line:
    name: str
    method: str
    path: str
    body: str | None = None


@dataclass(frozen=True)
class Result:
    per_second: float
    p50_ms: float
    p99_ms: float


def ask(port: int, token: str, line: Line, until: float, times: list[float]) -> None:
    """One client with one connection, until the time is over."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    while time.monotonic() < until:
        begun = time.perf_counter()
        connection.request(line.method, line.path, line.body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{line.name}: {answer.status}")
        times.append(time.perf_counter() - begun)
    connection.close()


def crowd(port: int, token: str, line: Line, clients: int, results: multiprocessing.Queue[Result]) -> None:
    times: list[list[float]] = [[] for _ in range(clients)]
    until = time.monotonic() + SECONDS
    threads = [threading.Thread(target=ask, args=(port, token, line, until, each)) for each in times]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    flat = sorted(each for one in times for each in one)
    results.put(Result(len(flat) / SECONDS, flat[len(flat) // 2] * 1000, flat[int(len(flat) * 0.99)] * 1000))


def measure(server: Server, line: Line, clients: int) -> Result:
    results: multiprocessing.Queue[Result] = multiprocessing.Queue()
    asking = multiprocessing.Process(target=crowd, args=(server.port, server.token, line, clients, results))
    asking.start()
    result = results.get(timeout=60)
    asking.join()
    return result


def resident_mb(server: Server) -> float:
    def of(pid: int) -> int:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        return int(status.partition("VmRSS:")[2].split()[0])

    return sum(of(pid) for pid in members(server.process.pid)) / 1024


def main() -> None:
    with Server(Path(tempfile.mkdtemp(prefix="lumi-bench-"))) as server:
        begun = time.monotonic()
        server.start("web")
        print(f"cold start to /health: {time.monotonic() - begun:.2f} s; resident: {resident_mb(server):.0f} MB\n")
        task, *_ = [server.create(f"figure {number}") for number in range(TASKS)]
        lines = [
            Line("GET /health", "GET", "/health"),
            Line("POST a task", "POST", "/api/v1/tasks", json.dumps({"prompt": "a paper crane"})),
            Line("GET 20 of 100 tasks", "GET", "/api/v1/tasks?limit=20"),
            Line("GET one task", "GET", f"/api/v1/tasks/{task['id']}"),
            Line("GET /gallery, a page", "GET", "/gallery"),
        ]
        print("| line | clients | per second | p50 ms | p99 ms | of /health |\n|---|---|---|---|---|---|")
        health: dict[int, float] = {}
        for line in lines:
            for clients in (1, 10, 50):
                found = measure(server, line, clients)
                health.setdefault(clients, found.per_second)
                share = found.per_second / health[clients]
                row = (line.name, clients, f"{found.per_second:.0f}", f"{found.p50_ms:.1f}", f"{found.p99_ms:.1f}")
                print(f"| {' | '.join(map(str, row))} | {share:.2f} |", flush=True)
        print(f"\nresident after it: {resident_mb(server):.0f} MB")


if __name__ == "__main__":
    main()
