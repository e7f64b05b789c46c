"""What we ask of a place that keeps bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from lumi_box.config import Config
from lumi_box.errors import NotConfigured


@dataclass(frozen=True, slots=True)
class Listed:
    """One object as the store lists it; `modified_ms` since 1970 in UTC."""

    key: str
    size: int
    modified_ms: int


class Storage(Protocol):
    def put(self, key: str, source: Path) -> None:
        """Keep the file's bytes under the key, whole or not at all. Raises Unavailable."""

    def open(self, key: str) -> BinaryIO:
        """The object's bytes, seekable. Raises NotFound, Unavailable."""

    def delete(self, key: str) -> None:
        """Remove the object; one that is gone already is no error. Raises Unavailable."""

    def pages(self) -> Iterator[list[Listed]]:
        """Everything there is, a page at a time."""

    def probe(self) -> None:
        """Write, read and remove a small object. Raises Unavailable, saying what failed."""


def open_storage(config: Config) -> Storage:
    if config.storage.kind != "disk" or config.storage.disk.path is None:
        raise NotConfigured('storage.kind: this version keeps files on disk only; write "disk"')
    from lumi_box.storage.disk import DiskStorage  # the one that is configured is the one that is loaded

    return DiskStorage(config.storage.disk.path)
