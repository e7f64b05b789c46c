"""What we ask of a place that keeps bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from lumi_box.config import Config
from lumi_box.errors import NotConfigured

PAGE = 1000
CHUNK = 1 << 20
SOURCE = "storage"  # what an alert about the store is filed under


@dataclass(frozen=True, slots=True)
class Listed:
    """One object as the store lists it; `modified_ms` since 1970 in UTC."""

    key: str
    size: int
    modified_ms: int


class Storage(Protocol):
    """Objects by key. Every method but `delete_many` raises Unavailable when the store does not do as asked."""

    def put(self, key: str, source: Path) -> None:
        """Keep the file's bytes under the key, whole or not at all."""

    def open(self, key: str, first: int = 0, last: int | None = None) -> BinaryIO:
        """The object's bytes from `first` to `last`, both counted, as a stream that need not seek. Raises NotFound."""

    def exists(self, key: str) -> bool: ...

    def measure(self, key: str) -> tuple[int, str] | None:
        """Size and SHA-256 of what really lies there, or None."""

    def delete_many(self, keys: Sequence[str]) -> dict[str, str]:
        """Remove the objects; answer those that the store did not confirm as gone, each with its reason."""

    def pages(self, after: str = "") -> Iterator[list[Listed]]:
        """Everything there is, or all that comes after a key that was listed before; a page at a time, in order."""

    def drop_unfinished(self, before_ms: int) -> int:
        """Remove what uploads that were begun before then and never ended left where no listing shows it."""

    def probe(self) -> None:
        """Write, read and remove a small object, or say within seconds what failed."""


def hashed(stream: BinaryIO) -> tuple[int, str]:
    """Size and SHA-256 of what is left in a stream, a piece at a time."""
    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()


def open_storage(config: Config) -> Storage:
    """The store that the config names; the one that is configured is the one whose code is loaded."""
    if config.storage.kind == "s3":
        from lumi_box.storage.s3 import S3Storage

        return S3Storage(config.storage.s3)
    if config.storage.disk.path is None:
        raise NotConfigured("storage.disk.path: is required when storage.kind is disk")
    from lumi_box.storage.disk import DiskStorage

    return DiskStorage(config.storage.disk.path)
