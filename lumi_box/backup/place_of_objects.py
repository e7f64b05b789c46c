"""Where restored objects go: a folder, in which they are put aside and in place by a few renames; or a bucket."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from lumi_box.backup import snapshot, work
from lumi_box.backup.archive import Member
from lumi_box.config import Config
from lumi_box.errors import UpstreamError
from lumi_box.owners import hand_over
from lumi_box.storage import listing, marker
from lumi_box.storage.base import Storage, open_storage

BEFORE, MAKING = listing.ASIDE
PLAN = "plan.json"


class PlaceOfObjects(Protocol):
    def contents(self, copy: Path) -> str:
        """What is in it that these rows do not know, in words; nothing where it may be filled without asking."""

    def check_room(self, size: int) -> None:
        """Raises OSError where so many bytes have no room, as far as that can be told."""

    def keep(self, key: str, member: Member) -> str:
        """Take an object in, not yet in its place where that can be told apart; answers its SHA-256."""

    def fill(self, installation: str, stamp: str) -> str | None:
        """Put all in place, for this installation; answers where the old ones are, where there were any."""

    def finish(self) -> None:
        """The rows are in place too: from here on the store is marked as theirs."""

    def abandon(self) -> None:
        """They will not be: all is as it was."""


def place_of(config: Config, restore_id: str, restored: str | None) -> PlaceOfObjects:
    """`restored` tells whether a restore that was interrupted had come to its end, and so is not undone."""
    if config.storage.kind == "disk" and config.storage.disk.path is not None:
        return FolderOfObjects(config.storage.disk.path, restore_id, restored)
    return BucketOfObjects(open_storage(config))


class FolderOfObjects:
    """All in the store's own folder, which may be the root of a disk: nothing is ever copied, or put beside it.

    `.restoring-ID/new` fills up; then a plan is written, what is there is renamed to `.before-STAMP`, and what is new
    out of `new`. A plan that is found later tells how to undo what was done, unless the rows had got in place too.
    """

    def __init__(self, root: Path, restore_id: str, restored: str | None) -> None:
        self._root = root.resolve()
        if not self._root.exists():
            self._root.mkdir(parents=True)
            hand_over(self._root, self._root.parent)
        for left in sorted(self._root.glob(f"{MAKING}*")):
            if left.name == MAKING + (restored or ""):
                shutil.rmtree(left)
            else:
                _undo(self._root, left)
        self._making = self._root / (MAKING + restore_id)
        self._new = self._making / "new"
        self._new.mkdir(parents=True, mode=0o700)

    def contents(self, copy: Path | None = None) -> str:
        found = next((each for each in listing.files(self._root) if each.key != marker.KEY), None)
        return f"{found.key} and perhaps more in {self._root}" if found else ""

    def check_room(self, size: int) -> None:
        work.check_room(self._root, size)

    def keep(self, key: str, member: Member) -> str:
        target = self._new / key
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            return member.write_to(file)

    def fill(self, installation: str, stamp: str) -> str | None:
        (self._new / marker.KEY).write_text(marker.text(installation), encoding="utf-8")
        before, used = self._root / (BEFORE + stamp), bool(self.contents())
        old, new = _names(self._root), _names(self._new)
        plan = {"before": before.name, "old": old, "new": new}
        (self._making / PLAN).write_text(json.dumps(plan), encoding="utf-8")
        for each in self._new.rglob("*"):
            hand_over(each, self._root)
        os.sync()  # so many files at once are quicker so than one by one
        if old:
            before.mkdir(mode=0o700)
            hand_over(before, self._root)
        for name in old:
            (self._root / name).rename(before / name)
        for name in new:
            (self._new / name).rename(self._root / name)
        for folder in (before, self._new, self._root):
            if folder.exists():
                work.sync_folder(folder)
        if not used:  # a marker, empty folders
            shutil.rmtree(before, ignore_errors=True)
        return os.fspath(before) if used else None

    def finish(self) -> None:
        shutil.rmtree(self._making)

    def abandon(self) -> None:
        _undo(self._root, self._making)


class BucketOfObjects:
    """Objects are uploaded as they come. Until the rows follow nobody knows them, and to repeat it does no harm."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._installation = ""

    def contents(self, copy: Path) -> str:
        with snapshot.opened(copy) as rows:
            for page in self._storage.pages():
                for each in page:
                    known = rows.execute("SELECT 1 FROM stored_object WHERE key = ?", (each.key,)).fetchone()
                    if known is None and each.key != marker.KEY:
                        return f"{each.key} and perhaps more in the bucket"
        return ""

    def check_room(self, size: int) -> None:
        """A bucket grows."""

    def keep(self, key: str, member: Member) -> str:
        with tempfile.NamedTemporaryFile(prefix="lumi-restore-") as file:
            digest = member.write_to(file)  # type: ignore[arg-type]  # it is a file of bytes
            file.flush()
            self._storage.put(key, Path(file.name))
        return digest

    def fill(self, installation: str, stamp: str) -> str | None:
        self._installation = installation
        return None

    def finish(self) -> None:
        marker.put(self._storage, self._installation)  # not before: the old rows may be those that stay

    def abandon(self) -> None:
        """What was uploaded, no row knows: a sweep removes it."""


def _names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir() if not each.name.startswith(listing.ASIDE))


def _undo(root: Path, making: Path) -> None:
    """The renames of its plan backwards, as far as they were done; then it goes."""
    plan = _plan(making)
    new, before = making / "new", root / plan["before"]
    for name in plan["new"]:
        if not (new / name).exists():
            (root / name).rename(new / name)
    for name in plan["old"]:
        if (before / name).exists():
            (before / name).rename(root / name)
    if plan["old"]:
        with suppress(FileNotFoundError):
            before.rmdir()
    work.sync_folder(root)
    (making / PLAN).unlink(missing_ok=True)  # first of all: it is done, and must not be done twice
    shutil.rmtree(making)


def _plan(making: Path) -> dict[str, Any]:
    """None of its renames has been done while it cannot be read."""
    try:
        found: dict[str, Any] = json.loads((making / PLAN).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {"before": BEFORE, "old": [], "new": []}
    return found


def fault(storage: Storage) -> str:
    """What is wrong with the store of the rows that are bound now; nothing where it is theirs."""
    try:
        found = marker.examine(storage)
    except UpstreamError as error:
        return f"{error} {error.vendor_text}".strip()
    return "" if found.ours or found.fits else found.text
