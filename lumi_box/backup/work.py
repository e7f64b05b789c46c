"""Files that are in the making: private, on the disk where they will lie, and cleared away when their maker died."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PREFIX = ".lumi-backup-"
NEW = f"{PREFIX}new-"  # not locked yet: between its making and its lock, a living one looks like a dead one
SETTLED_SECONDS = 3600


@contextmanager
def folder(beside: Path) -> Iterator[Path]:
    """A folder of our own, which is gone afterwards. Those that dead processes left, which nobody locks, go too."""
    for left in beside.glob(f"{PREFIX}*"):
        with suppress(OSError):  # just removed by its maker, being made, or not a folder
            _remove_if_left(left)
    name = secrets.token_hex(8)
    new, made = beside / f"{NEW}{name}", beside / f"{PREFIX}{name}"
    new.mkdir(mode=0o700)
    handle = os.open(new, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        new.rename(made)
        yield made
    finally:
        for each in (made, new):
            shutil.rmtree(each, ignore_errors=True)
        os.close(handle)


def new_file(path: Path) -> BinaryIO:
    """Open for writing and reading; only its owner can read it, from the first byte on."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")


def sync_folder(path: Path) -> None:
    """The names in it are there after a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def check_room(place: Path, size: int) -> None:
    free = shutil.disk_usage(place).free
    if free < size:
        raise OSError(errno.ENOSPC, f"{_megabytes(size)} MB are needed, {_megabytes(free)} MB are free")


def is_full(error: BaseException) -> bool:
    """Whether a disk had no room, in the system's words or the database's."""
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "disk is full" in str(error)


def _remove_if_left(left: Path) -> None:
    handle = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not left.name.startswith(NEW) or time.time() - left.stat().st_mtime > SETTLED_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    finally:
        os.close(handle)


def _megabytes(size: int) -> str:
    return f"{size / (1 << 20):.1f}"
