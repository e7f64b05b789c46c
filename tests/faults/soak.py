"""Starts and stops the worker again and again in one process, with work under way, and counts what stays behind.

    python tests/faults/soak.py --cycles 1000

Exit status 1 when file descriptors, threads or memory have grown from the first tenth of the cycles to the last.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from conftest import write_config
from doubles import ScriptedImages, ScriptedModels

from lumi_box import config as configuration
from lumi_box import runtime
from lumi_box.accounts import local
from lumi_box.box import Box
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.tables import base
from lumi_box.worker import run as worker
from lumi_box.worker.queue import JobQueue

WORK_SECONDS = 0.15  # of each cycle
GROWN_MB = 40.0


def cycle(box: Box, queue: JobQueue, user_id: str, number: int) -> None:
    """The worker starts, paints a little, and is told to stop in the middle of it."""
    if number % 10 == 0:
        accept_prompt(box, user_id, f"figure {number}")
    until = time.monotonic() + WORK_SECONDS

    def told_to_stop(seconds: float) -> bool:
        time.sleep(max(0.0, min(seconds, until - time.monotonic())))
        return time.monotonic() >= until

    worker.run(box, queue, told_to_stop, lambda: None)


def counted() -> dict[str, float]:
    """With no connection open: while one is, SQLite keeps the descriptors of closed ones for the next to come."""
    gc.collect()
    base.database.close()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return {
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "resident_mb": round(pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20), 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cycles", type=int, default=1000)
    cycles = parser.parse_args().cycles
    with tempfile.TemporaryDirectory(prefix="lumi-soak-") as folder:
        loaded = configuration.load(write_config(Path(folder)))
        runtime.migrate_database(loaded)
        limits = replace(loaded.limits, generations_per_day=0, active_generations=0)
        box, queue = runtime.build(replace(loaded, limits=limits))
        box.image_provider, box.model_provider = ScriptedImages(), ScriptedModels()
        user = local.create("soak@example.org", None)
        seen = []
        for number in range(cycles):
            cycle(box, queue, user.id, number)
            if (number + 1) % max(1, cycles // 10) == 0:
                seen.append(counted())
                print(number + 1, seen[-1], flush=True)
        base.database.close()
    first, last = seen[0], seen[-1]
    flat = last["descriptors"] <= first["descriptors"] and last["threads"] <= first["threads"]
    return 0 if flat and last["resident_mb"] - first["resident_mb"] < GROWN_MB else 1


if __name__ == "__main__":
    sys.exit(main())
