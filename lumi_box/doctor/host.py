"""What is on this machine: the config file, and the room on its disks."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lumi_box import config
from lumi_box.box import Box
from lumi_box.config import Config, ConfigError
from lumi_box.doctor.finding import Sick

MIB, GIB = 1 << 20, 1 << 30
FREE_BYTES = GIB  # for rows, pictures and models
FREE_FOR_WORK = 256 * MIB  # for what is being downloaded and converted
FREE_FILES = 1000


def check_config(box: Box) -> str:
    """The file as it stands now: a server that runs on an earlier state of it might not start again."""
    path = box.config.path
    try:
        config.load(path)
    except ConfigError as error:
        more = f" (and {len(error.errors) - 1} more)" if len(error.errors) > 1 else ""
        text = f"The config cannot be used as it stands now: {error.errors[0]}{more}"
        raise Sick(text, f"Run: lumi-box config check --config {path}") from error
    found = path.stat()
    if found.st_mode & stat.S_IWOTH:
        raise Sick(f"Every user of this machine may change {path}.", f"Run: chmod 600 {path}")
    changed = " It has been changed since the start: restart to apply." if _is_newer(found, box) else ""
    return f"{path} is valid, mode {box.config.mode}, file mode {stat.S_IMODE(found.st_mode):04o}.{changed}"


def _is_newer(found: os.stat_result, box: Box) -> bool:
    return found.st_mtime_ns // 1_000_000 > box.started_at


def check_disk(box: Box) -> str:
    told = []
    for purpose, path, least in _places(box.config):
        existing = next(place for place in (path, *path.parents) if place.exists())
        room = os.statvfs(existing)
        free, total = room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize
        if free < least:
            found = f"Only {_size(free)} of {_size(total)} are free at {existing}, for {purpose}"
            hint = f"Remove what is not needed, or grow the disk; see: du -xh --max-depth=2 {existing}"
            raise Sick(f"{found}; {_size(least)} are needed.", hint)
        if room.f_files and room.f_favail < FREE_FILES:
            raise Sick(
                f"Only {room.f_favail} more files fit at {existing}, for {purpose}.",
                f"Remove small files that are not needed; see: df -i {existing}",
            )
        told.append(f"{_size(free)} free at {existing} for {purpose}")
    return f"{'; '.join(told)}."


def _places(loaded: Config) -> Iterator[tuple[str, Path, int]]:
    if loaded.database.sqlite_path is not None:
        yield "the database", loaded.database.sqlite_path.parent, FREE_BYTES
    if loaded.storage.kind == "disk" and loaded.storage.disk.path is not None:
        yield "the files", loaded.storage.disk.path, FREE_BYTES
    yield "work in hand", Path(tempfile.gettempdir()), FREE_FOR_WORK


def _size(size: int) -> str:
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size >> 20} MiB"
