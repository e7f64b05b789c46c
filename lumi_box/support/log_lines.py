"""The last lines of the log: out of a file, a folder of them, or the journal."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

MOST_LINES = 2000
LONGEST_LINE = 4000
TAIL_BYTES = 8 << 20
FOLDER = Path("/var/log/lumi-box")
UNIT = "lumi-box"
JOURNAL_SECONDS = 20


def last_lines(named: Path | None = None) -> tuple[str, list[str]]:
    """Where they come from, or why there are none; and the lines, the oldest first."""
    if named is not None:
        return _of_place(named)
    if FOLDER.is_dir():
        return _of_place(FOLDER)
    return _of_journal()


def _of_place(place: Path) -> tuple[str, list[str]]:
    try:
        path = _newest(place) if place.is_dir() else place
        if path is None:
            return f"none: no file that ends in .log lies in {place}", []
        return str(path), _cut(_tail(path))
    except OSError as error:
        return f"none: {place}: {error.strerror or error}", []


def _newest(folder: Path) -> Path | None:
    return max(folder.glob("*.log"), key=lambda path: path.stat().st_mtime, default=None)


def _tail(path: Path) -> str:
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("it is not a regular file")
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - TAIL_BYTES))
        return file.read(TAIL_BYTES).decode(errors="replace")


def _of_journal() -> tuple[str, list[str]]:
    why = "the log goes to stdout, and where that leads only its reader knows: name it with --log FILE"
    if shutil.which("journalctl") is None:
        return f"none: there is no journal here; {why}", []
    line = ["journalctl", "--unit", UNIT, "--lines", str(MOST_LINES), "--no-pager", "--output", "cat", "--quiet"]
    try:
        done = subprocess.run(line, capture_output=True, timeout=JOURNAL_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"none: journalctl: {type(error).__name__}; {why}", []
    lines = _cut(done.stdout.decode(errors="replace"))
    if not lines:
        return f"none: the journal holds nothing of the unit {UNIT} that this user may read; {why}", []
    return f"journalctl --unit {UNIT}", lines


def _cut(text: str) -> list[str]:
    return [line[:LONGEST_LINE] for line in text.splitlines()[-MOST_LINES:]]
