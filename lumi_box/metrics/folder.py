"""The folder in which the web processes of one node share their counters, as prometheus_client's files.

It is made by the parent of all and lasts as long as the parent: a child that dies leaves its files, out of which its
counts are taken over, so that no counter goes back. Files that are gone with the folder are a restart to Prometheus.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "lumi-box-metrics-"
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus_client when it is first imported
TAKEN_OVER = "dead"  # in the place of a process's id
LOCK = "lock"


@contextmanager
def made() -> Iterator[Path]:
    """For the processes that are forked within the block; nobody else may read it."""
    _remove_abandoned()
    path = Path(tempfile.mkdtemp(prefix=PREFIX))
    os.environ[VARIABLE] = str(path)
    held = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Held by this process and its children for as long as one of them lives. Programs that clear away what is
        # old in such places leave a locked folder alone, too.
        fcntl.flock(held, fcntl.LOCK_SH)
        yield path
    finally:
        os.close(held)
        del os.environ[VARIABLE]
        shutil.rmtree(path, ignore_errors=True)


def shared() -> Path | None:
    """This process's; None where there is one process only."""
    return Path(os.environ[VARIABLE]) if VARIABLE in os.environ else None


@contextmanager
def unchanged(path: Path) -> Iterator[list[Path]]:
    """The files to read, in which nothing of a dead process is left; nobody takes any over meanwhile."""
    take_over(path)  # those whose parent died too, and could not do it
    with _locked(path, fcntl.LOCK_SH):
        # An empty one has just been opened, or was when its process died.
        yield [file for file in path.glob("*.db") if file.stat().st_size]


def take_over(path: Path) -> None:
    """Add what dead processes counted to one file each of counters and histograms, and remove theirs."""
    if not _left_behind(path):
        return  # a scrape waits for no other
    with _locked(path, fcntl.LOCK_EX):
        for file in _left_behind(path):
            kind = file.stem.rpartition("_")[0]
            if kind in ("counter", "histogram") and file.stat().st_size:
                _add(file, path / f"{kind}_{TAKEN_OVER}.db")
            file.unlink()  # gauges of what is now end with their process


def _left_behind(path: Path) -> list[Path]:
    owners = {file: file.stem.rpartition("_")[2] for file in sorted(path.glob("*.db"))}
    return [file for file, owner in owners.items() if owner != TAKEN_OVER and not _lives(int(owner))]


def _add(source: Path, target: Path) -> None:
    from prometheus_client.mmap_dict import MmapedDict  # after the variable was set

    total = MmapedDict(str(target))
    try:
        for key, value, _, _ in MmapedDict.read_all_values_from_file(str(source)):
            total.write_value(key, total.read_value(key)[0] + value, 0.0)
    finally:
        total.close()


@contextmanager
def _locked(path: Path, how: int) -> Iterator[None]:
    with (path / LOCK).open("a") as lock:
        fcntl.flock(lock, how)
        yield


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's, who has been given the number since
        return False
    return True


def _remove_abandoned() -> None:
    """The folders of trees that were killed: nobody holds them."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # another user's, or gone by now
            held = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(held)
