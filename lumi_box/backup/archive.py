"""The file: a tar in which every byte follows from the names, the contents and one point in time.

    manifest.json      what it is, and what is in it
    config.toml
    database.sqlite3   the rows, whichever engine they came from
    objects/KEY        in the order of the ledger
    lost.txt           only where objects were missing or damaged already when the backup was made
    SHA256SUMS         of all before it, as sha256sum(1) writes and checks them

What is read is compared with what would have been written: so a flipped bit is found wherever it is, headers and
padding included, and links, devices, sparse files and names out of order need no rule of their own.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lumi_box.errors import LumiError

MANIFEST, CONFIG, DATABASE, OBJECTS, LOST, SUMS = (
    "manifest.json",
    "config.toml",
    "database.sqlite3",
    "objects/",
    "lost.txt",
    "SHA256SUMS",
)
CHUNK = 1 << 20
BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
LONGEST_NAME = 1024


class Damaged(LumiError):
    """The file is not a backup, or not a whole one."""


class Writer:
    """Writes members one after the other; `sums` is a file of its own for what becomes the last of them."""

    def __init__(self, file: BinaryIO, sums: BinaryIO, seconds: int) -> None:
        self._file, self._sums, self._seconds = file, sums, seconds

    def add(self, name: str, source: BinaryIO, size: int) -> str:
        """The next member, from exactly so many bytes of the source; answers their SHA-256.

        Unreadable when the source fails; then the file is as it was before.
        """
        begin = self._file.tell()
        self._file.write(_header(name, size, self._seconds))
        try:
            digest = self._copy(source, size)
        except Unreadable:
            self._file.seek(begin)
            self._file.truncate()
            raise
        self._sums.write(_sum_line(digest, name))
        return digest

    def close(self) -> None:
        size = self._sums.tell()
        self._sums.seek(0)
        self._file.write(_header(SUMS, size, self._seconds))
        self._copy(self._sums, size)
        self._file.write(END)

    def _copy(self, source: BinaryIO, size: int) -> str:
        digest, left = hashlib.sha256(), size
        while left:
            try:
                chunk = source.read(min(left, CHUNK))
            except OSError as error:
                raise Unreadable(str(error)) from error
            if not chunk:
                raise Unreadable("it became shorter while it was read")
            digest.update(chunk)
            self._file.write(chunk)
            left -= len(chunk)
        self._file.write(bytes(-size % BLOCK))
        return digest.hexdigest()


class Unreadable(LumiError):
    """The source of a member could not be read to its end."""


class Member:
    """One member, whose bytes are read once, in order."""

    def __init__(self, reader: Reader, name: str, size: int) -> None:
        self.name, self.size = name, size
        self._reader, self._left, self._digest = reader, size, hashlib.sha256()

    def chunks(self) -> Iterator[bytes]:
        while self._left:
            chunk = self._reader.exactly(min(self._left, CHUNK))
            self._left -= len(chunk)
            self._digest.update(chunk)
            yield chunk

    def read(self, limit: int) -> bytes:
        if self.size > limit:
            raise Damaged(f"{self.name} is larger than it can be")
        return b"".join(self.chunks())

    def write_to(self, file: BinaryIO) -> str:
        """Copies what is left; answers the SHA-256 of the whole."""
        for chunk in self.chunks():
            file.write(chunk)
        return self._digest.hexdigest()

    def finish(self) -> str:
        """Passes over what is left; answers the SHA-256 of the whole."""
        for _ in self.chunks():
            pass
        return self._digest.hexdigest()


class Reader:
    """Hands out one member after the other; whatever is not exactly as a Writer writes it raises Damaged."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._left = file, size
        self._seconds: int | None = None
        self._last: Member | None = None
        self._sums = hashlib.sha256()

    def next(self) -> Member | None:
        """The next member, or None after the last, when all checksums have been found right."""
        if self._last is not None:
            self._end_of(self._last)
        self._last = member = self._member()
        if member.name != SUMS:
            return member
        if member.finish() != self._sums.hexdigest():
            raise Damaged("the checksums do not match: it is damaged")
        self._pad(member)
        if self.exactly(len(END)) != END or self._left:
            raise Damaged("something follows the checksums")
        return None

    def exactly(self, size: int) -> bytes:
        data = self._file.read(size) if size <= self._left else b""
        if len(data) != size:
            raise Damaged("it is cut off")
        self._left -= size
        return data

    def _end_of(self, member: Member) -> None:
        self._sums.update(_sum_line(member.finish(), member.name))
        self._pad(member)

    def _pad(self, member: Member) -> None:
        if any(self.exactly(-member.size % BLOCK)):
            raise Damaged(f"it is damaged after {member.name}")

    def _member(self) -> Member:
        block = self.exactly(BLOCK)
        try:
            name, info, block = self._header_of(block)
            seconds = int(info.mtime) if self._seconds is None else self._seconds
            sound = info.size >= 0 and block == _header(name, info.size, seconds)
        except (tarfile.TarError, ValueError) as error:  # UnicodeDecodeError among them
            raise Damaged(self._unfit()) from error
        if not sound:
            raise Damaged(self._unfit())
        if info.size > self._left:
            raise Damaged("it is cut off")
        self._seconds = seconds
        return Member(self, name, info.size)

    def _header_of(self, block: bytes) -> tuple[str, tarfile.TarInfo, bytes]:
        """A name of more than 100 bytes has a block before its header, as GNU tar writes it."""
        info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        if info.type != tarfile.GNUTYPE_LONGNAME:
            return info.name, info, block
        if not 0 < info.size <= LONGEST_NAME:
            raise ValueError("no name is as long as that")
        text = self.exactly(info.size + -info.size % BLOCK)
        header = self.exactly(BLOCK)
        name = text[: info.size - 1].decode()
        return name, tarfile.TarInfo.frombuf(header, "utf-8", "strict"), block + text + header

    def _unfit(self) -> str:
        if self._last is None:
            return "it is not a backup made by lumi-box"
        return f"it is damaged after {self._last.name}, or not made by lumi-box"


@contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """The reader of a file; what it finds wrong is told with the file's name."""
    try:
        with path.open("rb") as file:
            if not path.is_file():
                raise Damaged("it is not a file")
            yield Reader(file, os.fstat(file.fileno()).st_size)
    except Damaged as error:
        raise Damaged(f"{path}: {error}") from error


def begins_one(path: Path) -> bool:
    """Whether the file begins as a backup does."""
    try:
        with opened(path) as reader:
            member = reader.next()
            return member is not None and member.name == MANIFEST
    except (Damaged, OSError):
        return False


def _header(name: str, size: int, seconds: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, seconds, 0o600
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")


def _sum_line(digest: str, name: str) -> bytes:
    return f"{digest}  {name}\n".encode()
