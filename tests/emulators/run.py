"""All four vendors as a process: `python tests/emulators/run.py --port 9999`. Prints its base address and serves."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

# This folder must not be on the path: dashscope.py here would hide the SDK of that name.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from emulators.emulator import Emulator  # noqa: E402  # the path comes first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--unlimited", action="store_true", help="no rate and concurrency limits")
    parser.add_argument("--image-seconds", type=float, help="how long a picture takes")
    parser.add_argument("--model-seconds", type=float, help="how long a model takes")
    options = parser.parse_args()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with Emulator(options.port, limited=not options.unlimited) as emulator:
        if options.image_seconds is not None:
            emulator.settings("dashscope", duration=options.image_seconds)
            emulator.settings("siliconflow", duration=options.image_seconds)
        if options.model_seconds is not None:
            emulator.settings("tencent", duration=options.model_seconds)
        print(emulator.base, flush=True)
        stop.wait()


if __name__ == "__main__":
    main()
