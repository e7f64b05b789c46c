"""A backup becomes an installation again: all is read and checked first, and then put in place at once."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from lumi_box import config as configuration
from lumi_box.backup import archive, contents, place_of_objects, place_of_rows, settle, work
from lumi_box.backup.archive import DATABASE, Member, Reader
from lumi_box.backup.contents import Head
from lumi_box.backup.create import Tell
from lumi_box.backup.manifest import Manifest
from lumi_box.backup.place_of_objects import PlaceOfObjects
from lumi_box.config import Config, ConfigError
from lumi_box.errors import Conflict, LumiError
from lumi_box.storage.base import open_storage
from lumi_box.tables import base

FORCE = "--force puts that aside"


@dataclass(slots=True)
class Restored:
    """What came back; `aside` is where that can be found which was there before."""

    manifest: Manifest
    config: Config
    wrote_config: bool
    lost: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    store_fault: str = ""


def restore(path: Path, config_path: Path, *, force: bool = False, tell: Tell = lambda done, count: None) -> Restored:
    """Fill the database and the store that the config names; where there is no config, the saved one is written.

    Until all of the backup has been read and found sound, nothing changes. Raises Conflict when the target is in use,
    or has something in it and `force` does not say that it may be put aside.
    """
    with archive.opened(path) as reader:
        head = contents.read_head(reader)
        config, wrote = _config(config_path, head)
        restored = Restored(head.manifest, config, wrote)
        try:
            _Restoring(reader, head, restored, force, tell).run()
        except BaseException as error:
            if wrote:
                config_path.unlink()
            if work.is_full(error):
                raise LumiError(f"there is no room where it should go ({error}); nothing has changed") from error
            raise
    if head.manifest.objects is None:
        base.bind(config.database)
        restored.store_fault = place_of_objects.fault(open_storage(config))
        base.close_all()
    return restored


def _config(path: Path, head: Head) -> tuple[Config, bool]:
    """The config that is there, or else the saved one, which is written; relative paths in it begin beside it."""
    if path.exists():
        return configuration.load(path), False
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with work.new_file(temporary) as file:
            file.write(head.config)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    try:
        return configuration.load(path), True
    except ConfigError as error:
        written = f"{path}: was written from the backup; mend it, then run the same command again"
        raise ConfigError([*error.errors, written]) from error


class _Restoring:
    """One restore: what its steps share."""

    def __init__(self, reader: Reader, head: Head, restored: Restored, force: bool, tell: Tell) -> None:
        self._reader, self._head, self._restored, self._force, self._tell = reader, head, restored, force, tell
        self._id = secrets.token_hex(8)
        self._rows = place_of_rows.place_of(restored.config)
        self._objects: PlaceOfObjects | None = None
        self._done = 0

    def run(self) -> None:
        config, inside = self._restored.config, self._head.manifest.objects is not None
        with self._rows.claimed() as folder:
            if not self._force and (found := self._rows.contents()):
                raise Conflict(f"{base.place(config.database)} is not empty ({found}); {FORCE}")
            if inside:
                self._objects = place_of_objects.place_of(config, self._id, self._rows.restored())
            try:
                copy = folder / DATABASE
                contents.read_database(self._reader, self._head, copy)
                self._check_store(copy)
                self._restored.lost = contents.read_objects(self._reader, copy, self._keep, inside=inside)
                self._put_in_place(copy)
            except BaseException:
                if self._objects and self._rows.restored() != self._id:
                    self._objects.abandon()
                raise

    def _check_store(self, copy: Path) -> None:
        coming = self._head.manifest.objects
        if self._objects is None or coming is None:
            return
        if not self._force and (found := self._objects.contents(copy)):
            raise Conflict(f"the store is not empty ({found}); {FORCE}")
        self._objects.check_room(coming.bytes)

    def _keep(self, key: str, member: Member) -> str:
        coming = self._head.manifest.objects
        self._done += 1
        self._tell(self._done, coming.count if coming else 0)
        return self._objects.keep(key, member) if self._objects else member.finish()

    def _put_in_place(self, copy: Path) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
        created_at, objects = self._head.manifest.created_at, self._objects
        installation = settle.settle(copy, created_at, self._id, with_objects=objects is not None)
        aside = [objects.fill(installation, stamp)] if objects else []
        aside.append(self._rows.fill(copy, stamp))  # last: from here on it is done
        if objects:
            objects.finish()
        self._restored.aside = [each for each in aside if each]
