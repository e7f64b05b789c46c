"""How quickly the gallery's list is served: 10,000 public models, 100,000 interactions, concurrency 10, one process.

    python tests/benchmarks/gallery.py [SECONDS]

Starts `lumi-box serve --role web` on a database of its own, fills it, asks over ten kept connections from a process
of their own, and prints a line for each way of asking: warm, warm with `If-None-Match`, search, and with a change of
the gallery ten times a second. The last column is the rate against that of `GET /health` in the same run.
"""

from __future__ import annotations

import http.client
import multiprocessing
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from process.server import Server

MODELS, USERS, INTERACTIONS, CONNECTIONS = 10_000, 1_000, 100_000, 10
WORDS = ("red", "paper", "crane", "sitting", "fox", "lighthouse", "小猫", "帽子", "灯塔", "vase")
LIST = "/api/v1/gallery/models"


def fill(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA foreign_keys = ON")
    insert(
        database,
        "account",
        ((f"u{n}", f"u{n}@example.org", "", f"maker {n}", "", "", 0, "", 0) for n in range(USERS)),
        "id, email, password_hash, user_name, nick_name, avatar, is_admin, language, created_at",
    )
    prompts = [f"{WORDS[n % 10]} {WORDS[n // 10 % 10]} {WORDS[n // 100 % 10]} {n}" for n in range(MODELS)]
    insert(
        database,
        "generation_request",
        ((f"r{n}", f"u{n % USERS}", prompts[n], 1, "as-is", "COMPLETED", "COMPLETED", n, n) for n in range(MODELS)),
        "id, user_id, prompt, optimize_prompt, variants, status, phase, created_at, updated_at",
    )
    insert(
        database,
        "image",
        ((f"i{n}", f"r{n}", 0, prompts[n], 0, "COMPLETED", n) for n in range(MODELS)),
        "id, request_id, position, prompt, seed, status, created_at",
    )
    insert(
        database,
        "model",
        (
            (
                f"m{n}",
                f"u{n % USERS}",
                f"r{n}",
                f"i{n}",
                prompts[n][:60],
                "",
                "COMPLETED",
                100,
                "PUBLIC",
                n,
                *(f"models/m{n}/model.{kind}" for kind in ("obj", "mtl", "glb", "webp")),
                n % 97,
                10,
                0,
                n % 89,
                n,
                n,
            )
            for n in range(MODELS)
        ),
        "id, user_id, request_id, image_id, name, description, status, progress, visibility, published_at,"
        " obj_key, mtl_key, glb_key, preview_key, view_count, like_count, favorite_count, download_count, created_at,"
        " updated_at",
    )
    insert(
        database,
        "interaction",
        ((f"u{n % USERS}", f"m{(n // USERS * 97 + n) % MODELS}", "LIKE", n) for n in range(INTERACTIONS)),
        "user_id, model_id, kind, created_at",
    )
    insert(
        database,
        "search_text",
        ((f"m{n}", prompts[n][:60], prompts[n]) for n in range(MODELS)),
        "model_id, name, prompt",
    )
    database.commit()
    database.close()


def insert(database: sqlite3.Connection, table: str, rows: object, columns: str) -> None:
    marks = ", ".join("?" * len(columns.split(",")))
    database.executemany(f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})", rows)


def ask(
    port: int, paths: list[str], headers: dict[str, str], seconds: float, wanted: int, times: list[float], first: int
) -> None:
    """Over one connection; the connections share the paths out among them."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    end = time.perf_counter() + seconds
    number = first
    while (begun := time.perf_counter()) < end:
        connection.request("GET", paths[number % len(paths)], headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == wanted, answer.status
        times.append((time.perf_counter() - begun) * 1000)
        number += CONNECTIONS


def load(port: int, paths: list[str], headers: dict[str, str], seconds: float, wanted: int, answer: object) -> None:
    times: list[float] = []
    same = (port, paths, headers, seconds, wanted, times)
    threads = [threading.Thread(target=ask, args=(*same, first)) for first in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    answer.put(times)  # type: ignore[attr-defined]


def measure(
    label: str, port: int, paths: list[str], seconds: float, *, etag: str = "", wanted: int = 200, base: float = 0
) -> float:
    """The rate, which is printed against `base` too."""
    headers = {"If-None-Match": etag} if etag else {}
    answer = multiprocessing.Queue()
    process = multiprocessing.Process(target=load, args=(port, paths, headers, seconds, wanted, answer))
    process.start()
    times = sorted(answer.get())
    process.join()
    p50, p95, p99 = (times[int(len(times) * share)] for share in (0.5, 0.95, 0.99))
    figures = f"p50 {p50:.1f}  p95 {p95:.1f}  p99 {p99:.1f} ms"
    rate = len(times) / seconds
    ratio = rate / (base or rate)
    print(f"{label:<40} {rate:>6.0f} /s  mean {statistics.mean(times):.1f}  {figures}  {ratio:.2f}", flush=True)
    return rate


def keep_changing(path: Path, stop: threading.Event) -> None:
    database = sqlite3.connect(path, timeout=15)
    while not stop.wait(0.1):
        database.execute("UPDATE gallery_state SET generation = generation + 1")
        database.commit()
    database.close()


def main(seconds: float) -> None:
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder)) as server:
        server.start("web")
        rows = server.folder / "data" / "lumi.db"
        begun = time.perf_counter()
        fill(rows)
        print(f"filled in {time.perf_counter() - begun:.1f} s: {MODELS} models, {INTERACTIONS} interactions")
        etag = server.get(f"{LIST}?limit=20").headers["ETag"]
        base = measure("GET /health", server.port, ["/health"], seconds)
        first = [f"{LIST}?limit=20"]
        measure("first page, warm", server.port, first, seconds, base=base)
        measure("the same, If-None-Match", server.port, first, seconds, etag=etag, wanted=304, base=base)
        pages = [f"{LIST}?limit=20&sortBy={sort}&offset={20 * n}" for sort in ("popular", "liked") for n in range(50)]
        measure("100 pages by popular and liked", server.port, pages, seconds, base=base)
        searches = [
            f"{LIST}?q={word}" for word in ("fox", "lighthouse", "crane%20red", "%E5%B0%8F%E7%8C%AB", "red%209")
        ]
        measure("five searches, warm", server.port, searches, seconds, base=base)
        measure(
            "a search for each request, never warm",
            server.port,
            [f"{LIST}?q=fox%20{n}" for n in range(10_000)],
            seconds,
            base=base,
        )
        stop = threading.Event()
        changing = threading.Thread(target=keep_changing, args=(rows, stop))
        changing.start()
        measure("first page, changed 10 times a second", server.port, first, seconds, base=base)
        stop.set()
        changing.join()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)
