"""Objects as files under one folder."""

from __future__ import annotations

import errno
import io
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, cast

from lumi_box.errors import Busy, NotFound, Unavailable
from lumi_box.owners import hand_over
from lumi_box.storage import listing
from lumi_box.storage.base import PAGE, SOURCE, Listed, hashed

TEMPORARY = ".partial-"
FULL = (errno.ENOSPC, errno.EDQUOT)
LOOK_AGAIN_SECONDS = 30.0
MKDIR_TRIES = 100


class DiskStorage:
    """Writes are atomic: a temporary file beside the place, fsync, rename, fsync of the folders."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def put(self, key: str, source: Path) -> None:
        target = self._path(key)
        temporary = target.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
        try:
            try:
                _copy_durably(source, self._make_room_for(temporary))
                temporary.replace(target)
            except OSError:
                temporary.unlink(missing_ok=True)
                raise
            self._sync_folders(target.parent)
        except OSError as error:
            raise _unavailable("kept", error) from error

    def open(self, key: str, first: int = 0, last: int | None = None) -> BinaryIO:
        try:
            stream = self._path(key).open("rb")
            stream.seek(first)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            raise NotFound("There is no such file.") from error
        except OSError as error:
            raise _unavailable("read", error) from error
        return stream if last is None else cast(BinaryIO, _Part(stream, last - first + 1))

    def exists(self, key: str) -> bool:
        try:
            return self._path(key).is_file()
        except OSError as error:
            raise _unavailable("read", error) from error

    def measure(self, key: str) -> tuple[int, str] | None:
        try:
            with self.open(key) as stream:
                return hashed(stream)
        except NotFound:
            return None

    def delete_many(self, keys: Sequence[str]) -> dict[str, str]:
        kept: dict[str, str] = {}
        for key in keys:
            try:
                self._delete(key)
            except NotFound:
                continue  # a key that leads out of the root names nothing here
            except OSError as error:
                kept[key] = str(error)
        return kept

    def pages(self, after: str = "") -> Iterator[list[Listed]]:
        page: list[Listed] = []
        try:
            for found in listing.files(self.root, after):
                page.append(found)
                if len(page) == PAGE:
                    yield page
                    page = []
        except OSError as error:
            raise _unavailable("listed", error) from error
        if page:
            yield page

    def drop_unfinished(self, before_ms: int) -> int:
        return 0  # a temporary file that a crash left is listed like any other

    def probe(self) -> None:
        key = f"probe/{secrets.token_hex(8)}"
        with tempfile.NamedTemporaryFile() as source:
            source.write(b"lumi-box")
            source.flush()
            self.put(key, Path(source.name))
        with self.open(key) as stream:
            if stream.read() != b"lumi-box":
                raise Unavailable("The storage gave back other bytes than it was given.", code="storage")
        if kept := self.delete_many([key]):
            raise Unavailable("The file could not be removed.", code="storage", vendor_text=kept[key])

    def _delete(self, key: str) -> None:
        path = self._path(key)
        path.unlink(missing_ok=True)
        folder = path.parent
        while folder != self.root:
            try:
                folder.rmdir()  # only where nothing is in it
            except FileNotFoundError:
                return  # another has tidied up at the same time
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.ENOTDIR):
                    return
                raise
            folder = folder.parent

    def _path(self, key: str) -> Path:
        path = (self.root / key).resolve()
        if not path.is_relative_to(self.root) or path == self.root:
            raise NotFound("There is no such file.")
        return path

    def _make_room_for(self, path: Path) -> Path:
        """An empty file in its folder, which nobody removes any more: a folder goes only while it is empty."""
        for attempt in range(MKDIR_TRIES):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch(exist_ok=False)
                self._hand_over(path)
            except (FileNotFoundError, FileExistsError):  # a folder went with its last file just then
                if attempt == MKDIR_TRIES - 1:
                    raise
            else:
                break
        return path

    def _hand_over(self, path: Path) -> None:
        """The file, and the folders that may have been made for it, to whom the store belongs."""
        for each in (path, *path.parents):
            if each == self.root:
                return
            hand_over(each, self.root)

    def _sync_folders(self, folder: Path) -> None:
        """The name in its folder, the folder's in its own, and so on up to the root: any of them may be new."""
        while True:
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
            if folder == self.root:
                return
            folder = folder.parent


class _Part(io.RawIOBase):
    """The next so many bytes of an open file; closes it."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._left = stream, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)[: self._left]  # type: ignore[arg-type]
        count: int = self._stream.readinto(view)  # type: ignore[attr-defined]
        self._left -= count
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


def _unavailable(done: str, error: OSError) -> Unavailable:
    """What the job does next: it waits for room on a full disk, and counts any other failure as an attempt."""
    text, words = f"The file could not be {done}.", str(error)
    if error.errno in FULL:
        return Busy(
            text, code="disk_full", vendor_text=words, alert=True, source=SOURCE, retry_after=LOOK_AGAIN_SECONDS
        )
    closed = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
    return Unavailable(text, code="storage", vendor_text=words, alert=closed, source=SOURCE)


def _copy_durably(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("r+b") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())
