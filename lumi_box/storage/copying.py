"""All stored objects from one store to another: from a disk into a bucket, or back. What is there already is left."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lumi_box.errors import Conflict, NotFound
from lumi_box.storage import marker
from lumi_box.storage.base import Storage
from lumi_box.storage.ledger import BATCH, STORED
from lumi_box.tables.stored_object import StoredObject

CHUNK = 1 << 20


@dataclass
class Copied:
    """How far it is; `damaged` names what is missing at the source, or is not what the ledger says."""

    objects: int
    done: int = 0
    copied: int = 0
    bytes_copied: int = 0
    damaged: list[str] = field(default_factory=list)


def copy_all(source: Storage, target: Storage, tell: Callable[[Copied], None]) -> Copied:
    """Copy every object that a row refers to, each compared with its SHA-256 on both sides.

    It may be run again: what the target has already is not copied twice. At the end the target is marked as this
    installation's. Raises Conflict when it is another's, and Unavailable when a store fails.
    """
    if marker.read(target) not in (None, marker.installation()):
        raise Conflict("The target is marked as the store of another installation.")
    progress = Copied(StoredObject.select().where(StoredObject.state == STORED).count())
    for row in _rows():
        if not _is_at(target, row):
            _copy(source, target, row, progress)
        progress.done += 1
        tell(progress)
    if not progress.damaged:
        marker.write(target)
    return progress


def _rows() -> Iterator[StoredObject]:
    after = ""
    while True:
        wanted = (StoredObject.state == STORED) & (StoredObject.key > after)
        rows = list(StoredObject.select().where(wanted).order_by(StoredObject.key).limit(BATCH))
        yield from rows
        if len(rows) < BATCH:
            return
        after = rows[-1].key


def _copy(source: Storage, target: Storage, row: StoredObject, progress: Copied) -> None:
    with tempfile.TemporaryDirectory(prefix="lumi-copy-") as folder:
        local = Path(folder, "object")
        try:
            with source.open(row.key) as stream, local.open("wb") as file:
                shutil.copyfileobj(stream, file, CHUNK)
        except NotFound:
            progress.damaged.append(row.key)
            return
        with local.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != row.sha256:
                progress.damaged.append(row.key)
                return
        target.put(row.key, local)
        if not _is_at(target, row):
            progress.damaged.append(row.key)
            return
        progress.copied += 1
        progress.bytes_copied += local.stat().st_size


def _is_at(storage: Storage, row: StoredObject) -> bool:
    return storage.measure(row.key) == (row.size, row.sha256)
