"""The files of a folder in the order of their keys' bytes, as S3 lists them; one folder's names in memory at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from lumi_box.storage.base import Listed

# Folders at the root that are not the store's: what a restore has put aside, or has not put in place yet.
ASIDE = (".before-", ".restoring-")

logger = logging.getLogger(__name__)


def files(root: Path, after: str = "") -> Iterator[Listed]:
    """Every regular file below the root whose key comes after the given one. What vanishes meanwhile is left out."""
    if root.is_dir():
        yield from _below(os.fspath(root), b"", after.encode())


def _below(folder: str, prefix: bytes, after: bytes) -> Iterator[Listed]:
    for name, is_folder in _entries(folder):
        key = prefix + os.fsencode(name)
        if is_folder:
            if not prefix and name.startswith(ASIDE):
                continue
            if key + b"/" > after or after.startswith(key + b"/"):
                yield from _below(f"{folder}/{name}", key + b"/", after)
        elif key > after and (found := _listed(f"{folder}/{name}", key)) is not None:
            yield found


def _entries(folder: str) -> list[tuple[str, bool]]:
    """A folder is sorted as its name with a slash: `a-b`, `a.b` and `a/b` follow each other in this order."""
    try:
        with os.scandir(folder) as entries:
            found = [
                (entry.name, entry.is_dir(follow_symlinks=False))
                for entry in entries
                if entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False)
            ]
    except (FileNotFoundError, NotADirectoryError):
        return []  # emptied and removed since its own folder was read
    found.sort(key=lambda entry: os.fsencode(entry[0]) + (b"/" if entry[1] else b""))
    return found


def _listed(path: str, key: bytes) -> Listed | None:
    try:
        status = Path(path).lstat()
        return Listed(key.decode(), status.st_size, status.st_mtime_ns // 1_000_000)
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        logger.warning("left alone: a file whose name is no text, and so no key of ours: %r", key)
        return None
