"""Objects as files under one folder."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from lumi_box.errors import NotFound, Unavailable
from lumi_box.storage.base import Listed

PAGE = 1000
TEMPORARY = ".partial-"


class DiskStorage:
    """Writes are atomic: a temporary file beside the place, fsync, rename, fsync of the folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def put(self, key: str, source: Path) -> None:
        target = self._path(key)
        temporary = target.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                _copy_durably(source, temporary)
                temporary.replace(target)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            _sync_folder(target.parent)
        except OSError as error:
            raise Unavailable("The file could not be kept.", code="storage", vendor_text=str(error)) from error

    def open(self, key: str) -> BinaryIO:
        try:
            return self._path(key).open("rb")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise NotFound("There is no such file.") from error
        except OSError as error:
            raise Unavailable("The file could not be read.", code="storage", vendor_text=str(error)) from error

    def delete(self, key: str) -> None:
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
            self._drop_empty(path.parent)
        except OSError as error:
            raise Unavailable("The file could not be removed.", code="storage", vendor_text=str(error)) from error

    def pages(self) -> Iterator[list[Listed]]:
        page: list[Listed] = []
        for folder, folders, names in os.walk(self.root):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                status = path.stat()
                key = path.relative_to(self.root).as_posix()
                page.append(Listed(key, status.st_size, status.st_mtime_ns // 1_000_000))
                if len(page) == PAGE:
                    yield page
                    page = []
        if page:
            yield page

    def probe(self) -> None:
        key = f"probe/{secrets.token_hex(8)}"
        with tempfile.NamedTemporaryFile() as source:
            source.write(b"lumi-box")
            source.flush()
            self.put(key, Path(source.name))
        with self.open(key) as stream:
            if stream.read() != b"lumi-box":
                raise Unavailable("The storage gave back other bytes than it was given.", code="storage")
        self.delete(key)

    def _path(self, key: str) -> Path:
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root) or path == self.root:
            raise NotFound("There is no such file.")
        return path

    def _drop_empty(self, folder: Path) -> None:
        while folder != self.root and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent


def _copy_durably(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("xb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
