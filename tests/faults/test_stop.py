"""SIGTERM under load: in time, with status 0, nothing lost, and nothing left behind."""

import sys
import time
from pathlib import Path

import pytest
from emulators.emulator import Emulator
from process.server import Server, eventually, members

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc"),
]

REQUESTS = 6
STOP_SECONDS = 15


def holders(folder):
    """The processes that have a file below the folder open, as lsof would show them."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            opened = [str(link.readlink()) for link in (entry / "fd").iterdir()]
        except OSError:  # it has ended, or is not ours
            continue
        if held := [name for name in opened if name.startswith(str(folder))]:
            found[entry.name] = held
    return found


def test_trap_11_sigterm_under_load_ends_in_time_and_loses_nothing(tmp_path):
    """A sleep of 30 seconds used to stand for a graceful stop."""
    with Emulator(limited=False) as emulator:
        emulator.settings("dashscope", duration=0.6)
        folder = tmp_path / "box"
        providers = emulator.provider_config()
        with Server(folder, image_concurrency=4, shutdown_seconds=STOP_SECONDS, providers=providers) as server:
            server.start()
            tasks = [server.create(f"figure {number}")["id"] for number in range(REQUESTS)]
            eventually(lambda: len(emulator.record().accepted("dashscope")) >= 4, 20, "orders in flight")
            assert holders(folder)
            begun = time.monotonic()
            assert server.terminate(STOP_SECONDS + 5) == 0, server.log
            took = time.monotonic() - begun
            print(f"stopped {took:.1f} s after SIGTERM, with {REQUESTS * 4} pictures wanted")
            assert took < STOP_SECONDS
            assert members(server.process.pid) == []
            assert holders(folder) == {}
            assert server.query("SELECT 1 FROM job WHERE lease IS NOT NULL") == []
            assert "Traceback" not in server.log
            server.start()
            for task_id in tasks:
                eventually(lambda: server.task(task_id)["status"] == "IMAGE_COMPLETED", 60, server.log)  # noqa: B023
            assert server.query("SELECT DISTINCT outcome FROM attempt") == [("completed",)]
            assert emulator.record().bought_twice() == []
            assert emulator.record().paid("dashscope") == REQUESTS * 4
