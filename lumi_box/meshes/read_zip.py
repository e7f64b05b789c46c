"""A ZIP that holds an OBJ: what we know how to read is unpacked under names of our own, the rest is left inside."""

from __future__ import annotations

import errno
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from lumi_box.errors import Unavailable
from lumi_box.meshes.read_texture import bad_model

MAX_ENTRIES = 64
MAX_DIRECTORY_BYTES = 1 << 18
MAX_RATIO = 200
MAX_TOTAL_BYTES = 1 << 30
SUFFIXES = (".obj", ".mtl", ".png", ".jpg", ".jpeg", ".webp")
_FREE_BYTES = 1 << 16  # so little may unpack from next to nothing
_BLOCK = 1 << 20
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, ValueError, OverflowError)
_END, _END_SIZE, _ZIP64_LOCATOR = b"PK\x05\x06", 22, b"PK\x06\x07"


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The OBJ, and whatever may belong to it by the base name that it had."""

    obj: Path
    siblings: dict[str, Path] = field(default_factory=dict)


def unpack(path: Path, workdir: Path) -> Unpacked:
    try:
        _check_directory(path)
        with zipfile.ZipFile(path) as archive:
            return _unpack(archive, workdir)
    except BROKEN as error:
        raise bad_model(f"a broken ZIP: {error}"[:300]) from error
    except OSError as error:
        if error.errno == errno.EINVAL:  # a seek to before the file, as a broken directory asks for
            raise bad_model("a broken ZIP: an entry outside the file") from error
        raise Unavailable("The result could not be kept.", code="storage", vendor_text=str(error)) from error


def _check_directory(path: Path) -> None:
    """Before zipfile loads the whole directory, which alone may describe millions of entries."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        start = max(size - (1 << 16) - _END_SIZE, 0)
        file.seek(start)
        tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        raise bad_model("a ZIP without its end")
    entries, directory_bytes = struct.unpack_from("<HL", tail, at + 10)
    is_zip64 = tail[max(at - 20, 0) : at].startswith(_ZIP64_LOCATOR)
    if is_zip64 or entries > MAX_ENTRIES or directory_bytes > MAX_DIRECTORY_BYTES:
        raise bad_model(f"a ZIP of {entries} entries with a directory of {directory_bytes} bytes")


def _unpack(archive: zipfile.ZipFile, workdir: Path) -> Unpacked:
    if len(archive.infolist()) > MAX_ENTRIES:
        raise bad_model("a ZIP of too many entries")
    wanted = [entry for entry in archive.infolist() if _is_wanted(entry)]
    objects = [entry for entry in wanted if _base_name(entry).endswith(".obj")]
    if len(objects) != 1:
        raise bad_model(f"a ZIP with {len(objects)} OBJ files")
    found: dict[str, Path] = {}
    left = MAX_TOTAL_BYTES
    for number, entry in enumerate(wanted):
        target = workdir / f"entry-{number:02}"
        left -= _extract(archive, entry, target, left)
        found.setdefault(_base_name(entry), target)
    return Unpacked(found.pop(_base_name(objects[0])), found)


def _is_wanted(entry: zipfile.ZipInfo) -> bool:
    """Plain files of a kind that we read; nothing that tries to lie elsewhere, and no Finder's shadow files."""
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    is_link = stat.S_ISLNK(entry.external_attr >> 16)
    strays = path.is_absolute() or ".." in path.parts or ":" in entry.filename or path.name.startswith(".")
    return not (entry.is_dir() or is_link or strays) and path.suffix.lower() in SUFFIXES


def _base_name(entry: zipfile.ZipInfo) -> str:
    return PurePosixPath(entry.filename.replace("\\", "/")).name.lower()


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Bytes written; stops at the first one too many, whatever the entry says of its size."""
    if entry.flag_bits & 1 or entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise bad_model("a ZIP entry that is encrypted or packed in an unusual way")
    limit = min(left, max(entry.compress_size * MAX_RATIO, _FREE_BYTES))
    count = 0
    with archive.open(entry) as source, target.open("xb") as file:
        while block := source.read(_BLOCK):
            count += len(block)
            if count > limit:
                raise bad_model("a ZIP that unpacks to too much")
            file.write(block)
    return count
