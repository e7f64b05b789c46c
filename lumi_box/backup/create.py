"""Making a backup while the server runs: the rows of one moment, and the objects that they refer to."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from peewee import PeeweeException

from lumi_box import __version__
from lumi_box.backup import archive, snapshot, status, work
from lumi_box.backup.archive import CONFIG, DATABASE, LOST, MANIFEST, OBJECTS, Unreadable, Writer
from lumi_box.backup.manifest import Manifest, Objects, Part
from lumi_box.backup.snapshot import Snapshot
from lumi_box.clock import now_ms
from lumi_box.config import Config
from lumi_box.errors import LumiError, NotFound, UpstreamError
from lumi_box.storage import hold, marker
from lumi_box.storage.base import Storage, hashed, open_storage
from lumi_box.tables.base import database

Tell = Callable[[int, int], None]  # objects done, and how many there are


@dataclass(slots=True)
class Made:
    """A backup that lies under its name; `lost` are objects that the store did not have whole any more."""

    path: Path
    bytes: int = 0
    rows: int = 0
    objects: int = 0
    lost: list[str] = field(default_factory=list)


def create(config: Config, target: Path, tell: Tell = lambda done, count: None, *, with_objects: bool = True) -> Made:
    """The backup at `target`, whole or not at all; an older one of that name is replaced. How it went is recorded.

    With `with_objects` those are inside that lie on a disk of ours; what is in a bucket stays there.
    """
    snapshot.check(database.obj)
    _check_target(config, target)
    try:
        store = open_storage(config) if with_objects and config.storage.kind == "disk" else None
        made = _Making(config, target, store, tell).run()
    except (LumiError, PeeweeException, OSError) as error:
        told = _told(target, error)
        status.failed(str(told))
        raise told from error
    status.succeeded()
    return made


class _Making:
    """One backup; `store` is None where no objects go in."""

    def __init__(self, config: Config, target: Path, store: Storage | None, tell: Tell) -> None:
        self._config, self._target, self._store, self._tell = config, target, store, tell
        self._made = Made(target)

    def run(self) -> Made:
        self._check_store()
        with hold.held() if self._store else nullcontext() as kept, work.folder(self._target.parent) as place:
            created_at = now_ms()
            copy = place / DATABASE
            taken = snapshot.take(database.obj, copy)  # after the hold: what is stored in it stays where it is
            work.check_room(place, copy.stat().st_size + (taken.bytes if self._store else 0))
            with work.new_file(place / "file") as file, work.new_file(place / "sums") as sums:
                writer = Writer(file, sums, created_at // 1000)
                self._write(writer, taken, copy, created_at)
                file.flush()
                os.fsync(file.fileno())
                self._made.bytes = file.tell()
            if kept is not None:
                kept.confirm()
            (place / "file").replace(self._target)
            work.sync_folder(self._target.parent)
        return self._made

    def _write(self, writer: Writer, taken: Snapshot, copy: Path, created_at: int) -> None:
        manifest = self._manifest(taken, copy, created_at)
        told = manifest.as_json()
        writer.add(MANIFEST, io.BytesIO(told), len(told))
        for name, path in ((CONFIG, self._config.path), (DATABASE, copy)):
            with path.open("rb") as source:
                if writer.add(name, source, manifest.files[name].size) != manifest.files[name].sha256:
                    raise LumiError(f"{path} was changed while it was read; make the backup anew")
        self._made.rows = sum(taken.rows.values())
        if self._store is not None:
            self._write_objects(writer, self._store, taken, copy)
        writer.close()

    def _manifest(self, taken: Snapshot, copy: Path, created_at: int) -> Manifest:
        with self._config.path.open("rb") as settings, copy.open("rb") as rows:
            files = {CONFIG: Part(*hashed(settings)), DATABASE: Part(*hashed(rows))}
        return Manifest(
            version=__version__,
            created_at=created_at,
            engine=taken.engine,
            migrations=taken.migrations,
            storage=self._config.storage.kind,
            files=files,
            rows=taken.rows,
            objects=Objects(taken.objects, taken.bytes) if self._store else None,
        )

    def _write_objects(self, writer: Writer, store: Storage, taken: Snapshot, copy: Path) -> None:
        made = self._made
        with snapshot.opened(copy) as rows:
            for number, (key, size, sha256) in enumerate(rows.execute(snapshot.STORED), 1):
                if fault := _write_object(writer, store, key, (size, sha256)):
                    made.lost.append(f"{fault} {key}")
                made.objects += fault != "missing"
                self._tell(number, taken.objects)
        if made.lost:
            self._check_store()  # a disk that went away in between is not a store that has lost a file
            told = "".join(f"{line}\n" for line in made.lost).encode()
            writer.add(LOST, io.BytesIO(told), len(told))

    def _check_store(self) -> None:
        if self._store is not None and not ((found := marker.examine(self._store)).ours or found.fits):
            raise LumiError(f"{found.text} Nothing was backed up; see lumi-box doctor")


def _write_object(writer: Writer, store: Storage, key: str, wanted: tuple[int, str]) -> str:
    """What is wrong with it, or nothing. What is damaged is kept all the same: it may be of use to somebody."""
    try:
        with store.open(key) as source:
            size = os.fstat(source.fileno()).st_size
            return "" if (size, writer.add(OBJECTS + key, source, size)) == wanted else "damaged"
    except (NotFound, UpstreamError, Unreadable):
        return "missing"


def _check_target(config: Config, target: Path) -> None:
    if target.is_dir():
        raise LumiError(f"{target} is a folder; name a file in it")
    if not target.parent.is_dir():
        raise LumiError(f"{target.parent}: there is no such folder")
    if target.exists() and not archive.begins_one(target):
        raise LumiError(f"{target} exists and is not a backup, so it is not overwritten")
    root = config.storage.disk.path
    if config.storage.kind == "disk" and root and target.resolve().is_relative_to(root.resolve()):
        raise LumiError(f"{target} is in the store itself, where the sweep would remove it; choose another folder")


def _told(target: Path, error: LumiError | PeeweeException | OSError) -> LumiError:
    """One line for the operator."""
    words = getattr(error, "strerror", None) or str(error)
    if work.is_full(error):
        return LumiError(f"{target}: its disk is full ({words}); nothing was written")
    if isinstance(error, OSError):
        return LumiError(f"{target}: {words}; nothing was written")
    return error if isinstance(error, LumiError) else LumiError(f"{words}; run lumi-box doctor")
